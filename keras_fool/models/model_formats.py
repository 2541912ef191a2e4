"""Which format a model file or folder has, found by its content, without TensorFlow.

Formats that keras_fool loads are `FORMATS`. For those that it does not load, `refusal` says in one
line how to get there.
"""

import dataclasses
import pathlib
import zipfile

CONFIG = "config.json"  # of a .keras archive
SAVED_MODEL_FILE = "saved_model.pb"
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_ZIP_MAGIC = b"PK"
_LARGEST_HEADER = 2**32  # of a .safetensors file


@dataclasses.dataclass(frozen=True)
class Format:
    """A format that is loaded.

    Attributes:
        title: What messages call it.
        suffixes: How the names of its files end; empty for folders.
        has_layers: Whether the file describes its layers, which tell what the outputs mean.
        in_tensorflow: Whether TensorFlow computes it: then it may give gradients, and can be
            exported.
    """

    title: str
    suffixes: tuple[str, ...] = ()
    has_layers: bool = False
    in_tensorflow: bool = True


KERAS = Format("a .keras file", (".keras",), has_layers=True)
HDF5 = Format("an HDF5 file of Keras", (".h5", ".hdf5"), has_layers=True)
SAVED_MODEL = Format("a SavedModel")
ONNX = Format("an ONNX file", (".onnx",), in_tensorflow=False)
FORMATS = (KERAS, HDF5, SAVED_MODEL, ONNX)
SUFFIXES = tuple(suffix for known in FORMATS for suffix in known.suffixes)
# For messages.
EXPECTED = "a .keras, .h5 or .onnx file, or the folder of a SavedModel"
_FUNCTION = "keras_fool.Classifier(function, image_shape=(height, width, channels)) in Python"
WEIGHTS_ONLY = (
    "holds weights without the network: build the network in Python, load them into it "
    "(model.load_weights), and save it whole (model.save('my_model.keras')); those of a network of "
    "keras.applications are named as MobileNet:weights=FILE."
)
_PYTORCH = (
    "is a PyTorch file, which TensorFlow cannot load: export the model "
    f"(torch.onnx.export(model, ...)) and name the .onnx file, or call {_FUNCTION}."
)
_TFLITE = (
    "is a TensorFlow Lite model: name the Keras model or the SavedModel that it was converted "
    f"from, or call {_FUNCTION} with tf.lite.Interpreter inside."
)
# What is not loaded, by the ends of its names.
_OTHERS = {
    (".weights.h5", ".index", ".ckpt"): WEIGHTS_ONLY,
    (".tflite", ".lite"): _TFLITE,
    (".pt", ".pth", ".ptl", ".torchscript", ".pt2"): _PYTORCH,
    (".safetensors",): (
        "holds weights without the network (safetensors): build the network where they were made, "
        f"then save it for Keras, export it to ONNX, or call {_FUNCTION}."
    ),
    (".caffemodel",): "holds weights of Caffe: python -m keras_fool.import_caffe reads them.",
    (".pb",): (
        "is a graph of TensorFlow: if it is the saved_model.pb of a SavedModel, name its folder; a "
        "frozen graph must be saved as a SavedModel first (tf.saved_model.save)."
    ),
    (".pkl", ".pickle", ".joblib", ".dill"): (
        "is a pickle, which is code, and no code of a file is run here: load it yourself and call "
        f"{_FUNCTION}."
    ),
    (".mlmodel", ".mlpackage", ".engine", ".trt", ".pdmodel", ".params", ".mar"): (
        "is a model of another framework: export it to ONNX where it was made, or call "
        f"{_FUNCTION}."
    ),
    (".json", ".yaml", ".yml"): (
        "describes a network without its weights at most: save the whole model "
        "(model.save('my_model.keras'))."
    ),
    (".tar.gz", ".tgz", ".tar"): "is an archive of files: unpack it and name what is in it.",
}


def of(path: pathlib.Path) -> Format | None:
    """The format of a file or folder, by its name and content; None where it is no known one."""
    if path.is_dir():
        return SAVED_MODEL if (path / SAVED_MODEL_FILE).is_file() else None
    if not path.is_file():
        return None
    return next((known for known in FORMATS if path.suffix in known.suffixes), None)


def without_suffix(name: str) -> str:
    """A classifier's name without the end that tells its format: "mine" for "mine.keras"."""
    return next((name.removesuffix(end) for end in SUFFIXES if name.endswith(end)), name)


def refusal(path: pathlib.Path) -> str | None:
    """Says, after a path's name, what is there instead of a model that loads, and what to do.

    Args:
        path: What a user names, or what is about to be loaded.

    Returns:
        None where nothing tells that it is not one of `FORMATS`.

    Raises:
        OSError: It cannot be read.
    """
    if path.is_dir():
        return _of_folder(path)
    if not path.is_file():
        return "is neither a file nor a folder."
    name, start = path.name.lower(), _first_bytes(path)
    known = of(path)
    if name.endswith(".weights.h5"):
        return WEIGHTS_ONLY
    if start.startswith(_HDF5_MAGIC):
        return None if known is HDF5 else _renamed(path, "an HDF5 file", HDF5)
    if start[4:8] == b"TFL3":
        return _TFLITE
    if start.startswith(_ZIP_MAGIC) and zipfile.is_zipfile(path):
        members = _members(path)
        if any(member.endswith("/data.pkl") for member in members):
            return _PYTORCH
        if known is not KERAS and CONFIG in members:
            return _renamed(path, "a .keras archive", KERAS)
    if known is HDF5:
        return "is not an HDF5 file, whatever its name: it may be damaged."
    if known is None:
        for suffixes, words in _OTHERS.items():
            if name.endswith(suffixes):
                return words
        if 0 < int.from_bytes(start[:8], "little") < _LARGEST_HEADER and start[8:9] == b"{":
            return _OTHERS[(".safetensors",)]
    return None


def _of_folder(path: pathlib.Path) -> str | None:
    if (path / SAVED_MODEL_FILE).is_file():
        return None
    if (path / CONFIG).is_file():
        return (
            "is a folder, an unpacked .keras archive: pack its files into one, such as by "
            f"(cd {path} && python -m zipfile -c ../packed.keras *)."
        )
    if (path / "checkpoint").is_file() or any(path.glob("*.index")):
        return WEIGHTS_ONLY.replace("holds", "is a checkpoint of", 1)
    if (path / "model.json").is_file():
        return "is a model of TensorFlow.js: name the Keras model that it was converted from."
    return None


def _renamed(path: pathlib.Path, what: str, right: Format) -> str:
    return f"is {what} by another name: rename it {path.with_suffix(right.suffixes[0])}."


def _first_bytes(path: pathlib.Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(16)


def _members(path: pathlib.Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return []
