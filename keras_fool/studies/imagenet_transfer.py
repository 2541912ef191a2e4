"""Images evolved on each of two networks of ImageNet, given to the other one.

What `table_s1_imagenet` (one architecture, two trainings) and `transfer_architectures`
(two architectures) have in common; supplement A.1 and A.2 of Nguyen, Yosinski and Clune,
2015, https://arxiv.org/abs/1412.1897.
"""

from collections.abc import Mapping, Sequence

from keras_fool.runs import champions
from keras_fool.studies import (
    cross_scoring,
    curves,
    evolved_runs,
    experiment,
    imagenet_runs,
    transfer,
    transfer_tables,
)

DIRECTIONS = ("B on A", "A on B", "mean")


def run(
    context: experiment.Context, title: str, paper: Mapping[str, Sequence[float | None]]
) -> experiment.Outcome:
    """Evolves on both, scores on both, and counts.

    Args:
        context: The experiment's.
        title: The experiment's.
        paper: For `DIRECTIONS`, rows (a), (b), (c) of the paper in percent; None for
            what it does not say.
    """
    models = imagenet_runs.classifiers_of(context, 2)
    evolutions = [imagenet_runs.plan(context, model) for model in models]
    for number, planned in enumerate(evolutions, 1):
        with context.stage(f"evolve on {planned.classifier.name}", number, of=3) as stage:
            evolved_runs.evolve(context, planned, stage)
    with context.stage("score the images on both", 3, of=3):
        scorers = cross_scoring.Scorers()
        studies = [
            scorers.cross_score(champions.read(planned.path), models) for planned in evolutions
        ]
        columns, counts, shares = [], [], []
        for name, scores in zip(DIRECTIONS, studies, strict=False):
            (other,) = scores.others
            counted = transfer.count(
                scores.confidences[scores.original], scores.confidences[other], scores.own
            )
            heading = f"{other} on images of {scores.original}"
            columns.append((heading, paper[name], counted.percentages))
            shares.append(counted.percentages)
            counts.append([heading, counted.images, counted.matches, counted.sure, counted.higher])
        mean = [sum(values) / len(values) for values in zip(*shares, strict=True)]
        columns.append(("mean of both", paper["mean"], mean))
        headings = ("", "images", "top-1 matches", "of these both 99 %", "higher on the original")
        return experiment.Outcome(
            settings=evolved_runs.recorded(models, evolutions),
            table="\n".join(
                [
                    _table(columns),
                    transfer_tables.markdown(headings, counts),
                    "What the images are:\n",
                    imagenet_runs.summary_table(evolutions),
                ]
            ),
            files={
                "images.csv": transfer_tables.images_csv(studies).encode(),
                "confidences.png": curves.distributions(
                    {
                        f"images of {scores.original}, scored by {name}": confidences.max(axis=1)
                        for scores in studies
                        for name, confidences in scores.confidences.items()
                    },
                    context.title(title),
                ),
            },
        )


def _table(columns: Sequence[tuple[str, Sequence[float | None], Sequence[float]]]) -> str:
    rows = [
        [
            f"{row}: {heading}",
            transfer_tables.NO_VALUE if paper[line] is None else paper[line],
            transfer_tables.percent(ours[line]),
        ]
        for line, row in enumerate(transfer.ROWS)
        for heading, paper, ours in columns
    ]
    return transfer_tables.markdown(["%", "paper", "ours"], rows)
