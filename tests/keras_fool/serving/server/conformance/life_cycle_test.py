"""Cases 24 to 30, and one of 20: status, labels, versions that come and go, batches."""

import re
import shutil
import threading
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    prediction_log_pb2,
)

from tests.keras_fool.serving import samples
from tests.keras_fool.serving.server.conformance.asking import Endpoint, X, a_request


def test_case_24_status(endpoint):
    code, _, found = endpoint.ask("GET", "/v1/models/zoo")
    assert code == 200
    newest = found["model_version_status"][-1]
    assert newest == {
        "version": "2",
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }
    assert endpoint.ask("GET", "/v1/models/zoo/labels/unknown")[2] == found
    code, _, found = endpoint.ask("GET", "/v1/models/zoo/versions/2")
    assert found["model_version_status"] == [newest]

    code, message = endpoint.refused(b"", "/v1/models/zoo/versions/77", "GET")
    assert code == 404
    assert "Could not find version 77 of model zoo" in message
    code, message = endpoint.refused(b"", "/v1/models/unknown", "GET")
    assert code == 404
    assert "Could not find any versions of model unknown" in message
    assert endpoint.states()[2] == get_model_status_pb2.ModelVersionStatus.AVAILABLE


def test_case_27_labels(local):
    rows = {"instances": X.tolist()}
    assert local.post(rows, "/v1/models/zoo/labels/first:predict") == {
        "predictions": (X / 2 + 1).tolist()
    }
    assert local.post(rows, "/v1/models/zoo/labels/%66irst:predict")
    code, message = local.refused(rows, "/v1/models/zoo/labels/missing:predict")
    assert code == 400
    assert "Unrecognized servable version label: missing" in message
    request = a_request(x=X)
    request.model_spec.version_label = "first"
    assert local.predict(request).model_spec.version.value == 1


FAST = (
    "--file_system_poll_wait_seconds=0.05",
    "--load_retry_interval_micros=100000",
    "--max_num_load_retries=2",
    "--enable_serialization_as_tensor_content",
    "--max_batch_size=4",
    "--max_enqueued_batches=1",
    "--num_batch_threads=1",
    "--rest_api_timeout_in_ms=3000",
)
State = get_model_status_pb2.ModelVersionStatus


@pytest.fixture(scope="module")
def alive(serve, zoo, tmp_path_factory):
    """(endpoint, base path) of a server that looks at its folder twenty times a second."""
    base_path = tmp_path_factory.mktemp("alive") / samples.NAME
    shutil.copytree(zoo / "1", base_path / "0001")
    (base_path / "notes").mkdir()
    (base_path / "7.txt").touch()
    server = serve(base_path, *FAST)
    return Endpoint(server.grpc, server.rest), base_path


def publish(source, base_path, name: str) -> None:
    part = base_path / f".{name}.part"
    shutil.copytree(source, part)
    part.rename(base_path / name)


def wait_until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def version_of(endpoint: Endpoint) -> int:
    return endpoint.predict(a_request(x=X)).model_spec.version.value


def test_case_20_answers_are_packed_where_the_flag_says_so(alive):
    found = alive[0].predict(a_request(x=X)).outputs["y"]

    assert found.tensor_content == (X / 2 + 1).tobytes()
    assert not found.float_val


def test_case_25_hot_swap_without_a_gap(alive, zoo):
    endpoint, base_path = alive
    assert endpoint.states() == {1: State.AVAILABLE}
    ended, versions, failures = threading.Event(), [], []

    def keep_asking():
        while not ended.is_set():
            try:
                versions.append(version_of(endpoint))
            except grpc.RpcError as error:
                failures.append(error)

    asking = threading.Thread(target=keep_asking)
    asking.start()
    publish(zoo / "2", base_path, "2")
    wait_until(lambda: endpoint.states() == {1: State.END, 2: State.AVAILABLE})
    wait_until(lambda: versions and versions[-1] == 2)
    ended.set()
    asking.join()

    assert not failures
    assert versions == sorted(versions)
    assert set(versions) == {1, 2}


def test_case_26_a_failed_load_is_tried_again_and_the_old_version_stays(alive, zoo):
    endpoint, base_path = alive
    broken = base_path / "3"
    broken.mkdir()
    (broken / "saved_model.pb").write_bytes(b"garbage")
    wait_until(lambda: endpoint.states().get(3) == State.END)

    assert version_of(endpoint) == 2
    code, _, found = endpoint.ask("GET", "/v1/models/zoo/versions/3")
    assert code == 200
    assert found["model_version_status"][0]["status"]["error_code"] != "OK"
    with endpoint.channel as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = samples.NAME
        request.model_spec.version.value = 3
        error = stub.GetModelStatus(request).model_version_status[0].status.error_message
    assert "does not load" in error

    publish(zoo / "2", base_path, "4")
    wait_until(lambda: endpoint.states().get(4) == State.AVAILABLE)
    assert version_of(endpoint) == 4


@pytest.mark.parametrize(
    ("number", "request_of", "loads"),
    [(5, {"x": X}, True), (6, {"y": X}, False)],
    ids=["that works", "that fails"],
)
def test_case_28_warm_up(alive, zoo, tmp_path, number, request_of, loads):
    endpoint, base_path = alive
    source = shutil.copytree(zoo / "1", tmp_path / "source")
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.CopyFrom(a_request(**request_of))
    (source / "assets.extra").mkdir()
    with tf.io.TFRecordWriter(str(source / "assets.extra/tf_serving_warmup_requests")) as writer:
        writer.write(log.SerializeToString())

    publish(source, base_path, str(number))
    expected = State.AVAILABLE if loads else State.END
    wait_until(lambda: endpoint.states().get(number) == expected)

    assert version_of(endpoint) == 5


def test_case_29_batches(alive):
    endpoint = alive[0]
    code, message = endpoint.not_predicted(a_request(x=np.ones([5, 2], np.float32)))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "Task size 5 is larger than maximum input batch size 4" in message
    code, message = endpoint.refused({"instances": [[1, 2]] * 5})
    assert code == 400
    assert "Task size 5" in message

    # One run is busy, one batch of four rows waits, and there is no room for a third.
    results = []

    def ask(rows: int, seconds: float):
        try:
            endpoint.predict(a_request("wait", seconds=np.full(rows, seconds, np.float32)))
            results.append("answered")
        except grpc.RpcError as error:
            results.append(error.code())

    def runs() -> float:
        page = endpoint.ask("GET", "/metrics")[2]
        return float(re.search(r"keras_fool_run_rows_count (\S+)", page)[1])

    before = runs()
    running = threading.Thread(target=ask, args=(1, 3))
    running.start()
    wait_until(lambda: runs() > before)
    waiting = [threading.Thread(target=ask, args=(3, 0.01)) for _ in range(3)]
    for thread in waiting:
        thread.start()
    for thread in (running, *waiting):
        thread.join()

    assert sorted(results, key=str) == [grpc.StatusCode.UNAVAILABLE] * 2 + ["answered"] * 2


def test_case_30_rest_gives_up(alive):
    endpoint = alive[0]
    code, message = endpoint.refused({"signature_name": "wait", "instances": [4.5]})

    assert code == 504
    assert "Timed out" in message
    from keras_fool import serve

    assert serve._REST_TIMEOUT.default == 30_000
