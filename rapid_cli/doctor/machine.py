"""Checks of what lies below rapid: Python, libraries, memory, disk, terminal, environment."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rapid_cli.config import home
from rapid_cli.doctor.examination import Examination
from rapid_cli.doctor.findings import Finding, NotChecked, ok_unless
from rapid_cli.machine.guard.secrets import CLIENT_TOKEN, PLAIN_HTTP, TOKEN, TOKEN_URL
from rapid_cli.models.memory import GIB, gib

if TYPE_CHECKING:
    from packaging.requirements import Requirement

DISTRIBUTION = "rapid-cli"
NAMED = (
    *("llama-cpp-python", "chromadb", "sentence-transformers", "torch", "onnxruntime"),
    *("tokenizers", "pypdf", "pypdfium2", "huggingface-hub", "numpy", "starlette", "uvicorn"),
)
"""Libraries whose versions are worth a look when something is wrong."""
LITTLE_MEMORY, LITTLE_DISK = GIB, 2 * GIB
SHOWN = (
    *("RAPID_HOME", "RAPID_MODELS", TOKEN_URL, PLAIN_HTTP),
    *("HF_HOME", "HF_HUB_OFFLINE", "HF_ENDPOINT"),
)
SECRET = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", TOKEN, CLIENT_TOKEN)
NARROW = 60
"""Columns; sources and statistics are hard to read on fewer."""
MARKS = "✓✗·…"


def check_python(_: Examination) -> Finding:
    """Tell the versions of rapid and Python, and the platform."""
    try:
        own = version(DISTRIBUTION)
    except PackageNotFoundError:
        own = "of no known version"
    system = f"{platform.system()} {platform.release()}, {platform.machine()}"
    return Finding("ok", "rapid", f"{own}, with Python {platform.python_version()} on {system}")


def check_libraries(_: Examination) -> Iterator[Finding]:
    """Compare what is installed with what rapid requires; nothing is imported."""
    try:
        wanted = requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        message = "rapid is not installed as a package, so what it requires is not known"
        yield Finding("warning", "libraries", message, "install it with pip")
        return
    wrong = list(_wrong(wanted))
    yield from wrong
    if not wrong:
        named = ", ".join(f"{name} {version(name)}" for name in NAMED)
        yield Finding("ok", "libraries", named)


def _wrong(wanted: Sequence[str]) -> Iterator[Finding]:
    """Tell what is missing of the required libraries, or installed in another version."""
    from packaging.requirements import Requirement  # noqa: PLC0415 - slow to import

    for requirement in map(Requirement, wanted):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield from _wrong_one(requirement)


def _wrong_one(requirement: Requirement) -> Iterator[Finding]:
    exact = str(requirement).partition(";")[0]  # without its marker
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


def check_memory(examination: Examination) -> Finding:
    """Tell how much memory there is, and how much of it is free."""
    import psutil  # noqa: PLC0415

    memory = psutil.virtual_memory()
    free = memory.available
    with suppress(NotChecked):
        examination.require_engine()
        from rapid_cli.llama import free_memory  # noqa: PLC0415 - loads a native library

        free = free_memory(offloaded=False)  # what a container allows, too
    text = f"{gib(free)} of {gib(memory.total)} are free"
    hint = "end other programs before you load a model"
    return ok_unless(free < LITTLE_MEMORY, "memory", text, hint)


def check_disk(_: Examination) -> Finding:
    """Tell how much room there is where the library lies."""
    folder = existing(home())
    free = shutil.disk_usage(folder).free
    hint = "make room: `rapid cache clear` removes what models have read"
    return ok_unless(free < LITTLE_DISK, "disk", f"{gib(free)} are free at {folder}", hint)


def check_terminal(examination: Examination) -> Finding:
    """Tell how output will look."""
    output = examination.output
    encoding = output.encoding or "ascii"
    try:
        MARKS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        message = f"its encoding {encoding} lacks the marks ✓ and ✗, and most languages' letters"
        return Finding("warning", "terminal", message, "set PYTHONIOENCODING=utf-8")
    if not output.isatty():
        return Finding("ok", "terminal", f"standard output is not one: plain text in {encoding}")
    columns = shutil.get_terminal_size().columns
    colour = "without colour, for NO_COLOR is set" if os.environ.get("NO_COLOR") else "in colour"
    text = f"{columns} columns, {encoding}, {colour}"
    hint = f"make the window {NARROW} columns wide"
    return ok_unless(columns < NARROW, "terminal", text, hint)


def check_environment(_: Examination) -> Finding:
    """Tell what of the environment rapid obeys; never a secret."""
    told = {name: f"{name}={without_password(os.environ.get(name, ''))}" for name in SHOWN}
    told |= {name: f"{name} is set" for name in SECRET}
    is_set = ", ".join(said for name, said in told.items() if os.environ.get(name))
    return Finding("ok", "environment", is_set or "none of its variables is set")


def without_password(value: str) -> str:
    """Return a value, without the name and password that an address in it may carry."""
    try:
        place = urlsplit(value).netloc
    except ValueError:
        return value
    return value.replace(place, f"…@{place.rpartition('@')[2]}", 1) if "@" in place else value


def existing(folder: Path) -> Path:
    """Return a folder, or the nearest one above it that is there."""
    folder = folder.absolute()
    return next(path for path in (folder, *folder.parents) if path.is_dir())
