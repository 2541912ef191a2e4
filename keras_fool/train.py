r"""Trains a classifier and writes it as saved_models/<name>/<version>/.

    python -m keras_fool.train --dataset=mnist --name=mnist_a --seed=1
    python -m keras_fool.train --dataset=folder:PATH --architecture=small --name=mine
    python -m keras_fool.train --dataset=imagenet2012 --architecture=caffenet --name=caffenet

Stochastic gradient descent with momentum, as each network was trained with Caffe. The default is
LeNet: 10,000 steps of 64 images, with a falling learning rate.

Reads the data set: mnist, which TensorFlow Datasets has prepared or downloads; digits from
scikit-learn, which contains it; shapes, which are drawn; pictures in PATH/train/<label>/ and
PATH/test/<label>/; or imagenet2012, whose files you must get yourself (without them, the command
says where from and where to). Pictures are turned as their cameras say (EXIF) and warped to squares
of --image_size. Training sees squares of --crop_size, cut and mirrored at random, testing the one
in the middle. By default these are 227 of 256 pixels for alexnet and caffenet, 224 of 256 for
googlenet, 28 of 32 for cifar, whole pictures of 64 for small and of 28 for lenet. Pictures that
cannot be read are left out, and named at the end.

Writes, under --output_dir, <name>/<version>/ with the SavedModel that TF Serving loads,
classifier.keras and card.json; and, under --workdir, checkpoints and events for TensorBoard. The
same command continues a training that was stopped or killed, and ends with the same weights. A
classifier that exists is never replaced.

With --strategy=multiworker the same command is given on every machine, each with its own
TF_CONFIG, such as {"cluster": {"worker": ["host1:12345", "host2:12345"]}, "task": {"type":
"worker", "index": 0}}; worker 0 alone writes. If one is lost, all of them are started again and
continue.

Costs about two and a half minutes for MNIST on two cores (73 steps a second), with a test error
of 0.7 to 1.1 %; about a minute for shapes, below 5 %.
"""

import os
import pathlib
from collections.abc import Sequence

from absl import flags

from keras_fool import errors
from keras_fool.command_line import (
    cli,
    common_flags,
    flag_groups,
    flag_values,
    next_steps,
    run_tables,
)
from keras_fool.models import classifier_folder
from keras_fool.runs import stopping
from trainers import cluster, datasets, sources
from trainers import config as trainers_config

_CHECKPOINT_EVERY = 500  # steps
_PRECISIONS = dict(zip(("off", "bfloat16", "float16"), trainers_config.PRECISIONS, strict=True))
_STRATEGY = flags.DEFINE_enum(
    "strategy",
    "auto",
    trainers_config.STRATEGIES,
    "The devices: the first GPU or the CPU (one), all GPUs, each with a share of every batch "
    "(mirrored), mirrored where there are several GPUs (auto), or those of all processes in "
    "$TF_CONFIG (multiworker).",
)
_MIXED_PRECISION = flags.DEFINE_enum(
    "mixed_precision",
    "off",
    list(_PRECISIONS),
    "What the network computes in: float32 (off), bfloat16, or float16 with the loss multiplied "
    "by 1024. The short types are faster on accelerators that have them.",
)
USES = flag_groups.Groups(
    what=(
        flag_groups.Told(common_flags.DATASET, f"{flags.FLAGS['dataset'].help} Required."),
        flag_groups.Told(common_flags.ARCHITECTURE, "The network.", "lenet"),
    ),
    how=(
        flag_groups.Told(
            common_flags.STEPS,
            "Steps of gradient descent (default: the network's, 10,000 for lenet).",
        ),
        flag_groups.Told(
            common_flags.BATCH_SIZE,
            "Images of a step, over all devices (default: 64; 256 for alexnet and caffenet; 32 "
            "for googlenet).",
        ),
        flag_groups.Told(
            common_flags.IMAGE_SIZE,
            "Side in pixels that pictures are warped to (default: what suits the network).",
        ),
        flag_groups.Told(
            common_flags.CROP_SIZE,
            "Side in pixels of the part of a picture that the network sees (default: what suits "
            "the network).",
        ),
        common_flags.GREY,
        common_flags.SEED,
        _STRATEGY,
    ),
    where=(
        common_flags.NAME,
        common_flags.VERSION,
        common_flags.OUTPUT_DIR,
        flag_groups.Told(
            common_flags.WORKDIR,
            "The folder of checkpoints and events (default: runs/train/<name>/<version>).",
        ),
        common_flags.DATA_DIR,
    ),
    expert=(
        _MIXED_PRECISION,
        flag_groups.Told(
            common_flags.CHECKPOINT_EVERY,
            "Steps between two checkpoints. No result depends on it.",
            _CHECKPOINT_EVERY,
        ),
    ),
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
    cli.loading(target)
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
        command = cli.command_to_go_on(main)
        training = training_run.train(
            _workdir(),
            settings,
            data,
            strategy,
            recorded=recorded,
            note=cli.note,
            command=command,
            checkpoint_every=common_flags.CHECKPOINT_EVERY.value or _CHECKPOINT_EVERY,
        )
        done = f"all steps are saved in {_workdir()}; to finish: {command}"
        with stopping.saying(done):
            error = training.test_error_percent()
            if training.workers.is_chief:
                card = classifier_folder.card(
                    str(common_flags.NAME.value),
                    common_flags.VERSION.value,
                    data,
                    settings,
                    num_test=data.num_test,
                    test_errors={"test_error_percent": round(error, 4)},
                    training={**settings.recorded(), "devices": recorded["devices"]},
                )
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
        f"{run_tables.tensorboard(_workdir())}\n"
        f"{next_steps.lines(next_steps.command('evolve', f'--model={target}'))}"
    )


def _settings() -> trainers_config.Config:
    flag_values.dataset()
    architecture = common_flags.ARCHITECTURE.value
    if common_flags.GREY.value and architecture not in (None, *trainers_config.OF_GREY):
        raise errors.UsageError(
            f"{architecture} takes colour; --grey is for {' and '.join(trainers_config.OF_GREY)}."
        )
    with errors.reported(ValueError, as_error=errors.UsageError):
        return trainers_config.for_architecture(
            common_flags.ARCHITECTURE.value or "lenet",
            iterations=common_flags.STEPS.value,
            batch=common_flags.BATCH_SIZE.value,
            seed=common_flags.SEED.value,
            precision=_PRECISIONS[_MIXED_PRECISION.value],
        )


def _data(architecture: str) -> sources.Source:
    name = flag_values.dataset()
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
    name, version = str(common_flags.NAME.value), str(common_flags.VERSION.value)
    return flag_values.workdir(pathlib.Path("runs") / "train" / name / version)


if __name__ == "__main__":
    cli.run(main, USES)
