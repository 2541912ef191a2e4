"""What an audit came to, as an object for programs and notebooks."""

import dataclasses
import os
import pathlib
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_fool import result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_PLOTTED = 24


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Assessment:
    """An audit of a classifier; a notebook shows it as its `plot`.

    Attributes:
        report: The content of audit.json, under `keras_fool.audits.schema`.
        folder: The audit's folder. Where `workdir` was not given it is a temporary one, which
            goes with this object: `save` keeps it.
        notes: What the user should know, in sentences.
    """

    report: dict[str, Any]
    folder: pathlib.Path
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """All of it in one sentence."""
        return self.report["verdict"]["sentence"]

    @property
    def passed(self) -> bool:
        """Whether all checks of `fail_over` passed."""
        return all(check["passed"] for check in self.report["checks"])

    def save(self, path: str | os.PathLike) -> pathlib.Path:
        """Keeps the audit's folder: the files that the command writes.

        Args:
            path: A folder that does not exist, or is empty. Its parents are made.

        Returns:
            The folder.

        Raises:
            ValueError: There is something else.
            OSError: It cannot be written.
        """
        return result.keep(self.folder, path)

    def plot(self) -> "Figure":
        """Draws the surest images with their labels and confidences, at most 24.

        Returns:
            A Matplotlib figure, which notebooks show; `savefig` writes it.
        """
        from keras_fool.runs import champion_png
        from keras_fool.sheets import captions, figures

        every = sorted(self.report["by_what"]["images"], key=lambda one: -one["confidence"])
        shown: list[dict[str, Any]] = []
        labels = set()
        for image in every:  # of each label the surest
            if image["number"] not in labels and len(shown) < _MOST_PLOTTED:
                shown.append(image)
                labels.add(image["number"])
        pictures = [champion_png.read(self.folder / image["file"]).image for image in shown]
        texts = [f"{image['label']}\n{captions.percent(image['confidence'])}" for image in shown]
        return figures.grid(np.stack(pictures), texts, self.report["model"]["name"])

    def __repr__(self) -> str:
        return f"<Assessment: {self.verdict}>"

    def _repr_png_(self) -> bytes:
        from keras_fool.sheets import figures

        return figures.png(self.plot())
