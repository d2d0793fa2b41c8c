"""Ways to run a model where llama.cpp crashes, and what brings its full speed back."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rapid_cli.machine import processor
from rapid_cli.machine.gpus import idle_gpu, install_command
from rapid_cli.models.specs import ModelSpec

AMX = "amx_int8"
"""What Linux calls the instructions that some compilers, such as GCC 12, break in llama.cpp."""
OUT_OF_MEMORY = "SIGKILL"
"""The signal that ends a process where memory is full; it would end any other way to run, too."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way to run a model: with weights repacked for the CPU or not, with GPUs or without."""

    name: str
    repack: bool
    gpu: bool

    def applied(self, spec: ModelSpec) -> ModelSpec:
        """Return `spec` for this way, which only ever switches something off."""
        gpu_layers = spec.gpu_layers if self.gpu else 0
        return replace(spec, repack=spec.repack and self.repack, gpu_layers=gpu_layers)


AS_IT_IS = Way("as it is", repack=True, gpu=True)
NOT_REPACKED = Way("without repacked weights", repack=False, gpu=True)
ON_CPU = Way("on the CPU alone", repack=True, gpu=False)
ON_CPU_NOT_REPACKED = Way("on the CPU alone, without repacked weights", repack=False, gpu=False)
WAYS = {way.name: way for way in (AS_IT_IS, NOT_REPACKED, ON_CPU, ON_CPU_NOT_REPACKED)}
"""All ways by name, in the order in which they are tried."""


@dataclass(frozen=True, slots=True)
class Run:
    """How a model is run here; unless that is as it is, `cause` tells how it ended then."""

    way: Way
    cause: str = ""
    signal: str = ""

    @property
    def note(self) -> str:
        """The way and the cause, to follow a model's name; empty if it runs as it is."""
        return f"runs {self.way.name} here: as it is, {self.cause}" if self.cause else ""

    def told_of(self, name: str) -> str:
        """Return a note on the model of this name; empty if it runs as it is."""
        return f"{name} {self.note}. For its full speed, {self.remedy}" if self.note else ""

    @property
    def remedy(self) -> str:
        """What brings the full speed back, with its command."""
        return remedy(self.signal, gpu=not self.way.gpu)


def ways_for(spec: ModelSpec, *, offloads: bool) -> list[Way]:
    """Return the ways that differ for a model; `offloads` tells whether layers go to a GPU."""
    ways: dict[ModelSpec, Way] = {}
    for way in WAYS.values():
        if offloads or way.gpu:
            ways.setdefault(way.applied(spec), way)
    return list(ways.values())


def remedy(signal: str, *, gpu: bool = False, flags: frozenset[str] | None = None) -> str:
    """Return what helps where llama.cpp ends with a signal, or hangs or gives up without one.

    With `gpu` it does so only if layers are on a GPU. `flags` are the instruction sets of the
    processor, by default those of this machine.
    """
    flags = processor.flags() if flags is None else flags
    if signal == OUT_OF_MEMORY:
        return "free memory, or use a smaller model: the system ends what takes too much"
    if gpu:
        idle = idle_gpu(used=False)
        install = idle.install if idle else install_command("GGML_CUDA")
        return f"update the driver of the GPU, or build llama.cpp for it: {install}"
    if signal == "SIGILL":
        return f"build llama.cpp on this machine, for its own processor: {install_command()}"
    if AMX in flags:
        without = install_command(amx=False)
        return f"build llama.cpp without AMX, which some compilers break: {without}"
    return f"build llama.cpp with another compiler: CC=clang CXX=clang++ {install_command()}"
