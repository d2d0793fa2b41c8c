from __future__ import annotations

import inspect
import os
import socket
import sys
import tracemalloc
from pathlib import Path

import pytest

from rapid_cli.errors import DocumentError
from rapid_cli.reader import finding, reading
from rapid_cli.reader.reading import Found
from tests.support.books import make_docx, make_epub, make_zip
from tests.support.pdfs import make_pdf


def find_names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in reading.find(folder).files]


def fill(folder: Path, files: dict[str, bytes]) -> None:
    for name, raw in files.items():
        (folder / name).write_bytes(raw)


def test_a_file_is_found_whatever_its_suffix(tmp_path: Path) -> None:
    path = tmp_path / "notes.log"
    path.write_text("text")
    assert reading.find(path) == Found([path], {})


def test_a_folder_gives_its_documents_sorted_and_from_all_levels(tmp_path: Path) -> None:
    for name in ("b.PDF", "a.txt", "deep/er/c.md", "d.rst", "e.markdown", "f.text", "g.docx"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")
    found = find_names(tmp_path)
    assert found == ["a.txt", "b.PDF", "d.rst", "deep/er/c.md", "e.markdown", "f.text", "g.docx"]


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
    for attempt in (reading.find, reading.read):
        with pytest.raises(DocumentError, match="does not exist") as caught:
            attempt(missing)
        assert caught.value.message.startswith(str(missing))


def test_a_path_that_the_system_refuses_is_a_document_error(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be read: file name too long"):
        reading.find(tmp_path / ("x" * 5000))


def test_a_folder_without_documents_says_which_kinds_are_searched_for(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("text")
    with pytest.raises(DocumentError, match="has no documents") as caught:
        reading.find(tmp_path)
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
        reading.read(tmp_path / "closed")


def test_documents_are_known_by_content_where_their_suffix_tells_nothing(tmp_path: Path) -> None:
    files = {
        "one": make_pdf(["text"]),
        "two.bak": make_epub({"a.xhtml": "text"}),
        "three.v2": make_docx(""),
        "four.page": b"<!doctype html><p>text",
        "readme": b"plain text",
        "five.x": b"{\\rtf1 text}",
    }
    fill(tmp_path, files)
    found = reading.find(tmp_path)
    assert sorted(path.name for path in found.files) == sorted(files)
    assert found.passed_over == {}


def test_what_is_no_document_is_counted_by_suffix(tmp_path: Path) -> None:
    png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0" + bytes(range(256))
    files = {
        "a.png": png,
        "b.PNG": png,
        "c.py": b"print()",
        "d.vue": b"<template><p>text</p></template>",
        "e": png,
        "f.zip": make_zip({"a.txt": "text"}),
        "notes.txt": b"text",
    }
    fill(tmp_path, files)
    found = reading.find(tmp_path)
    assert [path.name for path in found.files] == ["notes.txt"]
    assert found.passed_over == {"": 1, ".png": 2, ".py": 1, ".vue": 1, ".zip": 1}


def test_documents_of_kinds_that_nothing_reads_are_found_to_be_named(tmp_path: Path) -> None:
    fill(tmp_path, {"a.odt": b"x", "b.doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "c.xls": b"x"})
    assert find_names(tmp_path) == ["a.odt", "b.doc", "c.xls"]
    with pytest.raises(DocumentError, match="which rapid does not read"):
        reading.read(tmp_path / "b.doc")


def test_a_file_that_is_too_large_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "big.txt"
    with path.open("wb") as file:
        file.write(b"text " * 20_000)
        file.truncate(1 << 40)
    with pytest.raises(DocumentError, match=r"big.txt is larger than 1,024 MB"):
        reading.read(path)
    monkeypatch.setattr(finding, "MAX_FILE", 10)
    (tmp_path / "small.txt").write_bytes(b"text " * 3)
    with pytest.raises(DocumentError, match=r"small.txt is larger"):
        reading.read(tmp_path / "small.txt")


def test_a_folder_of_any_depth_is_searched(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 200)
    deep.mkdir(parents=True)
    (deep / "deep.txt").write_text("text")
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 100)  # deeper folders stop the tests' own clean-up
    try:
        found = reading.find(tmp_path)
    finally:
        sys.setrecursionlimit(before)
    assert found.files == [deep / "deep.txt"]


def test_what_only_looks_like_a_file_is_named_for_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("text")
    os.mkfifo(tmp_path / "pipe.pdf")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket.txt"))
    (tmp_path / "device.txt").symlink_to("/dev/zero")
    assert find_names(tmp_path) == ["good.txt", "pipe.pdf", "socket.txt"]
    assert reading.find(tmp_path).passed_over == {"": 1, "leading to a file elsewhere": 1}
    for name, what in (("pipe.pdf", "pipe"), ("socket.txt", "socket"), ("device.txt", "device")):
        with pytest.raises(DocumentError, match=f"{name} is a {what} and no file"):
            reading.read(tmp_path / name)


def test_a_link_to_nothing_is_named_and_one_in_a_circle_is_counted(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("text")
    (tmp_path / "lost.pdf").symlink_to("nowhere.pdf")
    (tmp_path / "lost").symlink_to("nowhere")
    (tmp_path / "self.pdf").symlink_to("self.pdf")
    assert find_names(tmp_path) == ["good.txt", "lost.pdf"]
    assert reading.find(tmp_path).passed_over == {"": 1, "leading in a circle": 1}
    with pytest.raises(DocumentError, match=r"is a link to nowhere\.pdf, which does not exist"):
        reading.read(tmp_path / "lost.pdf")
    with pytest.raises(DocumentError, match="leads in a circle"):
        reading.find(tmp_path / "self.pdf")


def test_a_link_to_a_folder_elsewhere_is_counted(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    (tmp_path / "here" / "good.txt").write_text("text")
    (tmp_path / "here" / "linked").symlink_to(tmp_path / "there")
    (tmp_path / "here" / "up").symlink_to(tmp_path / "here")
    found = reading.find(tmp_path / "here")
    assert found.passed_over == {"leading to a folder elsewhere": 1}


def test_links_to_files_elsewhere_are_counted_and_those_within_are_followed(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    fill(here, {"good.txt": b"text"})
    fill(there, {"private.txt": b"secret"})
    (here / "within.txt").symlink_to("good.txt")
    (here / "notes.txt").symlink_to("/proc/self/environ")
    (here / "users.txt").symlink_to("/etc/passwd")
    (here / "up.txt").symlink_to("../there/private.txt")
    (here / "chain.txt").symlink_to("up.txt")
    (here / "back.txt").symlink_to("../here/good.txt")
    (tmp_path / "link").symlink_to(here)
    for folder in (here, tmp_path / "link"):
        assert find_names(folder) == ["back.txt", "good.txt", "within.txt"]
        assert reading.find(folder).passed_over == {"leading to a file elsewhere": 4}


def test_a_folder_of_links_alone_says_where_they_lead(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").symlink_to("/etc/passwd")
    with pytest.raises(DocumentError, match="has no documents") as caught:
        reading.find(tmp_path)
    assert caught.value.hint.startswith("a link leads to a file elsewhere")


def test_a_link_that_is_given_is_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    fill(tmp_path / "there", {"letter.txt": b"text"})
    (tmp_path / "link.txt").symlink_to("there/letter.txt")
    (found,) = reading.find(tmp_path / "link.txt").files
    assert reading.read(found).text == "text"


@pytest.mark.parametrize(
    "place", ["/proc/self/environ", "/proc/self/root/etc/passwd", "/sys/kernel/mm/ksm/run"]
)
def test_what_is_of_the_system_is_never_read(place: str, tmp_path: Path) -> None:
    if not Path(place).exists():
        pytest.skip(f"there is no {place} here")
    (tmp_path / "link.txt").symlink_to(place)
    (tmp_path / "folder").symlink_to(Path(place).parent)
    for path in (place, tmp_path / "link.txt", tmp_path / "folder" / Path(place).name):
        with pytest.raises(DocumentError, match="is no document, but of the system"):
            reading.read(Path(path))
    with pytest.raises(DocumentError, match="is no document, but of the system"):
        reading.find(tmp_path / "folder")


def test_a_file_that_becomes_a_link_after_it_was_found_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    fill(tmp_path, {"private.txt": b"secret"})
    fill(tmp_path / "here", {"letter.txt": b"text"})
    found = reading.find(tmp_path / "here")
    (letter,) = found.files
    assert reading.read(letter, folder=found.folder).text == "text"
    letter.unlink()
    letter.symlink_to(tmp_path / "private.txt")
    with pytest.raises(DocumentError, match=r"letter\.txt is not in .*here"):
        reading.read(letter, folder=found.folder)


def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    monkeypatch.setattr(finding, "_check_file", lambda *_: None)  # it was a file then
    with pytest.raises(DocumentError, match=r"pipe\.txt is a pipe and no file"):
        reading.read(tmp_path / "pipe.txt")


def test_a_folder_that_is_gone_in_the_meantime_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "going").mkdir()
    (tmp_path / "staying.txt").write_text("text")
    list_folder = Path.iterdir

    def remove_going(folder: Path) -> object:
        entries = list(list_folder(folder))
        if folder == tmp_path:
            (tmp_path / "going").rmdir()
        return iter(entries)

    monkeypatch.setattr(Path, "iterdir", remove_going)
    assert find_names(tmp_path) == ["staying.txt"]


def test_a_file_is_read_without_a_second_copy_of_it(tmp_path: Path) -> None:
    path = tmp_path / "large.pdf"
    path.write_bytes(b"%PDF-1.7\n" + b" " * (30 << 20))
    tracemalloc.start()
    try:
        finding.load(path)
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()
