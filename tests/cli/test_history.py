"""`rapid history`, in real processes, with a history that was filled beforehand."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from rapid_cli.storage.history import History
from tests.support.rapid import rapid_process

pytestmark = pytest.mark.slow

LONG_ANSWER = "Ahab hunts the whale over all oceans. " * 30 + "At last it sinks him."


def make_record(question: str, answer: str, *documents: str) -> dict[str, object]:
    return {
        "question": question,
        "answer": answer,
        "strategy": "rapid",
        "sources": [{"document": name, "text": f"A passage of {name}."} for name in documents],
        "stats": {"tokens": 5},
    }


AHAB = make_record("Who is Ahab?", LONG_ANSWER, "whale.pdf", "letters.txt", "whale.pdf")
KEEPER = make_record(
    "Who kept\n the light?", "Edith Marlow.\n\n- In 1911\n- „Größe“ 海\n", "keeper.md"
)


def rapid(*words: str | Path, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, which may live in another time zone."""
    return rapid_process("history", *words, home=home, **{"COLUMNS": "60"} | more)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose history holds two answers."""
    with History(tmp_path) as history:
        history.add(AHAB)
        history.add(KEEPER)
    return tmp_path


def test_the_newest_stands_last_and_a_pipe_gets_answers_in_full(home):
    result = rapid(home=home, TZ="XYZ-5")
    assert (result.returncode, result.stderr) == (0, "")
    first, second = re.split(r"\n\n(?=\d{4}-)", result.stdout)
    heading, question, *answer = first.split("\n")
    asked_at, strategy, documents = heading.split("\t")
    assert (strategy, documents) == ("rapid", "whale.pdf, letters.txt")
    assert question == "Who is Ahab?"
    assert answer == [f"  {LONG_ANSWER}"]
    local = datetime.strptime(asked_at, "%Y-%m-%d %H:%M").replace(
        tzinfo=timezone(timedelta(hours=5))
    )
    assert timedelta(0) <= datetime.now(UTC) - local < timedelta(minutes=3)
    assert second.split("\n")[1:] == [
        *("Who kept the light?", "  Edith Marlow.", "", "  - In 1911", "  - „Größe“ 海", "", "")
    ]


def test_words_search_and_a_limit_keeps_the_newest(home):
    found = rapid("captain", "ahab", home=home)
    assert (found.returncode, found.stdout) == (0, "")
    assert "No answer matches 'captain ahab'" in found.stderr
    assert "Ahab" in rapid("OCEANS", "letters", "aha", home=home).stdout
    newest = rapid("--limit", "1", home=home).stdout
    assert "Marlow" in newest
    assert "Ahab" not in newest


def test_json_is_an_object_a_line_with_the_time_first(home):
    result = rapid("--json", home=home)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [next(iter(line)) for line in lines] == ["asked_at", "asked_at"]
    for line, record in zip(lines, (AHAB, KEEPER), strict=True):
        asked_at = datetime.fromisoformat(line.pop("asked_at"))
        assert asked_at.utcoffset() == timedelta(0)
        assert line == record
    assert "Größe" in result.stdout
    assert rapid("--json", "nowhere", home=home).stdout == ""


@pytest.mark.parametrize("words", ['"', "*", "AND", "c++", "question:ahab", "NOT (ahab"])
def test_a_strange_search_finds_nothing_and_says_so(home, words):
    result = rapid("--", words, home=home)
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr.startswith("No answer matches")


@pytest.mark.parametrize("words", [[], ["ahab"], ["--json"], ["--clear"]])
def test_an_empty_history_is_a_sentence(tmp_path, words):
    result = rapid(*words, home=tmp_path / "home")
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "The history is empty: it fills as you ask.\n"


def test_clear_deletes_all_after_saying_how_many(home):
    result = rapid("--clear", home=home)
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "deleting 2 answers\n"
    assert "empty" in rapid(home=home).stderr


def test_clear_is_not_for_a_search(home):
    result = rapid("ahab", "--clear", home=home)
    assert result.returncode == 2
    assert "--clear deletes the whole history" in " ".join(result.stderr.split())
    assert "Ahab" in rapid(home=home).stdout


def test_a_damaged_history_is_a_sentence_and_a_hint(home):
    (home / "history.sqlite3").write_bytes(b"not a database" * 1000)
    result = rapid(home=home)
    assert (result.returncode, result.stdout) == (1, "")
    assert "Traceback" not in result.stderr
    assert "not a database" in result.stderr
    assert f"delete {home / 'history.sqlite3'}" in result.stderr


@pytest.mark.parametrize("command", ["head -c 10", "true"])
def test_a_closed_pipe_ends_quietly(home, command):
    with History(home) as history:
        for _ in range(100):
            history.add(AHAB)
    result = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m rapid_cli history --limit 100 | {command}"],
        capture_output=True,
        timeout=60,
        env=os.environ | {"RAPID_HOME": str(home)},
        check=False,
    )
    assert result.stderr == b""


def on_a_terminal(*words: str, home: Path) -> list[str]:
    """Run with a pseudo-terminal, 60 columns wide; return the lines that it showed."""
    output = bytearray()

    def keep(descriptor: int) -> bytes:
        data = os.read(descriptor, 4096)
        output.extend(data)
        return data

    saved = os.environ.copy()
    os.environ.update({"RAPID_HOME": str(home), "COLUMNS": "60", "TERM": "xterm-256color"})
    try:
        pty.spawn([sys.executable, "-m", "rapid_cli", "history", *words], keep)
    finally:
        os.environ.clear()
        os.environ.update(saved)
    return output.decode().splitlines()


def test_a_terminal_shows_the_first_lines_of_an_answer(home, capfd):
    heading, question, *answer = on_a_terminal("ahab", home=home)
    assert re.fullmatch(r"[\d-]{10} [\d:]{5}  rapid  whale.pdf, letters.txt", heading)
    assert question == "Who is Ahab?"
    *shown, last = answer
    assert len(shown) == 3
    assert last == ""
    assert all(line.startswith("  Ahab") or line.startswith("  ") for line in shown)
    assert all(len(line) <= 60 for line in shown)
    assert shown[-1].endswith(" …")


def test_a_terminal_shows_short_answers_and_full_ones_without_a_cut(home, capfd):
    short = on_a_terminal("keeper", home=home)
    assert short[2:] == ["  Edith Marlow.", "  - In 1911", "  - „Größe“ 海", ""]
    _, _, *full, last = on_a_terminal("ahab", "--full", home=home)
    assert " ".join(line.removeprefix("  ") for line in full) == LONG_ANSWER
    assert max(map(len, full)) <= 60
    assert last == ""
