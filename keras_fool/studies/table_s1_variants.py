"""Table S1 once more, with what the paper leaves open done in other ways.

Ours transfer far more often than the paper's. So the likely reasons are tried, one by one:
how long evolution goes on, what a network sees of a pixel's place, pixels instead of
networks, and the mean image that the published code subtracted.
"""

from collections.abc import Iterator, Sequence

from keras_fool.models import classifiers
from keras_fool.runs import champions
from keras_fool.studies import (
    bootstrap,
    cross_scoring,
    evolved_runs,
    experiment,
    table_s1_mnist,
    transfer,
    transfer_tables,
)

RUNS = 10
_CHANGES = {
    "1000 generations": {"generations": 1000},
    "x and y normalized to [-1, 1]": {"coords": "normalized"},
    "pixels evolved, not networks": {"encoding": "direct"},
}
_MEAN = "mean image subtracted by both"
_MEAN_ORIGINAL = "mean image subtracted by the original only"

Variant = tuple[str, list[cross_scoring.CrossScores]]


def run(context: experiment.Context) -> experiment.Outcome:
    """Evolves every variant, scores, and counts."""
    further = 2 * (len(_CHANGES) + 2) + 1
    models, numbers, of = evolved_runs.classifiers_of(context, 2, further_stages=further)
    subtracting = [classifiers.with_view(model, "mean_subtracted") for model in models]
    plans = {"as Table S1": table_s1_mnist.plan(context, models)}
    for name, changes in _CHANGES.items():
        plans[name] = table_s1_mnist.plan(context, models, RUNS, **changes)
    plans[_MEAN] = table_s1_mnist.plan(context, subtracting, RUNS)
    for name, evolutions in plans.items():
        for planned in evolutions:
            stage_name = f"{name}: evolve on {planned.classifier.name}"
            with context.stage(stage_name, next(numbers), of) as stage:
                evolved_runs.evolve(context, planned, stage)
    with context.stage("score", next(numbers), of):
        variants = list(_scored(plans, models, subtracting))
    evolutions = [planned for of_variant in plans.values() for planned in of_variant]
    return experiment.Outcome(
        settings=evolved_runs.recorded([*models, *subtracting], evolutions),
        table=_table(variants, context.seed),
        files={
            "images.csv": transfer_tables.images_csv(
                scores for _, studies in variants for scores in studies
            ).encode()
        },
    )


def _scored(plans: dict, models: Sequence, subtracting: Sequence) -> Iterator[Variant]:
    """The scores of each variant's images on the classifiers that it is about."""
    scorers = cross_scoring.Scorers()

    def scored(name: str, pairs: Sequence, when: str = "last") -> list[cross_scoring.CrossScores]:
        return [
            scorers.cross_score(champions.read(planned.path, when), pair)
            for planned, pair in zip(plans[name], pairs, strict=True)
        ]

    plain = "as Table S1"
    yield plain, scored(plain, [models] * 2)
    yield "as Table S1, first generation", scored(plain, [models] * 2, "first")
    for name in _CHANGES:
        yield name, scored(name, [models] * 2)
    yield _MEAN, scored(_MEAN, [subtracting] * 2)
    yield _MEAN_ORIGINAL, scored(_MEAN, [(subtracting[0], models[1]), (subtracting[1], models[0])])


def _table(variants: Sequence[Variant], seed: int) -> str:
    """A row per variant, as Markdown."""
    paper = [transfer_tables.percent(value) for value in table_s1_mnist.PAPER["mean"]]
    rows = [["paper", "30 + 30", *paper]]
    for name, studies in variants:
        counts = [
            transfer.count(
                scores.confidences[scores.original], scores.confidences[other], scores.own
            )
            for scores in studies
            for other in scores.others
        ]
        intervals = transfer_tables.mean_intervals(studies, seed)
        means = [sum(c.percentages[row] for c in counts) / len(counts) for row in range(3)]
        runs = " + ".join(str(len(set(scores.champions.runs))) for scores in studies)
        cells = [
            f"{transfer_tables.percent(mean)} ({interval})"
            for mean, interval in zip(means, intervals, strict=True)
        ]
        rows.append([name, runs, *cells])
    table = transfer_tables.markdown(["%, mean of both directions", "runs", *transfer.ROWS], rows)
    return (
        f"{table}\nIn brackets the 95 % interval, bootstrap over runs "
        f"({bootstrap.RESAMPLES:,} resamples).\n"
    )


EXPERIMENT = experiment.Experiment(
    "table_s1_variants",
    "Table S1, MNIST, done in other ways",
    "What could make images transfer less: longer runs, other encodings, a mean image.",
    run,
)
