"""Many questions about one text, and what stays from one process to the next."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.rapid import rapid, rapid_process

pytestmark = pytest.mark.models

STORY = (
    "The lighthouse keeper was called Edith Marlow. She kept the light on Gannet Rock for "
    "forty-one years. In the winter of 1911 she rowed out alone to save the crew of the Halcyon. "
    "The harbour board gave her a silver whistle for it. She wore it on a cord until she died. "
    "Her brother Tom mended clocks in the town.\n"
)
WEATHER = "Rain fell on the moor for most of the week, and the sheep stood close to the walls.\n"
SHORT = ("--max-tokens", "16", "--seed", "1")
QUESTION = "Who kept the light on Gannet Rock?"
QUESTIONS = (QUESTION, "What did the harbour board give her?", "Who mended clocks?")


def answered(result: subprocess.CompletedProcess[str]) -> list[dict]:
    """Return the objects that were printed, one a line."""
    return [json.loads(line) for line in result.stdout.splitlines()]


def texts_kept(home: Path) -> list[dict]:
    return json.loads(rapid("cache", "list", "--json", home=home).stdout)


def history(home: Path) -> list[dict]:
    return answered(rapid("history", "--json", home=home))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, furnish) -> Path:
    return furnish(tmp_path_factory.mktemp("home"), shallow=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    (folder / "keeper.txt").write_text(STORY + WEATHER * 4)
    (folder / "clocks.txt").write_text("Clocks need oil. " + WEATHER * 3 + STORY)
    (folder / "sheep.txt").write_text(WEATHER * 4 + STORY)
    return folder


def test_a_second_process_restores_the_text_and_answers_as_if_it_had_read_it(folder, home):
    words = ("ask", folder / "keeper.txt", QUESTION, "--json", *SHORT)
    first, second, fresh = (
        answered(run(*words, *more, home=home))[0]
        for run, more in ((rapid, ()), (rapid_process, ()), (rapid, ("--fresh",)))
    )
    restored = [each["context"]["restored_tokens"] for each in (first, second, fresh)]
    total = first["context"]["document_tokens"]
    assert total > 150
    assert restored == [0, total, 0]
    assert first["answer"] == second["answer"] == fresh["answer"]
    assert second["stats"]["accepted"] == fresh["stats"]["accepted"]
    (kept,) = texts_kept(home)
    assert kept["name"] == "keeper.txt"
    assert kept["tokens"] >= total
    (file,) = (home / "cache" / "texts").glob("*.kv")
    assert kept["bytes"] == file.stat().st_size > 100_000


def test_questions_from_a_pipe_give_an_object_each_and_the_text_is_read_once(folder, home):
    lines = f"{QUESTIONS[0]}\n\n  {QUESTIONS[1]}  \n   \n{QUESTIONS[2]}"
    words = ("ask", folder / "clocks.txt", "--questions", "-", "--json", *SHORT)
    result = rapid(*words, home=home, stdin=lines)
    assert result.returncode == 0, result.stderr
    answers = answered(result)
    assert [each["question"] for each in answers] == [*QUESTIONS]
    total = answers[0]["context"]["document_tokens"]
    assert [each["context"]["restored_tokens"] for each in answers] == [0, total, total]
    assert all(each["answer"] for each in answers)
    seconds = [each["stats"]["seconds"] for each in answers]
    assert seconds[0]["load"] > 0
    assert seconds[1]["load"] is None
    assert seconds[1]["prefill_target"] < seconds[0]["prefill_target"]
    assert [each["question"] for each in history(home)[-3:]] == [*QUESTIONS]


def test_a_question_that_cannot_be_answered_costs_only_itself(folder, home):
    long = "Why " + "oh why " * 400 + "did it rain?"
    lines = f"{QUESTIONS[0]}\n{long}\n{QUESTIONS[1]}\n"
    words = ("ask", folder / "keeper.txt", "--questions", "-", "--json", *SHORT)
    result = rapid(*words, "--context-length", "600", home=home, stdin=lines)
    assert result.returncode == 3
    first, failed, last = answered(result)
    assert set(failed) == {"question", "error"}
    assert set(failed["error"]) == {"message", "hint"}
    assert failed["question"] == long
    assert "a context of 600 tokens leaves no room" in failed["error"]["message"]
    assert "shorter question" in failed["error"]["hint"]
    assert first["answer"]
    assert last["answer"]
    assert "no room" in " ".join(result.stderr.split())
    assert last["context"]["restored_tokens"] == last["context"]["document_tokens"]


def test_questions_in_a_file_are_answered_on_stdout_with_a_blank_line_between(folder, home):
    path = folder / "questions.txt"
    path.write_text(f"{QUESTIONS[0]}\n\n{QUESTIONS[2]}\n")
    words = ("ask", folder / "keeper.txt", "--questions", path)
    result = rapid(*words, "--no-log", *SHORT, home=home)
    assert result.returncode == 0, result.stderr
    alone = answered(rapid(*words, "--json", "--no-log", *SHORT, home=home))
    assert result.stdout == "\n".join(f"{each['answer']}\n" for each in alone)
    assert [line for line in result.stderr.splitlines() if line.startswith("Question: ")] == [
        f"Question: {QUESTIONS[0]}",
        f"Question: {QUESTIONS[2]}",
    ]


def test_standard_input_cannot_be_questions_and_text_at_once(home):
    result = rapid("ask", "-", "--questions", "-", home=home, stdin="Why?\n")
    assert result.returncode == 2
    assert "cannot both come by standard input" in re.sub(r"[\s│]+", " ", result.stderr)
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file"), (b"\xff\xfe\x00\x80 Why?", "not a text")]
)
def test_questions_that_cannot_be_read_are_a_usage_error(content, reason, folder, home, tmp_path):
    path = tmp_path / "none.txt"
    if content:
        path.write_bytes(content)
    result = rapid("ask", folder / "keeper.txt", "--questions", path, home=home)
    assert result.returncode == 2
    assert "none.txt" in result.stderr
    assert reason in re.sub(r"[\s│]+", " ", result.stderr)
    assert result.stdout == ""


def test_an_answer_about_standard_input_leaves_no_text_behind(folder, home):
    before = texts_kept(home)
    secret = "The password of the harbour is xylophone. " * 12
    result = rapid("ask", "-", "What is it?", "--json", *SHORT, home=home, stdin=secret)
    (answer,) = answered(result)
    assert "xylophone" in answer["sources"][0]["text"]
    assert texts_kept(home) == before
    remembered = history(home)[-1]
    assert remembered["question"] == "What is it?"
    assert remembered["sources"] == []


def test_an_answer_that_is_not_logged_is_not_in_the_history(folder, home):
    before = history(home)
    question = "Is this one remembered?"
    for more, count in (("--no-log",), 0), ((), 1):
        words = ("ask", folder / "keeper.txt", question, *more, *SHORT)
        assert rapid(*words, home=home).returncode == 0
        asked = [each for each in history(home) if each["question"] == question]
        assert len(asked) == count
    assert len(history(home)) == len(before) + 1


def test_what_is_cleared_is_read_again_and_what_was_read_ahead_is_not(folder, home):
    assert rapid("cache", "clear", home=home).stdout.startswith("freed ")
    assert texts_kept(home) == []
    # One after the other in the same context; only their instructions are the same.
    paths = (folder / "sheep.txt", folder / "clocks.txt")
    result = rapid("index", "--read", *paths, home=home)
    assert result.returncode == 0, result.stderr
    assert {text["name"] for text in texts_kept(home)} == {"sheep.txt", "clocks.txt"}
    for path in paths:
        result = rapid("ask", path, QUESTION, "--json", *SHORT, home=home)
        context = answered(result)[0]["context"]
        assert context["restored_tokens"] == context["document_tokens"], path.name
        assert "read again" not in " ".join(result.stderr.split())
