"""`rapid eval` with the starter model on a few lines of text."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rapid_cli.cli.boundary import INTERRUPTED
from rapid_cli.evaluation.results import Record
from rapid_cli.evaluation.running import Evaluation, Task
from tests.support.rapid import COMMAND, environment, rapid, rapid_process
from tests.support.repository import REPOSITORY

pytestmark = pytest.mark.models

STORY = (
    "The lighthouse keeper was called Edith Marlow. She kept the light on Gannet Rock for "
    "forty-one years, and in the winter of 1911 she rowed out alone to save the crew of the "
    "Halcyon. The harbour board gave her a silver whistle for it.\n"
)
CLOCKS = "Tom Marlow mended clocks in the town. He never learned to swim.\n"
TABLE = """question,answer,doc
Who kept the light on Gannet Rock?,Edith Marlow,keeper.txt
What did the harbour board give her?,silver whistle|whistle,keeper.txt
Who mended clocks?,Tom Marlow,clocks.txt
"""
QUICK = ("--max-tokens", 12)
TWO = ("--strategy", "long-context", "--strategy", "rapid")
FORBIDDEN = """
import sys
names = {"chromadb", "sentence_transformers", "onnxruntime", "tokenizers", "pypdf", "torch"}
class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in names:
            raise ImportError(f"{name} is not on this machine")
sys.meta_path.insert(0, Forbidden())
from rapid_cli.cli import main
main()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, furnish) -> Path:
    return furnish(tmp_path_factory.mktemp("home"), shallow=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, furnish) -> Path:
    """A home in which the whole starter model answers, and is right at times."""
    return furnish(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mine")
    (folder / "keeper.txt").write_text(STORY)
    (folder / "clocks.txt").write_text(CLOCKS)
    (folder / "mine.csv").write_text(TABLE)
    return folder


@pytest.fixture(scope="module")
def first(folder: Path, whole: Path) -> subprocess.CompletedProcess[str]:
    """The first run, whose answers stay in results.jsonl."""
    words = ("eval", "mine.csv", *TWO, *QUICK, "--results", "results.jsonl", "--json")
    return rapid(*words, home=whole, cwd=folder)


def answers(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def told(result: subprocess.CompletedProcess[str], code: int = 0) -> str:
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout


def test_json_has_a_row_for_each_variant_and_nothing_else_is_on_stdout(first, folder) -> None:
    found = json.loads(told(first))
    assert (found["baseline"], found["answers"], found["failed"]) == ("long-context", 6, 0)
    plain, drafted = found["rows"]
    assert (plain["variant"], drafted["variant"]) == ("long-context", "rapid")
    assert (plain["questions"], plain["difference"]) == (3, None)
    assert drafted["difference"] is not None
    assert drafted["p_value"] <= 1
    assert 0 < plain["right"] <= 1
    kept = answers(folder / "results.jsonl")
    assert len(kept) == 6
    assert kept[0]["settings"]["seed"] == 0
    assert {each["models"]["target"] for each in kept} == {"SmolLM2-135M-Instruct.Q4_1.gguf"}
    assert all(each["sources"] for each in kept)
    assert any(each["citations"] for each in kept)


def test_what_is_answered_is_not_asked_again_and_tables_need_no_pack(first, folder, whole) -> None:
    kept = (folder / "results.jsonl").read_bytes()
    words = ("eval", "mine.csv", *TWO, *QUICK, "--results", "results.jsonl", "--json")
    again = told(rapid(*words, home=whole, cwd=folder))
    assert again == first.stdout
    alone = told(rapid("eval", "--results", "results.jsonl", "--json", home=whole, cwd=folder))
    assert alone == first.stdout
    assert (folder / "results.jsonl").read_bytes() == kept


def test_only_what_is_missing_is_asked(first, folder, whole) -> None:
    lines = (folder / "results.jsonl").read_text().splitlines(keepends=True)
    part = folder / "part.jsonl"
    part.write_text("".join(lines[:4]) + lines[4][:60])
    words = ("eval", "mine.csv", *TWO, *QUICK, "--results", part, "--json")
    assert json.loads(told(rapid(*words, home=whole, cwd=folder)))["answers"] == 6
    made = part.read_text().splitlines(keepends=True)
    assert made[:4] == lines[:4]
    assert json.loads(made[4])["answer"] == json.loads(lines[4])["answer"]
    assert len(made) == 6


def test_tables_tell_of_each_pack_and_of_what_failed(folder, home) -> None:
    lines = [
        {"doc": "keeper.txt", "question": "Who kept the light?", "answers": ["Edith Marlow"]},
        {"doc": "empty.pdf", "question": "Who?", "answers": ["Edith"]},
        {"doc": "gone.pdf", "question": "Who?", "answers": ["Edith"]},
    ]
    (folder / "empty.pdf").write_bytes(b"%PDF-1.4 broken")
    (folder / "lines.jsonl").write_text("\n".join(map(json.dumps, lines)))
    words = ("eval", "lines.jsonl", "--strategy", "long-context", *QUICK)
    result = rapid(*words, home=home, cwd=folder)
    output = told(result, 3).splitlines()
    assert output[0].startswith("lines: 2 questions; differences to long-context; 95% intervals")
    head, row = (line.split("\t") for line in output[1:3])
    assert dict(zip(head, row, strict=True))["failed"] == "1"
    assert "lines.jsonl, line 3: there is no document 'gone.pdf'" in result.stderr
    assert "empty.pdf" in result.stderr


def test_a_set_is_asked_where_little_more_than_llama_cpp_is(first, folder, whole, tmp_path) -> None:
    words = ("eval", "mine.csv", "--prepare", tmp_path / "set.jsonl")
    assert "holds 3 questions" in rapid(*words, home=whole, cwd=folder).stderr
    words = ("eval", "set.jsonl", *TWO, *QUICK, "--results", "elsewhere.jsonl", "--json")
    done = subprocess.run(
        [sys.executable, "-c", FORBIDDEN, *map(str, words)],
        cwd=tmp_path,
        env=environment(tmp_path / "elsewhere"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert json.loads(told(done))["answers"] == 6
    here, there = answers(folder / "results.jsonl"), answers(tmp_path / "elsewhere.jsonl")
    # Draft lengths follow what things cost, and so may what is drawn.
    both = list(zip(here, there, strict=True))
    plain = [pair for pair in both if not any(each["drafted"] for each in pair)]
    assert plain
    assert all(mine["answer"] == other["answer"] for mine, other in plain)
    assert [each["sources"] for each in there] == [each["sources"] for each in here]
    assert not any(each["citations"] for each in there)


def test_all_documents_are_read_before_the_first_question(
    folder, home, tmp_path, monkeypatch
) -> None:
    (tmp_path / "one.txt").write_text("One. " + STORY)
    (tmp_path / "two.txt").write_text("Two. " + CLOCKS)
    (tmp_path / "two.csv").write_text("question,answer,doc\nWho?,Edith,one.txt\nWho?,Tom,two.txt")
    held: list[set[str]] = []

    def run(evaluation: Evaluation, tasks: list[Task]) -> Iterator[Record]:
        listed = rapid_process("list", "--json", home=home)
        held.append({entry["name"] for entry in json.loads(listed.stdout)})
        yield from ()

    monkeypatch.setattr(Evaluation, "run", run)
    told(rapid("eval", "two.csv", *QUICK, home=home, cwd=tmp_path))
    assert held
    assert {"one.txt", "two.txt"} <= held[0]


def test_pairs_of_models_are_compared_too(folder, home, tmp_path) -> None:
    models = (REPOSITORY / "models.toml").read_text(encoding="utf-8")
    other = '[pairs.strong]\ntarget = "smollm2-135m"\ndrafter = "target"\neta = 40\n'
    (tmp_path / "two.toml").write_text(models + other, encoding="utf-8")
    words = ("eval", "mine.csv", "--limit", 1, "--pair", "starter", "--pair", "strong")
    more = ("--strategy", "rapid", "--max-tokens", 2, "--models", tmp_path / "two.toml", "--json")
    found = json.loads(told(rapid(*words, *more, home=home, cwd=folder)))
    assert [row["variant"] for row in found["rows"]] == ["rapid, starter", "rapid, strong"]
    assert found["rows"][1]["difference"] is not None


def test_what_is_not_kept_is_said_before_a_long_run(folder, home) -> None:
    many = "question,answer\n" + "".join(f"Who is {number}?,Edith\n" for number in range(40))
    (folder / "many.csv").write_text(many)
    words = (
        "eval",
        "many.csv",
        "--doc",
        "clocks.txt",
        "--strategy",
        "rag",
        "--target",
        "none.gguf",
    )
    result = rapid(*words, home=home, cwd=folder)
    told(result, 1)
    assert "40 answers will be made, and none is kept: give --results FILE" in result.stderr


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        ((), 2, "a pack of questions is missing"),
        (("--prepare", "set.jsonl", "--results", "r.jsonl"), 2, "--prepare needs a pack"),
        (("mine.csv", "./mine.csv"), 2, "2 packs are called mine"),
        (("mine.csv", "--pair", "a", "--pair", "b", "--target", "x.gguf"), 2, "several pairs"),
        (("mine.csv", "--only", "unanswerable"), 2, "there are no unanswerable questions"),
        (("mine.csv", "--only", "some"), 2, "some"),
        (("mine.csv", "--strategy", "rag", "--eta", 5), 2, "that transfer knowledge"),
        (("mine.csv", "--strategy", "fast"), 1, "there is no strategy 'fast'"),
        (("mine.csv", "--baseline", "fast"), 1, "--baseline 'fast' is no variant"),
        (("mine.csv", "--plot", "plot.gif"), 1, "neither .png nor .svg"),
        (("none.csv",), 1, "there is no pack none.csv"),
        (("keeper.txt",), 1, "holds no question"),
        (("--results", "none.jsonl"), 1, "none.jsonl is not there"),
        (("mine.csv", "--results", "keeper.txt"), 1, "holds no results"),
    ],
)
def test_what_nothing_can_come_of_is_refused_at_once(folder, home, words, code, reason) -> None:
    result = rapid("eval", *words, home=home, cwd=folder)
    told(result, code)
    assert reason in " ".join(result.stderr.replace("│", " ").split())
    assert result.stdout == ""


def test_ctrl_c_prints_what_is_there_and_the_next_run_goes_on(folder, home, tmp_path) -> None:
    path = tmp_path / "results.jsonl"
    words = ("eval", "mine.csv", "--max-tokens", "12", "--strategy", "long-context")
    process = subprocess.Popen(
        [*COMMAND, *words, "--results", path],
        cwd=folder,
        env=environment(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not (path.exists() and path.read_bytes().count(b"\n")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, errors
    assert "Traceback" not in errors
    count = len(answers(path))
    assert 1 <= count < 3
    assert output.startswith(f"mine: {count} questions")
    told(rapid(*words, "--results", path, home=home, cwd=folder))
    assert len(answers(path)) == 3


def test_a_terminal_sees_progress_over_several_documents_and_an_aligned_table(
    folder, home, tmp_path
) -> None:
    (tmp_path / "one.txt").write_text(STORY + "One.")
    (tmp_path / "two.txt").write_text(CLOCKS + "Two.")
    rows = ("question,answer,doc", "Who?,Edith,one.txt", "Who?,Tom,two.txt")
    (tmp_path / "pair.csv").write_text("\n".join(rows))
    ours, theirs = pty.openpty()
    words = ("eval", "pair.csv", "--strategy", "rag", "--max-tokens", "4")
    process = subprocess.Popen(
        [*COMMAND, *words],
        cwd=tmp_path,
        env=environment(home, TERM="xterm", COLUMNS="200"),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    try:
        while chunk := os.read(ours, 65536):
            seen += chunk
    except OSError:  # the end, on Linux
        pass
    os.close(ours)
    assert process.wait(timeout=60) == 0, seen.decode()
    assert b"Traceback" not in seen
    assert b"answers" in seen
    assert b"variant  answers  right" in seen
