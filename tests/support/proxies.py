"""Proxies on loopback, of the kinds HTTP and SOCKS5, which let through or refuse."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import ClassVar

GRANTED, REFUSED = 0, 2
TO_NAME = 3


@contextmanager
def refusing(status: int) -> Iterator[str]:
    """Run an HTTP proxy that answers all with a status; the value is its address."""

    class Refuse(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_CONNECT = do_GET  # noqa: N815 - so it is called

        def log_message(self, *_: object) -> None:
            pass

    with _serving(ThreadingHTTPServer(("127.0.0.1", 0), Refuse)) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def relaying(port: int | None) -> Iterator[tuple[str, list[str]]]:
    """Run a SOCKS5 proxy that sends all to a port of this machine, or refuses all.

    The value is its address, and the names of those it was asked for.
    """
    asked: list[str] = []
    handler = type("Relays", (_Relay,), {"port": port, "asked": asked})
    with _serving(_Threads(("127.0.0.1", 0), handler)) as own:
        yield f"socks5://127.0.0.1:{own}", asked


class _Threads(ThreadingTCPServer):
    daemon_threads = True


class _Relay(StreamRequestHandler):
    port: ClassVar[int | None]
    asked: ClassVar[list[str]]

    def handle(self) -> None:
        _, methods = self.rfile.read(2)
        self.rfile.read(methods)
        self.wfile.write(b"\x05\x00")
        self.asked.append(self._destination())
        answer = REFUSED if self.port is None else GRANTED
        self.wfile.write(bytes([5, answer, 0, 1, 0, 0, 0, 0, 0, 0]))
        if self.port is not None:
            with socket.create_connection(("127.0.0.1", self.port)) as there:
                back = threading.Thread(target=_copy, args=(there, self.connection), daemon=True)
                back.start()
                _copy(self.connection, there)
                back.join()

    def _destination(self) -> str:
        kind = self.rfile.read(4)[3]
        if kind == TO_NAME:
            name = self.rfile.read(self.rfile.read(1)[0]).decode()
        else:
            name = socket.inet_ntoa(self.rfile.read(4))
        return f"{name}:{int.from_bytes(self.rfile.read(2))}"


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def _serving(server: ThreadingTCPServer) -> Iterator[int]:
    with server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
