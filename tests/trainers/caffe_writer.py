"""Writes files as Caffe does, byte by byte, in every variant that there has been."""

import numpy as np

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
GENERATIONS = ("v0", "v1", "new")
# Where a generation has its layers in the network, and name and blobs in a layer.
_LAYERS = {"v0": 2, "v1": 2, "new": 100}
_NAME = {"v0": 1, "v1": 4, "new": 1}
_BLOBS = {"v0": 50, "v1": 6, "new": 7}


def varint(value: int) -> bytes:
    value &= 2**64 - 1  # negative numbers take ten bytes
    content = bytearray()
    while value >= 128:
        content.append(value & 127 | 128)
        value >>= 7
    return bytes([*content, value])


def key(number: int, kind: int) -> bytes:
    return varint(number << 3 | kind)


def field(number: int, content: bytes) -> bytes:
    return key(number, BYTES) + varint(len(content)) + content


def scalar(number: int, value: int) -> bytes:
    return key(number, VARINT) + varint(value)


def blob(
    values: np.ndarray,
    *,
    legacy: bool = False,
    packed: bool = True,
    double: bool = False,
    diff: bool = False,
) -> bytes:
    """A BlobProto of an array; with `diff`, also gradients, which nobody wants."""
    content = b""
    if legacy:
        sides = (1,) * (4 - values.ndim) + values.shape
        content += b"".join(scalar(number, side) for number, side in enumerate(sides, start=1))
    else:
        dims = b"".join(map(varint, values.shape))
        if not packed:
            dims = b"".join(scalar(1, side) for side in values.shape)
        content += field(7, field(1, dims) if packed else dims)
    content += numbers(8 if double else 5, values, packed, double)
    if diff:
        content += numbers(9 if double else 6, values + 1, packed, double)
    return content


def numbers(number: int, values: np.ndarray, packed: bool, double: bool) -> bytes:
    data = np.ascontiguousarray(values, "<f8" if double else "<f4").tobytes()
    if packed:
        return field(number, data)
    size = 8 if double else 4
    before = key(number, FIXED64 if double else FIXED32)
    return b"".join(before + data[i : i + size] for i in range(0, len(data), size))


def layer(name: str, blobs: list[bytes], generation: str = "new") -> bytes:
    content = field(_NAME[generation], name.encode())
    if generation == "new":
        content += field(2, b"Convolution") + field(3, b"data") + field(4, name.encode())
    content += b"".join(field(_BLOBS[generation], each) for each in blobs)
    if generation == "v0":
        content = field(1, content) + field(2, b"data") + field(3, name.encode())
    return content


def net(layers: list[bytes], generation: str = "new") -> bytes:
    content = field(1, b"a network") + scalar(5, 1)
    return content + b"".join(field(_LAYERS[generation], each) for each in layers)


def file_of(weights: dict[str, list[np.ndarray]], generation: str = "new", **variant) -> bytes:
    """A ".caffemodel": layers with weights, and others without, as real files have them."""
    layers = [layer("data", [], generation)]
    for name, arrays in weights.items():
        layers.append(layer(name, [blob(array, **variant) for array in arrays], generation))
        layers.append(layer(f"relu_{name}", [], generation))
    return net(layers, generation)
