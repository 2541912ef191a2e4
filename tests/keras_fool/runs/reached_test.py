"""In which generation each niche first reached each confidence, as the last checkpoint has it."""

import numpy as np
import pytest

from evolvers.config import Config
from keras_fool.models import classifiers
from keras_fool.runs import evolution_run
from tests.keras_fool import folders

LEVELS = (0.0, 0.5, 0.9, 0.999, 1.1)
CONFIG = {"runs": 2, "initial": 20, "batch": 20}


@pytest.fixture(scope="module")
def evolved(tiny_model, tmp_path_factory):
    classifier = classifiers.find(str(tiny_model))
    scorer = classifier.open()

    def make(name: str, *generations: int, thresholds=LEVELS):
        """A run that is made longer, from one number of generations to the next one."""
        path = tmp_path_factory.mktemp(name) / "run"
        for number in generations:
            evolution_run.evolve(
                path,
                Config(**CONFIG, generations=number),
                classifier,
                command="again",
                note=lambda _: None,
                scorer=scorer,
                thresholds=thresholds,
                quiet=True,
            )
        return path

    return make


def test_it_is_what_the_metrics_say(evolved):
    path = evolved("whole", 30)

    reached = evolution_run.reached(path)

    assert reached.shape == (2, 3, len(LEVELS))
    assert (reached[..., 0] == 0).all()
    assert (reached[..., -1] == evolution_run.NEVER).all()
    rows = folders.rows(path / "metrics.csv")
    for run in range(2):
        of_run = [row for row in rows if row["run"] == str(run)]
        for level, threshold in enumerate(LEVELS):
            every = reached[run, :, level]
            first = [at for at, row in enumerate(of_run) if np.float32(row["max"]) >= threshold]
            last = [at for at, row in enumerate(of_run) if np.float32(row["min"]) >= threshold]
            assert every[every >= 0].min(initial=99) == min(first, default=99)
            assert (every.max() if every.min() >= 0 else 99) == min(last, default=99)


def test_a_run_that_goes_on_tells_the_same(evolved):
    whole, longer = evolved("whole", 30), evolved("longer", 4, 17, 30)

    np.testing.assert_array_equal(evolution_run.reached(whole), evolution_run.reached(longer))
    assert folders.contents(whole) == folders.contents(longer)


def test_a_run_without_thresholds_is_the_same_run_and_tells_nothing(evolved):
    plain, told = evolved("plain", 5, thresholds=()), evolved("told", 5)

    with pytest.raises(ValueError, match="does not say"):
        evolution_run.reached(plain)
    differ = {"SHA256SUMS"}  # of the checkpoints, whose names are their sums
    contents = [
        {n: c for n, c in folders.contents(path).items() if n not in differ and ".npz" not in n}
        for path in (plain, told)
    ]
    assert contents[0] == contents[1]


def test_a_run_that_was_begun_without_does_not_go_on_with_them(evolved, tiny_model):
    path = evolved("plain", 3, thresholds=())

    with pytest.raises(Exception, match="reached"):
        evolution_run.evolve(
            path,
            Config(**CONFIG, generations=6),
            classifiers.find(str(tiny_model)),
            command="again",
            note=lambda _: None,
            thresholds=LEVELS,
            quiet=True,
        )
