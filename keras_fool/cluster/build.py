"""What must be the same on all machines, so that they make the same bytes."""

import functools
import hashlib
import os
import pathlib
from collections.abc import Mapping

import keras_fool
from keras_fool.runs import environment, workdir

_PACKAGES = ("keras_fool", "evolvers", "trainers")
_SOURCES = "sources of keras_fool"
_MAX_THREADS = 2
_SHOWN = 12  # characters of a digest


@functools.cache
def here() -> Mapping[str, str]:
    """Versions, settings that change last bits, and a digest of keras_fool's own files, by name.

    TensorFlow is loaded.
    """
    versions = {**workdir.versions(), "keras_fool": keras_fool.__version__}
    return {**versions, **environment.recorded(), _SOURCES: _digest()}


def threads_here() -> int:
    """How many threads TensorFlow computes with in this process.

    They decide how its CPU kernels split a sum, and so its last bits.
    """
    import tensorflow as tf

    return tf.config.threading.get_intra_op_parallelism_threads() or len(os.sched_getaffinity(0))


def threads() -> int:
    """How many threads TensorFlow computes with in a worker, whatever cores it has.

    As many as here, so that it gives the same bits, but at most two: from four on, the bits of an
    image depend on how many others are in its batch, and so on how runs are shared out.
    """
    return min(_MAX_THREADS, threads_here())


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
