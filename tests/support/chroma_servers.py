"""A real Chroma server on loopback, for the tests of all that may lie on one."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

CHROMA = Path(sys.executable).parent / "chroma"
START_SECONDS = 60.0
OPENER = build_opener(ProxyHandler({}))
COLLECTIONS = "api/v2/tenants/default_tenant/databases/default_database/collections"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """Start a server on a port and wait for its heartbeat."""
    server = subprocess.Popen(
        [CHROMA, "run", "--path", folder, "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + START_SECONDS
    while not _has_heartbeat(port):
        if server.poll() is not None or time.monotonic() > deadline:
            stop(server)
            raise AssertionError("the Chroma server does not start")
        time.sleep(0.05)
    return server


def stop(server: subprocess.Popen[bytes]) -> None:
    server.kill()
    server.wait()


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Run a server as long as the block; the value is its URL."""
    port = free_port()
    server = start(folder, port)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(server)


def empty(url: str) -> None:
    """Delete all that a server holds."""
    with OPENER.open(f"{url}/{COLLECTIONS}?limit=1000") as answer:
        names = [each["name"] for each in json.load(answer)]
    for name in names:
        OPENER.open(Request(f"{url}/{COLLECTIONS}/{name}", method="DELETE")).close()


def _has_heartbeat(port: int) -> bool:
    try:
        with OPENER.open(f"http://127.0.0.1:{port}/api/v2/heartbeat", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
