"""Flags that several commands share, each defined once.

A command lists those that it takes in its `flag_groups.Groups`, some with words of its own;
any other one is refused.
"""

from absl import flags

from evolvers import config as evolvers_config
from keras_fool.command_line import path_flags
from keras_fool.models import endpoints, image_views, meanings, preprocessing
from trainers import config as trainers_config

DATASET = flags.DEFINE(
    path_flags.Paths(),
    "dataset",
    None,
    "The data set: mnist (28x28 grey; downloaded where it is not prepared), digits (scikit-learn's "
    "handwritten digits, enlarged to 28x28), shapes (drawn in colour), imagenet2012, folder:PATH "
    "(a folder of pictures per label), or tfds:NAME (any image classification data set of "
    "TensorFlow Datasets, such as tfds:cifar10).",
)
DATA_DIR = flags.DEFINE(
    path_flags.Path(),
    "data_dir",
    None,
    "The folder in which TensorFlow Datasets keeps prepared data (default: $TFDS_DATA_DIR, then "
    "~/tensorflow_datasets).",
)
MODEL = flags.DEFINE(
    path_flags.Paths(),
    "model",
    None,
    "The classifier: a name under saved_models/ (its newest version), a version folder, a "
    ".keras, .h5 or .onnx file, the folder of a SavedModel, or a network of keras.applications "
    "such as MobileNet. Several with commas between them are an ensemble, whose confidences are "
    "averaged. Options follow each after colons: squeezenet.keras:bgr or "
    "MobileNet:alpha=0.25:size=128:weights=FILE.",
)
WEIGHTS = flags.DEFINE(
    path_flags.Path(),
    "weights",
    None,
    "For a network of keras.applications: a file of weights that Keras loads, or imagenet for "
    "the published ones, which are downloaded once.",
)
PREPROCESS = flags.DEFINE_enum(
    "preprocess",
    None,
    tuple(preprocessing.METHODS),
    "What --model expects instead of bytes 0..255: the bytes themselves (none, the default), "
    "bytes divided by 255 (unit), what keras.applications makes of them in its modes caffe, tf "
    "and torch, or BGR minus (104, 117, 123) (bgr). Networks of keras.applications have their "
    "own.",
)
OUTPUTS = flags.DEFINE_enum(
    "outputs",
    None,
    meanings.MEANINGS,
    "What the outputs of --model mean: confidences, which add up to 1; logits, whose softmax "
    "does; or sigmoid, a probability of its own for each label, where one output p stands for "
    "two labels, 1 - p and p (default: read from the last layer). It is checked.",
)
OUTPUT_NAME = flags.DEFINE_string(
    "output_name",
    None,
    "The output of --model that has the confidences, by its name, where there are several.",
)
IMPORT = flags.DEFINE_list(
    "import",
    [],
    "Modules of your own that are imported before a model is loaded, with commas between them, "
    "such as package.module: those that register custom layers and functions with "
    "keras.saving.register_keras_serializable. No file can ask for one.",
)
SIGNATURE_NAME = flags.DEFINE_string(
    "signature_name",
    None,
    "The signature of --model that takes images, where it is a SavedModel with several.",
)
IMAGE_SIZE = flags.DEFINE_integer(
    "image_size",
    None,
    "Side of an image in pixels (default: what the network takes). Of a larger image the network "
    "sees crops; a network that takes images of any size sees the image.",
    lower_bound=8,
    upper_bound=8192,
)
GREY = flags.DEFINE_bool(
    "grey",
    False,
    "Take the pictures of folder:PATH or imagenet2012 as grey images, by their luminance.",
)
CROPS = flags.DEFINE_integer(
    "crops",
    1,
    "Number of crops of a larger image that the network sees: 1 (the centre), or 10 (corners, "
    "centre and their mirror images, as in the paper), whose confidences are averaged.",
)
CROP_SIZE = flags.DEFINE_integer(
    "crop_size",
    None,
    "Side of a crop in pixels, scaled to what the network takes (default: what it takes).",
    lower_bound=1,
)
VIEW = flags.DEFINE_enum(
    "view",
    image_views.PLAIN,
    image_views.VIEWS,
    "What reaches the network of a grey image: the image (plain), or what the code published with "
    "the paper shows it: three squeezed copies minus the mean training image (published), the "
    "copies only (published_no_mean), or the image minus the mean (mean_subtracted). The PNGs are "
    "always the images themselves.",
)
LABEL_NAMES = flags.DEFINE(
    path_flags.Path(),
    "label_names",
    None,
    "A file with the names of the labels, for classifiers without them: UTF-8 with a line per "
    'label, or JSON: a list, {"cat": 0}, or the imagenet_class_index.json of Keras.',
)
LABELS = flags.DEFINE_string(
    "labels", None, "Names or numbers of labels, with commas between them (default: all)."
)
NAME = flags.DEFINE_string(
    "name", None, "The name of the new classifier, a folder under --output_dir. Required."
)
VERSION = flags.DEFINE_integer(
    "version", 1, "The number of its version, a folder under --name.", lower_bound=1
)
OUTPUT_DIR = flags.DEFINE(
    path_flags.Path(), "output_dir", "saved_models", "The folder that classifiers are written to."
)
ARCHITECTURE = flags.DEFINE_enum(
    "architecture",
    None,
    trainers_config.ARCHITECTURES,
    "The network.",
)
WORKDIR = flags.DEFINE(
    path_flags.Path(),
    "workdir",
    None,
    "The run folder, which all results are written to (default: a new one under runs/). A run "
    "that was stopped in it goes on.",
)
IMAGES = flags.DEFINE(
    path_flags.Paths(),
    "images",
    None,
    "Run folders that evolve or ascend wrote, with commas between them.",
)
MODELS = flags.DEFINE(
    path_flags.Paths(),
    "models",
    None,
    "Classifiers, with commas between them, each a name under saved_models/, a version folder, a "
    "model file, the folder of a SavedModel or a network of keras.applications. Options follow "
    "each after colons: my.keras:tf:logits or MobileNet:weights=imagenet. Plus signs make an "
    "ensemble: a+b,c.",
)
OUTPUT = flags.DEFINE(path_flags.Path(), "output", None, "What is written.")
OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace what is written if it is there.")
SEED = flags.DEFINE_integer(
    "seed",
    1,
    "The number that all randomness follows from; the same seed gives the same bytes.",
    lower_bound=0,
    upper_bound=2**32 - 1,
)
GENERATIONS = flags.DEFINE_integer(
    "generations", None, "The number of the last generation.", lower_bound=0
)
BATCH_SIZE = flags.DEFINE_integer("batch_size", None, "Images in a batch.", lower_bound=1)
SCORE_BATCH = flags.DEFINE_string("score_batch", "auto", "Images in one call of the model.")
STEPS = flags.DEFINE_integer("steps", None, "Steps along the gradient.", lower_bound=1)
CHECKPOINT_EVERY = flags.DEFINE_integer(
    "checkpoint_every", None, "Steps between checkpoints.", lower_bound=1
)
SIZE = flags.DEFINE_integer(
    "size", None, "The longer side of an image in pixels.", lower_bound=1, upper_bound=8192
)
RUNS = flags.DEFINE_integer(
    "runs",
    evolvers_config.Config.runs,
    "Number of independent runs, which advance together.",
    lower_bound=1,
)
SCALE = flags.DEFINE_float(
    "scale",
    1.0,
    "The share of the paper's runs, generations and steps that is done, above 0 and at most 1.",
    lower_bound=0.001,
    upper_bound=1.0,
)
_OPTIONS = endpoints.Options()
DEADLINE = flags.DEFINE_float(
    "deadline", _OPTIONS.deadline, "Seconds that one request may take.", lower_bound=0.001
)
PATIENCE = flags.DEFINE_float(
    "patience",
    _OPTIONS.patience,
    "Seconds without a usable answer after which the run is saved and stops.",
    lower_bound=0,
)
IN_FLIGHT = flags.DEFINE_integer(
    "in_flight",
    _OPTIONS.in_flight,
    "Number of requests that are under way at a time.",
    lower_bound=1,
    upper_bound=256,
)
REQUESTS_PER_SECOND = flags.DEFINE_float(
    "requests_per_second",
    _OPTIONS.requests_per_second,
    "The largest number of requests that are sent in a second (default: no limit).",
    lower_bound=0.001,
)
MAX_REQUESTS = flags.DEFINE_integer(
    "max_requests",
    _OPTIONS.max_requests,
    "Number of requests after which the run is saved and stops (default: no limit). Started "
    "again, it may send as many more.",
    lower_bound=1,
)
MAX_IMAGES = flags.DEFINE_integer(
    "max_images",
    _OPTIONS.max_images,
    "Number of images after which the run is saved and stops (default: no limit). Started "
    "again, it may send as many more.",
    lower_bound=1,
)
ALLOW_VERSION_CHANGE = flags.DEFINE_bool(
    "allow_version_change",
    _OPTIONS.allow_version_change,
    "Go on when another version of the model answers than at the beginning, though confidences "
    "of two versions do not compare.",
)
CLUSTER = flags.DEFINE_string(
    "cluster",
    None,
    "The Ray cluster whose workers make the evolutions: auto (the one that this machine is in), "
    "local (one that is started here, and ends with the command), HOST:PORT or ray://HOST:PORT.",
)
WORKERS = flags.DEFINE_integer(
    "workers",
    None,
    "Number of workers that are asked for (default: as many as the cluster has room for now).",
    lower_bound=1,
)
CPUS_PER_WORKER = flags.DEFINE_float("cpus_per_worker", 1, "Cores of each worker.", 0.01)
GPUS_PER_WORKER = flags.DEFINE_float(
    "gpus_per_worker", 0, "GPUs of each worker; several workers share one by a fraction.", 0
)
DEBUG = flags.DEFINE_bool("debug", False, "Show tracebacks and TensorFlow's own messages.")
