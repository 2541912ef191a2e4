"""What must be the same on all machines, so that they make the same bytes."""

import functools
import hashlib
import pathlib
from collections.abc import Mapping

import keras_fool
from keras_fool.models import kernel_threads
from keras_fool.runs import environment, workdir

_PACKAGES = ("keras_fool", "evolvers", "trainers")
_SOURCES = "sources of keras_fool"
_SHOWN = 12  # characters of a digest


@functools.cache
def here() -> Mapping[str, str]:
    """Versions, settings that change last bits, and a digest of keras_fool's own files, by name.

    Without the number of TensorFlow's threads: a worker is given the command's. TensorFlow is
    loaded.
    """
    settings = environment.recorded()
    settings.pop(kernel_threads.VARIABLE, None)
    versions = {**workdir.versions(), "keras_fool": keras_fool.__version__}
    return {**versions, **settings, _SOURCES: _digest()}


def difference(there: Mapping[str, str], place: str) -> str | None:
    """Says in which way another machine differs; None where it does not.

    Args:
        there: What `here` gives on it.
        place: What it is called.
    """
    own = here()
    for name in [*own, *there]:
        if own.get(name) != there.get(name):
            return (
                f"the worker on {place} has {name} {there.get(name, 'unset')}, and this command "
                f"has {own.get(name, 'unset')}, which may change results: install and set the "
                "same everywhere."
            )
    return None


def _digest() -> str:
    root = pathlib.Path(keras_fool.__file__).resolve().parent.parent
    found = hashlib.sha256()
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.suffix in (".py", ".cfg"):
                found.update(f"{path.relative_to(root).as_posix()}\n".encode())
                found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:_SHOWN]
