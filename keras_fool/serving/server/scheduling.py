"""Runs of a model: a limited number at a time and, if wanted, batched over requests.

The memory that a model takes while it runs grows with the number of rows, and can grow a hundred
times as fast as the rows themselves. So a large request runs in pieces, as long as that changes
nothing but rounding. A model in which a row's outputs depend on other rows is recognised, and its
requests run whole.
"""

import itertools
import threading
from collections.abc import Callable, Hashable, Mapping
from concurrent import futures

import numpy as np

from keras_fool.models import batch_shapes
from keras_fool.serving.server import status

Arrays = Mapping[str, np.ndarray]

_PIECE_ROWS, _PIECE_BYTES = 2**10, 2**23  # of a large request, at most
_MIN_PIECE = 2 * batch_shapes.UNIT
_TINY_BYTES = 2**20  # rows of few bytes: a piece may have more of them, up to this size
# Requests of up to so many pieces run whole: their memory is bounded, and pieces cost a check.
_WHOLE = 2
# How far rows may differ between batches, relative to the largest value: kernels may round
# differently.
_TOLERANCE, _HALF_TOLERANCE = 1e-5, 1e-2


class Scheduler:
    """Runs each request by itself, a limited number at a time; large ones in pieces."""

    def __init__(self, max_at_a_time: int, on_run: Callable[[int], None] = lambda _: None):
        """Sets the limit.

        Args:
            max_at_a_time: How many run at a time; more would only share the same processors and
                take more memory.
            on_run: Told the batch size of every run.
        """
        self._slots = threading.BoundedSemaphore(max_at_a_time)
        self._on_run = on_run
        self._indivisible: set[Hashable] = set()

    def run(
        self,
        key: Hashable,
        call: Callable[[Arrays], Arrays],
        inputs: Arrays,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Arrays:
        """The outputs of `call(inputs)`, when it is its turn.

        Args:
            key: Model version and signature.
            call: Runs the model on arrays by alias.
            inputs: One request's.
            wanted: Asked before each piece whether the client still waits for the outputs.

        Raises:
            ServingError: CANCELLED, the client does not; and what `call` raises.
        """
        pieces = _pieces(inputs)
        if len(pieces) > 1 and key not in self._indivisible:
            outputs = self._in_pieces(call, inputs, pieces, wanted)
            if outputs is not None:
                return outputs
            self._indivisible.add(key)
        return self._one(call, inputs, wanted)

    def _one(
        self, call: Callable[[Arrays], Arrays], inputs: Arrays, wanted: Callable[[], bool]
    ) -> Arrays:
        with self._slots:
            if not wanted():
                raise status.ServingError(status.grpc.StatusCode.CANCELLED, "nobody waits for it")
            return self._counted(call, inputs)

    def _in_pieces(
        self,
        call: Callable[[Arrays], Arrays],
        inputs: Arrays,
        pieces: list[tuple[int, int]],
        wanted: Callable[[], bool],
    ) -> Arrays | None:
        """The outputs, or None where those of a row depend on its batch.

        To find out, some rows of every piece run once more, in a batch of another size, and
        must give the same outputs but for rounding.
        """
        parts = []
        for begin, end in pieces:
            part = self._one(call, {a: array[begin:end] for a, array in inputs.items()}, wanted)
            if any(array.ndim == 0 or len(array) != end - begin for array in part.values()):
                return None
            parts.append(part)
        outputs = {alias: np.concatenate([part[alias] for part in parts]) for alias in parts[0]}
        first = pieces[0][1]
        some = np.linspace(0, pieces[-1][1] - 1, _in_units(first + first // 2)).astype(np.int64)
        again = self._one(call, {a: array[some] for a, array in inputs.items()}, wanted)
        same = all(
            again[alias].shape == (len(some), *array.shape[1:]) and _same(again[alias], array[some])
            for alias, array in outputs.items()
        )
        return outputs if same else None

    def _counted(self, call: Callable[[Arrays], Arrays], inputs: Arrays) -> Arrays:
        first = next(iter(inputs.values()), None)
        self._on_run(len(first) if first is not None and first.ndim else 1)
        return call(inputs)


class _Batch:
    def __init__(self) -> None:
        self.requests: list[tuple[Arrays, int, futures.Future[Arrays]]] = []
        self.size = 0
        self.full = threading.Event()


class BatchScheduler(Scheduler):
    """Joins requests that wait at the same time into one run, as TF Serving's batching does.

    The first request of a batch leads it: it waits until the batch is full or
    `timeout` is over and a run may begin, runs it in its own thread, and hands the
    others their rows.
    """

    def __init__(
        self,
        max_at_a_time: int,
        on_run: Callable[[int], None] = lambda _: None,
        *,
        max_batch_size: int,
        timeout: float,
        max_enqueued_batches: int,
    ):
        """Sets the limits.

        Args:
            max_at_a_time: As in `Scheduler`.
            on_run: Told the batch size of every run.
            max_batch_size: How many rows a run, and a request, may have.
            timeout: How long a batch waits for more rows, in seconds.
            max_enqueued_batches: How many batches may wait.
        """
        super().__init__(max_at_a_time, on_run)
        self._max_batch_size = max_batch_size
        self._timeout = timeout
        self._max_enqueued_batches = max_enqueued_batches
        self._lock = threading.Lock()
        self._open: dict[Hashable, _Batch] = {}
        self._enqueued = 0

    def run(
        self,
        key: Hashable,
        call: Callable[[Arrays], Arrays],
        inputs: Arrays,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Arrays:
        """The rows of `call` for `inputs`, which may run together with other requests'.

        Args:
            key: Model version and signature; dtypes and the shapes of rows are added.
            call: Runs the model on arrays by alias.
            inputs: One request's, all with the same number of rows.
            wanted: Not asked: other clients wait for the same run.

        Raises:
            ServingError: INVALID_ARGUMENT, the inputs have no rows, different numbers of rows, or
                more rows than a batch holds; UNAVAILABLE, too many batches wait;
                FAILED_PRECONDITION, the model does not return one row per row; and what `call`
                raises.
        """
        del wanted
        size = _rows(inputs)
        if size > self._max_batch_size:
            raise status.invalid(
                f"Task size {size} is larger than maximum input batch size {self._max_batch_size}"
            )
        rows = tuple((alias, a.dtype.str, a.shape[1:]) for alias, a in sorted(inputs.items()))
        future: futures.Future[Arrays] = futures.Future()
        batch, leads = self._join((key, rows), inputs, size, future)
        if leads:
            self._lead((key, rows), batch, call)
        return future.result()

    def _join(
        self, key: Hashable, inputs: Arrays, size: int, future: futures.Future[Arrays]
    ) -> tuple[_Batch, bool]:
        with self._lock:
            waiting = self._open.get(key)
            leads = waiting is None or waiting.size + size > self._max_batch_size
            if waiting is None or leads:
                if self._enqueued >= self._max_enqueued_batches:
                    raise status.ServingError(
                        status.grpc.StatusCode.UNAVAILABLE,
                        "The batch scheduling queue to which this task was submitted is full; "
                        f"{self._enqueued} batches wait",
                    )
                if waiting is not None:
                    waiting.full.set()
                batch = self._open[key] = _Batch()
                self._enqueued += 1
            else:
                batch = waiting
            batch.requests.append((inputs, size, future))
            batch.size += size
            if batch.size == self._max_batch_size:
                batch.full.set()
        return batch, leads

    def _lead(self, key: Hashable, batch: _Batch, call: Callable[[Arrays], Arrays]) -> None:
        batch.full.wait(self._timeout)
        with self._slots:
            with self._lock:
                if self._open.get(key) is batch:
                    del self._open[key]
                self._enqueued -= 1
            try:
                outputs = self._counted(call, _joined([inputs for inputs, _, _ in batch.requests]))
                self._hand_out(batch, outputs)
            except BaseException as error:
                for _, _, future in batch.requests:
                    if not future.done():
                        future.set_exception(error)

    def _hand_out(self, batch: _Batch, outputs: Arrays) -> None:
        for alias, array in outputs.items():
            if array.ndim == 0 or len(array) != batch.size:
                raise status.ServingError(
                    status.grpc.StatusCode.FAILED_PRECONDITION,
                    f"Batched output tensor's 0th dimension does not equal the sum of the 0th "
                    f"dimension sizes of the input tensors: {alias}",
                )
        begin = 0
        for _, size, future in batch.requests:
            future.set_result({a: array[begin : begin + size] for a, array in outputs.items()})
            begin += size


def _pieces(inputs: Arrays) -> list[tuple[int, int]]:
    """(begin, end) of the pieces that a request is run in, of about equal size."""
    sizes = {array.shape[0] if array.ndim else 0 for array in inputs.values()}
    rows = sizes.pop() if len(sizes) == 1 else 0
    if rows == 0:
        return [(0, 0)]
    row_bytes = max(1, sum(map(_bytes, inputs.values())) // rows)
    max_rows = max(_PIECE_ROWS, _TINY_BYTES // row_bytes)
    piece = max(_MIN_PIECE, min(max_rows, -(-_PIECE_BYTES // row_bytes)))
    if rows <= _WHOLE * piece:
        return [(0, rows)]
    # Each piece is a whole number of kernel blocks; the rest comes at the end, as in the request.
    begins = list(range(0, rows, _in_units(-(-rows // -(-rows // piece)))))
    if rows - begins[-1] < _MIN_PIECE:
        begins.pop()
    return list(itertools.pairwise([*begins, rows]))


def _in_units(rows: int) -> int:
    return -(-rows // batch_shapes.UNIT) * batch_shapes.UNIT


def _bytes(array: np.ndarray) -> int:
    return sum(map(len, array.ravel())) if array.dtype == object else array.nbytes


def _same(array: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays are equal but for rounding, which differs between batch sizes."""
    if array.dtype.kind not in "fcV":  # V: bfloat16
        return np.array_equal(array, other)
    tolerance = _HALF_TOLERANCE if array.dtype.itemsize == 2 else _TOLERANCE
    if array.dtype.kind == "V" or array.dtype.itemsize == 2:
        array, other = array.astype(np.float32), other.astype(np.float32)
    sizes = np.abs(other[np.isfinite(other)])
    scale = sizes.max() if sizes.size else 0
    return np.allclose(array, other, rtol=0, atol=tolerance * scale, equal_nan=True)


def _rows(inputs: Arrays) -> int:
    if not inputs or not all(array.ndim for array in inputs.values()):
        raise status.invalid("Batching Run() input tensors must have at least one dimension")
    sizes = {len(array) for array in inputs.values()}
    if len(sizes) > 1:
        raise status.invalid("Batching Run() input tensors must have equal 0th-dimension size")
    return sizes.pop()


def _joined(requests: list[Arrays]) -> Arrays:
    if len(requests) == 1:
        return requests[0]
    return {alias: np.concatenate([inputs[alias] for inputs in requests]) for alias in requests[0]}
