"""`rapid index --watch`, in real processes that tests change files under."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from rapid_cli.library.catalog import Catalog
from rapid_cli.retrieval.embedder import Embedder
from tests.support.libraries import assert_sound, opened
from tests.support.pdfs import make_pdf

HASTY = """
import sys
from rapid_cli.library import watching
watching.QUIET_SECONDS, watching.TICK_MILLISECONDS = 0.4, 50
"""
"""Changes are told sooner than a second after the last one, and else as ever."""
WATCHING = f"""{HASTY}
from rapid_cli.cli import main
main()
"""
TOLD = f"""{HASTY}
from pathlib import Path
from rapid_cli.errors import ConfigError
from rapid_cli.library.watching import changes
try:
    for _ in changes([Path(name) for name in sys.argv[1:]]):
        print("told", flush=True)
except ConfigError as error:
    print(error.message, error.hint, flush=True)
"""


class Running:
    """A process whose lines are kept as they come."""

    def __init__(self, *words: str | Path, home: Path) -> None:
        before = signal.getsignal(signal.SIGINT)
        # Behind a shell's `&` Ctrl-C is ignored, which the process would inherit.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.process = subprocess.Popen(
            list(map(str, words)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, "RAPID_HOME": str(home), "HF_HUB_OFFLINE": "1"},
        )
        signal.signal(signal.SIGINT, before)
        self.seen = 0
        self.out: list[str] = []
        self.errors: list[str] = []
        streams = ((self.process.stdout, self.out), (self.process.stderr, self.errors))
        self._threads = [Thread(target=lines.extend, args=(stream,)) for stream, lines in streams]
        for thread in self._threads:
            thread.start()

    def wait_for(self, condition: Callable[[], object], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, "".join(self.errors)
            assert time.monotonic() < end, "".join([*self.out, *self.errors])
            time.sleep(0.02)

    def wait_for_lines(self, number: int, seconds: float = 60.0) -> list[str]:
        """Wait until so many lines came on stdout; return all."""
        self.wait_for(lambda: len(self.out) >= number, seconds)
        return [line.rstrip("\n") for line in self.out]

    def wait_for_summary(self) -> str:
        """Wait for the next line on stdout, and return it but for how many files are unchanged."""
        self.seen += 1
        return re.sub(r"\d+ unchanged", "0 unchanged", self.wait_for_lines(self.seen)[-1])

    def interrupt(self) -> int:
        """Send Ctrl-C, and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.end()

    def end(self) -> int:
        code = self.process.wait(timeout=20)
        for thread in self._threads:
            thread.join(timeout=5)
        return code


def watching(*paths: Path, home: Path, hasty: bool = True) -> Running:
    started = ("-c", WATCHING) if hasty else ("-m", "rapid_cli")
    return Running(sys.executable, *started, "index", *paths, "--watch", home=home)


def held(home: Path) -> dict[str, str]:
    """Return the text of each file in the library, which is sound."""
    with opened(home) as library:
        assert_sound(library)
        return {entry.path: library.get(entry.document_id).text for entry in library.entries()}


def on_disk(*paths: Path) -> dict[str, str]:
    files = (file for path in paths for file in ([path] if path.is_file() else path.rglob("*.md")))
    return {str(file): file.read_text() for file in files}


def summary(**counts: int) -> str:
    """Return the line for these counts; that of unchanged files is left out of them."""
    outcomes = ("new", "updated", "unchanged", "removed", "skipped")
    return ", ".join(f"{counts.get(outcome, 0)} {outcome}" for outcome in outcomes)


@pytest.fixture(scope="module")
def new_home(
    embedder: Embedder, embedder_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Path]:
    """Make folders for libraries; an embedder is exported once for all of them."""
    embedder.embed(["anything"])

    def make() -> Path:
        home = tmp_path_factory.mktemp("home")
        (home / "cache").mkdir()
        (home / "cache" / "embedders").symlink_to(embedder_cache)
        return home

    return make


@pytest.fixture(scope="module")
def home(new_home: Callable[[], Path]) -> Path:
    return new_home()


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("docs")


@pytest.fixture(scope="module")
def running(docs: Path, home: Path) -> Iterator[Running]:
    """One process for most tests: it watches `docs`, which had nothing in it."""
    started = watching(docs, home=home)
    try:
        assert started.wait_for_summary() == summary()
        yield started
    finally:
        started.process.kill()
        started.end()


pytestmark = pytest.mark.models


def test_a_folder_without_documents_is_watched_until_there_are_some(
    running: Running, docs: Path
) -> None:
    assert any("has no documents" in line for line in running.errors)
    (docs / "first.md").write_text("A lighthouse.")
    assert running.wait_for_summary() == summary(new=1)
    assert f"indexed {docs}/first.md (new)\n" in running.errors


def test_a_changed_file_is_updated_and_a_removed_one_removed(running: Running, docs: Path) -> None:
    file = docs / "change.md"
    file.write_text("The keeper rowed out.")
    assert running.wait_for_summary() == summary(new=1)
    file.write_text("The keeper stayed.")
    assert running.wait_for_summary() == summary(updated=1)
    file.unlink()
    assert running.wait_for_summary() == summary(removed=1)
    assert f"indexed {file} (updated)\n" in running.errors
    assert f"removed {file}: the file is gone\n" in running.errors


def test_a_file_that_an_editor_replaces_is_updated(running: Running, docs: Path) -> None:
    (docs / "edited.md").write_text("Draft.")
    assert running.wait_for_summary() == summary(new=1)
    (docs / ".edited.md.swp").write_text("Final.")
    (docs / ".edited.md.swp").rename(docs / "edited.md")
    assert running.wait_for_summary() == summary(updated=1)


def test_a_folder_that_is_moved_in_is_indexed_and_watched(
    running: Running, docs: Path, tmp_path: Path
) -> None:
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved" / "inner.md").write_text("Sheep.")
    (tmp_path / "moved").rename(docs / "moved")
    assert running.wait_for_summary() == summary(new=1)
    (docs / "moved" / "inner.md").write_text("Rain.")
    assert running.wait_for_summary() == summary(updated=1)


def test_an_unreadable_file_is_listed_and_watching_goes_on(running: Running, docs: Path) -> None:
    (docs / "broken.pdf").write_bytes(make_pdf(["text"])[:60])
    assert running.wait_for_summary() == summary(skipped=1)
    assert any(f"skipped {docs}/broken.pdf: it " in line for line in running.errors)
    (docs / "broken.pdf").unlink()
    (docs / "whole.md").write_text("Whole.")
    assert running.wait_for_summary() == summary(new=1)


def test_a_burst_of_changes_leaves_the_library_as_the_folder_is(
    running: Running, docs: Path, home: Path
) -> None:
    for number in range(60):
        file = docs / f"burst{number}.md"
        file.write_text(f"Version one of text {number}.")
        match number % 4:
            case 1:
                file.write_text(f"Version two of text {number}.")
            case 2:
                file.rename(docs / f"renamed{number}.md")
            case 3:
                file.unlink()
    with Catalog(home) as catalog:

        def texts() -> dict[str, str]:
            found = {entry.path: catalog.document(entry.document_id) for entry in catalog.entries()}
            return {path: document.text for path, document in found.items() if document}

        running.wait_for(lambda: texts() == on_disk(docs))


def test_ctrl_c_ends_the_watch_and_the_library_is_as_the_folder(
    running: Running, docs: Path, home: Path
) -> None:
    assert running.interrupt() == 130
    assert "Traceback" not in "".join(running.errors)
    assert held(home) == on_disk(docs)


def test_files_that_change_during_the_first_round_or_with_their_folder_are_not_missed(
    tmp_path: Path, new_home: Callable[[], Path]
) -> None:
    home, docs, single = new_home(), tmp_path / "docs", tmp_path / "single.md"
    docs.mkdir()
    (docs / "a.md").write_text("Before.")
    (docs / "long.md").write_text("The sheep stood close to the walls while rain fell. " * 600)
    single.write_text("Alone.")
    running = watching(docs, single, home=home, hasty=False)
    try:
        running.wait_for(lambda: f"indexed {docs}/a.md (new)\n" in running.errors)
        assert running.out == [], "the first round still goes on"
        (docs / "a.md").write_text("Meanwhile.")
        assert running.wait_for_summary() == summary(new=3)
        assert running.wait_for_summary() == summary(updated=1)

        (tmp_path / "neighbour.md").write_text("Nobody asked for it.")
        (tmp_path / "single.new").write_text("Replaced.")
        (tmp_path / "single.new").rename(single)
        docs.rename(tmp_path / "gone")
        assert running.wait_for_summary() == summary(updated=1, skipped=1)

        docs.mkdir()
        assert running.wait_for_summary() == summary(removed=2, skipped=1)
        (docs / "b.md").write_text("After.")
        assert running.wait_for_summary() == summary(new=1)
        assert running.interrupt() == 130
    finally:
        running.process.kill()
        running.end()
    assert "Traceback" not in "".join(running.errors)
    assert held(home) == on_disk(docs, single)


def test_a_path_that_leads_nowhere_is_an_error_and_not_watched(tmp_path: Path, home: Path) -> None:
    running = watching(tmp_path / "missing", home=home)
    assert running.end() == 1
    assert "missing does not exist" in running.errors[0]


@pytest.fixture
def telling(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start processes that print a line whenever `changes` says so."""
    started: list[Running] = []

    def start(*words: str | Path) -> Running:
        running = Running(*words, home=tmp_path / "docs" / "home")
        started.append(running)
        return running

    yield start
    for running in started:
        running.process.kill()
        running.end()


def test_neither_hidden_files_nor_the_library_itself_are_changes(
    tmp_path: Path, telling: Callable[..., Running]
) -> None:
    docs = tmp_path / "docs"
    (docs / "home").mkdir(parents=True)
    (docs / ".git").mkdir()
    link = tmp_path / "link"
    link.symlink_to(docs)
    running = telling(sys.executable, "-c", TOLD, link)
    running.wait_for_lines(1)
    (docs / "home" / "library.sqlite3").write_text("written")
    (docs / ".git" / "index").write_text("written")
    (docs / ".hidden.md").write_text("written")
    with pytest.raises(AssertionError):
        running.wait_for_lines(2, seconds=2)
    (docs / "home2.md").write_text("seen")
    running.wait_for_lines(2)


def test_names_that_are_not_unicode_are_changes_but_such_folders_an_error(
    tmp_path: Path, telling: Callable[..., Running]
) -> None:
    running = telling(sys.executable, "-c", TOLD, tmp_path)
    running.wait_for_lines(1)
    named = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    named.write_text("seen")
    running.wait_for_lines(2)
    (tmp_path / "other.md").write_text("seen too")
    running.wait_for_lines(3)
    named.unlink()
    named.mkdir()
    running.end()
    assert "its name is not Unicode" in running.out[-1]
    assert running.errors == []


def test_a_file_is_watched_without_the_folders_beside_it(
    tmp_path: Path, telling: Callable[..., Running]
) -> None:
    for number in range(20):
        (tmp_path / "beside" / str(number)).mkdir(parents=True)
    (tmp_path / "file.md").write_text("one")
    running = telling(*limited_to(10), sys.executable, "-c", TOLD, tmp_path / "file.md")
    assert running.wait_for_lines(1) == ["told"]
    (tmp_path / "file.md").write_text("two")
    assert running.wait_for_lines(2) == ["told", "told"]


def test_a_folder_that_is_closed_hides_no_others(
    tmp_path: Path, telling: Callable[..., Running]
) -> None:
    docs = tmp_path / "docs"
    for name in ("home", "one", "two", "three"):
        (docs / name).mkdir(parents=True)
    (docs / "two").chmod(0)
    powerless = ["unshare", "--user"] if os.access(docs / "two", os.R_OK) else []
    running = telling(*usable(powerless), sys.executable, "-c", TOLD, docs)
    for number, name in enumerate(("one", "three"), start=1):
        running.wait_for_lines(number)
        (docs / name / "file.md").write_text("seen")
    running.wait_for_lines(3)


def test_too_many_folders_for_the_system_are_an_error_with_a_hint(
    tmp_path: Path, telling: Callable[..., Running]
) -> None:
    for number in range(20):
        (tmp_path / str(number)).mkdir()
    running = telling(*limited_to(10), sys.executable, "-c", TOLD, tmp_path)
    running.end()
    assert "cannot be watched" in running.out[0]
    assert "raise the limit" in running.out[0]
    assert running.errors == []


def limited_to(most: int) -> list[str]:
    """Return what to put before a command that may watch so many folders."""
    script = f'echo {most} > /proc/sys/user/max_inotify_watches && exec "$@"'
    return usable(["unshare", "--user", "--map-root-user", "sh", "-c", script, "sh"])


def usable(words: list[str]) -> list[str]:
    """Return words to put before a command, or skip the test where they do not work."""
    if words and shutil.which(words[0]) is None:
        pytest.skip(f"there is no {words[0]} here")
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        pytest.skip(f"{words[0]} is not allowed here")
    return words
