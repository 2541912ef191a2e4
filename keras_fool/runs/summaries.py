"""What TensorBoard shows of a run: curves, montages of images, the settings.

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

from keras_fool.runs import workdir
from keras_fool.sheets import contact_sheets


class Summaries:
    """One TensorBoard event file of a run; a run that goes on begins another one."""

    def __init__(self, folder: pathlib.Path, first: int):
        """Creates the file.

        Args:
            folder: The run folder.
            first: The first step that will be written. What an earlier file holds from there
                on was never part of the run, and TensorBoard drops it.
        """
        name = f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}.{os.getpid()}"
        with _as_os_error():
            # TensorFlow takes every name for UTF-8, also where the locale is another one.
            self._writer = tf.io.TFRecordWriter(os.fsencode(folder / name))
        self._write(event_pb2.Event(file_version="brain.Event:2"), 0)
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._write(event_pb2.Event(session_log=start), first)

    def settings(self, settings: Mapping[str, object], classifier: object = None) -> None:
        """Writes the settings as a table.

        Args:
            settings: What shapes the result, nested or not.
            classifier: The name of what is fooled, where something is.
        """
        rows = [("classifier", classifier)] if classifier else []
        lines = [f"| {name} | {value} |" for name, value in [*rows, *workdir.flat(settings)]]
        text = "\n".join(["| setting | value |", "|---|---|", *lines])
        # A file's name may hold bytes that are not characters in this locale.
        printable = text.encode("utf-8", "backslashreplace").decode()
        summary = text_summary.text_pb("settings", printable)
        self._write(event_pb2.Event(summary=summary), 0)

    def values(self, step: int, values: Mapping[str, float]) -> None:
        """Writes figures by their tags."""
        summary = summary_pb2.Summary()
        for tag, value in values.items():
            summary.value.add(tag=tag, simple_value=float(value))
        self._write(event_pb2.Event(summary=summary), step)

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
