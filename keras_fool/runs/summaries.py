"""What TensorBoard shows of a run: curves, montages of images, the settings, the surest champions.

Events go through TensorFlow's record writer, which buffers them; tags follow
`tf.summary`, whose graph-building calls would cost more than a generation's selection.
"""

import contextlib
import functools
import io
import os
import pathlib
import socket
import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.plugins.hparams import summary_v2 as hparams
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar import metadata as scalar_metadata
from tensorboard.plugins.text import summary_v2 as text_summary
from tensorboard.util import tensor_util

from keras_fool.runs import jobs, summary_tags, workdir
from keras_fool.sheets import captions, montages

_MOST_ROWS = 40
# Of champions.csv, those that are shown.
_COLUMNS = ("run", "label_name", "confidence", "top1_name", "generation", "step", "file")


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
        """Writes the settings: as a table, and as hparams.

        Args:
            settings: What shapes the result, nested or not.
            classifier: The name of what is fooled, where something is.
        """
        rows = [("classifier", classifier)] if classifier else []
        rows += workdir.flat(settings)
        self._text(0, summary_tags.SETTINGS, summary_tags.table(("setting", "value"), rows))
        # TensorBoard compares runs by these; hashes are of no use there.
        compared = {
            name: value if isinstance(value, bool | int | float) else _printable(value)
            for name, value in rows
            if value is not None and not name.endswith("sha256")
        }
        self._write(event_pb2.Event(summary=hparams.hparams_pb(compared)), 0)

    def values(self, step: int, values: Mapping[str, float]) -> None:
        """Writes figures by their tags."""
        summary = summary_pb2.Summary()
        for tag, value in values.items():
            summary.value.add(tag=tag, simple_value=float(value), metadata=_scalar_metadata(tag))
        self._write(event_pb2.Event(summary=summary), step)

    def images(self, step: int, images: jobs.Images) -> None:
        """Writes a montage of images."""
        sheet = montages.montage(images.rows, images.names)
        png = io.BytesIO()
        sheet.save(png, "PNG")
        tensor = [str(sheet.width).encode(), str(sheet.height).encode(), png.getvalue()]
        summary = summary_pb2.Summary()
        summary.value.add(
            tag=summary_tags.CHAMPIONS,
            metadata=image_metadata.create_summary_metadata(
                None, summary_tags.description(summary_tags.CHAMPIONS)
            ),
            tensor=tensor_util.make_tensor_proto(tensor, dtype=np.object_),
        )
        self._write(event_pb2.Event(summary=summary), step)

    def finish(self, step: int, champions: Sequence[Mapping[str, object]]) -> None:
        """Writes that the run is complete, and a table of its surest images.

        Args:
            step: The last one.
            champions: The rows of champions.csv; may be none.
        """
        confidences = [float(str(row["confidence"])) for row in champions if "confidence" in row]
        order = sorted(range(len(confidences)), key=lambda place: -confidences[place])
        if order:
            columns = [name for name in _COLUMNS if name in champions[0]]
            rows = [
                [*map(champions[place].get, columns), captions.doubt(confidences[place])]
                for place in order[:_MOST_ROWS]
            ]
            table = summary_tags.table((*columns, "doubt"), rows)
            self._text(step, summary_tags.TABLE, table)
        end = plugin_data_pb2.SessionEndInfo(
            status=api_pb2.STATUS_SUCCESS, end_time_secs=time.time()
        )
        summary = summary_pb2.Summary()
        summary.value.add(
            tag=hparams_metadata.SESSION_END_INFO_TAG,
            metadata=hparams_metadata.create_summary_metadata(
                plugin_data_pb2.HParamsPluginData(session_end_info=end)
            ),
            tensor=hparams_metadata.NULL_TENSOR,
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

    def _text(self, step: int, tag: str, text: str) -> None:
        summary = text_summary.text_pb(tag, _printable(text), summary_tags.description(tag))
        self._write(event_pb2.Event(summary=summary), step)

    def _write(self, event: event_pb2.Event, step: int) -> None:
        event.wall_time = time.time()
        event.step = step
        with _as_os_error():
            self._writer.write(event.SerializeToString())


@functools.cache
def _scalar_metadata(tag: str) -> summary_pb2.SummaryMetadata:
    return scalar_metadata.create_summary_metadata("", summary_tags.description(tag))


def _printable(value: object) -> str:
    """A text; a file's name may hold bytes that are not characters in this locale."""
    return str(value).encode("utf-8", "backslashreplace").decode()


@contextlib.contextmanager
def _as_os_error() -> Iterator[None]:
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(f"TensorBoard's events cannot be written: {error.message}") from error
