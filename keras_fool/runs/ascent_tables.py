"""Rows of an ascent's tables: metrics.csv and champions.csv.

The number of a run is the seed of its noise. Numbers are written with nine significant
digits, which give a float32 back to the bit.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from evolvers.ascent import config, loop, step
from keras_fool.runs import run_kinds, tables

METRICS_HEADER = "run,label,step,confidence,gradient_norm,learning_rate,top1_label\n"


def metrics_rows(trace: loop.Trace, targets: Sequence[tuple[int, int]]) -> str:
    """The rows of some steps, in order, and within a step those of its images.

    What is not finite is left empty: it ended the image's ascent.
    """
    rows = []
    for index in range(len(trace.confidence)):
        for place in np.flatnonzero(trace.active[index]).tolist():
            label, seed = targets[place]
            values = (
                trace.confidence[index, place],
                trace.gradient_norm[index, place],
                trace.learning_rate[index, place],
            )
            top1 = trace.top1[index, place]
            rows.append(
                f"{seed},{label},{trace.first + index},{','.join(map(_number, values))},"
                f"{top1 if top1 >= 0 else ''}\n"
            )
    return "".join(rows)


def champion_row(
    ascent: loop.Ascent,
    place: int,
    scored: Mapping[str, np.ndarray],
    there: Mapping[str, np.ndarray],
    labels: Sequence[str],
) -> dict[str, object]:
    """A row of champions.csv.

    Args:
        ascent: After its last step.
        place: Which of its images.
        scored: For what is in `config.KEPT`, float32 [images, num_labels]: what the classifier
            says of the images as they are stored.
        there: Likewise bool [images]; which of them are stored.
        labels: The names of all labels.
    """
    label, seed = ascent.targets[place]
    last = scored["last"][place]
    top1 = int(np.argmax(last))
    stopped, best = ascent.stopped()[place], there["best"][place]
    return {
        "run": seed,
        "label": label,
        "label_name": labels[label],
        "confidence": tables.number(last[label]),
        "top1_label": top1,
        "top1_name": labels[top1],
        "top1_confidence": tables.number(last[top1]),
        "iterate_confidence": tables.number(ascent.confidences("last")[place]),
        "step": ascent.steps("last")[place],
        "gradient_zero_at": "" if stopped == step.NEVER else stopped,
        "best_confidence": tables.number(scored["best"][place][label]) if best else "",
        "best_iterate_confidence": tables.number(ascent.confidences("best")[place]),
        **{
            f"step_{kept}": ascent.steps(kept)[place] if there[kept][place] else ""
            for kept in config.KEPT[1:]
        },
        "file": run_kinds.image_file(seed, label, "last"),
    }


def in_png(
    ascent: loop.Ascent, place: int, kept: str, confidence: np.floating, labels: Sequence[str]
) -> dict[str, str]:
    """The texts inside an image's PNG; `confidence` is that of the image as it is stored."""
    label, seed = ascent.targets[place]
    return {
        "made_by": "gradient ascent",
        "run": str(seed),
        "label": str(label),
        "label_name": labels[label],
        "confidence": tables.number(confidence),
        "iterate_confidence": tables.number(ascent.confidences(kept)[place]),
        "step": str(ascent.steps(kept)[place]),
    }


def _number(value: np.floating) -> str:
    return tables.number(value) if np.isfinite(value) else ""
