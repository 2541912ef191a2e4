"""Supplement A.2: two architectures, each given the images that fool the other."""

from keras_fool.studies import experiment, imagenet_transfer

# AlexNet (A) gives 20.7 % of the images of GoogLeNet (B) the label that GoogLeNet gives.
_PAPER = {
    "B on A": (17.3, None, None),
    "A on B": (20.7, None, None),
    "mean": (19.0, None, None),
}


def run(context: experiment.Context) -> experiment.Outcome:
    """Evolves, scores, and counts."""
    return imagenet_transfer.run(context, EXPERIMENT.title, _PAPER)


EXPERIMENT = experiment.Experiment(
    "transfer_architectures",
    "Images that fool one architecture, given to another (supplement A.2)",
    "1000 images on each of two networks of different design; how many fool the other.",
    run,
    dataset="imagenet",
    others=(),
)
