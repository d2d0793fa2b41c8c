"""Which files of a folder are documents, and their bytes."""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rapid_cli.errors import DocumentError
from rapid_cli.machine.guard.places import is_made_up, is_of_system
from rapid_cli.machine.paths import CHECK_PATH, QUESTION_LAST, meant
from rapid_cli.machine.shortage import shortage_hint
from rapid_cli.reader import kinds
from rapid_cli.reader.archive import MEGABYTE
from rapid_cli.reader.cleaning import clean
from rapid_cli.reader.plain import HEAD

MAX_FILE = 1024 * MEGABYTE

_DOCUMENTS = {*kinds.DOCUMENTS, kinds.LOCKED, *kinds.UNREADABLE}


# What else than files there is where documents are, by its mode.
_NO_FILES = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_FOLDER_LINK, _FILE_LINK = "leading to a folder elsewhere", "leading to a file elsewhere"
_CIRCLE, _OF_SYSTEM = "leading in a circle", "of the system"
# A pipe that takes a file's place is not waited for.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True)
class Found:
    """The documents at a path, sorted; how many other files were passed over, by suffix or kind.

    `folder` is the one that was searched; files that leave it are not to be read.
    """

    files: list[Path]
    passed_over: dict[str, int]
    folder: Path | None = None

    @property
    def folders(self) -> dict[Path, Path | None]:
        """The files, each with the folder that was searched for it."""
        return dict.fromkeys(self.files, self.folder)


def find(path: Path) -> Found:
    """Return the documents at `path`: a file itself, or all documents below a folder.

    Hidden files and folders are skipped, links to folders not followed, nor links to files outside
    of the folder. What cannot be read is found too where it is called like a document: reading it
    says why. A missing path, a place of the system, or a folder without documents is a
    DocumentError.
    """
    try:
        if not path.is_dir():
            path.stat()
            return Found([path], {})
        if is_of_system(path):
            raise _of_system(clean(str(path)))
        passed_over: Counter[str] = Counter()
        files = list(_documents(path, passed_over))
    except OSError as error:
        raise _unreadable(path, error) from error
    if not files:
        raise DocumentError(f"{clean(str(path))} has no documents", _what_to_do(passed_over))
    return Found(files, dict(sorted(passed_over.items())), path)


def _what_to_do(passed_over: Mapping[str, int]) -> str:
    """Return the hint for a folder in which nothing was found."""
    if links := passed_over[_FILE_LINK]:
        count = "a link leads to a file" if links == 1 else f"{links} links lead to files"
        return f"{count} elsewhere: name what is to be read, or its own folder"
    return f"folders are searched for {', '.join(kinds.READABLE_SUFFIXES)}"


def load(path: Path, folder: Path | None = None, encoding: str | None = None) -> bytes:
    """Return the bytes of a file, only its head if that shows that it is no document.

    An `encoding` is that of texts which are not Unicode. DocumentError if it is not, or is no
    longer, in the folder that was searched.
    """
    name = clean(path.name)
    try:
        _check_file(path, name)
        with _opened(path, name, folder) as file:
            # A model given by mistake is gigabytes, and its first bytes are enough to refuse it.
            head = file.read(HEAD)
            if not head.startswith(b"PK") and kinds.kind_of(file, name, encoding) == kinds.BINARY:
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


def _opened(path: Path, name: str, folder: Path | None) -> BinaryIO:
    """Open a file; what is checked is what was opened, even if its name stands for another now."""
    file = os.fdopen(os.open(path, _FLAGS), "rb")
    try:
        found = os.fstat(file.fileno())
        _check_kind(found, name)
        if is_made_up(found):
            raise _of_system(name)
        if folder is not None and not _is_below(_place(file, path), folder):
            hint = "it was searched for as a file of that folder: name it to have it read"
            raise DocumentError(f"{name} is not in {clean(str(folder))}", hint)
    except BaseException:
        file.close()
        raise
    return file


def _place(file: BinaryIO, path: Path) -> str:
    """Return where an open file is, as the system knows it, or else as its path has it."""
    try:
        return str(Path("/proc/self/fd", str(file.fileno())).readlink())
    except OSError:
        return os.path.realpath(path)


def _is_below(place: str, folder: Path) -> bool:
    return Path(place).is_relative_to(os.path.realpath(folder))


def _of_system(name: str) -> DocumentError:
    hint = "what is in /proc, /sys and /dev is not read: give a file of yours"
    return DocumentError(f"{name} is no document, but of the system", hint)


def _check_kind(found: os.stat_result, name: str) -> None:
    if what := _NO_FILES.get(stat.S_IFMT(found.st_mode)):
        raise DocumentError(f"{name} is {what} and no file", "give a file")


def _check_file(path: Path, name: str) -> None:
    """Raise DocumentError if nothing, or something else than a file of a user, is at a path."""
    try:
        found = path.stat()
    except FileNotFoundError:
        if not path.is_symlink():
            raise
        target = clean(str(path.readlink()))
        hint = "mend the link, or remove it"
        raise DocumentError(f"{name} is a link to {target}, which does not exist", hint) from None
    _check_kind(found, name)  # before it is opened, which some devices take for an order
    if is_of_system(path):
        raise _of_system(name)


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
    waiting, device = [root], root.stat().st_dev
    while waiting:
        path = waiting.pop()
        try:
            found = path.stat()
            if stat.S_ISDIR(found.st_mode):
                if found.st_dev != device and is_of_system(path):
                    passed_over[_OF_SYSTEM] += 1
                elif path == root or not path.is_symlink():
                    entries = sorted(path.iterdir(), reverse=True)
                    waiting += (entry for entry in entries if not entry.name.startswith("."))
                elif not _is_below(os.path.realpath(path), root):
                    passed_over[_FOLDER_LINK] += 1
                continue  # a link may lead back up
            if path.is_symlink() and not _is_below(os.path.realpath(path), root):
                passed_over[_FILE_LINK] += 1
                continue
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
        with _opened(path, path.name, None) as file:
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
