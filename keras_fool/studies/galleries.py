"""Champions of run folders, chosen and put in order for a sheet."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from evolvers import genome_json, render
from keras_fool.models import data_means
from keras_fool.runs import champions as champions_module
from keras_fool.sheets import tile_sheets
from keras_fool.sheets.captions import both
from keras_fool.sheets.sheet_drawing import squarish
from keras_fool.studies import transfer

if TYPE_CHECKING:
    from keras_fool.studies import cross_scoring

_MAX_COLUMNS = 20  # labels that stand side by side under their names
# What a sheet says of images and confidences that are not those of the files.
UNROUNDED = " before rounding to bytes"
_WIDEST, _HIGHEST, _LARGEST = 3000, 5600, 140  # pixels of a sheet that was given no size


@dataclasses.dataclass(frozen=True)
class Style:
    """How a sheet looks.

    Attributes:
        title: The first line; empty for none.
        image_size: The longer side in pixels that each genome is drawn at; None shows
            the pixels that the classifier saw, enlarged.
        side: Without `image_size`, the longer side that they are enlarged to, in whole
            multiples; None for what the sheet allows.
        captions: Whether there are words besides the title.
        mean_subtracted: Whether images of an ascent are shown minus the data mean.
        blocks: Blocks of runs side by side.
        on_rows: Told how many rows more of images are drawn again.
    """

    title: str = ""
    image_size: int | None = None
    side: int | None = None
    captions: bool = True
    mean_subtracted: bool = False
    blocks: int = 1
    on_rows: Callable[[int], None] = lambda _: None


@dataclasses.dataclass(frozen=True)
class Choice:
    """Which champions are shown; the defaults are all of them.

    Attributes:
        labels: Places of labels.
        runs: Numbers of runs.
        min_confidence: In [0, 1], for the label that the image was evolved for.
    """

    labels: Sequence[int] | None = None
    runs: Sequence[int] | None = None
    min_confidence: float = 0.0

    def mask(self, champions: champions_module.Champions) -> np.ndarray:
        """Which of some champions are chosen: bool [champions]."""
        chosen = champions.confidences >= np.float32(self.min_confidence)
        if self.labels is not None:
            chosen &= np.isin(champions.niches, self.labels)
        if self.runs is not None:
            chosen &= np.isin(champions.runs, self.runs)
        return chosen


def by_run(
    folders: Sequence[champions_module.Champions], choice: Choice, style: Style
) -> Image.Image:
    """A row per run, a column per label, as Figure S4; places may be empty.

    With more labels than a row takes it is a `selection`.

    Args:
        folders: The champions of one or more run folders.
        choice: Which of them.
        style: How they are shown.

    Raises:
        ValueError: Nothing is chosen, or the sheet would be too large.
    """
    labels = folders[0].labels
    there = {int(niche) for champions in folders for niche in champions.niches}
    niches = sorted(there if choice.labels is None else set(choice.labels))
    if len(niches) > _MAX_COLUMNS:
        return selection(folders, choice, style)
    chosen = _chosen(folders, choice)
    runs = [(champions, run) for champions in chosen for run in sorted(set(champions.runs))]
    rows = []
    for champions, run in runs:
        of_run = np.flatnonzero(champions.runs == run).tolist()
        places = {int(champions.niches[place]): place for place in of_run}
        rows.append([_tile(champions, places[n], style) if n in places else None for n in niches])
    return tile_sheets.sheet(
        rows,
        title=style.title,
        subtitle=_summary(chosen),
        row_names=_run_names(runs) if style.captions else (),
        column_names=[labels[niche] for niche in niches] if style.captions else (),
        side=style.image_size
        or style.side
        or _side(len(runs) / style.blocks, len(niches) * style.blocks),
        blocks=style.blocks,
    )


def selection(
    folders: Sequence[champions_module.Champions], choice: Choice, style: Style
) -> Image.Image:
    """All that is chosen, one after the other, each with its label, run and confidence.

    Of a single run the number is left out.

    Args:
        folders: As `by_run` takes them.
        choice: Likewise.
        style: Likewise.

    Raises:
        ValueError: Nothing is chosen, or the sheet would be too large.
    """
    chosen = _chosen(folders, choice)
    several = sum(len(set(champions.runs)) for champions in chosen) > 1
    tiles = []
    for champions in chosen:
        for place, (niche, run) in enumerate(zip(champions.niches, champions.runs, strict=True)):
            caption = (champions.labels[niche], *((f"run {run}",) if several else ()))
            tiles.append(_tile(champions, place, style, *caption))
    columns = squarish(len(tiles))
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    return tile_sheets.sheet(
        rows,
        title=style.title,
        subtitle=_summary(chosen),
        side=style.image_size or style.side or _side(len(rows), columns),
    )


def transferring(
    studies: "Sequence[cross_scoring.CrossScores]",
    choice: Choice,
    style: Style,
    num_labels: int = 3,
    max_runs: int = 10,
) -> tuple[Image.Image, dict[str, int]]:
    """A column per run, a row per label, of images that all classifiers are sure of.

    As Figure S1: images that every classifier gives the label that they were evolved for
    with at least 99 %; of the labels of which there are most; of the runs of which
    most labels are shown. Places of other images stay empty.

    Args:
        studies: The scored champions of one or more run folders.
        choice: Which of them may be shown; its labels are shown in its order.
        style: How they are shown; captions are the lowest confidence of all classifiers.
        num_labels: How many labels, where `choice` names none.
        max_runs: How many columns, at most.

    Returns:
        The sheet, and the number of such images for each label's name.

    Raises:
        ValueError: There is no such image, or the sheet would be too large.
    """
    labels = studies[0].champions.labels
    are_sure = [sure(scores) & choice.mask(scores.champions) for scores in studies]
    each = [
        np.bincount(scores.champions.niches[mask], minlength=len(labels))
        for scores, mask in zip(studies, are_sure, strict=True)
    ]
    counts = np.sum(each, axis=0)
    if not counts.any():
        raise ValueError("there is no image that all of the classifiers are sure of.")
    best = np.argsort(-counts, kind="stable")[:num_labels]
    niches = [n for n in (best if choice.labels is None else choice.labels) if counts[n]]
    columns = _fullest(studies, are_sure, niches, max_runs)
    sheet = tile_sheets.sheet(
        [
            [
                _sure_tile(scores, places[niche], style) if niche in places else None
                for scores, _, places in columns
            ]
            for niche in niches
        ],
        title=style.title,
        subtitle=f"{' and '.join(studies[0].confidences)} give these at least 99 %; the lower "
        "confidence stands below",
        row_names=[labels[niche] for niche in niches] if style.captions else (),
        column_names=_run_names([(scores.champions, run) for scores, run, _ in columns])
        if style.captions
        else (),
        side=style.image_size or style.side or 112,
    )
    return sheet, {labels[niche]: int(number) for niche, number in enumerate(counts)}


def _fullest(
    studies: "Sequence[cross_scoring.CrossScores]",
    sure: Sequence[np.ndarray],
    niches: Sequence[int],
    max_runs: int,
) -> "list[tuple[cross_scoring.CrossScores, int, dict[int, int]]]":
    """The runs with images of most labels: scores, run, and by label the image's place."""
    found = []
    for scores, mask in zip(studies, sure, strict=True):
        champions = scores.champions
        for run in sorted(set(champions.runs)):
            places = np.flatnonzero(
                mask & (champions.runs == run) & np.isin(champions.niches, niches)
            )
            if len(places):
                of_label = {int(champions.niches[place]): place for place in places.tolist()}
                found.append((scores, run, of_label))
    order = sorted(range(len(found)), key=lambda place: -len(found[place][2]))
    return [found[place] for place in sorted(order[:max_runs])]


def sure(scores: "cross_scoring.CrossScores") -> np.ndarray:
    """Which images all classifiers give their label with at least 99 %: bool [champions]."""
    original, niches = scores.confidences[scores.original], scores.champions.niches
    return np.all(
        [transfer.both_sure(original, scores.confidences[o], niches) for o in scores.others], axis=0
    )


def _chosen(
    folders: Sequence[champions_module.Champions], choice: Choice
) -> list[champions_module.Champions]:
    chosen = [champions.take(choice.mask(champions)) for champions in folders]
    chosen = [champions for champions in chosen if len(champions)]
    if not chosen:
        raise ValueError("no champion is left: choose other labels, runs or confidences.")
    return chosen


def _run_names(runs: Sequence[tuple[champions_module.Champions, int]]) -> list[str]:
    """What runs are called: by their numbers; where those are the same, by more."""
    for name in (
        "run {run}",
        "{champions.config[classifier]}: {run}",
        "{champions.folder.name}: {run}",
    ):
        names = [name.format(champions=champions, run=run) for champions, run in runs]
        if len(set(names)) == len(names):
            break
    return names


def _tile(
    champions: champions_module.Champions,
    place: int,
    style: Style,
    *caption: str,
) -> tile_sheets.Tile:
    image = _drawn(champions, place, style)
    if not style.captions:
        return tile_sheets.Tile(image)
    return tile_sheets.Tile(image, caption, float(champions.confidences[place]))


def _sure_tile(scores: "cross_scoring.CrossScores", place: int, style: Style) -> tile_sheets.Tile:
    niche = scores.champions.niches[place]
    lowest = min(confidences[place, niche] for confidences in scores.confidences.values())
    image = _drawn(scores.champions, place, style)
    return tile_sheets.Tile(image, confidence=float(lowest) if style.captions else None)


def _drawn(
    champions: champions_module.Champions, place: int, style: Style
) -> np.ndarray | tile_sheets.Later:
    if style.mean_subtracted:
        return data_means.picture_of(champions.minus_mean(place))
    if style.image_size is None:
        return champions.images[place]
    if not champions.genomes[place]:
        raise ValueError(
            f"the images in {champions.folder} were made by gradient ascent: there is no genome "
            "that could be drawn at another --size."
        )
    path = champions.folder / champions.files[place]
    try:
        genome, canvas = genome_json.loads(champions.genomes[place])
    except ValueError as error:
        raise ValueError(f"the genome in {path} is damaged: {error}") from error
    if canvas.shape != champions.images[place].shape:
        raise ValueError(f"the genome in {path} is not one of an image of its shape.")
    longest = max(canvas.height, canvas.width)
    height, width = (
        max(1, round(side * style.image_size / longest)) for side in (canvas.height, canvas.width)
    )
    return tile_sheets.Later(
        (height, width, canvas.channels),
        lambda: render.draw(genome, canvas, height, width, style.on_rows),
    )


def _summary(chosen: Sequence[champions_module.Champions]) -> str:
    confidences = np.concatenate([champions.confidences for champions in chosen])
    images = "1 image" if len(confidences) == 1 else f"{len(confidences)} images"
    before = any(champions.offsets is not None for champions in chosen)
    return (
        f"{images}{UNROUNDED if before else ''}; median confidence "
        f"{both(np.median(confidences))}; lowest {both(confidences.min())}"
    )


def _side(rows: float, columns: int) -> int:
    """The longer side of an image, so that the sheet fits on a screen or into a mail."""
    return max(16, min(_LARGEST, _WIDEST // columns - 12, int(_HIGHEST / rows) - 26))
