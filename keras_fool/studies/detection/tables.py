"""The tables of the experiment: what detectors tell apart, and what is left of them."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from keras_fool.detectors import metrics
from keras_fool.runs.tables import number
from keras_fool.studies import statistics, tables
from keras_fool.studies.detection import collected

FIGURES = ("auroc", "aupr_real", "aupr_fooling", "fpr95", "fpr95_fooling")
_RESAMPLES = 1000
_TITLES = {
    "auroc": "AUROC, %",
    "fpr95": "FPR@95: share accepted where 95 % of the real images are, %",
    "aupr_real": "AUPR, real images positive, %",
    "aupr_fooling": "AUPR, other images positive, %",
    "fpr95_fooling": "The other convention of FPR@95: share of real images rejected where 95 % of "
    "the others are, %",
}
Static = Mapping[str, Mapping[str, metrics.Figures]]


@dataclasses.dataclass(frozen=True)
class Counted:
    """What is left of CPPN images where those that a detector rejects do not count.

    Attributes:
        fooled99: The share, 0..1, that it accepts and that have at least 99 % for their label.
        fooled99_low: Where its 95 % interval begins, over runs.
        fooled99_high: Where that ends.
        accepted: The share that it accepts.
        median_counted: The median confidence; that of rejected images is 0.
    """

    fooled99: float
    fooled99_low: float
    fooled99_high: float
    accepted: float
    median_counted: float


# By the detector's name, of images that were made without it, and of those made against it; under
# "none", of the former without any detector.
Left = Mapping[str, tuple[Counted, Counted | None]]


def static(found: collected.Collected, seed: int) -> Static:
    """By the name of images, then of the detector, how well it tells real images from them."""
    figures: dict[str, dict[str, metrics.Figures]] = {}
    for name, images in found.static.items():
        figures[name] = {}
        for detector in found.fitted:
            real, other = found.real.scores[detector], images.scores[detector]
            finite = np.isfinite(other)
            groups = None if images.groups is None else images.groups[finite]
            figures[name][detector] = metrics.figures(
                real[np.isfinite(real)],
                other[finite],
                fooling_groups=groups,
                seed=seed,
                resamples=_RESAMPLES,
            )
    return figures


def static_csv(found: collected.Collected, figures: Static) -> bytes:
    """A row for each kind of images and detector."""
    header = ["images", "detector", "num_images", "num_real"]
    header += [f"{name}{end}" for name in FIGURES for end in ("", "_low", "_high")]
    rows = []
    for name, by_detector in figures.items():
        for detector, of in by_detector.items():
            values = [getattr(of, figure) for figure in FIGURES]
            cells = [cell for each in values for cell in (each.value, each.low, each.high)]
            accepted = found.accepts(detector, found.static[name])
            rows.append(
                [name, detector, of.num_fooling, of.num_real, *cells, float(np.mean(accepted))]
            )
    return tables.as_csv([*header, "accepted"], rows)


def static_tables(found: collected.Collected, figures: Static) -> str:
    """A table for each figure of merit: a row for each detector, a column for the images."""
    parts = []
    for figure, title in _TITLES.items():
        rows = [
            [
                each.title,
                *(_percent(getattr(by_detector[name], figure)) for by_detector in figures.values()),
            ]
            for name, each in found.fitted.items()
        ]
        headings = [f"{len(images):,} {images.title}" for images in found.static.values()]
        parts.append(f"## {title}\n\n{tables.markdown(['', *headings], rows)}")
    return "\n".join(parts)


def thresholds_csv(found: collected.Collected) -> bytes:
    """A row for each detector: its threshold, and what it costs."""
    header = ["detector", "threshold", "low", "high", "level", "held_out", "accepted"]
    header += ["judged", "accepted_judged"]
    rows = []
    for name, each in found.fitted.items():
        chosen = each.operating_point
        assert chosen is not None  # the step chose it
        parts = [chosen.value, chosen.low, chosen.high, chosen.level, chosen.num_images]
        judged = [len(found.real), float(np.mean(found.accepts(name, found.real)))]
        rows.append([name, *parts, chosen.accepted, *judged])
    return tables.as_csv(header, rows)


def left(found: collected.Collected, seed: int) -> Left:
    """What is left of each detector, "none" first."""
    plain = found.static["cppn"]
    rows: dict[str, tuple[Counted, Counted | None]] = {
        "none": (_counted(plain, np.ones(len(plain), bool), seed), None)
    }
    for name in found.fitted:
        attacked = found.adaptive[name]
        rows[name] = (
            _counted(plain, found.accepts(name, plain), seed),
            _counted(attacked, found.accepts(name, attacked), seed),
        )
    return rows


def left_csv(rows: Left) -> bytes:
    """The same as a CSV file."""
    columns = [field.name for field in dataclasses.fields(Counted)]
    header = [
        "detector",
        *(f"{when}_{name}" for when in ("static", "adaptive") for name in columns),
    ]
    lines = [
        [name, *(cell for half in halves for cell in _values(half, len(columns)))]
        for name, halves in rows.items()
    ]
    return tables.as_csv(header, lines)


def left_table(found: collected.Collected, rows: Left) -> str:
    """The same as Markdown."""
    headings = ["", "made without it: accepted and at least 99 %, %", "accepted, %"]
    headings += ["median that counts, %", "made against it: accepted and at least 99 %, %"]
    headings += ["accepted, %", "median that counts, %"]
    titles = {"none": "no detector", **{name: each.title for name, each in found.fitted.items()}}
    lines = [
        [titles[name], *(cell for half in halves for cell in _cells(half))]
        for name, halves in rows.items()
    ]
    return tables.markdown(headings, lines)


def images_csv(found: collected.Collected) -> bytes:
    """A row for each image that was made: its confidence, and what each detector says."""
    header = ["made_against", "kind", "run", "label", "file", "confidence", "top1_confidence"]
    header += list(found.fitted)
    rows = []
    made = [("", name, found.static[name]) for name in collected.MADE]
    made += [(name, "cppn", images) for name, images in found.adaptive.items()]
    for against, kind, images in made:
        champions = images.found
        assert champions is not None  # of images that were made
        for place in range(len(images)):
            scores = [float(images.scores[name][place]) for name in found.fitted]
            rows.append(
                [
                    against,
                    kind,
                    champions.runs[place],
                    champions.niches[place],
                    champions.files[place],
                    number(images.own[place]),
                    number(images.top[place]),
                    *scores,
                ]
            )
    return tables.as_csv(header, rows, digits=9)


def _counted(images: collected.Scored, accepted: np.ndarray, seed: int) -> Counted:
    sure = (images.own >= np.float32(collected.SURE)) & accepted
    low, high = statistics.interval(images.by_run(sure.astype(np.float64)), _share, seed)
    counted = np.where(accepted, images.own, 0)
    return Counted(float(sure.mean()), low, high, float(accepted.mean()), float(np.median(counted)))


def _share(resamples: np.ndarray) -> np.ndarray:
    return resamples.mean(axis=(1, 2))


def _values(counted: Counted | None, number: int) -> list[object]:
    return [""] * number if counted is None else list(dataclasses.astuple(counted))


def _cells(counted: Counted | None) -> list[str]:
    if counted is None:
        return [tables.NO_VALUE] * 3
    share, low, high, accepted, median = (100 * value for value in dataclasses.astuple(counted))
    return [f"{share:.1f} ({low:.1f} to {high:.1f})", f"{accepted:.1f}", f"{median:.2f}"]


def _percent(figure: metrics.Figure) -> str:
    value, low, high = (100 * part for part in (figure.value, figure.low, figure.high))
    return f"{value:.2f} ({low:.2f} to {high:.2f})"
