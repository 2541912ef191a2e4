"""What libraries write when they start: hidden from programs that did not ask for it."""

import os
import pathlib
import subprocess
import sys

import pytest

from keras_fool import start_up

ROOT = pathlib.Path(__file__).parents[2]


def test_what_is_hidden_and_what_is_shown(capfd):
    with start_up.hidden() as stderr:
        os.write(2, b"hidden")
        os.write(stderr, b"shown 1 ")
    os.write(2, b"shown 2 ")
    with pytest.raises(ZeroDivisionError), start_up.hidden():
        _ = 1 / 0
    os.write(2, b"shown 3")
    assert capfd.readouterr().err == "shown 1 shown 2 shown 3"


def test_a_program_that_said_how_much_it_wants_to_see_sees_it(capfd, monkeypatch):
    assert "tensorflow" in sys.modules or start_up.LOG_LEVEL in os.environ  # of tests, too
    for level in ("0", "3"):
        monkeypatch.setenv(start_up.LOG_LEVEL, level)
        with start_up.quiet():
            os.write(2, level.encode())
        assert os.environ[start_up.LOG_LEVEL] == level
    assert capfd.readouterr().err == "03"


@pytest.mark.slow
def test_fool_writes_nothing_but_what_the_function_writes():
    """In a process of its own, which has not imported TensorFlow."""
    program = """
import os, sys
import numpy as np
import keras_fool
from keras_fool import start_up
with start_up.quiet():
    os.write(2, b"hidden")
assert start_up.LOG_LEVEL not in os.environ and "tensorflow" not in sys.modules
said = []
def function(images):
    if not said:
        said.append(os.write(2, b"mine"))
    light = images.mean(axis=(1, 2, 3)) / 255
    return np.stack([1 - light, light], axis=1)
classifier = keras_fool.Classifier(function, image_shape=(8, 8, 1))
keras_fool.fool(classifier, generations=0, batch_size=10, labels=[1, 0], progress=False)
assert "tensorflow" in sys.modules
"""
    shows = ("TF_CPP_MIN_LOG_LEVEL", "CUDA_VISIBLE_DEVICES")
    environment = {name: value for name, value in os.environ.items() if name not in shows}

    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
    )

    assert (done.stderr, done.returncode) == ("mine", 0)
