"""A folder that is there whole or not at all: written beside its place, then renamed."""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator

import tensorflow as tf


@contextlib.contextmanager
def written(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Gives the folder to write into; it takes its place at the end, if nothing is raised.

    Args:
        folder: Must not exist; its parents are made.

    Raises:
        FileExistsError: `folder` is there already.
        OSError: It could not be written.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} is there already and was not changed.")
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # what a killed process left
    part.mkdir(parents=True)
    try:
        yield part
        _sync(part)
        part.rename(folder)
        _sync_one(folder.parent)
    except BaseException as error:
        shutil.rmtree(part, ignore_errors=True)
        if isinstance(error, tf.errors.OpError):  # how TensorFlow says that a disk is full
            raise OSError(f"{folder} cannot be written: {error.message}") from error
        raise


def _sync(folder: pathlib.Path) -> None:
    """Makes all files and names in a folder durable, before its own name is."""
    for path in folder.rglob("*"):
        _sync_one(path)
    _sync_one(folder)


def _sync_one(path: pathlib.Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
