"""What a stranger may send without harm: sizes, numbers, paths, and the memory of it."""

import concurrent.futures
import gzip
import http.client
import json
import random
import socket
import urllib.parse

import grpc
import numpy as np
import psutil
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

MIB = 2**20
LIMIT = MIB
PREDICT = "/v1/models/zoo:predict"


@pytest.fixture(scope="module")
def server(serve, zoo):
    return serve(zoo, f"--max_request_bytes={LIMIT}", "--max_concurrent_requests=4")


@pytest.fixture
def no_growth(server):
    """Fails if the server's memory grew by more than a few requests are large."""
    process = psutil.Process(server.process.pid)
    post(server, b'{"instances": [[1, 2]]}')  # what the first request takes anyway
    before = process.memory_info().rss
    yield
    grown = process.memory_info().rss - before
    # Of what a request takes some stays with its thread: it must not add up.
    assert grown < 96 * MIB, f"{grown / MIB:.0f} MiB"
    assert post(server, b'{"instances": [[1, 2]]}')[0] == 200


def post(server, body, path: str = PREDICT, **headers: str):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.rest).netloc, timeout=60)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def raw(server, request: bytes, more=()) -> bytes:
    """What comes back for bytes as they are; `more` is sent until the server hangs up."""
    host, port = urllib.parse.urlsplit(server.rest).netloc.split(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        try:
            connection.sendall(request)
            for piece in more:
                connection.sendall(piece)
        except OSError:  # it hung up, as it should
            pass
        try:
            while piece := connection.recv(65536):
                answer += piece
        except OSError:
            pass
    return answer


@pytest.mark.usefixtures("no_growth")
def test_a_body_that_says_it_is_too_large_is_not_read(server):
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: {2**40}\r\n\r\n".encode()

    answer = raw(server, head, (bytes(MIB) for _ in range(300)))

    assert not answer or b" 413 " in answer.partition(b"\r\n")[0]


@pytest.mark.usefixtures("no_growth")
def test_a_body_that_does_not_say_so_is_read_up_to_the_limit(server):
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    chunk = b"%x\r\n%s\r\n" % (MIB, bytes(MIB))

    answer = raw(server, head, (chunk for _ in range(300)))

    assert not answer or b" 413 " in answer.partition(b"\r\n")[0]


def test_the_largest_body_that_may_be_is_answered(server):
    body = b'{"instances": [[1, 2]]}'.ljust(LIMIT)
    assert post(server, body)[0] == 200
    code, message = post(server, body + b" ")
    assert code == 413
    assert f"{LIMIT} bytes at most".encode() in message


@pytest.mark.usefixtures("no_growth")
def test_what_unpacks_to_too_much_is_refused(server):
    bomb = gzip.compress(bytes(300 * MIB), 1)
    for _ in range(3):
        assert post(server, bomb, **{"Content-Encoding": "gzip"})[0] == 413
    for body in (b"", b"no gzip", gzip.compress(b"{}")[:-5]):
        assert post(server, body, **{"Content-Encoding": "gzip"})[0] == 400
    assert post(server, b"{}", **{"Content-Encoding": "br"})[0] == 400


@pytest.mark.usefixtures("no_growth")
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"[" * 500_000, 400),
        (b'{"instances": ' + b"[" * 500 + b"]" * 500 + b"}", 400),
        (b'{"instances": [' + b"[]," * 300_000 + b"[]]}", 200),
        (b'{"instances": [' + b"NaN," * 200_000 + b"{}]}", 400),
        (b'{"instances": ["' + b"x" * 900_000 + b'", 1]}', 400),
        (b'{"instances": [' + b"1," * 400_000 + b'"x"]}', 400),
        (b'{"instances": [{"x": 1}' + b', {"x": 1}' * 80_000 + b", 1]}", 400),
        (b'{"signature_name": "' + b"x" * 900_000 + b'", "instances": [1]}', 400),
        (b'{"signature_name": ' + b"9" * 900_000 + b"}", 400),
        (b"\xff" * 900_000, 400),
    ],
    ids=range(10),
)
def test_malformed_documents_take_no_memory(server, body, expected):
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: post(server, body), range(12)))

    assert {code for code, _ in answers} <= {expected, 429}
    assert all(len(message) < 3000 for code, message in answers if code != 200)


def predict(server, request, **options):
    channel_options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(server.grpc, channel_options, **options) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        return stub.Predict(request, timeout=60)


def a_request(values) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "zoo"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(values))
    return request


def refusal(server, request, **options) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        predict(server, request, **options)
    return caught.value.code()


@pytest.mark.usefixtures("no_growth")
def test_a_message_that_is_too_large_is_refused(server):
    large = a_request(np.zeros((8 * MIB, 2), np.float32))

    for _ in range(3):
        assert refusal(server, large) is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.usefixtures("no_growth")
def test_packed_messages_are_refused_since_they_unpack_without_limit(server):
    small = a_request(np.zeros((4 * MIB, 2), np.float32))

    code = refusal(server, small, compression=grpc.Compression.Gzip)

    assert code in (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.RESOURCE_EXHAUSTED)


@pytest.mark.usefixtures("no_growth")
def test_few_bytes_cannot_ask_for_a_large_tensor(server):
    request = a_request(np.float32(1))
    del request.inputs["x"].float_val[:]
    request.inputs["x"].float_val.append(1)
    for sizes in ([2**30, 2], [2**62, 2**62, 2]):
        request.inputs["x"].tensor_shape.ClearField("dim")
        for size in sizes:
            request.inputs["x"].tensor_shape.dim.add(size=size)
        assert refusal(server, request) is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.usefixtures("no_growth")
def test_bytes_that_are_no_message_are_refused(server):
    garbage = random.Random(1)
    with grpc.insecure_channel(server.grpc) as channel:
        for method in ("PredictionService/Predict", "ModelService/GetModelStatus"):
            call = channel.unary_unary(f"/tensorflow.serving.{method}")
            for length in (1, 100, 100_000):
                with pytest.raises(grpc.RpcError):
                    call(garbage.randbytes(length) + b"\xff", timeout=60)


def test_more_requests_than_may_be_are_refused_and_the_others_answered(server):
    def rest(_):
        body = json.dumps({"signature_name": "wait", "instances": [1]})
        return post(server, body)[0]

    def rpc(_):
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "zoo"
        request.model_spec.signature_name = "wait"
        request.inputs["seconds"].CopyFrom(tf.make_tensor_proto(np.float32([1])))
        try:
            predict(server, request)
            return "answered"
        except grpc.RpcError as error:
            return error.code()

    with concurrent.futures.ThreadPoolExecutor(12) as threads:
        codes = list(threads.map(rest, range(12)))
    assert set(codes) == {200, 429}
    with concurrent.futures.ThreadPoolExecutor(12) as threads:
        codes = list(threads.map(rpc, range(12)))
    assert set(codes) == {"answered", grpc.StatusCode.RESOURCE_EXHAUSTED}


def test_half_requests_do_not_keep_others_out(server):
    host, port = urllib.parse.urlsplit(server.rest).netloc.split(":")
    idle = [socket.create_connection((host, int(port))) for _ in range(50)]
    try:
        for number, connection in enumerate(idle):
            connection.sendall(b"POST /v1/models/zoo:pre"[: number % 20])
        assert post(server, b'{"instances": [[1, 2]]}')[0] == 200
    finally:
        for connection in idle:
            connection.close()


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/../../../../etc/passwd",
        "/v1/models/..%2f..%2f..%2fetc%2fpasswd",
        "/v1/models/zoo/versions/..%2f..%2f2",
        "/v1/models/zoo/versions/../../../etc",
        "/v1/models/%2e%2e/metadata",
        "/v1/models/zoo%00/metadata",
        "/v1/models/zoo%2f2/metadata",
        "/v1/models//etc/passwd",
        "/v1/../metrics/../etc/passwd",
        "/../../etc/passwd",
        "//etc/passwd",
        "/metrics/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "http://localhost/etc/passwd",
    ],
)
def test_no_path_leads_anywhere(server, path):
    for method in ("GET", "POST"):
        answer = raw(
            server,
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
            "Connection: close\r\n\r\n{}".encode(),
        )
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.split()[1] in (b"400", b"404"), answer
        assert b"root:" not in body
        assert b"signature_def" not in body


def test_names_over_grpc_lead_nowhere(server):
    for name in ("../zoo", "zoo/2", "/etc/passwd", "zoo\0"):
        request = a_request(np.ones((1, 2), np.float32))
        request.model_spec.name = name
        assert refusal(server, request) is grpc.StatusCode.NOT_FOUND
