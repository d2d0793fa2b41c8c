from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from rapid_cli.documents import Document
from rapid_cli.errors import DocumentError
from rapid_cli.reader import reading
from rapid_cli.reader.workers import Extractor
from tests.support.odd_pdfs import bomb, one_page, shown
from tests.support.pdfs import make_pdf, make_scanned_pdf, outlined
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

MEGABYTE = 1 << 20
PARENT = """
import sys
from pathlib import Path
from rapid_cli.reader.workers import Extractor

with Extractor(workers=2) as extractor:
    for found in extractor.read_ahead(map(Path, sys.argv[1:])):
        print(found.name, flush=True)
"""


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAPID_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture
def hanging(tmp_path: Path) -> Path:
    """A file that takes a good part of a minute to read."""
    path = tmp_path / "hanging.pdf"
    path.write_bytes(b"<!doctype html>" + b"<sup>2</sup>" * 3_000_000)
    return path


@pytest.fixture
def parent(tmp_path: Path, hanging: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has read one file and waits for one that hangs."""
    command = [sys.executable, "-c", PARENT, *map(str, texts(tmp_path, 1)), str(hanging)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as started:
        try:
            assert started.stdout is not None
            assert started.stdout.readline() == "0.txt\n"
            yield started
        finally:
            started.kill()


def texts(folder: Path, number: int) -> list[Path]:
    paths = [folder / f"{index}.txt" for index in range(number)]
    for path in paths:
        path.write_text(f"text of {path.name}")
    return paths


def names(results: Iterator[Document | DocumentError]) -> list[str]:
    return [found.message if isinstance(found, DocumentError) else found.name for found in results]


def worker_ids(parent: int) -> list[int]:
    """Return the living worker processes of a process."""
    return [
        int(path.name)
        for path in Path("/proc").iterdir()
        if path.name.isdigit()
        and state(path)[1:2] == [str(parent)]
        and b"rapid_cli.reader.worker" in (path / "cmdline").read_bytes()
    ]


def state(path: Path) -> list[str]:
    """Return the state of a process, its parent, and more numbers; nothing if it is gone."""
    try:
        fields = (path / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
    return [] if fields[0] in "ZX" else fields


def is_gone(worker_id: int) -> bool:
    return state(Path("/proc", str(worker_id))) == []


def seconds_used(worker_id: int) -> float:
    """Return how long a process has computed."""
    fields = state(Path("/proc", str(worker_id)))
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def wait_until_busy(parent: int) -> list[int]:
    """Return the workers of a process, once one of them has begun with the file that hangs."""
    wait_for(lambda: any(seconds_used(worker) > 2 for worker in worker_ids(parent)), seconds=60)
    return worker_ids(parent)


# What comes back


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("labels.pdf", make_pdf(["one", "", "thrée"], labels={0: ("/r", "")})),
        ("outline.pdf", outlined(["Care\nOil it."], [(1, "Care", 1, None)])),
        ("windows.txt", "naïve “café” – déjà vu".encode("cp1252")),
        ("many lines.txt", "a\u2028b\x85c\r\nd\x0ce 日本語 😀 \x1b[31m".encode()),
    ],
)
def test_a_document_is_the_one_that_the_reader_returns(
    tmp_path: Path, name: str, raw: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(raw)
    with Extractor() as extractor:
        assert extractor.read(path) == reading.read(path)


def test_documents_come_in_the_order_of_their_paths_whatever_their_size(tmp_path: Path) -> None:
    paths = texts(tmp_path, 8)
    for path in paths[::3]:
        path.write_text("many words " * 300_000)
    with Extractor() as extractor:
        found = list(extractor.read_ahead(paths))
    assert found == [reading.read(path) for path in paths]


def test_an_error_keeps_its_words_and_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (path,) = texts(tmp_path, 1)
    wrong = [Path("missing.pdf"), tmp_path / "locked.pdf", tmp_path]
    wrong[1].write_bytes(make_pdf(["secret"], user_password="sesame"))
    with Extractor() as extractor:
        found = list(extractor.read_ahead([*wrong, path]))
        with pytest.raises(DocumentError, match=r"^missing\.pdf does not exist$"):
            extractor.read(wrong[0])
    assert found.pop() == reading.read(path)
    for error, source in zip(found, wrong, strict=True):
        with pytest.raises(DocumentError) as expected:
            reading.read(source)
        assert isinstance(error, DocumentError)
        assert (error.message, error.hint) == (expected.value.message, expected.value.hint)


@pytest.mark.parametrize("name", [b"two\nlines.txt", b"caf\xe9.txt", b"\xf0\x9f\x98\x80 \\n.txt"])
def test_any_file_name_arrives_as_it_is(tmp_path: Path, name: bytes) -> None:
    path = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name)))  # noqa: PTH118
    path.write_text("text")
    with Extractor() as extractor:
        assert extractor.read(path) == reading.read(path)


def test_what_no_reader_expects_becomes_an_error_in_one_sentence(tmp_path: Path) -> None:
    (path,) = texts(tmp_path, 1)
    with Extractor() as extractor:
        with pytest.raises(DocumentError, match="cannot be read: embedded null byte") as caught:
            extractor.read(tmp_path / "a\0b.txt")
        assert caught.value.hint
        assert extractor.read(path).text == "text of 0.txt"


def test_scanned_pages_are_read_by_ocr_only_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scanned.pdf"
    path.write_bytes(make_scanned_pdf(1))
    monkeypatch.setenv("PATH", str(tmp_path))
    with Extractor() as extractor, pytest.raises(DocumentError, match="no text"):
        extractor.read(path)
    with Extractor(ocr=True) as extractor, pytest.raises(DocumentError, match="is not installed"):
        extractor.read(path)


# Reading ahead


@pytest.mark.parametrize("workers", [1, 3])
def test_paths_are_taken_only_a_few_ahead(tmp_path: Path, workers: int) -> None:
    (path,) = texts(tmp_path, 1)
    taken = count()
    with Extractor(workers=workers) as extractor:
        found = extractor.read_ahead(path for _ in taken)
        for index in range(5):
            next(found)
            assert next(taken) <= index + 1 + workers + 2 + index
        found.close()


def test_files_are_read_while_the_consumer_is_busy(tmp_path: Path) -> None:
    paths = texts(tmp_path, 3)
    paths.append(tmp_path / "large.txt")
    paths[-1].write_text("x" * MEGABYTE)
    with Extractor() as extractor:
        found = extractor.read_ahead(paths)
        next(found)
        time.sleep(1)
        for path in paths:
            path.unlink()
        assert names(found) == ["1.txt", "2.txt", "large.txt"]


def test_no_worker_starts_before_the_first_file() -> None:
    with Extractor() as extractor:
        assert list(extractor.read_ahead([])) == []
        assert worker_ids(os.getpid()) == []


def test_workers_read_many_files_each(tmp_path: Path) -> None:
    paths = texts(tmp_path, 20)
    with Extractor() as extractor:
        list(extractor.read_ahead(paths))
        first = set(worker_ids(os.getpid()))
        list(extractor.read_ahead(paths))
        assert first <= set(worker_ids(os.getpid()))
        assert 1 <= len(first) <= 2


# Limits


@pytest.mark.parametrize("ocr", [False, True])
def test_a_file_that_hangs_is_skipped_and_costs_no_other_file_anything(
    tmp_path: Path, hanging: Path, ocr: bool
) -> None:
    paths = texts(tmp_path, 6)
    started = time.monotonic()
    with Extractor(workers=1, timeout_seconds=1, ocr=ocr) as extractor:
        found = list(extractor.read_ahead([paths[0], hanging, *paths[1:]]))
        assert time.monotonic() - started < 8
    error = found.pop(1)
    assert isinstance(error, DocumentError)
    assert error.message == "hanging.pdf takes longer than 1 s to read"
    assert "skipped" in error.hint
    assert found == [reading.read(path) for path in paths]


def test_ocr_may_take_longer_than_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(make_scanned_pdf(1))
    (tmp_path / "found.pdf").write_bytes(make_pdf(["found"]))
    program = tmp_path / "ocrmypdf"
    program.write_text(f'#!/bin/sh\nsleep 2; cp "{tmp_path}/found.pdf" "$6"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with Extractor(timeout_seconds=1, ocr=True) as extractor:
        assert extractor.read(path).text.strip() == "found"


def test_the_start_of_a_process_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = texts(tmp_path, 1)
    (tmp_path / "sitecustomize.py").write_text("import time; time.sleep(1.5)")
    before = os.environ.get("PYTHONPATH")
    folders = [str(tmp_path), before] if before else [str(tmp_path)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(folders))
    started = time.monotonic()
    with Extractor(timeout_seconds=1) as extractor:
        assert extractor.read(path).text == "text of 0.txt"
    assert time.monotonic() - started > 1.5


def test_a_file_that_needs_too_much_memory_is_refused(tmp_path: Path) -> None:
    paths = texts(tmp_path, 2)
    large = tmp_path / "large.pdf"
    large.write_bytes(make_pdf(["text"]))
    os.truncate(large, 500 * MEGABYTE)
    with Extractor(workers=1, memory_bytes=400 * MEGABYTE) as extractor:
        found = names(extractor.read_ahead([paths[0], large, paths[1]]))
    assert found == ["0.txt", "large.pdf needs too much memory to read", "1.txt"]


def test_a_text_too_long_for_its_consumer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("😀" * 15_000_000)
    with (
        Extractor(memory_bytes=440 * MEGABYTE) as extractor,  # enough to read it, as was tried
        pytest.raises(DocumentError, match="too much memory"),
    ):
        extractor.read(path)


def test_a_worker_that_dies_costs_only_its_file(tmp_path: Path, hanging: Path) -> None:
    paths = texts(tmp_path, 4)
    with Extractor(workers=1) as extractor:
        found = extractor.read_ahead([paths[0], hanging, *paths[1:]])
        assert names(iter([next(found)])) == ["0.txt"]
        for _ in range(2):  # the second one is asked to be careful
            (worker,) = wait_until_busy(os.getpid())
            os.kill(worker, signal.SIGKILL)
            wait_for(lambda worker=worker: worker not in worker_ids(os.getpid()))
        rest = names(found)
    assert rest == ["hanging.pdf makes its reader crash", "1.txt", "2.txt", "3.txt"]


def test_a_page_at_which_a_library_crashes_costs_only_itself(tmp_path: Path) -> None:
    pages = {
        2: b"<</Type/Pages/Kids[3 0 R 6 0 R]/Count 2>>",
        6: b"<</Type/Page/Parent 2 0 R/Contents 7 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        7: bomb(400),
    }
    path = tmp_path / "bomb.pdf"
    path.write_bytes(one_page(shown(b"a good page"), pages))
    with Extractor(memory_bytes=400 * MEGABYTE) as extractor:
        document = extractor.read(path)
    assert [page.text.strip() for page in document.pages] == ["a good page", ""]
    assert document.warnings == ("page 2 expands too far to be read",)


def test_both_attempts_at_a_file_together_stay_within_its_time(
    tmp_path: Path, hanging: Path
) -> None:
    (path,) = texts(tmp_path, 1)
    with Extractor(workers=1, timeout_seconds=6) as extractor:
        found = extractor.read_ahead([path, hanging])
        next(found)
        began = time.monotonic()
        (worker,) = wait_until_busy(os.getpid())
        os.kill(worker, signal.SIGKILL)
        assert names(found) == ["hanging.pdf makes its reader crash"]
        assert time.monotonic() - began < 10


def test_a_worker_that_has_taken_much_memory_is_not_kept(tmp_path: Path) -> None:
    paths = texts(tmp_path, 3)
    large = tmp_path / "large.txt"
    large.write_text("many words " * 1_000_000 + "😀")  # which makes all of it four times as large
    with Extractor(workers=1, memory_bytes=250 * MEGABYTE) as extractor:
        assert names(extractor.read_ahead([paths[0], large])) == ["0.txt", "large.txt"]
        wait_for(lambda: worker_ids(os.getpid()) == [])
        assert names(extractor.read_ahead(paths)) == ["0.txt", "1.txt", "2.txt"]


def test_a_worker_that_dies_with_nothing_to_do_costs_no_file(tmp_path: Path) -> None:
    paths = texts(tmp_path, 6)
    with Extractor() as extractor:
        list(extractor.read_ahead(paths))
        for worker in worker_ids(os.getpid()):
            os.kill(worker, signal.SIGKILL)
        assert extractor.read(paths[0]).name == "0.txt"
        assert names(extractor.read_ahead(paths)) == [path.name for path in paths]


def test_readers_that_cannot_start_are_an_error_not_a_hang(tmp_path: Path) -> None:
    (path,) = texts(tmp_path, 1)
    with (
        Extractor(memory_bytes=MEGABYTE) as extractor,
        pytest.raises(DocumentError, match="no process can be started"),
    ):
        extractor.read(path)


def test_nothing_is_imported_from_the_folder_where_the_user_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = texts(tmp_path, 1)
    for name in ("json.py", "resource.py", "pypdf.py", "sitecustomize.py"):
        (tmp_path / name).write_text("open('imported', 'w').close(); raise SystemExit")
    monkeypatch.chdir(tmp_path)
    with Extractor() as extractor:
        assert extractor.read(path).name == "0.txt"
    assert not (tmp_path / "imported").exists()


# Nothing is left running


def test_closing_ends_all_workers_at_once_even_those_that_read(
    tmp_path: Path, hanging: Path
) -> None:
    (path,) = texts(tmp_path, 1)
    with Extractor() as extractor:
        found = extractor.read_ahead([path, hanging, hanging, hanging])
        next(found)
        workers = wait_until_busy(os.getpid())
        started = time.monotonic()
        extractor.close()
    assert workers
    assert time.monotonic() - started < 2
    assert all(is_gone(worker) for worker in workers)
    found.close()


def test_an_abandoned_iterator_leaves_nothing_running_and_the_next_one_reads(
    tmp_path: Path, hanging: Path
) -> None:
    (path,) = texts(tmp_path, 1)
    with Extractor() as extractor:
        with closing(extractor.read_ahead([path, hanging, hanging, hanging])) as found:
            next(found)
        assert worker_ids(os.getpid()) == []
        assert extractor.read(path).name == "0.txt"


def test_workers_end_when_their_parent_is_killed(
    parent: subprocess.Popen[str], hanging: Path
) -> None:
    workers = wait_until_busy(parent.pid)
    parent.kill()
    assert workers
    wait_for(lambda: all(is_gone(worker) for worker in workers))


def test_an_interrupt_ends_all_at_once_and_only_the_parent_speaks(
    parent: subprocess.Popen[str], hanging: Path
) -> None:
    workers = wait_until_busy(parent.pid)
    os.killpg(parent.pid, signal.SIGINT)
    _, said = parent.communicate(timeout=5)
    assert workers
    assert all(is_gone(worker) for worker in workers)
    assert said.count("Traceback") == 1
    assert said.endswith("KeyboardInterrupt\n")
