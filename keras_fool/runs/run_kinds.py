"""The two kinds of runs, as their folders tell of them: config.json, and what follows from it.

Each says what a run of its kind consists of: whose images it keeps, what its tables hold, and
what is written inside the images.
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import ClassVar

from evolvers.ascent import config as ascent_config
from keras_fool.foreign_files import SHARE, Column, is_number, optional, whole
from keras_fool.models import classifiers
from keras_fool.runs import workdir
from trainers import names

METRICS, LINEAGE = "metrics.csv", "lineage.csv"
GALLERY, BEST = "gallery.png", "best.png"
WHENS = ("first", "last")
_MAX_SIDE = 2**14  # pixels

Columns = Mapping[str, Column]


class EvolutionKind:
    """What `evolve` wrote.

    Attributes:
        runs: The numbers of the runs.
        niches: The labels that images were evolved for.
    """

    made_by = "evolution"
    has_genomes = True
    kept = WHENS
    tables = (METRICS, LINEAGE)
    metrics: ClassVar[Columns] = {
        "run": whole(),
        "generation": whole(),
        **dict.fromkeys(("median", "mean", "min", "max"), SHARE),
    }

    def __init__(self, settings: Mapping, num_labels: int, channels: int):
        """Checks the settings.

        Raises:
            ValueError, KeyError, TypeError: They are damaged.
        """
        del channels
        minima = {"first_run": 0, "runs": 1, "generations": 0}
        for name, minimum in minima.items():
            _expect(
                _is_whole(settings[name], minimum, 2**31),
                f"a whole number from {minimum} as {name}",
            )
        first = settings.get("num_niches", num_labels)
        _expect(_is_whole(first, 1, num_labels), f"num_niches in 1..{num_labels}")
        if "niches" in settings:
            _check_different(settings["niches"], num_labels - 1, "niches")
        self.runs: Sequence[int] = range(
            settings["first_run"], settings["first_run"] + settings["runs"]
        )
        self.niches: Sequence[int] = settings.get("niches", range(first))
        self._generations = settings["generations"]

    def columns(self) -> tuple[Columns, Columns]:
        """Of champions.csv, besides what all have: those that must be there, and others."""
        others = dict.fromkeys(("id", "num_nodes", "num_connections"), optional(whole()))
        return {"generation": whole(self._generations)}, others

    def has_image(self, row: Mapping[str, str], when: str) -> bool:
        """Whether a row's image of `when` is kept."""
        del row, when
        return True

    def texts(self, row: Mapping[str, str], when: str) -> dict[str, str]:
        """What the texts in a PNG must be, besides what all have."""
        if when == "first":
            return {"generation": "0"}
        return {name: row[name] for name in ("confidence", "generation", "id") if name in row}


class AscentKind:
    """What `ascend` wrote.

    Attributes:
        runs: The seeds of the noise.
        niches: The labels that images ascended to.
    """

    made_by = "gradient ascent"
    has_genomes = False
    kept = ascent_config.KEPT
    tables = (METRICS,)
    metrics: ClassVar[Columns] = {
        **dict.fromkeys(("run", "label", "step"), whole()),
        "confidence": optional(SHARE),  # nothing in the step in which an image was lost
    }

    def __init__(self, settings: Mapping, num_labels: int, channels: int):
        """Checks the settings.

        Raises:
            ValueError, KeyError, TypeError: They are damaged.
        """
        targets, mean = settings["targets"], settings["mean"]
        self._steps = settings["ascent"]["steps"]
        _expect(_is_whole(self._steps, 1, 2**31), "a whole number of steps")
        for name, maximum in (("labels", num_labels - 1), ("seeds", 2**63)):
            _check_different(targets[name], maximum, f"targets.{name}")
        _expect(
            isinstance(mean, list)
            and len(mean) in (1, channels)
            and all(is_number(value, 0, 255) for value in mean),
            "a mean of a number in 0..255 for each channel",
        )
        self.runs: Sequence[int] = targets["seeds"]
        self.niches: Sequence[int] = targets["labels"]

    def columns(self) -> tuple[Columns, Columns]:
        """Of champions.csv, besides what all have: those that must be there, and others."""
        steps = whole(self._steps - 1)
        needed = {
            "iterate_confidence": SHARE,
            "best_confidence": optional(SHARE),
            "best_iterate_confidence": SHARE,
            "step": steps,
            **{f"step_{when}": optional(steps) for when in self.kept[1:]},
        }
        return needed, {"gradient_zero_at": optional(steps)}

    def has_image(self, row: Mapping[str, str], when: str) -> bool:
        """Whether a row's image of `when` is kept: whether it came so far."""
        return when == "last" or bool(row[f"step_{when}"])

    def texts(self, row: Mapping[str, str], when: str) -> dict[str, str]:
        """What the texts in a PNG must be, besides what all have."""
        texts = {"step": row["step"] if when == "last" else row[f"step_{when}"]}
        prefix = {"last": "", "best": "best_"}.get(when)
        if prefix is not None:
            for name in ("confidence", "iterate_confidence"):
                texts[name] = row[f"{prefix}{name}"]
        return texts


RunKind = EvolutionKind | AscentKind


def image_file(run: int, label: int, when: str) -> str:
    """The name of an image's file in its run folder."""
    return f"images/run_{run:03d}/{when}/label_{label}.png"


def read_config(folder: pathlib.Path) -> tuple[dict, RunKind]:
    """The config.json of a run folder, and of which kind the run is.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It is damaged.
    """
    path = folder / workdir.CONFIG
    config = workdir.config(folder)
    settings = config["settings"]
    try:
        scorer = settings["scorer"]
        _expect(isinstance(scorer, dict), "an object settings.scorer")
        for member in _members(scorer):
            _check_identity(member)
        if "classifier_path" in config:  # written before there were specs
            logits = ["logits"] if scorer["from_logits"] else []
            words = [config["classifier_path"], scorer["preprocess"], *logits]
            config.setdefault("classifier_spec", ":".join(words))
        for name in ("classifier", "classifier_spec"):
            _expect(isinstance(config[name], str) and config[name], f"text as {name}")
        labels, shape = config["labels"], config["image_shape"]
        names.checked_labels(labels, "the list of labels")
        _expect(
            isinstance(shape, list)
            and len(shape) == 3
            and all(_is_whole(side, 1, _MAX_SIDE) for side in shape)
            and shape[2] in (1, 3),
            "an image_shape [height, width, 1 or 3]",
        )
        kind = AscentKind if "ascent" in settings else EvolutionKind
        found = kind(settings, len(labels), shape[2])
    except (KeyError, TypeError, ValueError) as error:
        reason = f"there is no {error} in it." if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path} is damaged: {reason}") from error
    return config, found


def _members(scorer: dict) -> list[dict]:
    if "ensemble" not in scorer:
        return [scorer]
    members = scorer["ensemble"]
    _expect(
        isinstance(members, list)
        and len(members) > 1
        and all(isinstance(member, dict) and "ensemble" not in member for member in members),
        "an ensemble of at least two classifiers",
    )
    return members


def _check_identity(member: dict) -> None:
    for name, value in member.items():
        if name == "views":
            _expect(isinstance(value, dict), "an object views")
            sizes = [value.get("image_size"), value.get("crop_size")]
            _expect(
                all(size is None or _is_whole(size, 1, _MAX_SIDE) for size in sizes),
                "sizes in views that are whole numbers",
            )
            classifiers.Views(**value)
        else:
            _expect(
                value is None or isinstance(value, str | bool | int | float),
                f"text, a number or nothing as settings.scorer.{name}",
            )


def _check_different(numbers: object, maximum: int, name: str) -> None:
    _expect(
        isinstance(numbers, list)
        and numbers
        and all(_is_whole(number, 0, maximum) for number in numbers)
        and len(set(numbers)) == len(numbers),
        f"{name} that are different whole numbers in 0..{maximum}",
    )


def _is_whole(value: object, minimum: int, maximum: int) -> bool:
    return type(value) is int and minimum <= value <= maximum


def _expect(holds: object, what: str) -> None:
    if not holds:
        raise ValueError(f"expected {what}.")
