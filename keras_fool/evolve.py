r"""Evolves images that a classifier takes for each of its labels.

    python -m keras_fool.evolve --dataset=mnist
    python -m keras_fool.evolve --model=my_model.keras --preprocess=tf --outputs=logits
    python -m keras_fool.evolve --model=MobileNet --weights=imagenet --batch=400
    python -m keras_fool.evolve --model=a.keras,b.keras --image_size=256 --crops=10
    python -m keras_fool.evolve --dataset=mnist --view=published
    python -m keras_fool.evolve --model=grpc://127.0.0.1:8500/mnist

MAP-Elites over images drawn by evolved networks (CPPNs) or made of evolved pixels: for
every label it keeps the image that the classifier is surest of. Nguyen, Yosinski and
Clune, 2015, https://arxiv.org/abs/1412.1897.

What the model's outputs mean is read off its last layer, or said by --outputs, and checked:
confidences, logits, or sigmoid. Independent labels (several sigmoids) are fooled each by its
own probability; a single sigmoid p stands for two labels, 1 - p and p, in this order.

Reads the classifier: a name under ./saved_models/ or among the shipped ones, a version
folder, any Keras model in a .keras file that takes one image and gives a confidence
per label, a network of keras.applications, or an ensemble of several. For --image_size
larger than what the network takes it sees crops, as the paper's networks did. --view shows
grey images to the network as the code published with the paper does.
Or a model behind TF Serving's API, asked for nothing but confidences:
  grpc://host:port[,host:port...]/name[/version or @label]      grpcs:// with TLS
  http://host:port[,...]/v1/models/name[/versions/N or /labels/L]      https:// with TLS
several hosts being replicas, and behind a question mark signature=NAME, output=NAME,
image=HEIGHTxWIDTHxCHANNELS, preprocess=WORD, outputs=WORD where the model does not tell. The
environment variable KERAS_FOOL_TOKEN may hold a bearer token. A run waits for an endpoint
that fails, hangs or sends invalid answers (--patience), then stops with all generations saved.

Writes a run folder: config.json, checkpoint/, images/ (the champions of the first and the
last generation as PNG with their genomes inside), champions.csv, metrics.csv, lineage.csv,
gallery.png, SHA256SUMS and events for TensorBoard. Started again on the folder of a run that
was stopped or killed, the run goes on and ends with the same bytes.

Costs, for MNIST, 40,400 images and some seconds after the start-up of TensorFlow; it
should reach a median confidence of at least 0.9999.
"""

import dataclasses
import pathlib
import shlex
import statistics
from collections.abc import Sequence

from absl import flags

from evolvers import config as evolvers_config
from keras_fool import errors
from keras_fool.command_line import cli, common_flags, endpoint_flags, model_flags
from keras_fool.models import classifiers
from trainers import names

_DEFAULTS = evolvers_config.Config()
_ENCODING = flags.DEFINE_enum(
    "encoding",
    _DEFAULTS.encoding,
    evolvers_config.ENCODINGS,
    "What is evolved: networks that draw the image, or its pixels.",
)
_COORDS = flags.DEFINE_enum(
    "coords",
    _DEFAULTS.coords,
    evolvers_config.COORDS,
    "What a CPPN sees of a pixel's place: its raw indices, as in the paper, or normalized "
    "to [-1, 1].",
)
_RUNS = flags.DEFINE_integer(
    "runs", _DEFAULTS.runs, "Independent runs, which advance together.", lower_bound=1
)
_FIRST_RUN = flags.DEFINE_integer(
    "first_run",
    _DEFAULTS.first_run,
    "The number of the first run: --first_run=7 --runs=1 makes run 7 of a larger set alone.",
    lower_bound=0,
)
_GENERATIONS = flags.DEFINE_integer(
    "generations", _DEFAULTS.generations, "The last generation's number.", lower_bound=0
)
_BATCH = flags.DEFINE_integer(
    "batch",
    _DEFAULTS.batch,
    "Images per run and generation; as many random ones begin a run.",
    lower_bound=1,
)
_RENDERER = flags.DEFINE_enum(
    "renderer",
    "auto",
    ("auto", *evolvers_config.RENDERERS),
    "What draws CPPNs: compiled code on all cores (cpu), or TensorFlow where it scores (tf), "
    "so that images never leave an accelerator. auto takes tf where TensorFlow sees a GPU, and "
    "what it was begun with where a run goes on.",
)
_SCORE_BATCH = flags.DEFINE_string(
    "score_batch",
    "auto",
    "Images in one call of the model; auto takes what is fastest on this machine. No result "
    "depends on it.",
)
_CHECKPOINT_EVERY = flags.DEFINE_integer(
    "checkpoint_every",
    None,
    "Generations between checkpoints, by default 10 seconds; no result depends on it.",
    lower_bound=1,
)
_MONTAGE_EVERY = flags.DEFINE_integer(
    "montage_every", 20, "Generations between the montages in TensorBoard.", lower_bound=1
)
USES = (*model_flags.USES, *endpoint_flags.USES, common_flags.WORKDIR, common_flags.SEED)
_MOST_LABELS_SHOWN = 20
_THRESHOLDS = (0.9, 0.99, 0.9999)  # those that the paper counts


def main(arguments: Sequence[str]) -> None:
    """Opens the classifier and the run folder, evolves, and says what came of it."""
    cli.no_arguments(arguments)
    with errors.reported(ValueError, as_error=errors.UsageError):
        config = _config()
        score_batch = _score_batch()
    with errors.reported(ValueError):
        classifier = endpoint_flags.applied(model_flags.classifier())
        path = _run_path(classifier)
        renderer = _renderer(path, classifier)
        config = dataclasses.replace(config, renderer=renderer)

        from keras_fool.runs import evolution_run, run_folder

        settings = evolution_run.settings(config, classifier)
        if run_folder.is_complete(path, settings):
            print(f"{path} is complete already; nothing was changed.")
            _print_results(path, classifier)
            return
        with cli.native_messages_hidden():
            scorer = evolution_run.open_scorer(config, classifier, score_batch)
    evolution_run.evolve(
        path,
        config,
        classifier,
        command=cli.command_to_go_on(main, path),
        note=cli.note,
        dataset=common_flags.DATASET.value,
        scorer=scorer,
        checkpoint_every=_CHECKPOINT_EVERY.value,
        montage_every=_MONTAGE_EVERY.value,
    )
    _print_results(path, classifier)


def _config() -> evolvers_config.Config:
    return evolvers_config.Config(
        encoding=_ENCODING.value,
        coords=_COORDS.value,
        runs=_RUNS.value,
        first_run=_FIRST_RUN.value,
        generations=_GENERATIONS.value,
        initial=_BATCH.value,
        batch=_BATCH.value,
        seed=common_flags.SEED.value,
        renderer="cpu" if _RENDERER.value == "auto" else _RENDERER.value,
    )


def _score_batch() -> int | None:
    if _SCORE_BATCH.value == "auto":
        return None
    if not _SCORE_BATCH.value.isdecimal() or int(_SCORE_BATCH.value) < 1:
        raise ValueError(f"--score_batch must be auto or from 1, got {_SCORE_BATCH.value!r}.")
    return int(_SCORE_BATCH.value)


def _renderer(
    path: pathlib.Path,
    classifier: classifiers.AnyClassifier,
) -> str:
    """--renderer, resolved: what the folder's run was begun with, or what suits here."""
    from keras_fool.runs import workdir

    if _RENDERER.value != "auto":
        return _RENDERER.value
    if _ENCODING.value == "direct" or classifier.is_remote:
        return "cpu"
    if (begun := workdir.recorded_settings(path)) is not None:
        return begun.get("renderer", "cpu")
    with cli.native_messages_hidden():
        import tensorflow as tf

    return "tf" if tf.config.list_physical_devices("GPU") else "cpu"


def _run_path(classifier: classifiers.AnyClassifier) -> pathlib.Path:
    what = common_flags.DATASET.value if common_flags.MODEL.value is None else classifier.name
    return cli.run_path(f"{what}-{_ENCODING.value}-seed{common_flags.SEED.value}")


def _print_results(path: pathlib.Path, classifier: classifiers.AnyClassifier) -> None:
    from keras_fool.runs import run_records

    with errors.reported(ValueError):
        rows = run_records.RunRecords(path).rows
    confidences = [float(row["confidence"]) for row in rows]
    by_label = {}
    for row in rows:
        by_label.setdefault((row["label"], row["label_name"]), []).append(row)
    several = len(rows) > len(by_label)
    print(f"\n{'label':<16}{'median' if several else 'confidence':>12}  found at generation")
    for (_, label), champions in list(by_label.items())[:_MOST_LABELS_SHOWN]:
        median = statistics.median(float(row["confidence"]) for row in champions)
        found = statistics.median_high(int(row["generation"]) for row in champions)
        print(f"{names.shown(label)[:15]:<16}{median:>12.7f}  {found}")
    if len(by_label) > _MOST_LABELS_SHOWN:
        print(f"... and {len(by_label) - _MOST_LABELS_SHOWN} labels more in champions.csv")
    counts = ", ".join(
        f"{sum(confidence >= least for confidence in confidences)} of at least {least:g}"
        for least in _THRESHOLDS
    )
    print(
        f"\n{len(rows)} champions, median confidence {statistics.median(confidences):.7f}, "
        f"highest {max(confidences):.7f}, {counts}\n"
        f"{model_flags.remark(classifier)}run folder   {path}\n"
        f"gallery      {path / 'gallery.png'}\n"
        f"TensorBoard  tensorboard --logdir={shlex.quote(str(path))}"
    )


if __name__ == "__main__":
    cli.run(main, uses=USES)
