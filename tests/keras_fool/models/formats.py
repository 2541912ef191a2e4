"""Models in every format that is accepted, tiny, each with what its own framework gives for images.

All take colour images of SIDE pixels.
"""

import dataclasses
import json
import pathlib
from collections.abc import Callable

import keras
import numpy as np

SIDE = 8
TF_KERAS = pathlib.Path(__file__).parent / "tf_keras_files"
layers = keras.layers
Rows = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        build: Takes an empty folder; writes the model, and returns its path and what its own
            framework gives: uint8 images -> confidences [batch, labels].
        options: What is said of it behind its path.
        labels: What its labels are called.
        gives_gradients: Whether a gradient reaches the images.
        noted: A fact in its notes; "" for no notes.
    """

    build: Callable[[pathlib.Path], tuple[pathlib.Path, Rows]]
    options: str = ""
    labels: tuple[str, ...] = ("0", "1", "2")
    gives_gradients: bool = True
    noted: str = ""


def weights(stddev: float = 0.01) -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(stddev=stddev, seed=1)


def network(shape=(SIDE, SIDE, 3), activation="softmax", dtype="float32") -> keras.Model:
    image = keras.Input(shape, dtype=dtype, name="image")
    found = layers.Rescaling(1 / 255)(image)
    if shape[0] in (3, 4):
        found = layers.Permute((2, 3, 1))(found)
    found = layers.Conv2D(4, 3, activation="relu", kernel_initializer=weights(0.5))(found)
    found = layers.GlobalAveragePooling2D()(found)
    head = layers.Dense(3, activation, kernel_initializer=weights(3), name="scores")
    return keras.Model(image, head(found))


def predicted(model: keras.Model, prepare: Callable = lambda images: images, key=None) -> Rows:
    """What `model.predict` gives."""

    def rows(images: np.ndarray) -> np.ndarray:
        found = model.predict(prepare(images.astype(np.float32)), verbose=0)
        found = found if key is None else found[key]
        return np.reshape(found, (len(images), -1))

    return rows


def softmax(rows: Rows) -> Rows:
    def confidences(images: np.ndarray) -> np.ndarray:
        powers = np.exp(rows(images).astype(np.float64))
        return powers / powers.sum(axis=1, keepdims=True)

    return confidences


def with_alpha(images: np.ndarray) -> np.ndarray:
    return np.concatenate([images, np.full_like(images[..., :1], 255)], axis=-1)


def first(images: np.ndarray) -> np.ndarray:
    return images.transpose(0, 3, 1, 2)


def saved(name: str, make: Callable[[], keras.Model] = network, **options):
    """A model in a file of Keras 3."""

    def build(folder: pathlib.Path) -> tuple[pathlib.Path, Rows]:
        model = make()
        model.save(folder / name)
        return folder / name, predicted(model, **options)

    return build


def sequential() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Flatten(),
            layers.Dense(3, kernel_initializer=weights()),
        ]
    )


def logits_of(build):
    def built(folder: pathlib.Path) -> tuple[pathlib.Path, Rows]:
        path, rows = build(folder)
        return path, softmax(rows)

    return built


def of_tf_keras(file: str, name: str):
    """What tf.keras 2 wrote, and gave for the images of `images`."""

    def build(_: pathlib.Path) -> tuple[pathlib.Path, Rows]:
        expected = np.array(json.loads((TF_KERAS / "expected.json").read_text())[name])
        return TF_KERAS / file, lambda images: expected[: len(images)]

    return build


def two_outputs(structure: Callable):
    def make() -> keras.Model:
        model = network()
        boxes = layers.Dense(4, name="boxes")(model.layers[-2].output)
        return keras.Model(model.input, structure(boxes, model.output))

    return make


def convolutional() -> keras.Model:
    image = keras.Input((SIDE, SIDE, 3))
    last = layers.Conv2D(3, SIDE, activation="softmax", kernel_initializer=weights())
    return keras.Model(image, last(image))


def preparing(make: Callable[[np.ndarray], np.ndarray]):
    return {"prepare": make}


FORMATS = {
    "Keras 3 .keras": Format(saved("a.keras")),
    "Keras 3 .h5": Format(saved("a.h5")),
    "Keras 3 .hdf5": Format(saved("a.hdf5")),
    "Keras 3 .h5, Sequential, logits": Format(logits_of(saved("a.h5", sequential))),
    "Keras 3 .h5, bytes": Format(saved("a.h5", lambda: network(dtype="uint8"))),
    "tf.keras 2 .h5": Format(of_tf_keras("functional.h5", "functional")),
    "tf.keras 2 .h5, Sequential, logits": Format(of_tf_keras("sequential.h5", "sequential")),
    "any size": Format(saved("a.keras", lambda: network((None, None, 3))), f"image={SIDE}"),
    "any height": Format(saved("a.keras", lambda: network((None, SIDE, 3))), f"image={SIDE}"),
    "any size, .h5": Format(saved("a.h5", lambda: network((None, None, 3))), f"image={SIDE}"),
    "two outputs": Format(
        saved("a.keras", two_outputs(lambda boxes, labels: [boxes, labels]), key=1), "output=scores"
    ),
    "two outputs, .h5": Format(
        saved("a.h5", two_outputs(lambda boxes, labels: [boxes, labels]), key=1), "output=scores"
    ),
    "dictionary of outputs": Format(
        saved("a.keras", two_outputs(lambda b, c: {"boxes": b, "labels": c}), key="labels"),
        "output=labels",
    ),
    "dictionary of outputs, by the layer": Format(
        saved("a.keras", two_outputs(lambda b, c: {"z": b, "labels": c}), key="labels"),
        "output=scores",
    ),
    "1 x 1 pixels": Format(saved("a.keras", convolutional)),
    "channels first": Format(
        saved("a.keras", lambda: network((3, SIDE, SIDE)), **preparing(first))
    ),
    "channels first, any size": Format(
        saved("a.keras", lambda: network((3, None, None)), **preparing(first)), f"image={SIDE}"
    ),
    "channels first, of bytes": Format(
        saved("a.keras", lambda: network((3, SIDE, SIDE), dtype="uint8"), **preparing(first))
    ),
    "RGBA": Format(
        saved("a.keras", lambda: network((SIDE, SIDE, 4)), **preparing(with_alpha)), noted="RGBA"
    ),
    "RGBA, channels first, unit": Format(
        saved(
            "a.keras",
            lambda: network((4, SIDE, SIDE)),
            **preparing(lambda images: first(with_alpha(images)) / 255),
        ),
        "unit",
        noted="RGBA",
    ),
}


def channels_first() -> keras.Model:
    image = keras.Input((3, SIDE, SIDE))
    found = layers.Conv2D(4, 3, data_format="channels_first")(image)
    return keras.Model(image, layers.Dense(3, "softmax")(layers.Flatten()(found)))


def damaged_h5(folder: pathlib.Path) -> pathlib.Path:
    path, _ = saved("a.h5")(folder)
    path.write_bytes(path.read_bytes()[:-2000])
    return path


def weights_of_h5(folder: pathlib.Path) -> pathlib.Path:
    network().save_weights(folder / "a.weights.h5")
    return (folder / "a.weights.h5").rename(folder / "b.h5")


def changed_h5(change: Callable[[dict], object]):
    """An .h5 file whose description of layers is another one."""

    def build(folder: pathlib.Path) -> pathlib.Path:
        import h5py

        path, _ = saved("a.h5")(folder)
        with h5py.File(path, "r+") as file:
            config = json.loads(file.attrs["model_config"])
            change(config["config"]["layers"])
            file.attrs["model_config"] = json.dumps(config)
        return path

    return build


def lambda_layer(described: list) -> None:
    code = ["4wEAAAAA", None, None]
    described[1] = {
        **described[1],
        "class_name": "Lambda",
        "config": {"name": "secret", "function": code, "function_type": "lambda"},
    }


def empty(name: str, content: bytes = b"\0" * 64):
    def build(folder: pathlib.Path) -> pathlib.Path:
        (folder / name).write_bytes(content)
        return folder / name

    return build


def checkpoint(folder: pathlib.Path) -> pathlib.Path:
    (folder / "checkpoint").write_text("")
    return folder


def zipped(name: str, member: str):
    def build(folder: pathlib.Path) -> pathlib.Path:
        import zipfile

        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr(member, "")
        return folder / name

    return build


# Builds a file or folder that is refused; facts in the message, as regular expressions.
REFUSED = {
    "weights in .h5": (weights_of_h5, ("weights", r"model\.save\(")),
    "weights of a network": (empty("a.weights.h5"), ("weights", "MobileNet:weights=")),
    "damaged .h5": (damaged_h5, ("loads safely",)),
    "text as .h5": (empty("a.h5", b"no model"), ("not an HDF5 file",)),
    "Lambda in .h5": (changed_h5(lambda_layer), ("Lambda", "'secret'", "code")),
    "unknown class in .h5": (
        changed_h5(lambda described: described[1].update(class_name="Mine")),
        ("class Mine",),
    ),
    "TensorFlow's operations in .h5": (
        changed_h5(lambda described: described[1].update(class_name="TFOpLambda")),
        ("class TFOpLambda",),
    ),
    "huge units in .h5": (
        changed_h5(lambda described: described[-1]["config"].update(units=10**7)),
        ("bytes of weights", "holds"),
    ),
    "channels first, which CPUs cannot": (
        lambda folder: saved("a.keras", channels_first)(folder)[0],
        ("Conv2D", "NHWC", "CPU"),
    ),
    "TensorFlow Lite": (empty("a.tflite"), ("TensorFlow Lite", "image_shape=")),
    "TensorFlow Lite, renamed": (empty("a.keras", b"\x1c\0\0\0TFL3" + bytes(9)), ("Lite",)),
    "PyTorch": (empty("a.pth"), ("PyTorch", r"torch\.onnx\.export", "image_shape=")),
    "PyTorch archive": (zipped("a.bin", "a/data.pkl"), ("PyTorch",)),
    "safetensors": (empty("a.safetensors"), ("safetensors", "image_shape=")),
    "safetensors, renamed": (
        empty("model", (64).to_bytes(8, "little") + b'{"a":' + bytes(64)),
        ("safetensors",),
    ),
    "Caffe": (empty("a.caffemodel"), ("import_caffe",)),
    "pickle": (empty("a.pkl"), ("pickle", "code")),
    "a graph": (empty("saved_model.pb"), ("name its folder",)),
    "a checkpoint": (checkpoint, ("checkpoint", "weights", r"model\.save\(")),
    "an archive": (empty("a.tar.gz"), ("unpack",)),
    "anything": (empty("a.xyz"), (r"\.keras, \.h5",)),
}
