"""Whether retraining with a fooling class helped: section C.2, ours beside the paper's.

Nguyen, Yosinski and Clune, 2015, supplement C.2, https://arxiv.org/abs/1412.1897: on
ImageNet the images that were evolved against the retrained DNN fooled it far less, in a
two-sided Mann-Whitney U test of the champions' confidences (Mann and Whitney, 1947,
https://doi.org/10.1214/aoms/1177730491).
"""

import csv
import dataclasses
import io
from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from keras_fool.studies import retraining, retraining_table

_SURELY = 1e-4  # the paper says of its p only that it is smaller


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


def fooling_images(config: retraining.Config) -> list[tuple[int, int]]:
    """Of each DNN, how many fooling images it is trained and validated on."""
    drawn = np.array([config.drawn(number) for number in range(1, config.iterations + 1)])
    sums = np.cumsum([(0, 0), *drawn[:-1]], axis=0)
    return [(int(train), int(val)) for train, val in sums]


def as_markdown(
    found: Sequence[retraining_table.Row],
    fooling: Sequence[tuple[int, int]],
    comparisons: Sequence[Comparison],
) -> str:
    """The table for readers: a column per DNN, the paper's behind ours; then the tests.

    Args:
        found: Of each DNN that was fooled, in order.
        fooling: As `fooling_images` gives them.
        comparisons: As `compare` gives them.
    """
    columns = list(zip(found, fooling, strict=False))  # not all may have been fooled yet
    papers = PAPER[: len(columns)]

    def line(
        name: str,
        ours: Callable[[retraining_table.Row, tuple[int, int]], str],
        paper: Callable[[PaperColumn], str] = lambda _: "",
    ) -> str:
        cells = [name, *(ours(*column) for column in columns), *map(paper, papers)]
        return f"| {' | '.join(cells)} |"

    cut = retraining_table.cut
    headers = [f"DNN {row.number}" for row in found]
    headers += [f"paper's DNN {number + 1}, ImageNet" for number in range(len(papers))]
    lines = [
        f"| | {' | '.join(headers)} |",
        f"|---|{'---:|' * len(headers)}",
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
            lambda row, _: cut(row.score),
            lambda paper: f"{paper.score:.1f}",
        ),
        line("95 % interval over runs", lambda row, _: f"{cut(row.low)} to {cut(row.high)}"),
        line("median of the runs' medians, %", lambda row, _: cut(row.score_of_runs)),
        line("champions of at least 99 %, %", lambda row, _: f"{row.share_99:.1f}"),
        line("champions of at least 99.99 %, %", lambda row, _: f"{row.share_9999:.1f}"),
        line("runs", lambda row, _: str(row.runs)),
    ]
    return "\n".join([*lines, "", *map(_sentence, comparisons)]) + "\n"


def _sentence(found: Comparison) -> str:
    p = "p < 0.0001" if found.p < _SURELY else f"p = {found.p:.4f}"
    paper = " (the paper's on ImageNet: p < 0.0001)" if found.of == "champions" else ""
    return (
        f"- Mann-Whitney, two-sided, {found.of}: {found.num_first} of DNN 1, {found.num_later} of "
        f"DNN {found.number}; U = {found.u:.10g}, {p}{paper}; that of DNN 1 is the higher one in "
        f"{found.share:.1f} % of pairs."
    )


def as_csv(found: Sequence[retraining_table.Row], fooling: Sequence[tuple[int, int]]) -> str:
    """The table for programs: a row per DNN, and the paper's figures."""
    names = [field.name for field in dataclasses.fields(retraining_table.Row)]
    papers = [field.name for field in dataclasses.fields(PaperColumn)]
    header = ["i", *names[1:], "fooling_train", "fooling_val", *(f"paper_{n}" for n in papers)]
    table = []
    for row, counts in zip(found, fooling, strict=False):
        known = row.number <= len(PAPER)
        paper = dataclasses.astuple(PAPER[row.number - 1]) if known else [""] * len(papers)
        table.append([*dataclasses.astuple(row), *counts, *paper])
    return _csv(header, table)


def comparisons_csv(found: Sequence[Comparison]) -> str:
    """The tests for programs."""
    names = [field.name for field in dataclasses.fields(Comparison)]
    return _csv(["i", *names[1:]], [dataclasses.astuple(comparison) for comparison in found])


def _csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([f"{v:.10g}" if isinstance(v, float) else v for v in row])
    return table.getvalue()
