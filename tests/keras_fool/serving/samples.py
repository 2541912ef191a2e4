"""Tiny SavedModels that the tests serve, each signature there for one behaviour.

    python -m tests.keras_fool.serving.samples FOLDER

writes FOLDER/zoo/1 and FOLDER/zoo/2, so that a real TF Serving, too, can be held to the
conformance suite (see the package conformance).
"""

import pathlib
import sys

NAME = "zoo"


def write(folder: pathlib.Path, number: int, *, whole: bool = True) -> None:
    """Writes version `number`; it answers x / 2 + number.

    Args:
        folder: The version folder.
        number: The version.
        whole: Whether with all signatures, which takes some seconds, or two of them.
    """
    import tensorflow as tf

    module = tf.Module()
    module.offset = tf.Variable(float(number))

    def signature(function, **inputs):
        specs = {name: tf.TensorSpec(shape, dtype, name) for name, (dtype, shape) in inputs.items()}
        return tf.function(function).get_concrete_function(**specs)

    def dtype_echo(dtype):
        return signature(lambda x: {"y": tf.identity(x)}, x=(dtype, [None]))

    def wait(seconds):
        end = tf.timestamp() + tf.cast(tf.reduce_max(seconds), tf.float64)
        now = tf.while_loop(lambda now: now < end, lambda _: tf.timestamp(), [tf.timestamp()])
        return {"y": seconds + 0 * tf.cast(now[0], tf.float32)}

    two = {"a": (tf.float32, [None, 2]), "b": (tf.int32, [None])}
    kernel = tf.ones([3, 3, 1, 20])
    signatures = {
        "serving_default": signature(
            lambda x: {"y": x / 2 + module.offset}, x=(tf.float32, [None, 2])
        ),
        "two": signature(lambda a, b: {"total": tf.reduce_sum(a, 1), "double": 2 * b}, **two),
        "any_shape": signature(lambda x: {"y": x + 0}, x=(tf.float32, None)),
        "string": signature(
            lambda s: {"text": tf.identity(s), "some_bytes": tf.identity(s)}, s=(tf.string, [None])
        ),
        "scalar_output": signature(lambda x: {"y": tf.reduce_sum(x)}, x=(tf.float32, [None])),
        "unequal": signature(
            lambda x: {"a": tf.identity(x), "b": tf.concat([x, x], 0)}, x=(tf.float32, [None])
        ),
        "half": signature(lambda x: {"y": tf.cast(x, tf.float16)}, x=(tf.float32, [None])),
        "complex": signature(lambda x: {"y": tf.cast(x, tf.complex64)}, x=(tf.float32, [None])),
        "long_name": signature(
            lambda x: {f"output_{number:03}": x + number for number in range(200)},
            x=(tf.float32, [None]),
        ),
        "conv": signature(
            lambda images: {"y": tf.nn.conv2d(tf.cast(images, tf.float32), kernel, 1, "VALID")},
            images=(tf.uint8, [None, 8, 8, 1]),
        ),
        "wait": signature(wait, seconds=(tf.float32, [None])),
        **{
            dtype.name: dtype_echo(dtype)
            for dtype in (
                *(tf.bool, tf.float64, tf.int8, tf.int16, tf.int32, tf.int64),
                *(tf.uint8, tf.uint32, tf.uint64),
            )
        },
    }
    if not whole:
        signatures = {name: signatures[name] for name in ("serving_default", "wait")}
    tf.saved_model.save(module, str(folder), signatures=signatures)


def main() -> None:
    folder = pathlib.Path(sys.argv[1]) / NAME
    for number in (1, 2):
        write(folder / str(number), number)


if __name__ == "__main__":
    main()
