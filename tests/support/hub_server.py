"""A small Hugging Face hub on loopback: repositories, ranges, redirects to a store, and faults."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

PIECE = 1 << 16
LARGE = (".gguf", ".safetensors", ".bin", ".onnx")
"""What is kept beside the repository: its hash is a sha256, and it is served by another server."""
HOLD_SECONDS = 60.0


@dataclass
class Repository:
    """The files of one commit; `token` is what it takes to read them."""

    files: dict[str, bytes]
    commit: str = "0123456789abcdef0123456789abcdef01234567"
    revisions: tuple[str, ...] = ("main",)
    gated: bool = False
    token: str | None = None


@dataclass
class Fault:
    """What goes wrong with the next answers of a kind: "listing" or "file"."""

    kind: str
    times: int = 1
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    drop_after: int | None = None
    hold_after: int | None = None
    pause_seconds: float = 0.0
    short: int | None = None
    corrupt: bool = False
    ranges: bool = True


@dataclass
class Request:
    """What was asked, with which token, and how many bytes of a file were answered."""

    method: str
    path: str
    begins: int
    token: str | None
    served: int = 0


class Hub:
    """What the server has, what is to go wrong, and what it was asked."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.released = threading.Event()
        self.url = self.store = ""

    def served(self) -> int:
        """Return how many bytes of files were sent."""
        return sum(request.served for request in self.requests)

    def asked(self, what: str) -> list[Request]:
        """Return the requests whose path has `what` in it."""
        return [request for request in self.requests if what in request.path]

    def fault(self, kind: str, size: int = 0) -> Fault | None:
        """Return what is to go wrong now, and count it; nothing ends after more than there is."""
        for fault in self.faults:
            ends = max(fault.drop_after or 0, fault.hold_after or 0)
            if fault.kind == kind and fault.times > 0 and ends <= size:
                fault.times -= 1
                return fault
        return None


@contextmanager
def serving() -> Iterator[Hub]:
    """Run a hub and its store of large files as long as the block."""
    hub = Hub()
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), _answering(hub)) for _ in range(2)]
    hub.url, hub.store = (f"http://127.0.0.1:{each.server_port}" for each in servers)
    threads = [threading.Thread(target=each.serve_forever, args=(0.05,)) for each in servers]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        hub.released.set()
        for server in servers:
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join()


def digest(name: str, content: bytes) -> str:
    """Return the hash that the hub gives to a file."""
    if name.endswith(LARGE):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _answering(hub: Hub) -> type[BaseHTTPRequestHandler]:
    return type("Answers", (_Answers,), {"hub": hub})


class _Answers(BaseHTTPRequestHandler):
    """The few paths of the hub that downloading takes."""

    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *words: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        begins = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        self._begins = int(begins[1]) if begins else 0
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        self._request = Request(self.command, self.path, self._begins, token)
        self.hub.requests.append(self._request)
        listing = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path)
        resolve = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        stored = re.fullmatch(r"/store/([^/]+/[^/]+)/(.+)", path)
        if stored:
            self._content(self.hub.repositories[stored[1]].files[stored[2]])
        elif listing:
            self._listing(listing[1], listing[2] or "main")
        elif resolve:
            self._resolve(*resolve.groups())
        else:
            self._fail(404)

    def _repository(self, name: str, revision: str) -> Repository | None:
        """Return a repository that the caller may see at a revision; else answer that."""
        repository = self.hub.repositories.get(name)
        if repository is None or repository.token not in (None, self._request.token):
            self._fail(401, "RepoNotFound")
            return None
        if revision not in (*repository.revisions, repository.commit):
            self._fail(404, "RevisionNotFound")
            return None
        return repository

    def _listing(self, name: str, revision: str) -> None:
        if self._goes_wrong("listing"):
            return
        repository = self._repository(name, revision)
        if repository is None:
            return
        siblings = [_sibling(file, content) for file, content in repository.files.items()]
        found = {"id": name, "sha": repository.commit, "siblings": siblings}
        headers = {"Content-Type": "application/json", "X-HF-Warning": "advice; Set a token."}
        self._send(200, json.dumps(found).encode(), headers)

    def _resolve(self, name: str, revision: str, file: str) -> None:
        repository = self._repository(name, revision)
        if repository is None:
            return
        if repository.gated:
            self._fail(403 if self._request.token else 401, "GatedRepo")
            return
        if file not in repository.files:
            self._fail(404, "EntryNotFound")
            return
        content = repository.files[file]
        etag = digest(file, content)
        headers = {"X-Repo-Commit": repository.commit, "ETag": f'"{etag}"'}
        if not file.endswith(LARGE):
            self._content(content, headers)
            return
        headers |= {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(len(content))}
        self._send(302, b"", headers | {"Location": f"{self.hub.store}/store/{name}/{file}"})

    def _content(self, content: bytes, headers: Mapping[str, str] = {}) -> None:
        """Send a file, or what was asked of it, as well as the fault of the moment lets."""
        fault = self.hub.fault("file", len(content)) or Fault("file")
        if fault.status is not None:
            self._fail(fault.status, headers=fault.headers)
            return
        if fault.corrupt:
            content = bytes(byte ^ 1 for byte in content)
        content = content[: fault.short]
        headers = dict(headers)
        status, whole = 200, len(content)
        if self._begins and fault.ranges:
            if self._begins >= whole:
                self._fail(416)
                return
            content = content[self._begins :]
            headers["Content-Range"] = f"bytes {self._begins}-{whole - 1}/{whole}"
            status = 206
        self._head(status, len(content), headers)
        if self.command == "GET":
            self._send_pieces(content, fault)

    def _send_pieces(self, content: bytes, fault: Fault) -> None:
        end = len(content) if fault.drop_after is None else fault.drop_after
        stop = end if fault.hold_after is None else fault.hold_after
        try:
            for start, last in ((0, stop), (stop, end)):
                for first in range(start, last, PIECE):
                    piece = content[first : min(first + PIECE, last)]
                    self._request.served += len(piece)
                    self.wfile.write(piece)
                    time.sleep(fault.pause_seconds)
                if last == stop != end:
                    self.hub.released.wait(HOLD_SECONDS)
        except OSError:
            return
        if end < len(content):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def _goes_wrong(self, kind: str) -> bool:
        fault = self.hub.fault(kind)
        if fault is None:
            return False
        if fault.status is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._fail(fault.status, headers=fault.headers)
        return True

    def _fail(self, status: int, code: str = "", headers: Mapping[str, str] = {}) -> None:
        self._send(status, b'{"error": "no"}', {"X-Error-Code": code} if code else headers)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self._head(status, len(body), headers)
        if self.command == "GET":
            self.wfile.write(body)

    def _head(self, status: int, length: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()


def _sibling(name: str, content: bytes) -> dict[str, object]:
    size = len(content)
    if not name.endswith(LARGE):
        return {"rfilename": name, "size": size, "blobId": digest(name, content)}
    lfs = {"sha256": digest(name, content), "size": size, "pointerSize": 130}
    return {"rfilename": name, "size": size, "blobId": "0" * 40, "lfs": lfs}
