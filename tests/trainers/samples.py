"""Small data sets for fast trainings: real digits at 16x16, files of pictures."""

import functools
import io
import json
import os
import pathlib
import socket

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from trainers import datasets, shapes


@functools.cache
def small_digits(num_train: int = 640, num_test: int = 100) -> datasets.Dataset:
    digits = load_digits()
    images = datasets.enlarge(digits.images.astype(np.int64), 16, peak=16)
    labels = digits.target.astype(np.int64)
    return datasets.Dataset(
        "small_digits",
        tuple("0123456789"),
        images[:num_train],
        labels[:num_train],
        images[-num_test:],
        labels[-num_test:],
    )


def encoded(image: np.ndarray, kind: str) -> bytes:
    """A picture's file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind)
    return file.getvalue()


def picture_folder(path: pathlib.Path, num_train: int = 12, num_test: int = 6) -> pathlib.Path:
    """Drawn shapes as files of two labels: JPEG and PNG, of many sizes."""
    rng = np.random.default_rng(1)
    for split, count in (("train", num_train), ("test", num_test)):
        for number in range(count):
            label = ("circle", "cross")[number % 2]
            place = 10 * number + shapes.LABELS.index(label)
            image = shapes.draw(len(split), np.array([place]), 48)[0]
            image = image[: rng.integers(30, 48), : rng.integers(30, 48)]
            folder = path / split / label
            folder.mkdir(parents=True, exist_ok=True)
            kind, suffix = (("PNG", "png"), ("JPEG", "JPG"))[number % 3 > 0]
            (folder / f"{number:03d}.{suffix}").write_bytes(encoded(image, kind))
    return path


def worker_environments(count: int) -> list[dict[str, str]]:
    """The environments of processes on this machine that train together."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return [
        {
            **os.environ,
            "TF_CONFIG": json.dumps(
                {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            ),
        }
        for index in range(count)
    ]
