"""An audit to be altered."""

import pathlib
import shutil

import pytest


@pytest.fixture
def altered(whole, tmp_path) -> pathlib.Path:
    """A copy of `whole`, to be altered."""
    return pathlib.Path(shutil.copytree(whole, tmp_path / "altered"))
