"""A server on loopback that records whatever arrives, and has nothing to say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import NamedTuple


class Arrived(NamedTuple):
    """One request: what was asked, and with which token."""

    path: str
    token: str | None


@contextmanager
def recording() -> Iterator[tuple[str, list[Arrived]]]:
    """Listen as long as the block; the values are the URL, and what has arrived so far."""
    arrived: list[Arrived] = []

    class Recorder(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            arrived.append(Arrived(self.path, self.headers["Authorization"]))
            self.send_response(404)
            self.end_headers()

        do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", arrived
        finally:
            server.shutdown()
