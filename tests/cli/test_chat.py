"""`rapid chat`, from pipes and on a terminal, with the real starter models."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import time
from pathlib import Path

import pytest

from tests.support.marked_pages import from_file, share_painted
from tests.support.pdfs import make_pdf
from tests.support.rapid import COMMAND, environment, rapid

pytestmark = pytest.mark.models

STORY = (
    "The lighthouse keeper was called Edith Marlow. She kept the light on Gannet Rock for "
    "forty-one years. In the winter of 1911 she rowed out alone to save the crew of the Halcyon. "
    "The harbour board gave her a silver whistle for it. She wore it on a cord until she died.\n"
)
WEATHER = "Rain fell on the moor for most of the week, and the sheep stood close to the walls.\n"
SHORT = ("--max-tokens", "20", "--seed", "1")
QUESTION = "Who kept the light on Gannet Rock?"
FOLLOW_UP = "And how long did she keep it?"
LIMIT_SECONDS = 240.0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, furnish) -> Path:
    return furnish(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def shallow(tmp_path_factory: pytest.TempPathFactory, furnish) -> Path:
    """A home in which a smaller model answers, for tests to which it does not matter what."""
    return furnish(tmp_path_factory.mktemp("shallow"), shallow=True)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("documents") / "keeper.txt"
    path.write_text(WEATHER * 5 + STORY + WEATHER * 5)
    return path


@pytest.fixture(scope="module")
def talk(story, home, tmp_path_factory):
    """A conversation in a pipe with every command, and the file that it was saved to."""
    saved = tmp_path_factory.mktemp("saved") / "talk.md"
    lines = [
        *("/help", QUESTION, "", "/stats", "/sources", f"  {FOLLOW_UP}  "),
        *("/strategy", "/strategy long-context", "Who was saved?"),
        *(f"/save {saved}", f"/save {saved}", "/quit", "Is this answered?"),
    ]
    result = rapid("chat", story, *SHORT, home=home, stdin="\n".join(lines))
    assert result.returncode == 0, result.stderr
    return result, saved


@pytest.fixture(scope="module")
def remembered(talk, home):
    """The answers of that conversation, as the history has them."""
    lines = rapid("history", "--json", home=home).stdout.splitlines()
    return [json.loads(line) for line in lines][:3]


def test_each_question_of_a_pipe_gets_an_answer_on_stdout_and_nothing_else_does(talk, remembered):
    result, _ = talk
    assert [each["question"] for each in remembered] == [QUESTION, FOLLOW_UP, "Who was saved?"]
    assert all(each["answer"].strip() for each in remembered)
    assert result.stdout == "".join(f"{each['answer']}\n" for each in remembered)
    assert "Marlow" in remembered[0]["answer"]


def test_a_follow_up_reads_only_itself(remembered):
    first, second, third = remembered
    total = first["context"]["document_tokens"]
    assert first["context"]["restored_tokens"] == 0
    assert second["context"]["restored_tokens"] == total > 200
    assert third["context"]["restored_tokens"] == total
    prefill = [each["stats"]["seconds"]["prefill_target"] for each in remembered]
    assert prefill[1] < prefill[0] / 2
    tokens = [each["context"]["target_tokens"] for each in remembered]
    assert tokens[0] < tokens[1] < tokens[2], "earlier turns are in the prompt"


def test_commands_are_obeyed_on_stderr(talk):
    errors = talk[0].stderr
    for command in ("/sources", "/stats", "/strategy", "/save", "/help", "/quit"):
        assert re.search(rf"^  {command} +\w", errors, re.MULTILINE)
    # The question's own line of statistics, and that of /stats.
    assert len(re.findall(r"^rapid: \d+ tokens", errors, re.MULTILINE)) == 3
    assert len(re.findall(r"^long-context: \d+ tokens", errors, re.MULTILINE)) == 1
    assert "The strategy is rapid.\n" in errors
    assert "The strategy is long-context.\n" in errors
    assert errors.count("Rain fell on the moor") == 5, "/sources shows passages in full"


def test_a_strategy_that_is_chosen_is_used(remembered):
    assert [each["strategy"] for each in remembered] == ["rapid", "rapid", "long-context"]
    assert remembered[2]["stats"]["drafted"] == 0


def test_a_saved_conversation_holds_questions_answers_and_places(talk, remembered):
    result, saved = talk
    text = saved.read_text()
    parts = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert len(parts) == 3
    for part, each in zip(parts, remembered, strict=True):
        assert part.startswith(f"{each['question']}\n\n{each['answer'].strip()}\n")
        assert "\n- keeper.txt, " in part
    assert " ".join(result.stderr.split()).count("Saved 3 answers to") == 2


def test_a_source_is_opened_with_what_is_cited_marked(home, tmp_path):
    book = tmp_path / "keeper.pdf"
    book.write_bytes(make_pdf([WEATHER * 5, STORY.replace(". ", ".\n")]))
    lines = ["/open", QUESTION, "/open", "/open 1", "/open 99", "/open one"]
    words = ("chat", book, "--no-log", "--no-stats", *SHORT)
    # Without a desktop the path of the picture is printed.
    bare = {"DISPLAY": "", "WAYLAND_DISPLAY": "", "PATH": ""}
    result = rapid(*words, home=home, stdin="\n".join(lines), **bare)
    errors = " ".join(result.stderr.split())
    assert "nothing was answered yet" in errors
    assert "keeper.pdf, page 2: “" in errors
    assert "the answer has no source 99" in errors
    assert "/open one is no source give its number, such as /open 2" in errors
    *_, first, numbered = result.stdout.splitlines()
    assert share_painted(from_file(Path(first))) > 0
    assert Path(numbered).parent == home / "cache" / "pages"


def test_a_text_without_pages_is_opened_at_the_passage(story, shallow):
    words = ("chat", story, "--no-log", "--no-stats", "--quiet", *SHORT)
    result = rapid(*words, home=shallow, stdin=f"{QUESTION}\n/open 1\n")
    assert ">>>" in result.stdout
    assert "Edith Marlow" in result.stdout


def test_what_goes_wrong_is_a_sentence_and_a_hint_and_the_chat_goes_on(story, home, tmp_path):
    there = tmp_path / "there.md"
    there.write_text("mine")
    lines = [
        *("/stats", "/dance", "/strategy rapido", QUESTION, "/save"),
        *(f"/save {there}", f"/save {tmp_path / 'no' / 'talk.md'}", FOLLOW_UP),
    ]
    words = ("chat", story, "--no-log", "--quiet", "--no-stats", *SHORT)
    result = rapid(*words, home=home, stdin="\n".join(lines) + "\n")
    assert result.returncode == 3
    errors = " ".join(result.stderr.split())
    for said, hint in (
        ("nothing was answered yet", "ask something first"),
        ("there is no command /dance", "/help lists them"),
        ("rapido", "did you mean 'rapid'"),
        ("/save needs the name of a file", "such as /save talk.md"),
        ("exists already", "give another name"),
        ("cannot be written: No such file", "give another"),
    ):
        assert said in errors
        assert hint in errors
    assert there.read_text() == "mine"
    assert "Marlow" in result.stdout
    assert len(result.stdout.splitlines()) >= 2


def test_json_is_an_object_a_question_and_errors_are_among_them(story, shallow):
    too_long = "why " * 700
    lines = f"{QUESTION}\n{too_long}\n/stats\n"
    words = ("--json", "--max-tokens", "16", "--seed", "1", "--context-length", "600")
    done = rapid("chat", story, *words, home=shallow, stdin=lines)
    answered, failed = map(json.loads, done.stdout.splitlines())
    assert answered["question"] == QUESTION
    assert answered["answer"]
    assert failed["question"] == too_long.strip()
    assert failed["error"]["message"]
    assert done.returncode == 3


def test_questions_come_by_standard_input_so_that_a_text_cannot(home):
    result = rapid("chat", "-", home=home, stdin=STORY)
    assert result.returncode == 2
    assert "name a file" in re.sub(r"[\s│]+", " ", result.stderr)
    assert result.stdout == ""


class Terminal:
    """A pseudo-terminal that a person sits at; `shown` is what it showed, without its codes."""

    def __init__(self, words: list[str], home: Path) -> None:
        self.shown = ""
        self._raw = b""
        self._seen = 0
        self.process, self._screen = pty.fork()
        if self.process == 0:  # pragma: no cover - the child
            more = {"TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}
            os.execve(COMMAND[0], [*COMMAND, *words], environment(home) | more)

    def type(self, text: str) -> None:
        os.write(self._screen, text.encode())

    def wait_for(self, pattern: str) -> str:
        """Wait until something new that matches was shown; return all that is new up to it."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while not (found := re.search(pattern, self.shown[self._seen :])):
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.shown!r}"
            assert self._show(), f"it ended without {pattern!r}: {self.shown!r}"
        start, self._seen = self._seen, self._seen + found.end()
        return self.shown[start : self._seen]

    def end(self) -> int:
        """Wait until the program ends; return its exit code."""
        while self._show():
            pass
        _, status = os.waitpid(self.process, 0)
        self.process = 0
        return os.waitstatus_to_exitcode(status)

    def _show(self) -> bool:
        """Take in what the program shows; tell whether it still runs."""
        if not select.select([self._screen], [], [], LIMIT_SECONDS)[0]:
            raise AssertionError(f"nothing happens after {self.shown!r}")
        try:
            data = os.read(self._screen, 4096)
        except OSError:  # so Linux says that the other end is closed
            return False
        self._raw += data
        text = self._raw.decode("utf-8", "ignore")
        self.shown = re.sub(r"\x1b(\[[\d;?]*[a-zA-Z]|[=>])", "", text)
        return bool(data)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process:
            os.kill(self.process, signal.SIGKILL)
            os.waitpid(self.process, 0)
        os.close(self._screen)


CTRL_C, CTRL_D = "\x03", "\x04"
READY = r"\n>"


def test_on_a_terminal_ctrl_c_stops_an_answer_and_ctrl_d_ends_the_chat(story, home):
    # So hot a model seldom comes to an end by itself.
    words = ["chat", str(story), "--max-tokens", "80", "--seed", "3", "--temperature", "1.5"]
    with Terminal(words, home) as terminal:
        assert "/help lists the commands" in terminal.wait_for(READY)
        terminal.type(f"{QUESTION}\r")
        assert "Sources" in terminal.wait_for(r"rapid: \d+ tokens · [^\n]*\n")
        terminal.wait_for(READY)
        terminal.type("Tell all of the story.\r")
        terminal.wait_for(r"tokens a round")
        terminal.type(CTRL_C)
        stopped = terminal.wait_for(r"Stopped; the question is left out of the conversation")
        assert "Sources" not in stopped
        terminal.wait_for(READY)
        terminal.type(CTRL_C)
        terminal.wait_for(r"Ctrl-D or /quit ends the chat")
        terminal.wait_for(READY)
        terminal.type("/dance\r")
        terminal.wait_for(r"there is no command /dance")
        terminal.wait_for(READY)
        terminal.type(f"{FOLLOW_UP}\r")
        terminal.wait_for(r"rapid: \d+ tokens · [^\n]*\n")
        terminal.wait_for(READY)
        terminal.type(CTRL_D)
        assert terminal.end() == 0
    assert "Traceback" not in terminal.shown
    lines = rapid("history", "--json", home=home).stdout.splitlines()
    assert [json.loads(line)["question"] for line in lines][-2:] == [QUESTION, FOLLOW_UP]


def test_a_reading_that_was_stopped_spoils_neither_the_next_answer_nor_what_is_kept(
    shallow, tmp_path
):
    path, home = tmp_path / "long.txt", shallow
    path.write_text((WEATHER * 20 + STORY) * 6)
    words = ["ask", str(path), QUESTION, "--json", "--strategy", "long-context", *SHORT]
    with Terminal(["chat", str(path), *words[4:]], home) as terminal:
        terminal.wait_for(READY)
        terminal.type(f"{QUESTION}\r")
        terminal.wait_for(r"reading the text \S* (512|1024)/")
        terminal.type(CTRL_C)
        terminal.wait_for(r"Stopped")
        terminal.wait_for(READY)
        terminal.type(f"{QUESTION}\r")
        terminal.wait_for(r"long-context: \d+ tokens · [^\n]*\n")
        terminal.wait_for(READY)
        terminal.type(CTRL_D)
        assert terminal.end() == 0
    last = rapid("history", "--json", home=home).stdout.splitlines()[-1]
    result = rapid(*words, home=home)
    answer = json.loads(result.stdout)
    assert "read again" not in " ".join(result.stderr.split())
    assert answer["context"]["restored_tokens"] == answer["context"]["document_tokens"] > 1_024
    assert answer["answer"] == json.loads(last)["answer"]
