"""Where the token goes, and where it is never seen."""

import json
import os
import subprocess

import numpy as np
import pytest

from keras_fool.models import endpoints
from keras_fool.serving.client import endpoint_errors, endpoint_scorer, transport
from tests.keras_fool.serving import scripted
from tests.keras_fool.serving.client.asking import PROTOCOLS, images

TOKEN = "s3cret-t0ken-of-the-tests"


def _all_attributes(thing, depth: int = 4) -> list:
    """What a debugger or log would show of an object and what it holds."""
    if depth == 0:
        return []
    inner = list(getattr(thing, "__dict__", {}).values())
    held = [value for value in inner if type(value).__module__.startswith("keras_fool")]
    for value in inner:
        held += value if isinstance(value, list) else []
    return [thing, *(part for value in held for part in _all_attributes(value, depth - 1))]


class TestToken:
    @PROTOCOLS
    def test_is_sent_and_said_nowhere(self, serve, connect, protocol, monkeypatch, capfd):
        monkeypatch.setenv(transport.TOKEN_VARIABLE, TOKEN)
        endpoint = serve(protocol)
        scorer = connect(endpoint.url, patience=0.5)
        scorer.score(images(3))
        assert endpoint.model.authorizations == [f"Bearer {TOKEN}"] * 2

        endpoint.model.script = [("UNAVAILABLE", f"bad token {TOKEN}")] * 1000
        with pytest.raises(endpoint_errors.EndpointError, match=r"bad token \*\*\*") as error:
            scorer.score(images(3))
        said = [str(error.value), *scorer.notes, *capfd.readouterr(), json.dumps(scorer.identity)]
        said += [repr(thing) for thing in _all_attributes(scorer)]
        assert not [text for text in said if TOKEN in text]

    @pytest.mark.parametrize("scheme", ["grpc", "http"])
    def test_does_not_cross_a_network_unencrypted(self, monkeypatch, scheme):
        monkeypatch.setenv(transport.TOKEN_VARIABLE, TOKEN)
        path = "v1/models/m" if scheme == "http" else "m"
        endpoint = endpoints.parse(f"{scheme}://127.0.0.1:80,example.org:80/{path}")
        with pytest.raises(ValueError, match=f"not encrypted: use {scheme}s://, or unset it"):
            endpoint_scorer.EndpointScorer(endpoint)

    def test_with_a_line_break_is_refused_unsaid(self, monkeypatch):
        monkeypatch.setenv(transport.TOKEN_VARIABLE, f"{TOKEN}\nX: y")
        with pytest.raises(ValueError, match="holds a character that no token has") as error:
            endpoint_scorer.EndpointScorer(endpoints.parse("grpc://127.0.0.1:80/m"))
        assert TOKEN not in str(error.value)

    def test_is_not_what_netrc_says(self, serve, connect, monkeypatch, tmp_path):
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login somebody password else\n")
        monkeypatch.setenv("NETRC", str(netrc))
        endpoint = serve("http")
        connect(endpoint.url)
        assert endpoint.model.authorizations == [None]

    @PROTOCOLS
    def test_goes_through_tls(self, serve, connect, protocol, monkeypatch, tmp_path):
        key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
                *("-keyout", key, "-out", certificate),
            ],
            check=True,
            capture_output=True,
        )
        endpoint = serve(f"{protocol}s", certificate=(key, certificate))
        if protocol == "http":  # gRPC reads its roots once in a process
            with pytest.raises(endpoint_errors.EndpointError, match="TLS failed"):
                connect(endpoint.url, patience=0.2)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate)
        monkeypatch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", certificate)
        monkeypatch.setenv(transport.TOKEN_VARIABLE, TOKEN)

        scorer = connect(endpoint.url)

        np.testing.assert_array_equal(scorer.score(images(9)), scripted.confidences(images(9)))
        assert endpoint.model.authorizations == [f"Bearer {TOKEN}"] * 2


def test_the_environment_is_left_alone():
    assert transport.TOKEN_VARIABLE not in os.environ
