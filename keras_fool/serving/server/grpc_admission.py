"""Which gRPC requests are let in: how long a message may take to arrive, and how many are answered.

gRPC gives a request a thread before its message has arrived, and keeps an answer until it is read,
both without a time limit: a client that sends nothing, or reads nothing, would keep others out.
Here a request takes one of the places only after its message has arrived, and whatever takes too
long, to arrive or to be read, is cancelled.
"""

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator
from typing import NoReturn

import grpc
from google.protobuf import message

# How many requests may wait for their messages, besides those that are being answered.
WAITING = 256
_SMALL_ANSWER = 2**16  # bytes; the connection's own buffers take it
_MAX_CHECK_SECONDS = 0.5

_Send = Callable[[message.Message | None], None]  # of a stream; None ends it


class _WithoutThread(functools.partial[None]):
    """The handler of a stream, which takes no thread while nothing happens."""

    experimental_non_blocking = True


class Admission(grpc.ServerInterceptor):
    """Lets requests in or refuses them; for all methods that take one message."""

    def __init__(self, *, seconds: float, max_at_a_time: int, max_answer_bytes: int):
        """Sets the limits.

        Args:
            seconds: How long a message may take to arrive, and an answer to be read.
            max_at_a_time: How many requests are answered at a time; more are refused.
            max_answer_bytes: How many bytes of answers may wait to be read; more are refused.
        """
        self._places = threading.BoundedSemaphore(max_at_a_time)
        self._max_answer_bytes = max_answer_bytes
        self._answer_bytes = 0
        self._lock = threading.Lock()
        self._limits = _TimeLimits(seconds)

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler | None:
        """The handler of a request, which asks for its message itself.

        On the wire, one message is a stream of one message. The handler of a stream is called
        before the message has arrived, so that it can limit the wait.
        """
        handler = continuation(handler_call_details)
        if handler is None or handler.request_streaming:
            return handler
        parse = handler.request_deserializer
        if handler.response_streaming:
            watch = _WithoutThread(self._stream, handler.unary_stream, parse)
            return grpc.stream_stream_rpc_method_handler(
                watch, response_serializer=handler.response_serializer
            )
        return grpc.stream_unary_rpc_method_handler(
            functools.partial(self._unary, handler.unary_unary, parse),
            response_serializer=handler.response_serializer,
        )

    def _unary(
        self,
        behaviour: Callable[[message.Message, grpc.ServicerContext], message.Message],
        parse: Callable[[bytes], message.Message],
        messages: Iterator[bytes],
        context: grpc.ServicerContext,
    ) -> message.Message:
        request = self._received(parse, messages, context)
        if not self._places.acquire(blocking=False):
            _full(context, "too many requests at a time; try again")
        try:
            answer = behaviour(request, context)
        finally:
            self._places.release()
        self._hold(answer.ByteSize(), context)
        return answer

    def _stream(
        self,
        behaviour: Callable[[message.Message, grpc.ServicerContext, _Send], None],
        parse: Callable[[bytes], message.Message],
        messages: Iterator[bytes],
        context: grpc.ServicerContext,
        send: _Send,
    ) -> None:
        behaviour(self._received(parse, messages, context), context, send)

    def _received(
        self,
        parse: Callable[[bytes], message.Message],
        messages: Iterator[bytes],
        context: grpc.ServicerContext,
    ) -> message.Message:
        with self._limits.until_done(context):
            content = next(messages, None)
        if content is None:
            _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, "the request has no message")
        try:
            return parse(content)
        except message.DecodeError:
            _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, "the message cannot be parsed")

    def _hold(self, size: int, context: grpc.ServicerContext) -> None:
        """Counts the bytes of an answer until it is read or cancelled."""
        if size <= _SMALL_ANSWER:
            return
        with self._lock:
            fits = not self._answer_bytes or self._answer_bytes + size <= self._max_answer_bytes
            if fits:
                self._answer_bytes += size
        if not fits:
            _full(context, "too many answers wait to be read; try again")
        limit = self._limits.begin(context)

        def given_back() -> None:
            self._limits.end(limit)
            with self._lock:
                self._answer_bytes -= size

        if not context.add_callback(given_back):
            given_back()


class _TimeLimits:
    """Cancels the requests that take too long, in one thread for all."""

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._ends: dict[object, tuple[float, grpc.ServicerContext]] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._watch, name="grpc limits", daemon=True).start()

    def begin(self, context: grpc.ServicerContext) -> object:
        """Begins to count the time, until `end` is called with the result."""
        limit = object()
        with self._lock:
            self._ends[limit] = time.monotonic() + self._seconds, context
        return limit

    def end(self, limit: object) -> None:
        """Ends a time limit: it was kept."""
        with self._lock:
            self._ends.pop(limit, None)

    @contextlib.contextmanager
    def until_done(self, context: grpc.ServicerContext) -> Iterator[None]:
        """`begin` and `end` around what is done inside."""
        limit = self.begin(context)
        try:
            yield
        finally:
            self.end(limit)

    def _watch(self) -> None:
        while True:
            time.sleep(min(_MAX_CHECK_SECONDS, self._seconds / 4))
            now = time.monotonic()
            with self._lock:
                late = [limit for limit, (end, _) in self._ends.items() if end < now]
                contexts = [self._ends.pop(limit)[1] for limit in late]
            for context in contexts:
                context.cancel()


def _full(context: grpc.ServicerContext, reason: str) -> NoReturn:
    _refuse(context, grpc.StatusCode.RESOURCE_EXHAUSTED, reason)


def _refuse(context: grpc.ServicerContext, code: grpc.StatusCode, reason: str) -> NoReturn:
    context.abort(code, reason)
    raise AssertionError("abort raises")
