r"""Evolves images that a classifier takes for each of its labels.

    python -m keras_fool.evolve --dataset=mnist
    python -m keras_fool.evolve --model=MobileNet --weights=imagenet --batch_size=400
    python -m keras_fool.evolve --model=grpc://127.0.0.1:8500/mnist_a

The first example fools the shipped classifier of handwritten digits, the second a network of
keras.applications, the third a model behind TF Serving's API. Evolution keeps, for every label,
the image with the highest confidence (MAP-Elites). An image is drawn by an evolved network (a
CPPN) or made of evolved pixels. Nguyen, Yosinski and Clune, 2015,
https://arxiv.org/abs/1412.1897.

Reads the classifier: a name under ./saved_models/ or among the shipped ones, a version folder,
any model in a .keras, .h5 or .onnx file or the folder of a SavedModel that takes one image and
gives a confidence per label, a network of keras.applications, or an ensemble of several. What its
outputs mean is read from its last layer, or given by --outputs, and checked. Independent labels
(several sigmoids) are fooled each by its own probability; a single sigmoid p stands for two labels,
1 - p and p, in this order.

Endpoints are asked for nothing but confidences. Their addresses:
  grpc://host:port[,host:port...]/name[/version or @label]      grpcs:// with TLS
  http://host:port[,...]/v1/models/name[/versions/N or /labels/L]      https:// with TLS
Several hosts are replicas. After a question mark stand signature=NAME, output=NAME,
image=HEIGHTxWIDTHxCHANNELS, preprocess=WORD and outputs=WORD, where the model does not say them.
The environment variable KERAS_FOOL_TOKEN may hold a bearer token. A run waits for an endpoint that
fails, hangs or sends invalid answers; after --patience it stops with all generations saved.

Writes a run folder: config.json, checkpoint/, images/ (the champions of the first and the last
generation as PNG with their genomes inside), champions.csv, metrics.csv, lineage.csv, gallery.png,
of more than 40 labels best.png (the surest 24 images, large), SHA256SUMS and events for
TensorBoard. The same command on the folder of a run that was stopped or killed continues it, and
ends with the same bytes. So does a run that is complete, where --generations is raised.

With --detector, the confidences of an image that the detector rejects count as 0, so that what is
left are images that pass it: the adaptive attack on a defence. A label without any such image has
a confidence below 1e-30 in the tables. Detectors are fitted with keras_fool.detectors.

With --cluster, the workers of a Ray cluster make the runs, some of them each, or of one run score
the batches; docs/clusters.md tells how to start one, and what is the same to the byte.

Costs, for MNIST, 40,400 images: a few seconds after TensorFlow has started. The median confidence
should reach at least 0.9999.
"""

import dataclasses
from collections.abc import Sequence

from absl import flags

from evolvers import config as evolvers_config
from evolvers import searches
from keras_fool import arguments, errors, fooling
from keras_fool.command_line import (
    cli,
    cluster_flags,
    common_flags,
    endpoint_flags,
    flag_groups,
    model_flags,
    path_flags,
    run_flags,
    run_tables,
)

_DEFAULTS = evolvers_config.Config()
_ENCODING = flags.DEFINE_enum(
    "encoding",
    _DEFAULTS.encoding,
    evolvers_config.ENCODINGS,
    "What is evolved: with cppn, networks that draw the image; with direct, its pixels.",
)
_COORDS = flags.DEFINE_enum(
    "coords",
    _DEFAULTS.coords,
    evolvers_config.COORDS,
    "What a CPPN is given of a pixel's place: its indices, as in the paper (raw), or its indices "
    "scaled to -1..1 (normalized; the default with --search=efficient).",
)
_SEARCH = flags.DEFINE_enum(
    "search",
    _DEFAULTS.search,
    (searches.PAPER, searches.EFFICIENT),
    "How networks are bred: as in the paper, or with operators that need fewer images for the same "
    "confidence (efficient; half to a sixth on the networks tried): small spots, few weights that "
    "change, and more children of labels in doubt.",
)
_FIRST_RUN = flags.DEFINE_integer(
    "first_run",
    _DEFAULTS.first_run,
    "Number of the first run: --first_run=7 --runs=1 makes run 7 of a larger set alone.",
    lower_bound=0,
)
_RENDERER = flags.DEFINE_enum(
    "renderer",
    "auto",
    ("auto", *evolvers_config.RENDERERS),
    "What draws CPPNs: compiled code on all cores (cpu), or TensorFlow in the graph that scores "
    "them, so that images never leave an accelerator (tf). In a new run, auto takes tf where "
    "TensorFlow finds a GPU.",
)
_DETECTOR = flags.DEFINE(
    path_flags.Path(),
    "detector",
    None,
    "A detector's file with a threshold, as keras_fool.detectors writes it: an image's confidences "
    "count only where it accepts the image. So evolution attacks classifier and detector together.",
)
_MONTAGE_EVERY = flags.DEFINE_integer(
    "montage_every", 20, "Generations between two montages in TensorBoard.", lower_bound=1
)
USES = flag_groups.Groups(
    what=(
        *model_flags.WHAT_OR_ENDPOINT,
        flag_groups.Told(
            common_flags.LABELS,
            "Names or numbers of the labels that images are evolved for, with commas between "
            "them (default: all).",
        ),
    ),
    how=(
        _ENCODING,
        _SEARCH,
        common_flags.RUNS,
        flag_groups.Told(
            common_flags.GENERATIONS,
            "Number of the last generation; the first one is 0. A run that is complete goes on "
            "where the number is raised.",
            _DEFAULTS.generations,
        ),
        flag_groups.Told(
            common_flags.BATCH_SIZE,
            "Images per run and generation; as many random images begin a run.",
            _DEFAULTS.batch,
        ),
        common_flags.SEED,
        _DETECTOR,
        *model_flags.CROPS,
    ),
    where=(common_flags.WORKDIR,),
    endpoint=endpoint_flags.USES,
    cluster=cluster_flags.USES,
    expert=(
        _COORDS,
        *model_flags.OF_ONE,
        _FIRST_RUN,
        _RENDERER,
        flag_groups.Told(
            common_flags.SCORE_BATCH,
            "Images in one call of the model; auto takes what is fastest on this machine. No "
            "result depends on it.",
        ),
        flag_groups.Told(
            common_flags.CHECKPOINT_EVERY,
            "Generations between two checkpoints (default: as many as take 10 seconds). No result "
            "depends on it.",
        ),
        _MONTAGE_EVERY,
    ),
)


def main(argv: Sequence[str]) -> None:
    """Finds the classifier and the run folder, evolves, and says what came of it."""
    settings, score_batch = run_flags.settings(argv, USES, arguments.evolution)
    cluster_flags.check()
    with errors.reported(ValueError):
        classifier = endpoint_flags.applied(model_flags.classifier())
        cluster_flags.check_classifier(classifier)
    what = common_flags.DATASET.value if common_flags.MODEL.value is None else classifier.name
    path = cli.run_path(f"{what}-{settings.config.encoding}-seed{settings.config.seed}")
    work = run_flags.work(main, path, classifier, common_flags.LABELS.value, score_batch)
    with cluster_flags.opened() as elsewhere:
        made = fooling.evolve(dataclasses.replace(work, elsewhere=elsewhere), settings)
    run_flags.say_if_before(made, path)
    print(run_tables.evolved(path, [model_flags.remark(classifier), made.remark]))


if __name__ == "__main__":
    cli.run(main, USES)
