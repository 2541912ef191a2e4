r"""Trains a classifier and writes it as saved_models/<name>/<version>/.

    python -m keras_fool.train --dataset=mnist --name=mnist_a --seed=1
    python -m keras_fool.train --dataset=digits --name=digits_a --iterations=2000
    python -m keras_fool.train --dataset=shapes --architecture=small --name=shapes_a
    python -m keras_fool.train --dataset=folder:PATH --architecture=small --name=mine
    python -m keras_fool.train --dataset=imagenet2012 --architecture=caffenet --name=caffenet

Stochastic gradient descent with momentum, as each network was trained with Caffe; without
--architecture that is LeNet: batches of 64, 10,000 iterations, a falling learning rate.

Reads the data set: mnist where TensorFlow Datasets has it prepared (--data_dir or
$TFDS_DATA_DIR) or can download it; digits from scikit-learn, which has it inside; shapes,
which are drawn; pictures in PATH/train/<label>/ and PATH/test/<label>/; or imagenet2012,
whose files you must get yourself (without them, the command says where from and where to).
Pictures are warped to squares of --image_size; of these, images of --crop_size are cut, at
random and mirrored at random for training, from the middle for testing. By default 227 of
256 for alexnet and caffenet, 224 of 256 for googlenet, whole pictures of 64 for small and
of 28 for lenet; with --grey their luminance, for lenet or small. They are turned as their
cameras say (EXIF). Those that cannot be read are left out, and named at the end.

Writes, under --output_dir, <name>/<version>/ with the SavedModel that TF Serving loads,
classifier.keras and card.json; and, under --workdir, checkpoints and events for
TensorBoard. The same command continues a training that was stopped or killed, and ends
with the same weights. A classifier that is there already is never replaced.

With --strategy=multiworker the same command is given on every machine, each with its own
TF_CONFIG, such as {"cluster": {"worker": ["host1:12345", "host2:12345"]}, "task": {"type":
"worker", "index": 0}}; worker 0 alone writes. Where one is lost, all of them are started
again and go on.

Costs about two and a half minutes for MNIST on two cores (73 steps a second), and the test
error should come out at 0.7-1.1 %; about a minute for shapes, below 5 %.
"""

import os
import pathlib
import shlex
import sys
from collections.abc import Sequence

from absl import flags

from keras_fool import errors
from keras_fool.command_line import cli, common_flags
from keras_fool.models import classifier_folder
from keras_fool.runs import stopping
from trainers import cluster, datasets, sources
from trainers import config as trainers_config

_PRECISIONS = dict(zip(("off", "bfloat16", "float16"), trainers_config.PRECISIONS, strict=True))
_STRATEGY = flags.DEFINE_enum(
    "strategy",
    "auto",
    trainers_config.STRATEGIES,
    "The devices: the first GPU or the CPU (one), all GPUs, each with a share of every batch "
    "(mirrored), mirrored where there are several (auto), or those of all processes in "
    "$TF_CONFIG (multiworker).",
)
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size",
    None,
    "Images of a step, over all devices; by default the architecture's: 64, and 256 for alexnet "
    "and caffenet, 32 for googlenet.",
    lower_bound=1,
)
_MIXED_PRECISION = flags.DEFINE_enum(
    "mixed_precision",
    "off",
    list(_PRECISIONS),
    "What the network computes in, where it may be less than float32: bfloat16, or float16, the "
    "loss scaled by 1024. Faster on accelerators that have it.",
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
    common_flags.NAME,
    common_flags.VERSION,
    common_flags.OUTPUT_DIR,
    common_flags.ARCHITECTURE,
    common_flags.IMAGE_SIZE,
    common_flags.CROP_SIZE,
    common_flags.GREY,
    common_flags.WORKDIR,
    common_flags.SEED,
    common_flags.ITERATIONS,
)
_NUM_COMPARED = 100
_MOST_NAMED = 5


def main(arguments: Sequence[str]) -> None:
    """Loads the data, trains, exports, and says what came of it."""
    cli.no_arguments(arguments)
    settings = _settings()
    target = classifier_folder.new(
        common_flags.OUTPUT_DIR.value, common_flags.NAME.value, common_flags.VERSION.value
    )
    _announce_workers()
    with errors.reported(ValueError), cli.native_messages_hidden():
        from keras_fool.runs import training_run
        from trainers import classifier, export, strategies, workers

        strategy = strategies.create(_STRATEGY.value)  # before anything computes
        data = _data(settings.architecture)
    with errors.reported(
        ValueError, classifier.DivergedError, export.ExportError, workers.LostError
    ):
        recorded = {
            "name": common_flags.NAME.value,
            "version": common_flags.VERSION.value,
            "dataset": data.name,
            "dataset_digest": data.digest,
            **settings.recorded(),
            "devices": strategy.num_replicas_in_sync,
        }
        command = shlex.join(["python", "-m", "keras_fool.train", *sys.argv[1:]])
        training = training_run.train(
            _workdir(),
            settings,
            data,
            strategy,
            recorded=recorded,
            note=cli.note,
            command=command,
            checkpoint_every=_CHECKPOINT_STEPS.value,
        )
        done = f"all steps are saved in {_workdir()}; to finish: {command}"
        with stopping.saying(done):
            error = training.test_error_percent()
            if training.workers.is_chief:
                card = {
                    "name": common_flags.NAME.value,
                    "version": common_flags.VERSION.value,
                    "dataset": data.name,
                    "labels": list(data.labels),
                    "image_shape": list(data.image_shape),
                    "num_train": data.num_train,
                    "num_test": data.num_test,
                    "test_error_percent": round(error, 4),
                    "seed": settings.seed,
                    "training": {**settings.recorded(), "devices": recorded["devices"]},
                }
                images, _ = next(data.test_batches(_NUM_COMPARED))
                export.save(target, training.model(), card, images, data.mean_image)
        training.workers.wait()
    _name_unreadable(data)
    if not training.workers.is_chief:
        print(f"worker {training.workers.number} is done; worker 0 has written the classifier")
        return
    print(
        f"\ntest error   {error:.2f} % of {data.num_test:,} images\n"
        f"classifier   {target}\n"
        f"TensorBoard  tensorboard --logdir={shlex.quote(str(_workdir()))}"
    )


def _settings() -> trainers_config.Config:
    name = common_flags.DATASET.value
    if name is None:
        raise errors.UsageError(f"give --dataset ({', '.join(datasets.NAMES)}).")
    with errors.reported(ValueError):
        datasets.check_name(name)
    architecture = common_flags.ARCHITECTURE.value
    if common_flags.GREY.value and architecture not in (None, *trainers_config.OF_GREY):
        raise errors.UsageError(
            f"{architecture} takes colour; --grey is for {' and '.join(trainers_config.OF_GREY)}."
        )
    with errors.reported(ValueError, as_error=errors.UsageError):
        return trainers_config.for_architecture(
            common_flags.ARCHITECTURE.value or "lenet",
            iterations=common_flags.ITERATIONS.value,
            batch=_BATCH_SIZE.value,
            seed=common_flags.SEED.value,
            precision=_PRECISIONS[_MIXED_PRECISION.value],
        )


def _data(architecture: str) -> sources.Source:
    name = common_flags.DATASET.value
    sizes = common_flags.IMAGE_SIZE.value, common_flags.CROP_SIZE.value
    if sizes == (None, None):
        sizes = datasets.default_sizes(
            name,
            trainers_config.IMAGE_SIDES[architecture],
            trainers_config.PICTURE_SIDES.get(architecture),
        )
    image_size, crop_size = sizes
    return datasets.load(
        name,
        common_flags.DATA_DIR.value,
        image_size=image_size,
        crop_size=crop_size,
        channels=1 if common_flags.GREY.value else None,
    )


def _announce_workers() -> None:
    """Says whom this process waits for, where there are several.

    Raises:
        UsageError: $TF_CONFIG is missing or malformed.
    """
    if _STRATEGY.value != "multiworker":
        return
    with errors.reported(ValueError, as_error=errors.UsageError):
        processes = cluster.from_environment(os.environ)
    cli.note(
        f"worker {processes.number} of {len(processes.addresses)} "
        f"({', '.join(processes.addresses)}); waiting for the others."
    )


def _name_unreadable(data: sources.Source) -> None:
    if not data.unreadable:
        return
    some = [f"{name} ({reason})" for name, reason in sorted(data.unreadable.items())]
    more = ", ..." if len(some) > _MOST_NAMED else ""
    cli.note(
        f"{len(some)} pictures could not be read and were left out: "
        f"{', '.join(some[:_MOST_NAMED])}{more}"
    )


def _workdir() -> pathlib.Path:
    if common_flags.WORKDIR.value is not None:
        return pathlib.Path(common_flags.WORKDIR.value)
    return (
        pathlib.Path("runs") / "train" / common_flags.NAME.value / str(common_flags.VERSION.value)
    )


if __name__ == "__main__":
    cli.run(main, uses=USES)
