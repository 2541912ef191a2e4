"""Table S1 on MNIST: images evolved on one classifier, given to another one.

30 runs of ten digits on each of two classifiers that differ in their seed alone: in their
initial weights and the order of their training images.
"""

from collections.abc import Sequence

from keras_fool.models import classifiers, image_views
from keras_fool.runs import champions
from keras_fool.studies import (
    bootstrap,
    cross_scoring,
    evolved_runs,
    experiment,
    figures,
    seen_images,
    transfer,
    transfer_tables,
)

RUNS = 30
# The paper's rows (a), (b), (c): of the second classifier on images of the first one, ...
PAPER = {"B on A": (48.7, 27.3, 95.9), "A on B": (43.3, 27.3, 88.5), "mean": (46.0, 27.3, 92.2)}


def evolve_and_score(
    context: experiment.Context,
) -> tuple[list[cross_scoring.CrossScores], dict[str, object]]:
    """Evolves on both classifiers, or finds that done, and scores on both.

    Returns:
        The scores of the images evolved on the first and on the second classifier, and
        what settings.json says of all that.
    """
    models, numbers, of = evolved_runs.classifiers_of(context, 2, further_stages=3)
    evolutions = plan(context, models)
    for planned in evolutions:
        name = f"evolve {planned.config.runs} runs on {planned.classifier.name}"
        with context.stage(name, next(numbers), of) as stage:
            evolved_runs.evolve(context, planned, stage)
    with context.stage("score the images on both", next(numbers), of):
        scorers = cross_scoring.Scorers()
        others = models[1], models[0]  # they see the images as they are, whatever the view
        studies = [
            scorers.cross_score(champions.read(planned.path), [planned.classifier, other])
            for planned, other in zip(evolutions, others, strict=True)
        ]
    return studies, evolved_runs.recorded(models, evolutions)


def plan(
    context: experiment.Context,
    models: Sequence[classifiers.Classifier],
    runs: int = RUNS,
    **changes: object,
) -> list[evolved_runs.Evolution]:
    """An evolution on each classifier, of so many of the paper's runs."""
    numbers = range(context.scaled(runs, minimum=2))
    # Runs of different seeds have nothing in common but what they fool.
    return [
        evolved_runs.plan(context, model, numbers, context.seed + place, **changes)
        for place, model in enumerate(models)
    ]


def run(context: experiment.Context) -> experiment.Outcome:
    """Evolves, scores, and counts."""
    studies, settings = evolve_and_score(context)
    rows, counts, maps, tables = [], [], [], []
    for name, scores in zip(("B on A", "A on B"), studies, strict=True):
        (other,) = scores.others
        confidences = scores.confidences[scores.original], scores.confidences[other]
        counted = transfer.count(*confidences)
        intervals = transfer_tables.intervals(scores, other, context.seed)
        heading = f"{other} on images of {scores.original}"
        rows.append((heading, PAPER[name], counted.percentages, intervals))
        counts.append([heading, counted.images, counted.matches, counted.sure, counted.higher])
        given = transfer.given_labels(confidences[1], scores.champions.niches)
        maps.append(figures.HeatMap(given, heading, f"label that {other} gives"))
        tables.append(f"## {heading}\n\n{transfer_tables.label_table(scores, other)}")
    ours = [sum(row[2][line] for row in rows) / len(rows) for line in range(3)]
    by_run = transfer_tables.mean_intervals(studies, context.seed)
    rows.append(("mean of both", PAPER["mean"], ours, by_run))
    title = context.title(EXPERIMENT.title)
    columns = ("images", "top-1 matches", "of these both 99 %", "of these higher on the original")
    text = [
        _table(rows),
        f"Intervals: 95 %, bootstrap over the {len(set(studies[0].champions.runs))} runs "
        f"({bootstrap.RESAMPLES:,} resamples).\n",
        transfer_tables.markdown(["", *columns], counts),
        *tables,
    ]
    pictures = {"heat_map.png": figures.heat_maps(maps, studies[0].champions.labels, title)}
    if context.view != image_views.PLAIN:
        pictures["seen.png"] = seen_images.draw(studies[0].champions, context)
    return experiment.Outcome(
        settings=settings,
        table="\n".join(text),
        files={"images.csv": transfer_tables.images_csv(studies).encode(), **pictures},
    )


def _table(rows: Sequence[tuple]) -> str:
    """Table S1 beside ours, as Markdown."""
    lines = [
        [f"{name}: {heading}", paper[line], transfer_tables.percent(ours[line]), intervals[line]]
        for line, name in enumerate(transfer.ROWS)
        for heading, paper, ours, intervals in rows
    ]
    return transfer_tables.markdown(["%", "paper", "ours", "95 % interval"], lines)


EXPERIMENT = experiment.Experiment(
    "table_s1_mnist",
    "Table S1, MNIST: images that fool one classifier, given to another",
    "30 runs on each of two classifiers; how many of their images fool the other one.",
    run,
    takes_view=True,
)
