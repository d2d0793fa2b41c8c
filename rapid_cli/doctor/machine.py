"""Checks of what lies below rapid: Python, libraries, memory, disk, terminal, environment."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rapid_cli.config import home
from rapid_cli.doctor.findings import Finding
from rapid_cli.library.chroma_server import TOKEN
from rapid_cli.models.memory import GIB

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from rapid_cli.doctor.examination import Examination

DISTRIBUTION = "rapid-cli"
NAMED = (
    *("llama-cpp-python", "chromadb", "sentence-transformers", "torch", "onnxruntime"),
    *("tokenizers", "pypdf", "pypdfium2", "huggingface-hub", "numpy"),
)
"""Libraries whose versions are worth a look when something is wrong."""
LITTLE_MEMORY, LITTLE_DISK = GIB, 2 * GIB
SHOWN = ("RAPID_HOME", "RAPID_MODELS", "HF_HOME", "HF_HUB_OFFLINE", "HF_ENDPOINT")
SECRET = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", TOKEN)
NARROW = 60
"""Columns; sources and statistics are hard to read on fewer."""
MARKS = "✓✗·…"


def check_python(_: Examination) -> Iterator[Finding]:
    """Tell the versions of rapid and Python, and the platform."""
    try:
        own = version(DISTRIBUTION)
    except PackageNotFoundError:
        own = "of no known version"
    system = f"{platform.system()} {platform.release()}, {platform.machine()}"
    yield Finding("ok", "rapid", f"{own}, with Python {platform.python_version()} on {system}")


def check_libraries(_: Examination) -> Iterator[Finding]:
    """Compare what is installed with what rapid requires; nothing is imported."""
    try:
        wanted = requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        message = "rapid is not installed as a package, so what it requires is not known"
        yield Finding("warning", "libraries", message, "install it with pip")
        return
    findings = list(_wrong(wanted))
    if not findings:
        named = ", ".join(f"{name} {version(name)}" for name in NAMED)
        yield Finding("ok", "libraries", named)
    yield from findings


def _wrong(wanted: Sequence[str]) -> Iterator[Finding]:
    from packaging.requirements import Requirement  # noqa: PLC0415 - slow to import

    for requirement in map(Requirement, wanted):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield from _wrong_one(requirement)


def _wrong_one(requirement: Requirement) -> Iterator[Finding]:
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    exact = f"{requirement.name}{extras}{requirement.specifier}"
    hint = f'pip install "{exact}"'
    try:
        installed = version(requirement.name)
    except PackageNotFoundError:
        yield Finding("failure", "libraries", f"{requirement.name} is not installed", hint)
        return
    if not requirement.specifier.contains(installed, prereleases=True):
        pinned = str(requirement.specifier).startswith("==")
        message = f"{requirement.name} {installed} is installed, and rapid needs {exact}"
        yield Finding("failure" if pinned else "warning", "libraries", message, hint)


def check_memory(examination: Examination) -> Iterator[Finding]:
    """Tell how much memory there is, and how much of it is free."""
    import psutil  # noqa: PLC0415

    from rapid_cli.doctor.examination import NotChecked  # noqa: PLC0415

    memory = psutil.virtual_memory()
    free = memory.available
    try:
        examination.require_engine()
        from rapid_cli.llama import free_memory  # noqa: PLC0415 - loads a native library

        free = free_memory(offloaded=False)  # what a container allows, too
    except NotChecked:
        pass
    text = f"{_gib(free)} of {_gib(memory.total)} are free"
    if free < LITTLE_MEMORY:
        yield Finding("warning", "memory", text, "end other programs before you load a model")
    else:
        yield Finding("ok", "memory", text)


def check_disk(_: Examination) -> Iterator[Finding]:
    """Tell how much room there is where the library lies."""
    folder = existing(home())
    free = shutil.disk_usage(folder).free
    text = f"{_gib(free)} are free at {folder}"
    if free < LITTLE_DISK:
        hint = "make room: `rapid cache clear` removes what models have read"
        yield Finding("warning", "disk", text, hint)
    else:
        yield Finding("ok", "disk", text)


def check_terminal(examination: Examination) -> Iterator[Finding]:
    """Tell how output will look."""
    output = examination.output
    encoding = output.encoding or "ascii"
    try:
        MARKS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        message = f"its encoding {encoding} lacks the marks ✓ and ✗, and most languages' letters"
        yield Finding("warning", "terminal", message, "set PYTHONIOENCODING=utf-8")
        return
    if not output.isatty():
        yield Finding("ok", "terminal", f"standard output is not one: plain text in {encoding}")
        return
    columns = shutil.get_terminal_size().columns
    colour = "without colour, for NO_COLOR is set" if os.environ.get("NO_COLOR") else "in colour"
    text = f"{columns} columns, {encoding}, {colour}"
    if columns < NARROW:
        yield Finding("warning", "terminal", text, f"make the window {NARROW} columns wide")
    else:
        yield Finding("ok", "terminal", text)


def check_environment(_: Examination) -> Iterator[Finding]:
    """Tell what of the environment rapid obeys; never a secret."""
    yield Finding(
        "ok", "environment", ", ".join(_set(os.environ)) or "none of its variables is set"
    )


def _set(environment: Mapping[str, str]) -> Iterator[str]:
    for name in SHOWN:
        if value := environment.get(name):
            yield f"{name}={without_password(value)}"
    for name in SECRET:
        if environment.get(name):
            yield f"{name} is set"


def without_password(value: str) -> str:
    """Return a value, without the name and password that an address in it may carry."""
    try:
        place = urlsplit(value).netloc
    except ValueError:
        return value
    return value.replace(place, f"…@{place.rpartition('@')[2]}", 1) if "@" in place else value


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number of things as people say it."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def existing(folder: Path) -> Path:
    """Return a folder, or the nearest one above it that is there."""
    folder = folder.absolute()
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"
