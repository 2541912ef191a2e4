"""Rows of the run folder's tables: metrics.csv, lineage.csv, champions.csv.

Numbers are written with nine significant digits, which give a float32 back to the bit.
"""

import csv
import io
from collections.abc import Mapping, Sequence

import numpy as np

from evolvers import archive, cppn, generations

METRICS_HEADER = "run,generation,median,mean,min,max,takeovers,unchanged,duplicates\n"
# One column more, in a run of which an image had a NaN or infinite confidence; it is there for
# all generations, and counts such images.
_NOT_FINITE = "not_finite"
# The ALife data standard for phylogenies asks for the first three by these names,
# https://alife-data-standards.github.io/alife-data-standards/phylogeny.html
LINEAGE_HEADER = "id,ancestor_list,origin_time,run,labels\n"
# Identities count from 0 in each run; this makes them unique in the table.
_IDS_PER_RUN = 10**9


def number(value: float | np.floating) -> str:
    """A float32, readable and exact."""
    return f"{value:.9g}"


def unique_id(run: int, identity: int) -> int:
    """An identity that is unique over all runs of a seed."""
    return run * _IDS_PER_RUN + identity


def metrics_rows(
    generation: generations.Generation, first_run: int, *, not_finite: bool = False
) -> str:
    """The rows of one generation, one per run; the first has the number `first_run`.

    Args:
        generation: What happened.
        first_run: The number of the first run.
        not_finite: Whether metrics.csv has the column `not_finite`.
    """
    columns = zip(
        generation.median,
        generation.mean,
        generation.minimum,
        generation.maximum,
        generation.takeovers,
        generation.unchanged,
        generation.duplicates,
        generation.not_finite,
        strict=True,
    )
    return "".join(
        f"{run},{generation.number},{number(median)},{number(mean)},{number(least)},"
        f"{number(most)},{takeovers},{unchanged},{duplicates}"
        f"{f',{lost}' if not_finite else ''}\n"
        for run, (median, mean, least, most, takeovers, unchanged, duplicates, lost) in enumerate(
            columns, first_run
        )
    )


def counts_not_finite(metrics: str) -> bool:
    """Whether a metrics.csv has the column `not_finite`."""
    return metrics.partition("\n")[0].endswith(f",{_NOT_FINITE}")


def with_not_finite(metrics: str) -> str:
    """A metrics.csv with the column `not_finite`, 0 so far."""
    header, *rows = metrics.splitlines()
    return "".join(
        f"{line}\n" for line in [f"{header},{_NOT_FINITE}", *(f"{row},0" for row in rows)]
    )


def without_not_finite(metrics: str) -> str:
    """A metrics.csv without that column, and without a last row that is not whole."""
    rows = metrics[: metrics.rfind("\n") + 1].splitlines()
    return "".join(f"{row.rpartition(',')[0]}\n" for row in rows)


def lineage_rows(generation: generations.Generation, first_run: int) -> str:
    """The rows of the elites that are new in a generation, in the order they were accepted."""
    rows = []
    for run_index, elite, niches in generation.accepted:
        run = first_run + run_index
        ancestor = "none" if elite.parent < 0 else unique_id(run, elite.parent)
        labels = " ".join(map(str, niches))
        rows.append(
            f"{unique_id(run, elite.identity)},[{ancestor}],{elite.generation},{run},{labels}\n"
        )
    return "".join(rows)


def champion_row(
    run: int, label: int, elite: archive.Elite, labels: Sequence[str], file: str
) -> dict[str, object]:
    """A row of champions.csv.

    Args:
        run: The run's number.
        label: The niche.
        elite: The one that holds it.
        labels: The names of all labels.
        file: The PNG, relative to the run folder.
    """
    top1 = int(np.argmax(elite.confidences))
    genome = elite.genome
    size = (genome.num_nodes, genome.num_connections) if isinstance(genome, cppn.Cppn) else ("", "")
    return {
        "run": run,
        "label": label,
        "label_name": labels[label],
        "confidence": number(elite.confidences[label]),
        "top1_label": top1,
        "top1_name": labels[top1],
        "top1_confidence": number(elite.confidences[top1]),
        "generation": elite.generation,
        "id": unique_id(run, elite.identity),
        "num_nodes": size[0],
        "num_connections": size[1],
        "file": file,
    }


def champions_table(rows: Sequence[Mapping[str, object]]) -> str:
    """The whole champions.csv."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
