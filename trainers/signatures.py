"""A SavedModel that scores images, with a signature for each form of images.

serving_default   `images` uint8 [batch, height, width, channels]
float_images      `images` float32, likewise, values in 0..255
encoded_images    `images` string [batch], each a PNG or JPEG of any size, which is scaled to
                  the size of the network and made grey or RGB; TensorFlow's decoders ignore
                  the orientation in EXIF

Each gives `probabilities` and `logits`, float32 [batch, num_labels]. The names of the
labels are in assets/labels.txt, one per line, in the order of the outputs.
"""

import pathlib
import tempfile
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from trainers import models, resizing

DEFAULT = "serving_default"
FLOAT = "float_images"
ENCODED = "encoded_images"
LABELS_FILE = pathlib.Path("assets") / "labels.txt"
# A small file can hold a huge image, and a small request many images, so both are limited.
_MAX_PIXELS = 2**24
_MAX_BYTES = 2**28
_PNG = b"\x89PNG\r\n\x1a\n"

Outputs = Callable[[tf.Tensor], dict[str, tf.Tensor]]


def save(
    folder: pathlib.Path,
    outputs: Outputs,
    image_shape: tuple[int, int, int],
    labels: Sequence[str],
) -> None:
    """Writes the SavedModel.

    Args:
        folder: Where to write; files in it stay.
        outputs: [batch, height, width, channels] uint8 or float32, 0..255 -> the outputs of
            the signatures.
        image_shape: (height, width, channels).
        labels: The names of the outputs.

    Raises:
        tf.errors.OpError, OSError: It could not be written.
    """
    batch = [None, *image_shape]
    given = {
        DEFAULT: (outputs, tf.TensorSpec(batch, tf.uint8, name="images")),
        FLOAT: (outputs, tf.TensorSpec(batch, tf.float32, name="images")),
        ENCODED: (
            lambda images: outputs(decoded(images, image_shape)),
            tf.TensorSpec([None], tf.string, name="images"),
        ),
    }
    traced = {
        name: tf.function(function, autograph=False).get_concrete_function(images=spec)
        for name, (function, spec) in given.items()
    }
    # Keras' own ExportArchive writes every weight twice.
    served = tf.Module()
    variables = {id(v): v for function in traced.values() for v in function.graph.variables}
    served.weights = list(variables.values())
    with tempfile.TemporaryDirectory() as place:
        names = pathlib.Path(place) / LABELS_FILE.name
        names.write_text("".join(f"{' '.join(label.split())}\n" for label in labels), "utf-8")
        served.labels = tf.saved_model.Asset(str(names))
        tf.saved_model.save(served, str(folder), signatures=traced)


def model_outputs(model: keras.Model) -> Outputs:
    """The output function of a network that ends in a softmax layer.

    Args:
        model: uint8 images -> confidences.
    """
    both = keras.Model(
        model.input, {"logits": models.logits(model).output, "probabilities": model.output}
    )
    # An input of bytes would cut off the fractions of floats.
    of_floats = keras.models.clone_model(
        both,
        input_tensors=keras.Input(model.input_shape[1:], dtype="float32"),
        clone_function=lambda layer: layer,
    )

    def outputs(images: tf.Tensor) -> dict[str, tf.Tensor]:
        found = (of_floats if images.dtype.is_floating else both)(images, training=False)
        return {name: tf.cast(tensor, tf.float32) for name, tensor in found.items()}

    return outputs


def decoded(encoded: tf.Tensor, image_shape: tuple[int, int, int]) -> tf.Tensor:
    """Decodes images and scales them to one shape; those that have it already keep every byte.

    Args:
        encoded: string [batch], PNG or JPEG.
        image_shape: (height, width, channels).

    Returns:
        uint8 [batch, height, width, channels].
    """
    height, width, channels = image_shape
    max_images = max(1, _MAX_BYTES // (height * width * channels))

    def one(content: tf.Tensor) -> tf.Tensor:
        pixels = tf.cond(
            tf.io.is_jpeg(content), lambda: _jpeg_pixels(content), lambda: _png_pixels(content)
        )
        small = tf.debugging.Assert(
            (pixels > 0) & (pixels <= _MAX_PIXELS), [f"images of 1 to {_MAX_PIXELS} pixels"]
        )
        with tf.control_dependencies([small]):
            image = tf.io.decode_image(content, channels=channels, expand_animations=False)
        image.set_shape([None, None, channels])
        return resizing.resized(image, height, width)

    few = tf.debugging.assert_less_equal(
        tf.size(encoded), max_images, f"at most {max_images} images at a time"
    )
    with tf.control_dependencies([few]):
        return tf.map_fn(
            one, tf.identity(encoded), fn_output_signature=tf.TensorSpec(image_shape, tf.uint8)
        )


def _jpeg_pixels(content: tf.Tensor) -> tf.Tensor:
    sides = tf.io.extract_jpeg_shape(content, tf.int32)[:2]
    return tf.reduce_prod(tf.cast(sides, tf.int64))


def _png_pixels(content: tf.Tensor) -> tf.Tensor:
    """The product of width and height, which are the bytes 16 to 24 of a PNG."""
    is_png = tf.debugging.Assert(
        tf.strings.substr(content, 0, len(_PNG)) == _PNG, ["an image is neither PNG nor JPEG"]
    )
    with tf.control_dependencies([is_png]):
        header = tf.strings.substr(content, 16, 8)
    sides = tf.io.decode_raw(header, tf.int32, little_endian=False)
    # Sides beyond 2^31 become negative, and the product of two would look right again.
    return tf.reduce_prod(tf.cast(tf.maximum(sides, 0), tf.int64))
