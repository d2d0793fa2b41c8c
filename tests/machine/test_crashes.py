"""Native code that crashes: the process says so, whichever thread it was."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rapid_cli.machine import crashes

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it has no such signals")

IN_A_THREAD = "t = threading.Thread(target=ctypes.string_at, args=(0,)); t.start(); t.join()"


@pytest.mark.parametrize(
    ("crash", "name"),
    [
        ("ctypes.string_at(0)", "SIGSEGV"),
        (IN_A_THREAD, "SIGSEGV"),
        ("os.kill(os.getpid(), signal.SIGILL)", "SIGILL"),
        ("os.kill(os.getpid(), signal.SIGBUS)", "SIGBUS"),
        ("os.kill(os.getpid(), signal.SIGFPE)", "SIGFPE"),
    ],
)
def test_a_crash_is_said_in_a_sentence_with_a_hint(crash, name):
    imports = "import ctypes, os, signal, threading\nfrom rapid_cli.machine import crashes\n"
    program = f"{imports}crashes.announce()\n{crash}\nprint('went on')"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    said = f"\nrapid: a library in native code crashed ({name})\n  {crashes.HINT}\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


def test_who_has_python_show_crashes_keeps_that():
    program = (
        "import ctypes\n"
        "from rapid_cli.machine import crashes\n"
        "crashes.announce()\n"
        "ctypes.string_at(0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode < 0
    assert "Fatal Python error: Segmentation fault" in done.stderr
