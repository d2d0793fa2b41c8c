"""Which files of a folder are documents, and their bytes."""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rapid_cli.errors import DocumentError
from rapid_cli.machine.paths import CHECK_PATH, QUESTION_LAST, meant
from rapid_cli.machine.shortage import shortage_hint
from rapid_cli.reader import kinds
from rapid_cli.reader.archive import MEGABYTE
from rapid_cli.reader.cleaning import clean
from rapid_cli.reader.plain import HEAD

MAX_FILE = 1024 * MEGABYTE

_DOCUMENTS = {kinds.PDF, kinds.EPUB, kinds.DOCX, kinds.LOCKED, *kinds.UNREADABLE}


# What else than files there is where documents are, by its mode.
_NO_FILES = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_FOLDER_LINK, _CIRCLE = "leading to a folder elsewhere", "leading in a circle"


@dataclass(frozen=True)
class Found:
    """The documents at a path, sorted; how many other files were passed over, by suffix or kind."""

    files: list[Path]
    passed_over: dict[str, int]


def find(path: Path) -> Found:
    """Return the documents at `path`: a file itself, or all documents below a folder.

    Hidden files and folders are skipped, links to folders not followed. What cannot be read is
    found too where it is called like a document: reading it says why. A missing path or a folder
    without documents is a DocumentError.
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
        _check_file(path, name)
        with path.open("rb") as file:
            # A model given by mistake is gigabytes, and its first bytes are enough to refuse it.
            head = file.read(HEAD)
            if not head.startswith(b"PK") and kinds.kind_of(file, name) == kinds.BINARY:
                return head
            size = os.fstat(file.fileno()).st_size
            if size > MAX_FILE:
                raise _too_large(name)
            file.seek(0)
            # Files of the system say that they are empty; of others no byte is held twice.
            raw = file.read(size + 1) if size else b"".join(_pieces(file))
    except OSError as error:
        raise _unreadable(path, error) from error
    if len(raw) > MAX_FILE:
        raise _too_large(name)
    return raw


def _check_file(path: Path, name: str) -> None:
    """Raise DocumentError if nothing or something else than a file is at a path."""
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
    except FileNotFoundError:
        if not path.is_symlink():
            raise
        target = clean(str(path.readlink()))
        hint = "mend the link, or remove it"
        raise DocumentError(f"{name} is a link to {target}, which does not exist", hint) from None
    if kind in _NO_FILES:
        raise DocumentError(f"{name} is {_NO_FILES[kind]} and no file", "give a file")


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


def _documents(root: Path, passed_over: Counter[str]) -> Iterator[Path]:
    waiting = [root]
    while waiting:
        path = waiting.pop()
        try:
            mode = path.stat().st_mode
            if stat.S_ISDIR(mode):
                if path == root or not path.is_symlink():
                    entries = sorted(path.iterdir(), reverse=True)
                    waiting += (entry for entry in entries if not entry.name.startswith("."))
                elif not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
                    passed_over[_FOLDER_LINK] += 1
                continue  # a link may lead back up
        except OSError as error:
            if error.errno == errno.ELOOP:
                passed_over[_CIRCLE] += 1
                continue
            # It must not hide what is beside it, and reading it will say why.
            is_document = _is_called_document(path) or not isinstance(error, FileNotFoundError)
        else:
            is_document = _is_called_document(path) or _holds_document(path)
        if is_document:
            yield path
        else:
            passed_over[clean(path.suffix.lower())] += 1


def _is_called_document(path: Path) -> bool:
    suffix = path.suffix.lower()
    return suffix in kinds.READABLE_SUFFIXES or suffix in kinds.UNREADABLE_SUFFIXES


def _holds_document(path: Path) -> bool:
    """Tell whether a file of no known suffix is a document by what is in it."""
    try:
        found = path.stat()
        if not (stat.S_ISREG(found.st_mode) and found.st_size):  # others may never end
            return False
        with path.open("rb") as file:
            kind = kinds.kind_of(file, path.name)
            file.seek(0)
            is_page = kind == kinds.HTML and kinds.is_html_page(file.read(HEAD))
    except (OSError, DocumentError):  # an archive beyond bounds, and of no known suffix
        return False
    is_text = kind in {kinds.TEXT, kinds.HTML} and not path.suffix
    return kind in _DOCUMENTS or is_page or is_text


def _unreadable(path: Path, error: OSError) -> DocumentError:
    name = clean(str(path))
    if isinstance(error, FileNotFoundError):
        return DocumentError(*meant(name))
    if error.errno == errno.ELOOP:
        return DocumentError(f"{name} is a link that leads in a circle", "give the file itself")
    reason = (error.strerror or type(error).__name__).lower()
    return DocumentError(f"{name} cannot be read: {reason}", _hint(error))


def _hint(error: OSError) -> str:
    match error.errno:
        case errno.EACCES | errno.EPERM | errno.EISDIR:
            return "give a file that you may read"
        case errno.ENAMETOOLONG:
            return f"no path is as long: if it is the question, {QUESTION_LAST}"
        case errno.ENOTDIR:
            return f"what is before the last / is no folder: {CHECK_PATH}"
    return shortage_hint(error) or "copy it to another place, and read it there"
