"""A TCP proxy that does to answers what networks do."""

import contextlib
import random
import socket
import threading
import time

_AT_ONCE = 2**14


class Proxy:
    """Stands before a server; what it does may be changed at any time.

    Attributes:
        address: "127.0.0.1:port", where it listens.
        latency: Seconds that each piece of an answer is late.
        cut_after: Bytes of answers after which a connection breaks, in mid-answer; None
            for never.
        garbage: How many of the next connections are answered with random bytes.
        silent: How many of the next connections are never answered.
        connections: How many there were.
        answered: Bytes of answers that went through.
    """

    def __init__(self, target: str):
        """Listens on a free port.

        Args:
            target: "host:port" of the server; it need not be there.
        """
        host, _, port = target.rpartition(":")
        self._target = host, int(port)
        self.latency = 0.0
        self.cut_after = None
        self.garbage = self.silent = self.connections = self.answered = 0
        self._open = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        """Ends all connections."""
        self._listener.close()
        for connection in list(self._open):
            _end(connection)

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                self._open.add(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        if self.silent:
            self.silent -= 1
            return
        if self.garbage:
            self.garbage -= 1
            with contextlib.suppress(OSError):
                client.recv(_AT_ONCE)
                client.sendall(random.Random(0).randbytes(500))
            _end(client)
            return
        try:
            server = socket.create_connection(self._target)
        except OSError:
            _end(client)
            return
        self._open.add(server)
        threading.Thread(target=self._copy, args=(client, server), daemon=True).start()
        self._copy(server, client, is_answer=True)

    def _copy(self, source: socket.socket, sink: socket.socket, is_answer: bool = False) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while piece := source.recv(_AT_ONCE):
                if is_answer:
                    time.sleep(self.latency)
                    if self.cut_after is not None:
                        piece = piece[: self.cut_after - passed]
                    passed += len(piece)
                    self.answered += len(piece)
                sink.sendall(piece)
                if is_answer and self.cut_after is not None and passed >= self.cut_after:
                    break
        _end(source)
        _end(sink)


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
