"""What is left on disk of what was piped in, removed or cleared; and how commands are ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.rapid import COMMAND, environment, rapid

pytestmark = pytest.mark.models
STORY = "The quagga Ottilie was kept in a walled garden near Harwich. " * 30
WORD = b"ottilie"
SHORT = ("--max-tokens", "4", "--temperature", "0", "--strategy", "long-context")


@pytest.fixture
def home(tmp_path: Path, furnish: Callable[..., Path]) -> Path:
    return furnish(tmp_path / "home", shallow=True)


@pytest.fixture
def story(tmp_path: Path) -> Path:
    path = tmp_path / "story.txt"
    path.write_text(STORY)
    return path


def holders(folder: Path) -> list[str]:
    """Return the names of the files below a folder that have the word in them, in any case."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.name for path in files if WORD in path.read_bytes().lower())


def prefixes(home: Path) -> list[Path]:
    return list((home / "cache" / "texts").glob("*.kv"))


def test_of_what_is_piped_in_nothing_is_written_but_the_question_and_the_answer(home):
    done = rapid("ask", "-", "Which animal is it?", *SHORT, home=home, stdin=STORY)
    assert done.returncode == 0, done.stderr
    assert prefixes(home) == []
    assert set(holders(home)) <= {"history.sqlite3", "history.sqlite3-wal"}
    assert rapid("history", "--clear", home=home).returncode == 0
    assert holders(home) == []


def test_what_is_removed_is_neither_in_the_library_nor_in_what_models_have_read(home, story):
    other = story.with_name("other.txt")
    other.write_text("The ferry to Harwich leaves at nine. " * 30)
    for path in (story, other):
        done = rapid("ask", path, "When and where?", *SHORT, home=home)
        assert done.returncode == 0, done.stderr
    assert {"library.sqlite3", "chroma.sqlite3"} <= set(holders(home))
    assert len(prefixes(home)) == 2
    assert rapid("history", "--clear", home=home).returncode == 0
    assert rapid("remove", "story.txt", home=home).returncode == 0
    assert holders(home) == []
    assert len(prefixes(home)) == 1
    found = rapid("search", "When does the ferry leave?", home=home)
    assert "nine" in found.stdout, found.stderr


def test_what_models_have_read_of_a_file_that_was_moved_goes_with_it(home, story):
    assert rapid("ask", story, "Which animal?", *SHORT, home=home).returncode == 0
    moved = story.rename(story.with_name("tale.txt"))
    assert rapid("index", moved, home=home).returncode == 0
    assert rapid("remove", "tale.txt", home=home).returncode == 0
    assert prefixes(home) == []


def test_a_cleared_history_takes_the_questions_typed_in_chats_with_it(home):
    home.mkdir(exist_ok=True)
    (home / "chat_questions.txt").write_text("\n# 2026-11-28\n+Who is Ottilie?\n")
    assert rapid("history", "--clear", home=home).returncode == 0
    assert not (home / "chat_questions.txt").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize("name", ["SIGHUP", "SIGTERM", "SIGKILL"])
def test_a_command_that_is_ended_leaves_nothing_of_what_was_piped_in(home, name, tmp_path):
    process = start("ask", "-", "Which animal is it?", *SHORT, "--max-tokens", 500, home=home)
    with process:
        assert process.stdin
        process.stdin.write(STORY)
        process.stdin.close()
        assert process.stdout
        process.stdout.read(1)  # it has read all, and answers
        process.send_signal(getattr(signal, name))
        code = process.wait(60)
        errors = process.stderr.read() if process.stderr else ""
    number = getattr(signal, name)
    assert code == (-number if name == "SIGKILL" else 128 + number)
    assert "Traceback" not in errors
    assert holders(tmp_path) == []
    assert "stdin" not in rapid("list", home=home).stdout


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_what_nohup_lets_go_on_goes_on(home, story):
    def ignore() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    process = start("ask", story, "Which animal is it?", *SHORT, home=home, preexec_fn=ignore)
    with process:
        assert process.stdin
        process.stdin.close()
        assert process.stdout
        process.stdout.read(1)
        process.send_signal(signal.SIGHUP)
        assert process.wait(60) == 0


def start(*words: object, home: Path, **options: object) -> subprocess.Popen[str]:
    """Begin a command whose temporary files lie beside its home."""
    (home.parent / "temporary").mkdir()
    return subprocess.Popen(
        [*COMMAND, *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(home, TMPDIR=os.fspath(home.parent / "temporary")),
        **options,  # type: ignore[call-overload]
    )
