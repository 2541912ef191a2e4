"""Flags that several commands share, each defined once.

A command names the ones it takes in `cli.run(main, uses=[...])`; the others are refused.
"""

from absl import flags

DATASET = flags.DEFINE_string(
    "dataset",
    None,
    "Data set by name: mnist (real MNIST, 28x28 grey; training needs it prepared or a "
    "download) or digits (scikit-learn's handwritten digits enlarged to 28x28, no download).",
)
DATA_DIR = flags.DEFINE_string(
    "data_dir",
    None,
    "Where TensorFlow Datasets keeps prepared data; by default $TFDS_DATA_DIR, then "
    "~/tensorflow_datasets.",
)
MODEL = flags.DEFINE_string(
    "model",
    None,
    "The classifier: a name under saved_models/ (its newest version), a version folder, or "
    "any .keras file.",
)
WORKDIR = flags.DEFINE_string(
    "workdir",
    None,
    "The folder that everything is written to; one that exists is continued. By default a "
    "folder under runs/.",
)
IMAGES = flags.DEFINE_list(
    "images", None, "Run folders that evolve wrote, with commas between them."
)
MODELS = flags.DEFINE_list(
    "models",
    None,
    "Classifiers, with commas between them, each as --model takes one. A .keras file that "
    "takes no bytes or gives no confidences says so: my.keras:tf:logits (preprocess, logits).",
)
OUTPUT = flags.DEFINE_string(
    "output", None, "What to write; the command's text says what it is by default."
)
OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace what is written if it is there.")
SEED = flags.DEFINE_integer(
    "seed",
    1,
    "Seed of all randomness; the same seed gives the same bytes.",
    lower_bound=0,
    upper_bound=2**32 - 1,
)
ITERATIONS = flags.DEFINE_integer(
    "iterations",
    None,
    "How many: steps of gradient descent to train, 10,000 by default; classifiers to retrain "
    "and fool one after the other, 15 by default.",
    lower_bound=1,
)
SCALE = flags.DEFINE_float(
    "scale",
    1.0,
    "The share of the paper's runs, generations and so on, above 0 and at most 1.",
    lower_bound=0.001,
    upper_bound=1.0,
)
DEBUG = flags.DEFINE_bool("debug", False, "Show tracebacks and TensorFlow's own messages.")
