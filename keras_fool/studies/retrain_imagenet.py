"""Section C.2: does a class of fooling images help an ImageNet classifier?"""

from keras_fool.studies import experiment, retraining, retraining_experiment


def run(context: experiment.Context) -> experiment.Outcome:
    """Trains, fools, adds what fooled, trains afresh and fools again, or goes on with that."""
    config = retraining.Config.scaled(
        context.scale,
        dataset=context.dataset,
        num_labels=retraining.num_labels(context.dataset),
        seed=context.seed,
    )
    if config.section != "C.2":
        raise ValueError(
            "retrain_imagenet takes --dataset=imagenet2012, shapes or folder:PATH, not "
            f"{context.dataset}, which table_s2 is for."
        )
    return retraining_experiment.run(context, config, EXPERIMENT.title)


EXPERIMENT = experiment.Experiment(
    "retrain_imagenet",
    "Section C.2: retraining once with a fooling class",
    "Trains, fools, and trains afresh with what fooled as one more class, and fools again.",
    run,
    dataset="imagenet2012",
    others=None,
)
