"""The folder of an evolution, executed with a scorer that needs no TensorFlow model."""

import contextlib
import dataclasses
import pathlib

import numpy as np
import pytest
from tensorboard.backend.event_processing import event_accumulator

from evolvers import config as evolvers_config
from evolvers import genome_json, map_elites, render
from keras_fool import errors
from keras_fool.runs import champion_png, evolution_record, evolution_run, execute, run_folder
from tests.evolvers.scorers import LinearScorer
from tests.keras_fool import folders

CONFIG = evolvers_config.Config(runs=2, first_run=3, generations=6, initial=20, batch=20, seed=5)
ABOUT = {"labels": LinearScorer().labels}


def settings(config: evolvers_config.Config) -> dict:
    return {**dataclasses.asdict(config), "scorer": {"sha256": "abc"}}


class Died(Exception):  # noqa: N818, it stands for a killed process
    """The process ends here."""


class Mortal(evolution_run.EvolutionJob):
    """An evolution that dies after a generation."""

    def __init__(self, evolution: map_elites.Evolution, scorer: LinearScorer, last: int | None):
        super().__init__(evolution, scorer)
        self._last = last

    def advance(self, until):
        if self.evolution.generation == self._last:
            raise Died
        return super().advance(until)


def evolve(
    path: pathlib.Path,
    config: evolvers_config.Config = CONFIG,
    stop_after: int | None = None,
    checkpoint_every: int = 2,
    scorer: LinearScorer | None = None,
) -> list[str]:
    """Begins or continues a run, up to a generation after which it dies; returns the notes."""
    notes = []
    scorer = scorer or LinearScorer()
    scorer.name, scorer.notes, scorer.preprocesses = "linear", (), ()
    with (
        run_folder.RunFolder(path, settings(config), ABOUT, notes.append) as folder,
        contextlib.closing(map_elites.Evolution(config, scorer)) as evolution,
        contextlib.suppress(Died),
    ):
        record = evolution_record.EvolutionRecord(folder, evolution, scorer, title="a test")
        if stop_after == config.generations:
            record.finish = dies
        job, due = Mortal(evolution, scorer, stop_after), execute.Due(checkpoint_every)
        execute.execute(folder, job, record, due, command="again")
    return notes


def dies() -> None:
    raise Died


@pytest.fixture(scope="module")
def complete(tmp_path_factory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("runs") / "complete"
    evolve(path)
    return path


def test_has_every_file(complete):
    labels = range(len(LinearScorer().labels))

    assert sorted(folders.contents(complete)) == sorted(
        [
            ".lock",
            "config.json",
            "metrics.csv",
            "lineage.csv",
            "champions.csv",
            "gallery.png",
            "SHA256SUMS",
            *[f"checkpoint/{file.name}" for file in (complete / "checkpoint").iterdir()],
            *[
                f"images/run_{run:03d}/{when}/label_{label}.png"
                for run in (3, 4)
                for when in ("first", "last")
                for label in labels
            ],
        ]
    )
    assert len(list((complete / "checkpoint").iterdir())) == 1


def test_champions_are_in_their_files(complete):
    scorer, table = LinearScorer(), folders.rows(complete / "champions.csv")

    assert [(int(row["run"]), int(row["label"])) for row in table] == [
        (run, label) for run in (3, 4) for label in range(len(scorer.labels))
    ]
    for row in table:
        champion = champion_png.read(complete / row["file"])
        confidences = scorer.score(champion.image[np.newaxis])[0]
        assert np.float32(row["confidence"]) == confidences[int(row["label"])]
        assert np.float32(row["top1_confidence"]) == confidences.max()
        assert int(row["top1_label"]) == confidences.argmax()
        assert row["label_name"] == scorer.labels[int(row["label"])]
        assert champion.about["confidence"] == row["confidence"]

        genome, canvas = genome_json.loads(champion.genome)
        np.testing.assert_array_equal(render.draw(genome, canvas), champion.image)
        assert (genome.num_nodes, genome.num_connections) == (
            int(row["num_nodes"]),
            int(row["num_connections"]),
        )


def test_first_champions_are_those_of_generation_0(complete, tmp_path):
    evolve(tmp_path / "run", dataclasses.replace(CONFIG, generations=0))

    for run in (3, 4):
        expected = tmp_path / "run" / "images" / f"run_{run:03d}" / "last"
        first = complete / "images" / f"run_{run:03d}" / "first"
        assert folders.contents(first) == folders.contents(expected)


def test_metrics_tell_every_generation(complete):
    table = folders.rows(complete / "metrics.csv")

    assert [(int(row["generation"]), int(row["run"])) for row in table] == [
        (generation, run) for generation in range(7) for run in (3, 4)
    ]
    champions = folders.rows(complete / "champions.csv")
    for row in table[-2:]:
        of_run = [float(c["confidence"]) for c in champions if c["run"] == row["run"]]
        assert float(row["median"]) == pytest.approx(np.median(of_run), abs=1e-7)
        assert float(row["min"]) == min(of_run)
        assert float(row["max"]) == max(of_run)


def test_tensorboard_shows_every_generation(complete):
    events = event_accumulator.EventAccumulator(str(complete)).Reload()
    metrics = folders.rows(complete / "metrics.csv")
    champions = folders.rows(complete / "champions.csv")
    confidences = np.array([row["confidence"] for row in champions], np.float32)
    last = {tag: events.Scalars(tag)[-1].value for tag in events.Tags()["scalars"]}

    assert [event.step for event in events.Scalars("takeovers")] == list(range(7))
    assert [event.step for event in events.Tensors("champions")] == [0, 6]
    assert last.pop("images_per_second") > 0
    assert last == pytest.approx(
        {
            "confidence/median": np.median(confidences),
            "confidence/mean": confidences.mean(),
            "confidence/max": confidences.max(),
            "confidence/min": confidences.min(),
            "confidence/log10_doubt": np.log10(1 - np.median(confidences)),
            **{
                f"niches/share_at_least_{least}": np.mean(confidences >= np.float32(least))
                for least in (0.9, 0.99, 0.9999)
            },
            "takeovers": sum(int(row["takeovers"]) for row in metrics[-2:]),
        }
    )


def test_lineage_leads_from_every_champion_to_a_random_genome(complete):
    lineage = folders.rows(complete / "lineage.csv")
    parents = {row["id"]: row["ancestor_list"].strip("[]") for row in lineage}
    born = {row["id"]: int(row["origin_time"]) for row in lineage}

    assert len(parents) == len(lineage), "ids are unique over runs"
    for row in folders.rows(complete / "champions.csv"):
        identity = row["id"]
        assert born[identity] == int(row["generation"])
        while parents[identity] != "none":
            assert born[parents[identity]] <= born[identity]
            assert int(identity) // 10**9 == int(row["run"])
            identity = parents[identity]
        assert born[identity] == 0


@pytest.mark.parametrize("stop_after", [0, 1, 2, 5, 6])
def test_continued_run_ends_with_the_same_bytes(complete, tmp_path, stop_after):
    evolve(tmp_path / "run", stop_after=stop_after)
    if stop_after < 6:
        # What a killed process may leave: rows past the checkpoint, half-written files.
        with open(tmp_path / "run" / "metrics.csv", "a", encoding="utf-8") as file:
            file.write("3,5,0.9")
        (tmp_path / "run" / "checkpoint").mkdir(exist_ok=True)
        (tmp_path / "run" / "checkpoint" / "newest.npz.part").write_bytes(b"half")

    evolve(tmp_path / "run", checkpoint_every=3)

    assert folders.contents(tmp_path / "run") == folders.contents(complete)


def test_damaged_checkpoint_falls_back_and_says_so(complete, tmp_path):
    path = tmp_path / "run"
    evolve(path, stop_after=5)
    newest = max((path / "checkpoint").iterdir())
    newest.write_bytes(newest.read_bytes()[:-1])

    notes = evolve(path)

    assert f"{newest.name} in {path}/checkpoint is damaged" in notes[0]
    assert folders.contents(path) == folders.contents(complete)


def test_damaged_checkpoints_are_refused_and_nothing_changes(tmp_path):
    path = tmp_path / "run"
    evolve(path, stop_after=5)
    for file in (path / "checkpoint").iterdir():
        file.write_bytes(b"damaged")
    before = folders.contents(path)

    with pytest.raises(errors.UserError, match=r"no checkpoint in .* is whole"):
        evolve(path)

    assert folders.contents(path) == before


def test_missing_checkpoints_begin_anew(complete, tmp_path):
    path = tmp_path / "run"
    evolve(path, stop_after=5)
    for file in (path / "checkpoint").iterdir():
        file.unlink()

    evolve(path)

    assert folders.contents(path) == folders.contents(complete)


def test_run_of_many_is_the_run_alone(complete, tmp_path):
    evolve(tmp_path / "alone", dataclasses.replace(CONFIG, first_run=4, runs=1))

    both = folders.contents(complete / "images")
    alone = folders.contents(tmp_path / "alone" / "images")
    assert alone == {name: png for name, png in both.items() if name.startswith("run_004")}
    for table in ("champions.csv", "metrics.csv", "lineage.csv"):
        expected = [row for row in folders.rows(complete / table) if row["run"] == "4"]
        assert folders.rows(tmp_path / "alone" / table) == expected


class Brittle(LinearScorer):
    """Gives no confidences for images that it would be surer of than a limit."""

    def __init__(self, limit: float):
        super().__init__()
        self.lost = 0
        self._limit = np.float32(limit)

    def score(self, images):
        confidences = super().score(images)
        above = confidences.max(axis=1) > self._limit
        confidences[above] = np.nan
        self.lost += int(above.sum())
        return confidences


@pytest.fixture(scope="module")
def brittle(complete, tmp_path_factory) -> tuple[pathlib.Path, float, int]:
    """A complete run, its scorer's limit, and how many images that lost, none of them at once."""
    rows = folders.rows(complete / "metrics.csv")
    limit = max(float(row["max"]) for row in rows if int(row["generation"]) <= 1)
    path = tmp_path_factory.mktemp("runs") / "brittle"
    evolve(path, scorer=(scorer := Brittle(limit)))
    return path, limit, scorer.lost


def test_images_that_are_not_finite_are_counted_in_a_column_of_their_own(brittle, complete):
    path, _, lost = brittle
    rows, healthy = (folders.rows(folder / "metrics.csv") for folder in (path, complete))

    counts = [int(row["not_finite"]) for row in rows]
    assert sum(counts) == lost > 0
    assert not any(counts[:4])  # of generations 0 and 1: the column came later
    assert list(rows[0]) == [*healthy[0], "not_finite"]
    assert "nan" not in (path / "champions.csv").read_text()


@pytest.mark.parametrize("stop_after", [1, 2, 3, 5])
@pytest.mark.parametrize("checkpoint_every", [1, 3])
def test_a_run_that_goes_on_counts_the_same(brittle, tmp_path, stop_after, checkpoint_every):
    path, limit, _ = brittle
    stopped = tmp_path / "stopped"
    scorer = Brittle(limit)
    evolve(stopped, stop_after=stop_after, checkpoint_every=checkpoint_every, scorer=scorer)
    with open(stopped / "metrics.csv", "a", encoding="utf-8") as file:
        file.write("3,2,0.5,0.")  # killed in the middle of a row

    evolve(stopped, scorer=Brittle(limit))

    assert folders.contents(stopped) == folders.contents(path)
