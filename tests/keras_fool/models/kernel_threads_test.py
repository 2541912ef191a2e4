"""What depends on the number of TensorFlow's threads, which a process sets once."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from keras_fool.models import kernel_threads, scoring

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCORES = """
import sys
import numpy as np
from evolvers import program
from evolvers.canvas import Canvas
from keras_fool.detectors import signals
from keras_fool.models import classifiers, drawing_scorer, kernel_threads
from tests.evolvers import samples

assert kernel_threads.count() == int(sys.argv[1])
classifier = classifiers.find("mnist_a")
scorer = classifier.open()
images = np.random.default_rng(0).integers(0, 256, (700, 28, 28, 1), np.uint8)
together = scorer.score(images)

def same(rows, places, what):
    assert rows.tobytes() == together[places].tobytes(), what

for size in (7, 48, 200, 450):
    places = np.random.default_rng(size).permutation(len(images))
    parts = [places[at : at + size] for at in range(0, len(places), size)]
    same(np.concatenate([scorer.score(images[part]) for part in parts]), places, size)
assert scorer.tune(4000) == scorer.score_batch
same(scorer.score(images), slice(None), "tuned")
same(classifier.open(2112).score(images), slice(None), "a larger batch asked for")

source = signals.SignalScorer(classifier)
features = source.mapped(lambda _, signals: [signals.features])
whole = features(images)[0]
assert features(images[100:150])[0].tobytes() == whole[100:150].tobytes(), "features"

drawer = drawing_scorer.DrawingScorer(classifier)
packed = program.pack(samples.drift(1, 25, count=300))
rows, drawn = drawer.score_programs(packed, Canvas(28, 28, 1))
assert rows.tobytes() == scorer.score(np.stack(list(drawn))).tobytes(), "drawn"
"""


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2, 3, 4, 8, 16])
def test_bits_do_not_depend_on_the_other_images(threads):
    environment = os.environ | {kernel_threads.VARIABLE: str(threads)}
    subprocess.run(
        [sys.executable, "-c", SCORES, str(threads)], env=environment, cwd=ROOT, check=True
    )


def test_more_threads_than_two_have_one_shape(shipped, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (500, 28, 28, 1), np.uint8)
    usual = scoring.LocalScorer(shipped)
    monkeypatch.setattr(kernel_threads, "count", lambda: 3)

    scorer = scoring.LocalScorer(shipped)
    rows = [scorer.score(images[:count]) for count in (1, 40, 216, 217, 500)]

    assert scorer.traces == 1
    assert scorer.tune(2000) == scorer.score_batch == 216
    assert scoring.LocalScorer(shipped, score_batch=2000).score_batch == 216
    np.testing.assert_array_equal(rows[-1], usual.score(images))
    for found in rows:
        np.testing.assert_array_equal(found, rows[-1][: len(found)])


@pytest.mark.parametrize("text", ["", "0", "-3", "many"])
def test_what_tensorflow_ignores_is_ignored(monkeypatch, text):
    monkeypatch.delenv(kernel_threads.VARIABLE, raising=False)
    without = kernel_threads.count()
    monkeypatch.setenv(kernel_threads.VARIABLE, text)
    assert kernel_threads.count() == without


def test_what_the_program_set_comes_first(monkeypatch):
    monkeypatch.setenv(kernel_threads.VARIABLE, "5")
    assert kernel_threads.count() == 5
    threading = "tensorflow.config.threading.get_intra_op_parallelism_threads"
    monkeypatch.setattr(threading, lambda: 7)
    assert kernel_threads.count() == 7


def test_a_gpu_has_none(monkeypatch):
    monkeypatch.setattr("tensorflow.config.get_visible_devices", lambda kind: [kind])
    assert kernel_threads.count() is None
    assert not kernel_threads.bits_depend_on_batch()
