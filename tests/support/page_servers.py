"""A server that answers the page as `rapid serve` does, by a script and without models."""

from __future__ import annotations

import json
import struct
import threading
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.repository import REPOSITORY

PAGE = REPOSITORY / "rapid_cli" / "serving" / "page"
KINDS = {"html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
Event = tuple[str, Any]
"""A name, and what is said; under "wait" seconds of silence, under "comment" what is no event."""


@dataclass
class Script:
    """What a server says, and what it was asked."""

    sources: list[dict[str, Any]] = field(default_factory=list)
    events: Iterable[Event] = ()
    passage: dict[str, Any] = field(default_factory=dict)
    token: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    looked: list[dict[str, str]] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    marked: bool = True
    has_pages: bool = True


@contextmanager
def serving(script: Script) -> Iterator[str]:
    """Serve by a script; the value is the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if url.path == "/" or url.path.startswith("/static/"):
                self._file(url.path.removeprefix("/static/").strip("/") or "index.html")
            elif not self._is_let_in():
                self._error(401, "the token is missing or wrong")
            elif url.path == "/v1/sources":
                self._json({"sources": script.sources})
            elif url.path in {"/v1/page", "/v1/passage"}:
                self._look(url.path, {key: value[0] for key, value in parse_qs(url.query).items()})
            else:
                self._error(404, "there is nothing at this address")

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not self._is_let_in():
                self._error(401, "the token is missing or wrong")
                return
            script.asked.append(body)
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            with suppress(OSError):
                for name, said in script.events:
                    self._tell(name, said)
                return
            script.left.set()

        def _tell(self, name: str, said: Any) -> None:
            if name == "wait":
                time.sleep(said)
            elif name == "comment":
                self.wfile.write(f": {said}\n\n".encode())
            else:
                self.wfile.write(f"event: {name}\ndata: {json.dumps(said)}\n\n".encode())

        def _is_let_in(self) -> bool:
            said = self.headers.get("Authorization", "")
            return not script.token or said == f"Bearer {script.token}"

        def _look(self, path: str, asked: dict[str, str]) -> None:
            script.looked.append({"at": path, **asked})
            if path == "/v1/passage":
                self._json(script.passage)
            elif script.has_pages:
                marked = "true" if script.marked else "false"
                self._send(200, "image/png", png(), {"X-Rapid-Marked": marked})
            else:
                self._error(422, "the file is gone")

        def _file(self, name: str) -> None:
            path = PAGE / name
            headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}
            self._send(200, KINDS[path.suffix[1:]], path.read_bytes(), headers)

        def _json(self, said: Any, status: int = 200) -> None:
            self._send(status, "application/json", json.dumps(said).encode(), {})

        def _error(self, status: int, message: str) -> None:
            self._json({"error": {"message": message}}, status)

        def _send(self, status: int, kind: str, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def png(width: int = 60, height: int = 80) -> bytes:
    """Return a white picture."""

    def part(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = (b"\0" + b"\xff" * width) * height
    parts = part(b"IHDR", head) + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def source(name: str, **fields: Any) -> dict[str, Any]:
    """Return a document as `GET /v1/sources` tells it."""
    usual = {"document_id": f"id-of-{name}", "path": f"/home/me/{name}", "pages": 1, "chunks": 3}
    return {"name": name, "embedded": True, "indexed_at": "2026-01-01", **usual, **fields}


def passage(name: str, **fields: Any) -> dict[str, Any]:
    """Return a source of an answer."""
    usual = {"page": None, "last_page": None, "page_label": None, "section": None}
    more = {"score": 1.0, "text": "The ferry leaves at nine.", "path": f"/home/me/{name}"}
    return {"document": name, "document_id": f"id-of-{name}", **usual, **more, **fields}


def citation(start: int, end: int, *places: tuple[int, dict[str, Any]]) -> dict[str, Any]:
    """Return a sentence of an answer, with the numbers of sources and what of them is quoted."""
    return {
        "start": start,
        "end": end,
        "sources": [number for number, _ in places],
        "support": 0.9 if places else 0.1,
        "places": [place for _, place in places],
    }


def answer(text: str, **fields: Any) -> dict[str, Any]:
    """Return an answer as `rapid ask --json` prints it."""
    seconds = {"first_token": 1.25}
    stats = {
        **{"tokens": 15, "drafted": 12, "transferred": 0, "acceptance_rate": 0.75},
        **{"mean_acceptance_length": 2.5, "tokens_per_second": 20.0, "speedup": 1.5},
        **{"device": "a processor", "seconds": seconds},
    }
    usual = {"answer": text, "absent": False, "finish_reason": "stop", "strategy": "rapid"}
    return {**usual, "sources": [], "citations": [], "stats": stats, **fields}
