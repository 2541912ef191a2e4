r"""Trains a classifier and writes it as saved_models/<name>/<version>/.

    python -m keras_fool.train --dataset=mnist --name=mnist_a --seed=1
    python -m keras_fool.train --dataset=digits --name=digits_a --iterations=2000

Caffe's LeNet and its training: stochastic gradient descent with momentum, batches of 64,
10,000 iterations, a falling learning rate.

Reads the data set: mnist where TensorFlow Datasets has it prepared (--data_dir or
$TFDS_DATA_DIR) or can download it, digits from scikit-learn, which has it inside.

Writes, under --output_dir, <name>/<version>/ with the SavedModel that TF Serving loads,
classifier.keras and card.json; and, under --workdir, checkpoints and events for
TensorBoard. The same command continues a training that was stopped or killed, and ends
with the same weights. A classifier that is there already is never replaced.

Costs about two and a half minutes for MNIST on two cores (73 steps a second); the test
error should come out at 0.7-1.1 %.
"""

import dataclasses
import pathlib
import re
import shlex
import sys
from collections.abc import Sequence

from absl import flags

from keras_fool import cli, common_flags, errors
from trainers import config as trainers_config
from trainers import datasets

_DEFAULTS = trainers_config.Config()
_NAME = flags.DEFINE_string(
    "name", None, "The classifier's name, a folder under --output_dir. Required."
)
_VERSION = flags.DEFINE_integer(
    "version", 1, "The version of that name, a folder under it.", lower_bound=1
)
_OUTPUT_DIR = flags.DEFINE_string("output_dir", "saved_models", "Where classifiers are written.")
_ARCHITECTURE = flags.DEFINE_enum(
    "architecture", _DEFAULTS.architecture, trainers_config.ARCHITECTURES, "The network."
)
_STRATEGY = flags.DEFINE_enum(
    "strategy",
    "auto",
    trainers_config.STRATEGIES,
    "The devices: the first GPU or the CPU (one), all GPUs, each with a share of every batch "
    "(mirrored), or mirrored where there are several (auto).",
)
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", _DEFAULTS.batch, "Images of a step, over all devices.", lower_bound=1
)
_CHECKPOINT_STEPS = flags.DEFINE_integer(
    "checkpoint_steps",
    500,
    "Steps between checkpoints; no result depends on it.",
    lower_bound=1,
)
USES = (
    common_flags.DATASET,
    common_flags.DATA_DIR,
    common_flags.WORKDIR,
    common_flags.SEED,
    common_flags.ITERATIONS,
)
_NUM_COMPARED = 100


def main(arguments: Sequence[str]) -> None:
    """Loads the data, trains, exports, and says what came of it."""
    cli.no_arguments(arguments)
    settings = _settings()
    target = _target()
    with errors.reported(ValueError), cli.native_messages_hidden():
        data = datasets.load(common_flags.DATASET.value, common_flags.DATA_DIR.value)
        from keras_fool import training_run
        from trainers import classifier, export, strategies

        strategy = strategies.create(_STRATEGY.value)
    with errors.reported(ValueError, classifier.DivergedError, export.ExportError):
        recorded = {
            "name": _NAME.value,
            "version": _VERSION.value,
            "dataset": data.name,
            "dataset_digest": data.digest,
            **dataclasses.asdict(settings),
            "devices": strategy.num_replicas_in_sync,
        }
        training = training_run.train(
            _workdir(),
            settings,
            data,
            strategy,
            recorded=recorded,
            note=_note,
            command=shlex.join(["python", "-m", "keras_fool.train", *sys.argv[1:]]),
            checkpoint_every=_CHECKPOINT_STEPS.value,
        )
        error = training.test_error_percent()
        card = {
            "name": _NAME.value,
            "version": _VERSION.value,
            "dataset": data.name,
            "labels": list(data.labels),
            "image_shape": list(data.image_shape),
            "num_train": len(data.train_images),
            "num_test": len(data.test_images),
            "test_error_percent": round(error, 4),
            "seed": settings.seed,
            "training": {**dataclasses.asdict(settings), "devices": recorded["devices"]},
        }
        export.save(target, training.model(), card, data.test_images[:_NUM_COMPARED])
    print(
        f"\ntest error   {error:.2f} % of {len(data.test_images):,} images\n"
        f"classifier   {target}\n"
        f"TensorBoard  tensorboard --logdir={shlex.quote(str(_workdir()))}"
    )


def _settings() -> trainers_config.Config:
    if common_flags.DATASET.value is None:
        raise errors.UsageError(f"give --dataset ({' or '.join(datasets.SPECS)}).")
    with errors.reported(ValueError, as_error=errors.UsageError):
        return trainers_config.Config(
            architecture=_ARCHITECTURE.value,
            iterations=common_flags.ITERATIONS.value or _DEFAULTS.iterations,
            batch=_BATCH_SIZE.value,
            seed=common_flags.SEED.value,
        )


def _target() -> pathlib.Path:
    """Where the classifier will be.

    Raises:
        UsageError: --name is missing or no name for a folder.
        UserError: Such a classifier is there already.
    """
    name = _NAME.value
    if name is None:
        raise errors.UsageError("give the classifier a --name, such as --name=mnist_a.")
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
        raise errors.UsageError(
            f"--name must be of letters, digits, '_', '-' and '.', got {name!r}."
        )
    base = pathlib.Path(_OUTPUT_DIR.value) / name
    target = base / str(_VERSION.value)
    if target.exists():
        free = _VERSION.value
        while (base / str(free)).exists():
            free += 1
        raise errors.UserError(
            f"{target} is there already and was not changed. Give --version={free}, or another "
            "--name."
        )
    return target


def _workdir() -> pathlib.Path:
    if common_flags.WORKDIR.value is not None:
        return pathlib.Path(common_flags.WORKDIR.value)
    return pathlib.Path("runs") / "train" / _NAME.value / str(_VERSION.value)


def _note(message: str) -> None:
    print(f"note: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    cli.run(main, uses=USES)
