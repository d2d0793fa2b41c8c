from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from pathlib import Path

import pytest

from rapid_cli.errors import DocumentError
from rapid_cli.reader import reading
from rapid_cli.reader.cleaning import reason
from tests.support.books import make_docx, make_epub, paragraph, read, refusal
from tests.support.pdfs import make_pdf


def test_a_document_is_known_by_a_hash_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"text\r\n")
    document = reading.read(path)
    assert document.id == hashlib.sha256(b"text\r\n").hexdigest()
    assert (document.name, document.path) == ("notes.txt", str(path))


def test_a_relative_path_is_stored_as_an_absolute_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.txt").write_text("text")
    monkeypatch.chdir(tmp_path)
    assert reading.read(Path("notes.txt")).path == str(tmp_path / "notes.txt")


def test_a_folder_cannot_be_read_as_a_file(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be read"):
        reading.read(tmp_path)


def test_a_long_file_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("é word " * 50_000 + "end", encoding="utf-8")
    document = reading.read(path)
    assert document.text == "é word " * 50_000 + "end"
    assert document.warnings == ()


def test_a_name_that_is_not_utf8_becomes_one_that_is() -> None:
    document = read(b"text", "caf\udce9.txt")
    document.name.encode("utf-8")
    document.path.encode("utf-8")


BINARIES = {
    "compressed": b"LZIP" + random.Random(0).randbytes(5000),
    "machine code": b"\x7fELF\x02\x01\x01" + b"\0" * 9 + b"\x03\0\x3e\0\x01\0\0\0" * 50,
    "model": b"GGUF\x03\0\0\0"
    + b"".join(
        len(word).to_bytes(8, "little") + word for word in (b"general.name", b"llama", b"x") * 99
    ),
    "sound": b"RIFF\x24\x08\0\0WAVEfmt \x10\0\0\0\1\0\2\0" + random.Random(1).randbytes(999),
    "bitmap": b"BM6\0\x0c\0\0\0\0\0" + b"6\0\0\0(\0\0\0" * 4 + b"\xff" * 2000,
}


@pytest.mark.parametrize("kind", BINARIES)
def test_a_binary_file_is_refused_even_when_it_is_called_text(kind: str) -> None:
    assert "is neither text nor a document" in refusal(BINARIES[kind], "notes.txt").message


def test_only_the_head_of_a_large_binary_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    with path.open("wb") as file:
        file.write(BINARIES["model"])
        file.truncate(1 << 40)  # a sparse terabyte: reading it would not end
    with pytest.raises(DocumentError, match="is neither text nor a document"):
        reading.read(path)


def test_reading_a_damaged_pdf_prints_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file.pdf"
    path.write_bytes(make_pdf(["text"]).replace(b"startxref\n", b"startxref\n9"))
    code = "import sys, pathlib, rapid_cli.reader.reading as r; r.read(pathlib.Path(sys.argv[1]))"
    ended = subprocess.run(
        [sys.executable, "-W", "always", "-c", code, str(path)],
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert ended.stdout + ended.stderr == b""


def test_importing_the_reader_does_not_import_pypdf() -> None:
    code = "import sys, rapid_cli.reader.reading; sys.exit('pypdf' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_only_pdfs_have_pages() -> None:
    assert read(make_pdf(["text"]), "a").paged
    for raw in (
        make_epub({"a.xhtml": "text"}),
        make_docx(paragraph("text")),
        b"<html>text",
        b"text",
    ):
        document = read(raw, "a")
        assert not document.paged
        assert not reading.needs_ocr(document)


def test_a_text_beyond_all_measure_is_refused_whatever_it_is_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "MAX_TEXT", 1_000_000)
    text = "text " * 300_000
    for name, raw in (
        ("notes.txt", text.encode()),
        ("notes.txt", text.encode() * 4),
        ("notes.md", text.encode()),
        ("page.html", f"<html>{text}".encode()),
        ("letter.docx", make_docx(paragraph(text))),
        ("book.epub", make_epub({"a.xhtml": text})),
    ):
        error = refusal(raw, name)
        assert "holds more than 1 million characters" in error.message
        assert "split it" in error.hint
    assert read(text[:900_000].encode(), "notes.txt").text == text[:900_000]


def test_damage_is_told_in_words_and_not_in_those_of_a_program() -> None:
    for error in (KeyError("/Root"), AttributeError("no setter"), IndexError(3), TypeError("x")):
        assert reason(error) == "its structure is damaged"
    assert reason(ValueError("a part of it is no XML")) == "a part of it is no XML"


def test_a_library_that_has_no_room_beside_a_large_file_is_not_said_to_be_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unmapped = ImportError("failed to map segment from shared object", name="numpy")
    absent = ModuleNotFoundError("No module named 'numpy'", name="numpy")
    raised = [unmapped, unmapped, absent]

    def fail(*_: object, **__: object) -> None:
        raise raised.pop(0)

    def read() -> None:
        reading.read_bytes(b"some text", name="a.txt", path="/a.txt")

    monkeypatch.setattr(reading, "_pages", fail)
    with pytest.raises(DocumentError, match="numpy cannot be loaded"):
        read()
    monkeypatch.setattr(reading, "_CROWDING", 8)
    with pytest.raises(MemoryError):
        read()
    with pytest.raises(DocumentError, match="there is no module numpy"):
        read()
