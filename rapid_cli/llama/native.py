"""llama.cpp as a library of the process: its start, its log, its devices, its interruption."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Protocol

import llama_cpp
from llama_cpp._ggml import libggml

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


@cache
def start() -> None:
    """Initialise the backends once a process, and send llama.cpp's log into `logging`."""
    llama_cpp.llama_log_set(_log, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()


@contextmanager
def recorded_errors() -> Iterator[list[str]]:
    """Collect what llama.cpp logs as errors, to say why a call returned nothing."""
    _errors.clear()
    yield _errors


class _CString(Protocol):
    def __call__(self, device: ctypes.c_void_p, /) -> bytes: ...


@cache
def compute_devices() -> tuple[str, ...]:
    """Name the devices that llama.cpp computes on, accelerators before the CPU."""
    start()
    get = libggml.ggml_backend_dev_get
    get.argtypes, get.restype = [ctypes.c_size_t], ctypes.c_void_p
    devices = [ctypes.c_void_p(get(i)) for i in range(libggml.ggml_backend_dev_count())]
    kind = libggml.ggml_backend_dev_type
    kind.argtypes, kind.restype = [ctypes.c_void_p], ctypes.c_int
    devices.sort(key=lambda device: kind(device) == 0)  # GGML_BACKEND_DEVICE_TYPE_CPU
    return tuple(_device_name(device) for device in devices)


def _device_name(device: ctypes.c_void_p) -> str:
    describe = libggml.ggml_backend_dev_description
    describe.argtypes, describe.restype = [ctypes.c_void_p], ctypes.c_char_p
    return str(describe(device).decode("utf-8", "replace")).strip()


def available_threads() -> int:
    """Return the number of CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Interruption:
    """Whether Ctrl-C was pressed while a native call was running.

    A native call returns to Python only when it is done, which can take minutes. llama.cpp asks
    `callback` between the steps of its graph (on CPU and Metal) whether to give up.
    """

    def __init__(self) -> None:
        self._requested = False
        self.callback = llama_cpp.ggml_abort_callback(self._asked)

    def _asked(self, _user_data: ctypes.c_void_p) -> bool:
        return self._requested

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Turn Ctrl-C into the callback's answer, and raise KeyboardInterrupt afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._requested = False
        previous = signal.signal(signal.SIGINT, self._request)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)
        if self._requested:
            raise KeyboardInterrupt

    def _request(self, _signal: int, _frame: object) -> None:
        self._requested = True
