"""The last words of a process that native code ends: without them it would be gone in silence."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import sys
from contextlib import suppress

SHOW_CURSOR = "\x1b[?25h"
NAMES = ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE")
"""What the system sends to a process whose machine code goes wrong."""
HINT = (
    "`rapid doctor` tries each part by itself; if it was llama.cpp, `repack = false` for the model "
    "in models.toml, or --device cpu, may do"
)


def announce() -> None:
    """Let a crash of native code end this process with a sentence and exit code 1, from now on.

    Whoever has Python show where it crashed keeps that.
    """
    if sys.platform == "win32" or faulthandler.is_enabled():
        return
    libc = ctypes.CDLL(None)
    libc.signal.argtypes, libc.signal.restype = (ctypes.c_int, type(_crashed)), ctypes.c_void_p
    for name in NAMES:
        libc.signal(getattr(signal, name), _crashed)


def end(message: str, hint: str) -> None:
    """Say why this process ends, past all that Python would do for it, and end it."""
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
