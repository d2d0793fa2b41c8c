"""Errors for libraries that cannot be loaded: what is missing, and what helps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from rapid_cli.errors import LibraryError, RapidError
from rapid_cli.machine.gpus import LIBRARY, install_command

LONGEST_REASON = 300
_FILE = r"([^\s:'\"]+\.(?:so|dylib|dll)[.\d]*)"
_MISSING = rf"{_FILE}: cannot open shared object file|Library not loaded: (?:\S*/)?{_FILE}"
_TOO_NEW = rf"{_FILE}: version `([\w.]+)' not found"
_PACKAGES: dict[str | tuple[str, ...], str] = {
    "libcuda.": "install the driver of the GPU, which brings it",
    ("libcu", "libnv"): "let LD_LIBRARY_PATH name the folder of the CUDA toolkit that has it, such "
    "as /usr/local/cuda/lib64",
    ("libhip", "libroc"): "let LD_LIBRARY_PATH name the folder of ROCm that has it, such as "
    "/opt/rocm/lib",
    "libvulkan.": "install it: apt install libvulkan1, or dnf install vulkan-loader",
    "libgomp.": "install it: apt install libgomp1, or dnf install libgomp",
    "libomp.": "install it: brew install libomp, or apt install libomp5",
    "libstdc++.": "install it: apt install libstdc++6, or dnf install libstdc++",
}
"""What helps if a library file is missing, by the beginning of its name."""


@contextmanager
def importing(name: str) -> Iterator[None]:
    """Turn any error of a library's import into a LibraryError that names what is missing.

    `name` is what pip calls the library.
    """
    try:
        yield
    except RapidError:
        raise
    except Exception as error:  # each library raises errors of its own
        raise unloadable(name, error) from error


def unloadable(name: str, error: Exception) -> LibraryError:
    """Return the error for a library whose import raised another one."""
    said = str(error).strip() or type(error).__name__
    again = _install(name)
    if isinstance(error, ModuleNotFoundError) and error.name:
        missing = error.name.partition(".")[0]
        return LibraryError(
            f"{name} cannot be loaded: there is no module {error.name}",
            f"install it: pip install {name if missing in name.replace('-', '_') else missing}",
        )
    if found := re.search(_TOO_NEW, said):
        return LibraryError(
            f"{name} was built for a newer system: {_base(found[1])} here has no {found[2]}",
            f"get it for this system: {again}",
        )
    if found := re.search(_MISSING, said):
        file = _base(found[1] or found[2])
        return LibraryError(
            f"{name} cannot be loaded: the library {file} is missing", _what_brings(file, again)
        )
    if "DLL load failed" in said:
        hint = f"install Microsoft's Visual C++ Redistributable, or: {again}"
        return LibraryError(f"{name} cannot be loaded: {_first_line(said)}", hint)
    return LibraryError(f"{name} cannot be loaded: {_first_line(said)}", f"install it: {again}")


def unimportable(error: ImportError) -> LibraryError:
    """Return the error for a library that was imported without `importing`."""
    return unloadable((error.name or "a library").partition(".")[0], error)


def _what_brings(file: str, again: str) -> str:
    known = (hint for begin, hint in _PACKAGES.items() if file.startswith(begin))
    hint = next(known, "install what brings it, or let LD_LIBRARY_PATH name its folder")
    return f"{hint}; or install anew without it: {again}"


def _install(name: str) -> str:
    """Return the command that installs a library again, made for this system."""
    return install_command() if name == LIBRARY else f"pip install --force-reinstall {name}"


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _first_line(said: str) -> str:
    return said.splitlines()[0][:LONGEST_REASON]
