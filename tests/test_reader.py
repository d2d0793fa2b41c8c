from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from pathlib import Path

import pytest
from pdfs import (
    make_pdf,
    make_pdf_with_damaged_labels,
    make_pdf_with_damaged_pages,
    make_scanned_pdf,
)

from rapid_cli import reader
from rapid_cli.documents import Document
from rapid_cli.errors import DocumentError


def read(raw: bytes, name: str = "file.pdf") -> Document:
    return reader.read_bytes(raw, name=name, path=f"/folder/{name}")


def refusal(raw: bytes, name: str = "file.pdf") -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        read(raw, name)
    assert caught.value.message.startswith(name)
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value


def find_names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in reader.find(folder)]


def page_texts(document: Document) -> list[str]:
    return [page.text.strip() for page in document.pages]


# Finding


def test_a_file_is_found_whatever_its_suffix(tmp_path: Path) -> None:
    path = tmp_path / "notes.log"
    path.write_text("text")
    assert reader.find(path) == [path]


def test_a_folder_gives_its_documents_sorted_and_from_all_levels(tmp_path: Path) -> None:
    for name in ("b.PDF", "a.txt", "deep/er/c.md", "d.rst", "e.markdown", "f.text", "g.docx"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")
    found = find_names(tmp_path)
    assert found == ["a.txt", "b.PDF", "d.rst", "deep/er/c.md", "e.markdown", "f.text"]


def test_hidden_files_and_folders_are_skipped_but_a_hidden_folder_can_be_given(
    tmp_path: Path,
) -> None:
    for name in (".hidden.txt", ".git/readme.md", "seen.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("text")
    assert find_names(tmp_path) == ["seen.txt"]
    assert find_names(tmp_path / ".git") == ["readme.md"]


def test_a_folder_named_like_a_document_is_searched(tmp_path: Path) -> None:
    (tmp_path / "book.pdf").mkdir()
    (tmp_path / "book.pdf" / "one.txt").write_text("text")
    assert find_names(tmp_path) == ["book.pdf/one.txt"]


def test_a_link_that_leads_back_up_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("text")
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    assert find_names(tmp_path) == ["one.txt"]


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing.pdf"
    for attempt in (reader.find, reader.read):
        with pytest.raises(DocumentError, match="does not exist") as caught:
            attempt(missing)
        assert caught.value.message.startswith(str(missing))


def test_a_path_that_the_system_refuses_is_a_document_error(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be read: file name too long"):
        reader.find(tmp_path / ("x" * 5000))


def test_a_folder_without_documents_says_which_kinds_are_searched_for(tmp_path: Path) -> None:
    (tmp_path / "table.xlsx").write_text("text")
    with pytest.raises(DocumentError, match="has no documents") as caught:
        reader.find(tmp_path)
    assert ".pdf" in caught.value.hint
    assert ".md" in caught.value.hint


def test_a_closed_folder_does_not_hide_the_documents_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "open.txt").write_text("text")
    list_folder = Path.iterdir

    def refuse_closed(folder: Path) -> object:
        if folder.name == "closed":
            raise PermissionError(13, "Permission denied", str(folder))
        return list_folder(folder)

    monkeypatch.setattr(Path, "iterdir", refuse_closed)
    assert find_names(tmp_path) == ["closed", "open.txt"]
    with pytest.raises(DocumentError, match="closed cannot be read"):
        reader.read(tmp_path / "closed")


# Reading files


def test_a_document_is_known_by_a_hash_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"text\r\n")
    document = reader.read(path)
    assert document.id == hashlib.sha256(b"text\r\n").hexdigest()
    assert (document.name, document.path) == ("notes.txt", str(path))


def test_a_relative_path_is_stored_as_an_absolute_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.txt").write_text("text")
    monkeypatch.chdir(tmp_path)
    assert reader.read(Path("notes.txt")).path == str(tmp_path / "notes.txt")


def test_a_folder_cannot_be_read_as_a_file(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be read"):
        reader.read(tmp_path)


def test_a_long_file_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("é word " * 50_000 + "end", encoding="utf-8")
    document = reader.read(path)
    assert document.text == "é word " * 50_000 + "end"
    assert document.warnings == ()


def test_a_name_that_is_not_utf8_becomes_one_that_is() -> None:
    document = read(b"text", "caf\udce9.txt")
    document.name.encode("utf-8")
    document.path.encode("utf-8")


# Text


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"],
)
def test_unicode_text_is_read_in_every_common_encoding(encoding: str) -> None:
    text = "Grüße, the code is 7431.\nΚαλημέρα 😀 and some more plain words to look at.\n"
    document = read(text.encode(encoding), "notes.txt")
    assert document.text == text
    assert document.warnings == ()


def test_a_big_endian_mark_is_honoured() -> None:
    assert read(b"\xfe\xff" + "日本語".encode("utf-16-be"), "notes.txt").text == "日本語"


def test_russian_in_utf16_without_a_mark_is_recognised() -> None:
    text = "Это обычный русский текст, в котором есть пробелы.\n" * 3
    assert read(text.encode("utf-16-le"), "notes.txt").text == text


def test_windows_text_is_read_with_a_warning() -> None:
    document = read("naïve “café” – déjà vu".encode("cp1252"), "notes.txt")
    assert document.text == "naïve “café” – déjà vu"
    assert "Windows-1252" in document.warnings[0]


def test_windows_text_with_a_pair_of_bytes_that_could_be_utf8_is_still_windows_text() -> None:
    text = "Déjà vu: the café wrote “Ã©” where it meant “é”"
    assert read(text.encode("cp1252"), "notes.txt").text == text


def test_one_bad_byte_does_not_garble_the_other_letters() -> None:
    document = read("Ελληνικά ".encode() * 20 + b"\xff end", "notes.txt")
    assert document.text == "Ελληνικά " * 20 + "\ufffd end"
    assert document.warnings[0].startswith("1 unreadable")


def test_a_utf16_file_that_breaks_off_inside_a_character_is_read() -> None:
    document = read("some plain text".encode("utf-16")[:-1], "notes.txt")
    assert document.text == "some plain tex\ufffd"


def test_line_ends_become_newlines_and_nul_bytes_vanish() -> None:
    assert read(b"one\r\ntwo\rthree\0\0\0 four", "notes.txt").text == "one\ntwo\nthree four"


def test_a_stray_nul_in_a_short_text_is_not_taken_for_utf16() -> None:
    assert read(b"ab\0c", "notes.txt").text == "abc"


def test_a_text_has_one_page_and_no_page_numbers() -> None:
    document = read(b"text\n\n\ntext", "notes.txt")
    assert [(page.number, page.label) for page in document.pages] == [(1, None)]
    assert not document.paged


@pytest.mark.parametrize("raw", [b"", b" \n\t\r\n ", b"\0", b"\xef\xbb\xbf\n"])
def test_a_file_without_text_is_refused(raw: bytes) -> None:
    refusal(raw, "notes.txt")


BINARIES = {
    "compressed": b"PK\x03\x04" + random.Random(0).randbytes(5000),
    "machine code": b"\x7fELF\x02\x01\x01" + b"\0" * 9 + b"\x03\0\x3e\0\x01\0\0\0" * 50,
    "model": b"GGUF\x03\0\0\0"
    + b"".join(
        len(word).to_bytes(8, "little") + word for word in (b"general.name", b"llama", b"x") * 99
    ),
    "image": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0\0\0\1\0\b\2" + random.Random(1).randbytes(999),
    "bitmap": b"BM6\0\x0c\0\0\0\0\0" + b"6\0\0\0(\0\0\0" * 4 + b"\xff" * 2000,
}


@pytest.mark.parametrize("kind", BINARIES)
def test_a_binary_file_is_refused_even_when_it_is_called_text(kind: str) -> None:
    assert "is not a PDF or text" in refusal(BINARIES[kind], "notes.txt").message


def test_only_the_head_of_a_large_binary_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    with path.open("wb") as file:
        file.write(BINARIES["model"])
        file.truncate(1 << 40)  # a sparse terabyte: reading it would not end
    with pytest.raises(DocumentError, match="is not a PDF or text"):
        reader.read(path)


# PDF


def test_a_pdf_is_read_page_by_page() -> None:
    document = read(make_pdf(["First (page)\nline two", "Ünïcode page", "3"]))
    assert page_texts(document) == ["First (page)\nline two", "Ünïcode page", "3"]
    assert [page.number for page in document.pages] == [1, 2, 3]
    assert document.paged
    assert document.warnings == ()


def test_a_pdf_is_recognised_by_content_and_behind_leading_junk() -> None:
    raw = make_pdf(["text of a page"])
    assert read(raw, "notes.txt").paged
    assert page_texts(read(b"\n" * 1000 + raw)) == ["text of a page"]


def test_labels_are_kept_only_where_they_differ_from_the_number() -> None:
    raw = make_pdf(list("abcde"), labels={0: ("/r", ""), 2: ("/D", "A-"), 3: ("/D", "")})
    assert [page.label for page in read(raw).pages] == ["i", "ii", "A-1", "1", "2"]
    plain = make_pdf(list("abc"), labels={0: ("/D", "")})
    assert [page.label for page in read(plain).pages] == [None, None, None]


def test_damaged_labels_cost_only_the_labels() -> None:
    document = read(make_pdf_with_damaged_labels(["one", "two"]))
    assert page_texts(document) == ["one", "two"]
    assert [page.label for page in document.pages] == [None, None]


def test_an_encrypted_pdf_that_opens_without_a_password_is_read() -> None:
    assert page_texts(read(make_pdf(["secret"], user_password=""))) == ["secret"]


def test_a_pdf_locked_with_a_password_is_refused_with_a_way_out() -> None:
    error = refusal(make_pdf(["secret"], user_password="sesame"))
    assert "password" in error.message
    assert "qpdf" in error.hint


def test_a_damaged_page_costs_only_itself() -> None:
    document = read(make_pdf_with_damaged_pages(["one", "two", "three"], [1]))
    assert page_texts(document) == ["one", "", "three"]
    assert document.warnings == ("page 2 could not be read",)


def test_many_damaged_pages_make_one_short_warning() -> None:
    raw = make_pdf_with_damaged_pages(["text"] * 15, range(1, 14))
    expected = "pages 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 3 more could not be read"
    assert read(raw).warnings == (expected,)


def test_a_pdf_of_which_every_page_is_damaged_is_not_called_a_scan() -> None:
    assert "damaged" in refusal(make_pdf_with_damaged_pages(["one", "two"], [0, 1])).message


def test_pages_without_text_are_counted_in_a_warning() -> None:
    document = read(make_pdf(["one", "", "three", "   ", "five"]))
    assert document.warnings == ("2 of 5 pages have no text",)
    assert page_texts(document) == ["one", "", "three", "", "five"]


def test_a_scanned_pdf_is_refused_with_a_hint_at_ocr() -> None:
    error = refusal(make_scanned_pdf(3))
    assert "has no text; 3 pages look scanned" in error.message
    assert "ocrmypdf" in error.hint


def test_a_blank_pdf_is_not_called_a_scan() -> None:
    error = refusal(make_pdf(["", ""]))
    assert "has no text" in error.message
    assert "scan" not in error.message


def test_a_pdf_without_pages_is_refused() -> None:
    assert "no pages" in refusal(make_pdf([])).message


def test_a_pdf_cut_short_anywhere_is_read_or_refused() -> None:
    raw = make_pdf(["some text on a page"] * 3)
    for length in range(5, len(raw) - 1, 50):
        refusal(raw[:length])


def test_no_damage_to_a_pdf_escapes_as_anything_but_a_document_error() -> None:
    rng = random.Random(7)
    raw = make_pdf(["some text", "more text"], labels={0: ("/r", "")})
    read_count = 0
    for _ in range(300):
        damaged = bytearray(raw)
        for _ in range(rng.randrange(1, 20)):
            damaged[rng.randrange(8, len(raw))] = rng.randrange(256)
        try:
            read_count += bool(read(bytes(damaged)).text)
        except DocumentError:
            continue
    assert read_count > 0


def test_reading_a_damaged_pdf_prints_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file.pdf"
    path.write_bytes(make_pdf(["text"]).replace(b"startxref\n", b"startxref\n9"))
    code = "import sys, pathlib, rapid_cli.reader as r; r.read(pathlib.Path(sys.argv[1]))"
    ended = subprocess.run(
        [sys.executable, "-W", "always", "-c", code, str(path)],
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert ended.stdout + ended.stderr == b""


def test_importing_the_reader_does_not_import_pypdf() -> None:
    code = "import sys, rapid_cli.reader; sys.exit('pypdf' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
