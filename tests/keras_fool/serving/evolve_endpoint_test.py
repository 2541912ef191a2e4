"""Evolutions against the local server, undisturbed and with everything that happens to servers.

Whatever happens, the archive is that of an undisturbed run on this machine.
"""

import csv
import json
import os
import pathlib
import re
import shutil
import signal
import threading
import time
import traceback

import numpy as np
import pytest
import tensorflow as tf
from absl.testing import flagsaver

import keras_fool
from keras_fool import errors, evolve, transfer
from keras_fool.command_line import cli
from keras_fool.serving.client import transport
from tests.keras_fool import folders
from tests.keras_fool.serving.conftest import ROOT
from tests.keras_fool.serving.proxy import Proxy

SETTINGS = ("--generations=8", "--batch_size=20", "--runs=2", "--checkpoint_every=2")
SHIPPED = ROOT / "saved_models" / "mnist_a"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> pathlib.Path:
    """Every command runs in a folder of its own, far from the checkout."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, bytes]:
    """What the run on this machine leaves."""
    path = tmp_path_factory.mktemp("local") / "run"
    arguments = ["evolve", f"--model={SHIPPED}", *SETTINGS, f"--workdir={path}"]
    with flagsaver.flagsaver(), pytest.raises(SystemExit) as ended:
        cli.run(evolve.main, evolve.USES, arguments)
    assert ended.value.code == 0
    return archive(path)


@pytest.fixture
def proxy():
    """Starts proxies, which end with the test."""
    started = []

    def start(target: str) -> Proxy:
        started.append(Proxy(target.removeprefix("http://")))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def versions_folder(tmp_path) -> pathlib.Path:
    """A base path of the test's own with the shipped classifier as version 1."""
    folder = tmp_path / "mnist_a"
    shutil.copytree(SHIPPED / "1", folder / "1")
    return folder


def archive(path: pathlib.Path) -> dict[str, bytes]:
    """The files of a run that are the same wherever its confidences come from."""
    names = ["champions.csv", "metrics.csv", "lineage.csv"]
    files = [path / name for name in names] + sorted((path / "images").rglob("*.png"))
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}


def url(protocol: str, *addresses: str) -> str:
    model = "mnist_a" if protocol == "grpc" else "v1/models/mnist_a"
    return f"{protocol}://{','.join(addresses)}/{model}"


def during(path: pathlib.Path, generation: int, act) -> threading.Thread:
    """Does something once the run has got so far."""

    def wait() -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            metrics = path / "metrics.csv"
            if metrics.is_file() and f"\n0,{generation}," in metrics.read_text():
                act()
                return
            time.sleep(0.005)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


SLOWLY = "--requests_per_second=8"  # so that there is time for something to happen


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_images_are_those_of_scoring_on_this_machine(
    command, shipped_server, undisturbed, here, protocol
):
    address = shipped_server.grpc if protocol == "grpc" else shipped_server.rest[7:]
    code, out, err = command(
        evolve, f"--model={url(protocol, address)}", *SETTINGS, "--workdir=run"
    )

    assert (code, "Traceback" in err) == (0, False)
    assert archive(here / "run") == undisturbed
    assert "20 champions, median confidence" in out

    endpoint = json.loads((here / "run" / "endpoint.json").read_text())
    assert endpoint["signature"] == "serving_default"
    assert [entry["version"] for entry in endpoint["versions"]] == [1]
    config = json.loads((here / "run" / "config.json").read_text())
    assert config["classifier_spec"] == url(protocol, address)
    assert config["labels"] == [str(label) for label in range(10)]

    with open(here / "run" / "champions.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == 20


def test_images_are_the_same_from_python(shipped_server, undisturbed, here):
    arguments = {"generations": 8, "batch_size": 20, "runs": 2, "progress": False}
    address = url("grpc", shipped_server.grpc)

    result = keras_fool.fool(address, **arguments, in_flight=2, workdir="run")

    assert archive(here / "run") == undisturbed
    assert result.labels == tuple("0123456789")
    with pytest.raises(keras_fool.errors.UnfinishedError, match="was sent") as raised:
        keras_fool.fool(address, **arguments, max_images=250)
    assert not raised.value.result.is_complete
    assert raised.value.result.images.shape == (10, 28, 28, 1)
    with pytest.raises(ValueError, match="max_images must be above 0"):
        keras_fool.fool(address, **arguments, max_images=0)
    with pytest.raises(ValueError, match="gives no gradients"):
        keras_fool.fool(address, method="ascend", progress=False)


def latency(one: Proxy, size: int) -> None:
    del size
    one.latency = 0.05


def half_answers(one: Proxy, size: int) -> None:
    one.cut_after = int(2.5 * size)


def garbage(one: Proxy, size: int) -> None:
    one.garbage, one.cut_after = 3, 4 * size


def silence(one: Proxy, size: int) -> None:
    one.silent, one.cut_after = 2, 4 * size


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize("fault", [latency, half_answers, garbage, silence])
def test_what_networks_do_changes_nothing(
    command, shipped_server, undisturbed, proxy, here, protocol, fault
):
    one = proxy(shipped_server.grpc if protocol == "grpc" else shipped_server.rest)
    arguments = [f"--model={url(protocol, one.address)}", *SETTINGS, "--workdir=run"]
    size = {"grpc": 2000, "http": 10_000}[protocol]  # about that of an answer
    fault_begins = during(here / "run", 0, lambda: fault(one, size))

    code, _, err = command(evolve, *arguments, SLOWLY, "--deadline=2", "--patience=60")

    fault_begins.join()
    assert (code, "Traceback" in err) == (0, False), err
    assert archive(here / "run") == undisturbed
    assert one.latency or one.connections > 1


@pytest.mark.slow
def test_one_of_two_replicas_is_killed(
    command, serve, shipped_server, undisturbed, proxy, here, versions_folder
):
    other = serve(versions_folder)
    proxies = proxy(shipped_server.grpc), proxy(other.grpc)
    arguments = [f"--model={url('grpc', *(one.address for one in proxies))}", *SETTINGS]
    killed = during(here / "run", 3, lambda: other.stop(signal.SIGKILL))

    code, _, err = command(evolve, *arguments, SLOWLY, "--workdir=run")

    killed.join()
    assert code == 0, err
    assert other.process.exitcode == -signal.SIGKILL
    assert f"{proxies[1].address} gives no usable answer" in err
    assert archive(here / "run") == undisturbed
    # Each answered its share while both were there: one request in two.
    assert 0.2 < proxies[1].answered / proxies[0].answered < 0.8


@pytest.mark.slow
def test_the_only_replica_is_killed_and_comes_back(
    command, serve, undisturbed, here, versions_folder
):
    server = serve(versions_folder)
    arguments = [f"--model={url('grpc', server.grpc)}", *SETTINGS, SLOWLY, "--workdir=run"]
    killed = during(here / "run", 2, lambda: server.stop(signal.SIGKILL))

    code, _, err = command(evolve, *arguments, "--patience=2")

    killed.join()
    assert (code, "Traceback" in err) == (1, False)
    line = next(line for line in err.splitlines() if line.startswith("error: "))
    assert line.startswith(f"error: {url('grpc', server.grpc)}: no usable answer for 2 seconds; ")
    words = r"The run stopped after generation (\d), which is saved in run; to go on: python"
    stopped = int(re.search(words, line)[1])
    assert 2 <= stopped < 8
    assert not (here / "run" / "champions.csv").exists()

    # Still away: nothing is lost, and nobody waits long.
    code, _, err = command(evolve, *arguments, "--patience=1")
    assert (code, "cannot be reached" in err) == (1, True)

    port = server.grpc.rpartition(":")[2]
    again = serve(versions_folder, f"--port={port}")

    def restart() -> None:
        again.stop(signal.SIGKILL)
        serve(versions_folder, f"--port={port}")

    restarted = during(here / "run", 6, restart)
    code, _, err = command(evolve, *arguments, "--patience=300")

    restarted.join()
    assert code == 0, err
    assert f"run goes on after generation {stopped}." in err
    assert f"{server.grpc} answers again after" in err
    assert archive(here / "run") == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_new_version_in_mid_run(command, serve, undisturbed, here, versions_folder, protocol):
    server = serve(versions_folder, "--file_system_poll_wait_seconds=0.05")
    address = server.grpc if protocol == "grpc" else server.rest[7:]
    arguments = [f"--model={url(protocol, address)}", *SETTINGS, SLOWLY, "--workdir=run"]

    def publish() -> None:
        shutil.copytree(versions_folder / "1", here / "2")
        os.rename(here / "2", versions_folder / "2")

    published = during(here / "run", 3, publish)
    code, _, err = command(evolve, *arguments)

    published.join()
    assert (code, "Traceback" in err) == (1, False)
    assert "serves version 2, not version 1 any more" in err
    assert "say --allow_version_change. The run stopped after generation" in err
    # Not in another run either.
    code, _, err = command(evolve, *arguments)
    assert (code, "serves version 2, not version 1 any more" in err) == (1, True)

    code, _, err = command(evolve, *arguments, "--allow_version_change")

    assert code == 0, err
    versions = json.loads((here / "run" / "endpoint.json").read_text())["versions"]
    assert [entry["version"] for entry in versions] == [1, 2]
    assert versions[1]["from_generation"] >= 4
    assert archive(here / "run") == undisturbed  # it has the same weights


@pytest.mark.slow
def test_a_model_that_gives_no_confidences_in_mid_run(command, serve, here, tmp_path):
    moody = serve(_moody(tmp_path / "moody"))
    model = f"grpc://{moody.grpc}/moody"
    problems = {"nan": None, "columns": "numbers where ["}  # one image fails, or its request
    for signature, problem in problems.items():
        code, _, err = command(
            evolve,
            f"--model={model}?signature={signature}",
            "--generations=30",
            "--encoding=direct",
            "--batch_size=30",
            f"--workdir={signature}",
        )
        assert (code, "Traceback" in err) == (0 if problem is None else 1, False), err
        if problem is None:
            rows = folders.rows(here / signature / "metrics.csv")
            assert sum(int(row["not_finite"]) for row in rows) > 0
            continue
        assert problem in err
        assert "The run stopped" in err
        assert "to go on: " in err

    code, _, err = command(
        evolve,
        f"--model={model}?signature=many",
        "--generations=0",
        "--batch_size=512",
        "--in_flight=1",
        "--workdir=many",
    )
    assert code == 0, err
    assert len(json.loads((here / "many" / "config.json").read_text())["labels"]) == 2200


def _moody(folder: pathlib.Path) -> pathlib.Path:
    """A model that gives confidences for most images only, and one of many labels.

    A request's answers of the latter have 4.5 MB.
    """
    shape = (6, 5, 1)
    weights = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32) / 300
    module = tf.Module()
    module.wide = tf.Variable(np.tile(weights, (1, 734))[:, :2200])

    def signature(function):
        def called(images):
            flat = tf.reshape(tf.cast(images, tf.float32), [-1, 30])
            return {"probabilities": function(flat)}

        return tf.function(called).get_concrete_function(
            tf.TensorSpec([None, *shape], tf.uint8, "images")
        )

    def confidences(flat):
        return tf.nn.softmax(tf.matmul(flat, weights))

    def nan(flat):
        odd = tf.reduce_sum(flat, axis=1, keepdims=True) % 199 == 50
        return tf.where(odd, np.nan, confidences(flat))

    def columns(flat):
        odd = tf.reduce_any(tf.reduce_sum(flat, axis=1) % 199 == 50)
        return confidences(flat)[:, : tf.where(odd, 2, 3)]

    def many(flat):
        return tf.nn.softmax(tf.matmul(flat, module.wide))

    signatures = {"nan": nan, "columns": columns, "many": many}
    tf.saved_model.save(
        module,
        str(folder / "1"),
        signatures={name: signature(function) for name, function in signatures.items()},
    )
    return folder


def test_a_budget_is_kept_over_several_starts(command, shipped_server, undisturbed, here):
    arguments = [f"--model={url('grpc', shipped_server.grpc)}", *SETTINGS, "--workdir=run"]
    starts, code = 0, None
    while code != 0:
        starts += 1
        assert starts < 10
        code, _, err = command(evolve, *arguments, "--max_images=250")
        assert "Traceback" not in err
        if code:
            assert code == 1
            assert "images. The run stopped after generation" in err
            assert "to go on: python -m keras_fool.evolve" in err
    assert starts > 2
    assert archive(here / "run") == undisturbed


def test_ctrl_c_while_nobody_answers(command, shipped_server, undisturbed, proxy, here):
    one = proxy(shipped_server.grpc)
    arguments = [f"--model={url('grpc', one.address)}", *SETTINGS, "--workdir=run"]

    def vanish() -> None:
        one.cut_after = 0
        time.sleep(1)
        os.kill(os.getpid(), signal.SIGINT)

    vanished = during(here / "run", 2, vanish)
    begun = time.monotonic()
    code, _, err = command(evolve, *arguments, SLOWLY)

    vanished.join()
    assert code == 130
    assert time.monotonic() - begun < 150  # the patience is 300
    assert "stopped after generation" in err
    one.cut_after = None
    assert command(evolve, *arguments)[0] == 0
    assert archive(here / "run") == undisturbed


def test_what_must_match_to_go_on(command, shipped_server, here):
    model = url("grpc", shipped_server.grpc)
    small = ("--generations=2", "--batch_size=20", "--workdir=run")
    arguments = [f"--model={model}", *small, "--max_images=70"]
    assert command(evolve, *arguments)[0] == 1
    endpoint = here / "run" / "endpoint.json"
    begun = json.loads(endpoint.read_text())
    endpoint.write_text(json.dumps(begun | {"num_labels": 11}, indent=2))
    code, _, err = command(evolve, f"--model={model}", *small)
    assert (code, "endpoint.json is missing or damaged" in err) == (1, True)
    del begun["sha256"]  # as it was once written
    whole = json.dumps(begun, indent=2)

    for old, new, message in [
        ('"num_labels": 10', '"num_labels": 11', "its num_labels was 11 and is 10 now"),
        ('"probabilities"', '"scores"', "its output was 'scores' and is 'probabilities' now"),
        (whole, "{", "is missing or damaged"),
        (whole, "[" * 10**5, "is missing or damaged"),
        ('"from_generation": 0', '"from_generation": "0"', "is missing or damaged"),
        ('"version": 1,', '"version": {},', "is missing or damaged"),
    ]:
        endpoint.write_text(whole.replace(old, new))
        code, _, err = command(evolve, f"--model={model}", *small)
        assert (code, message in err, "Traceback" in err) == (1, True, False)
    begun = json.loads(whole)
    begun["versions"][0]["probes"][0][1] += 0.01
    endpoint.write_text(json.dumps(begun))
    code, _, err = command(evolve, f"--model={model}", *small)
    assert (code, "gives other confidences than when" in err) == (1, True)
    begun["versions"][0]["probes"][0][1] = 10**400
    endpoint.write_text(json.dumps(begun))
    code, _, err = command(evolve, f"--model={model}", *small)
    assert (code, "expected confidences in its probes" in err) == (1, True)
    begun["versions"][0]["probes"][0][:] = [10, 0.5]
    endpoint.write_text(json.dumps(begun))
    code, _, err = command(evolve, f"--model={model}", *small)
    assert (code, "expected labels of the model in its probes" in err) == (1, True)
    endpoint.write_text(whole)

    code, _, err = command(evolve, f"--model={model}?signature=serving_default", *small)
    assert (code, "scorer.signature is None there" in err) == (1, True)
    endpoint.write_text(whole)
    rest = url("http", shipped_server.rest[7:])  # the same model in another place
    assert command(evolve, f"--model={rest}", *small)[0] == 0


def test_flags_that_do_not_go_together(command):
    for arguments, code, message in [
        (["--model=grpc://a:1"], 2, "expected grpc://host:port"),
        (["--model=grpc://a:1/m", "--preprocess=tf"], 2, "--preprocess is not about endpoints"),
        (["--model=grpc://a:1/m", "--image_size=64"], 2, "--image_size is not about endpoints"),
        (["--model=mnist_a", "--patience=5"], 2, "--patience is about endpoints"),
        (["--model=grpc://127.0.0.1:9/m", "--renderer=tf"], 2, "renderer must be cpu"),
        (["--model=grpc://a:1/m", "--patience=-1"], 2, "patience"),
    ]:
        found, _, err = command(evolve, *arguments)
        assert (found, message in err, "Traceback" in err) == (code, True, False), err


@pytest.mark.slow
def test_transfer_to_an_endpoint(command, shipped_server):
    assert command(evolve, "--model=mnist_b", *SETTINGS, "--workdir=run")[0] == 0
    one, two = url("grpc", shipped_server.grpc), url("http", shipped_server.rest[7:])
    models = f"--models=mnist_a,{one},{two}"

    code, out, err = command(transfer, "--images=run", models)

    assert code == 0, err
    counts = [line.partition(": ") for line in out.splitlines() if "20 images" in line]
    assert len(counts) == 3
    assert len({count for _, _, count in counts}) == 1  # three times the same classifier


TOKEN = "s3cret-t0ken-of-the-tests"


def test_the_token_is_written_nowhere(command, shipped_server, proxy, here, monkeypatch):
    monkeypatch.setenv(transport.TOKEN_VARIABLE, TOKEN)
    one = proxy(shipped_server.rest)
    arguments = [f"--model={url('http', one.address)}", *SETTINGS, "--workdir=run"]
    said = [*command(evolve, *arguments, "--max_images=200")[1:]]
    one.cut_after = 0
    said += [*command(evolve, *arguments, "--patience=0.5")[1:]]
    with pytest.raises(errors.UserError) as error:
        command(evolve, *arguments, "--patience=0.5", "--debug")
    said += traceback.format_exception(error.value)
    one.cut_after = None
    said += [*command(evolve, *arguments)[1:]]

    written = [file.read_bytes() for file in here.rglob("*") if file.is_file()]

    assert len(written) > 40
    assert not [text for text in said if TOKEN in text]
    assert not [content for content in written if TOKEN.encode() in content]
