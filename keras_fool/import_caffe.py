r"""Makes a classifier of the weights of a network that was trained with Caffe.

    python -m keras_fool.import_caffe --architecture=caffenet --name=caffenet \
        --weights=bvlc_reference_caffenet.caffemodel --mean=imagenet_mean.binaryproto
    python -m keras_fool.import_caffe --architecture=lenet --name=lenet \
        --weights=lenet_iter_10000.caffemodel --mean=mnist_mean.binaryproto

Reads a .caffemodel file of any age, and checks the shapes and names of all layers. Images go in as
RGB bytes; the mean and the order BGR are inside the classifier. LeNet was trained without a mean:
for lenet, --mean is what evolve --view=published subtracts, and is kept beside the classifier.

Writes, under --output_dir, <name>/<version>/ with the SavedModel that TF Serving loads,
classifier.keras and card.json. What exists is never replaced.

Costs seconds, and for alexnet and caffenet, which have 61 million weights, half a minute and
2.4 GB of memory.
"""

import hashlib
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
    path_flags,
)
from keras_fool.models import classifier_folder

_OF_CAFFE = ("lenet", "alexnet", "caffenet", "googlenet")
_MEAN = flags.DEFINE(
    path_flags.Path(),
    "mean",
    None,
    "A .binaryproto file with the mean of the training images: an image, of which the middle is "
    "taken, or a value per colour (default: (104, 117, 123) for BGR; for lenet, none).",
)
USES = flag_groups.Groups(
    what=(
        flag_groups.Told(
            common_flags.ARCHITECTURE,
            f"The network: {', '.join(_OF_CAFFE[:-1])} or {_OF_CAFFE[-1]}. Required.",
        ),
        flag_groups.Told(common_flags.WEIGHTS, "The .caffemodel file. Required."),
        _MEAN,
        flag_groups.Told(
            common_flags.LABEL_NAMES,
            "A file with the names of the labels: UTF-8 with a line per label, or JSON: a list, "
            '{"cat": 0}, or the imagenet_class_index.json of Keras (default: their numbers).',
        ),
    ),
    where=(common_flags.NAME, common_flags.VERSION, common_flags.OUTPUT_DIR),
)
_NUM_COMPARED = 4


def main(arguments: Sequence[str]) -> None:
    """Reads, converts, exports, and says what came of it."""
    cli.no_arguments(arguments)
    architecture, weights, mean = _checked_flags()
    target = classifier_folder.new(
        common_flags.OUTPUT_DIR.value, common_flags.NAME.value, common_flags.VERSION.value
    )
    cli.loading(target)
    names: Sequence[str] | None
    with errors.reported(ValueError), cli.native_messages_hidden():
        names = flag_values.labels()
        import numpy as np

        from trainers import caffe_weights, export

        inside = None if architecture == "lenet" else mean
        model = caffe_weights.read(architecture, weights, inside)
        beside = None
        if architecture == "lenet" and mean is not None:
            beside = caffe_weights.read_mean_image(mean, model.input_shape[1:])
    image_shape, num_labels = model.input_shape[1:], model.output_shape[1]
    if names is None:
        names = [str(label) for label in range(num_labels)]
    elif len(names) != num_labels:
        raise errors.UserError(
            f"{common_flags.LABEL_NAMES.value} has {len(names)} names, but the network tells "
            f"{num_labels} labels apart."
        )
    card = {
        "name": common_flags.NAME.value,
        "version": common_flags.VERSION.value,
        "dataset": "mnist" if architecture == "lenet" else "imagenet2012",
        "labels": list(names),
        "image_shape": list(image_shape),
        "architecture": architecture,
        "imported": [_origin(path) for path in (weights, mean) if path is not None],
    }
    images = np.random.default_rng(0).integers(0, 256, (_NUM_COMPARED, *image_shape), np.uint8)
    with errors.reported(ValueError, export.ExportError):
        export.save(target, model, card, images, beside)
    num_weights = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    print(
        f"{architecture}, {num_weights:,} weights, {num_labels} labels, "
        f"images {image_shape[0]} x {image_shape[1]}\nclassifier   {target}\n"
        f"{next_steps.lines(next_steps.command('evolve', f'--model={target}'))}"
    )


def _checked_flags() -> tuple[str, pathlib.Path, pathlib.Path | None]:
    """The network, its weights and its mean.

    Raises:
        UsageError: One is missing or none of Caffe's.
        UserError: A file is not there.
    """
    architecture = common_flags.ARCHITECTURE.value
    if architecture not in _OF_CAFFE:
        raise errors.UsageError(f"give --architecture, one of {', '.join(_OF_CAFFE)}.")
    if common_flags.WEIGHTS.value is None:
        raise errors.UsageError("give --weights, a .caffemodel file.")
    weights = pathlib.Path(common_flags.WEIGHTS.value)
    mean = None if _MEAN.value is None else pathlib.Path(_MEAN.value)
    for path in (weights, mean):
        if path is not None and not path.is_file():
            raise errors.UserError(f"there is no file {path}.")
    return architecture, weights, mean


def _origin(path: pathlib.Path) -> dict[str, str]:
    with open(path, "rb") as file:
        return {"file": path.name, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


if __name__ == "__main__":
    cli.run(main, USES)
