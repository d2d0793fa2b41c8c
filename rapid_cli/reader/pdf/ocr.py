"""Scanned PDFs, read through the program ocrmypdf."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import psutil

from rapid_cli.documents import Document
from rapid_cli.errors import DocumentError
from rapid_cli.machine.guard.surroundings import clean_environment
from rapid_cli.reader.cleaning import clean, one_line
from rapid_cli.reader.pdf.page_texts import NEEDS_OCR, Textless
from rapid_cli.reader.pdf.pages import pdf_pages
from rapid_cli.reader.pdf.pdfium import PdfiumFile

PROGRAM = "ocrmypdf"
TIMEOUT_SECONDS = 600.0
"""What OCR may always take."""
PAGE_SECONDS = 30.0
"""What it may take for each page: five times what one of 300 dpi does on a core of its own."""

_INSTALL = (
    "install it: `apt install ocrmypdf`, `brew install ocrmypdf` or see ocrmypdf.readthedocs.io"
)
_STDERR_BYTES = 4096


def read_scanned(path: Path, raw: bytes, takes: Callable[[float], None] | None = None) -> Document:
    """Read a PDF of these bytes after ocrmypdf has added text to the pages without it.

    `takes` is told before for how many seconds at most. The document is the one at `path` in all
    but the text: its id is that of the original bytes.
    """
    program = shutil.which(PROGRAM)
    name = clean(path.name)
    if program is None:
        raise DocumentError(f"{name} needs OCR, and {PROGRAM} is not installed", _INSTALL)
    seconds = _limit(raw)
    if takes:
        takes(seconds)
    with TemporaryDirectory(prefix="rapid-ocr-", ignore_cleanup_errors=True) as folder:
        source, target = Path(folder, "in.pdf"), Path(folder, "out.pdf")
        source.write_bytes(raw)
        _run(program, source, target, name, seconds)
        read = target.read_bytes()
    try:
        pages, notes = pdf_pages(read, name)
    except Textless as error:
        hint = "look at its pages: they may be pictures, or too faint"
        raise DocumentError(f"{name} has no text, and OCR finds none", hint) from error
    notes = tuple(note.replace(NEEDS_OCR, "OCR finds none") for note in notes)
    identity = hashlib.sha256(raw).hexdigest()
    return Document(identity, name, clean(str(path.absolute())), pages, True, notes)


def _limit(raw: bytes) -> float:
    """Return for how many seconds at most OCR of a PDF may go on."""
    try:
        with PdfiumFile(raw) as pdf:
            return max(TIMEOUT_SECONDS, PAGE_SECONDS * len(pdf))
    except Exception:  # what it cannot open, others may
        return TIMEOUT_SECONDS


def _run(program: str, source: Path, target: Path, name: str, seconds: float) -> None:
    """Write the PDF `target` from `source`, which has no other format to be made from."""
    command = [program, "--skip-text", "--quiet", "--output-type", "pdf", str(source), str(target)]
    with (source.parent / "stderr").open("w+b") as stderr:
        code = _wait(command, stderr, source.parent, seconds)
        if code == 0 and target.is_file():
            return
        stderr.seek(max(0, stderr.seek(0, os.SEEK_END) - _STDERR_BYTES))
        lines = stderr.read().decode("utf-8", "replace").strip().splitlines()
    if code is None:
        why = f"it took longer than {seconds / 60:.0f} minutes"
    else:
        why = one_line(lines[-1]).rstrip(".") if lines else f"it ended with code {code}"
    hint = f"run it by hand to see more: {PROGRAM} --skip-text in.pdf out.pdf"
    raise DocumentError(f"{name} cannot be read by {PROGRAM}: {why}", hint)


def _wait(command: list[str], stderr: IO[bytes], folder: Path, seconds: float) -> int | None:
    """Return the exit code of a command, None if it took too long; leave no process behind."""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        env=clean_environment(own={"TMPDIR": str(folder)}),
    ) as started:
        try:
            return started.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if started.returncode is None:  # until then its number is nobody else's
                _kill_all(started.pid)


def _kill_all(pid: int) -> None:
    """Kill a process with all that it started."""
    # They stay in our process group, so that whoever kills that kills them too.
    with suppress(psutil.NoSuchProcess):
        started = psutil.Process(pid)
        for each in [started, *started.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                each.kill()
