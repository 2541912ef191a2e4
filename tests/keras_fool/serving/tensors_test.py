import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from keras_fool.serving import tensors
from keras_fool.serving.server import loaded_version, status

LIMIT = 10_000
NUMBERS = [dtype for dtype in tensors.DTYPES if dtype != tf.string]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", NUMBERS, ids=lambda dtype: dtype.name)
def test_arrays_come_back(dtype, packed):
    array = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype.as_numpy_dtype)
    if dtype.is_complex:
        array = array + dtype.as_numpy_dtype(2j)
    proto = tensors.to_proto(array, packed=packed)

    assert bool(proto.tensor_content) == packed
    np.testing.assert_array_equal(tf.make_ndarray(proto), array)  # TensorFlow's own reader
    for found in (tensors.to_array(proto, max_bytes=LIMIT), tensors.to_array(proto, exact=True)):
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize(
    "value", [np.float32(3), np.zeros((0, 3), np.uint8), np.ones((2, 3, 4), np.int64), [b"a", b""]]
)
def test_what_tensorflow_writes_is_read(value):
    proto = tf.make_tensor_proto(value)

    np.testing.assert_array_equal(tensors.to_array(proto, max_bytes=LIMIT), tf.make_ndarray(proto))


def test_the_last_typed_value_stands_for_the_rest():
    proto = tensor_pb2.TensorProto(dtype=tf.float32.as_datatype_enum, float_val=[1, 2])
    proto.tensor_shape.dim.add(size=4)
    assert tensors.to_array(proto, max_bytes=LIMIT).tolist() == [1, 2, 2, 2]

    del proto.float_val[:]
    assert tensors.to_array(proto, max_bytes=LIMIT).tolist() == [0, 0, 0, 0]

    with pytest.raises(tensors.TensorError):  # where an answer must be whole
        tensors.to_array(proto, exact=True)


def proto_of(dtype, *shape, **fields) -> tensor_pb2.TensorProto:
    proto = tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum, **fields)
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


@pytest.mark.parametrize(
    "proto",
    [
        proto_of(tf.float32, 2, tensor_content=b"123"),
        proto_of(tf.float32, -1, -1),
        proto_of(tf.float32, float_val=[1, 2]),
        proto_of(tf.string, 1, tensor_content=b"a"),
        proto_of(tf.variant, 1),
        proto_of(tf.resource, 1),
        proto_of(tf.float32, *[1] * 65),
        tensor_pb2.TensorProto(),
        tensor_pb2.TensorProto(dtype=999),
    ],
)
def test_what_is_no_tensor_is_refused(proto):
    with pytest.raises(status.ServingError, match=r"^tensor parsing error: x$") as caught:
        loaded_version.input_arrays({"x": proto}, LIMIT)
    assert caught.value.code is status.grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(tensors.TensorError):
        tensors.to_array(proto, exact=True)


@pytest.mark.parametrize(
    "proto",
    [
        proto_of(tf.float32, 2**40, float_val=[1]),
        proto_of(tf.uint8, 2**62, 2**62, 4),
        proto_of(tf.string, LIMIT, string_val=[b""]),
    ],
)
def test_few_bytes_cannot_become_many(proto):
    with pytest.raises(status.ServingError, match=r"tensor x .* more than 10000 bytes") as caught:
        loaded_version.input_arrays({"x": proto}, LIMIT)
    assert caught.value.code is status.grpc.StatusCode.RESOURCE_EXHAUSTED
