"""A served classifier as a scorer, which goes on when replicas fail."""

import concurrent.futures
import contextlib
import sys
import threading
import time
from collections.abc import Callable

import numpy as np

from keras_fool.models import batch_shapes, endpoints, meanings, scorer_contract
from keras_fool.serving.client import (
    answers,
    endpoint_errors,
    image_call,
    pacing,
    replicas,
    transport,
    versions,
)

_MAX_BATCH = 21 * batch_shapes.UNIT  # 504
_MAX_REQUEST_BYTES = 2**24  # of images
# With fewer images in each, several requests cost more time than they save.
_MIN_IMAGES_TO_SHARE = 64
# Answers in a row without confidences that are accepted: one replica may be broken.
_MAX_BAD_ANSWERS = 3
# Seconds in which an endpoint must answer for the first time: an address may be wrong.
_FIRST_PATIENCE = 10.0


class EndpointScorer:
    """Scores images by asking an endpoint; for one caller at a time, from any thread.

    Attributes:
        name: What reports call the classifier.
        identity: What determines its confidences, as JSON.
        labels: The names of its labels.
        independent: Whether each label has a probability of its own, so that rows may add up to
            anything.
        notes: What the user should know about it, in sentences.
        image_shape: (height, width, channels).
        score_batch: How many images are sent at the same time, in several requests.
        version: The version that is asked; None where the endpoint does not say.
        call: What of the model is called.
        probes: float32 [16, num_labels]; the version's confidences for the trial images of
            `scorer_contract`; None after the version has changed.
        preprocesses: Other ways of preparing bytes that might be meant: nothing is known of them.
    """

    preprocesses = ()

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
            note: Told, in a sentence, what the user should know; by default it is printed to
                stderr.

        Raises:
            ValueError: The endpoint cannot be reached, does not have the model, or has a model
                that does not take images or does not give confidences (`EndpointError`); or the
                token in the environment cannot be used.
        """
        self.name = endpoint.name
        self.identity = endpoint.identity
        self._endpoint = endpoint
        self._options = endpoint.options
        note = note or _to_stderr
        self._stop = threading.Event()
        self._pace = pacing.Pace(endpoint.options, self._stop)
        self._failures: list[
            endpoint_errors.EndpointError
        ] = []  # of parts of a batch, in the order of time
        self._replicas = _connected(endpoint, self._stop, note)
        self._pool = concurrent.futures.ThreadPoolExecutor(endpoint.options.in_flight, "request")
        try:
            self.call, version = self._first_contact()
            self.image_shape = self.call.image_shape
            self._versions = versions.Versions(
                endpoint, self._replicas, version, on_change=self._forget_probes, note=note
            )
            self._answers = answers.Answers(self.call, endpoint.meaning)
            fitting = max(1, _MAX_REQUEST_BYTES // int(np.prod(self.image_shape)))
            wanted = min(score_batch or _MAX_BATCH, fitting)
            self._limit = self.call.batch or batch_shapes.limited(wanted)
            self.notes: list[str] = []
            self.probes: np.ndarray | None = self._probe()
            self.independent = self._answers.independent
            num_labels = self._answers.num_labels
            self.labels = endpoint.labels or tuple(str(label) for label in range(num_labels))
            if len(self.labels) != num_labels:
                raise endpoint_errors.EndpointError(
                    f"{endpoint.url} gives {num_labels} confidences, but {len(self.labels)} "
                    "labels are named."
                )
        except BaseException:
            self.close()
            raise

    @property
    def version(self) -> int | None:
        """The version that is asked; None where the endpoint does not say."""
        return self._versions.current

    @property
    def facts(self) -> dict[str, str]:
        """What it is, in words, by the name of the fact."""
        version = "not said" if self.version is None else str(self.version)
        return {
            "format": "an endpoint",
            "version": version,
            "signature": f"{self.call.signature}, output {self.call.output_name}",
        }

    @property
    def may_change(self) -> bool:
        """Whether another version may answer than the one that answered before."""
        return self._options.allow_version_change

    @property
    def score_batch(self) -> int:
        """How many images are sent at the same time, in several requests."""
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
            EndpointError: The endpoint gives no usable answers, or stopped giving them; or the
                budget is spent; or another version answers. This object cannot be used after
                that.
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
            self._stop.set()  # the other parts stop waiting, and so fail, too
            concurrent.futures.wait(futures)
            raise self._failures[0]
        parts = [future.result() for future in futures]
        return np.concatenate(parts or [np.empty((0, len(self.labels)), np.float32)])

    def affords(self, images: int) -> bool:
        """Whether the budget allows so many images more."""
        share = self._share(images)
        whole, rest = divmod(images, share)
        sent = whole * self._size(share) + (self._size(rest) if rest else 0)
        return self._pace.affords(whole + bool(rest), sent)

    def budget_error(self) -> endpoint_errors.BudgetError:
        """What to raise where `affords` says no."""
        return endpoint_errors.BudgetError(f"{self._endpoint.url} was sent {self._pace.spent()}.")

    def hold_to(self, version: int | None) -> None:
        """Goes on with the version that answered when a run was begun.

        Raises:
            VersionError: It is not there any more, and another version is not allowed.
        """
        if version in (None, self.version):
            return
        if self._versions.has(version):
            self._versions.current = version
            self.probes = self._probe()
            return
        newest, probes, self._versions.current = self.version, self.probes, version
        self._versions.change(newest)
        self.probes = probes

    def interrupt(self) -> None:
        """Ends all waiting: a request that has no answer yet is not repeated."""
        self._stop.set()

    def close(self) -> None:
        """Ends the threads and connections; a thread that still waits for a score gets an error."""
        self._failures.append(self._error("closed"))
        self._stop.set()
        # Not with cancel_futures: it tells nobody what it cancels.
        self._pool.shutdown()
        self._replicas.close()

    def _first_contact(self) -> tuple[image_call.ImageCall, int | None]:
        """Asks every replica; all that answer must serve the same model."""
        ends = time.monotonic() + min(_FIRST_PATIENCE, self._options.patience)
        url = self._endpoint.url
        found: dict[image_call.ImageCall, int | None] = {}
        last = None
        while not found:
            for replica in self._replicas.all:
                begun = time.monotonic()
                try:
                    metadata = replica.transport.metadata(None)
                except transport.RequestError as error:
                    last = f"{replica.transport.address}: {error}"
                    if error.kind is not transport.Kind.TEMPORARY:
                        raise endpoint_errors.EndpointError(f"{url}: {last}.") from None
                    self._replicas.failed(replica, str(error), time.monotonic() - begun)
                else:
                    call = image_call.choose(self._endpoint, metadata)
                    found.setdefault(call, metadata.version)
            if not found and self._replicas.next(ends) is None:
                raise endpoint_errors.EndpointError(f"{url} cannot be reached; {last}.")
        if len(found) > 1:
            raise endpoint_errors.EndpointError(f"the replicas of {url} serve different models.")
        return next(iter(found.items()))

    def _probe(self) -> np.ndarray:
        """Finds a model's defects before a run begins rather than in the middle of it."""
        self._answers.begin_trial()
        confidences = self._score_part(scorer_contract.trial_images(self.image_shape))
        if problem := scorer_contract.mostly_blank(scorer_contract.is_finite(confidences)):
            raise self._error(problem)
        seems = self._answers.trial_seems
        if seems(meanings.is_constant) or seems(meanings.is_one_hot):
            # The trial images show nothing of interest: send images of many other kinds.
            self._score_part(scorer_contract.more_images(self.image_shape))
            if seems(meanings.is_constant):
                raise self._error(meanings.constant(self._answers.num_tried))
            if seems(meanings.is_one_hot):
                self.notes = [f"{self._endpoint.url} {meanings.ONE_HOT}"]
        self._answers.end_trial()
        return confidences

    def _forget_probes(self) -> None:
        self.probes = None

    def _share(self, images: int) -> int:
        """How many of so many images go into one request."""
        requests = min(self._options.in_flight, max(1, images // _MIN_IMAGES_TO_SHARE))
        return batch_shapes.fixed(max(1, -(-images // requests)), self._limit)

    def _size(self, images: int) -> int:
        """How many images are sent for so many; no image's confidences depend on the others."""
        # Never fewer: the limit may have fallen since the images were taken.
        return max(images, self.call.batch or batch_shapes.fixed(images, self._limit))

    def _padded(self, images: np.ndarray) -> np.ndarray:
        size = self._size(len(images))
        return np.concatenate([images, np.zeros((size - len(images), *self.image_shape), np.uint8)])

    def _score_share(self, images: np.ndarray) -> np.ndarray:
        try:
            return self._score_part(images)
        except endpoint_errors.EndpointError as error:
            self._failures.append(error)
            raise

    def _score_part(self, images: np.ndarray) -> np.ndarray:
        """Scores images in one request after the other, each as large as the server takes."""
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
        """Asks until there is a usable answer.

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
                outputs = self._outputs(replica.transport, inputs, version)
                rows = self._answers.confidences(outputs, len(inputs), len(images))
            except pacing.BudgetSpent:
                raise self.budget_error() from None
            except pacing.Interrupted:
                raise self._given_up(last) from None
            except answers.NotConfidencesError as error:
                bad, last = bad + 1, str(error)
                if bad == _MAX_BAD_ANSWERS:
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
                    self._versions.not_found_at(replica, version)
            else:
                self._replicas.answered(replica)
                return rows
            now = time.monotonic()
            ends = min(ends, begun + self._options.patience)
            self._replicas.failed(replica, last, now - begun)

    def _outputs(
        self, replica: transport.Transport, inputs: np.ndarray, version: int | None
    ) -> np.ndarray:
        names = self.call.input_name, self.call.output_name
        answer = replica.predict(self.call.signature, names, inputs, version)
        if version is None:
            self._versions.current = answer.version
        elif answer.version not in (None, version):
            reason = f"version {answer.version} answered, not the version {version} asked for"
            raise transport.RequestError(transport.Kind.TEMPORARY, reason)
        return answer.values

    def _given_up(self, last: str | None) -> endpoint_errors.EndpointError:
        if self._stop.is_set():
            return self._error(f"interrupted while waiting; {last or 'nothing was asked yet'}")
        return self._error(f"no usable answer for {self._options.patience:g} seconds; {last}")

    def _error(self, reason: str) -> endpoint_errors.EndpointError:
        return endpoint_errors.EndpointError(f"{self._endpoint.url}: {reason.removesuffix('.')}.")


def _connected(
    endpoint: endpoints.Endpoint, stop: threading.Event, note: Callable[[str], None]
) -> replicas.Replicas:
    transport_to: Callable[[endpoints.Endpoint, str, str | None], transport.Transport]
    if endpoint.scheme.startswith("grpc"):
        from keras_fool.serving.client import grpc_transport

        transport_to = grpc_transport.GrpcTransport
    else:
        from keras_fool.serving.client import rest_transport

        transport_to = rest_transport.RestTransport
    token = transport.bearer_token(endpoint)
    return replicas.Replicas(
        [transport_to(endpoint, address, token) for address in endpoint.addresses], stop, note
    )


def _to_stderr(message: str) -> None:
    with contextlib.suppress(OSError):  # a full disk is no reason to end
        print(f"note: {message}", file=sys.stderr, flush=True)
