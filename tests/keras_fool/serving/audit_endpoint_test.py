"""Audits of endpoints: what can be done is done, and what cannot is said in its place."""

import dataclasses
import json
import os
import signal
import threading
import time

import jsonschema
import numpy as np
import pytest

import keras_fool
from keras_fool import audit, detectors, errors
from keras_fool.audits import data, engine, planning, schema, settings
from keras_fool.models import classifiers, endpoints
from keras_fool.runs import champion_png, stopping
from tests.keras_fool.pages.parsed import Parsed
from tests.keras_fool.serving import scripted

SMALL = ("--dataset=digits", "--quick", "--budget=1000", "--workdir=audit")


def read(folder) -> dict:
    return json.loads((folder / "audit.json").read_text("utf-8"))


def by_name(some) -> dict:
    return {each["name"]: each for each in some}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def addresses(server) -> dict[str, str]:
    return {"grpc": f"grpc://{server.grpc}/mnist_a", "http": f"{server.rest}/v1/models/mnist_a"}


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_the_verdict_holds_and_what_is_not_done_is_said_in_its_place(
    command, shipped_server, here, protocol
):
    code, out, err = command(audit, f"--model={addresses(shipped_server)[protocol]}", *SMALL)

    assert code == 0, err
    report = read(here / "audit")
    jsonschema.validate(report, schema.schema())
    assert report["settings"]["spent"] <= 1000
    assert report["model"]["is_remote"]
    assert report["model"]["facts"][0]["version"] == "1"
    local = classifiers.find("mnist_a").open()
    images = report["by_what"]["images"]
    pngs = [champion_png.read(here / "audit" / image["file"]).image for image in images]
    own = local.score(np.stack(pngs))[range(len(images)), [one["number"] for one in images]]
    np.testing.assert_allclose([one["confidence"] for one in images], own, rtol=0, atol=1e-6)
    # The same classifier on this machine agrees with itself.
    same = {each["reference"]: each for each in report["by_what"]["transfer"]}["mnist_a"]
    assert same["matched"]["value"] == 1

    attacks, found = by_name(report["how_easily"]["attacks"]), by_name(report["detectors"])
    ascent = attacks["ascent"]["not_done"]
    assert "endpoint" in ascent
    assert attacks["cppn"]["not_done"] is attacks["pixels"]["not_done"] is None
    assert found["msp"]["threshold"]["num_images"] == report["data"]["num_held_out"] > 0
    missing = {name: found[name]["not_done"] for name in set(detectors.NAMES) - {"msp"}}
    assert all("confidences" in reason for reason in missing.values())
    adaptive = found["msp"]["adaptive"]["not_done"]
    assert "endpoint" in adaptive
    assert "MSP" in report["verdict"]["sentence"]
    assert report["verdict"]["threshold"]["detector"] == "msp"

    html = (here / "audit" / "audit.html").read_text("utf-8")
    said = {name: " ".join(text.split()) for name, text in Parsed(html).sections.items()}
    plain = {name: text.replace("\u00a0", " ") for name, text in said.items()}
    assert ascent in plain["easily"]
    for reason in (*missing.values(), adaptive):
        assert reason in plain["detectors"]
    assert "remote" in plain["model"]
    words = " ".join(out.split())
    assert report["verdict"]["sentence"] in words
    for limit in report["verdict"]["limits"]:
        assert limit in words
        assert limit in plain["limits"]
    assert any("Gradient ascent" in limit for limit in report["verdict"]["limits"])


@pytest.fixture
def endpoint():
    """An endpoint in this process, of tiny images."""
    one = scripted.Endpoint("grpc")
    yield one
    one.stop()


@pytest.fixture(scope="module")
def real() -> tuple[np.ndarray, np.ndarray]:
    images = np.random.default_rng(1).integers(0, 256, (60, *scripted.SHAPE), np.uint8)
    return images, scripted.confidences(images).argmax(axis=1)


TINY = {"budget": 1000, "quick": True, "progress": False}


def timeless(report: dict) -> dict:
    return {name: part for name, part in report.items() if name != "made"}


@pytest.mark.slow
def test_a_budget_of_images_holds_for_all_attacks_and_scoring_together(endpoint, real, tmp_path):
    whole = keras_fool.assess(endpoint.url, *real, **TINY, workdir=tmp_path / "whole")
    needed = sum(endpoint.model.batches)

    limit, starts, found = round(0.8 * needed), 0, None
    said: list[str] = []
    while found is None:
        starts += 1
        assert starts < 5
        endpoint.model.batches.clear()
        try:
            found = keras_fool.assess(
                endpoint.url, *real, **TINY, workdir=tmp_path / "kept", max_images=limit
            )
        except (ValueError, errors.UserError) as error:
            said.append(str(error))
        assert sum(endpoint.model.batches) <= limit

    assert said
    for words in said:
        assert f"of {limit:,} images" in words
        assert "to go on: " in words
    assert timeless(found.report) == timeless(whole.report)
    with pytest.raises(TypeError, match="max_image"):
        keras_fool.assess(endpoint.url, *real, max_image=10)
    with pytest.raises(ValueError, match="not an endpoint"):
        keras_fool.assess("mnist_a", max_images=10)


def begun(endpoint, real, path, happens, patience=0.5) -> planning.Work:
    """An audit in which something happens when only scoring is left."""

    def note(words: str) -> None:
        if words.startswith("scoring all images"):
            happens()

    chosen = settings.Settings(budget=TINY["budget"], quick=True)
    options = endpoints.Options(patience=patience, deadline=5.0)
    return planning.Work(
        path=path,
        classifier=dataclasses.replace(endpoints.parse(endpoint.url), options=options),
        chosen=chosen,
        load=lambda scorer: data.of_arrays(scorer, *real, None, None, chosen),
        command="again",
        note=note,
        quiet=True,
    )


def test_one_version_answers_for_all_of_an_audit(endpoint, real, tmp_path):
    def publish() -> None:
        endpoint.model.version = 2

    with pytest.raises(errors.UserError, match="version 2"):
        engine.audit(begun(endpoint, real, tmp_path / "audit", publish))
    # Its attacks are complete, and were made on version 1.
    with pytest.raises((ValueError, errors.UserError), match="version 2, not version 1"):
        keras_fool.assess(endpoint.url, *real, **TINY, workdir=tmp_path / "audit")

    found = keras_fool.assess(
        endpoint.url, *real, **TINY, workdir=tmp_path / "audit", allow_version_change=True
    )

    assert found.report["model"]["facts"][0]["version"] == "2"


def test_an_endpoint_that_is_gone_leaves_what_is_complete(endpoint, real, tmp_path):
    def go() -> None:
        endpoint.model.script = [("UNAVAILABLE", "gone")] * 1000

    with pytest.raises(errors.UserError) as raised:
        engine.audit(begun(endpoint, real, tmp_path / "audit", go))

    (line,) = str(raised.value).splitlines()
    assert "gone" in line
    assert line.endswith(f"hat is complete in {tmp_path / 'audit'} is kept; to go on: again")
    endpoint.model.script = []
    found = keras_fool.assess(endpoint.url, *real, **TINY, workdir=tmp_path / "audit")
    assert by_name(found.report["detectors"])["msp"]["threshold"] is not None


def test_a_detector_is_not_left_out_because_an_endpoint_was_down(endpoint, real, tmp_path):
    """Where only its threshold was missing, the next start chooses it."""

    def note(words: str) -> None:
        if "fit the detector msp" in words:
            endpoint.model.script = [("UNAVAILABLE", "gone")] * 1000

    work = dataclasses.replace(begun(endpoint, real, tmp_path / "audit", lambda: None), note=note)
    with pytest.raises(errors.UserError, match="gone"):
        engine.audit(work)
    endpoint.model.script = []

    found = keras_fool.assess(endpoint.url, *real, **TINY, workdir=tmp_path / "audit")

    assert by_name(found.report["detectors"])["msp"]["not_done"] is None


def test_a_signal_while_nobody_answers_ends_the_audit(endpoint, real, tmp_path):
    model = endpoint.model

    def stop() -> None:
        before = len(model.authorizations)
        while len(model.authorizations) == before:
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGTERM)

    def go() -> None:
        model.script = [("UNAVAILABLE", "gone")] * 10_000
        threading.Thread(target=stop, daemon=True).start()

    work = begun(endpoint, real, tmp_path / "audit", go, patience=60.0)
    with stopping.answered(), pytest.raises(stopping.Interrupted) as stopped:
        engine.audit(work)

    assert "to go on: again" in stopped.value.words
