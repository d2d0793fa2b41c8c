"""The command line, as people and scripts run it, with real models and real files."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from rapid_cli.answering.strategies import STRATEGIES
from tests.support.pdfs import make_pdf
from tests.support.rapid import COMMAND, environment, rapid, rapid_process

pytestmark = pytest.mark.models

STORY = (
    "The lighthouse keeper was called Edith Marlow. She kept the light on Gannet Rock for "
    "forty-one years, and in the winter of 1911 she rowed out alone to save the crew of the "
    "Halcyon. The harbour board gave her a silver whistle for it.\n"
)
WEATHER = "Rain fell on the moor for most of the week, and the sheep stood close to the walls.\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, furnish) -> Path:
    return furnish(tmp_path_factory.mktemp("home"), shallow=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, furnish) -> Path:
    """A home in which the whole starter model answers, with the words of the text."""
    return furnish(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("documents") / "keeper.pdf"
    path.write_bytes(make_pdf([WEATHER * 3, STORY, WEATHER * 2], labels={0: ("/r", "")}))
    return path


SHORT = ("--max-tokens", "24", "--seed", "1")
QUESTION = "Who kept the light on Gannet Rock?"


def error_lines(result: subprocess.CompletedProcess[str]) -> str:
    assert "Traceback" not in result.stderr
    return result.stderr


def test_the_answer_is_all_that_stdout_holds(story, whole):
    result = rapid("ask", story, QUESTION, *SHORT, home=whole)
    errors = error_lines(result)
    assert result.returncode == 0, errors
    assert "Marlow" in result.stdout
    assert "Sources" not in result.stdout
    assert result.stdout.endswith("\n")
    assert "\x1b" not in errors, "a pipe gets no colours"
    assert "Sources" in errors
    assert "keeper.pdf, page" in errors
    assert re.search(r"rapid: \d+ tokens · [\d.]+ tok/s", errors)


def test_json_has_every_field_of_the_contract_and_the_right_page(story, home):
    result = rapid("ask", story, QUESTION, "--json", *SHORT, home=home)
    answer = json.loads(result.stdout)
    assert set(answer) == {
        *(
            "question",
            "answer",
            "absent",
            "thinking",
            "finish_reason",
            "strategy",
            "pair",
            "target",
            "drafter",
        ),
        *("seed", "sources", "citations", "context", "stats"),
    }
    assert set(answer["context"]) == {
        *("document_tokens", "target_tokens", "drafter_tokens", "coverage", "truncated"),
        "restored_tokens",
    }
    assert set(answer["stats"]) == {
        *("tokens", "rounds", "drafted", "accepted", "transferred", "acceptance_rate"),
        *("mean_acceptance_length", "gamma_mean", "tokens_per_second"),
        *("plain_tokens_per_second", "speedup", "device", "seconds"),
    }
    assert set(answer["stats"]["seconds"]) == {
        *("load", "index", "retrieve", "prefill_target", "prefill_drafter", "first_draft"),
        *("first_token", "check", "decode", "total"),
    }
    source = answer["sources"][0]
    assert set(source) == {
        *("document", "document_id", "path", "page", "last_page", "page_label"),
        *("section", "score", "text"),
    }
    assert source["page"] <= 2 <= source["last_page"]
    assert source["page_label"] == "i" * source["page"]
    assert answer["context"]["coverage"] == 1.0
    assert not answer["context"]["truncated"]
    assert answer["stats"]["accepted"] <= answer["stats"]["drafted"]
    assert answer["stats"]["tokens"] <= 24


def test_a_seed_repeats_the_answer_and_its_statistics(story, home):
    first, second = (
        json.loads(
            rapid(
                *("ask", story, QUESTION, "--json", "--temperature", "1", *SHORT), home=home
            ).stdout
        )
        for _ in range(2)
    )
    assert first["answer"] == second["answer"]
    assert first["stats"]["accepted"] == second["stats"]["accepted"]
    assert first["stats"]["drafted"] == second["stats"]["drafted"]


@pytest.mark.parametrize(
    ("strategy", "drafts"),
    [("long-context", False), ("rag", False), ("speculative", True), ("prompt-lookup", None)],
)
def test_every_strategy_answers(story, home, strategy, drafts):
    words = ("ask", story, QUESTION, "--strategy", strategy, "--retrieve-tokens", "64", "--json")
    answer = json.loads(rapid(*words, *SHORT, home=home).stdout)
    assert answer["answer"]
    assert answer["strategy"] == strategy
    assert (answer["drafter"] is not None) == bool(drafts)
    if drafts is not None:
        assert (answer["stats"]["drafted"] > 0) == drafts


def test_a_text_too_long_for_the_context_is_cut_aloud(home, tmp_path):
    path = tmp_path / "long.txt"
    path.write_text(WEATHER * 60 + STORY + WEATHER * 60)
    words = ("ask", path, QUESTION, "--context-length", "900", *SHORT)
    result = rapid(*words, "--json", home=home)
    context = json.loads(result.stdout)["context"]
    assert context["truncated"]
    assert 0 < context["coverage"] < 1
    assert context["target_tokens"] <= 900
    assert context["document_tokens"] > 900
    assert f"{context['coverage']:.0%}" in error_lines(result)


def test_standard_input_is_a_document_and_is_forgotten_afterwards(home):
    question = "What did the harbour board give her?"
    result = rapid("ask", "-", question, *SHORT, home=home, stdin=STORY)
    assert result.returncode == 0, error_lines(result)
    assert result.stdout.strip()
    assert "stdin" not in rapid("list", home=home).stdout


def test_what_is_indexed_is_found_listed_searched_and_removed(tmp_path, furnish):
    folder, home = tmp_path / "docs", furnish(tmp_path / "home")
    folder.mkdir()
    (folder / "story.md").write_text(STORY)
    (folder / "weather.txt").write_text(WEATHER)
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing more")
    first = rapid("index", folder, home=home)
    assert first.returncode == 3
    assert first.stdout == "2 new, 0 updated, 0 unchanged, 0 removed, 1 skipped\n"
    assert "broken.pdf" in error_lines(first)
    (folder / "broken.pdf").unlink()
    (folder / "weather.txt").write_text(WEATHER * 2)
    second = rapid("index", folder, home=home)
    assert second.returncode == 0
    assert second.stdout == "0 new, 1 updated, 1 unchanged, 0 removed, 0 skipped\n"
    listed = rapid("list", home=home).stdout.splitlines()
    assert [line.split("\t")[0] for line in listed] == ["NAME", "story.md", "weather.txt"]
    found = json.loads(rapid("search", "Who saved the crew?", "--json", home=home).stdout)
    assert found["passages"][0]["document"] == "story.md"
    assert found["passages"][0]["page"] is None
    assert rapid("remove", "story.md", home=home).returncode == 0
    assert "story.md" not in rapid("list", home=home).stdout


def test_a_closed_pipe_ends_quietly(story, home):
    command = f"{sys.executable} -m rapid_cli ask '{story}' 'Tell the story.' | head -c 10"
    result = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        timeout=300,
        env=environment(home),
        check=False,
    )
    assert len(result.stdout) == 10
    assert "Traceback" not in result.stderr.decode()
    assert "Broken" not in result.stderr.decode()


def interrupted_when(
    begun: Callable[[str], bool], words: list[str], home: Path
) -> tuple[int, float, str]:
    """Send Ctrl-C once it has begun, which its log tells.

    Return exit code, seconds until it ended, and stderr.
    """
    with TemporaryFile() as log:
        process = subprocess.Popen(
            [*COMMAND, "--verbose", *words], stdout=log, stderr=log, env=environment(home)
        )
        until = time.monotonic() + 60

        def logged() -> str:
            return os.pread(log.fileno(), 1_000_000, 0).decode("utf-8", "replace")

        while not begun(logged()):
            assert process.poll() is None, logged()
            assert time.monotonic() < until
            time.sleep(0.02)
        time.sleep(0.5)  # it is in the middle of it by then
        process.send_signal(signal.SIGINT)
        sent = time.monotonic()
        process.wait(timeout=60)
        return process.returncode, time.monotonic() - sent, logged()


def test_ctrl_c_while_the_text_is_read_ends_at_once_with_130(home, tmp_path):
    path = tmp_path / "long.txt"
    path.write_text((STORY + WEATHER) * 60)
    words = ["ask", str(path), QUESTION, "--strategy", "long-context"]
    assert rapid("index", path, home=home).returncode == 0
    code, waited, errors = interrupted_when(lambda log: "KV buffer" in log, words, home)
    assert code == 130, errors
    assert waited < 3
    assert "Traceback" not in errors


def test_ctrl_c_while_indexing_leaves_a_library_that_works(tmp_path, furnish):
    home, path = furnish(tmp_path / "home"), tmp_path / "long.txt"
    path.write_text((STORY + WEATHER) * 500)
    code, _, errors = interrupted_when(
        lambda _log: (home / "library.sqlite3").exists(), ["index", str(path)], home
    )
    assert code in (0, 130), errors
    assert "Traceback" not in errors
    path.write_text(STORY)
    result = rapid("search", path, "Who saved the crew?", "--json", home=home)
    assert "Halcyon" in json.loads(result.stdout)["passages"][0]["text"], error_lines(result)


def on_a_terminal(words: list[str], home: Path) -> str:
    """Run with a pseudo-terminal for all three streams; return what it showed."""
    output = bytearray()

    def keep(descriptor: int) -> bytes:
        data = os.read(descriptor, 4096)
        output.extend(data)
        return data

    saved = os.environ.copy()
    os.environ.update(environment(home, TERM="xterm-256color"))
    try:
        pty.spawn([*COMMAND, *words], keep)
    finally:
        os.environ.clear()
        os.environ.update(saved)
    return output.decode("utf-8", "replace")


def test_a_terminal_shows_accepted_drafts_in_colour_and_live_statistics(story, whole, capfd):
    shown = on_a_terminal(["ask", str(story), QUESTION, *SHORT], whole)
    assert "\x1b[32m" in shown, "accepted drafts are green"
    assert "accepted" in shown
    assert "tok/s" in shown
    assert "Marlow" in re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", shown)


BAD_INPUT = [
    (["ask", "missing.pdf", "Why?"], 1, "missing.pdf"),
    (["ask", "Why is it?", "note.txt"], 2, "rapid ask note.txt 'Why is it?'"),
    (["search", "Why is it?", "note.txt"], 2, "rapid search note.txt 'Why is it?'"),
    (["search", "https://example.org/a.pdf", "Why?"], 1, "URLs are not fetched"),
    (["ask", ".", "Why?"], 1, "no documents"),
    (["ask", "note.txt", "  "], 2, "question is empty"),
    (["ask"], 2, "question is missing"),
    (["ask", "note.txt"], 2, "question is missing"),
    (["ask", "note.txt", "Why?", "--pair", "startr"], 1, "did you mean 'starter'"),
    (["ask", "note.txt", "Why?", "--target", "missing.gguf"], 1, "missing.gguf"),
    (["ask", "note.txt", "Why?", "--target", "note.txt"], 1, "not a GGUF"),
    (["ask", "note.txt", "Why?", "--strategy", "rapido"], 1, "did you mean 'rapid'"),
    (["ask", "note.txt", "Why?", "--gamma", "many"], 2, "gamma"),
    (["ask", "note.txt", "Why?", "--eta", "inf"], 2, "eta"),
    (["ask", "note.txt", "Why?", "--context-length", "99999"], 1, "at most 8192"),
    (["ask", "note.txt", "Why?", "--context-length", "100"], 1, "no room"),
    (["ask", "note.txt", "Why?", "--models", "none.toml"], 1, "none.toml"),
    (["ask", "Why?"], 1, "library is empty"),
    (["remove", "nothing"], 1, "nothing"),
    (["index"], 2, "name a file"),
]


@pytest.mark.parametrize(("words", "code", "said"), BAD_INPUT)
def test_bad_input_is_one_sentence_and_a_hint(tmp_path, furnish, words, code, said):
    folder = tmp_path / "work"
    folder.mkdir()
    if "." not in words[1:2]:
        (folder / "note.txt").write_text(STORY)
    result = rapid(*words, home=furnish(tmp_path / "home"), cwd=folder)
    errors = error_lines(result)
    assert result.returncode == code, errors
    assert said in " ".join(errors.split())
    assert result.stdout == ""


def test_a_truncated_model_is_refused(tmp_path, furnish, starter_path):
    with starter_path.open("rb") as whole:
        (tmp_path / "cut.gguf").write_bytes(whole.read(1_000_000))
    (tmp_path / "note.txt").write_text(STORY)
    words = ("ask", "note.txt", "Why?", "--target", "cut.gguf")
    result = rapid(*words, home=furnish(tmp_path / "home"), cwd=tmp_path)
    assert result.returncode == 1
    assert "cut.gguf cannot be loaded" in error_lines(result)


def test_a_home_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "note.txt").write_text(STORY)
    result = rapid("ask", "note.txt", "Why?", home=tmp_path / "file" / "home", cwd=tmp_path)
    assert result.returncode == 1
    assert "file" in error_lines(result)
    assert "RAPID_HOME" in error_lines(result)


def test_help_is_quick_and_loads_no_native_library():
    code = (
        "import sys, rapid_cli.cli; "
        "heavy = {'torch', 'chromadb', 'llama_cpp', 'sentence_transformers'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_help_names_every_command(home):
    shown = rapid("--help", home=home).stdout
    for command in ("ask", "index", "search", "list", "remove", "models"):
        assert re.search(rf"^\W*{command}\b", shown, re.MULTILINE)


@pytest.mark.parametrize("command", ["ask", "chat"])
def test_help_says_what_each_strategy_does(home, command):
    shown = " ".join(rapid(command, "--help", home=home).stdout.split())
    for strategy in STRATEGIES.values():
        assert f"{strategy.name}: {strategy.summary}." in shown


def test_the_version_is_that_of_the_package(home):
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", rapid("--version", home=home).stdout)


def test_a_terminal_shows_a_draft_of_a_new_text_and_a_pipe_does_not(tmp_path, home):
    path, words = tmp_path / "long.txt", ["--max-tokens", "12", "--temperature", "0"]
    words += ["--retrieve-tokens", "128"]  # so that the drafter has read long before the target
    path.write_text(STORY + WEATHER * 80)
    shown = on_a_terminal(["ask", str(path), QUESTION, "--fresh", *words], home)
    assert "draft, not checked yet:" in shown
    assert shown.count("draft, not checked yet:") > 1, "it grows, and is erased in the end"
    result = rapid_process("ask", path, QUESTION, "--fresh", "--json", *words, home=home)
    assert "not checked yet" not in result.stdout + result.stderr
    seconds = json.loads(result.stdout)["stats"]["seconds"]
    assert 0 < seconds["first_draft"] < seconds["first_token"] / 2
