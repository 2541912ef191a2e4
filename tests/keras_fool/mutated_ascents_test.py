"""Damaged folders of ascents and trainings: refused in one line, or the same comes of them."""

import pathlib
from collections.abc import Callable

import numpy as np
import pytest

from evolvers.ascent import config
from keras_fool.models import classifiers, scoring
from keras_fool.runs import ascent_run, champions, jobs, run_folder
from tests.keras_fool import mutated_folders_test

KEPT = ("last", "best", "top1")
SETTINGS = {"seed": 1, "iterations": 20, "dataset": "digits"}


@pytest.fixture(scope="module")
def ascend(tiny_model) -> Callable[[pathlib.Path], list[str]]:
    """Ascends in a folder, from wherever it is; returns the notes."""
    classifier = classifiers.find(str(tiny_model))
    scorer = scoring.LocalScorer(classifier)

    def go_on(path: pathlib.Path) -> list[str]:
        notes = []
        ascent_run.ascend(
            path,
            config.Config(steps=12, early=0.2, late=0.3),
            classifier,
            mean=(100.0,),
            labels=(0, 2),
            seeds=(1,),
            command="again",
            note=notes.append,
            scorer=scorer,
            checkpoint_every=4,
        )
        return notes

    return go_on


@pytest.fixture(scope="module")
def whole(tmp_path_factory, ascend) -> pathlib.Path:
    path = tmp_path_factory.mktemp("ascents") / "run"
    ascend(path)
    return path


@pytest.fixture(scope="module")
def half(tmp_path_factory, ascend) -> pathlib.Path:
    """One that had no place on the disk for what came after step 8."""
    path = tmp_path_factory.mktemp("ascents") / "run"
    checkpoint = run_folder.RunFolder.checkpoint

    def until_8(folder, state, of_record):
        if int(state["step"]) > 8:
            raise OSError(28, "No space left on device", str(path))
        checkpoint(folder, state, of_record)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_folder.RunFolder, "checkpoint", until_8)
        with pytest.raises(OSError, match="No space"):
            ascend(path)
    assert len(list((path / "checkpoint").iterdir())) == 2
    return path


def read(path: pathlib.Path) -> list[object]:
    found = []
    for when in KEPT:
        images = champions.read(path, when, unrounded=True)
        arrays = (images.runs, images.niches, images.confidences, images.images)
        found += [images.labels, images.files, *(array.tobytes() for array in arrays)]
        found += [images.minus_mean(place).tobytes() for place in range(len(images))]
    return found


def check(half, whole, ascend, tmp_path, counts, seed):
    def act(path):
        ascend(path)
        return mutated_folders_test.results(path)

    found = mutated_folders_test.Counter()
    actions = ((half, act), (whole, lambda path: (act(path), read(path))), (whole, read))
    for number, ((folder, action), count) in enumerate(zip(actions, counts, strict=True)):
        (tmp_path / str(number)).mkdir()
        found += mutated_folders_test.outcomes(
            folder, tmp_path / str(number), count, seed + number, action
        )
    mutated_folders_test.check_both(found)
    assert act(tmp_path / "0" / "undamaged") == mutated_folders_test.results(whole)


@pytest.mark.slow
def test_damaged_ascents(half, whole, ascend, tmp_path):
    check(half, whole, ascend, tmp_path, counts=(2, 2, 15), seed=1)


@pytest.mark.slow
def test_many_damaged_ascents(half, whole, ascend, tmp_path):
    check(half, whole, ascend, tmp_path, counts=(100, 60, 40), seed=11)


@pytest.mark.parametrize("count", [30])
def test_damaged_trainings(tmp_path, count):
    rng = np.random.default_rng(1)
    states = {
        step: {"step": np.array(step), "weight": rng.normal(size=(3, 4)).astype(np.float32)}
        for step in (5, 10)
    }
    path = tmp_path / "training"
    with run_folder.RunFolder(path, SETTINGS, {}, print) as folder:
        for state in states.values():
            folder.checkpoint(state, {})

    def act(path):
        with run_folder.RunFolder(path, SETTINGS, {}, lambda _: None) as folder:
            state = folder.resume(jobs.Record())
        if state is None:  # without a checkpoint it begins again
            return not list((path / "checkpoint").glob("*.npz"))
        expected = states[int(state["step"])]
        return all(np.array_equal(state[name], expected[name]) for name in expected)

    (tmp_path / "copies").mkdir()
    found = mutated_folders_test.outcomes(path, tmp_path / "copies", count, 31, act)
    mutated_folders_test.check_both(found)
