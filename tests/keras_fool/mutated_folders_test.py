"""Damaged run folders: refused in one line, or they give what undamaged ones give.

Nothing else: no traceback, no result that differs, and no file outside is touched.
"""

import contextlib
import json
import pathlib
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from evolvers.config import Config
from keras_fool import errors
from keras_fool.models import classifiers, scorer_contract, scoring
from keras_fool.runs import champions, evolution_run, run_records
from keras_fool.studies import galleries
from tests.keras_fool import folders, mutations

CONFIG = Config(runs=2, first_run=3, generations=6, initial=20, batch=20, seed=5)
REFUSED = (ValueError, errors.UserError, OSError)
OUTSIDE = b"all my work"


class Stopping(scoring.LocalScorer):
    """Gives confidences until it has been asked so often as its attribute `asked` allows."""

    left = 10**9

    def score(self, images: np.ndarray) -> np.ndarray:
        self.left -= 1
        if self.left < 0:
            raise scorer_contract.ScorerError("that is enough.")
        return super().score(images)


@pytest.fixture(scope="module")
def classifier(tiny_model) -> classifiers.Classifier:
    return classifiers.find(str(tiny_model))


@pytest.fixture(scope="module")
def evolve(classifier) -> Callable[..., list[str]]:
    """Evolves in a folder, from wherever it is; returns the notes."""
    scorer = Stopping(classifier)

    def go_on(path: pathlib.Path, calls: int = 10**9) -> list[str]:
        scorer.left, notes = calls, []
        evolution_run.evolve(
            path,
            CONFIG,
            classifier,
            command="again",
            note=notes.append,
            scorer=scorer,
            checkpoint_every=2,
        )
        return notes

    return go_on


@pytest.fixture(scope="module")
def whole(tmp_path_factory, evolve) -> pathlib.Path:
    """A complete run."""
    path = tmp_path_factory.mktemp("runs") / "run"
    evolve(path)
    return path


@pytest.fixture(scope="module")
def half(tmp_path_factory, evolve) -> pathlib.Path:
    """One that was stopped after generation 4, with two checkpoints."""
    path = tmp_path_factory.mktemp("runs") / "run"
    with pytest.raises(errors.UserError, match="stopped after generation 4"):
        evolve(path, calls=2 * 6)
    assert len(list((path / "checkpoint").iterdir())) == 2
    return path


def read(path: pathlib.Path) -> list[object]:
    """What commands read off a complete run folder."""
    found = []
    for when in champions.WHENS:
        images = champions.read(path, when)
        style = galleries.Style(title=images.config["classifier"])
        sheet = galleries.by_run([images], galleries.Choice(), style)
        found += [images.labels, images.files, images.genomes, images.scorer, sheet.tobytes()]
        arrays = (images.runs, images.niches, images.confidences, images.images)
        found += [array.tobytes() for array in arrays]
    return [*found, run_records.RunRecords(path).metrics()]


def results(path: pathlib.Path) -> dict[str, bytes]:
    """Every file of a run; hidden ones are the lock, and links that were planted."""
    found = {
        name: content
        for name, content in folders.contents(path).items()
        if not name.rpartition("/")[2].startswith(".")
    }
    # Where the classifier lay is no result: who looks for it there checks its SHA-256.
    config = json.loads(found["config.json"])
    return {**found, "config.json": config | {"classifier_spec": ""}}


def outcomes(
    whole: pathlib.Path,
    tmp_path: pathlib.Path,
    count: int,
    seed: int,
    act: Callable[[pathlib.Path], object],
) -> Counter:
    """Does something with damaged copies of a folder and compares it with what comes of it.

    Returns:
        How many were refused, and how many gave the same.
    """
    target = tmp_path / "outside"
    target.write_bytes(OUTSIDE)
    undamaged = tmp_path / "undamaged"
    mutations.shutil.copytree(whole, undamaged)
    expected = act(undamaged)
    found = Counter()
    for what, path in mutations.mutated(whole, target, count, seed):
        try:
            same = act(path) == expected
            assert same, f"{what}: carried on in silence to another result"
            found["same"] += 1
        except REFUSED as error:
            message = str(error)
            assert message, what
            assert "\n" not in message, what
            assert len(message) < 1000, what
            found["refused"] += 1
        assert target.read_bytes() == OUTSIDE, what
    return found


def test_damaged_half_done_runs(half, whole, evolve, tmp_path):
    def act(path):
        evolve(path)
        return results(path)

    check_both(outcomes(half, tmp_path, 12, 1, act))
    assert act(tmp_path / "undamaged") == results(whole)


def test_damaged_complete_runs_that_are_begun_again(whole, evolve, tmp_path):
    def act(path):
        evolve(path)
        return results(path)

    check_both(outcomes(whole, tmp_path, 12, 2, act))


def test_damaged_complete_runs_that_are_read(whole, tmp_path):
    check_both(outcomes(whole, tmp_path, 20, 3, read))


def check_both(found: Counter) -> None:
    """Looks whether there were damages of both kinds: some that matter and some that do not."""
    assert min(found["same"], found["refused"]) > sum(found.values()) / 20, found


def test_damaged_folders_without_checksums(half, whole, evolve, tmp_path):
    """Of those not all damage can be seen: but no traceback, and nothing outside is touched."""

    def act(path):
        with contextlib.suppress(FileNotFoundError):
            (path / "SHA256SUMS").unlink()
        with contextlib.suppress(ValueError, OSError, RecursionError):
            config = json.loads((path / "config.json").read_text())
            if "sha256" in config and not (path / "config.json").is_symlink():
                del config["sha256"], config["environment"]
                (path / "config.json").write_text(json.dumps(config))
        evolve(path)
        read(path)

    for number, folder in enumerate((half, whole)):
        (tmp_path / str(number)).mkdir()
        check_both(outcomes(folder, tmp_path / str(number), 8, 21 + number, act))


@pytest.mark.slow
def test_a_thousand_damaged_folders(half, whole, evolve, tmp_path):
    def act(path):
        evolve(path)
        return results(path)

    (tmp_path / "half").mkdir()
    (tmp_path / "whole").mkdir()
    found = outcomes(half, tmp_path / "half", 400, 11, act)
    found += outcomes(whole, tmp_path / "whole", 300, 12, lambda path: (act(path), read(path)))
    (tmp_path / "read").mkdir()
    found += outcomes(whole, tmp_path / "read", 300, 13, read)

    assert sum(found.values()) == 1000
    check_both(found)
    print(found)
