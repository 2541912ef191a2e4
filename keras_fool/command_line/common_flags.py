"""Flags that several commands share, each defined once.

A command names the ones it takes in `cli.run(main, uses=[...])`; the others are refused.
"""

from absl import flags

from keras_fool.command_line import path_flags
from keras_fool.models import endpoints, image_views, meanings, preprocessing
from trainers import config as trainers_config

DATASET = flags.DEFINE(
    path_flags.Paths(),
    "dataset",
    None,
    "Data set by name: mnist (real MNIST, 28x28 grey; training needs it prepared or a "
    "download), digits (scikit-learn's handwritten digits enlarged to 28x28, no download), shapes "
    "(drawn in colour, no download), imagenet2012, or folder:PATH (a folder of pictures per "
    "label).",
)
DATA_DIR = flags.DEFINE(
    path_flags.Path(),
    "data_dir",
    None,
    "Where TensorFlow Datasets keeps prepared data; by default $TFDS_DATA_DIR, then "
    "~/tensorflow_datasets.",
)
MODEL = flags.DEFINE(
    path_flags.Paths(),
    "model",
    None,
    "The classifier: a name under saved_models/ (its newest version), a version folder, any "
    ".keras file, or a network of keras.applications such as MobileNet. Several with commas "
    "between them are an ensemble, whose confidences are averaged; options follow each after "
    "colons: squeezenet.keras:bgr or MobileNet:alpha=0.25:size=128:weights=FILE. Or the address "
    "of a model behind TF Serving's API: grpc://host:port/name.",
)
WEIGHTS = flags.DEFINE(
    path_flags.Path(),
    "weights",
    None,
    "Weights: for a network of keras.applications a file that Keras loads, or imagenet for the "
    "published ones, which are downloaded once; elsewhere the command's text says which.",
)
PREPROCESS = flags.DEFINE_enum(
    "preprocess",
    None,
    tuple(preprocessing.METHODS),
    "What --model expects of bytes 0..255: as they are (none, the default), divided by 255 "
    "(unit), as keras.applications prepares them in its modes caffe, tf and torch, or BGR minus "
    "(104, 117, 123) (bgr). Networks of keras.applications have their own.",
)
OUTPUTS = flags.DEFINE_enum(
    "outputs",
    None,
    meanings.MEANINGS,
    "What the outputs of --model mean: confidences, which add up to 1; logits, whose softmax does; "
    "or sigmoid, a probability of its own for each label (one output p stands for two labels, "
    "1 - p and p). By default what its last layer tells, else confidences; it is checked.",
)
FROM_LOGITS = flags.DEFINE_bool("from_logits", False, "The same as --outputs=logits.")
IMAGE_SIZE = flags.DEFINE_integer(
    "image_size",
    None,
    "Side of images, in pixels: of those that are made for a network that sees crops of them, "
    "by default what it takes; of pictures that are trained on; on a sheet the longer side of "
    "each, by default what fits.",
    lower_bound=8,
    upper_bound=8192,
)
GREY = flags.DEFINE_bool(
    "grey",
    False,
    "Take the pictures of folder:PATH or imagenet2012 as grey images, by their luminance, for "
    "lenet or small.",
)
CROPS = flags.DEFINE_integer(
    "crops",
    1,
    "Crops of an image of --image_size that a network sees: 1, the centre, or 10, the corners, "
    "the centre and their mirror images, as in the paper. Confidences are their mean.",
)
CROP_SIZE = flags.DEFINE_integer(
    "crop_size",
    None,
    "Side of a crop in pixels, scaled to what the network takes; by default just that.",
    lower_bound=1,
)
VIEW = flags.DEFINE_enum(
    "view",
    image_views.PLAIN,
    image_views.VIEWS,
    "What reaches the network of a grey image: the image (plain), or what the code published with "
    "the paper shows it: three squeezed copies minus the mean training image (published), the "
    "copies only (published_no_mean), or the image minus the mean (mean_subtracted). The PNGs are "
    "always the plain images.",
)
LABEL_NAMES = flags.DEFINE(
    path_flags.Path(),
    "label_names",
    None,
    "A file with the names of the labels, in UTF-8, for classifiers that bring none: a line per "
    'label, or JSON: a list, {"cat": 0}, or the imagenet_class_index.json of Keras.',
)
NAME = flags.DEFINE_string(
    "name", None, "The classifier's name, a folder under --output_dir. Required."
)
VERSION = flags.DEFINE_integer(
    "version", 1, "The version of that name, a folder under it.", lower_bound=1
)
OUTPUT_DIR = flags.DEFINE(
    path_flags.Path(), "output_dir", "saved_models", "Where classifiers are written."
)
ARCHITECTURE = flags.DEFINE_enum(
    "architecture",
    None,
    trainers_config.ARCHITECTURES,
    "The network; by default what suits the data.",
)
WORKDIR = flags.DEFINE(
    path_flags.Path(),
    "workdir",
    None,
    "The folder that everything is written to; one that exists is continued. By default a "
    "folder under runs/.",
)
IMAGES = flags.DEFINE(
    path_flags.Paths(),
    "images",
    None,
    "Run folders that evolve wrote, with commas between them; one that exists may have commas in "
    "its name.",
)
MODELS = flags.DEFINE(
    path_flags.Paths(),
    "models",
    None,
    "Classifiers, with commas between them, each as --model takes one. A .keras file that "
    "takes no bytes or whose outputs do not tell what they mean says so: my.keras:tf:logits "
    "(preprocess; confidences, logits or sigmoid). "
    "Plus signs make an ensemble: a+b,c. A file or folder that exists is meant as it stands, "
    "whatever commas, colons and plus signs are in its name.",
)
OUTPUT = flags.DEFINE(
    path_flags.Path(),
    "output",
    None,
    "What to write; the command's text says what it is by default.",
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
    "and fool one after the other, by default 15 on mnist and digits, else 2.",
    lower_bound=1,
)
STEPS = flags.DEFINE_integer(
    "steps",
    None,
    "Of an ascent, by default the preset's; of every training to retrain, by default those of "
    "the architecture times --scale.",
    lower_bound=1,
)
SCALE = flags.DEFINE_float(
    "scale",
    1.0,
    "The share of the paper's runs, generations and so on, above 0 and at most 1.",
    lower_bound=0.001,
    upper_bound=1.0,
)
_OPTIONS = endpoints.Options()
DEADLINE = flags.DEFINE_float(
    "deadline",
    _OPTIONS.deadline,
    "Of an endpoint: seconds that one request may take.",
    lower_bound=0.001,
)
PATIENCE = flags.DEFINE_float(
    "patience",
    _OPTIONS.patience,
    "Of an endpoint: seconds without a usable answer after which the run stops, saved.",
    lower_bound=0,
)
IN_FLIGHT = flags.DEFINE_integer(
    "in_flight",
    _OPTIONS.in_flight,
    "Of an endpoint: requests under way at a time.",
    lower_bound=1,
    upper_bound=256,
)
REQUESTS_PER_SECOND = flags.DEFINE_float(
    "requests_per_second",
    _OPTIONS.requests_per_second,
    "Of an endpoint: the most requests that are sent; by default as many as it answers.",
    lower_bound=0.001,
)
MAX_REQUESTS = flags.DEFINE_integer(
    "max_requests",
    _OPTIONS.max_requests,
    "Of an endpoint: requests after which the run stops, saved; started again, it goes on with "
    "as many more. By default there is no end.",
    lower_bound=1,
)
MAX_IMAGES = flags.DEFINE_integer(
    "max_images",
    _OPTIONS.max_images,
    "Of an endpoint: the same for images.",
    lower_bound=1,
)
ALLOW_VERSION_CHANGE = flags.DEFINE_bool(
    "allow_version_change",
    _OPTIONS.allow_version_change,
    "Of an endpoint: go on when another version of the model answers than the one that the run "
    "was begun with, though their confidences do not compare.",
)
DEBUG = flags.DEFINE_bool("debug", False, "Show tracebacks and TensorFlow's own messages.")
