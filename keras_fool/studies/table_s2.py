"""Table S2: fifteen classifiers, each trained on the images that fooled those before it."""

from keras_fool.studies import experiment, retraining, retraining_experiment

_ITERATIONS = 15


def run(context: experiment.Context) -> experiment.Outcome:
    """Trains, evolves and draws, or goes on with that, and counts."""
    config = retraining.Config.scaled(
        context.scale,
        dataset=context.dataset,
        iterations=context.scaled(_ITERATIONS, minimum=3),
        seed=context.seed,
        view=context.view,
    )
    return retraining_experiment.run(context, config, EXPERIMENT.title)


EXPERIMENT = experiment.Experiment(
    "table_s2",
    "Table S2: retraining with a fooling class",
    "15 rounds of training, fooling, and adding what fooled as one more class.",
    run,
    takes_view=True,
)
