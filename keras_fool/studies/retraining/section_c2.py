"""Section C.2: does a class of fooling images help an ImageNet classifier?

Nguyen, Yosinski and Clune, 2015, supplement C.2, https://arxiv.org/abs/1412.1897: on
ImageNet the images that were evolved against the retrained DNN fooled it far less, in a
two-sided Mann-Whitney U test of the champions' confidences (Mann and Whitney, 1947,
https://doi.org/10.1214/aoms/1177730491).
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib import axes as matplotlib_axes
from scipy import stats

from keras_fool.studies import plots, tables
from keras_fool.studies.retraining import config as config_module
from keras_fool.studies.retraining import outcomes, table_s2

SMALL_P = 1e-4  # the paper says of its p only that it is smaller
_BARS = 50


@dataclasses.dataclass(frozen=True)
class PaperColumn:
    """What the paper says of a DNN; errors and confidence in per cent.

    Attributes:
        original_error: On ImageNet's own validation images.
        error: With the fooling images among them.
        fooling_train: Fooling images that it was trained on.
        fooling_val: Fooling images that it was validated on.
        score: Median confidence of the images evolved against it.
    """

    original_error: float
    error: float
    fooling_train: int
    fooling_val: int
    score: float


PAPER = (PaperColumn(42.6, 42.6, 0, 0, 88.1), PaperColumn(42.6, 41.0, 9000, 2000, 11.7))


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Confidences of champions evolved against DNN 1 and against a later one.

    Attributes:
        number: Of the later one.
        of: "champions", as in the paper, or "medians of runs". Champions of one run have
            ancestors in common, so the test takes them for more evidence than they are.
        num_first: How many of DNN 1.
        num_later: How many of the later one.
        u: Mann and Whitney's U of those of DNN 1.
        p: Two-sided: how likely a U as far from its mean is where nothing differs.
        share: Per cent of all pairs in which that of DNN 1 is the higher one; ties count half.
    """

    number: int
    of: str
    num_first: int
    num_later: int
    u: float
    p: float
    share: float


def compare(confidences: Sequence[np.ndarray]) -> list[Comparison]:
    """Compares every DNN after the first with that.

    Args:
        confidences: Of each DNN in order, float [runs, niches].
    """
    found = []
    for number, later in enumerate(confidences[1:], 2):
        first = confidences[0]
        found.append(_comparison(number, "champions", first.ravel(), later.ravel()))
        medians = np.median(first, axis=1), np.median(later, axis=1)
        found.append(_comparison(number, "medians of runs", *medians))
    return found


def _comparison(number: int, of: str, first: np.ndarray, later: np.ndarray) -> Comparison:
    test = stats.mannwhitneyu(first, later, alternative="two-sided")
    share = 100 * float(test.statistic) / (len(first) * len(later))
    counts = len(first), len(later)
    return Comparison(number, of, *counts, float(test.statistic), float(test.pvalue), share)


def fooling_images(config: config_module.Config) -> list[tuple[int, int]]:
    """Of each DNN, how many fooling images it is trained and validated on."""
    drawn = np.array([config.drawn(number) for number in range(1, config.iterations + 1)])
    sums = np.cumsum([(0, 0), *drawn[:-1]], axis=0)
    return [(int(train), int(val)) for train, val in sums]


def as_markdown(
    found: Sequence[outcomes.Row],
    fooling: Sequence[tuple[int, int]],
    comparisons: Sequence[Comparison],
) -> str:
    """The table for readers: a column per DNN, then the paper's; and the tests.

    Args:
        found: Of each DNN that was fooled, in order.
        fooling: As `fooling_images` gives them.
        comparisons: As `compare` gives them.
    """
    columns = list(zip(found, fooling, strict=False))  # not all may have been fooled yet
    papers = PAPER[: len(columns)]

    def line(
        name: str,
        own: Callable[[outcomes.Row, tuple[int, int]], str],
        paper: Callable[[PaperColumn], str] = lambda _: "",
    ) -> list[str]:
        return [name, *(own(*column) for column in columns), *map(paper, papers)]

    headers = [f"DNN {row.number}" for row in found]
    headers += [f"paper's DNN {number + 1}, ImageNet" for number in range(len(papers))]
    lines = [
        line(
            "error on the data's own validation images, %",
            lambda row, _: f"{row.original_error:.2f}",
            lambda paper: f"{paper.original_error:.1f}",
        ),
        line(
            "error with the fooling images among them, %",
            lambda row, counts: f"{row.error:.2f}" if counts[1] else "-",
            lambda paper: f"{paper.error:.1f}" if paper.fooling_val else "-",
        ),
        line(
            "error on the fooling images, %",
            lambda row, counts: f"{row.fooling_error:.2f}" if counts[1] else "-",
        ),
        line("training images", lambda row, _: str(row.train)),
        line(
            "of them fooling images",
            lambda _, counts: str(counts[0]),
            lambda paper: str(paper.fooling_train),
        ),
        line("validation images", lambda row, _: str(row.val)),
        line(
            "of them fooling images",
            lambda _, counts: str(counts[1]),
            lambda paper: str(paper.fooling_val),
        ),
        line(
            "median confidence of the images evolved against it, %",
            lambda row, _: tables.cut(row.score),
            lambda paper: f"{paper.score:.1f}",
        ),
        line(
            "95 % interval over runs",
            lambda row, _: f"{tables.cut(row.low)} to {tables.cut(row.high)}",
        ),
        line("median of the runs' medians, %", lambda row, _: tables.cut(row.score_of_runs)),
        line("champions of at least 99 %, %", lambda row, _: f"{row.share_99:.1f}"),
        line("champions of at least 99.99 %, %", lambda row, _: f"{row.share_9999:.1f}"),
        line("runs", lambda row, _: str(row.runs)),
    ]
    return tables.markdown(["", *headers], lines) + "".join(
        f"{sentence}\n" for sentence in ["", *map(_sentence, comparisons)]
    )


def _sentence(found: Comparison) -> str:
    p = "p < 0.0001" if found.p < SMALL_P else f"p = {found.p:.4f}"
    paper = " (the paper's on ImageNet: p < 0.0001)" if found.of == "champions" else ""
    return (
        f"- Mann-Whitney, two-sided, {found.of}: {found.num_first} of DNN 1, {found.num_later} of "
        f"DNN {found.number}; U = {found.u:.10g}, {p}{paper}; that of DNN 1 is the higher one in "
        f"{found.share:.1f} % of pairs."
    )


def as_csv(found: Sequence[outcomes.Row], fooling: Sequence[tuple[int, int]]) -> bytes:
    """The table for programs: a row per DNN, and the paper's figures."""
    return outcomes.as_csv(found, PAPER, fooling, ("fooling_train", "fooling_val"), digits=10)


def comparisons_csv(found: Sequence[Comparison]) -> bytes:
    """The tests for programs."""
    names = [field.name for field in dataclasses.fields(Comparison)]
    rows = [dataclasses.astuple(comparison) for comparison in found]
    return tables.as_csv(["i", *names[1:]], rows, digits=10)


def draw(confidences: Sequence[np.ndarray], title: str) -> bytes:
    """Draws how sure each classifier is of what was evolved against it: a histogram each.

    Args:
        confidences: Of each DNN in order, float [runs, niches] in [0, 1]; at least one.
        title: The first line.

    Returns:
        A PNG file.
    """
    number = len(confidences)
    sheet = table_s2.new_sheet(title, 1 + 2.4 * number)
    panels = sheet.subplots(number, 1, sharex=True, squeeze=False)[:, 0]
    for index, (axes, values) in enumerate(zip(panels, confidences, strict=True)):
        _draw_one(axes, index, 100 * values.ravel())
    panels[-1].set_xlabel("confidence of the champions of the last generation, %", color=plots.INK)
    return plots.png(sheet)


def _draw_one(axes: matplotlib_axes.Axes, index: int, percents: np.ndarray) -> None:
    shares = np.full(len(percents), 100 / len(percents))
    edges = np.linspace(0, 100, _BARS + 1).tolist()
    axes.hist(percents, edges, weights=shares, color=plots.BLUE, alpha=0.55)
    median = float(np.median(percents))
    axes.axvline(median, color=plots.BLUE, linewidth=2, label=f"median {tables.cut(median)} %")
    if index < len(PAPER):
        paper = PAPER[index].score
        label = f"paper's median, ImageNet: {paper} %"
        axes.axvline(paper, color=plots.PALE, linewidth=1.5, linestyle="--", label=label)
    axes.set_xlim(-1, 101)
    title = f"DNN {index + 1}: {len(percents)} images evolved against it; % of them"
    table_s2.dress(axes, title, legend="upper center")
