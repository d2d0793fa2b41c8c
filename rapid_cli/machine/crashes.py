"""A message from a process that native code ends, which would otherwise say nothing."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import sys
from contextlib import suppress

SHOW_CURSOR = "\x1b[?25h"
NAMES = ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE")
"""The signals of a process whose machine code goes wrong."""
HINT = (
    "`rapid doctor` tries each part by itself; if it was llama.cpp, `repack = false` for the model "
    "in models.toml, or --device cpu, may do"
)


def announce() -> None:
    """Let a crash of native code end this process with a sentence and exit code 1, from now on.

    If faulthandler is enabled, it shows where the crash was, and nothing changes.
    """
    if sys.platform == "win32" or faulthandler.is_enabled():
        return
    libc = ctypes.CDLL(None)
    libc.signal.argtypes, libc.signal.restype = (ctypes.c_int, type(_crashed)), ctypes.c_void_p
    for name in NAMES:
        libc.signal(getattr(signal, name), _crashed)


def end(message: str, hint: str) -> None:
    """Say why this process ends, and end it at once, without Python's clean-up."""
    lines = [f"rapid: {message}", f"  {hint}", ""]
    if sys.stderr is not None and sys.stderr.isatty():
        lines[0] = SHOW_CURSOR + lines[0]
    with suppress(OSError):
        os.write(2, ("\n" + "\n".join(lines)).encode("utf-8", "replace"))
    os._exit(1)


@ctypes.CFUNCTYPE(None, ctypes.c_int)  # type: ignore[untyped-decorator]
def _crashed(number: int) -> None:
    """Handle a signal; the thread that got it may be one of a library's own."""
    end(f"a library in native code crashed ({signal.Signals(number).name})", HINT)
