"""HTTP around the REST routes: how large, how long, how many, and gzip."""

import asyncio
import contextlib
import socket
import threading
import zlib
from concurrent import futures

from aiohttp import web

from keras_fool.serving import rest_api, status

_KEEP_ALIVE = 75.0  # seconds that a connection may be idle, before its first request too
_LINGERING = 1.0  # seconds that the rest of what was refused is thrown away in
_MOST_CONNECTIONS = 1000
# Bodies that are held at a time, in the largest that a request may have.
_MOST_HELD = 4
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
            timeout: How long a body may take to come, and an answer to be found, in seconds.
            max_request_bytes: Larger bodies, packed or unpacked, are refused.
            max_concurrent_requests: More at a time are refused.

        Raises:
            OSError: The port is taken or the address no address.
        """
        self._api = api
        self._timeout = timeout
        self._max_request_bytes = max_request_bytes
        self._slots = threading.BoundedSemaphore(max_concurrent_requests)
        self._held = 0  # bytes of all bodies; only the loop's thread counts them
        self._workers = futures.ThreadPoolExecutor(max_concurrent_requests, "rest")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family, backlog=128)
        except OSError as error:
            raise OSError(f"cannot listen on {host}:{port}: {error.strerror}") from error
        self.port = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
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
        response = web.Response(
            status=answer.status,
            body=answer.body,
            headers={"Content-Type": answer.content_type},
        )
        if not request.content.at_eof():
            response.force_close()  # rather than read the rest of what was refused
        return response

    async def _answer(self, request: web.BaseRequest) -> rest_api.Answer:
        if (request.content_length or 0) > self._max_request_bytes:
            return self._too_large()
        if not self._slots.acquire(blocking=False):
            return _busy()
        work, body = None, bytearray()
        try:
            async with asyncio.timeout(self._timeout):
                refusal = await self._read(request, body)
                if refusal is not None:
                    return refusal
                packed = request.headers.get("Content-Encoding", "identity").lower()
                work = self._workers.submit(
                    self._work, request.method, request.raw_path, body, packed
                )
                return await asyncio.shield(asyncio.wrap_future(work))
        except TimeoutError:
            return rest_api.failure(
                status.grpc.StatusCode.DEADLINE_EXCEEDED,
                f"Timed out after {self._timeout:g} seconds",
            )
        finally:
            self._held -= len(body)
            # What runs on after its time still counts, so that it cannot pile up.
            if work is None:
                self._slots.release()
            else:
                work.add_done_callback(lambda _: self._slots.release())

    async def _read(self, request: web.BaseRequest, body: bytearray) -> rest_api.Answer | None:
        """Reads the body; where it is too large, the answer that says so, the rest unread."""
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0  # the answer's own head is still to come
        async for chunk in request.content.iter_any():
            body += chunk
            self._held += len(chunk)
            if len(body) > self._max_request_bytes:
                return self._too_large()
            if self._held > _MOST_HELD * self._max_request_bytes:
                return _busy()
        return None

    def _work(self, method: str, path: str, body: bytearray, packed: str) -> rest_api.Answer:
        if packed == "gzip":
            try:
                body = _unpacked(body, self._max_request_bytes)
            except (zlib.error, EOFError) as error:
                return rest_api.failure(
                    status.grpc.StatusCode.INVALID_ARGUMENT, f"the body is no gzip: {error}"
                )
            if body is None:
                return self._too_large()
        elif packed != "identity":
            return rest_api.failure(
                status.grpc.StatusCode.INVALID_ARGUMENT, f"unknown Content-Encoding {packed[:50]!r}"
            )
        return self._api.answer(method, path, body)

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


def _busy() -> rest_api.Answer:
    return rest_api.failure(
        status.grpc.StatusCode.RESOURCE_EXHAUSTED, "too many requests at a time; try again"
    )


def _limited(protocol: web.Server) -> asyncio.Protocol:
    if len(protocol.connections) >= _MOST_CONNECTIONS:
        return _Refused()
    return protocol()


class _Refused(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
