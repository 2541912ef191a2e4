"""REST over HTTP: routes, and how large, how long and how many requests may be."""

import asyncio
import contextlib
import socket
import threading
import zlib
from concurrent import futures

from aiohttp import web

from keras_fool.serving.server import metrics, rest_api, rest_bodies, status

# TF Serving's paths: their fixed words in any case; names, versions and labels URL-encoded.
_MODELS = "/{_v1:(?i:v1)}/{_models:(?i:models)}"
_MODEL = _MODELS + "/{name:[^/:]+}"
_VERSIONS = (
    "",
    "/{_versions:(?i:versions)}/{version:[0-9]+}",
    "/{_labels:(?i:labels)}/{label:[^/:]+}",
)
_CALL = ":{method:(?i:predict|classify|regress)}"
_METADATA = "/{method:(?i:metadata)}"
_METRICS = ("/metrics", "/monitoring/prometheus/metrics")

_KEEP_ALIVE = 75.0  # seconds that a connection may be idle, before its first request, too
_LINGERING = 1.0  # seconds in which the rest of a refused body is read and thrown away
_CANCELLED = 0.1  # seconds that a request has after it was cut off
_MAX_CONNECTIONS = 1000
# How many bodies of the largest size may be in memory at a time; and as many answers that wait
# to be read; and as many bodies that are unpacked.
_MAX_LARGE = 4
_SMALL_ANSWER = 2**16  # bytes; the connection's own buffer takes it
_TOO_LARGE = 413


class RestServer:
    """The REST half of the server, in a thread of its own.

    Attributes:
        port: Where it listens.
    """

    def __init__(
        self,
        api: rest_api.RestApi,
        host: str,
        port: int,
        *,
        timeout: float,
        max_request_bytes: int,
        max_concurrent_requests: int,
    ):
        """Takes the port; `start` begins to answer.

        Args:
            api: What answers.
            host: The address to listen on.
            port: The port, 0 for a free one.
            timeout: How long a body may take to come and an answer to be found, in seconds;
                and, after that, the answer to be read.
            max_request_bytes: Larger bodies, packed or unpacked, are refused.
            max_concurrent_requests: More at a time are refused.

        Raises:
            OSError: The port is taken, or the host is not an address of this machine.
        """
        self._api = api
        self._timeout = timeout
        self._max_request_bytes = max_request_bytes
        self._slots = threading.BoundedSemaphore(max_concurrent_requests)
        self._unpacking = threading.BoundedSemaphore(_MAX_LARGE)
        self._unread = 0  # bytes of answers; only the loop's thread counts them
        self._workers = futures.ThreadPoolExecutor(max_concurrent_requests, "rest")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family, backlog=128)
        except OSError as error:
            raise OSError(f"cannot listen on {host}:{port}: {error.strerror}") from error
        self.port = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._bodies = rest_bodies.Bodies(_MAX_LARGE * max_request_bytes, self._loop.time)
        self._stop = asyncio.Event()
        self._grace = 0.0
        self._thread = threading.Thread(target=self._serve, name="rest", daemon=True)

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()

    def stop(self, grace: float) -> None:
        """Takes no more requests, and does not wait for those that have begun.

        Args:
            grace: How long they may take, in seconds.
        """
        self._grace = grace
        self._loop.call_soon_threadsafe(self._stop.set)

    def wait(self) -> None:
        """Waits for what `stop` began."""
        self._thread.join()
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _serve(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serving())

    async def _serving(self) -> None:
        runner = web.AppRunner(
            self._application(),
            access_log=None,
            keepalive_timeout=_KEEP_ALIVE,
            lingering_time=_LINGERING,
            auto_decompress=False,  # it takes gzip whose end is missing
        )
        await runner.setup()
        server = runner.server
        assert server is not None  # it is set up
        accepted = await self._loop.create_server(
            lambda: server() if len(server.connections) < _MAX_CONNECTIONS else _Refused(),
            sock=self._socket,
        )
        await self._stop.wait()
        accepted.close()
        server.pre_shutdown()
        # aiohttp waits so long for handlers to end, then for what it has cancelled.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._grace):
                await server.shutdown(None)
        await server.shutdown(_CANCELLED)
        await runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[self._malformed])
        add = application.router.add_route
        for path in _METRICS:
            add("GET", path, self._metrics)
        for which in _VERSIONS:
            add("POST", _MODEL + which + _CALL, self._model)
        for model in (_MODEL, _MODELS):  # without a name, to say that it is missing
            for which in _VERSIONS:
                add("GET", model + which + _METADATA, self._model)
                add("GET", model + which, self._model)
        return application

    @web.middleware
    async def _malformed(self, request: web.Request, handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            path = request.raw_path.partition("?")[0]
            return await self._send(request, self._api.malformed(request.method, path))

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        page = rest_api.Answer(200, metrics.CONTENT_TYPE, self._api.metrics_page())
        return await self._send(request, page)

    async def _model(self, request: web.Request) -> web.StreamResponse:
        match = request.match_info
        call = rest_api.Call(
            match.get("method", "status").lower(),
            match.get("name", ""),
            match.get("version"),
            match.get("label"),
        )
        return await self._send(request, await self._answer(request, call))

    async def _send(self, request: web.Request, answer: rest_api.Answer) -> web.StreamResponse:
        size = len(answer.body)
        most = _MAX_LARGE * self._max_request_bytes
        if size > _SMALL_ANSWER and self._unread > 0 and self._unread + size > most:
            answer, size = _busy("answers wait to be read"), 0
        response = web.Response(
            status=answer.status,
            body=answer.body,
            headers={"Content-Type": answer.content_type},
        )
        if not request.content.at_eof():
            response.force_close()  # rather than read the rest of a refused body
        if size > _SMALL_ANSWER:
            await self._send_large(request, response, size)
        return response

    async def _send_large(self, request: web.Request, response: web.Response, size: int) -> None:
        """Sends a large answer, which stays in memory until the client has read it."""
        self._unread += size
        try:
            async with asyncio.timeout(self._timeout):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        finally:
            self._unread -= size

    async def _answer(self, request: web.Request, call: rest_api.Call) -> rest_api.Answer:
        if (request.content_length or 0) > self._max_request_bytes:
            return self._too_large()
        given_up = threading.Event()
        try:
            async with asyncio.timeout(self._timeout) as limit:
                body = self._bodies.begin(limit)
                try:
                    refusal = await self._read(request, body)
                    return refusal or await self._worked_on(request, body.content, call, given_up)
                finally:
                    self._bodies.end(body)
        except TimeoutError:
            given_up.set()
            return rest_api.failure(
                status.grpc.StatusCode.DEADLINE_EXCEEDED,
                f"Timed out after {self._timeout:g} seconds",
            )

    async def _read(self, request: web.Request, body: rest_bodies.Body) -> rest_api.Answer | None:
        """Reads the body; if it is too large, returns the answer that says so."""
        async for chunk in request.content.iter_any():
            if not self._bodies.add(body, chunk):
                return _busy("requests at a time")
            if len(body.content) > self._max_request_bytes:
                return self._too_large()
        self._bodies.complete(body)
        return None

    async def _worked_on(
        self,
        request: web.Request,
        body: bytearray,
        call: rest_api.Call,
        given_up: threading.Event,
    ) -> rest_api.Answer:
        """The answer, from another thread; a slot is taken only after the body has arrived."""
        if not self._slots.acquire(blocking=False):
            return _busy("requests at a time")
        coding = request.headers.get("Content-Encoding", "identity").lower()
        work = self._workers.submit(self._work, call, coding, body, given_up)
        # Work that goes on after its time is over keeps its slot, so that it cannot pile up.
        work.add_done_callback(lambda _: self._slots.release())
        return await asyncio.shield(asyncio.wrap_future(work))

    def _work(
        self, call: rest_api.Call, coding: str, body: bytearray, given_up: threading.Event
    ) -> rest_api.Answer:
        def answer(content: bytes | bytearray) -> rest_api.Answer:
            return self._api.answer(call, content, wanted=lambda: not given_up.is_set())

        if coding == "identity":
            return answer(body)
        invalid = status.grpc.StatusCode.INVALID_ARGUMENT
        if coding != "gzip":
            return rest_api.failure(invalid, f"unknown Content-Encoding {coding[:50]!r}")
        with self._unpacking:
            try:
                content = _gunzipped(body, self._max_request_bytes)
            except (zlib.error, EOFError) as error:
                return rest_api.failure(invalid, f"the body is not gzip: {error}")
            return self._too_large() if content is None else answer(content)

    def _too_large(self) -> rest_api.Answer:
        content = f'{{"error": "a request may have {self._max_request_bytes} bytes at most"}}'
        return rest_api.Answer(_TOO_LARGE, rest_api.JSON, content.encode())


def _gunzipped(body: bytearray, max_bytes: int) -> bytes | None:
    """The content of a gzip body; None, and not all of it unpacked, beyond `max_bytes`."""
    stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    found = stream.decompress(body, max_bytes + 1)
    if len(found) > max_bytes:
        return None
    if not stream.eof:
        raise EOFError("its end is missing")
    return found


def _busy(what: str) -> rest_api.Answer:
    return rest_api.failure(
        status.grpc.StatusCode.RESOURCE_EXHAUSTED, f"too many {what}; try again"
    )


class _Refused(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
