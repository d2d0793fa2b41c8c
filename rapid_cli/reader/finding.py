"""Which files of a folder are documents, and their bytes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rapid_cli.errors import DocumentError
from rapid_cli.reader import kinds
from rapid_cli.reader.archive import MEGABYTE
from rapid_cli.reader.cleaning import clean
from rapid_cli.reader.plain import HEAD

MAX_FILE = 1024 * MEGABYTE

_DOCUMENTS = {kinds.PDF, kinds.EPUB, kinds.DOCX, *kinds.UNREADABLE}


@dataclass(frozen=True)
class Found:
    """The documents at a path, sorted; how many other files were passed over, by suffix."""

    files: list[Path]
    passed_over: dict[str, int]


def find(path: Path) -> Found:
    """Return the documents at `path`: a file itself, or all documents below a folder.

    Hidden files and folders are skipped, links to folders not followed. Documents of kinds that
    cannot be read are found too: reading them says so. A missing path or a folder without
    documents is a DocumentError.
    """
    try:
        if not path.is_dir():
            path.stat()
            return Found([path], {})
        passed_over: Counter[str] = Counter()
        files = list(_documents(path, passed_over))
    except OSError as error:
        raise _unreadable(path, error) from error
    if not files:
        hint = f"folders are searched for {', '.join(kinds.READABLE_SUFFIXES)}"
        raise DocumentError(f"{clean(str(path))} has no documents", hint)
    return Found(files, dict(sorted(passed_over.items())))


def load(path: Path) -> bytes:
    """Return the bytes of a file, only its head if that shows that it is no document."""
    name = clean(path.name)
    try:
        with path.open("rb") as file:
            # A model given by mistake is gigabytes, and its first bytes are enough to refuse it.
            head = file.read(HEAD)
            if not head.startswith(b"PK") and kinds.kind_of(file, name) == kinds.BINARY:
                return head
            if os.fstat(file.fileno()).st_size > MAX_FILE:
                raise _too_large(name)
            file.seek(0)
            raw = b"".join(_pieces(file))
    except OSError as error:
        raise _unreadable(path, error) from error
    if len(raw) > MAX_FILE:  # it says less than it has, as files of the system do
        raise _too_large(name)
    return raw


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """Yield what is in a file, not much beyond the most that may be; one read would reserve it."""
    total = 0
    while total <= MAX_FILE and (piece := file.read(MEGABYTE)):
        total += len(piece)
        yield piece


def _too_large(name: str) -> DocumentError:
    return DocumentError(
        f"{name} is larger than {MAX_FILE // MEGABYTE:,} MB", "split it into parts"
    )


def _documents(folder: Path, passed_over: Counter[str]) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except PermissionError:
        yield folder  # one closed folder must not hide the others: reading it will say why
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            if not entry.is_symlink():  # a link may lead back up
                yield from _documents(entry, passed_over)
        elif entry.is_file():
            if _is_document(entry):
                yield entry
            else:
                passed_over[clean(entry.suffix.lower())] += 1


def _is_document(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix in kinds.READABLE_SUFFIXES or suffix in kinds.UNREADABLE_SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            kind = kinds.kind_of(file, path.name)
            file.seek(0)
            is_page = kind == kinds.HTML and kinds.is_html_page(file.read(HEAD))
    except (OSError, DocumentError):  # an archive beyond bounds, and of no known suffix
        return False
    return kind in _DOCUMENTS or is_page or (kind in {kinds.TEXT, kinds.HTML} and not suffix)


def _unreadable(path: Path, error: OSError) -> DocumentError:
    name = clean(str(path))
    if isinstance(error, FileNotFoundError):
        return DocumentError(f"{name} does not exist", "check the path for a typing mistake")
    reason = (error.strerror or type(error).__name__).lower()
    return DocumentError(f"{name} cannot be read: {reason}", "give a file that you may read")
