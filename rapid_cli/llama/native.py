"""llama.cpp in this process: starting it, its log, interrupting it, and how it gives up."""

from __future__ import annotations

import ctypes
import logging
import re
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import llama_cpp
from llama_cpp._ggml import libggml

from rapid_cli.machine import control_groups, crashes, stopping

logger = logging.getLogger("rapid_cli.llama")

_LEVELS = {3: logging.INFO, 4: logging.INFO}
"""ggml's levels: what it calls information is too detailed for anyone but a debugger."""

_errors: list[str] = []


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _log(level: int, text: bytes, _user_data: ctypes.c_void_p) -> None:
    line = text.decode("utf-8", "replace").strip()
    if line and level == 4:  # GGML_LOG_LEVEL_ERROR
        _errors.append(line)
    if line:
        logger.log(_LEVELS.get(level, logging.DEBUG), line)


def _give_up(message: bytes) -> None:
    """Say why llama.cpp ends the process, and end it: its own way is a dump of the stack."""
    reason = re.sub(r"^\S+:\d+: ", "", message.decode("utf-8", "replace").strip())
    crashes.end(f"llama.cpp gave up: {reason}", _hint(reason))


_given_up = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(_give_up)


def _hint(reason: str) -> str:
    if "RPC" in reason:
        return "a machine that `rpc` in models.toml names no longer answers: see to it, ask again"
    return "what was read of a text is kept up to its last checkpoint: try again with --verbose"


@cache
def start() -> None:
    """Initialise the backends once a process, and send llama.cpp's log into `logging`."""
    llama_cpp.llama_log_set(_log, ctypes.c_void_p(0))
    libggml.ggml_set_abort_callback(_given_up)
    llama_cpp.llama_backend_init()


@contextmanager
def recorded_errors() -> Iterator[list[str]]:
    """Collect what llama.cpp logs as errors, to say why a call returned nothing."""
    _errors.clear()
    yield _errors


def reason(errors: Sequence[str]) -> str:
    """Return the first of some recorded errors, or say that there is none."""
    return errors[0] if errors else "llama.cpp gave no reason"


def declare(*functions: tuple[str, object, Sequence[object]]) -> None:
    """Tell ctypes of functions of ggml: their names, results and arguments."""
    for name, result, arguments in functions:
        function = getattr(libggml, name)
        function.restype, function.argtypes = result, arguments


def engine() -> str:
    """Name the library, whose version decides how fast it is and what its files hold."""
    return f"llama-cpp-python {llama_cpp.__version__}"


def free_host_memory() -> int:
    """Return the bytes of memory that this process may still take."""
    import psutil  # noqa: PLC0415 - a machine that only measures speed may lack it

    return min(int(psutil.virtual_memory().available), control_groups.free_bytes())


_ENDING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGHUP", "SIGTERM") if hasattr(signal, name)
)
"""Ctrl-C, the end of the terminal, and the wish of the system or of another program."""


class Interruption:
    """Whether a native call is to end early: for a signal that ends the command, or as wished.

    A native call returns to Python only when it is done, which can take minutes. llama.cpp asks
    `callback` between the steps of its graph (on CPU and Metal) whether to give up. What a signal's
    handler raises would be lost there, so it is called afterwards. Signals come to the main thread
    alone; other threads are stopped as `machine.stopping` says.
    """

    def __init__(self) -> None:
        self._caught: int | None = None
        self._wish = stopping.wish()
        self.callback = llama_cpp.ggml_abort_callback(self._asked)

    def _asked(self, _user_data: ctypes.c_void_p) -> bool:
        return self._caught is not None or self._wish()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Let the callback say so, and raise afterwards: what the handler raises, or Stopped."""
        self._wish = stopping.wish()
        if threading.current_thread() is not threading.main_thread():
            yield
            if self._wish():
                raise stopping.Stopped
            return
        self._caught = None
        usual = {each: signal.getsignal(each) for each in _ENDING}
        handlers = {each: handler for each, handler in usual.items() if callable(handler)}
        for each in handlers:
            signal.signal(each, self._catch)
        try:
            yield
        finally:
            for each, handler in handlers.items():
                signal.signal(each, handler)
        if self._caught is not None:
            handlers[signal.Signals(self._caught)](self._caught, None)

    def _catch(self, number: int, _frame: object) -> None:
        self._caught = self._caught or number
