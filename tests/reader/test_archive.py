from __future__ import annotations

import re
import struct
import zipfile
from io import BytesIO

import pytest

from rapid_cli.errors import DocumentError
from rapid_cli.reader import archive as bounds
from rapid_cli.reader.archive import Archive
from tests.support.books import make_epub, make_zip, read, refusal


def open_archive(raw: bytes) -> Archive:
    return Archive(BytesIO(raw), "file.zip")


def with_size(raw: bytes, member: str, size: int) -> bytes:
    """Return an archive whose directory says that a member has another size."""
    entries = (found.start() for found in re.finditer(b"PK\x01\x02", raw))
    place = next(each for each in entries if raw[each + 46 :].startswith(member.encode()))
    return raw[: place + 24] + struct.pack("<I", size) + raw[place + 28 :]


def test_members_are_read() -> None:
    archive = open_archive(make_zip({"a": "one", "b/c": b"two"}))
    archive.check()
    assert (archive.read("a"), archive.read("b/c")) == (b"one", b"two")
    assert archive.names() == ["a", "b/c"]
    assert "a" in archive
    assert "c" not in archive


def test_an_archive_that_says_it_grows_too_large_is_refused() -> None:
    raw = make_zip({"a": "text", "b": "text"})
    for member in "ab":
        raw = with_size(raw, member, 150 << 20)
    with pytest.raises(DocumentError, match="expands to more than 200 MB"):
        open_archive(raw).check()


def test_growth_is_counted_while_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_EXPANDED", 5 << 20)
    archive = open_archive(make_zip({"a": b"\0" * (3 << 20), "b": b"\0" * (3 << 20)}))
    archive.read("a")
    with pytest.raises(DocumentError, match="expands to more than"):
        archive.read("b")


def test_a_member_larger_than_it_says_is_never_read_whole() -> None:
    raw = make_zip({"a": b"\0" * (50 << 20)})
    with pytest.raises(zipfile.BadZipFile):
        open_archive(with_size(raw, "a", 1000)).read("a")


def test_too_many_members_are_refused() -> None:
    raw = make_zip({str(number): "" for number in range(10_001)})
    with pytest.raises(DocumentError, match="more than 10,000 members"):
        open_archive(raw)


def test_a_directory_of_many_megabytes_is_refused_before_it_is_read() -> None:
    raw = make_zip({f"{number:0>500}": "" for number in range(9_000)})
    with pytest.raises(DocumentError, match="more than 10,000 members"):
        open_archive(raw)


def test_a_locked_archive_is_refused() -> None:
    raw = bytearray(make_zip({"a": "text"}))
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(DocumentError, match="locked with a password"):
        open_archive(bytes(raw)).check()


def test_a_compression_that_books_never_have_is_refused() -> None:
    raw = make_zip({"a": "text"}, zipfile.ZIP_LZMA)
    with pytest.raises(DocumentError, match="compressed in an unknown way"):
        open_archive(raw).read("a")


def test_a_book_that_is_a_bomb_is_refused_with_the_reason() -> None:
    raw = make_epub({"a.xhtml": "<p>text</p>"}, more={"OPS/b": b"\0" * (201 << 20)})
    assert "expands to more than 200 MB" in refusal(raw, "book.epub").message


def test_a_comment_at_the_end_does_not_hide_the_directory() -> None:
    target = BytesIO(make_epub({"a.xhtml": "<p>text</p>"}))
    with zipfile.ZipFile(target, "a") as archive:
        archive.comment = b"made by a program"
    assert read(target.getvalue(), "book.epub").text == "text"


def test_the_record_for_many_members_is_believed_and_bounded() -> None:
    raw = make_zip({"a": "one"})
    end = raw.rindex(b"PK\x05\x06")
    size, start = struct.unpack_from("<II", raw, end + 12)

    def with_record(directory: int) -> bytes:
        record = struct.pack(
            "<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, directory, start
        )
        locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
        return raw[:end] + record + locator + raw[end:]

    assert open_archive(with_record(size)).read("a") == b"one"
    with pytest.raises(DocumentError, match="more than 10,000 members"):
        open_archive(with_record(1 << 40))
    with pytest.raises(zipfile.BadZipFile):
        open_archive(raw[:end] + struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1) + raw[end:])


def test_a_part_of_a_member_is_read_without_the_rest() -> None:
    archive = open_archive(make_zip({"a": b"\1" * (50 << 20)}))
    assert archive.read("a", 3) == b"\1\1\1"
