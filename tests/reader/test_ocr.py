from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from pathlib import Path

import pytest

from rapid_cli.errors import DocumentError
from rapid_cli.reader import reading
from rapid_cli.reader.pdf import ocr
from tests.support.pdfs import make_drawn_pdf, make_partly_scanned_pdf, make_pdf, make_scanned_pdf

FAKES = {
    "adds text": 'cp "$FOUND" "$6"',
    "fails": 'echo "first line" >&2; echo "InputFileError: it is broken." >&2; exit 2',
    "writes nothing": "exit 0",
    "finds nothing": 'cp "$5" "$6"',
    "hangs": "sleep 60 & echo $! >$CHILD; sleep 60",
}


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "scan.pdf"
    path.write_bytes(make_scanned_pdf(2))
    return path


def install(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Put a program called ocrmypdf before all others."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "ocrmypdf"
    given = f"FOUND={folder}/found.pdf CHILD={folder}/child"
    program.write_text(f"#!/bin/sh\n{given}\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:/usr/bin:/bin")


def test_without_the_program_the_error_says_how_to_get_it(
    scan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DocumentError, match=r"scan.pdf needs OCR, and ocrmypdf is not") as caught:
        reading.read(scan, ocr=True)
    assert "apt install ocrmypdf" in caught.value.hint


def test_what_needs_no_ocr_is_read_without_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    path = tmp_path / "file.pdf"
    path.write_bytes(make_pdf(["text", ""]))
    assert reading.read(path, ocr=True) == reading.read(path)
    path.write_bytes(b"plain text")
    assert reading.read(path, ocr=True).text == "plain text"


def test_a_scan_is_not_read_through_the_program_unless_asked_to(
    scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, tmp_path, f"touch {tmp_path}/called")
    with pytest.raises(DocumentError, match="has no text"):
        reading.read(scan)
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize("texts", [[None, None], ["one", None]])
def test_the_document_is_the_original_in_all_but_its_text(
    texts: list[str | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(make_partly_scanned_pdf(texts))
    (tmp_path / "found.pdf").write_bytes(make_pdf(["one", "found"]))
    install(monkeypatch, tmp_path, FAKES["adds text"])
    document = reading.read(path, ocr=True)
    assert [page.text.strip() for page in document.pages] == ["one", "found"]
    assert document.id == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (document.name, document.path) == ("scan.pdf", str(path))
    assert document.warnings == ()


def test_the_last_line_of_a_failure_is_the_reason(
    scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, tmp_path, FAKES["fails"])
    expected = r"scan.pdf cannot be read by ocrmypdf: InputFileError: it is broken$"
    with pytest.raises(DocumentError, match=expected):
        reading.read(scan, ocr=True)


def test_a_program_that_writes_nothing_is_a_failure(
    scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, tmp_path, FAKES["writes nothing"])
    with pytest.raises(DocumentError, match="it ended with code 0"):
        reading.read(scan, ocr=True)


def test_pages_on_which_ocr_finds_nothing_are_not_said_to_need_it(
    scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, tmp_path, FAKES["finds nothing"])
    with pytest.raises(DocumentError, match=r"scan.pdf has no text, and OCR finds none"):
        reading.read(scan, ocr=True)
    scan.write_bytes(make_partly_scanned_pdf(["one", None]))
    document = reading.read(scan, ocr=True)
    assert document.warnings == ("page 2 has no text: OCR finds none",)
    assert not reading.needs_ocr(document)


def test_it_is_told_before_how_long_many_pages_may_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, tmp_path, FAKES["finds nothing"])
    path = tmp_path / "book.pdf"
    told: list[float] = []
    for pages in (1, 200):
        path.write_bytes(make_partly_scanned_pdf(["typed", *[None] * pages]))
        reading.read(path, ocr=True, takes=told.append)
    assert told[0] == ocr.TIMEOUT_SECONDS
    assert told[1] == 201 * ocr.PAGE_SECONDS
    path.write_bytes(make_pdf(["typed"]))
    reading.read(path, ocr=True, takes=told.append)
    assert len(told) == 2, "nothing takes longer without OCR"


def test_a_program_that_hangs_is_stopped_with_its_children(
    scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(ocr, "TIMEOUT_SECONDS", 0.5)
    monkeypatch.setattr(ocr, "PAGE_SECONDS", 0.1)
    install(monkeypatch, tmp_path, FAKES["hangs"])
    with pytest.raises(DocumentError, match="it took longer than"):
        reading.read(scan, ocr=True)
    child = Path("/proc", (tmp_path / "child").read_text().strip(), "cmdline")
    ends = time.monotonic() + 5
    while child.exists() and child.read_bytes() and time.monotonic() < ends:
        time.sleep(0.05)  # until the system has taken it away
    assert not (child.exists() and child.read_bytes())
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.skipif(shutil.which("ocrmypdf") is None, reason="ocrmypdf is not installed")
def test_the_real_program_reads_what_is_only_drawn(tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(make_drawn_pdf(["A lighthouse stands there"]))
    read = ocr.read_scanned(path, path.read_bytes())
    assert read.pages[0].text.strip() == "A lighthouse stands there"
    assert read.id == hashlib.sha256(path.read_bytes()).hexdigest()
