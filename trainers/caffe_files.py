"""Reads the files that Caffe keeps a network's weights, or a mean image, in.

They are protobuf messages, a NetParameter or a BlobProto (BVLC/caffe,
src/caffe/proto/caffe.proto). Here are only the fields that hold weights, and a message inside
another is read as bytes first, so that nothing is unpacked before it is asked for. Of all
three generations of layers that the files have had:

    layers.layer   V0LayerParameter, 2013
    layers         V1LayerParameter, 2014: most of the published weights
    layer          LayerParameter, since
"""

import dataclasses
import math
import pathlib
from collections.abc import Mapping

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

_MOST_LAYERS = 10_000
_MOST_BYTES_OF_MEAN = 2**26
_MOST_OF_NAME = 60
_MOST_BYTES_OF_SHAPE = 64  # four sides take 46 at most

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
        blobs: Its weights and biases as they are in the file; `array` unpacks one.
    """

    name: str
    blobs: tuple[bytes, ...]


def read_layers(path: pathlib.Path, most_bytes: int) -> list[Layer]:
    """The layers of a file that have weights, in its order.

    Memory: some times the file's size at most, whatever lengths it claims.

    Args:
        path: A ".caffemodel" file.
        most_bytes: The largest size that such a file can have; a larger one is not read.

    Raises:
        ValueError: The file is too large, cut off, or no such file.
        OSError: It cannot be read.
    """
    net = _parsed("Net", _content(path, most_bytes), f"{path} is no file of Caffe's weights")
    if len(net.layers) + len(net.layer) > _MOST_LAYERS:
        raise ValueError(f"{path} has more than {_MOST_LAYERS:,} layers: no network has.")
    layers = [_old_layer(content, path) for content in net.layers]
    layers += [_layer("Layer", content, path) for content in net.layer]
    layers = [layer for layer in layers if layer.blobs]
    if not layers:
        raise ValueError(f"{path} has no layer with weights; is it a file of Caffe's weights?")
    return layers


def read_mean(path: pathlib.Path) -> np.ndarray:
    """The mean image of a ".binaryproto" file: float32 [channels, height, width].

    Raises:
        ValueError: The file is too large, cut off, or holds no image.
        OSError: It cannot be read.
    """
    mean = array(_content(path, _MOST_BYTES_OF_MEAN), str(path))
    shape = (1, 1, 1, *mean.shape)
    shape = shape[-4:] if mean.ndim > 1 else (1, *mean.shape, 1, 1)  # a value per channel
    if math.prod(shape) != mean.size or shape[0] != 1:
        raise ValueError(f"{path} holds values of shape {mean.shape}: no image.")
    return mean.reshape(shape[1:])


def array(blob: bytes, what: str) -> np.ndarray:
    """The values of a blob: float32, in the shape that the file gives.

    Args:
        blob: The bytes of a BlobProto.
        what: What messages call it.

    Raises:
        ValueError: The bytes are no blob, have more or fewer values than their shape, or
            values that are no finite numbers.
    """
    parsed = _parsed("Blob", blob, f"{what} is damaged")
    if len(parsed.shape) > _MOST_BYTES_OF_SHAPE:
        raise ValueError(f"{what} has a shape of too many sides.")
    shape = tuple(_parsed("Shape", parsed.shape, f"{what} is damaged").dim)
    if not parsed.HasField("shape"):
        shape = (parsed.num, parsed.channels, parsed.height, parsed.width)
    values = parsed.double_data or parsed.data
    if len(shape) > 4 or min(shape, default=1) < 1 or math.prod(shape) != len(values):
        raise ValueError(f"{what} has {len(values):,} values, which make no shape {shape}.")
    with np.errstate(over="ignore"):  # a double may be too large, which is found below
        found = np.array(values, np.float32)
    if not np.isfinite(found).all():
        raise ValueError(f"{what} has values that are no finite numbers.")
    return found.reshape(shape)


def _old_layer(content: bytes, path: pathlib.Path) -> Layer:
    inner = _parsed("V1Layer", content, f"{path} is damaged: a layer").layer
    return _layer("V0Layer", inner, path) if inner else _layer("V1Layer", content, path)


def _layer(kind: str, content: bytes, path: pathlib.Path) -> Layer:
    parsed = _parsed(kind, content, f"{path} is damaged: a layer")
    letters = parsed.name[: _MOST_OF_NAME + 1].decode("utf-8", "replace")
    name = "".join(letter if letter.isprintable() else "?" for letter in letters)
    if len(name) > _MOST_OF_NAME:
        name = name[:_MOST_OF_NAME] + "..."
    return Layer(name, tuple(parsed.blobs))


def _content(path: pathlib.Path, most_bytes: int) -> bytes:
    size = path.stat().st_size
    if size > most_bytes:
        raise ValueError(f"{path} has {size:,} bytes; such a file has {most_bytes:,} at most.")
    return path.read_bytes()


def _parsed(kind: str, content: bytes, complaint: str) -> message.Message:
    try:
        return _CLASSES[kind].FromString(content)
    except message.DecodeError as error:
        raise ValueError(f"{complaint} or is cut off ({error}).") from error


def _classes() -> Mapping[str, type[message.Message]]:
    """The classes of `_MESSAGES`, in a pool of their own beside anyone else's caffe.proto."""
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
