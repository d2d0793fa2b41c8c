"""What people name on the command line, over a real catalog and a real store."""

from __future__ import annotations

import re
import shlex
import shutil
import sqlite3
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer import BadParameter

from rapid_cli.cli.commands.opening import sources_and_question
from rapid_cli.errors import DocumentError, StoreError
from rapid_cli.library import search
from rapid_cli.library.catalog import Catalog
from rapid_cli.library.events import (
    Embedded,
    EmbedderPrepared,
    EmbedderPreparing,
    FileDone,
    FileSkipped,
    FileStarted,
)
from rapid_cli.library.library import Library
from rapid_cli.library.sources import STANDARD_INPUT, Gathered, gather
from rapid_cli.library.vectors.store import Store
from rapid_cli.reader import reading
from rapid_cli.reader.workers import Extractor


class WordEmbedder:
    """Words are tokens, and a text is the bag of its words; `fail` breaks it off."""

    identity, dimension, chunk_tokens, prompt = "words", 64, 8, ""

    def __init__(self) -> None:
        self.embedded = 0
        self.fail: BaseException | None = None
        self.is_prepared = True

    def prepare(self) -> None:
        self.is_prepared = True

    def token_starts(self, text: str) -> list[int]:
        return [match.start() for match in re.finditer(r"\S+", text)]

    def embed(self, texts: Sequence[str], *, questions: bool = False) -> NDArray[np.float32]:
        if self.fail is not None:
            raise self.fail
        self.embedded += len(texts)
        vectors = np.full((len(texts), self.dimension), 1e-3, dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                row[zlib.crc32(word.encode()) % self.dimension] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def embedder() -> WordEmbedder:
    return WordEmbedder()


@pytest.fixture
def library(tmp_path: Path, embedder: WordEmbedder) -> Iterator[Library]:
    home = tmp_path / "home"
    with Catalog(home) as catalog, Store(home) as store, Extractor() as extractor:
        yield Library(catalog, store, embedder, extractor)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in ("apple", "banana", "cherry"):
        (folder / f"{name}.txt").write_text(f"The {name} is a fruit, and it tastes of {name}.")
    return folder


def collect(library: Library, *names: str | Path, stdin: bytes = b""):
    """Return what was gathered, and the events on the way."""
    gathered = Gathered(library)
    events = list(gather(list(map(str, names)), library, BytesIO(stdin), gathered))
    return gathered, events


def holders(folder: Path, word: bytes) -> list[str]:
    """Return the names of the files below a folder that have a word in them, in any case."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path.name for path in files if word in path.read_bytes().lower()]


def names_of(gathered: Gathered) -> list[str]:
    return [document.name for document in gathered.documents.values()]


def done(events) -> list[tuple[str, str]]:
    return [(Path(e.path).name, e.state) for e in events if isinstance(e, FileDone)]


def test_a_file_is_read_and_indexed_on_the_way(library, docs):
    gathered, events = collect(library, docs / "banana.txt")
    assert names_of(gathered) == ["banana.txt"]
    assert [type(event) for event in events] == [FileStarted, Embedded, FileDone]
    assert done(events) == [("banana.txt", "new")]
    (document,) = gathered.documents.values()
    found = library.search("banana", [document.id], 1)
    assert "banana" in found[0].chunk.text
    assert library.get(document.id).text == document.text


@pytest.mark.parametrize("named", ["file", "name", "all", "stdin"])
def test_the_wait_for_the_embedder_is_told_once_before_it_is_needed(named, library, docs, embedder):
    collect(library, docs / "apple.txt")
    embedder.is_prepared = False
    names = {"file": [docs / "banana.txt"], "name": ["apple.txt"], "all": [], "stdin": ["-"]}
    _, events = collect(library, *names[named], stdin=b"Zebras are striped.")
    kinds = [type(event) for event in events if not isinstance(event, FileStarted)]
    assert kinds[:2] == [EmbedderPreparing, EmbedderPrepared]
    assert EmbedderPreparing not in kinds[2:]


def test_for_what_cannot_be_read_the_embedder_is_not_prepared(library, tmp_path, embedder):
    embedder.is_prepared = False
    with pytest.raises(DocumentError):
        collect(library, tmp_path / "missing.txt")
    with pytest.raises(StoreError, match="empty"):
        collect(library)
    assert not embedder.is_prepared


def test_what_is_known_is_not_embedded_again(library, docs, embedder):
    collect(library, docs / "apple.txt")
    embedded = embedder.embedded
    gathered, events = collect(library, docs / "apple.txt")
    assert done(events) == [("apple.txt", "unchanged")]
    assert names_of(gathered) == ["apple.txt"]
    assert embedder.embedded == embedded
    (docs / "apple.txt").write_text("An apple a day.")
    gathered, events = collect(library, docs / "apple.txt")
    assert done(events) == [("apple.txt", "updated")]
    (document,) = gathered.documents.values()
    assert document.text == "An apple a day."
    assert embedder.embedded > embedded


def test_a_folder_stands_for_its_documents_and_counts_them(library, docs):
    gathered, events = collect(library, docs)
    assert names_of(gathered) == ["apple.txt", "banana.txt", "cherry.txt"]
    started = [event for event in events if isinstance(event, FileStarted)]
    assert [(event.number, event.total) for event in started] == [(1, 3), (2, 3), (3, 3)]


def test_documents_come_in_the_order_named_and_once_each(library, docs):
    gathered, _ = collect(library, docs / "cherry.txt", docs, docs / "apple.txt")
    assert names_of(gathered) == ["cherry.txt", "apple.txt", "banana.txt"]


def test_standard_input_is_a_document_of_which_nothing_is_ever_written(library, docs, tmp_path):
    gathered, events = collect(library, STANDARD_INPUT, stdin=b"Zebras are striped.")
    assert names_of(gathered) == ["stdin"]
    assert [state for _, state in done(events)] == ["new"]
    (document,) = gathered.documents.values()
    assert document.text == "Zebras are striped."
    found = gathered.library.search("zebras", [document.id], 1)
    assert found[0].chunk.text == "Zebras are striped."
    collect(library, docs)  # the library itself is written now
    assert holders(tmp_path, b"zebra") == []
    gathered.close()
    assert len(library.entries()) == 3
    with pytest.raises(StoreError, match="missing from the library"):
        library.search("zebras", [document.id], 1)


def test_what_is_piped_in_is_searched_together_with_documents_of_the_library(library, docs):
    text = (docs / "apple.txt").read_bytes()
    collect(library, docs / "apple.txt", docs / "cherry.txt")
    names = (docs / "banana.txt", STANDARD_INPUT, "cherry.txt")
    gathered, _ = collect(library, *names, stdin=text)
    assert names_of(gathered) == ["banana.txt", "stdin", "cherry.txt"]
    for number, word in enumerate(("banana", "apple", "cherry")):
        (best,) = gathered.library.search(word, list(gathered.documents), 1)
        assert best.chunk.document_id == list(gathered.documents)[number]
    gathered.close()
    names = ["apple.txt", "banana.txt", "cherry.txt"]
    assert [entry.name for entry in library.entries()] == names
    (apple,) = library.find("apple.txt")
    assert library.search("apple", [apple.document_id], 1)


def test_closing_with_nothing_piped_forgets_nothing(library, docs):
    gathered, _ = collect(library, docs)
    gathered.close()
    assert len(library.entries()) == 3


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), StoreError("the disk is full")])
def test_what_was_interrupted_on_its_way_in_leaves_nothing(library, embedder, failure, tmp_path):
    gathered, embedder.fail = Gathered(library), failure
    with pytest.raises(type(failure)):
        list(gather(["-"], library, BytesIO(b"Zebras are striped."), gathered))
    gathered.close()
    assert library.entries() == []
    assert holders(tmp_path, b"zebra") == []


def test_what_an_earlier_version_kept_of_standard_input_is_erased(library, docs, tmp_path):
    collect(library, docs / "apple.txt")
    left = reading.read_bytes(b"Zebras are striped.", name="stdin", path="stdin:12ab")
    gone = reading.read_bytes(b"Quaggas are zebras.", name="stdin", path="stdin:34cd")
    for each in (left, gone):
        list(library.add(each))
    library.remove(gone.path)
    assert holders(tmp_path, b"zebra")
    assert holders(tmp_path, b"quagga")
    with closing(sqlite3.connect(tmp_path / "home" / "library.sqlite3")) as earlier:
        earlier.execute("PRAGMA application_id = 0")
    library.erase_earlier()
    assert holders(tmp_path, b"zebra") == holders(tmp_path, b"quagga") == []
    assert [entry.name for entry in library.entries()] == ["apple.txt"]
    (apple,) = library.find("apple.txt")
    assert library.search("apple", [apple.document_id], 1)


def test_what_is_removed_is_nowhere_on_disk_and_the_rest_is_found_by_the_store_too(
    library, docs, tmp_path, monkeypatch
):
    collect(library, docs)
    library.remove("banana.txt")
    library.erase()
    shutil.rmtree(docs)
    assert holders(tmp_path, b"banana") == []
    assert holders(tmp_path, b"cherry")
    monkeypatch.setattr(search, "EXACT_CHUNKS", 0)
    ids = [entry.document_id for entry in library.entries()]
    texts = [passage.chunk.text for passage in library.search("cherry", ids, 2)]
    assert len(texts) == 2
    assert "cherry" in texts[0]


@pytest.mark.parametrize("name", ["banana.txt", "{path}", "{id}"])
def test_names_of_the_library_need_no_file(library, docs, embedder, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, _ = collect(library, docs)
    banana = list(first.documents.values())[1]
    (docs / "banana.txt").unlink()
    embedded = embedder.embedded
    wanted = name.format(path=banana.path, id=banana.id[:12])
    gathered, events = collect(library, wanted)
    assert list(gathered.documents) == [banana.id]
    assert gathered.documents[banana.id].text == banana.text
    assert events == []
    assert embedder.embedded == embedded


def test_a_file_goes_before_a_document_of_its_name(library, docs, tmp_path, monkeypatch):
    collect(library, docs)
    (tmp_path / "apple.txt").write_text("Another apple, in another folder.")
    monkeypatch.chdir(tmp_path)
    gathered, _ = collect(library, "apple.txt")
    (document,) = gathered.documents.values()
    assert document.text == "Another apple, in another folder."


def test_a_home_directory_may_be_written_as_a_tilde(library, docs, monkeypatch):
    monkeypatch.setenv("HOME", str(docs.parent))
    gathered, _ = collect(library, "~/docs/apple.txt")
    assert names_of(gathered) == ["apple.txt"]


def test_no_names_stand_for_the_whole_library(library, docs):
    collect(library, docs)
    (docs / "apple.txt").unlink()
    gathered, events = collect(library)
    assert sorted(names_of(gathered)) == ["apple.txt", "banana.txt", "cherry.txt"]
    assert events == []


def test_an_empty_library_says_how_to_fill_it(library):
    with pytest.raises(StoreError, match="library is empty") as raised:
        collect(library)
    assert "rapid index FOLDER" in raised.value.hint


def test_a_bad_file_costs_only_itself(library, docs):
    (docs / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing more")
    (docs / "empty.txt").write_bytes(b"")
    gathered, events = collect(library, docs, docs.parent / "missing.md")
    assert names_of(gathered) == ["apple.txt", "banana.txt", "cherry.txt"]
    skipped = [event for event in events if isinstance(event, FileSkipped)]
    assert skipped == gathered.skipped
    assert [Path(skip.path).name for skip in skipped] == ["broken.pdf", "empty.txt", "missing.md"]
    assert all(skip.error.hint for skip in skipped)
    assert len(library.entries()) == 3


def test_empty_standard_input_costs_only_itself(library, docs):
    gathered, events = collect(library, STANDARD_INPUT, docs / "apple.txt")
    assert names_of(gathered) == ["apple.txt"]
    assert [skip.path for skip in events if isinstance(skip, FileSkipped)] == ["-"]
    gathered.close()
    assert len(library.entries()) == 1


def test_when_nothing_is_left_the_first_error_is_raised(library, tmp_path):
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing more")
    with pytest.raises(DocumentError, match=r"missing\.md does not exist"):
        collect(library, tmp_path / "missing.md", tmp_path / "broken.pdf")
    with pytest.raises(DocumentError, match=r"broken\.pdf"):
        collect(library, tmp_path / "broken.pdf")
    assert library.entries() == []


@pytest.mark.parametrize("name", ["word " * 60, "~no-such-user/x.txt"])
def test_what_cannot_be_a_path_is_a_document_that_does_not_exist(library, name):
    with pytest.raises(DocumentError) as raised:
        collect(library, name)
    assert raised.value.hint


def test_a_question_longer_than_any_file_name_is_a_question():
    question = "Who " + "really " * 60 + "is it?"
    assert sources_and_question([question], "ask") == ([], question)
    assert sources_and_question(["book.pdf", question], "ask") == (["book.pdf"], question)


@pytest.mark.parametrize("question", ["Why?", "When does the ferry leave"])
def test_a_question_before_a_file_is_told_the_right_order(docs, monkeypatch, question):
    monkeypatch.chdir(docs)
    order = shlex.join(["rapid", "search", "banana.txt", "apple.txt", question])
    with pytest.raises(BadParameter, match=re.escape(f"the question comes last: {order}")):
        sources_and_question(["banana.txt", question, "apple.txt"], "search")


@pytest.mark.parametrize(
    "words",
    [
        ("a document of the library.pdf", "apple.txt"),
        ("apple.txt", "Why?", "Is that what happened?"),
        ("cherry.txt", "apple.txt"),
        ("Is it you?", "apple.txt"),
    ],
)
def test_what_may_be_meant_as_it_is_written_is_taken_so(docs, monkeypatch, words):
    monkeypatch.chdir(docs)
    (docs / "Is it you?").write_text("A file with a name that is a question.")
    assert sources_and_question(list(words), "ask") == (list(words[:-1]), words[-1])


def test_what_was_gathered_is_right_at_any_interruption(library, docs, embedder):
    gathered = Gathered(library)
    events = gather([str(docs)], library, BytesIO(b""), gathered)
    for event in events:
        if isinstance(event, FileDone):
            break
    events.close()
    assert names_of(gathered) == ["apple.txt"]


def test_files_of_a_folder_are_read_ahead_while_others_are_embedded(library, docs):
    gathered = Gathered(library)
    events = gather([str(docs)], library, BytesIO(b""), gathered)
    next(event for event in events if isinstance(event, Embedded))
    time.sleep(1.5)
    for path in docs.iterdir():
        path.unlink()
    assert [name for name, _ in done(events)] == ["apple.txt", "banana.txt", "cherry.txt"]
    assert names_of(gathered) == ["apple.txt", "banana.txt", "cherry.txt"]


def test_a_file_whose_document_is_removed_meanwhile_is_read_again(library, docs):
    collect(library, docs)
    gathered = Gathered(library)
    events = gather([str(docs)], library, BytesIO(b""), gathered)
    next(event for event in events if isinstance(event, FileDone))
    library.remove("banana.txt")
    (docs / "cherry.txt").unlink()
    library.remove("cherry.txt")
    assert [name for name, _ in done(events)] == ["banana.txt"]
    assert names_of(gathered) == ["apple.txt", "banana.txt"]
    assert [Path(skip.path).name for skip in gathered.skipped] == ["cherry.txt"]
