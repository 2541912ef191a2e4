"""HTTP around the REST routes: how large, how long, how many, and gzip."""

import asyncio
import contextlib
import socket
import threading
import zlib
from concurrent import futures

from aiohttp import web

from keras_fool.serving.server import rest_api, rest_bodies, status

_KEEP_ALIVE = 75.0  # seconds that a connection may be idle, before its first request too
_LINGERING = 1.0  # seconds that the rest of what was refused is thrown away in
_MOST_CONNECTIONS = 1000
# Bodies that are held at a time, in the largest that a request may have; as much of answers
# that wait to be read, and of bodies that are unpacked.
_MOST_HELD = 4
_SMALL_ANSWER = 2**16  # bytes; below that the connection's own buffer takes it
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
            OSError: The port is taken or the address no address.
        """
        self._api = api
        self._timeout = timeout
        self._max_request_bytes = max_request_bytes
        self._slots = threading.BoundedSemaphore(max_concurrent_requests)
        self._unpacking = threading.BoundedSemaphore(_MOST_HELD)
        self._unread = 0  # bytes of answers; only the loop's thread counts them
        self._workers = futures.ThreadPoolExecutor(max_concurrent_requests, "rest")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family, backlog=128)
        except OSError as error:
            raise OSError(f"cannot listen on {host}:{port}: {error.strerror}") from error
        self.port = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._bodies = rest_bodies.Bodies(_MOST_HELD * max_request_bytes, self._loop.time)
        self._stop = asyncio.Event()
        self._grace = 0.0
        self._thread = threading.Thread(target=self._serve, name="rest", daemon=True)

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()

    def stop(self, grace: float) -> None:
        """Takes no more requests and lets those it has end.

        Args:
            grace: How long they may take, in seconds.
        """
        self._grace = grace
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _serve(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serving())

    async def _serving(self) -> None:
        protocol = web.Server(
            self._handle,
            access_log=None,
            keepalive_timeout=_KEEP_ALIVE,
            lingering_time=_LINGERING,
            auto_decompress=False,
        )
        accepted = await self._loop.create_server(lambda: _limited(protocol), sock=self._socket)
        await self._stop.wait()
        accepted.close()
        protocol.pre_shutdown()
        await protocol.shutdown(self._grace)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        answer = await self._answer(request)
        size = len(answer.body)
        most = _MOST_HELD * self._max_request_bytes
        if size > _SMALL_ANSWER and self._unread > 0 and self._unread + size > most:
            answer, size = _busy("answers wait to be read"), 0
        response = web.Response(
            status=answer.status,
            body=answer.body,
            headers={"Content-Type": answer.content_type},
        )
        if not request.content.at_eof():
            response.force_close()  # rather than read the rest of what was refused
        if size > _SMALL_ANSWER:
            await self._sent(response, request, size)
        return response

    async def _sent(self, response: web.Response, request: web.BaseRequest, size: int) -> None:
        """Sends a large answer, which is held until the client has read it."""
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

    async def _answer(self, request: web.BaseRequest) -> rest_api.Answer:
        if (request.content_length or 0) > self._max_request_bytes:
            return self._too_large()
        given_up = threading.Event()
        try:
            async with asyncio.timeout(self._timeout) as limit:
                body = self._bodies.begin(limit)
                try:
                    refusal = await self._read(request, body)
                    return refusal or await self._worked_on(request, body.content, given_up)
                finally:
                    self._bodies.end(body)
        except TimeoutError:
            given_up.set()
            return rest_api.failure(
                status.grpc.StatusCode.DEADLINE_EXCEEDED,
                f"Timed out after {self._timeout:g} seconds",
            )

    async def _read(
        self, request: web.BaseRequest, body: rest_bodies.Body
    ) -> rest_api.Answer | None:
        """Reads the body; where it is too large, the answer that says so, the rest unread."""
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0  # the answer's own head is still to come
        async for chunk in request.content.iter_any():
            if not self._bodies.add(body, chunk):
                return _busy("requests at a time")
            if len(body.content) > self._max_request_bytes:
                return self._too_large()
        self._bodies.complete(body)
        return None

    async def _worked_on(
        self, request: web.BaseRequest, body: bytearray, given_up: threading.Event
    ) -> rest_api.Answer:
        """The answer, from another thread; a place there is taken once the body has come."""
        if not self._slots.acquire(blocking=False):
            return _busy("requests at a time")
        packed = request.headers.get("Content-Encoding", "identity").lower()
        work = self._workers.submit(
            self._work, request.method, request.raw_path, body, packed, given_up
        )
        # What runs on after its time still counts, so that it cannot pile up.
        work.add_done_callback(lambda _: self._slots.release())
        return await asyncio.shield(asyncio.wrap_future(work))

    def _work(
        self, method: str, path: str, body: bytearray, packed: str, given_up: threading.Event
    ) -> rest_api.Answer:
        def answer(content: bytes | bytearray) -> rest_api.Answer:
            return self._api.answer(method, path, content, wanted=lambda: not given_up.is_set())

        if packed == "identity":
            return answer(body)
        if packed != "gzip":
            return rest_api.failure(
                status.grpc.StatusCode.INVALID_ARGUMENT, f"unknown Content-Encoding {packed[:50]!r}"
            )
        with self._unpacking:
            try:
                content = _unpacked(body, self._max_request_bytes)
            except (zlib.error, EOFError) as error:
                return rest_api.failure(
                    status.grpc.StatusCode.INVALID_ARGUMENT, f"the body is no gzip: {error}"
                )
            return self._too_large() if content is None else answer(content)

    def _too_large(self) -> rest_api.Answer:
        content = f'{{"error": "a request may have {self._max_request_bytes} bytes at most"}}'
        return rest_api.Answer(_TOO_LARGE, rest_api.JSON, content.encode())


def _unpacked(body: bytearray, most_bytes: int) -> bytes | None:
    """What a gzip body holds; None if that is more than `most_bytes`, the rest not unpacked."""
    stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    found = stream.decompress(body, most_bytes + 1)
    if len(found) > most_bytes:
        return None
    if not stream.eof:
        raise EOFError("its end is missing")
    return found


def _busy(what: str) -> rest_api.Answer:
    return rest_api.failure(
        status.grpc.StatusCode.RESOURCE_EXHAUSTED, f"too many {what}; try again"
    )


def _limited(protocol: web.Server) -> asyncio.Protocol:
    if len(protocol.connections) >= _MOST_CONNECTIONS:
        return _Refused()
    return protocol()


class _Refused(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
