"""Table S1 on ImageNet: two networks of one architecture, trained apart."""

from keras_fool.studies import experiment, imagenet_transfer

# Rows (a), (b), (c): of network B on the images of A, and so on.
_PAPER = {"B on A": (65.9, 7.2, 98.0), "A on B": (62.8, 5.0, 95.1), "mean": (64.4, 6.1, 96.6)}


def run(context: experiment.Context) -> experiment.Outcome:
    """Evolves, scores, and counts."""
    return imagenet_transfer.run(context, EXPERIMENT.title, _PAPER)


EXPERIMENT = experiment.Experiment(
    "table_s1_imagenet",
    "Table S1, ImageNet: images that fool one network, given to another of its architecture",
    "1000 images on each of two networks; how many of them fool the other one.",
    run,
    dataset="imagenet",
    others=(),
)
