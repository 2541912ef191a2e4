"""Writes a folder whole or not at all: under another name, which is then changed."""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator

import tensorflow as tf


@contextlib.contextmanager
def written(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Gives a folder to write into, which gets its name at the end if nothing was raised.

    Args:
        folder: Its final name, which must not exist; its parents are created.

    Raises:
        FileExistsError: `folder` is there already.
        OSError: It could not be written.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} is there already and was not changed.")
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # left by a process that was killed
    part.mkdir(parents=True)
    try:
        yield part
        _sync(part)
        part.rename(folder)
        _sync_one(folder.parent)
    except BaseException as error:
        shutil.rmtree(part, ignore_errors=True)
        if isinstance(error, tf.errors.OpError):  # TensorFlow's error for a full disk
            raise OSError(f"{folder} cannot be written: {error.message}") from error
        raise


def _sync(folder: pathlib.Path) -> None:
    """Makes all files and names in a folder durable, before the folder is renamed."""
    for path in folder.rglob("*"):
        _sync_one(path)
    _sync_one(folder)


def _sync_one(path: pathlib.Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
