"""Zip archives, as EPUB and DOCX are, read without letting them grow beyond bounds."""

from __future__ import annotations

import struct
import zipfile
from io import SEEK_END
from typing import BinaryIO

from rapid_cli.errors import DocumentError

MEGABYTE = 1 << 20
MAX_EXPANDED = 200 * MEGABYTE
MAX_MEMBERS = 10_000

_MAX_DIRECTORY = 4 * MEGABYTE  # 10,000 members with long names
_PIECE = MEGABYTE
_END_MARK, _END_SIZE = b"PK\x05\x06", 22
_LARGE_MARK, _LARGE_SIZE = b"PK\x06\x06", 56  # of the record for many members or gigabytes
_LOCATOR_MARK, _LOCATOR_SIZE = b"PK\x06\x07", 20
_ENCRYPTED = 1  # bit of a member's flags
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # all that EPUB and DOCX allow
_BOMB = "it may be made to exhaust memory; unpack it and look at what it holds"


class Archive:
    """The members of a zip archive called `name`; DocumentError where it breaks the bounds."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._name = name
        if _directory_size(file) > _MAX_DIRECTORY:
            raise self._refused(f"has more than {MAX_MEMBERS:,} members", _BOMB)
        self._zip = zipfile.ZipFile(file)
        self._members = {info.filename: info for info in self._zip.infolist()}
        if len(self._zip.infolist()) > MAX_MEMBERS:
            raise self._refused(f"has more than {MAX_MEMBERS:,} members", _BOMB)
        self._left = MAX_EXPANDED

    def __contains__(self, member: str) -> bool:
        return member in self._members

    def names(self) -> list[str]:
        """Return the names of the members."""
        return list(self._members)

    def check(self) -> None:
        """Raise DocumentError if the archive is locked or says that it grows too large."""
        members = self._zip.infolist()
        if any(info.flag_bits & _ENCRYPTED for info in members):
            raise self._refused("is locked with a password", "save a copy without it")
        if sum(info.file_size for info in members) > MAX_EXPANDED:
            raise self._too_large()

    def read(self, member: str, most: int | None = None) -> bytes:
        """Return a member, or `most` bytes of it; all reads together stay within MAX_EXPANDED."""
        info = self._members[member]
        if info.compress_type not in _METHODS:
            raise self._refused("is compressed in an unknown way", "save it again as EPUB or DOCX")
        pieces = []
        with self._zip.open(info) as file:
            if most is not None:
                return file.read(most)
            # A length makes zipfile expand no more than that at once, whatever the member says.
            while piece := file.read(_PIECE):
                self._left -= len(piece)
                if self._left < 0:
                    raise self._too_large()
                pieces.append(piece)
        return b"".join(pieces)

    def _too_large(self) -> DocumentError:
        return self._refused(f"expands to more than {MAX_EXPANDED // MEGABYTE} MB", _BOMB)

    def _refused(self, what: str, hint: str) -> DocumentError:
        return DocumentError(f"{self._name} {what}", hint)


def _directory_size(file: BinaryIO) -> int:
    """Return the bytes of the directory, which zipfile reads at once, as it would find them."""
    size = file.seek(0, SEEK_END)
    file.seek(max(0, size - _LARGE_SIZE - _LOCATOR_SIZE - _END_SIZE - 65_535))
    tail = file.read()
    place = max(0, len(tail) - _END_SIZE)
    if not (tail.startswith(_END_MARK, place) and tail.endswith(b"\0\0")):
        place = tail.rfind(_END_MARK)
    if place < 0 or len(tail) - place < _END_SIZE:
        return 0  # zipfile will say that this is no archive
    large = place - _LOCATOR_SIZE - _LARGE_SIZE
    if tail.startswith(_LOCATOR_MARK, max(0, place - _LOCATOR_SIZE)) and large >= 0:
        if not tail.startswith(_LARGE_MARK, large):
            raise zipfile.BadZipFile("its directory is not where it says")
        (directory,) = struct.unpack_from("<Q", tail, large + 40)
        return int(directory)
    (directory,) = struct.unpack_from("<I", tail, place + 12)
    return int(directory)
