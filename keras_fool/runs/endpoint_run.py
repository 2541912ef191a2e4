"""endpoint.json in a run folder: what of an endpoint made the run, and which versions answered.

A run goes on only with what it was begun with: the same signature, images and labels, and
unless it is allowed otherwise the same version, giving the same answers.
"""

import hashlib
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from evolvers import generations, map_elites
from keras_fool import foreign_files
from keras_fool.models import scorer_contract
from keras_fool.runs import evolution_run, files
from keras_fool.serving.client import endpoint_scorer

FILE = "endpoint.json"
# By how much an answer may differ: another machine rounds otherwise.
_TOLERANCE = 1e-3
_LARGEST = float(np.finfo(np.float32).max)


class EndpointJob(evolution_run.EvolutionJob):
    """An evolution against an endpoint."""

    scorer: endpoint_scorer.EndpointScorer

    def __init__(
        self,
        evolution: map_elites.Evolution,
        scorer: endpoint_scorer.EndpointScorer,
        path: pathlib.Path,
        thresholds: Sequence[float] = (),
    ):
        """Prepares.

        Args:
            evolution: The runs.
            scorer: What answers.
            path: The run folder.
            thresholds: As `EvolutionJob` takes them.
        """
        super().__init__(evolution, scorer, thresholds)
        self._path = path
        self._answers: Answers | None = None

    def begin(self, state: Mapping[str, np.ndarray] | None, note: Callable[[str], None]) -> None:
        """Checks, besides, that the run was begun with what answers now."""
        super().begin(state, note)
        self._answers = Answers(self._path, self.scorer, self.evolution.generation)

    def interrupt(self) -> None:
        """Ends all waiting for an endpoint that does not answer."""
        self.scorer.interrupt()

    def _generation(self) -> generations.Generation:
        config = self.evolution.config
        births = config.batch + (0 if self.step else config.initial)
        if not self.scorer.affords(
            config.runs * births
        ):  # a generation that cannot be completed is not begun
            raise self.scorer.budget_error()
        generation = super()._generation()
        assert self._answers is not None  # it has begun
        self._answers.note(generation.number)
        return generation


def hold(folder: pathlib.Path, scorer: endpoint_scorer.EndpointScorer) -> None:
    """Holds an endpoint to what answered when something was begun in a folder, or notes that.

    Args:
        folder: Of several runs; the file is in it, as in theirs.
        scorer: What answers.

    Raises:
        ValueError: As `Answers` does.
    """
    Answers(folder, scorer, -1)


class Answers:
    """What answered a run: the file says which version made which generations."""

    def __init__(self, folder: pathlib.Path, scorer: endpoint_scorer.EndpointScorer, done: int):
        """Begins the file, or compares what it says with what answers now.

        Args:
            folder: The run folder.
            scorer: What answers; it is held to the version that the run was begun with.
            done: The last complete generation; -1 where there is none.

        Raises:
            ValueError: The file is missing or damaged, or something else answers now than
                when the run was begun.
        """
        self._path = folder / FILE
        self._scorer = scorer
        self._what = {
            "model": scorer.identity["endpoint"],
            "signature": scorer.call.signature,
            "output": scorer.call.output_name,
            "image_shape": list(scorer.image_shape),
            "num_labels": len(scorer.labels),
        }
        self._versions = []
        if done >= 0 or self._path.is_file():
            self._versions = [
                entry for entry in self._read() if entry["from_generation"] <= max(0, done)
            ]
            begun = self._versions[-1]
            scorer.hold_to(begun["version"])
            if scorer.version == begun["version"] and begun["probes"]:
                self._compare(begun["probes"])
        self.note(done + 1)

    def note(self, number: int) -> None:
        """Notes which version made generation `number`, before that is recorded elsewhere."""
        if self._versions and self._versions[-1]["version"] == self._scorer.version:
            return
        entry = {"from_generation": number, "version": self._scorer.version}
        self._versions.append({**entry, "probes": self._probes()})
        content = {**self._what, "versions": self._versions}
        content["sha256"] = _digest(content)
        files.write(self._path, (json.dumps(content, indent=2) + "\n").encode())
        files.sync_folder(self._path.parent)

    def _probes(self) -> list[tuple[int, float] | None]:
        """The label that is given to each trial image, and its confidence; None for neither."""
        probes = self._scorer.probes
        if probes is None:
            return []
        labels = np.where(scorer_contract.is_finite(probes), probes.argmax(axis=1), -1).tolist()
        return [
            None if label < 0 else (label, float(row[label]))
            for label, row in zip(labels, probes, strict=True)
        ]

    def _read(self) -> list[dict]:
        try:
            begun = foreign_files.json_object(self._path)
            digest = begun.pop("sha256", None)  # older files have none
            if digest is not None and digest != _digest(begun):
                raise ValueError("its sha256 does not fit")
            versions = begun.pop("versions")
            for entry in versions:
                self._check_entry(entry)
            if versions[0]["from_generation"] != 0:
                raise ValueError("its first version is not from generation 0 on.")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise ValueError(
                f"{self._path} is missing or damaged ({error!r}): the run cannot be continued."
            ) from error
        for name, value in self._what.items():
            if begun.get(name) != value:
                raise ValueError(
                    f"{self._path.parent} was begun with another model behind the endpoint: "
                    f"its {name} was {begun.get(name)!r} and is {value!r} now."
                )
        return versions

    def _check_entry(self, entry: dict) -> None:
        """Looks whether what is said of a version is of the right kind.

        Raises:
            ValueError, KeyError, TypeError: It is not.
        """
        if type(entry["from_generation"]) is not int or entry["from_generation"] < 0:
            raise ValueError("expected whole numbers as from_generation.")
        if type(entry["version"]) not in (int, type(None)):
            raise ValueError("expected numbers of versions.")
        for label, confidence in filter(None, entry["probes"]):  # an image may have none
            if type(label) is not int or not 0 <= label < self._what["num_labels"]:
                raise ValueError("expected labels of the model in its probes.")
            if not foreign_files.is_number(confidence, -_LARGEST, _LARGEST):
                raise ValueError("expected confidences in its probes.")

    def _compare(self, begun: list[list | None]) -> None:
        """Looks whether the version is the one of that number that it was."""
        probes = self._scorer.probes
        assert probes is not None  # the version has not changed since it was tried
        if len(begun) != len(probes):
            raise ValueError(f"{self._path} is damaged: expected {len(probes)} probes.")
        # Of a NaN no comparison holds.
        same = all(
            abs(row[probe[0]] - probe[1]) <= _TOLERANCE if probe else np.isnan(row).all()
            for row, probe in zip(probes, begun, strict=True)
        )
        if not same and not self._scorer.may_change:
            raise ValueError(
                f"{self._scorer.name} gives other confidences than when {self._path.parent} was "
                f"begun, though its version is still {self._scorer.version}. To go on all the "
                "same, say --allow_version_change."
            )


def _digest(content: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
