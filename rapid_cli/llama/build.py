"""What the installed llama.cpp was built with, and the devices that it sees."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from typing import Literal

import llama_cpp
from llama_cpp._ggml import libggml

from rapid_cli.llama import native

Kind = Literal["cpu", "gpu", "accelerator"]
_KINDS: dict[int, Kind] = {0: "cpu", 1: "gpu", 2: "gpu"}
"""GGML_BACKEND_DEVICE_TYPE_CPU, _GPU and _IGPU; whatever else there is helps the CPU."""
_NO_INSTRUCTIONS = {"LLAMAFILE", "OPENMP", "REPACK", "ACCELERATE"}
"""Features that are parts of llama.cpp and not of a processor."""


@dataclass(frozen=True, slots=True)
class Device:
    """What llama.cpp can compute on, and the bytes of its memory."""

    name: str
    kind: Kind
    free_bytes: int
    total_bytes: int


def _declare() -> None:
    """Tell ctypes the functions of ggml-backend.h that are used here."""
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    for name, result, arguments in (
        ("ggml_backend_reg_count", size, ()),
        ("ggml_backend_reg_get", pointer, (size,)),
        ("ggml_backend_reg_name", ctypes.c_char_p, (pointer,)),
        ("ggml_backend_reg_by_name", pointer, (ctypes.c_char_p,)),
        ("ggml_backend_dev_count", size, ()),
        ("ggml_backend_dev_get", pointer, (size,)),
        ("ggml_backend_dev_type", ctypes.c_int, (pointer,)),
        ("ggml_backend_dev_description", ctypes.c_char_p, (pointer,)),
        ("ggml_backend_dev_memory", None, (pointer, ctypes.POINTER(size), ctypes.POINTER(size))),
    ):
        function = getattr(libggml, name)
        function.restype, function.argtypes = result, arguments


_declare()


def backends() -> list[str]:
    """Return the names of what it was built to compute with, such as CPU and CUDA."""
    native.start()
    found = map(libggml.ggml_backend_reg_get, range(libggml.ggml_backend_reg_count()))
    return [libggml.ggml_backend_reg_name(each).decode() for each in found]


def uses_other_machines() -> bool:
    """Tell whether it was built to put layers on llama.cpp's RPC servers."""
    native.start()
    return libggml.ggml_backend_reg_by_name(b"RPC") is not None


def instructions() -> list[str]:
    """Return the sets of instructions of the processor that it uses, by its own names."""
    native.start()
    _, _, said = llama_cpp.llama_print_system_info().decode().rpartition("CPU : ")
    return [name for name in re.findall(r"(\w+) = 1", said) if name not in _NO_INSTRUCTIONS]


def devices() -> list[Device]:
    """Return what it can compute on here."""
    native.start()
    found = map(libggml.ggml_backend_dev_get, range(libggml.ggml_backend_dev_count()))
    return [_device(ctypes.c_void_p(each)) for each in found]


def _device(pointer: ctypes.c_void_p) -> Device:
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    libggml.ggml_backend_dev_memory(pointer, ctypes.byref(free), ctypes.byref(total))
    return Device(
        libggml.ggml_backend_dev_description(pointer).decode("utf-8", "replace").strip(),
        _KINDS.get(libggml.ggml_backend_dev_type(pointer), "accelerator"),
        free.value,
        total.value,
    )
