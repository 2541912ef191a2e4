"""Clients that are slow, or send what cannot be parsed: they keep nobody out, and fill nothing."""

import concurrent.futures
import contextlib
import json
import random
import socket
import threading
import time
import urllib.parse

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from keras_fool.serving.server import grpc_admission
from tests.keras_fool.serving import proxy
from tests.keras_fool.serving.server.conformance.asking import UNLIMITED, Endpoint, a_request

LIMIT = 8 * 2**20
PREDICT_GRPC = "/tensorflow.serving.PredictionService/Predict"
SLOW = 45  # clients, more than ten times as many as are answered at a time
ROW = {"instances": [[1, 2]]}


@pytest.fixture(scope="module")
def server(serve, zoo):
    return serve(zoo, f"--max_request_bytes={LIMIT}", "--max_concurrent_requests=4")


@pytest.fixture
def endpoint(server) -> Endpoint:
    return Endpoint(server.grpc, server.rest)


@pytest.fixture
def connections(server):
    """`connections(count, what to send)` opens sockets to REST, which the end closes."""
    host, port = urllib.parse.urlsplit(server.rest).netloc.split(":")
    with contextlib.ExitStack() as stack:

        def connect(count: int, content: bytes) -> list[socket.socket]:
            opened = [
                stack.enter_context(socket.create_connection((host, int(port)), timeout=60))
                for _ in range(count)
            ]
            for connection in opened:
                connection.sendall(content)
            return opened

        yield connect


def head(length: int, path: str = "/v1/models/zoo:predict") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode()


@pytest.mark.parametrize("content", [head(100), head(100) + b'{"inst', b"POST /v1/models/zoo:pre"])
def test_slow_bodies_keep_nobody_out(endpoint, connections, content):
    connections(SLOW, content)

    assert endpoint.post(ROW) == {"predictions": [[2.5, 3.0]]}


def test_stalled_bodies_give_way_when_their_bytes_are_too_many(endpoint, connections):
    most = LIMIT - 100
    stalled = connections(6, head(LIMIT))  # together more than may be held at a time
    for connection in stalled[:4]:
        connection.sendall(b" " * most)
    time.sleep(1.5)  # longer than a body may stand still where others need the room

    large = json.dumps(ROW).encode().ljust(LIMIT - 1)
    for _ in range(3):
        assert endpoint.ask("POST", "/v1/models/zoo:predict", large)[0] == 200
    assert any(b" 504 " in connection.recv(100) for connection in stalled[:1])


def test_messages_that_do_not_come_keep_nobody_out(server, endpoint):
    ended = threading.Event()

    def nothing():
        ended.wait(60)
        yield b""

    with contextlib.ExitStack() as stack:
        for method in (PREDICT_GRPC, "/grpc.health.v1.Health/Watch"):
            for _ in range(SLOW):
                channel = stack.enter_context(
                    grpc.insecure_channel(server.grpc, [("grpc.use_local_subchannel_pool", 1)])
                )
                call = channel.stream_unary if method == PREDICT_GRPC else channel.stream_stream
                start = call(method).future if method == PREDICT_GRPC else call(method)
                start(nothing())
        stack.callback(ended.set)
        found = endpoint.predict(a_request(x=np.float32([[1, 2]])))

    assert list(found.outputs["y"].float_val) == [2.5, 3.0]


@pytest.mark.slow
def test_answers_that_nobody_reads_are_refused_before_they_fill_the_memory(endpoint, connections):
    values = (LIMIT - 100) // 2  # "0," becomes "0.0,": the answer is twice as large
    body = b'{"signature_name": "any_shape", "inputs": [%s0]}' % (b"0," * values)
    codes = []
    for connection in connections(4, b""):
        connection.sendall(head(len(body)) + body)
        codes.append(connection.recv(12).split()[1])  # and no more of it

    assert codes[0] == b"200"
    assert codes[-1] == b"429"
    assert endpoint.post(ROW) == {"predictions": [[2.5, 3.0]]}


class _Large(prediction_service_pb2_grpc.PredictionServiceServicer):
    def Predict(self, *_):  # noqa: N802
        answer = predict_pb2.PredictResponse()
        answer.outputs["y"].tensor_content = bytes(2**22)
        return answer


@contextlib.contextmanager
def admitting(**limits):
    """The address of a gRPC server of large answers, with other limits than usual."""
    server = grpc.server(
        concurrent.futures.ThreadPoolExecutor(20),
        interceptors=[grpc_admission.Admission(max_at_a_time=4, **limits)],
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Large(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def answered(endpoint: Endpoint) -> bool:
    with contextlib.suppress(grpc.RpcError):
        return bool(endpoint.predict(predict_pb2.PredictRequest()).outputs)
    return False


def in_time(condition, every: float = 0.02) -> None:
    until = time.monotonic() + 60  # the machine may be busy
    while not condition():
        assert time.monotonic() < until
        time.sleep(every)


@pytest.mark.slow
def test_answers_that_nobody_reads_over_grpc_are_refused_and_given_up():
    with admitting(seconds=3, max_answer_bytes=9 * 2**20) as address:
        slow = proxy.Proxy(address)
        read, unread = Endpoint(address, ""), []
        with contextlib.closing(slow), grpc.insecure_channel(slow.address) as channel:
            grpc.channel_ready_future(channel).result(60)
            slow.latency = 600  # nothing comes through any more
            call = channel.unary_unary(PREDICT_GRPC)

            def refused() -> bool:
                unread.append(call.future(b""))
                try:
                    read.predict(predict_pb2.PredictRequest())
                except grpc.RpcError as error:
                    return "answers wait to be read" in error.details()
                return False

            in_time(refused)
            # Those that are never read are given up, though their client is still there.
            in_time(lambda: answered(read), every=0.25)


def test_a_message_that_does_not_come_is_given_up():
    ended = threading.Event()

    def nothing():
        ended.wait(60)
        yield b""

    with (
        admitting(seconds=0.3, max_answer_bytes=2**30) as address,
        grpc.insecure_channel(address, UNLIMITED) as channel,
    ):
        stream = channel.stream_unary(PREDICT_GRPC).future(nothing())
        assert stream.exception(timeout=60).code() is grpc.StatusCode.CANCELLED
        ended.set()
        assert Endpoint(address, "").predict(predict_pb2.PredictRequest()).outputs
        with pytest.raises(grpc.RpcError, match="no message"):
            channel.stream_unary(PREDICT_GRPC)(iter(()), timeout=60)


MALFORMED = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS?\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 5000 + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 50_000 + b"\r\n\r\n",
    b"GET /" + b"a" * 50_000 + b" HTTP/1.1\r\n\r\n",
]


def test_what_cannot_be_parsed_does_not_fill_the_log(server, endpoint, connections):
    before = server.log.stat().st_size
    for content in MALFORMED * 5:
        (connection,) = connections(1, b"")
        with contextlib.suppress(OSError):
            connection.sendall(content)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(4096)
    garbage = random.Random(1)
    with grpc.insecure_channel(server.grpc) as channel:
        for method in (PREDICT_GRPC, "/grpc.health.v1.Health/Check", "/no/method"):
            for _ in range(20):
                with pytest.raises(grpc.RpcError):
                    channel.unary_unary(method)(garbage.randbytes(100) + b"\xff", timeout=60)

    assert endpoint.post(ROW)
    written = server.log.read_text()[before:]
    assert len(written) < 1000, written
    assert "Traceback" not in written


def test_names_that_strangers_watch_are_not_kept(server):
    with grpc.insecure_channel(server.grpc) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        name = "x" * 500_000
        watched = [
            stub.Watch(health_pb2.HealthCheckRequest(service=f"{name}{n}"), timeout=60)
            for n in range(3)
        ]
        unknown = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        assert [next(stream).status for stream in watched] == [unknown] * 3
        known = stub.Watch(health_pb2.HealthCheckRequest(), timeout=60)
        assert next(known).status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.slow
def test_a_large_request_runs_in_pieces(shipped_server):
    images = np.zeros((6000, 28, 28, 1), np.uint8)
    images[:, 3:20, 5:9] = np.random.default_rng(1).integers(0, 256, (6000, 17, 4, 1))

    def rows() -> tuple[float, float]:
        page = Endpoint(shipped_server.grpc, shipped_server.rest).ask("GET", "/metrics")[2]
        lines = dict(line.rsplit(" ", 1) for line in page.splitlines() if line[0] != "#")
        return float(lines["keras_fool_run_rows_sum"]), float(lines["keras_fool_run_rows_count"])

    def answered(batch: np.ndarray) -> np.ndarray:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "mnist_a"
        request.inputs["images"].CopyFrom(tf.make_tensor_proto(batch))
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        with grpc.insecure_channel(shipped_server.grpc, options) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            return tf.make_ndarray(stub.Predict(request, 60).outputs["probabilities"])

    before = rows()
    whole = answered(images)
    total, runs = rows()[0] - before[0], rows()[1] - before[1]
    parts = np.concatenate([answered(images[:2016]), answered(images[2016:4032])])

    assert runs >= 5
    assert 6000 < total < 9000  # and those that the check runs again
    np.testing.assert_array_equal(whole[:4032], parts)
