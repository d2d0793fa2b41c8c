"""What code that a file has brought to run could do in the process that reads it."""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path

import pytest

from rapid_cli.reader.workers import Extractor

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems confine less")

# It stands in for the library that reads HTML, and does what a hostile one would.
HOSTILE = """
import json, os, socket, sys
from pathlib import Path

def tried(what):
    try:
        what()
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return "done"

def fork():
    if os.fork() == 0:
        os._exit(0)

def write():
    with open(HERE / "large", "wb") as file:
        for _ in range(40):
            file.write(bytes(1 << 20))

HERE = Path(__file__).parent.parent
found = {
    "environment": dict(os.environ),
    "network": os.stat("/proc/self/ns/net").st_ino,
    "connected": tried(lambda: socket.create_connection(("127.0.0.1", PORT), 2)),
    "forked": tried(fork),
    "written": tried(write),
    "user": os.getuid(),
    "status": Path("/proc/self/status").read_text(),
}
(HERE / "found.json").write_text(json.dumps(found))
raise ImportError("no more")
"""
Found = dict[str, object]


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Found:
    """What hostile code has found in a reader, beside which a server listens."""
    monkeypatch.setenv("RAPID_STORE_TOKEN", "secret")
    monkeypatch.setenv("HF_TOKEN", "secret")
    (tmp_path / "lxml").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        program = HOSTILE.replace("PORT", str(server.getsockname()[1]))
        (tmp_path / "lxml" / "__init__.py").write_text(program)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
        page = tmp_path / "page.html"
        page.write_text("<html><p>text</html>")
        with Extractor(workers=1) as extractor:
            list(extractor.read_ahead([page]))
    read: Found = json.loads((tmp_path / "found.json").read_text())
    return read


def test_it_finds_no_token(found: Found) -> None:
    environment = found["environment"]
    assert isinstance(environment, dict)
    assert "PATH" in environment
    assert "secret" not in environment.values()


def test_it_reaches_no_network(found: Found) -> None:
    if found["network"] == Path("/proc/self/ns/net").stat().st_ino:
        pytest.skip("this system lets no process give up its network")
    assert str(found["connected"]).startswith("OSError")


def test_it_writes_no_large_file(found: Found) -> None:
    assert str(found["written"]).startswith("OSError: [Errno 27]")


def test_it_starts_no_process(found: Found) -> None:
    if os.geteuid() == 0:
        pytest.skip("the administrator may start as many as there can be")
    assert str(found["forked"]).startswith("BlockingIOError")


def test_it_gains_no_rights_and_is_who_it_was(found: Found) -> None:
    assert "NoNewPrivs:\t1" in str(found["status"])
    assert found["user"] == os.getuid()
    if os.geteuid():
        assert "CapEff:\t0000000000000000" in str(found["status"])
