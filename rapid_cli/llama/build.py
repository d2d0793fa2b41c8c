"""What the installed llama.cpp was built with."""

from __future__ import annotations

import ctypes
import re

import llama_cpp
from llama_cpp._ggml import libggml

from rapid_cli.llama import native

_NO_INSTRUCTIONS = {"LLAMAFILE", "OPENMP", "REPACK", "ACCELERATE"}
"""Features that are parts of llama.cpp and not of a processor."""


native.declare(
    ("ggml_backend_reg_count", ctypes.c_size_t, ()),
    ("ggml_backend_reg_get", ctypes.c_void_p, (ctypes.c_size_t,)),
    ("ggml_backend_reg_name", ctypes.c_char_p, (ctypes.c_void_p,)),
)


def backends() -> list[str]:
    """Return the names of what it was built to compute with, such as CPU and CUDA."""
    native.start()
    found = map(libggml.ggml_backend_reg_get, range(libggml.ggml_backend_reg_count()))
    return [libggml.ggml_backend_reg_name(each).decode() for each in found]


def has_rpc() -> bool:
    """Tell whether it was built to put layers on RPC servers."""
    return "RPC" in backends()


def instructions() -> list[str]:
    """Return the sets of instructions of the processor that it uses, by its own names."""
    native.start()
    _, _, said = llama_cpp.llama_print_system_info().decode().rpartition("CPU : ")
    return [name for name in re.findall(r"(\w+) = 1", said) if name not in _NO_INSTRUCTIONS]
