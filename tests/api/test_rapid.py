"""The Python API, with real models of few layers: documents, searching, answers, errors."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from io import BytesIO
from itertools import islice
from pathlib import Path

import pytest

from rapid_cli.api import (
    Answered,
    Choices,
    ConfigError,
    DocumentError,
    Finished,
    ModelError,
    Piece,
    Prefilled,
    Rapid,
    StoreError,
)
from rapid_cli.library.events import FileDone
from rapid_cli.library.sources import Gathered
from rapid_cli.models.models_file import load_models_file
from tests.support.cut_models import models_with
from tests.support.pages import DOCS

pytestmark = pytest.mark.models

HANDBOOK = (
    "The Mill Lane Boat Club keeps its boats in the boathouse that Amos Whitlock built in 1931. "
    "Members of one year may use the skiffs. The weir opens when the water is higher than "
    "1.4 metres at the gauge, and then nobody may row.\n\n"
)
WEATHER = "Rain fell on the moor for most of the week, and the sheep stood close to the walls. "
QUESTION = "Who built the boathouse?"
SHORT = Choices(max_tokens=6, temperature=0)


@pytest.fixture(scope="module")
def home(furnish, tmp_path_factory) -> Path:
    return furnish(tmp_path_factory.mktemp("home"), shallow=True)


@pytest.fixture
def folder(home, tmp_path, monkeypatch) -> Path:
    """The current folder, with a handbook in it, and a home of its own for each test."""
    monkeypatch.setenv("RAPID_HOME", str(home))
    monkeypatch.setenv("RAPID_MODELS", str(home / "models.toml"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "handbook.txt").write_text(WEATHER * 20 + HANDBOOK + WEATHER * 20)
    return tmp_path


def test_an_answer_has_its_text_its_sources_and_what_supports_what(folder) -> None:
    with Rapid() as rapid:
        answer = rapid.ask(QUESTION, rapid.add("handbook.txt"), SHORT)
    assert answer.text == answer.answer.text
    assert "Amos Whitlock" in answer.sources[0].text
    assert answer.sources[0].document == "handbook.txt"
    assert [source.number for source in answer.sources] == [*range(1, len(answer.sources) + 1)]
    assert answer.sources[0].page is None
    assert "into the text" in answer.sources[0].place
    for sentence in answer.sentences:
        assert sentence.text == answer.text[sentence.start : sentence.end]
    assert answer.as_json()["answer"] == answer.text
    assert "6 tokens" in answer.summary


def test_a_stream_tells_what_is_read_then_the_answer_in_pieces_then_all_of_it(folder) -> None:
    with Rapid() as rapid:
        sources = rapid.add("handbook.txt")
        events = list(rapid.stream(QUESTION, sources, SHORT))
    assert isinstance(events[-1], Finished)
    text = "".join(event.text for event in events if isinstance(event, Piece))
    assert Answered(events[-1].answer, sources.documents).text == text
    reading = [type(event) for event in events].index(Prefilled)
    assert reading < [type(event) for event in events].index(Piece)


def test_models_and_what_they_read_stay_for_questions_about_other_documents(folder) -> None:
    (folder / "other.txt").write_text(WEATHER * 30 + "The ferry leaves at nine.")
    with Rapid() as rapid:
        handbook, other = rapid.add("handbook.txt"), rapid.add("other.txt")
        first = rapid.ask(QUESTION, handbook, SHORT)
        again = rapid.ask(QUESTION, handbook, SHORT)
        between = rapid.ask("When does the ferry leave?", other, SHORT)
        third = rapid.ask(QUESTION, handbook, SHORT)
    assert again.answer.seconds.load is None
    assert again.answer.restored_tokens == first.answer.document_tokens
    assert between.sources[0].document == "other.txt"
    assert third.answer.restored_tokens == first.answer.document_tokens  # it was kept on disk
    assert first.text == again.text == third.text


def test_the_wait_for_the_first_answer_begins_with_reading_and_of_the_next_with_its_question(
    folder,
) -> None:
    with Rapid() as rapid:
        handbook = rapid.add("handbook.txt")
        first = rapid.ask(QUESTION, handbook, SHORT).answer
        again = rapid.ask(QUESTION, handbook, SHORT).answer
    assert first.seconds.index is not None
    assert again.seconds.index is None


def test_a_question_to_another_pair_frees_the_models_of_the_one_before(
    home, folder, shallow_path
) -> None:
    own = load_models_file(home / "models.toml").pair(None)
    other = f'\n[pairs.other]\ntarget = "{own.target}"\n'
    (folder / "mine.toml").write_text(models_with(shallow_path) + other)
    with Rapid("mine.toml") as rapid:
        handbook = rapid.add("handbook.txt")
        rapid.ask(QUESTION, handbook, SHORT)
        weights = rapid.session.loader.load_pair(rapid.find_models()).target
        other = rapid.ask(QUESTION, handbook, Choices(pair="other", max_tokens=2))
        assert other.answer.pair.name == "other"
        with pytest.raises(Exception, match="after close"):
            weights.open(length=64, rows=1)
        assert rapid.ask(QUESTION, handbook, SHORT).answer.pair.name == own.name
    assert rapid.pairs[-1] == "other"


def test_what_was_said_before_is_read_before_the_question(folder) -> None:
    with Rapid() as rapid:
        handbook = rapid.add("handbook.txt")
        alone = rapid.ask("And when?", handbook, SHORT).answer
        said = rapid.ask("And when?", handbook, SHORT, said=[(QUESTION, "Amos Whitlock.")]).answer
        told = rapid.ask("And when?", handbook, SHORT, instruction="One word.").answer
    assert said.target.prompt.context == alone.target.prompt.context
    assert len(said.target.prompt) > len(alone.target.prompt)
    assert len(told.target.prompt) > len(alone.target.prompt)
    assert told.question == "And when?"


def test_a_closed_stream_ends_the_work_and_the_next_question_is_answered(folder) -> None:
    with Rapid() as rapid:
        handbook = rapid.add("handbook.txt")
        long = Choices(max_tokens=400, temperature=0)
        with closing(rapid.stream(QUESTION, handbook, long)) as events:
            begun = list(islice((each for each in events if isinstance(each, Piece)), 2))
        assert len(begun) == 2
        assert rapid.ask(QUESTION, handbook, SHORT).text.startswith(begun[0].text)


def test_documents_are_added_listed_searched_and_removed(folder) -> None:
    with Rapid(collection="here") as rapid:
        with pytest.raises(StoreError, match="empty"):
            rapid.search("boathouse")
        added = rapid.add("handbook.txt")
        assert [document.name for document in added.documents.values()] == ["handbook.txt"]
        assert [entry.name for entry in rapid.documents()] == ["handbook.txt"]
        (found,) = rapid.search("Who built the boathouse?", limit=1)
        assert "Amos Whitlock" in found.text
        assert found.quote is None
        assert [entry.name for entry in rapid.remove("handbook.txt")] == ["handbook.txt"]
        assert rapid.documents() == []
        with pytest.raises(StoreError, match="no document"):
            rapid.remove("handbook.txt")


def test_a_file_that_cannot_be_read_costs_only_itself_unless_it_is_all(folder) -> None:
    (folder / "odd.pdf").write_bytes(b"%PDF-1.4 nothing")
    with Rapid() as rapid:
        added = rapid.add("odd.pdf", "handbook.txt")
        assert [Path(each.path).name for each in added.skipped] == ["odd.pdf"]
        assert len(added.documents) == 1
        with pytest.raises(DocumentError, match=r"odd\.pdf"):
            rapid.add("odd.pdf")


def test_reading_is_told_as_events(folder) -> None:
    with Rapid(collection="events") as rapid:
        gathered = Gathered(rapid.library)
        done = [each for each in rapid.adding(["handbook.txt"], gathered) if type(each) is FileDone]
        assert [each.state for each in done] == ["new"]
        assert list(rapid.completing(gathered)) == []  # so short a text has its vectors already


def test_of_a_text_from_a_stream_nothing_is_kept_even_if_its_answer_is_remembered(
    home, folder
) -> None:
    secret = "The word of the day is Quagmirium."
    with Rapid() as rapid:
        piped = rapid.add("-", stdin=BytesIO(f"{WEATHER * 5}{secret}".encode()))
        answer = rapid.ask("What is the word of the day?", piped, SHORT)
        assert answer.is_temporary
        assert answer.sources
        rapid.remember(answer)
        piped.close()
        record = rapid.session.history.search(None, 1)[0].record
    assert record["question"] == "What is the word of the day?"
    assert (record["sources"], record["citations"]) == ([], [])
    held = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    assert not any(b"Quagmirium" in each for each in held)


def test_what_a_user_can_get_wrong_is_an_error_of_the_tree(folder) -> None:
    with pytest.raises(ConfigError, match="no pair 'nobody'"):
        Rapid(pair="nobody")
    with Rapid() as rapid, pytest.raises(ConfigError, match="no pair 'nobody'"):
        rapid.ask(QUESTION, rapid.add("handbook.txt"), Choices(pair="nobody"))
    with Rapid(target="nothing.gguf") as rapid, pytest.raises(ModelError, match=r"nothing\.gguf"):
        rapid.load()


def test_loading_ahead_leaves_nothing_to_load_for_the_first_question(folder) -> None:
    with Rapid() as rapid:
        rapid.load()
        assert rapid.ask(QUESTION, rapid.add("handbook.txt"), SHORT).answer.seconds.load is None


def test_the_api_needs_neither_typer_nor_rich_nor_any_native_library_to_be_imported() -> None:
    code = (
        "import sys, rapid_cli.api; print([name for name in ('typer', 'rich', 'llama_cpp', "
        "'chromadb', 'torch', 'onnxruntime', 'sentence_transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_block_of_the_page_about_the_api_runs_as_it_is_written(folder, capfd) -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    blocks = DOCS["api"].blocks("python")
    assert len(blocks) >= 8
    for block in blocks:
        exec(compile(block, "docs/api.md", "exec"), names)
    told = capfd.readouterr().out
    assert "handbook.txt" in told
    assert "there is no strategy 'rapids' - did you mean 'rapid'?" in told
