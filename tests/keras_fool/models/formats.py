"""Models in every format that is accepted, tiny, each with what its own framework gives for images.

All take colour images of SIDE pixels.
"""

import dataclasses
import json
import pathlib
from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

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
    """What the model itself gives."""

    def rows(images: np.ndarray) -> np.ndarray:
        found = model(prepare(images.astype(np.float32)), training=False)
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


def two_outputs(structure: Callable, activation: str | None = "softmax"):
    def make() -> keras.Model:
        model = network(activation=activation)
        boxes = layers.Dense(4, name="boxes")(model.layers[-2].output)
        return keras.Model(model.input, structure(boxes, model.output))

    return make


def convolutional() -> keras.Model:
    image = keras.Input((SIDE, SIDE, 3))
    last = layers.Conv2D(3, SIDE, activation="softmax", kernel_initializer=weights())
    return keras.Model(image, last(image))


def preparing(make: Callable[[np.ndarray], np.ndarray]):
    return {"prepare": make}


def exported(folder: pathlib.Path) -> tuple[pathlib.Path, Rows]:
    model = network()
    model.export(folder / "saved", verbose=False)
    return folder / "saved", predicted(model)


class Module(tf.Module):
    """A network with signatures, as `tf.saved_model.save` writes one."""

    def __init__(self, shape=(SIDE, SIDE, 3)):
        super().__init__()
        generator = tf.random.Generator.from_seed(1)
        self.kernel = tf.Variable(generator.normal([3, 3, 3, 4], stddev=0.5))
        self.head = tf.Variable(generator.normal([4, 3], stddev=3.0))
        self.shape = shape

    @tf.function
    def logits(self, images):
        images = tf.cast(images, tf.float32) / 255
        found = tf.nn.relu(tf.nn.conv2d(images, self.kernel, 1, "VALID"))
        return tf.reduce_mean(found, axis=(1, 2)) @ self.head

    def of(self, function: Callable, dtype=tf.float32, batch=None, shape=None):
        """The signature `image -> function(logits)`."""
        spec = tf.TensorSpec([batch, *(shape or self.shape)], dtype, name="image")
        return tf.function(lambda image: function(self.logits(image))).get_concrete_function(spec)


def saved_model(signatures: Callable[[Module], dict[str, Callable]], key: str = "scores"):
    """A folder by `tf.saved_model.save`, rescored by the signature "serving_default" or the first.

    Args:
        signatures: The module -> its signatures, by name.
        key: The output that has the confidences.
    """

    def build(folder: pathlib.Path) -> tuple[pathlib.Path, Rows]:
        module = Module()
        tf.saved_model.save(module, str(folder / "saved"), signatures=signatures(module))

        def rows(images: np.ndarray) -> np.ndarray:
            loaded = tf.saved_model.load(str(folder / "saved")).signatures
            function = loaded.get("serving_default") or loaded[sorted(loaded)[0]]
            dtype = function.structured_input_signature[1]["image"].dtype
            return function(image=tf.cast(images, dtype))[key].numpy().reshape(len(images), -1)

        return folder / "saved", rows

    return build


def scores(logits: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"scores": tf.nn.softmax(logits)}


def scores_and_boxes(logits: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"scores": tf.nn.softmax(logits), "boxes": tf.concat([logits, logits], 1)}


def named_as_endpoints(logits: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"probabilities": tf.nn.softmax(logits), "logits": logits}


def of_export(folder: pathlib.Path) -> tuple[pathlib.Path, Rows]:
    """What `keras_fool.export` writes, with names of labels."""
    pytest.importorskip("tensorflow_serving")
    from keras_fool.models import classifiers
    from keras_fool.serving.server import saved_model as exports

    model = network(activation=None)
    model.save(folder / "a.keras")
    classifier = classifiers.find(f"{folder / 'a.keras'}:unit").with_labels(("cat", "dog", "eel"))
    exports.save(folder / "pets" / "3", classifier)

    def rows(images: np.ndarray) -> np.ndarray:
        loaded = tf.saved_model.load(str(folder / "pets" / "3"))
        found = loaded.signatures["serving_default"](images=tf.constant(images))
        return found["probabilities"].numpy()

    return folder / "pets", rows


def onnx_file(
    shape=("batch", 3, SIDE, SIDE), dtype: str = "FLOAT", prepare: Callable = lambda x: x, head=True
):
    """An ONNX model, rescored by ONNX Runtime: convolution, mean, linear layer, softmax."""

    def build(folder: pathlib.Path) -> tuple[pathlib.Path, Rows]:
        onnxruntime = pytest.importorskip("onnxruntime")
        onnx = pytest.importorskip("onnx")
        helper, generator = onnx.helper, np.random.default_rng(1)
        kernel = generator.normal(0, 0.5, (4, 3, 3, 3)).astype(np.float32)
        dense = generator.normal(0, 3, (4, 3)).astype(np.float32)
        constants = {"kernel": kernel, "dense": dense, "scale": np.float32(255)}
        nodes = [helper.make_node("Cast", ["image"], ["floats"], to=onnx.TensorProto.FLOAT)]
        planes = "floats"
        if shape[3] == 3:
            nodes.append(helper.make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2]))
            planes = "planes"
        nodes += [
            helper.make_node("Div", [planes, "scale"], ["unit"]),
            helper.make_node("Conv", ["unit", "kernel"], ["convolved"]),
            helper.make_node("Relu", ["convolved"], ["active"]),
            helper.make_node("GlobalAveragePool", ["active"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("MatMul", ["flat", "dense"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["scores"], axis=1),
        ]
        tensor = helper.make_tensor_value_info
        outputs = ["scores"] if head else ["logits"]
        graph = helper.make_graph(
            nodes,
            "tiny",
            [tensor("image", getattr(onnx.TensorProto, dtype), shape)],
            [tensor(name, onnx.TensorProto.FLOAT, [shape[0], 3]) for name in outputs],
            [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
        )
        opset = helper.make_opsetid("", 17)
        path = folder / "a.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=9), path)
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        kind = np.uint8 if dtype == "UINT8" else np.float32

        def rows(images: np.ndarray) -> np.ndarray:
            prepared = prepare(images.astype(np.float32)).astype(kind)
            size = shape[0] if isinstance(shape[0], int) else len(images)
            each = [
                session.run(None, {"image": part})[0]
                for part in np.split(prepared, len(images) // size)
            ]
            found = np.concatenate(each)
            return found if head else softmax(lambda _: found)(images)

        return path, rows

    return build


ONNX_NOTE = "no gradients"
FORMATS = {
    "Keras 3 .keras": Format(saved("a.keras")),
    "Keras 3 .h5": Format(saved("a.h5")),
    "Keras 3 .hdf5": Format(saved("a.hdf5")),
    "Keras 3 .h5, Sequential, logits": Format(logits_of(saved("a.h5", sequential))),
    "Keras 3 .h5, bytes": Format(saved("a.h5", lambda: network(dtype="uint8"))),
    "tf.keras 2 .h5": Format(of_tf_keras("functional.h5", "functional")),
    "tf.keras 2 .h5, Sequential, logits": Format(of_tf_keras("sequential.h5", "sequential")),
    "Keras 3 export": Format(exported),
    "tf.keras 2 SavedModel": Format(of_tf_keras("saved_model", "functional")),
    "SavedModel": Format(saved_model(lambda m: {"serving_default": m.of(scores)})),
    "SavedModel of bytes": Format(
        saved_model(lambda m: {"serving_default": m.of(scores, tf.uint8)}), gives_gradients=False
    ),
    "SavedModel of half floats": Format(
        saved_model(lambda m: {"serving_default": m.of(scores, tf.float16)})
    ),
    "SavedModel, signature by its name": Format(
        saved_model(lambda m: {"score": m.of(scores), "swap": m.of(lambda x: scores(-x))}),
        "signature=score",
    ),
    "SavedModel, the only signature for images": Format(
        saved_model(
            lambda m: {
                "images": m.of(scores),
                "one": m.of(scores, batch=1),
            }
        )
    ),
    "SavedModel, output by its name": Format(
        saved_model(lambda m: {"serving_default": m.of(scores_and_boxes)}), "output=scores"
    ),
    "SavedModel, outputs named as endpoints name them": Format(
        saved_model(lambda m: {"serving_default": m.of(named_as_endpoints)}, "probabilities")
    ),
    "SavedModel, any size": Format(
        saved_model(lambda m: {"serving_default": m.of(scores, shape=(None, None, 3))}),
        f"image={SIDE}",
    ),
    "keras_fool export": Format(of_export, labels=("cat", "dog", "eel")),
    "ONNX, channels first": Format(
        onnx_file(prepare=first), gives_gradients=False, noted=ONNX_NOTE
    ),
    "ONNX, channels last": Format(
        onnx_file(("N", SIDE, SIDE, 3)), gives_gradients=False, noted=ONNX_NOTE
    ),
    "ONNX of bytes": Format(
        onnx_file(dtype="UINT8", prepare=first), gives_gradients=False, noted=ONNX_NOTE
    ),
    "ONNX, four at a time": Format(
        onnx_file((4, 3, SIDE, SIDE), prepare=first),
        gives_gradients=False,
        noted="batches of 4 only",
    ),
    "ONNX, logits, any size, tf": Format(
        onnx_file(("N", 3, "height", "width"), prepare=lambda x: first(x / 127.5 - 1), head=False),
        f"tf:logits:image={SIDE}",
        gives_gradients=False,
        noted=ONNX_NOTE,
    ),
    "any size": Format(saved("a.keras", lambda: network((None, None, 3))), f"image={SIDE}"),
    "any height": Format(saved("a.keras", lambda: network((None, SIDE, 3))), f"image={SIDE}"),
    "any size, .h5": Format(saved("a.h5", lambda: network((None, None, 3))), f"image={SIDE}"),
    "two outputs": Format(
        saved("a.keras", two_outputs(lambda boxes, labels: [boxes, labels]), key=1), "output=scores"
    ),
    "two outputs, .h5": Format(
        saved("a.h5", two_outputs(lambda boxes, labels: [boxes, labels]), key=1), "output=scores"
    ),
    "two outputs, logits": Format(
        logits_of(
            saved("a.keras", two_outputs(lambda boxes, labels: [boxes, labels], None), key=1)
        ),
        "output=scores",
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


def written(outputs: dict, path: pathlib.Path) -> dict:
    with tf.control_dependencies([tf.io.write_file(str(path), "found")]):
        return {name: tf.identity(output) for name, output in outputs.items()}


def of_strings(module: Module) -> Callable:
    spec = tf.TensorSpec([None], tf.string, name="image")
    zeros = tf.zeros([1, SIDE, SIDE, 3])
    return tf.function(
        lambda image: {"size": tf.size(image), **scores(module.logits(zeros))}
    ).get_concrete_function(spec)


def by_python(values: tf.Tensor) -> tf.Tensor:
    return tf.ensure_shape(tf.numpy_function(lambda x: x, [values], tf.float32), [None, 3])


def damaged_saved_model(folder: pathlib.Path) -> pathlib.Path:
    path, _ = saved_model(lambda m: {"serving_default": m.of(scores)})(folder)
    (path / "saved_model.pb").write_bytes(b"no model at all")
    return path


def saved_model_without_weights(folder: pathlib.Path) -> pathlib.Path:
    path, _ = saved_model(lambda m: {"serving_default": m.of(scores)})(folder)
    (path / "variables" / "variables.index").unlink()
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
    "SavedModel of strings": (
        lambda folder: saved_model(lambda m: {"serving_default": of_strings(m)})(folder)[0],
        ("strings", "serving_default"),
    ),
    "SavedModel of fixed batch": (
        lambda folder: saved_model(lambda m: {"serving_default": m.of(scores, batch=1)})(folder)[0],
        ("batches of 1 only", "batch of None"),
    ),
    "SavedModel of several signatures": (
        lambda folder: saved_model(lambda m: {"a": m.of(scores), "b": m.of(scores)})(folder)[0],
        ("a, b", "--signature_name=a"),
    ),
    "SavedModel of several outputs": (
        lambda folder: saved_model(lambda m: {"serving_default": m.of(scores_and_boxes)})(folder)[
            0
        ],
        (r"scores \[None, 3\]", r"boxes \[None, 6\]", "--output_name="),
    ),
    "SavedModel without signatures": (
        lambda folder: saved_model(lambda _: {})(folder)[0],
        ("no signatures",),
    ),
    "SavedModel that writes files": (
        lambda folder: saved_model(
            lambda m: {"serving_default": m.of(lambda x: written(scores(x), folder / "written"))}
        )(folder)[0],
        ("WriteFile", "loads safely"),
    ),
    "SavedModel that runs Python": (
        lambda folder: saved_model(
            lambda m: {"serving_default": m.of(lambda x: scores(by_python(x)))}
        )(folder)[0],
        ("PyFunc", "loads safely"),
    ),
    "damaged SavedModel": (damaged_saved_model, ("saved_model.pb is damaged",)),
    "SavedModel without weights": (saved_model_without_weights, ("is not a SavedModel that",)),
    "text as ONNX": (empty("a.onnx", b"no model"), ("ONNX",)),
    "anything": (empty("a.xyz"), (r"\.keras",)),
}
