"""A small data set for fast trainings: real digits at 16x16."""

import functools

import numpy as np
from sklearn.datasets import load_digits

from trainers import datasets


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
