"""The server that the cases are asked of, and a real one where there is one."""

import os

import pytest

from tests.keras_fool.serving.server.conformance.asking import Endpoint


@pytest.fixture(scope="package")
def local(serve, zoo) -> Endpoint:
    server = serve(zoo, "--version_labels=first:1,missing:9")
    return Endpoint(server.grpc, server.rest)


HAS_REAL_ONE = {"TFSERVING_GRPC", "TFSERVING_REST"} <= os.environ.keys()


@pytest.fixture(params=["local", "TF Serving"] if HAS_REAL_ONE else ["local"])
def endpoint(request) -> Endpoint:
    if request.param == "local":
        return request.getfixturevalue("local")
    return Endpoint(os.environ["TFSERVING_GRPC"], os.environ["TFSERVING_REST"].rstrip("/"))
