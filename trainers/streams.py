"""Data sets that do not fit into memory: pictures are read and cut during the training.

Pictures are decoded and warped in parallel, before the training needs them (tf.data). Which
pictures a step sees, and how they are cut, depends only on the seed and the step.
"""

import dataclasses
import hashlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from trainers import sample_order
from trainers.pictures import JoinedPictures, KnownPictures, Pictures, UnreadableError

_BATCHES_AHEAD = 3


@dataclasses.dataclass(frozen=True, eq=False)
class Stream:
    """Pictures for training and for testing: squares of one size, from which images are cut.

    Attributes:
        name: Its name in cards and messages.
        labels: The names of the labels, in order.
        train: The training pictures; there may be none.
        test: The test pictures.
        image_size: The side of the pictures.
        crop_size: The side of the images. For training they are cut out at random positions and
            half of them are mirrored; for testing they are the middle. None: the images are
            the pictures.
        content_digest: Differs between different pictures.
        channels: 3 for RGB pictures, 1 for luminance.
        unreadable: The pictures that could not be read so far and were left out: name ->
            reason.
    """

    name: str
    labels: tuple[str, ...]
    train: Pictures
    test: Pictures
    image_size: int
    crop_size: int | None
    content_digest: str
    channels: int = 3
    unreadable: dict[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if self.crop_size is not None and not 1 <= self.crop_size <= self.image_size:
            raise ValueError(
                f"crop_size must be 1..{self.image_size}, the size of the pictures, "
                f"got {self.crop_size}."
            )
        if len(self.labels) < 2:
            raise ValueError(
                f"{self.name} must have at least two labels, got {', '.join(self.labels)}."
            )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of every image."""
        side = self.image_size if self.crop_size is None else self.crop_size
        return side, side, self.channels

    @property
    def mean_image(self) -> None:
        """Not known: the pictures are not in memory."""
        return None

    @property
    def num_train(self) -> int:
        """How many training pictures there are, including those that cannot be read."""
        return len(self.train)

    @property
    def num_test(self) -> int:
        """How many test pictures there are, including those that cannot be read."""
        return len(self.test)

    @property
    def digest(self) -> str:
        """Differs between data sets whose pictures, labels, order or cuts differ."""
        parts = [self.content_digest, self.image_size, self.crop_size, *self.labels]
        parts += ["grey"] if self.channels == 1 else []
        return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:32]

    def test_name(self, number: int) -> str:
        """The name of a test picture in lists and messages: its file, if it is one."""
        return self.test.name(number)

    def train_feed(self, seed: int, batch: int, columns: slice) -> "Feed":
        """The images of every step, of a part of the batch.

        Args:
            seed: Seed of the order and of the cuts.
            batch: How many images a step has, over all devices and processes.
            columns: The wanted part of the batch.

        Raises:
            ValueError: There are no training pictures.
        """
        if not self.num_train:
            raise ValueError(f"{self.name} has no training images.")
        return Feed(self, seed, batch, columns)

    def test_batches(
        self, batch: int, part: int = 0, parts: int = 1
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The test images in order, without those that cannot be read.

        Args:
            batch: How many images a batch has at most.
            part: Which batches are wanted: this one and every `parts`-th after it.
            parts: Into how many parts the batches are divided.

        Yields:
            uint8 [number, height, width, channels] and int64 [number].
        """
        starts = range(part * batch, self.num_test, parts * batch)
        numbers = [np.arange(start, min(start + batch, self.num_test)) for start in starts]
        if not numbers:
            return
        middle = (self.image_size - self.image_shape[0]) // 2

        def read(number: np.ndarray) -> tuple[np.ndarray, np.int64, np.bool]:
            try:
                picture, label = self.test.read(int(number))
            except UnreadableError as error:
                self.unreadable[self.test.name(int(number))] = str(error)
                return np.zeros(self.image_shape, np.uint8), np.int64(0), np.False_
            return self._cut(picture, middle, middle), np.int64(label), np.True_

        def shaped(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            image, label, is_whole = tf.numpy_function(
                read, [number], [tf.uint8, tf.int64, tf.bool]
            )
            return (
                tf.ensure_shape(image, self.image_shape),
                tf.ensure_shape(label, []),
                tf.ensure_shape(is_whole, []),
            )

        found = tf.data.Dataset.from_tensor_slices(np.concatenate(numbers))
        found = found.map(shaped, tf.data.AUTOTUNE, deterministic=True).batch(batch)
        for images, labels, is_whole in found.prefetch(_BATCHES_AHEAD).as_numpy_iterator():
            yield images[is_whole], labels[is_whole]

    @property
    def picture_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of its pictures before images are cut out of them."""
        return (self.image_size, self.image_size, self.channels)

    def with_label(
        self, name: str, label: str, train_images: np.ndarray, test_images: np.ndarray
    ) -> "Stream":
        """The data set with one more label, whose pictures come after the others.

        Args:
            name: The name of the new data set.
            label: The name of the added label.
            train_images: uint8 [number, image_size, image_size, channels], not copied.
            test_images: Likewise.
        """
        added = [KnownPictures(images, len(self.labels)) for images in (train_images, test_images)]
        parts = [self.content_digest, *(pictures.digest() for pictures in added)]
        return dataclasses.replace(
            self,
            name=name,
            labels=(*self.labels, label),
            train=JoinedPictures([self.train, added[0]]),
            test=JoinedPictures([self.test, added[1]]),
            content_digest=hashlib.sha256("\n".join(parts).encode()).hexdigest(),
        )

    def _cut(self, picture: np.ndarray, top: int, left: int) -> np.ndarray:
        height, width, _ = self.image_shape
        return picture[top : top + height, left : left + width]


class Feed:
    """The images of a training's steps, prepared in advance in the background."""

    def __init__(self, stream: Stream, seed: int, batch: int, columns: slice):
        """Reads nothing yet.

        Args:
            stream: The data set.
            seed: Seed of the order and of the cuts.
            batch: How many images a step has, over all devices and processes.
            columns: The wanted part of the batch.
        """
        self._stream = stream
        self._seed = seed
        self._batch = batch
        self._columns = columns
        self._batches: Iterator[tuple[np.ndarray, np.ndarray]] = iter(())
        self._next_step: int | None = None
        self._failure: str | None = None

    def read(self, step: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The images and labels of some steps; fast if every call continues where the last ended.

        A picture that cannot be read is replaced by the one with the next number.

        Args:
            step: The first step.
            count: How many steps.

        Returns:
            uint8 [count, part of the batch, height, width, channels] and int64 [count, part].

        Raises:
            ValueError: No training picture at all can be read.
        """
        if step != self._next_step:
            self._batches = self._dataset(step).as_numpy_iterator()
        try:
            found = [next(self._batches) for _ in range(count)]
        except tf.errors.OpError as error:
            if self._failure is None:
                raise
            raise ValueError(self._failure) from error
        self._next_step = step + count
        images, labels = zip(*found, strict=True)
        return np.stack(images), np.stack(labels)

    def _dataset(self, step: int) -> tf.data.Dataset:
        share = len(range(self._batch)[self._columns])
        number = tf.TensorSpec([share], tf.int64)
        samples = tf.data.Dataset.from_generator(
            lambda: self._samples(step),
            output_signature=(number, number, number, tf.TensorSpec([share], tf.bool)),
        )

        def shaped(*sample: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            image, label = tf.numpy_function(self._read, sample, [tf.uint8, tf.int64])
            return tf.ensure_shape(image, self._stream.image_shape), tf.ensure_shape(label, [])

        images = samples.unbatch().map(shaped, tf.data.AUTOTUNE, deterministic=True)
        return images.batch(share).prefetch(_BATCHES_AHEAD)

    def _samples(self, step: int) -> Iterator[tuple[np.ndarray, ...]]:
        """The numbers and cuts of every step, from this one on."""
        stream, batch = self._stream, self._batch
        slack = stream.image_size - stream.image_shape[0]
        while True:
            numbers = sample_order.sample_numbers(self._seed, stream.num_train, step * batch, batch)
            cuts = sample_order.random_cuts(self._seed, step, batch, slack)
            sample = (numbers, cuts.tops, cuts.lefts, cuts.mirrored)
            yield tuple(values[self._columns] for values in sample)
            step += 1

    def _read(
        self, number: np.ndarray, top: np.ndarray, left: np.ndarray, mirrored: np.ndarray
    ) -> tuple[np.ndarray, np.int64]:
        stream = self._stream
        for candidate in range(int(number), int(number) + stream.num_train):
            candidate %= stream.num_train
            try:
                picture, label = stream.train.read(candidate)
            except UnreadableError as error:
                stream.unreadable[stream.train.name(candidate)] = str(error)
                continue
            if stream.crop_size is not None:
                picture = stream._cut(picture, int(top), int(left))
                if mirrored:
                    picture = picture[:, ::-1]
            return np.ascontiguousarray(picture), np.int64(label)
        name, reason = next(iter(stream.unreadable.items()))
        self._failure = (
            f"none of the {stream.num_train} training pictures of {stream.name} can be read; "
            f"{name}: {reason}."
        )
        raise ValueError(self._failure)
