"""The devices that llama.cpp computes on: the GPUs of this machine, and its CPU."""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from llama_cpp._ggml import libggml

from rapid_cli.llama import native
from rapid_cli.machine.processor import available_cpus

CPU, GPU, INTEGRATED_GPU = 0, 1, 2
"""ggml's kinds of devices; others, such as BLAS, only help the CPU."""


@dataclass(frozen=True, slots=True)
class ComputeDevice:
    """A device by ggml's pointer, with what it calls itself."""

    handle: int
    kind: int
    name: str

    @property
    def free_bytes(self) -> int:
        """The bytes that are free on it now."""
        return self._memory()[0]

    @property
    def total_bytes(self) -> int:
        """All the bytes of its memory."""
        return self._memory()[1]

    def _memory(self) -> tuple[int, int]:
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        libggml.ggml_backend_dev_memory(self.handle, ctypes.byref(free), ctypes.byref(total))
        return free.value, total.value


_DEVICE, _SIZE = ctypes.c_void_p, ctypes.POINTER(ctypes.c_size_t)
native.declare(
    ("ggml_backend_dev_count", ctypes.c_size_t, ()),
    ("ggml_backend_dev_get", _DEVICE, (ctypes.c_size_t,)),
    ("ggml_backend_dev_type", ctypes.c_int, (_DEVICE,)),
    ("ggml_backend_dev_description", ctypes.c_char_p, (_DEVICE,)),
    ("ggml_backend_dev_memory", None, (_DEVICE, _SIZE, _SIZE)),
)


def described(handle: int) -> ComputeDevice:
    """Return the device behind ggml's pointer."""
    name = libggml.ggml_backend_dev_description(handle).decode("utf-8", "replace").strip()
    return ComputeDevice(handle, libggml.ggml_backend_dev_type(handle), name)


@cache
def _devices() -> tuple[ComputeDevice, ...]:
    native.start()
    count = libggml.ggml_backend_dev_count()
    found = [described(libggml.ggml_backend_dev_get(index)) for index in range(count)]
    return tuple(sorted(found, key=lambda device: device.kind == CPU))


@cache
def accelerators() -> tuple[ComputeDevice, ...]:
    """Return the GPUs that llama.cpp splits a model over: integrated ones only without others."""
    for kind in (GPU, INTEGRATED_GPU):
        if found := tuple(device for device in _devices() if device.kind == kind):
            return found
    return ()


def compute_devices() -> tuple[str, ...]:
    """Name the devices that llama.cpp computes on, accelerators before the CPU."""
    return tuple(device.name for device in _devices())


def named_together(devices: Iterable[ComputeDevice]) -> str:
    """Name several devices in one phrase, and how many there are of each."""
    counts = Counter(device.name for device in devices)
    return ", ".join(name if count == 1 else f"{count} x {name}" for name, count in counts.items())


def machine(*, gpu: bool = True) -> str:
    """Name the devices and threads that the speed of models depends on, as one line.

    Without `gpu`, for models that are computed on the CPU whatever else there is.
    """
    names = compute_devices() if gpu else compute_devices()[-1:]
    return f"{', '.join(names)}; {available_cpus()} threads"


def free_memory(offloaded: bool) -> int:
    """Return the bytes free where layers are computed: on all GPUs together, or in memory."""
    if offloaded and accelerators():
        return sum(device.free_bytes for device in accelerators())
    return native.free_host_memory()
