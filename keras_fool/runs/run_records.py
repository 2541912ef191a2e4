"""What a run folder says of its run, checked where it enters.

A run folder may come from anyone, and disks fail. So each value is looked at once, here:
whether it is of its type and in its range, whether config.json, champions.csv and the texts
inside the images say the same, and whether the files have the SHA-256 that they had when the
run was completed. Who reads a run folder goes through `RunRecords`.
"""

import functools
import hashlib
import math
import pathlib
import re
from collections.abc import Callable, Iterator, Sequence

from evolvers.ascent import config as ascent_config
from keras_fool import foreign_files
from keras_fool.foreign_files import SHARE, TEXT, optional, whole
from keras_fool.models import classifiers
from keras_fool.runs import champion_png, checksums, workdir
from trainers import names

METRICS, LINEAGE, GALLERY = "metrics.csv", "lineage.csv", "gallery.png"
WHENS = ("first", "last")
_MAX_SIDE = 2**14  # pixels
_MAX_NAMED = 3
_CHECKPOINT = re.compile(r"checkpoint/[a-z0-9_-]+\.npz")
_METRICS_OF_EVOLUTION = {
    "run": whole(),
    "generation": whole(),
    **dict.fromkeys(("median", "mean", "min", "max"), SHARE),
}
_METRICS_OF_ASCENT = {
    **dict.fromkeys(("run", "label", "step"), whole()),
    "confidence": optional(SHARE),  # nothing in the step in which an image was lost
}


class RunRecords:
    """One run folder that `evolve` or `ascend` wrote.

    Attributes:
        folder: The run folder.
        config: Its config.json.
        labels: The names of all labels of the classifier that was fooled.
        image_shape: (height, width, channels).
        is_ascent: Whether the images were made by gradient ascent.
        kept: Whose images it keeps: of an evolution `WHENS`, the generations; of an ascent
            `evolvers.ascent.config.KEPT`.
    """

    def __init__(self, folder: pathlib.Path):
        """Reads config.json, and nothing else.

        Raises:
            ValueError: It is no run folder, or config.json is damaged.
            OSError: It cannot be read.
        """
        if not folder.is_dir():
            there = [path.name for path in folder.parent.glob("*/")]
            hint = names.did_you_mean(folder.name, there) or "."
            raise ValueError(f"there is no folder {folder}{hint}")
        if not (folder / workdir.CONFIG).is_file():
            raise ValueError(f"{folder} is no run folder: there is no {workdir.CONFIG} in it.")
        self.folder = folder
        self.config = _checked_config(folder)
        self.labels = tuple(self.config["labels"])
        self.image_shape = tuple(self.config["image_shape"])
        self.is_ascent = "ascent" in self.config["settings"]
        self.kept = ascent_config.KEPT if self.is_ascent else WHENS

    @functools.cached_property
    def rows(self) -> list[dict[str, str]]:
        """The rows of champions.csv: of every run and label, in order.

        Raises:
            ValueError: The run is not complete, or the table is damaged.
        """
        path = self.folder / workdir.CHAMPIONS
        if not path.is_file():
            raise ValueError(
                f"the run in {self.folder} is not complete, there is no {path.name} in it yet: "
                "the command that began it goes on with it."
            )
        rows = foreign_files.table(path, *self._columns())
        if not rows:
            raise ValueError(f"{path} names no champions.")
        targets = self._targets()
        if len(rows) < self._num_targets and self.is_ascent and workdir.is_hashed(self.config):
            # Images that never had finite confidences are left out.
            there = {(row["run"], row["label"]) for row in rows}
            targets = [of for of in targets if tuple(map(str, of)) in there]
            expected_rows = len(targets)
        else:
            expected_rows = self._num_targets
        if len(rows) != expected_rows:
            raise ValueError(
                f"{path} is damaged: it has {len(rows)} rows, expected {expected_rows}, one "
                "for each run and label."
            )
        for number, (row, (run, label)) in enumerate(zip(rows, targets, strict=True), 1):
            expected = {
                "run": str(run),
                "label": str(label),
                "label_name": self.labels[label],
                "file": image_file(run, label, "last"),
            }
            if "top1_name" in row and "top1_label" in row:
                expected["top1_name"] = self.labels[int(row["top1_label"])]
            for name, value in expected.items():
                if row[name] != value:
                    raise ValueError(
                        f"{path} is damaged: row {number} has {name} "
                        f"{foreign_files.shown(row[name])}, expected {foreign_files.shown(value)}."
                    )
        self._check_sum(workdir.CHAMPIONS, checksums.digest(path))
        return rows

    def places(self, when: str) -> list[int]:
        """The rows of those that have an image of `when`, one of `kept`.

        Raises:
            ValueError: None has, or there are never such images.
        """
        if when not in self.kept:
            raise ValueError(
                f"{self.folder} has no {when} images: those of {', '.join(self.kept)} are kept."
            )
        found = self._placed(when)
        if not found:
            raise ValueError(f"no image in {self.folder} came as far as {when}.")
        return found

    def _placed(self, when: str) -> list[int]:
        return [
            place
            for place, row in enumerate(self.rows)
            if not self.is_ascent or when == "last" or row[f"step_{when}"]
        ]

    def file(self, place: int, when: str) -> str:
        """The PNG of a row, relative to the folder."""
        row = self.rows[place]
        return image_file(int(row["run"]), int(row["label"]), when)

    def champion(self, place: int, when: str) -> champion_png.Champion:
        """The image of a row, as it was recorded.

        Raises:
            FileNotFoundError: Its file is missing.
            ValueError: Its file is damaged, or has another shape than the run's images, or
                its texts are not what is recorded of it.
        """
        row, path = self.rows[place], self.folder / self.file(place, when)
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise ValueError(f"{path} is a link to what is not in its folder.")
        content = foreign_files.content(path, champion_png.MAX_BYTES)
        champion = champion_png.decode(content, path)
        shape = champion.image.shape
        if shape != self.image_shape:
            raise ValueError(
                f"{path} is an image of {by(shape)}, its run makes images of "
                f"{by(self.image_shape)} (height x width x channels)."
            )
        if bool(champion.genome) == self.is_ascent:
            made = "gradient ascent, and there is a genome" if self.is_ascent else "evolution"
            raise ValueError(f"{path} is damaged: its run is one of {made} in it.")
        for name, expected in self._texts(row, when).items():
            text = champion.about.get(name)
            if text != expected:
                raise ValueError(
                    f"{path} is not the image that was recorded: in it {name} is "
                    f"{foreign_files.shown(text)}, the record says "
                    f"{foreign_files.shown(expected)}."
                )
        if not SHARE.fits(champion.about.get("confidence", "")):
            text = foreign_files.shown(champion.about.get("confidence"))
            raise ValueError(
                f"{path} is damaged: its confidence is {text}, expected {SHARE.expected}."
            )
        self._check_sum(self.file(place, when), hashlib.sha256(content).hexdigest())
        return champion

    def metrics(self) -> list[dict[str, str]]:
        """The rows of metrics.csv, whose confidences are in [0, 1]; of an ascent, or empty.

        Raises:
            FileNotFoundError: It is missing.
            ValueError: It is damaged.
        """
        columns = _METRICS_OF_ASCENT if self.is_ascent else _METRICS_OF_EVOLUTION
        rows = foreign_files.table(self.folder / METRICS, columns, {"not_finite": whole()})
        if not rows:
            raise ValueError(f"{self.folder / METRICS} is damaged: there are no rows in it.")
        self._check_sum(METRICS, checksums.digest(self.folder / METRICS))
        return rows

    def damaged(self) -> list[str]:
        """The files of a complete run that are missing, or not as they were completed.

        Returns:
            Their names, relative to the folder.

        Raises:
            ValueError: The folder is from before there were checksums, and its tables and
                images are not what they say of each other.
            FileNotFoundError: Likewise, one of them is missing.
            OSError: One of them cannot be read.
        """
        path = self.folder / checksums.FILE
        if not path.is_file() and not workdir.is_hashed(self.config):
            self._check_contents()
            return []
        try:
            sums = checksums.read(path)
        except (FileNotFoundError, ValueError):
            return [checksums.FILE]
        try:
            expected = list(self._files())
        except ValueError:
            return [workdir.CHAMPIONS]
        expected += [name for name in sums if _CHECKPOINT.fullmatch(name)] or ["checkpoint"]
        further = [checksums.FILE] if sums.keys() - set(expected) else []
        return checksums.wrong(self.folder, expected, sums) or further

    def _files(self) -> Iterator[str]:
        """What a complete run consists of, besides config.json and its last checkpoint."""
        yield from (METRICS, GALLERY, workdir.CHAMPIONS, *([] if self.is_ascent else [LINEAGE]))
        for when in self.kept:
            yield from (self.file(place, when) for place in self._placed(when))

    def _check_contents(self) -> None:
        for when in self.kept:
            for place in self._placed(when):
                self.champion(place, when)
        champion_png.check_whole(self.folder / GALLERY)
        self.metrics()

    @functools.cached_property
    def _sums(self) -> dict[str, str] | None:
        path = self.folder / checksums.FILE
        return checksums.read(path) if path.is_file() else None

    def _check_sum(self, name: str, digest: str | None) -> None:
        if self._sums is not None and self._sums.get(name) != digest:
            what = "the image that" if name.startswith("images/") else "what"
            raise ValueError(
                f"{self.folder / name} is not {what} was recorded: its SHA-256 is not the one in "
                f"{checksums.FILE}."
            )

    @property
    def _num_targets(self) -> int:
        settings = self.config["settings"]
        if self.is_ascent:
            return len(settings["targets"]["seeds"]) * len(settings["targets"]["labels"])
        return settings["runs"] * settings.get("num_niches", len(self.labels))

    def _targets(self) -> Iterator[tuple[int, int]]:
        """(run, label) of each champion, in order."""
        settings = self.config["settings"]
        if self.is_ascent:
            runs, labels = settings["targets"]["seeds"], settings["targets"]["labels"]
        else:
            runs = range(settings["first_run"], settings["first_run"] + settings["runs"])
            labels = range(settings.get("num_niches", len(self.labels)))
        return ((run, label) for run in runs for label in labels)  # there may be said to be many

    def _columns(self) -> tuple[dict, dict]:
        """Of champions.csv, those that must be there and others."""
        label = whole(len(self.labels) - 1)
        needed = {
            "run": whole(),
            "label": label,
            "label_name": TEXT,
            "confidence": SHARE,
            "file": TEXT,
        }
        others = {"top1_label": label, "top1_name": TEXT, "top1_confidence": SHARE}
        if self.is_ascent:
            steps = whole(self.config["settings"]["ascent"]["steps"] - 1)
            needed |= {
                "iterate_confidence": SHARE,
                "best_confidence": optional(SHARE),
                "best_iterate_confidence": SHARE,
                "step": steps,
                **{f"step_{when}": optional(steps) for when in self.kept[1:]},
            }
            others["gradient_zero_at"] = optional(steps)
        else:
            needed["generation"] = whole(self.config["settings"]["generations"])
            others |= dict.fromkeys(("id", "num_nodes", "num_connections"), optional(whole()))
        return needed, others

    def _texts(self, row: dict[str, str], when: str) -> dict[str, str]:
        """What the texts in a PNG must be."""
        texts = {name: row[name] for name in ("run", "label", "label_name")}
        if self.is_ascent:
            prefix = {"last": "", "best": "best_"}.get(when)
            texts["step"] = row["step"] if when == "last" else row[f"step_{when}"]
            if prefix is not None:
                for name in ("confidence", "iterate_confidence"):
                    texts[name] = row[f"{prefix}{name}"]
        elif when == "first":
            texts["generation"] = "0"
        else:
            texts |= {name: row[name] for name in ("confidence", "generation", "id") if name in row}
        return texts


def image_file(run: int, label: int, when: str) -> str:
    """Where an image lies in its run folder."""
    return f"images/run_{run:03d}/{when}/label_{label}.png"


def by(shape: Sequence[int]) -> str:
    """A shape as messages have it."""
    return " x ".join(map(str, shape))


def _checked_config(folder: pathlib.Path) -> dict:
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
        check = _check_ascent if "ascent" in settings else _check_evolution
        check(settings, len(labels), shape[2])
    except (KeyError, TypeError, ValueError) as error:
        words = f"there is no {error} in it." if isinstance(error, KeyError) else error
        raise ValueError(f"{path} is damaged: {words}") from error
    return config


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


def _check_evolution(settings: dict, num_labels: int, channels: int) -> None:
    del channels
    minima = {"first_run": 0, "runs": 1, "generations": 0}
    for name, minimum in minima.items():
        _expect(
            _is_whole(settings[name], minimum, 2**31), f"a whole number from {minimum} as {name}"
        )
    niches = settings.get("num_niches", num_labels)
    _expect(_is_whole(niches, 1, num_labels), f"num_niches in 1..{num_labels}")


def _check_ascent(settings: dict, num_labels: int, channels: int) -> None:
    targets, mean = settings["targets"], settings["mean"]
    _expect(_is_whole(settings["ascent"]["steps"], 1, 2**31), "a whole number of steps")
    for name, maximum in (("labels", num_labels - 1), ("seeds", 2**63)):
        numbers = targets[name]
        _expect(
            isinstance(numbers, list)
            and numbers
            and all(_is_whole(number, 0, maximum) for number in numbers)
            and len(set(numbers)) == len(numbers),
            f"targets.{name} that are different whole numbers in 0..{maximum}",
        )
    _expect(
        isinstance(mean, list)
        and len(mean) in (1, channels)
        and all(_is_number(value) and 0 <= value <= 255 for value in mean),
        "a mean of a number in 0..255 for each channel",
    )


def _is_whole(value: object, minimum: int, maximum: int) -> bool:
    return type(value) is int and minimum <= value <= maximum


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _expect(holds: object, what: str) -> None:
    if not holds:
        raise ValueError(f"expected {what}.")


def is_whole(folder: pathlib.Path) -> bool:
    """Whether all files of a complete run are as they were completed.

    Raises:
        ValueError: As `RunRecords.damaged` does.
        OSError: Likewise.
    """
    try:
        return not RunRecords(folder).damaged()
    except FileNotFoundError as error:
        raise ValueError(str(error)) from error


def announce_repair(folder: pathlib.Path, *, has_state: bool, note: Callable[[str], None]) -> None:
    """Says which files of a complete run are damaged, before they are written again.

    Args:
        folder: A run folder, complete or not; of the latter nothing is said.
        has_state: Whether there is a state that they can be written from.
        note: Told, in a sentence, what the user should know.

    Raises:
        ValueError: There is none.
    """
    if not (folder / workdir.CHAMPIONS).exists():
        return
    damaged = RunRecords(folder).damaged()
    if not damaged:
        return
    more = f" and {len(damaged) - _MAX_NAMED} others" if len(damaged) > _MAX_NAMED else ""
    listed = ", ".join(damaged[:_MAX_NAMED]) + more
    if not has_state:
        raise ValueError(
            f"the run in {folder} was complete, and now {listed} is missing or damaged; there is "
            "no state in checkpoint/ that it could be written again from. Put copies in place, "
            "or begin again in another --workdir."
        )
    note(f"of the complete run in {folder}, {listed} is missing or damaged: written again.")
