"""Models of all kinds that users bring, tiny: how each is built, and what is to be said of it."""

import dataclasses
import io
import json
import pathlib
import re
import struct
import zipfile
from collections.abc import Callable

import keras
import numpy as np

SIDE = 8
layers = keras.layers


@keras.saving.register_keras_serializable("kinds")
class Known(layers.Layer):
    """A layer that this process knows, as Keras would be told of it."""

    def call(self, inputs):
        return inputs * 1.0


@keras.saving.register_keras_serializable("kinds")
class Subclassed(keras.Model):
    """A model that is code."""

    def __init__(self, **options):
        super().__init__(**options)
        self.dense = layers.Dense(3, "softmax")

    def call(self, inputs):
        return self.dense(keras.ops.reshape(inputs, (-1, SIDE * SIDE)))


class Unknown(layers.Layer):
    """A layer that no file can bring with it."""

    def call(self, inputs):
        return inputs * 1.0


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of model.

    Attributes:
        build: Writes it: path of the .keras file -> None.
        meaning: What its outputs mean, where it is accepted as it is.
        said: What has to be said, such as "logits"; None for nothing.
        refused: Facts in the message, as regular expressions, where it is refused.
        noted: Facts in a note.
        preprocess: What prepares bytes.
        num_labels: How many labels there are.
        tolerance: How far a confidence may differ from the model's own.
    """

    build: Callable[[pathlib.Path], None]
    meaning: str | None = None
    said: str | None = None
    refused: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()
    preprocess: str = "none"
    num_labels: int = 3
    tolerance: float = 1e-6


def dense(units: int = 3, activation: str | None = "softmax", scale: float = 0.001, **options):
    """A layer of decided weights for inputs 0..255."""
    weights = keras.initializers.RandomNormal(stddev=scale, seed=1)
    return layers.Dense(units, activation, kernel_initializer=weights, **options)


def functional(
    *behind, units=3, activation="softmax", shape=(SIDE, SIDE, 1), dtype="float32", scale=0.001
):
    """image -> flat -> Dense -> the layers behind it."""

    def build(path: pathlib.Path) -> None:
        image = keras.Input(shape, dtype=dtype)
        flat = layers.Flatten()(image)
        if not dtype.startswith(("float", "bfloat")):
            flat = layers.Rescaling(1.0)(flat)
        found = dense(units, activation, scale)(flat)
        for layer in behind:
            found = layer()(found)
        keras.Model(image, found).save(path)

    return build


def before(*front, shape=(SIDE, SIDE, 1)):
    """The layers in front -> flat -> softmax, as a Sequential model."""

    def build(path: pathlib.Path) -> None:
        built = [layer() for layer in front]
        keras.Sequential([keras.Input(shape), *built, layers.Flatten(), dense(scale=0.01)]).save(
            path
        )

    return build


def in_policy(policy: str, build: Callable):
    """The same, built under a dtype policy."""

    def built(path: pathlib.Path) -> None:
        keras.config.set_dtype_policy(policy)
        try:
            build(path)
        finally:
            keras.config.set_dtype_policy("float32")

    return built


def convolutional(activation: str | None = "softmax"):
    """[batch, 1, 1, n] outputs."""

    def build(path: pathlib.Path) -> None:
        image = keras.Input((SIDE, SIDE, 1))
        weights = keras.initializers.RandomNormal(stddev=0.001, seed=1)
        outputs = layers.Conv2D(3, SIDE, activation=activation, kernel_initializer=weights)(image)
        keras.Model(image, outputs).save(path)

    return build


def mapped(path: pathlib.Path) -> None:
    keras.Sequential(
        [keras.Input((SIDE, SIDE, 3)), layers.Conv2D(2, 3, activation="softmax")]
    ).save(path)


def nested(path: pathlib.Path) -> None:
    image = keras.Input((SIDE, SIDE, 1))
    inner = keras.Sequential([keras.Input((SIDE, SIDE, 1)), layers.Flatten(), dense()])
    keras.Model(image, inner(image)).save(path)


def outputs_of(make: Callable):
    """A model whose outputs are what `make` makes of two heads."""

    def build(path: pathlib.Path) -> None:
        image = keras.Input((SIDE, SIDE, 1))
        flat = layers.Flatten()(image)
        keras.Model(image, make(dense(name="a")(flat), dense(4, name="b")(flat))).save(path)

    return build


def dict_inputs(path: pathlib.Path) -> None:
    image = keras.Input((SIDE, SIDE, 1), name="image")
    keras.Model({"image": image}, dense()(layers.Flatten()(image))).save(path)


def operation(name: str, activation: str | None = None):
    """A last step that is an operation and no layer."""

    def build(path: pathlib.Path) -> None:
        image = keras.Input((SIDE, SIDE, 1))
        logits = dense(3, activation)(layers.Flatten()(image))
        keras.Model(image, getattr(keras.ops, name)(logits)).save(path)

    return build


def one_hot(path: pathlib.Path) -> None:
    image = keras.Input((SIDE, SIDE, 1))
    logits = dense(3, None)(layers.Flatten()(image))
    keras.Model(image, keras.ops.one_hot(keras.ops.argmax(logits, axis=1), 3)).save(path)


def with_weights(value: float):
    def build(path: pathlib.Path) -> None:
        image = keras.Input((SIDE, SIDE, 1))
        layer = dense(name="last")
        model = keras.Model(image, layer(layers.Flatten()(image)))
        kernel, bias = layer.get_weights()
        kernel[0, 0] = value
        layer.set_weights([kernel, bias])
        model.save(path)

    return build


def constant(path: pathlib.Path) -> None:
    image = keras.Input((SIDE, SIDE, 1))
    layer = layers.Dense(3, "softmax", kernel_initializer="zeros", bias_initializer="normal")
    keras.Model(image, layer(layers.Flatten()(image))).save(path)


def sure_of_one_label(path: pathlib.Path) -> None:
    """As a fooling class is sure of noise: the others' confidences are tiny, and differ."""
    image = keras.Input((SIDE, SIDE, 1))
    layer = dense(name="last")
    model = keras.Model(image, layer(layers.Flatten()(layers.Rescaling(1 / 255)(image))))
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias + np.array([0, 0, 40])])
    model.save(path)


def compiled(path: pathlib.Path) -> None:
    model = keras.Sequential([keras.Input((SIDE, SIDE, 1)), layers.Flatten(), dense()])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(np.ones((4, SIDE, SIDE, 1)), np.zeros(4), verbose=0)
    model.save(path)


def trained_with(loss: str, units: int = 3):
    """Linear outputs, which only the loss tells the meaning of."""

    def build(path: pathlib.Path) -> None:
        model = keras.Sequential(
            [keras.Input((SIDE, SIDE, 1)), layers.Flatten(), dense(units, None, 0.01)]
        )
        options = {"from_logits": True} if "Crossentropy" in loss else {}
        model.compile("sgd", getattr(keras.losses, loss)(**options))
        model.save(path)

    return build


def h5(path: pathlib.Path) -> None:
    functional()(path)
    keras.saving.load_model(path).save(path.with_suffix(".h5"))
    path.with_suffix(".h5").replace(path)


def truncated(path: pathlib.Path) -> None:
    functional()(path)
    path.write_bytes(path.read_bytes()[:-200])


def damaged(path: pathlib.Path) -> None:
    """A byte in the weights is another one, which the archive's checksum tells."""
    functional()(path)
    content = bytearray(path.read_bytes())
    at = content.rindex(b"SNOD")
    content[at + 2] ^= 255
    path.write_bytes(bytes(content))


def rewritten(change: Callable[[dict], object], compress: bool = False):
    """The members of an archive, changed."""

    def build(path: pathlib.Path) -> None:
        functional()(path)
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        change(members)
        kind = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
        with zipfile.ZipFile(path, "w", kind, compresslevel=1) as archive:
            for name, content in members.items():
                archive.writestr(name, content)

    return build


def config(pattern: str, replacement: str):
    def change(members: dict) -> None:
        text = members["config.json"].decode()
        members["config.json"] = re.sub(pattern, replacement, text).encode()

    return rewritten(change)


def zip_bomb(path: pathlib.Path) -> None:
    """3 GB of zeros, said to be weights; few bytes are written, since they are never read."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Sequential", "config": {}}))
        archive.writestr("model.weights.h5", bytes(2**20))
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02") + 24  # the unpacked size, in the directory
    content[at : at + 4] = struct.pack("<I", 3 * 10**9)
    path.write_bytes(bytes(content))


def h5_bomb(members: dict) -> None:
    """An archive that is small, with weights in it that are compressed zeros."""
    import h5py

    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        # Chunks that were never written take no space at all.
        file.create_dataset("layers/dense/vars/0", (2**12, 2**13), "float32", chunks=True)
    members["model.weights.h5"] = content.getvalue()


def wrapped(layer: Callable, name: str):
    def build(path: pathlib.Path) -> None:
        image = keras.Input((SIDE, SIDE, 1))
        keras.Model(image, dense()(layers.Flatten()(layer(name=name)(image)))).save(path)

    return build


def custom_function(path: pathlib.Path) -> None:
    def my_activation(values):
        return keras.ops.softmax(values)

    image = keras.Input((SIDE, SIDE, 1))
    keras.Model(image, dense(activation=my_activation)(layers.Flatten()(image))).save(path)


def subclassed(path: pathlib.Path) -> None:
    model = Subclassed()
    model(np.zeros((2, SIDE, SIDE, 1), np.float32))
    model.save(path)


def two_inputs(path: pathlib.Path) -> None:
    inputs = [keras.Input((SIDE, SIDE, 1)), keras.Input((SIDE, SIDE, 1))]
    keras.Model(inputs, dense()(layers.Flatten()(layers.Add()(inputs)))).save(path)


def normalised(path: pathlib.Path) -> None:
    layer = layers.Normalization()
    layer.adapt(np.random.default_rng(0).uniform(0, 255, (20, SIDE, SIDE, 1)))
    before(lambda: layer)(path)


def softmax(axis: int = -1, **options):
    return lambda: layers.Softmax(axis, **options)


def activation(name: str, **options):
    return lambda: layers.Activation(name, **options)


def rescaling(scale: float):
    return lambda: layers.Rescaling(scale)


def of_zeros(members: dict) -> None:
    members["assets/zeros"] = bytes(200 * 2**20)


SOFTMAX, LOGITS, SIGMOID = "confidences", "logits", "sigmoid"
COARSE = 5e-3

KINDS = {
    # Distributions.
    "softmax activation": Kind(functional(), SOFTMAX),
    "softmax layer": Kind(functional(softmax(), activation=None), SOFTMAX),
    "Activation softmax": Kind(functional(activation("softmax"), activation=None), SOFTMAX),
    "softmax operation": Kind(operation("softmax"), SOFTMAX),
    "temperature": Kind(functional(rescaling(2), softmax(), activation=None), SOFTMAX),
    "Sequential": Kind(before(), SOFTMAX),
    "nested": Kind(nested, SOFTMAX),
    "convolutional": Kind(convolutional(), SOFTMAX),
    "passing layers": Kind(
        functional(lambda: layers.Dropout(0.5), lambda: layers.Reshape((3,)), activation("linear")),
        SOFTMAX,
    ),
    "colour": Kind(functional(shape=(SIDE, SIDE, 3)), SOFTMAX),
    "oblong": Kind(functional(shape=(SIDE, 5, 3)), SOFTMAX),
    "bytes in": Kind(functional(dtype="uint8"), SOFTMAX),
    "int32 in": Kind(functional(dtype="int32"), SOFTMAX),
    "float64": Kind(in_policy("float64", functional(dtype="float64")), SOFTMAX),
    "Rescaling": Kind(before(lambda: layers.Rescaling(1 / 255)), SOFTMAX),
    "Normalization": Kind(normalised, SOFTMAX),
    "BatchNormalization": Kind(before(layers.BatchNormalization), SOFTMAX),
    "Dropout": Kind(before(lambda: layers.Dropout(0.5)), SOFTMAX),
    "augmentation": Kind(
        before(lambda: layers.RandomFlip(seed=1), lambda: layers.RandomRotation(0.1)), SOFTMAX
    ),
    "noise": Kind(before(lambda: layers.GaussianNoise(0.1)), SOFTMAX),
    "optimizer inside": Kind(compiled, SOFTMAX),
    "registered layer": Kind(wrapped(Known, "mine"), SOFTMAX),
    "dict of one output": Kind(outputs_of(lambda a, _: {"a": a}), SOFTMAX),
    "list of one output": Kind(outputs_of(lambda a, _: [a]), SOFTMAX),
    "dict of one input": Kind(dict_inputs, SOFTMAX),
    "unit": Kind(functional(scale=0.3), SOFTMAX, preprocess="unit"),
    "log-softmax said logits": Kind(functional(activation="log_softmax"), LOGITS, said=LOGITS),
    # Logits.
    "linear": Kind(functional(activation=None, scale=0.01), LOGITS),
    "linear said logits": Kind(functional(activation=None, scale=0.01), LOGITS, said=LOGITS),
    "linear, convolutional": Kind(convolutional(None), LOGITS),
    "log-softmax": Kind(functional(activation="log_softmax"), LOGITS),
    "log-softmax operation": Kind(operation("log_softmax"), LOGITS),
    "relu said logits": Kind(functional(activation="relu", scale=0.1), LOGITS, said=LOGITS),
    "one logit": Kind(functional(units=1, activation=None), LOGITS, said=LOGITS, num_labels=2),
    "trained on logits": Kind(trained_with("SparseCategoricalCrossentropy"), LOGITS),
    "trained on one logit": Kind(trained_with("BinaryCrossentropy", 1), LOGITS, num_labels=2),
    # Probabilities of their own.
    "one sigmoid": Kind(functional(units=1, activation="sigmoid"), SIGMOID, num_labels=2),
    "one sigmoid said": Kind(
        functional(units=1, activation="sigmoid"), SIGMOID, said=SIGMOID, num_labels=2
    ),
    "one sigmoid layer": Kind(
        functional(activation("sigmoid"), units=1, activation=None), SIGMOID, num_labels=2
    ),
    "labels of their own": Kind(functional(activation="sigmoid"), SIGMOID),
    "labels of their own, operation": Kind(operation("sigmoid"), SIGMOID),
    "saturated sigmoids": Kind(functional(activation="sigmoid", scale=1), SIGMOID),
    "hard sigmoids": Kind(functional(activation="hard_sigmoid", scale=0.001), SIGMOID),
    # Low precision.
    "mixed_float16": Kind(in_policy("mixed_float16", functional()), SOFTMAX, tolerance=COARSE),
    "mixed_float16, softmax layer": Kind(
        in_policy("mixed_float16", functional(softmax(), activation=None)),
        SOFTMAX,
        tolerance=COARSE,
    ),
    "mixed_float16, 1000 labels": Kind(
        in_policy("mixed_float16", functional(units=1000, scale=0.02)),
        SOFTMAX,
        num_labels=1000,
        tolerance=COARSE,
    ),
    "mixed_float16, cast behind": Kind(
        in_policy("mixed_float16", functional(activation("linear", dtype="float32"))),
        SOFTMAX,
        tolerance=COARSE,
    ),
    "mixed_float16, float32 head": Kind(
        in_policy("mixed_float16", functional(softmax(dtype="float32"), activation=None)), SOFTMAX
    ),
    "mixed_bfloat16": Kind(
        in_policy("mixed_bfloat16", functional(units=10)), SOFTMAX, num_labels=10, tolerance=0.03
    ),
    "mixed_bfloat16, 1000 labels": Kind(
        in_policy("mixed_bfloat16", functional(units=1000, scale=0.02)),
        SOFTMAX,
        num_labels=1000,
        tolerance=0.03,
    ),
    "float16": Kind(in_policy("float16", functional(dtype="float16")), SOFTMAX, tolerance=COARSE),
    "float16 sigmoids": Kind(
        in_policy("mixed_float16", functional(activation="sigmoid")), SIGMOID, tolerance=COARSE
    ),
    "float16 logits": Kind(
        in_policy("mixed_float16", functional(activation=None, scale=0.01)),
        LOGITS,
        tolerance=COARSE,
    ),
    # Outputs that mean something else.
    "tanh": Kind(functional(activation="tanh"), refused=("negative", "--outputs=logits")),
    "relu": Kind(functional(activation="relu", scale=0.1), refused=("above 1", "--outputs=logits")),
    "softplus": Kind(
        functional(activation="softplus", scale=0.1), refused=("above 1", "--outputs=logits")
    ),
    "small and unnormalised": Kind(
        functional(rescaling(0.5)), refused=("0.5", "not to 1", "--outputs=sigmoid")
    ),
    "nearly normalised": Kind(
        functional(rescaling(1.0012)), refused=("1.0012", "not to 1", "float32")
    ),
    "percentages": Kind(
        functional(rescaling(100)), refused=("add up to 100", "percentages", "Rescaling")
    ),
    "percentages said logits": Kind(
        functional(rescaling(100)), said=LOGITS, refused=("add up to 100", "percentages")
    ),
    "one percentage": Kind(
        functional(rescaling(100), units=1, activation="sigmoid"),
        refused=("one number", "percentages"),
    ),
    "one linear number": Kind(
        functional(units=1, activation=None), refused=("one number", "--outputs=logits")
    ),
    "sigmoids said logits": Kind(
        functional(activation="sigmoid"), said=LOGITS, refused=("sigmoid", "not logits")
    ),
    "one sigmoid said logits": Kind(
        functional(units=1, activation="sigmoid"), said=LOGITS, refused=("sigmoid", "not logits")
    ),
    "sigmoids said confidences": Kind(
        functional(activation="sigmoid"), said=SOFTMAX, refused=("sigmoid", "not confidences")
    ),
    "softmax said logits": Kind(functional(), said=LOGITS, refused=("softmax", "not logits")),
    "softmax said sigmoid": Kind(functional(), said=SIGMOID, refused=("softmax", "not sigmoid")),
    "distribution said logits": Kind(
        functional(rescaling(1)), said=LOGITS, refused=("confidences already", "add up to 1")
    ),
    "distribution said sigmoid": Kind(
        functional(rescaling(1)), said=SIGMOID, refused=("distribution", "--outputs=confidences")
    ),
    "probabilities said logits": Kind(
        functional(rescaling(1), activation="sigmoid"),
        said=LOGITS,
        refused=("all lie in 0..1", "--outputs=sigmoid"),
    ),
    "logits said sigmoid": Kind(
        functional(activation=None, scale=0.01),
        said=SIGMOID,
        refused=(r"lie in 0\.\.1", "--outputs=logits"),
    ),
    "logits said confidences": Kind(
        functional(activation=None, scale=0.01),
        said=SOFTMAX,
        refused=("negative", "--outputs=logits"),
    ),
    "log-softmax that does not tell": Kind(
        functional(rescaling(1), activation="log_softmax"),
        refused=("logarithms", "--outputs=logits"),
    ),
    "logits of independent labels": Kind(
        trained_with("BinaryCrossentropy"), refused=("binary_crossentropy", "sigmoid")
    ),
    "the same said logits": Kind(
        trained_with("BinaryCrossentropy"), said=LOGITS, refused=("binary_crossentropy", "sigmoid")
    ),
    "numbers": Kind(trained_with("MeanSquaredError"), refused=("negative", "--outputs=logits")),
    "constant": Kind(constant, refused=("constant",)),
    "sure of one label": Kind(sure_of_one_label, SOFTMAX),
    "one label": Kind(functional(units=1), refused=("one label",)),
    "one-hot": Kind(one_hot, SOFTMAX, noted=("one-hot", "0 and 1")),
    "NaN in weights": Kind(with_weights(np.nan), refused=("NaN", "last")),
    "infinite weights": Kind(with_weights(np.inf), refused=("NaN|infinite",)),
    # Inputs and outputs of other kinds.
    "several outputs": Kind(
        outputs_of(lambda a, b: [a, b]), refused=(r"a \[None, 3\], b \[None, 4\]", "=a")
    ),
    "dict of outputs": Kind(
        outputs_of(lambda a, b: {"first": a, "second": b}),
        refused=(r"first \[None, 3\], second \[None, 4\]", "=first"),
    ),
    "map of outputs": Kind(mapped, refused=("6, 6, 2",)),
    "two inputs": Kind(two_inputs, refused=("must take one image",)),
    "any size": Kind(
        lambda path: keras.Sequential(
            [keras.Input((None, None, 3)), layers.GlobalAveragePooling2D(), dense()]
        ).save(path),
        refused=("any size", "--image_size="),
    ),
    "five channels": Kind(functional(shape=(SIDE, SIDE, 5)), refused=("8, 8, 5", "1, 3 or 4")),
    "int8 in": Kind(functional(dtype="int8"), refused=("int8",)),
    "huge image": Kind(
        lambda path: keras.Sequential(
            [keras.Input((20_000, 20_000, 3)), layers.GlobalAveragePooling2D(), dense()]
        ).save(path),
        refused=("1,200,000,000",),
    ),
    "subclassed": Kind(subclassed, refused=("must take one image", "no known one")),
    # Files that are no models, or more than that.
    "Lambda": Kind(
        wrapped(lambda name: layers.Lambda(lambda x: x * 2, name=name), "secret"),
        refused=("Lambda", "'secret'", "code"),
    ),
    "unknown layer": Kind(wrapped(Unknown, "mine"), refused=("class Unknown", "'mine'", "code")),
    "unknown function": Kind(custom_function, refused=("my_activation", "code")),
    "HDF5 renamed": Kind(h5, refused=("HDF5", r"rename it .*\.h5")),
    "cut off": Kind(truncated, refused=("cut off",)),
    "damaged": Kind(damaged, refused=("loads safely",)),
    "text": Kind(lambda path: path.write_text("no model"), refused=("not a Keras archive",)),
    "empty": Kind(lambda path: path.write_bytes(b""), refused=("not a Keras archive",)),
    "foreign archive": Kind(
        rewritten(lambda members: members.pop("config.json")), refused=("no config.json",)
    ),
    "config of nothing": Kind(
        rewritten(lambda members: members.update({"config.json": b"[]"})),
        refused=("describes no model",),
    ),
    "config cut": Kind(
        rewritten(lambda members: members.update({"config.json": b'{"class_name"'})),
        refused=("loads safely",),
    ),
    "config nested": Kind(
        rewritten(
            lambda members: members.update({"config.json": b'{"a":' * 10**6 + b"1" + b"}" * 10**6})
        ),
        refused=("nested",),
    ),
    "config huge": Kind(
        rewritten(lambda members: members.update({"config.json": b"[" + b"1," * 2 * 10**7})),
        refused=("config.json", "33,554,432"),
    ),
    "no weights": Kind(
        rewritten(lambda members: members.pop("model.weights.h5")), refused=("loads safely",)
    ),
    "zip bomb": Kind(zip_bomb, refused=("3,000,000,",)),
    "zeros beside": Kind(rewritten(of_zeros, compress=True), refused=("unpack",)),
    "weights of zeros": Kind(rewritten(h5_bomb), refused=("unpack to 134,217,728",)),
    "huge units": Kind(
        config(r'"units": 3', '"units": 10000000'), refused=("bytes of weights", "holds")
    ),
    "huge units, many layers": Kind(
        config(r'"units": 3', '"units": 3000000'), refused=("bytes of weights", "holds")
    ),
}
