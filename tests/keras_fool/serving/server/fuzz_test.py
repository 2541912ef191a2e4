"""Random requests to the REST half: an answer to each, never a failure of the server's.

HYPOTHESIS_PROFILE=explore python -m pytest tests/keras_fool/serving/server/fuzz_test.py
"""

import contextlib
import http.client
import json
import urllib.parse

import hypothesis
import pytest
from hypothesis import strategies as st

from keras_fool.serving.server import (
    loaded_version,
    metrics,
    predict,
    rest_api,
    rest_server,
    scheduling,
)
from tests.exploring import examples
from tests.keras_fool.serving import samples

_SIGNATURES = (
    *("two", "any_shape", "string", "scalar_output", "unequal", "half", "conv", "bool"),
    *("float64", "int8", "uint8", "int32", "int64", "uint64", "serving_default"),
)

leaves = st.one_of(
    st.integers(-(2**66), 2**66),
    st.integers(-3, 300),
    st.floats(),
    st.booleans(),
    st.none(),
    st.text(max_size=4),
    st.builds(lambda text: {"b64": text}, st.sampled_from(["", "AA==", "AA", "&", "iVBORw0KGgo="])),
)
keys = st.sampled_from(["x", "a", "b", "s", "images", "b64", "instances", ""]) | st.text(max_size=3)
tensors = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=3)
)
regular = st.builds(
    lambda value, sizes: _nested(value, sizes),
    leaves,
    st.lists(st.sampled_from([0, 1, 2, 3, 8]), max_size=4),
)
right = st.builds(
    lambda rows, form: {form: rows},
    st.lists(st.lists(st.floats(width=32), min_size=2, max_size=2), min_size=1, max_size=3),
    st.sampled_from(["instances", "inputs"]),
)
documents = right | st.fixed_dictionaries(
    {},
    optional={
        "instances": tensors | regular | st.lists(st.dictionaries(keys, regular | tensors)),
        "inputs": tensors | regular | st.dictionaries(keys, regular | tensors, max_size=3),
        "signature_name": st.sampled_from(_SIGNATURES) | leaves,
    },
)
texts = documents.map(lambda document: json.dumps(document).encode())
cut = st.builds(
    lambda text, place, piece: text[: place % (len(text) + 1)] + piece + text[place:],
    texts,
    st.integers(0, 200),
    st.sampled_from([b"", b"[", b"]", b'"', b"{", b"NaN", b"-Infinity", b"1e999", b"\\ud800"])
    | st.binary(max_size=4),
)
bodies = texts | cut | st.binary(max_size=60)
words = st.sampled_from(
    [
        *("/v1", "/V1", "/models", "/zoo", "/versions/2", "/versions/9", "/labels/a", "/metadata"),
        *(":predict", ":classify", "/", "..", "%2f", "%", "?", "//", "/versions/99999999999999999"),
    ]
)
paths = st.lists(words | st.text(max_size=3)).map("".join)
methods = st.sampled_from(["POST", "GET", "PUT", "HEAD"])


def _nested(value, sizes):
    for size in sizes:
        value = [value] * size
    return value


class _OneVersion:
    """What RestApi asks of the versions, with one version in this process."""

    def __init__(self, loaded):
        self._loaded = loaded

    def states(self, *_):
        return [(self._loaded.number, 30, "")]

    def use(self, *_):
        return contextlib.nullcontext(self._loaded)


@pytest.fixture(scope="module")
def api(zoo) -> rest_api.RestApi:
    loaded = loaded_version.LoadedVersion(zoo / "2", 2)
    predictor = predict.Predictor(_OneVersion(loaded), scheduling.Scheduler(1))
    return rest_api.RestApi(predictor, metrics.Metrics())


@pytest.fixture(scope="module")
def connection(api):
    """A connection to a REST server in this process."""
    server = rest_server.RestServer(
        api,
        "127.0.0.1",
        0,
        timeout=60.0,
        max_request_bytes=2**20,
        max_concurrent_requests=2,
    )
    server.start()
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, 60)) as opened:
        yield opened
    server.stop(1.0)


def test_every_body_has_an_answer(api):
    codes = set()

    @hypothesis.given(bodies)
    @hypothesis.settings(
        max_examples=examples(50), suppress_health_check=list(hypothesis.HealthCheck)
    )
    def check(body):
        answer = api.answer(rest_api.Call("predict", "zoo"), body)
        codes.add(answer.status)
        assert answer.status in (200, 400, 501), (body, answer)
        assert (answer.status == 200) == ("error" not in json.loads(answer.body))

    check()

    assert {200, 400} <= codes


def test_every_path_has_an_answer(connection):
    codes = set()

    @hypothesis.example("POST", "v1/models/zoo:predict", "no JSON")
    @hypothesis.example("GET", "nothing", "")
    @hypothesis.given(methods, paths, texts)
    @hypothesis.settings(
        max_examples=examples(30), suppress_health_check=list(hypothesis.HealthCheck)
    )
    def check(method, path, body):
        path = "/" + urllib.parse.quote(path, safe="/:%?").lstrip("/")
        connection.request(method, path, body)
        answer = connection.getresponse()
        content = answer.read()
        codes.add(answer.status)
        assert answer.status in (200, 400, 404, 501), (method, path, body, content)
        if answer.headers["Content-Type"] == rest_api.JSON and method != "HEAD":
            assert (answer.status == 200) == ("error" not in json.loads(content))

    check()

    assert {400, 404} <= codes
    assert samples.NAME == "zoo"
