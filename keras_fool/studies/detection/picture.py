"""The diagram of the experiment: what detectors tell apart, beside what is left of them."""

import numpy as np
from matplotlib import axes as axes_module

from keras_fool.studies import plots
from keras_fool.studies.detection import collected, tables

_DARK = 0.55  # shares from which numbers are white
_BAR = 0.38
_MANY = 0.5  # the least share of sure images without a detector for which the bars are of these
_LONGEST = 22  # letters of a name below a column


def draw(
    found: collected.Collected,
    figures: tables.Static,
    rows: tables.Left,
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


def _bars(axes: axes_module.Axes, found: collected.Collected, rows: tables.Left) -> None:
    alone = rows["none"][0]
    # Where few images are sure even without a detector, their share says nothing of detectors.
    are_sure = alone.fooled99 >= _MANY
    heading = (
        "accepted and at least 99 % sure, % of CPPN images"
        if are_sure
        else "median confidence of CPPN images, %; 0 where rejected"
    )
    axes.set_title(heading, loc="left", fontsize=11, color=plots.FAINT)
    places = np.arange(len(found.fitted))
    for half, offset, colour, label in (
        (0, -_BAR / 2, plots.BLUE, "made without the detector"),
        (1, _BAR / 2, plots.ORANGE, "made against it"),
    ):
        counted = [each for name in found.fitted if (each := rows[name][half]) is not None]
        if are_sure:
            share, low, high = (
                100 * np.array([getattr(each, name) for each in counted])
                for name in ("fooled99", "fooled99_low", "fooled99_high")
            )
            bars, ends = share, np.maximum([share - low, high - share], 0)
        else:
            bars, ends = 100 * np.array([each.median_counted for each in counted]), None
        axes.barh(
            places + offset,
            bars,
            _BAR,
            xerr=ends,
            color=colour,
            label=label,
            error_kw={"elinewidth": 0.8, "ecolor": plots.INK},
        )
    nobody = 100 * (alone.fooled99 if are_sure else alone.median_counted)
    axes.axvline(nobody, color=plots.FAINT, linewidth=1, linestyle="--", label="no detector")
    axes.set_yticks(places, [each.title for each in found.fitted.values()])
    axes.invert_yaxis()
    axes.set_xlim(0, 103 if are_sure else None)
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.07), ncols=3, fontsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0, labelcolor=plots.INK)
    axes.grid(axis="x", color=plots.GRID, linewidth=0.8)
    axes.set_axisbelow(True)
