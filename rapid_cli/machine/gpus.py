"""GPUs of this machine that llama.cpp, as it was built, does not use."""

from __future__ import annotations

import platform
import re
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LIBRARY = "llama-cpp-python"
NO_AMX = r"-mno-amx-tile\ -mno-amx-int8\ -mno-amx-bf16"
"""Flags for a compiler; backslashes keep them one argument of CMake."""
NVIDIA = Path("proc/driver/nvidia")
AMD = (Path("dev/kfd"), Path("sys/class/kfd"))
"""What the kernel's driver for computing shows, below the root folder."""

Which = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class IdleGpu:
    """A GPU by its name, and the command that builds llama.cpp for it."""

    name: str
    install: str


def idle_gpu(
    *,
    used: bool,
    root: Path = Path("/"),
    which: Which = shutil.which,
    system: str = sys.platform,
    machine: str = platform.machine(),
) -> IdleGpu | None:
    """Return a GPU of this machine that llama.cpp does not use; None if there is none.

    `used` tells whether llama.cpp computes on a GPU. The other arguments describe the machine: the
    root of its files, what finds programs, and Python's names for it. Nothing is run or loaded.
    """
    if used:
        return None
    if (root / NVIDIA / "version").exists() or which("nvidia-smi"):
        return IdleGpu(_nvidia_name(root), install_command("GGML_CUDA"))
    if any((root / path).exists() for path in AMD):
        return IdleGpu("an AMD GPU", install_command("GGML_HIP"))
    if (system, machine) == ("darwin", "arm64"):
        return IdleGpu("the GPU of Apple Silicon", install_command("GGML_METAL"))
    return None


def install_command(option: str = "", *, amx: bool = True) -> str:
    """Return the command that builds the installed llama.cpp anew, with a CMake option on.

    Without `amx` it is built without these instructions.
    """
    pinned = LIBRARY
    with suppress(PackageNotFoundError):
        pinned = f"{LIBRARY}=={version(LIBRARY)}"
    arguments = [f"-D{option}=on"] if option else []
    arguments += [] if amx else [rf"-DCMAKE_{language}_FLAGS={NO_AMX}" for language in ("C", "CXX")]
    build = f'CMAKE_ARGS="{" ".join(arguments)}" ' if arguments else ""
    return f"{build}pip install --force-reinstall --no-cache-dir {pinned}"


def _nvidia_name(root: Path) -> str:
    """Return the name of the first GPU, from the driver."""
    for path in sorted((root / NVIDIA / "gpus").glob("*/information")):
        with suppress(OSError, UnicodeDecodeError):
            if found := re.search(r"^Model:\s*(\S.*)$", path.read_text("utf-8"), re.MULTILINE):
                return found[1].strip()
    return "an NVIDIA GPU"
