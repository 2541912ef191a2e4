"""The experiment `detectors`: does anything tell fooling images from real ones?

Static: detectors are fitted on training images and judged on noise, other data, and images that
were evolved and ascended against the classifier alone. Adaptive: images are evolved against
classifier and detector together, an image's confidence counting only where the detector, at the
threshold that accepts 95 % of held-out real images, accepts it. No detector sees a fooling image
before it is judged. Every image is scored from its PNG file.
"""

from collections.abc import Sequence

from keras_fool.studies import experiment, steps, tables
from keras_fool.studies.detection import collected, picture, plan
from keras_fool.studies.detection import tables as detection_tables

# AUROC in per cent of Outlier Exposure's MNIST network of 0.94 % error, MSP (its repository).
PAPER = {"gaussian": 99.96, "bernoulli": 99.81}


def _steps(context: experiment.Context) -> Sequence[steps.Step]:
    return plan.plan(context).steps


def _report(context: experiment.Context) -> experiment.Outcome:
    """Scores, and counts."""
    planned = plan.plan(context)
    found = collected.collect(context, planned)
    figures = detection_tables.static(found, context.seed)
    rows = detection_tables.left(found, context.seed)
    text = [
        f"{found.remark}\n",
        f"{planned.subject.name} classifies {100 * found.accuracy:.2f} % of these "
        f"{len(found.real):,} rightly.\n",
        "Intervals: 95 %, bootstrap over images, and over runs of images that were made.\n",
        *(f"Not fitted: {why}\n" for why in planned.fit.left_out.values()),
        "## What is left of each detector\n",
        f"CPPN images evolved against the classifier alone, and against classifier and detector: "
        f"{plan.RUNS} independent runs each. Confidences of rejected images count as 0.\n",
        detection_tables.left_table(found, rows),
        *_published(context, figures),
        detection_tables.static_tables(found, figures),
    ]
    return experiment.Outcome(
        settings={
            **plan.recorded(planned),
            "level": plan.LEVEL,
            "data_digests": dict(found.digests),
            "detectors": {name: each.parameters for name, each in found.fitted.items()},
        },
        table="\n".join(text),
        files={
            "static.csv": detection_tables.static_csv(found, figures),
            "adaptive.csv": detection_tables.left_csv(rows),
            "thresholds.csv": detection_tables.thresholds_csv(found),
            "images.csv": detection_tables.images_csv(found),
            "detectors.png": picture.draw(found, figures, rows, context.title()),
        },
    )


def _published(context: experiment.Context, figures: detection_tables.Static) -> list[str]:
    """MSP on noise against MNIST, beside the published figures."""
    if context.dataset != "mnist":
        return []
    rows = []
    for name, published in context.experiment.paper.items():
        of = figures[name]["msp"].auroc
        cells = [f"{100 * value:.2f}" for value in (of.value, of.low, of.high)]
        rows.append([name, published, cells[0], f"{cells[1]} to {cells[2]}"])
    headings = ["MSP on noise: AUROC, %", "Outlier Exposure", "keras_fool", "95 % interval"]
    return [f"## Beside the published figures\n\n{tables.markdown(headings, rows)}"]


EXPERIMENTS = (
    experiment.Experiment(
        name="detectors",
        title="Do detectors help? Eight of them, static and adaptive",
        steps=_steps,
        report=_report,
        paper=PAPER,
        others=None,
        takes_outliers=True,
    ),
)
