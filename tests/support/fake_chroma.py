"""A server on loopback that speaks as Chroma does, and says whatever a test wants it to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

TENANT, DATABASE = "default_tenant", "default_database"
COLLECTION_ID = "e1f4050c-3afb-425b-b3e8-ee8888e6a6fa"
NO_FUNCTION = {"hnsw": {"space": "cosine"}, "spann": None, "embedding_function": {"type": "legacy"}}


def collection(
    name: str,
    metadata: dict[str, Any],
    configuration: dict[str, Any] | None = None,
    schema: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what a server says of a collection."""
    return {
        "id": COLLECTION_ID,
        "name": name,
        "configuration_json": configuration or NO_FUNCTION,
        "schema": schema,
        "metadata": metadata,
        "dimension": None,
        "tenant": TENANT,
        "database": DATABASE,
        "log_position": 0,
        "version": 0,
    }


@dataclass
class FakeChroma:
    """What a server answers; `collections` are given one after the other, the last for good."""

    collections: list[dict[str, Any]]
    query: dict[str, Any] = field(default_factory=dict)
    get: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, path: str) -> object:
        last = path.rpartition("/")[2]
        self.asked.append(last)
        if "/collections" in path and last in ("query", "get"):
            return self.query if last == "query" else self.get
        if last in ("upsert", "delete"):
            return {}
        if "/collections" in path:
            return self.collections.pop(0) if len(self.collections) > 1 else self.collections[0]
        return {
            "version": "1.0.0",
            "identity": {"user_id": "", "tenant": TENANT, "databases": [DATABASE]},
            "pre-flight-checks": {"max_batch_size": 100},
            TENANT: {"name": TENANT},
            DATABASE: {"id": COLLECTION_ID, "name": DATABASE, "tenant": TENANT},
        }[last]


@contextmanager
def saying(fake: FakeChroma) -> Iterator[FakeChroma]:
    """Serve a fake as long as the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            body = json.dumps(fake.answer(self.command, self.path)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        web.daemon_threads = True
        Thread(target=web.serve_forever, args=(0.02,), daemon=True).start()
        fake.url = f"http://127.0.0.1:{web.server_port}"
        try:
            yield fake
        finally:
            web.shutdown()
