"""A trained classifier as a folder that Keras and TF Serving load.

saved_model.pb, variables/   images -> `probabilities` and `logits` (see `signatures`)
assets/labels.txt            the names of the labels
classifier.keras             uint8 images -> float32 confidences
mean_image.npy               the mean training image, if it is known
card.json                    what it was trained on, how, and its test error
"""

import datetime
import importlib.metadata
import json
import pathlib
import platform
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainers import keras_file, signatures, whole_folder

MODEL_FILE = "classifier.keras"
CARD_FILE = "card.json"
MEAN_FILE = "mean_image.npy"
_VERSIONS_OF = ("tensorflow", "keras", "numpy")
_TOLERANCE = 1e-6


class ExportError(RuntimeError):
    """The written folder does not score as the model does."""


def save(
    folder: pathlib.Path,
    model: keras.Model,
    card: Mapping[str, Any],
    images: np.ndarray,
    mean_image: np.ndarray | None = None,
) -> None:
    """Writes the folder of a classifier: whole, or not at all.

    It is written under another name, read back, compared, and then renamed.

    Args:
        folder: `<name>/<version>`, which must not exist; its parents are created.
        model: uint8 images -> confidences, ending in a softmax layer.
        card: The content of card.json without the date and the versions; it has "labels".
        images: uint8 [batch, height, width, channels], which are scored for the comparison.
        mean_image: float32 [height, width, channels] in 0..255; the network takes images
            without subtracting it.

    Raises:
        FileExistsError: `folder` is there already.
        ExportError: The written folder, read back, scores the images differently.
        OSError: It could not be written.
    """
    with whole_folder.written(folder) as part:
        shape = model.input_shape[1:]
        signatures.save(part, signatures.model_outputs(model), shape, card["labels"])
        keras_file.save(part / MODEL_FILE, model)
        _compare(part, model, images)
        if mean_image is not None:
            np.save(part / MEAN_FILE, mean_image.astype(np.float32), allow_pickle=False)
        content = {**card, "versions": _versions(), "created": _now()}
        (part / CARD_FILE).write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def _compare(part: pathlib.Path, model: keras.Model, images: np.ndarray) -> None:
    expected = model(images, training=False).numpy()
    served = tf.saved_model.load(str(part)).signatures["serving_default"]
    loaded = keras.saving.load_model(part / MODEL_FILE, safe_mode=True)
    found = {
        "the SavedModel": served(images=tf.constant(images))["probabilities"].numpy(),
        MODEL_FILE: loaded(images, training=False).numpy(),
    }
    for what, confidences in found.items():
        difference = np.abs(confidences - expected).max()
        if not difference <= _TOLERANCE:  # also refuses a NaN
            raise ExportError(
                f"{what} read back from {part} differs from the trained model by "
                f"{difference:.3g}; at most {_TOLERANCE:g} is rounding."
            )


def _versions() -> dict[str, str]:
    found = {name: importlib.metadata.version(name) for name in _VERSIONS_OF}
    return {"python": platform.python_version(), **found}


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
