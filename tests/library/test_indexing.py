"""Keeping the library in step with folders, at the command's own level."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rapid_cli.library import indexing
from rapid_cli.library.events import Embedded, FileDone, PassedOver
from rapid_cli.library.indexing import index as events_of
from rapid_cli.reader import reading
from tests.support.libraries import OpenLibrary, assert_sound, index, opened, write
from tests.support.pdfs import make_pdf
from tests.support.repository import REPOSITORY

pytestmark = pytest.mark.slow

PROGRAM = """
import sys
from pathlib import Path
from tests.support.libraries import index, opened
with opened(Path(sys.argv[1])) as library:
    index(library, Path(sys.argv[2]))
"""


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    return folder


def test_no_secret_gets_into_the_library_by_a_link(tmp_path: Path, docs: Path) -> None:
    secret = tmp_path / "elsewhere" / "private.txt"
    secret.parent.mkdir()
    write(secret, "the whistle is under the stone")
    write(docs / "apple.txt", "apple")
    (docs / "environment.txt").symlink_to("/proc/self/environ")
    (docs / "private.txt").symlink_to(secret)
    with opened(tmp_path / "home") as library:
        (passed,) = [e for e in events_of(library, [docs]) if isinstance(e, PassedOver)]
        assert dict(passed.counts) == {"leading to a file elsewhere": 2}
        assert [entry.name for entry in library.entries()] == ["apple.txt"]
        list(events_of(library, [docs / "private.txt"]))  # which is the person's own choice
        assert {entry.name for entry in library.entries()} == {"apple.txt", "private.txt"}


def test_a_text_is_read_again_with_another_encoding_and_then_left_alone(
    tmp_path: Path, docs: Path
) -> None:
    raw = "Собрание прошло в Казани".encode("cp1251")
    (docs / "minutes.txt").write_bytes(raw)
    write(docs / "apple.txt", "apple")
    with opened(tmp_path / "home") as library:
        index(library, docs)
        assert "Собрание прошло в Казани" in library.texts()
        library.extractor.encoding = "koi8_r"
        assert sorted(index(library, docs)["updated"]) == ["minutes.txt"]
        assert raw.decode("koi8_r") in library.texts()
        assert "updated" not in index(library, docs)
        library.extractor.encoding = None
        assert "updated" not in index(library, docs)
        assert raw.decode("koi8_r") in library.texts()
        assert_sound(library)


def test_what_is_no_document_is_passed_over_and_counted(tmp_path: Path, docs: Path) -> None:
    write(docs / "apple.txt", "apple")
    (docs / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    (docs / "other.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with opened(tmp_path / "home") as library:
        (passed,) = [e for e in events_of(library, [docs]) if isinstance(e, PassedOver)]
        assert dict(passed.counts) == {".png": 2}
        assert [entry.name for entry in library.entries()] == ["apple.txt"]


def test_kinds_are_told_by_content_and_bad_files_cost_only_themselves(
    tmp_path: Path, docs: Path
) -> None:
    (docs / "page.pdf").write_text("<!DOCTYPE html><html><body><h1>Kiwi</h1><p>Green.</body>")
    (docs / "report.txt").write_bytes(make_pdf(["A lemon is sour."]))
    (docs / "letter.ps").write_text("%!PS-Adobe-3.0\n")
    (docs / "broken.pdf").write_bytes(b"%PDF-1.7 and then nothing")
    with opened(tmp_path / "home") as library:
        outcome = index(library, docs)
        assert sorted(outcome["new"]) == ["page.pdf", "report.txt"]
        assert sorted(outcome["skipped"]) == ["broken.pdf", "letter.ps"]
        texts = library.texts()
        assert any("Kiwi" in text for text in texts)
        assert any("A lemon is sour." in text for text in texts)
        assert_sound(library)


def test_only_the_changed_document_of_many_is_embedded_again(tmp_path: Path, docs: Path) -> None:
    for number in range(200):
        write(docs / f"{number}.txt", f"apple{number}", sentences=2)
    with opened(tmp_path / "home") as library:
        assert len(index(library, docs)["new"]) == 200
        before = library.embedder.embedded
        write(docs / "100.txt", "banana", sentences=3)
        outcome = index(library, docs)
        assert outcome["updated"] == ["100.txt"]
        assert len(outcome["unchanged"]) == 199
        assert library.embedder.embedded == before + 3
        assert_sound(library)


def test_a_file_whose_time_changes_but_not_its_text_is_unchanged(
    tmp_path: Path, docs: Path
) -> None:
    write(docs / "apple.txt", "apple")
    with opened(tmp_path / "home") as library:
        index(library, docs)
        os.utime(docs / "apple.txt", (1, 1))
        assert index(library, docs) == {"unchanged": ["apple.txt"]}


def test_a_moved_folder_is_neither_new_nor_removed(tmp_path: Path, docs: Path) -> None:
    (docs / "old").mkdir()
    for name in ("apple", "banana"):
        write(docs / "old" / f"{name}.txt", name)
    with opened(tmp_path / "home") as library:
        index(library, docs)
        embedded = library.embedder.embedded
        (docs / "old").rename(docs / "new")
        assert index(library, docs) == {"moved": ["apple.txt", "banana.txt"]}
        assert library.embedder.embedded == embedded
        assert {Path(entry.path).parent for entry in library.entries()} == {docs / "new"}
        assert_sound(library)


def test_what_an_interrupted_run_did_not_embed_is_embedded_by_the_next(
    tmp_path: Path, docs: Path
) -> None:
    write(docs / "apple.txt", "apple", sentences=200)
    with opened(tmp_path / "home") as library:
        running = events_of(library, [docs])
        next(event for event in running if isinstance(event, Embedded))
        running.close()
        (entry,) = library.entries()
        assert not entry.embedded
        assert library.search("apple", [entry.document_id], 1), "words are found all the same"
    with opened(tmp_path / "home") as library:
        assert index(library, docs) == {"updated": ["apple.txt"]}
        assert library.entries()[0].embedded
        assert_sound(library)


def test_a_run_killed_at_any_moment_loses_at_most_the_document_in_work(
    tmp_path: Path, docs: Path
) -> None:
    home = tmp_path / "home"
    for number in range(12):
        write(docs / f"{number}.txt", f"apple{number}", sentences=300)
    draw = random.Random(5)
    complete = 0
    for _ in range(6):
        running = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(home), str(docs)],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )
        wait_for_growth(home, complete, running)
        time.sleep(draw.random() / 2)
        running.send_signal(signal.SIGKILL)
        running.wait()
        with opened(home) as library:
            entries = library.entries()
            whole = sum(entry.embedded for entry in entries)
            assert whole >= complete, "what was done stays done"
            assert len(entries) - whole <= 1
            complete = whole
    with opened(home) as library:
        index(library, docs)
        assert len(library.entries()) == 12
        assert_sound(library)


def wait_for_growth(home: Path, complete: int, running: subprocess.Popen[bytes]) -> None:
    """Wait until a run has done more than the one before, or is over."""
    until = time.monotonic() + 60
    while running.poll() is None and time.monotonic() < until:
        if (home / "library.sqlite3").exists():
            with opened(home) as library:
                if sum(entry.embedded for entry in library.entries()) > complete:
                    return
        time.sleep(0.05)


def test_a_file_is_read_ahead_while_others_are_embedded(
    tmp_path: Path, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("apple", "banana", "cherry"):
        write(docs / f"{name}.txt", name, sentences=100)
    with opened(tmp_path / "home") as library:
        running = indexing.index(library, [docs])
        next(event for event in running if isinstance(event, Embedded))
        time.sleep(1.5)
        for path in docs.iterdir():
            path.unlink()
        done = [Path(event.path).name for event in running if isinstance(event, FileDone)]
        assert done == ["apple.txt", "banana.txt", "cherry.txt"], "they were read by then"


def test_two_names_of_one_file_are_one_document(tmp_path: Path, docs: Path) -> None:
    write(docs / "apple.txt", "apple")
    shutil.copy(docs / "apple.txt", docs / "copy.txt")
    with opened(tmp_path / "home") as library:
        index(library, docs)
        assert len({entry.document_id for entry in library.entries()}) == 1
        only: OpenLibrary = library
        assert len(only.stored()) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_an_indexed_file_that_turned_into_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("The whale was white.")
    with opened(tmp_path / "home") as library:
        assert index(library, path) == {"new": ["notes.txt"]}
        path.unlink()
        os.mkfifo(path)
        assert index(library, path) == {"skipped": ["notes.txt"]}
        path.unlink()
        with path.open("wb") as file:
            file.truncate(reading.MAX_FILE + 1)
        began = time.monotonic()
        assert index(library, path) == {"skipped": ["notes.txt"]}
        assert time.monotonic() - began < 20, "it was not hashed"


def test_a_link_that_came_to_lead_in_a_circle_costs_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "good.txt").write_text("The whale was white.")
    (folder / "link.txt").write_text("It was a file when the folder was read.")
    found = reading.find(folder)
    (folder / "link.txt").unlink()
    (folder / "link.txt").symlink_to(folder / "link.txt")
    monkeypatch.setattr(reading, "find", lambda _path: found)
    with opened(tmp_path / "home") as library:
        assert index(library, folder) == {"new": ["good.txt"], "skipped": ["link.txt"]}
