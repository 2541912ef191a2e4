import os
import pathlib
import re
import shutil
import signal
import socket
import sys
import time
from concurrent import futures

import grpc
import numpy as np
import pytest
import requests
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from keras_fool import serve
from keras_fool.command_line import cli
from keras_fool.models import classifiers, scoring
from tests.keras_fool import processes
from tests.keras_fool.serving import conftest as serving_conftest

SHIPPED = serving_conftest.ROOT / "saved_models" / "mnist_a"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    started = serving_conftest.start(SHIPPED, tmp_path_factory.mktemp("log") / "stderr.txt")
    yield started
    started.kill()


def predict(server, images, **fields) -> predict_pb2.PredictResponse:
    request = predict_pb2.PredictRequest(**fields)
    request.model_spec.name = server.name
    request.inputs["images"].CopyFrom(tf.make_tensor_proto(images))
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(server.grpc, options) as channel:
        return prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, 60)


def test_confidences_are_the_local_ones(server):
    images = np.random.default_rng(1).integers(0, 256, (200, 28, 28, 1), np.uint8)
    expected = scoring.LocalScorer(classifiers.find("mnist_a")).score(images)

    found = predict(server, images).outputs["probabilities"]
    # To the bit in batches of the same size; of others kernels of some processors round otherwise.
    np.testing.assert_allclose(tf.make_ndarray(found), expected, rtol=0, atol=1e-6)
    url = f"{server.rest}/v1/models/{server.name}:predict"
    rows = requests.post(url, json={"instances": images.tolist()}, timeout=60).json()
    found = np.array([row["probabilities"] for row in rows["predictions"]], np.float32)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_health_service_says_that_it_serves(server):
    with grpc.insecure_channel(server.grpc) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", "tensorflow.serving.PredictionService"):
            found = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=60)
            assert found.status == health_pb2.HealthCheckResponse.SERVING


def test_metrics_count_requests_and_rows(server):
    predict(server, np.zeros((3, 28, 28, 1), np.uint8))
    for path in ("/metrics", "/monitoring/prometheus/metrics"):
        page = requests.get(f"{server.rest}{path}", timeout=60)
        assert page.headers["Content-Type"].startswith("text/plain")
        found = re.search(
            r'keras_fool_requests_total\{code="OK",method="Predict",protocol="grpc"\} (\S+)',
            page.text,
        )
        assert float(found[1]) >= 1
        assert float(re.search(r"keras_fool_run_rows_sum (\S+)", page.text)[1]) >= 3


def test_curl_that_asks_before_it_sends_is_answered(server):
    host, port = server.rest.removeprefix("http://").split(":")
    body = b'{"instances": []}'
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(
            f"POST /v1/models/{server.name}:predict HTTP/1.1\r\nHost: x\r\n"
            f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue")
        connection.sendall(body)
        assert connection.recv(100).startswith(b"HTTP/1.1 400")


def test_ports_are_not_shared_and_only_this_machine_is_served(server, command):
    for flag, address in (("--port", server.grpc), ("--rest_api_port", server.rest)):
        port = address.rpartition(":")[2]
        code, out, err = command(
            serve,
            *(f"--model_base_path={SHIPPED}", "--port=0", "--rest_api_port=0", f"{flag}={port}"),
        )
        assert (code, out) == (1, "")
        assert re.search(rf"^error: cannot listen on 127.0.0.1:{port}", err, re.M)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", int(port)), timeout=5)


def test_log_says_what_it_is_not(server):
    assert "this is not TF Serving" in server.log.read_text()
    assert "WARNING" not in server.log.read_text()


@pytest.fixture
def busy(tmp_path):
    """`busy(seconds)` is a server and its requests, which have begun and take so long."""
    from tests.keras_fool.serving import samples

    samples.write(tmp_path / "zoo" / "1", 1, whole=False)
    started = []

    def begin(seconds: float) -> tuple[serving_conftest.ServerProcess, list[futures.Future]]:
        base, log = tmp_path / "zoo", tmp_path / "stderr.txt"
        server = serving_conftest.start(base, log, "--num_batch_threads=2")
        started.append(server)
        requested = [pool.submit(ask, server, seconds) for ask in (wait_by_rest, wait_by_grpc)]
        until = time.monotonic() + 60
        while runs_begun(server) < len(requested):
            assert time.monotonic() < until
            time.sleep(0.02)
        return server, requested

    with futures.ThreadPoolExecutor() as pool:
        yield begin
        for server in started:
            server.kill()


def runs_begun(server) -> float:
    page = requests.get(f"{server.rest}/metrics", timeout=60).text
    return float(re.search(r"keras_fool_run_rows_count (\S+)", page)[1])


def wait_by_rest(server, seconds: float) -> int:
    url = f"{server.rest}/v1/models/zoo:predict"
    body = {"signature_name": "wait", "instances": [seconds]}
    return requests.post(url, json=body, timeout=60).status_code


def wait_by_grpc(server, seconds: float) -> int:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "zoo"
    request.model_spec.signature_name = "wait"
    request.inputs["seconds"].CopyFrom(tf.make_tensor_proto(np.float32([seconds])))
    with grpc.insecure_channel(server.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        return len(stub.Predict(request, 60).outputs)


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_signal_ends_it_after_the_requests_that_it_has(busy, number):
    server, requested = busy(1.5)

    assert server.stop(number) == 0
    assert [future.result() for future in requested] == [200, 1]
    assert "ending; requests that have begun are answered" in server.log.read_text()


def test_a_signal_that_another_thread_gets_ends_it(busy):
    """The system may give it to any, and only a wait in the main thread is broken off by it."""
    server, _ = busy(0.1)
    main = server.process.pid
    threads = {int(path.name) for path in pathlib.Path(f"/proc/{main}/task").iterdir()}
    os.kill(min(threads - {main}), signal.SIGTERM)  # the oldest, which does not end by itself

    assert processes.exit_code(server.process, server.log) == 0


def test_a_second_signal_ends_it_at_once(busy):
    server, requested = busy(50.0)
    os.kill(server.process.pid, signal.SIGTERM)
    until = time.monotonic() + 60
    while "ending" not in server.log.read_text():
        assert time.monotonic() < until
        time.sleep(0.02)

    assert server.stop() == 128 + signal.SIGTERM
    assert "cut off" in server.log.read_text().splitlines()[-1]
    assert all(future.exception() for future in requested)


@pytest.mark.slow
def test_requests_that_take_too_long_do_not_keep_it(busy):
    server, requested = busy(50.0)

    begun = time.monotonic()
    assert server.stop() == 0
    assert serve.GRACE <= time.monotonic() - begun < 2 * serve.GRACE
    assert all(future.exception() for future in requested)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], (2, "give --model_base_path")),
        (["--model_base_path=/no/where"], (1, "there is no folder /no/where")),
        ([f"--model_base_path={SHIPPED / '1'}"], (1, "is a version folder")),
        ([f"--model_base_path={SHIPPED}", "--version_labels=a"], (2, "LABEL:VERSION")),
        ([f"--model_base_path={SHIPPED}", "--model_name=a/b"], (2, "--model_name must have")),
        ([f"--model_base_path={SHIPPED}", "--port=70000"], (2, "--port")),
        ([f"--model_base_path={SHIPPED}", "--dataset=mnist"], (2, "no meaning")),
    ],
)
def test_impossible_commands_are_refused_in_a_line(command, flags, expected):
    code, out, err = command(serve, *flags)

    assert (code, out) == (expected[0], "")
    assert expected[1] in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("broken", [False, True])
def test_without_a_version_that_loads_it_does_not_start(command, tmp_path, broken):
    if broken:
        shutil.copytree(SHIPPED / "1", tmp_path / "m" / "1")
        (tmp_path / "m" / "1" / "saved_model.pb").write_bytes(b"garbage")
    else:
        (tmp_path / "m").mkdir()
    code, _, err = command(
        serve, f"--model_base_path={tmp_path / 'm'}", "--port=0", "--rest_api_port=0"
    )

    assert code == 1
    assert ("does not load" if broken else "has no version folder") in err


def test_help_says_what_it_is_not(command):
    code, out, _ = command(serve, "--help")

    assert code == 0
    assert "it is not TF Serving" in out.partition("\n")[0]


def without_the_extra() -> None:
    """What runs in a process of its own: the command where the extra is not installed."""
    for name in [name for name in sys.modules if name.startswith("tensorflow_serving")]:
        del sys.modules[name]
    sys.modules["tensorflow_serving"] = None
    cli.run(serve.main, serve.USES, ["serve", f"--model_base_path={SHIPPED}"])


def test_a_missing_package_is_named_with_the_remedy(tmp_path):
    started = processes.start_function(without_the_extra, log=tmp_path / "log")

    assert started.exit_code() == 1
    assert "pip install -e '.[serving]'" in (tmp_path / "log").read_text()
