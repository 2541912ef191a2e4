"""What TensorBoard shows of a run: curves, montages of the champions, the settings.

Events go through TensorFlow's record writer, which buffers them; tags follow
`tf.summary`, whose graph-building calls would cost more than a generation's selection.
"""

import contextlib
import io
import os
import pathlib
import socket
import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf
from PIL import Image
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.text import summary_v2 as text_summary
from tensorboard.util import tensor_util

from evolvers import archive, map_elites
from keras_fool.sheets import contact_sheets

_THRESHOLDS = (0.9, 0.99, 0.9999)


class Summaries:
    """One TensorBoard event file of a run; a run that goes on begins another one."""

    def __init__(self, folder: pathlib.Path, first_generation: int):
        """Creates the file.

        Args:
            folder: The run folder.
            first_generation: The first one that will be written. What an earlier file
                holds from there on was never part of the run, and TensorBoard drops it.
        """
        name = f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}.{os.getpid()}"
        with _as_os_error():
            # TensorFlow takes every name for UTF-8, also where the locale is another one.
            self._writer = tf.io.TFRecordWriter(os.fsencode(folder / name))
        self._write(event_pb2.Event(file_version="brain.Event:2"), 0)
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._write(event_pb2.Event(session_log=start), first_generation)

    def settings(self, text: str) -> None:
        """Writes the settings, as Markdown."""
        # A file's name may hold bytes that are no letters of this locale.
        printable = text.encode("utf-8", "backslashreplace").decode()
        summary = text_summary.text_pb("settings", printable)
        self._write(event_pb2.Event(summary=summary), 0)

    def scalars(
        self, generation: map_elites.Generation, confidences: np.ndarray, rate: float
    ) -> None:
        """Writes a generation's figures, pooled over all runs.

        Args:
            generation: What happened.
            confidences: [runs, niches] of the elites after it.
            rate: Images per second.
        """
        values = {
            "confidence/median": np.median(confidences),
            "confidence/mean": confidences.mean(dtype=np.float64),
            "confidence/max": confidences.max(),
            "confidence/min": confidences.min(),
            **{
                f"niches/share_at_least_{threshold:g}": np.mean(
                    confidences >= np.float32(threshold)
                )
                for threshold in _THRESHOLDS
            },
            "takeovers": generation.takeovers.sum(),
            "images_per_second": rate,
        }
        self.values(generation.number, values)

    def values(self, step: int, values: Mapping[str, float]) -> None:
        """Writes figures by their tags."""
        summary = summary_pb2.Summary()
        for tag, value in values.items():
            summary.value.add(tag=tag, simple_value=float(value))
        self._write(event_pb2.Event(summary=summary), step)

    def montage(self, generation: int, elites: Sequence[Sequence[archive.Elite]]) -> None:
        """Writes the champions' images, a row per run.

        Args:
            generation: The step.
            elites: [runs][niches].
        """
        self.images(generation, [[elite.image for elite in champions] for champions in elites])

    def images(self, step: int, images: Sequence[Sequence[np.ndarray]]) -> None:
        """Writes a montage of images, uint8 [height, width, channels], in rows."""
        pixels = contact_sheets.montage(images)
        png = io.BytesIO()
        Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(png, "PNG")
        height, width = pixels.shape[:2]
        tensor = [str(width).encode(), str(height).encode(), png.getvalue()]
        summary = summary_pb2.Summary()
        summary.value.add(
            tag="champions",
            metadata=image_metadata.create_summary_metadata(None, None),
            tensor=tensor_util.make_tensor_proto(tensor, dtype=np.object_),
        )
        self._write(event_pb2.Event(summary=summary), step)

    def flush(self) -> None:
        """Lets TensorBoard see everything so far."""
        with _as_os_error():
            self._writer.flush()

    def close(self) -> None:
        """Writes what is buffered and closes the file."""
        with _as_os_error():
            self._writer.close()

    def _write(self, event: event_pb2.Event, step: int) -> None:
        event.wall_time = time.time()
        event.step = step
        with _as_os_error():
            self._writer.write(event.SerializeToString())


@contextlib.contextmanager
def _as_os_error() -> Iterator[None]:
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(f"TensorBoard's events cannot be written: {error.message}") from error
