"""Reads the files in which Caffe stores the weights of a network, or a mean image.

They are protobuf messages, a NetParameter or a BlobProto (BVLC/caffe,
src/caffe/proto/caffe.proto). Only the fields that hold weights are declared here, and a message
inside another one is read as bytes first, so that nothing is unpacked before it is needed. The
files have had three generations of layers:

    layers.layer   V0LayerParameter, 2013
    layers         V1LayerParameter, 2014: most of the published weights
    layer          LayerParameter, since then
"""

import dataclasses
import math
import pathlib
from collections.abc import Mapping

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

_MAX_LAYERS = 10_000
_MAX_MEAN_BYTES = 2**26
_MAX_NAME = 60  # characters
_MAX_SHAPE_BYTES = 64  # four sizes take 46 at most

_Field = descriptor_pb2.FieldDescriptorProto
_ONE, _MANY = _Field.LABEL_OPTIONAL, _Field.LABEL_REPEATED
_MESSAGES = {
    "Net": {
        "layers": (2, _Field.TYPE_BYTES, _MANY),
        "layer": (100, _Field.TYPE_BYTES, _MANY),
    },
    "Layer": {
        "name": (1, _Field.TYPE_BYTES, _ONE),
        "blobs": (7, _Field.TYPE_BYTES, _MANY),
    },
    "V1Layer": {
        "layer": (1, _Field.TYPE_BYTES, _ONE),
        "name": (4, _Field.TYPE_BYTES, _ONE),
        "blobs": (6, _Field.TYPE_BYTES, _MANY),
    },
    "V0Layer": {
        "name": (1, _Field.TYPE_BYTES, _ONE),
        "blobs": (50, _Field.TYPE_BYTES, _MANY),
    },
    "Shape": {"dim": (1, _Field.TYPE_INT64, _MANY)},
    "Blob": {
        "num": (1, _Field.TYPE_INT64, _ONE),
        "channels": (2, _Field.TYPE_INT64, _ONE),
        "height": (3, _Field.TYPE_INT64, _ONE),
        "width": (4, _Field.TYPE_INT64, _ONE),
        "data": (5, _Field.TYPE_FLOAT, _MANY),
        "shape": (7, _Field.TYPE_BYTES, _ONE),
        "double_data": (8, _Field.TYPE_DOUBLE, _MANY),
    },
}


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer that has weights.

    Attributes:
        name: Its name.
        blobs: Its weights and biases as bytes, as in the file; `array` unpacks one.
    """

    name: str
    blobs: tuple[bytes, ...]


def read_layers(path: pathlib.Path, max_bytes: int) -> list[Layer]:
    """The layers of a file that have weights, in the order of the file.

    Takes at most a few times as much memory as the file has bytes, whatever lengths it claims.

    Args:
        path: A ".caffemodel" file.
        max_bytes: The largest size that such a file can have; a larger one is not read.

    Raises:
        ValueError: The file is too large, cut off, or not such a file.
        OSError: It cannot be read.
    """
    net = _parsed("Net", _content(path, max_bytes), f"{path} is not a file of Caffe's weights")
    if len(net.layers) + len(net.layer) > _MAX_LAYERS:
        raise ValueError(f"{path} has more than {_MAX_LAYERS:,} layers, which no network has.")
    layers = [_old_layer(content, path) for content in net.layers]
    layers += [_layer("Layer", content, path) for content in net.layer]
    layers = [layer for layer in layers if layer.blobs]
    if not layers:
        raise ValueError(f"{path} has no layer with weights; is it a file of Caffe's weights?")
    return layers


def read_mean(path: pathlib.Path) -> np.ndarray:
    """The mean image of a ".binaryproto" file: float32 [channels, height, width].

    Raises:
        ValueError: The file is too large, cut off, or does not hold an image.
        OSError: It cannot be read.
    """
    mean = array(_content(path, _MAX_MEAN_BYTES), str(path))
    shape = (1, 1, 1, *mean.shape)
    shape = shape[-4:] if mean.ndim > 1 else (1, *mean.shape, 1, 1)  # one value per channel
    if math.prod(shape) != mean.size or shape[0] != 1:
        raise ValueError(f"{path} holds values of shape {mean.shape}: no image.")
    return mean.reshape(shape[1:])


def array(blob: bytes, what: str) -> np.ndarray:
    """The values of a blob: float32, in the shape that the file gives.

    Args:
        blob: The bytes of a BlobProto.
        what: The name of the blob in messages.

    Raises:
        ValueError: The bytes are not a blob, have more or fewer values than their shape, or have
            values that are not finite.
    """
    parsed = _parsed("Blob", blob, f"{what} is damaged")
    if len(parsed.shape) > _MAX_SHAPE_BYTES:
        raise ValueError(f"{what} has a shape of too many sides.")
    shape = tuple(_parsed("Shape", parsed.shape, f"{what} is damaged").dim)
    if not parsed.HasField("shape"):
        shape = (parsed.num, parsed.channels, parsed.height, parsed.width)
    values = parsed.double_data or parsed.data
    if len(shape) > 4 or min(shape, default=1) < 1 or math.prod(shape) != len(values):
        raise ValueError(f"{what} has {len(values):,} values, which do not fit the shape {shape}.")
    with np.errstate(over="ignore"):  # a double may be too large, which is found below
        found = np.array(values, np.float32)
    if not np.isfinite(found).all():
        raise ValueError(f"{what} has values that are not finite.")
    return found.reshape(shape)


def _old_layer(content: bytes, path: pathlib.Path) -> Layer:
    inner = _parsed("V1Layer", content, f"{path} is damaged: a layer").layer
    return _layer("V0Layer", inner, path) if inner else _layer("V1Layer", content, path)


def _layer(kind: str, content: bytes, path: pathlib.Path) -> Layer:
    parsed = _parsed(kind, content, f"{path} is damaged: a layer")
    letters = parsed.name[: _MAX_NAME + 1].decode("utf-8", "replace")
    name = "".join(letter if letter.isprintable() else "?" for letter in letters)
    if len(name) > _MAX_NAME:
        name = name[:_MAX_NAME] + "..."
    return Layer(name, tuple(parsed.blobs))


def _content(path: pathlib.Path, max_bytes: int) -> bytes:
    size = path.stat().st_size
    if size > max_bytes:
        raise ValueError(f"{path} has {size:,} bytes; such a file has {max_bytes:,} at most.")
    return path.read_bytes()


def _parsed(kind: str, content: bytes, problem: str) -> message.Message:
    try:
        return _CLASSES[kind].FromString(content)
    except message.DecodeError as error:
        raise ValueError(f"{problem} or is cut off ({error}).") from error


def _classes() -> Mapping[str, type[message.Message]]:
    """The classes of `_MESSAGES`, in their own pool, separate from any other caffe.proto."""
    file = descriptor_pb2.FileDescriptorProto(
        name="trainers/caffe_files.proto", package="trainers", syntax="proto2"
    )
    for kind, fields in _MESSAGES.items():
        described = file.message_type.add(name=kind)
        for name, (number, kind_of_value, label) in fields.items():
            described.field.add(name=name, number=number, type=kind_of_value, label=label)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        kind: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"trainers.{kind}"))
        for kind in _MESSAGES
    }


_CLASSES = _classes()
