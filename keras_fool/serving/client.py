"""A served classifier as a scorer, which outlives replicas that fail."""

import concurrent.futures
import contextlib
import sys
import threading
import time
from collections.abc import Callable

import numpy as np

from keras_fool.models import batch_shapes, endpoints, meanings, scorer_contract
from keras_fool.serving import image_call, pacing, replicas, transport

_LARGEST_BATCH = 21 * batch_shapes.UNIT  # 504
# Bytes of images in a request.
_BYTES_OF_REQUEST = 2**24
# A request with fewer images costs more than it gains to be one of several.
_WORTH_A_REQUEST = 64
# How often in a row what came back may be no confidences: one replica may be broken.
_MOST_BAD_ANSWERS = 3
# Seconds in which an endpoint must answer for the first time: an address may be wrong.
_FIRST_PATIENCE = 10.0


class EndpointError(scorer_contract.ScorerError):
    """An endpoint gives no usable answers (any more); the message names it."""

    may_pass = True


class BudgetError(EndpointError):
    """What may be sent to the endpoint was sent."""


class VersionError(EndpointError):
    """Another version of the model answers than the one that answered before."""

    may_pass = False


class _NoConfidences(Exception):  # noqa: N818, it is counted first
    """An answer can be read and holds no confidences.

    Attributes:
        rows: What to take for the answer where it is always this one; None for nothing.
    """

    def __init__(self, reason: str, rows: np.ndarray | None = None):
        super().__init__(reason)
        self.rows = rows


class EndpointScorer:
    """Scores images by asking an endpoint; for one caller at a time, from any thread.

    A version that is not named is looked up once and then asked for by its number, so that
    a newer one cannot slip in between two answers.

    Attributes:
        name: What reports call the classifier.
        identity: What makes its confidences, as JSON.
        labels: The names of its labels.
        independent: Whether each label has a probability of its own, and rows add up to
            anything.
        notes: What the user should know of it, in sentences.
        image_shape: (height, width, channels).
        score_batch: How many images are under way at a time.
        version: The version that answers; None where the endpoint does not say.
        call: What of the model is called.
        probes: float32 [16, num_labels]; the version's confidences for the trial images of
            `scorer_contract`; None once the version has changed.
    """

    def __init__(
        self,
        endpoint: endpoints.Endpoint,
        *,
        score_batch: int | None = None,
        note: Callable[[str], None] | None = None,
    ):
        """Reads the model's metadata, then tries it on a few images.

        Args:
            endpoint: What is asked.
            score_batch: The largest number of images in a request.
            note: Told, in a sentence, what the user should know; by default stderr is.

        Raises:
            ValueError: The endpoint cannot be reached, or does not have the model, or the
                model takes no such images or gives no such confidences (`EndpointError`),
                or the token in the environment is unusable.
        """
        self.name = endpoint.name
        self.identity = endpoint.identity
        self._endpoint = endpoint
        self._options = endpoint.options
        self._note = note or _to_stderr
        self._stop = threading.Event()
        self._pace = pacing.Pace(endpoint.options, self._stop)
        self._on_trial = None  # what the model itself gave, while it is tried
        self._failures = []  # of parts of a batch, in the order of time
        self._version_lock = threading.Lock()
        self._replicas = _connected(endpoint, self._stop, self._note)
        self._pool = concurrent.futures.ThreadPoolExecutor(endpoint.options.in_flight, "request")
        try:
            self.call, self.version = self._first_contact()
            self.image_shape = self.call.image_shape
            fitting = max(1, _BYTES_OF_REQUEST // int(np.prod(self.image_shape)))
            wanted = min(score_batch or _LARGEST_BATCH, fitting)
            self._limit = self.call.batch or batch_shapes.limited(wanted)
            self._num_outputs = self.call.num_outputs
            self.notes = []
            self.probes = self._probe()
        except BaseException:
            self.close()
            raise
        self.labels = endpoint.labels or tuple(str(label) for label in range(self._num_labels))
        self.independent = self._are_independent
        if len(self.labels) != self._num_labels:
            self.close()
            raise EndpointError(
                f"{endpoint.url} gives {self._num_labels} confidences, but {len(self.labels)} "
                "labels are named."
            )

    @property
    def _are_independent(self) -> bool:
        return meanings.are_independent(self._num_outputs, self._endpoint.meaning)

    @property
    def _num_labels(self) -> int:
        return meanings.num_labels(self._num_outputs, self._endpoint.meaning)

    @property
    def may_change(self) -> bool:
        """Whether another version may answer than the one that answered before."""
        return self._options.allow_version_change

    @property
    def score_batch(self) -> int:
        """How many images are under way at a time."""
        return self._limit * self._options.in_flight

    def score(self, images: np.ndarray) -> np.ndarray:
        """The confidence of every label for every image.

        Args:
            images: [batch, height, width, channels] uint8, 0..255; any batch.

        Returns:
            [batch, num_labels] float32; each row adds up to 1, unless labels are
            independent, or is NaN where the model returned a NaN or an infinite value for the
            image.

        Raises:
            ValueError: `images` has another shape or dtype.
            EndpointError: The endpoint gives no usable answers (any more), or the budget is
                spent, or another version answers. This object is of no further use then.
        """
        if images.dtype != np.uint8 or images.shape[1:] != self.image_shape:
            raise ValueError(
                f"{self.name} takes uint8 images [batch, "
                f"{', '.join(map(str, self.image_shape))}], "
                f"got {images.dtype} {list(images.shape)}."
            )
        if self._failures:
            raise self._failures[0]
        share = self._share(len(images))
        futures = [
            self._pool.submit(self._score_share, images[start : start + share])
            for start in range(0, len(images), share)
        ]
        concurrent.futures.wait(futures, return_when=concurrent.futures.FIRST_EXCEPTION)
        if self._failures:
            self._stop.set()  # ends the waiting of other parts, which fail by that
            concurrent.futures.wait(futures)
            raise self._failures[0]
        parts = [future.result() for future in futures]
        return np.concatenate(parts or [np.empty((0, self._num_labels), np.float32)])

    def affords(self, images: int) -> bool:
        """Whether so many images more are within the budget."""
        share = self._share(images)
        whole, rest = divmod(images, share)
        sent = whole * self._size(share) + (self._size(rest) if rest else 0)
        return self._pace.affords(whole + bool(rest), sent)

    def budget_error(self) -> BudgetError:
        """What to raise where `affords` says no."""
        return BudgetError(f"{self._endpoint.url} was sent {self._pace.spent()}.")

    def hold_to(self, version: int | None) -> None:
        """Goes on with the version that answered when a run was begun.

        Raises:
            VersionError: It is not there any more, and that is not allowed.
        """
        if version in (None, self.version):
            return
        if self._endpoint.version is None:
            for replica in self._replicas.all:
                with contextlib.suppress(transport.RequestError):
                    if replica.transport.metadata(version).version == version:
                        self.version = version
                        self.probes = self._probe()
                        return
        newest, probes, self.version = self.version, self.probes, version
        self._change_version(newest)
        self.probes = probes

    def interrupt(self) -> None:
        """Ends all waiting: what gives no answer now is not asked again."""
        self._stop.set()

    def close(self) -> None:
        """Ends the threads and connections; who still waits for a score gets an error."""
        self._failures.append(self._error("closed"))
        self._stop.set()
        # Not with cancel_futures: nobody is told of what that cancels.
        self._pool.shutdown()
        self._replicas.close()

    def _first_contact(self) -> tuple[image_call.ImageCall, int | None]:
        """Asks every replica; those that answer must have the same."""
        ends = time.monotonic() + min(_FIRST_PATIENCE, self._options.patience)
        found, last = {}, None
        while not found:
            for replica in self._replicas.all:
                begun = time.monotonic()
                try:
                    metadata = replica.transport.metadata(None)
                except transport.RequestError as error:
                    last = f"{replica.transport.address}: {error}"
                    if error.kind is not transport.Kind.PASSING:
                        raise EndpointError(f"{self._endpoint.url}: {last}.") from None
                    self._replicas.failed(replica, str(error), time.monotonic() - begun)
                else:
                    call = image_call.choose(self._endpoint, metadata)
                    found.setdefault(call, metadata.version)
            if not found and self._replicas.next(ends) is None:
                raise EndpointError(f"{self._endpoint.url} cannot be reached; {last}.")
        if len(found) > 1:
            raise EndpointError(f"the replicas of {self._endpoint.url} serve different models.")
        return next(iter(found.items()))

    def _share(self, images: int) -> int:
        """How many of so many images go into one request."""
        requests = min(self._options.in_flight, max(1, images // _WORTH_A_REQUEST))
        return batch_shapes.fixed(max(1, -(-images // requests)), self._limit)

    def _score_share(self, images: np.ndarray) -> np.ndarray:
        try:
            return self._score_part(images)
        except EndpointError as error:
            self._failures.append(error)
            raise

    def _probe(self) -> np.ndarray:
        """Meets a model's defects before a run begins rather than in the middle of it."""
        self._on_trial = []
        confidences = self._score_part(scorer_contract.trial_images(self.image_shape))
        if problem := scorer_contract.mostly_blank(scorer_contract.is_finite(confidences)):
            raise self._error(problem)
        if self._seems(meanings.is_constant) or self._seems(meanings.is_one_hot):
            # Nothing of interest so far: images of many other kinds.
            self._score_part(scorer_contract.more_images(self.image_shape))
            if self._seems(meanings.is_constant):
                raise self._error(meanings.constant(sum(map(len, self._on_trial))))
            if self._seems(meanings.is_one_hot):
                self.notes = [f"{self._endpoint.url} {meanings.ONE_HOT}"]
        self._on_trial = None
        return confidences

    def _seems(self, check: Callable[[np.ndarray], bool]) -> bool:
        """Whether what the trial gave so far passes a check."""
        return check(np.concatenate(self._on_trial))

    def _score_part(self, images: np.ndarray) -> np.ndarray:
        """Scores images one request after the other, as many in each as the server takes."""
        rows, done = [], 0
        while done < len(images):
            batch = images[done : done + self._limit]
            try:
                rows.append(self._answer(batch))
            except transport.RequestError as error:  # too large
                sent = self._size(len(batch))
                limit = error.limit if error.limit is not None else sent // 2
                if not 0 < limit < sent:
                    raise self._error(str(error)) from None
                self._limit = batch_shapes.limited(min(self._limit, limit))
            else:
                done += len(batch)
        return np.concatenate(rows)

    def _answer(self, images: np.ndarray) -> np.ndarray:
        """Asks until there is an answer.

        Raises:
            EndpointError: There will be none.
            RequestError: `images` are too many for one request.
        """
        inputs = self.call.inputs(self._padded(images))
        bad, last, ends = 0, None, float("inf")
        while True:
            if self._failures:
                raise self._failures[0]
            replica = self._replicas.next(ends)
            if replica is None or (last is not None and self._stop.is_set()):
                raise self._given_up(last)
            try:
                self._pace.take(len(inputs))
                version, begun = self.version, time.monotonic()
                outputs = self._asked(replica.transport, inputs, version, len(images))
            except pacing.BudgetSpent:
                raise self.budget_error() from None
            except pacing.Interrupted:
                raise self._given_up(last) from None
            except _NoConfidences as error:
                bad, last = bad + 1, str(error)
                if bad == _MOST_BAD_ANSWERS:
                    if error.rows is None:
                        raise self._error(last) from None
                    self._replicas.answered(replica)
                    return error.rows
            except transport.RequestError as error:
                last = str(error)
                if error.kind is transport.Kind.TOO_LARGE:
                    raise
                if error.kind is transport.Kind.REFUSED:
                    raise self._error(last) from None
                if error.kind is transport.Kind.NOT_FOUND:
                    self._look_for_version(replica, version)
            else:
                self._replicas.answered(replica)
                return outputs
            now = time.monotonic()
            ends = min(ends, begun + self._options.patience)
            self._replicas.failed(replica, last, now - begun)

    def _asked(
        self, replica: transport.Transport, inputs: np.ndarray, version: int | None, number: int
    ) -> np.ndarray:
        """The rows of the first `number` inputs; what is behind them is padding."""
        names = self.call.input_name, self.call.output_name
        answer = replica.predict(self.call.signature, names, inputs, version)
        if version is None:
            self.version = answer.version
        elif answer.version not in (None, version):
            reason = f"version {answer.version} answered, not the version {version} asked for"
            raise transport.RequestError(transport.Kind.PASSING, reason)
        outputs = answer.values
        if self._num_outputs is None and outputs.ndim == 2:
            self._num_outputs = outputs.shape[1]
        expected = (len(inputs), self._num_outputs)
        if outputs.shape != expected:
            raise _NoConfidences(
                f"returned {list(outputs.shape)} numbers where {list(expected)} belong"
            )
        outputs = outputs[:number]
        meaning, dtype = self._endpoint.meaning, self.call.output_dtype
        with np.errstate(all="ignore"):  # what is not finite is looked for below
            rows = np.array(meanings.confidences(outputs, meaning, dtype))
        finite = scorer_contract.blank(rows)
        problem = scorer_contract.problem(rows[finite], self._are_independent)
        seen = outputs[scorer_contract.is_finite(outputs)]
        if len(seen) and (problem or self._on_trial is not None):
            say = "?outputs={} behind the address".format
            problem = meanings.contradiction(seen, meaning, say, dtype=dtype) or problem
        if problem:
            raise _NoConfidences(problem)
        if problem := scorer_contract.mostly_blank(finite):
            # A broken replica, or the model for such images: of few, it may be just these.
            few = number < scorer_contract.NUM_TRIED
            raise _NoConfidences(problem, rows if few else None)
        if self._on_trial is not None:
            self._on_trial.append(seen)
        return rows

    def _size(self, images: int) -> int:
        """How many images are sent for so many in one request; their bits depend on no other."""
        # Not fewer: the limit may have fallen since the images were taken.
        return max(images, self.call.batch or batch_shapes.fixed(images, self._limit))

    def _padded(self, images: np.ndarray) -> np.ndarray:
        size = self._size(len(images))
        return np.concatenate([images, np.zeros((size - len(images), *self.image_shape), np.uint8)])

    def _look_for_version(self, replica: replicas.Replica, version: int | None) -> None:
        """Finds out whether another version is there instead.

        It decides only when every replica has another one: while they are upgraded one by
        one, those that still have ours go on.
        """
        if version is None:
            return
        try:
            newest = replica.transport.metadata(None).version
        except transport.RequestError:
            return  # it may be starting
        if newest == version:
            return
        replica.other_version = newest
        if all(other.other_version is not None for other in self._replicas.all):
            with self._version_lock:
                if self.version == version:  # else another thread was here before
                    self._change_version(newest)

    def _change_version(self, newest: int | None) -> None:
        words = f"{self._endpoint.url} serves version {newest}, not version {self.version} any more"
        if not self._options.allow_version_change:
            self._stop.set()
            raise VersionError(
                f"{words}: confidences of two versions do not compare. To go on all the same, "
                "say --allow_version_change."
            )
        self._note(f"{words}; going on with it.")
        for replica in self._replicas.all:
            replica.other_version = None
        self.version, self.probes = newest, None

    def _given_up(self, last: str | None) -> EndpointError:
        if self._stop.is_set():
            return self._error(f"interrupted while waiting; {last or 'nothing was asked yet'}")
        return self._error(f"no usable answer for {self._options.patience:g} seconds; {last}")

    def _error(self, reason: str) -> EndpointError:
        return EndpointError(f"{self._endpoint.url}: {reason.removesuffix('.')}.")


def _connected(
    endpoint: endpoints.Endpoint, stop: threading.Event, note: Callable[[str], None]
) -> replicas.Replicas:
    if endpoint.scheme.startswith("grpc"):
        from keras_fool.serving.grpc_transport import GrpcTransport as Transport
    else:
        from keras_fool.serving.rest_transport import RestTransport as Transport
    token = transport.bearer_token(endpoint)
    return replicas.Replicas(
        [Transport(endpoint, address, token) for address in endpoint.addresses], stop, note
    )


def _to_stderr(message: str) -> None:
    with contextlib.suppress(OSError):  # a full disk is no reason to end
        print(f"note: {message}", file=sys.stderr, flush=True)
