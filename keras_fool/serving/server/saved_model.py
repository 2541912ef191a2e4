"""Any classifier as a version folder that TF Serving, or a server like it, loads.

saved_model.pb, variables/   three signatures (see `trainers.signatures`)
assets/labels.txt            the names of the labels
assets.extra/                a request for each signature, with which servers warm up

Everything between bytes and confidences is inside: crops, preprocessing, the mean over an
ensemble. Logits are the network's own if there is one network with one crop and a softmax at its
end; otherwise they are the logarithms of the confidences, or of the odds of independent labels.
"""

import pathlib

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from keras_fool.models import classifiers, networks, scoring
from keras_fool.serving.server import loaded_version
from trainers import signatures, whole_folder

_NUM_COMPARED = 32
_TOLERANCE = 1e-5  # of a confidence; other kernels may round differently


class ExportError(RuntimeError):
    """The written folder does not score as the classifier does."""


def save(
    folder: pathlib.Path, classifier: classifiers.Classifier | classifiers.Ensemble
) -> scoring.LocalScorer:
    """Writes the version folder, whole or not at all, after a check that it scores as the original.

    Args:
        folder: `<name>/<version>`, which must not exist; its parents are created.
        classifier: What to export.

    Returns:
        The original.

    Raises:
        FileExistsError: `folder` is there already.
        ValueError: The classifier cannot be used (see `scoring.LocalScorer`), or the name of
            `folder` is not a number.
        ExportError: The written folder scores differently.
        OSError: It could not be written.
    """
    if not folder.name.isdecimal():
        raise ValueError(f"a version folder is named by a number, not {folder.name!r}.")
    scorer = scoring.LocalScorer(classifier)
    images = _images(scorer.image_shape)
    with whole_folder.written(folder) as part:
        outputs = _outputs(classifier, scorer)
        signatures.save(part, outputs, scorer.image_shape, scorer.labels)
        given = {
            signatures.DEFAULT: images,
            signatures.FLOAT: images.astype(np.float32),
            signatures.ENCODED: _pngs(images),
        }
        _write_warm_up(part / loaded_version.WARM_UP_FILE, folder.parent.name, given)
        _compare(part, given, scorer.score(images))
    return scorer


def _outputs(
    classifier: classifiers.Classifier | classifiers.Ensemble, scorer: scoring.LocalScorer
) -> signatures.Outputs:
    first, *others = classifier.members
    if not others and first.views.crops == 1:
        network = networks.Network(first)
        if network.take_softmax_off():
            return lambda images: _of_logits(network.outputs(images))
    make = _of_probabilities if scorer.independent else _of_confidences
    return lambda images: make(scorer.confidences(images))


def _of_logits(logits: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"probabilities": tf.nn.softmax(logits), "logits": logits}


def _of_confidences(confidences: tf.Tensor) -> dict[str, tf.Tensor]:
    smallest = np.finfo(np.float32).tiny  # 0 has no logarithm
    return {
        "probabilities": confidences,
        "logits": tf.math.log(tf.maximum(confidences, smallest)),
    }


def _of_probabilities(probabilities: tf.Tensor) -> dict[str, tf.Tensor]:
    """For independent labels: the sigmoid of a logit is the probability."""
    smallest = np.finfo(np.float32).tiny
    odds = tf.maximum(probabilities, smallest) / tf.maximum(1 - probabilities, smallest)
    return {"probabilities": probabilities, "logits": tf.math.log(odds)}


def _images(shape: tuple[int, int, int]) -> np.ndarray:
    """[_NUM_COMPARED, *shape] uint8: noise, and images of one brightness, from black to white."""
    images = np.random.default_rng(0).integers(0, 256, (_NUM_COMPARED, *shape), np.uint8)
    half = _NUM_COMPARED // 2
    images[half:] = np.linspace(0, 255, half, dtype=np.uint8)[:, None, None, None]
    return images


def _pngs(images: np.ndarray) -> np.ndarray:
    encoded = np.empty(len(images), object)
    encoded[:] = [tf.io.encode_png(image).numpy() for image in images]
    return encoded


def _write_warm_up(path: pathlib.Path, name: str, given: dict[str, np.ndarray]) -> None:
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature_name, images in given.items():
            log = prediction_log_pb2.PredictionLog()
            request = log.predict_log.request
            request.model_spec.name = name
            request.model_spec.signature_name = signature_name
            request.inputs["images"].CopyFrom(tf.make_tensor_proto(images))
            writer.write(log.SerializeToString())


def _compare(part: pathlib.Path, given: dict[str, np.ndarray], expected: np.ndarray) -> None:
    loaded = loaded_version.LoadedVersion(part, 1)
    for signature_name, images in given.items():
        found = loaded.call(signature_name, {"images": images})["probabilities"]
        differences = np.abs(found - expected)
        differences[np.isnan(found) & np.isnan(expected)] = 0
        difference = differences.max()
        if not difference <= _TOLERANCE:  # also refuses a NaN
            raise ExportError(
                f"{signature_name} of the export differs from the classifier by {difference:.3g}; "
                f"at most {_TOLERANCE:g} is rounding."
            )
    loaded.close()
