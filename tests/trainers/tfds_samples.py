"""Small data sets of TensorFlow Datasets; who imports this registers them."""

import numpy as np
import tensorflow_datasets as tfds


def picture(split: int, number: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng((split, number)).integers(0, 256, shape, np.uint8)


class _Tiny(tfds.core.GeneratorBasedBuilder):
    """Twelve training and eight test images of 6 x 4 pixels."""

    VERSION = tfds.core.Version("1.0.0")
    SHAPE: tuple = (6, 4, 3)
    SIZES = ((6, 4, 3),)
    SPLITS = ("train", "test")
    KEYS: tuple | None = ("image", "label")
    pkg_dir_path = None

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=self.SHAPE),
            "label": tfds.features.ClassLabel(names=["cat", "dog", "eel"]),
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features), supervised_keys=self.KEYS
        )

    def _split_generators(self, dl_manager):  # noqa: ARG002
        return {name: self._examples(place) for place, name in enumerate(self.SPLITS)}

    def _generate_examples(self):
        raise NotImplementedError

    def _examples(self, place: int):
        for number in range((12, 8)[place]):
            size = self.SIZES[number % len(self.SIZES)]
            yield number, {"image": picture(place, number, size), "label": number % 3}


class DoorFixed(_Tiny):
    """All of one size."""


class DoorSizes(_Tiny):
    """Of two sizes, and without a split for testing."""

    SHAPE = (None, None, 3)
    SIZES = ((6, 4, 3), (5, 9, 3))
    SPLITS = ("train",)


class DoorGrey(_Tiny):
    """Squares of grey, with a split for validation."""

    SHAPE = (6, 6, 1)
    SIZES = ((6, 6, 1),)
    SPLITS = ("train", "validation")


class DoorUnlabelled(_Tiny):
    """Without a label that is to be learned."""

    KEYS = None


class DoorDigits(_Tiny):
    """Squares of grey, as large as those of MNIST."""

    SHAPE = (28, 28, 1)
    SIZES = ((28, 28, 1),)


KINDS = (DoorFixed, DoorSizes, DoorGrey, DoorUnlabelled)
