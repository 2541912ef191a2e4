"""What a run folder says of its run, checked where it enters.

A run folder may come from anyone, and disks fail. So each value is looked at once, here:
whether it is of its type and in its range, whether config.json, champions.csv and the texts
inside the images say the same, and whether the files have the SHA-256 that they had when the
run was completed. Who reads a run folder goes through `RunRecords`.
"""

import functools
import hashlib
import pathlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from keras_fool import foreign_files
from keras_fool.foreign_files import SHARE, TEXT, whole
from keras_fool.runs import champion_png, checksums, run_kinds, workdir
from keras_fool.runs.run_kinds import BEST, GALLERY, METRICS
from trainers import names

WHENS = run_kinds.WHENS
_MAX_NAMED = 3
_CHECKPOINT = re.compile(r"checkpoint/[a-z0-9_-]+\.npz")


class RunRecords:
    """One run folder that `evolve` or `ascend` wrote.

    Attributes:
        folder: The run folder.
        config: Its config.json.
        labels: The names of all labels of the classifier that was fooled.
        image_shape: (height, width, channels).
        kind: Whether it is an evolution or an ascent, and what follows from that.
    """

    def __init__(self, folder: pathlib.Path):
        """Reads config.json, and nothing else.

        Raises:
            ValueError: It is not a run folder, or config.json is damaged.
            OSError: It cannot be read.
        """
        if not folder.is_dir():
            there = [path.name for path in folder.parent.glob("*/")]
            hint = names.did_you_mean(folder.name, there) or "."
            raise ValueError(f"there is no folder {folder}{hint}")
        if not (folder / workdir.CONFIG).is_file():
            raise ValueError(f"{folder} is not a run folder: there is no {workdir.CONFIG} in it.")
        self.folder = folder
        self.config, self.kind = run_kinds.read_config(folder)
        self.labels = tuple(self.config["labels"])
        self.image_shape = tuple(self.config["image_shape"])

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
        targets: Iterable[tuple[int, int]] = self._targets()
        num_rows = len(self.kind.runs) * len(self.kind.niches)
        leaves_out = not self.kind.has_genomes and workdir.is_hashed(self.config)
        if len(rows) < num_rows and leaves_out:
            # Images that never had finite confidences are left out.
            there = {(row["run"], row["label"]) for row in rows}
            kept = [target for target in targets if tuple(map(str, target)) in there]
            targets, num_rows = kept, len(kept)
        if len(rows) != num_rows:
            raise ValueError(
                f"{path} is damaged: it has {len(rows)} rows, expected {num_rows}, one "
                "for each run and label."
            )
        for number, (row, (run, label)) in enumerate(zip(rows, targets, strict=True), 1):
            expected = {
                "run": str(run),
                "label": str(label),
                "label_name": self.labels[label],
                "file": run_kinds.image_file(run, label, "last"),
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
        """The places of the rows whose image of `when`, one of `kind.kept`, is there.

        Raises:
            ValueError: None has, or there are never such images.
        """
        if when not in self.kind.kept:
            raise ValueError(
                f"{self.folder} has no {when} images: those of {', '.join(self.kind.kept)} are "
                "kept."
            )
        found = self._placed(when)
        if not found:
            raise ValueError(f"no image in {self.folder} came as far as {when}.")
        return found

    def _placed(self, when: str) -> list[int]:
        return [place for place, row in enumerate(self.rows) if self.kind.has_image(row, when)]

    def file(self, place: int, when: str) -> str:
        """The PNG of a row, relative to the folder."""
        row = self.rows[place]
        return run_kinds.image_file(int(row["run"]), int(row["label"]), when)

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
                f"{path} is an image of {dimensions(shape)}, its run makes images of "
                f"{dimensions(self.image_shape)} (height x width x channels)."
            )
        if bool(champion.genome) != self.kind.has_genomes:
            there = "no" if self.kind.has_genomes else "a"
            raise ValueError(
                f"{path} is damaged: its run is one of {self.kind.made_by}, and there is {there} "
                "genome in it."
            )
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
        others = {"not_finite": whole()}
        rows = foreign_files.table(self.folder / METRICS, self.kind.metrics, others)
        if not rows:
            raise ValueError(f"{self.folder / METRICS} is damaged: there are no rows in it.")
        self._check_sum(METRICS, checksums.digest(self.folder / METRICS))
        return rows

    def damaged(self) -> list[str]:
        """The files of a complete run that are missing or have changed since.

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
        expected += [BEST] if BEST in sums else []
        expected += [name for name in sums if _CHECKPOINT.fullmatch(name)] or ["checkpoint"]
        further = [checksums.FILE] if sums.keys() - set(expected) else []
        return checksums.wrong(self.folder, expected, sums) or further

    def _files(self) -> Iterator[str]:
        """What a complete run consists of, besides config.json and its last checkpoint."""
        yield from (*self.kind.tables, GALLERY, workdir.CHAMPIONS)
        for when in self.kind.kept:
            yield from (self.file(place, when) for place in self._placed(when))

    def _check_contents(self) -> None:
        for when in self.kind.kept:
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

    def _targets(self) -> Iterator[tuple[int, int]]:
        """(run, label) of each champion, in order."""
        # There may be said to be many: no list.
        return ((run, label) for run in self.kind.runs for label in self.kind.niches)

    def _columns(self) -> tuple[dict, dict]:
        """Of champions.csv, those that must be there and others."""
        label = whole(len(self.labels) - 1)
        needed, others = self.kind.columns()
        return (
            {
                "run": whole(),
                "label": label,
                "label_name": TEXT,
                "confidence": SHARE,
                "file": TEXT,
                **needed,
            },
            {"top1_label": label, "top1_name": TEXT, "top1_confidence": SHARE, **others},
        )

    def _texts(self, row: dict[str, str], when: str) -> dict[str, str]:
        """What the texts in a PNG must be."""
        texts = {name: row[name] for name in ("run", "label", "label_name")}
        return texts | self.kind.texts(row, when)


def dimensions(shape: Sequence[int]) -> str:
    """A shape as messages have it."""
    return " x ".join(map(str, shape))


def is_whole(folder: pathlib.Path) -> bool:
    """Whether all files of a complete run are there and unchanged.

    Raises:
        ValueError: As `RunRecords.damaged` does.
        OSError: Likewise.
    """
    try:
        return not RunRecords(folder).damaged()
    except FileNotFoundError as error:
        raise ValueError(str(error)) from error


def announce_repair(folder: pathlib.Path, *, has_state: bool, note: Callable[[str], None]) -> None:
    """Names the damaged files of a complete run, before they are written again.

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
