"""The diagram of the experiment: what detectors tell apart, beside what is left of them."""

from collections.abc import Sequence

import numpy as np
from matplotlib import axes as axes_module

from keras_fool.studies import plots
from keras_fool.studies.detection import collected, tables

_DARK = 0.55  # shares from which numbers are white
_BAR = 0.38
_LONGEST = 22  # letters of a name below a column


def draw(
    found: collected.Collected,
    figures: tables.Static,
    rows: Sequence[Sequence[object]],
    title: str,
) -> bytes:
    """A PNG file: the shares accepted where 95 % of real images are, and attacks' successes.

    Args:
        found: All images.
        figures: As `tables.static` gives them.
        rows: As `tables.left` gives them.
        title: The first line.
    """
    across = len(found.static)
    sheet = plots.new_sheet(3.2 + 0.62 * across + 4.6, 1.9 + 0.46 * len(found.fitted))
    sheet.suptitle(title, x=0.01, ha="left", fontsize=14, weight="bold", color=plots.INK)
    left, right = sheet.subplots(1, 2, width_ratios=[0.62 * across + 1.6, 5.0])
    _shares(left, found, figures)
    _bars(right, found, rows)
    return plots.png(sheet)


def _shares(axes: axes_module.Axes, found: collected.Collected, figures: tables.Static) -> None:
    shares = np.array(
        [
            [by_detector[name].fpr95.value for by_detector in figures.values()]
            for name in found.fitted
        ]
    )
    axes.set_title(
        "accepted where 95 % of real images are, %", loc="left", fontsize=11, color=plots.FAINT
    )
    axes.imshow(shares, cmap="Oranges", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    names = [images.title.removesuffix(" images") for images in found.static.values()]
    names = [name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…" for name in names]
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right")
    axes.set_yticks(
        range(len(found.fitted)), [each.title for each in found.fitted.values()], color=plots.INK
    )
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share > _DARK else plots.INK
        axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", color=colour)
    axes.tick_params(length=0, labelcolor=plots.INK)


def _bars(
    axes: axes_module.Axes, found: collected.Collected, rows: Sequence[Sequence[object]]
) -> None:
    axes.set_title(
        "accepted and at least 99 % sure, % of CPPN images",
        loc="left",
        fontsize=11,
        color=plots.FAINT,
    )
    by_name = {str(row[0]): row[1:] for row in rows}
    places = np.arange(len(found.fitted))
    for offset, colour, first, label in (
        (-_BAR / 2, plots.BLUE, 0, "made without the detector"),
        (_BAR / 2, plots.ORANGE, 5, "made against it"),
    ):
        values = np.array(
            [[float(str(by_name[name][first + end])) for end in range(3)] for name in found.fitted]
        )
        share, low, high = 100 * values.T
        errors = np.maximum([share - low, high - share], 0)
        axes.barh(
            places + offset,
            share,
            _BAR,
            xerr=errors,
            color=colour,
            label=label,
            error_kw={"elinewidth": 0.8, "ecolor": plots.INK},
        )
    nobody = 100 * float(str(by_name["none"][0]))
    axes.axvline(nobody, color=plots.FAINT, linewidth=1, linestyle="--", label="no detector")
    axes.set_yticks(places, [each.title for each in found.fitted.values()])
    axes.invert_yaxis()
    axes.set_xlim(0, 103)
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.07), ncols=3, fontsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0, labelcolor=plots.INK)
    axes.grid(axis="x", color=plots.GRID, linewidth=0.8)
    axes.set_axisbelow(True)
