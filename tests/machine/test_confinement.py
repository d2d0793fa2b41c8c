"""What a process gives up before it reads what others have made."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.repository import REPOSITORY

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits are POSIX's")
PROGRAM = """
import json, resource, sys
from rapid_cli.machine.guard.confinement import allow_seconds, confine
confine(512 << 20, starts_programs=sys.argv[1] == "programs")
allow_seconds(30)
limits = ("AS", "CORE", "CPU", "FSIZE", "NOFILE")
found = {each: resource.getrlimit(getattr(resource, f"RLIMIT_{each}"))[0] for each in limits}
print(json.dumps(found))
"""


def limits(kind: str) -> dict[str, int]:
    words = [sys.executable, "-c", PROGRAM, kind]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=REPOSITORY)
    found: dict[str, int] = json.loads(done.stdout)
    return found


def test_a_reader_is_limited_in_all_that_it_could_use_up() -> None:
    found = limits("none")
    assert found["CORE"] == 0
    assert 30 <= found["CPU"] <= 33, "seconds of computing, of which it has used some"
    assert found["FSIZE"] == 16 << 20
    assert found["NOFILE"] == 256
    if sys.platform == "linux":
        assert found["AS"] == 512 << 20


def test_what_starts_programs_may_write_what_they_need() -> None:
    found, usual = limits("programs"), limits("none")
    assert found["FSIZE"] != usual["FSIZE"]
    assert found["NOFILE"] != usual["NOFILE"]
    assert (found["CORE"], found["AS"]) == (usual["CORE"], usual["AS"])
