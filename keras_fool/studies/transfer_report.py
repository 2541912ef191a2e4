"""The report of `transfer`: Table S1 for any run folders and classifiers, with heat maps."""

import dataclasses
from collections.abc import Mapping, Sequence

from keras_fool.models import classifiers, meanings, model_formats
from keras_fool.studies import cross_scoring, galleries, plots, transfer, transfer_tables


@dataclasses.dataclass(frozen=True)
class Report:
    """What was counted.

    Attributes:
        summary: Table S1 and the counts below it, as Markdown.
        notes: Which labels were taken in which order, where a classifier has no names of them,
            and for which classifiers images were resized.
        files: By name, transfer.md, transfer.csv, and a heat map for each pair of a folder and
            another classifier.
        all_are_sure_of_some: Whether all classifiers give some image the label it was evolved
            for with at least 99 %.
    """

    summary: str
    notes: Sequence[str]
    files: Mapping[str, bytes]
    all_are_sure_of_some: bool


def report(studies: Sequence[cross_scoring.CrossScores], seed: int) -> Report:
    """Counts how many images transfer, and draws.

    Args:
        studies: The scores of each folder.
        seed: Seed of the bootstrap intervals.
    """
    columns: dict[str, transfer.Counts] = {}
    intervals, lost, label_tables, files = {}, {}, [], {}
    for scores in studies:
        folder = classifiers.printable(scores.champions.folder.name)
        for other in scores.others:
            heading = f"{other} on images of {scores.original}"
            if heading in columns:
                heading += f" ({folder})"
            columns[heading] = transfer_tables.count(scores, other)
            lost[heading] = transfer_tables.not_finite(scores, other)
            lost[heading] += transfer_tables.resized(scores, other)
            intervals[heading] = transfer_tables.intervals(scores, other, seed)
            label_tables.append(f"## {heading}\n\n{transfer_tables.label_table(scores, other)}")
            name = model_formats.without_suffix(f"heat_map_{folder}_{other}".replace("/", "-"))
            files[f"{name}.png"] = _heat_map(scores, other, heading)
    table = transfer_tables.table_s1(columns, intervals)
    counts = "".join(
        f"- {heading}: {c.images} images, {c.matches} matches, {c.sure} of them with 99 %, "
        f"{c.higher} higher on the original{lost[heading]}\n"
        for heading, c in columns.items()
    )
    note = "In brackets: 95 % intervals, bootstrap over runs; not available for a single run.\n"
    if any(scores.independent for scores in studies):
        note += (
            f"\n{meanings.INDEPENDENT} A match is an image that both give the label that it was "
            "evolved for.\n"
        )
    said = [(*scores.taken_lines, *scores.resized_lines) for scores in studies]
    notes = list(dict.fromkeys(line for lines in said for line in lines))
    orders = [f"{line[0].upper()}{line[1:]}\n" for line in notes]
    parts = ["# Images that fool other classifiers\n", table, note, counts, *orders, *label_tables]
    files["transfer.md"] = "\n".join(parts).encode()
    files["transfer.csv"] = transfer_tables.images_csv(studies)
    some = any(galleries.sure(scores).any() for scores in studies)
    return Report(f"{table}\n{counts}", notes, files, some)


def _heat_map(scores: cross_scoring.CrossScores, other: str, heading: str) -> bytes:
    given = transfer.given_labels(
        scores.confidences[other], scores.champions.niches, scores.independent
    )
    heat_map = plots.HeatMap(given, "numbers of images", f"label that {other} gives")
    return plots.heat_maps([heat_map], scores.champions.labels, heading)
