"""What fooling a classifier came to: the images, and the run folder that they are from."""

import dataclasses
import os
import pathlib
import shutil
import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from keras_fool.runs import champion_png
    from keras_fool.runs.champions import Champions

_MAX_PLOTTED = 100


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Result:
    """Images that fool a classifier: of each label the most confident one of all runs.

    A notebook shows it as its `plot`.

    Attributes:
        images: uint8 [labels, height, width, channels]; grey or RGB, exactly as they were scored.
        confidences: float32 [labels]; each image's confidence for its own label, in [0, 1].
        labels: The names of these labels.
        numbers: int64 [labels]; their numbers among all labels of the classifier.
        generations: int64 [labels]; the generation in which each image was found, or the step of
            an ascent.
        runs: int64 [labels]; the number of each one's run, or the seed of an ascent.
        champions: For each label what its PNG file holds: the image, the genome that drew it, and
            texts. `keras_fool.draw` draws it at any size.
        stopped_after: The last generation or step of a run that was stopped, and has what there
            was until then; None of a complete one.
        notes: What the user should know, in sentences.
        folder: The run folder. Where `workdir` was not given it is a temporary one, which goes
            with this object: `save` keeps it.
        config: The content of its config.json: settings, versions, the names of all labels.
    """

    images: np.ndarray
    confidences: np.ndarray
    labels: tuple[str, ...]
    numbers: np.ndarray
    generations: np.ndarray
    runs: np.ndarray
    champions: "tuple[champion_png.Champion, ...]"
    stopped_after: int | None
    notes: tuple[str, ...]
    folder: pathlib.Path
    config: dict[str, Any]

    @property
    def is_complete(self) -> bool:
        """Whether the run is."""
        return self.stopped_after is None

    def save(self, path: str | os.PathLike) -> pathlib.Path:
        """Keeps the run folder: the files that the command writes, byte for byte.

        `keras_fool.load` reads it, and the commands `gallery`, `transfer` and `confidence` do. A
        run that is not complete goes on in it, by `workdir` or `--workdir`.

        Args:
            path: A folder that does not exist, or is empty. Its parents are made.

        Returns:
            The folder.

        Raises:
            ValueError: There is something else.
            OSError: It cannot be written.
        """
        return keep(self.folder, path)

    def plot(self) -> "Figure":
        """Draws the images with their labels and confidences, of over 100 the surest.

        Returns:
            A Matplotlib figure, which notebooks show; `savefig` writes it.
        """
        from keras_fool.sheets import captions, figures

        places, several = np.arange(len(self.labels)), ""
        if len(places) > _MAX_PLOTTED:
            places = np.argsort(-self.confidences, kind="stable")[:_MAX_PLOTTED]
            several = f", the surest {_MAX_PLOTTED} of {len(self.labels)}"
        texts = []
        for place in places:
            confidence = float(self.confidences[place])
            lines = (self.labels[place], captions.percent(confidence), captions.doubt(confidence))
            texts.append("\n".join(filter(None, lines)))
        title = f"Images that fool {self.config['classifier']}{several}"
        if self._state:
            title += f"\n{self._state}"
        return figures.grid(self.images[places], texts, title)

    def as_champions(self) -> "Champions":
        """The images as what compares classifiers takes them."""
        from keras_fool.runs import champions, run_kinds

        pairs = zip(self.runs.tolist(), self.numbers.tolist(), strict=True)
        return champions.Champions(
            folder=self.folder,
            config=self.config,
            labels=tuple(self.config["labels"]),
            runs=self.runs,
            niches=self.numbers,
            confidences=self.confidences,
            images=self.images,
            genomes=tuple(champion.genome for champion in self.champions),
            files=tuple(run_kinds.image_file(run, label, "last") for run, label in pairs),
        )

    def __repr__(self) -> str:
        settings = self.config["settings"]
        if "ascent" in settings:
            long = f"{settings['ascent']['steps']} steps"
        else:
            long = f"{settings['generations']} generations, seed {settings['seed']}"
        state = f", {self._state}" if self._state else ""
        return (
            f"<Result: {len(self.labels)} images that fool {self.config['classifier']}, median "
            f"confidence {np.median(self.confidences):.7f}, highest {self.confidences.max():.7f}; "
            f"{long}{state}>"
        )

    @property
    def _state(self) -> str:
        """How far a run came that was stopped."""
        if self.is_complete:
            return ""
        unit = "step" if "ascent" in self.config["settings"] else "generation"
        return f"stopped before its end, after {unit} {self.stopped_after}"

    def _repr_png_(self) -> bytes:
        from keras_fool.sheets import figures

        return figures.png(self.plot())


def read(folder: pathlib.Path, notes: Sequence[str] = ()) -> Result:
    """The result in a run folder, whether its run is complete or not.

    Args:
        folder: What `evolve`, `ascend` or `Result.save` wrote.
        notes: What the user should know, in sentences.

    Raises:
        ValueError: It is not a run folder, or a file in it is damaged, or not what is recorded of
            it, or no step of its run is complete.
        OSError: A file cannot be read.
    """
    from keras_fool.runs import run_records, unfinished, workdir

    records = run_records.RunRecords(folder)
    is_complete = (folder / workdir.CHAMPIONS).is_file()
    last: int | None = None
    if is_complete:
        rows: Sequence[Any] = records.rows
    else:
        rows, last = unfinished.champions(records)
    texts = rows if is_complete else [champion.about for champion in rows]
    best: dict[str, int] = {}
    for place, text in enumerate(texts):
        first = best.setdefault(text["label"], place)
        if float(text["confidence"]) > float(texts[first]["confidence"]):
            best[text["label"]] = place
    places = list(best.values())
    champions = [records.champion(p, "last") if is_complete else rows[p] for p in places]
    found = [champion.about for champion in champions]
    when = "generation" if records.kind.has_genomes else "step"
    numbers = np.array([int(about["label"]) for about in found])
    return Result(
        images=np.stack([champion.image for champion in champions]),
        confidences=np.array([float(about["confidence"]) for about in found], np.float32),
        labels=tuple(records.labels[number] for number in numbers),
        numbers=numbers,
        generations=np.array([int(about[when]) for about in found]),
        runs=np.array([int(about["run"]) for about in found]),
        champions=tuple(champions),
        stopped_after=last,
        notes=tuple(notes),
        folder=folder,
        config=records.config,
    )


def keep(folder: pathlib.Path, path: str | os.PathLike) -> pathlib.Path:
    """Copies a folder of results as a whole, or not at all.

    Args:
        folder: What is copied.
        path: A folder that does not exist, or is empty. Its parents are made.

    Returns:
        The new folder.

    Raises:
        ValueError: There is something else, or links are among the results.
        OSError: It cannot be written.
    """
    from keras_fool.runs import files

    target = pathlib.Path(path)
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise ValueError(f"{target} exists; choose another folder.")
    files.refuse_links(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as part:
        whole = pathlib.Path(part, "run")  # made by `mkdir`, not only for this user
        shutil.copytree(folder, whole)
        files.sync_tree(whole)
        whole.rename(target)
    files.sync_folder(target.parent)
    return target
