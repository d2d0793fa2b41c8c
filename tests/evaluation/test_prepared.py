from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rapid_cli.documents import Chunk, Document, Page, Passage
from rapid_cli.errors import ConfigError, DocumentError
from rapid_cli.evaluation.packs import Pack
from rapid_cli.evaluation.prepared import deepest, is_prepared, prepare, read_prepared
from tests.support.evaluations import make_question

PAGES = tuple(Page(number, f"p. {number}", f"Page {number} says é. ") for number in range(1, 400))
DOCUMENT = Document("abc", "book.pdf", "/somewhere/book.pdf", PAGES, paged=True)


def passage(number: int, limit: int) -> Passage:
    start = sum(len(page.text) + 2 for page in PAGES[:number])
    text = PAGES[number].text
    chunk = Chunk("abc", number, text, start, start + len(text), number + 1, number + 1)
    return Passage(chunk, 1 / (1 + number), similarity=limit / 1e4, lexical=None, named=number == 3)


@dataclass
class Found:
    """Sources of one document, with so many passages."""

    documents: dict[str, Document]
    passages: int
    limits: list[int] = field(default_factory=list)
    piped: bool = False

    @property
    def library(self) -> Found:
        return self

    def search(self, question, document_ids, limit, *, reranked=True) -> list[Passage]:
        self.limits.append(limit)
        return [passage(number, limit) for number in range(min(limit, self.passages))]


def opener(found: Found):
    @contextmanager
    def opened(paths: tuple[str, ...]) -> Iterator[Found]:
        if paths == ("bad.pdf",):
            raise DocumentError("bad.pdf is damaged", "get another copy")
        yield found

    return opened


GOOD, OTHER = make_question(1), make_question(2, answerable=False)
BAD = make_question(3, document="bad")
PACK = Pack("p", (GOOD, BAD, OTHER), {"d": ("book.pdf",), "bad": ("bad.pdf",)})


def prepared(path: Path, found: Found, depth: int = 200):
    assert len(list(prepare(path, [PACK], opener(found), depth))) == 3
    assert is_prepared(path)
    return read_prepared(path)


def test_a_set_holds_the_questions_the_documents_and_their_passages(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    found = prepared(path, Found({"abc": DOCUMENT}, 20))
    (pack,) = found.packs
    assert list(pack.questions) == [GOOD, OTHER, BAD]
    with found.open(pack.paths["d"]) as sources:
        (document,) = sources.documents.values()
        assert (document.id, document.name, document.pages) == ("abc", "book.pdf", PAGES)
        assert document.text == DOCUMENT.text
        passages = sources.library.search(GOOD.text, ["abc"], 500)
        assert passages == [passage(number, 130) for number in range(20)]
        assert sources.library.search(GOOD.text, ["abc"], 5) == passages[:5]
        assert passages[0].chunk.text in document.text
    assert "/somewhere" not in path.read_text(), "nobody need know where it lay"
    assert path.read_text().count(PAGES[0].text[:8]) < 2 * len(found.packs[0].questions)


def test_a_document_that_cannot_be_read_is_one_where_it_is_asked_about_too(tmp_path: Path) -> None:
    found = prepared(tmp_path / "set.jsonl", Found({"abc": DOCUMENT}, 20))
    with (
        pytest.raises(DocumentError, match=r"bad\.pdf is damaged"),
        found.open(found.packs[0].paths["bad"]),
    ):
        pass


def test_passages_are_searched_for_as_answering_does_at_first_and_then_deeper(
    tmp_path: Path,
) -> None:
    deep = Found({"abc": DOCUMENT}, 399)
    found = prepared(tmp_path / "set.jsonl", deep, depth=257)
    assert deep.limits == [130, 257] * 2
    with found.open(found.packs[0].paths["d"]) as sources:
        assert sources.search(GOOD.text, ["abc"], 130)[0].similarity == 0.013
        assert sources.search(GOOD.text, ["abc"], 131)[0].similarity == 0.0257
        assert len(sources.search(GOOD.text, ["abc"], 257)) == 257
        with pytest.raises(ConfigError, match=r"holds 257 passages .* and 258 may be needed"):
            sources.search(GOOD.text, ["abc"], 258)


def test_it_is_deep_enough_for_the_budgets_it_was_prepared_for() -> None:
    assert deepest([], None) == 1025
    assert deepest([512, 4096], 2048) == 129
    assert deepest([], 2048) == 65


def test_a_set_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text("what was there")
    asked = prepare(path, [PACK], opener(Found({"abc": DOCUMENT}, 20)), 200)
    next(asked)
    asked.close()
    assert path.read_text() == "what was there"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ConfigError, match="cannot be written"):
        list(prepare(tmp_path / "no" / "set.jsonl", [PACK], opener(Found({}, 0)), 200))


def test_what_is_no_set_is_told_from_one(tmp_path: Path) -> None:
    path = tmp_path / "pack.jsonl"
    for text in ("", "{}\n", "[]", "{", '{"format": "other"}', "\udcff"):
        path.write_text(text, errors="surrogateescape")
        assert not is_prepared(path)
    assert not is_prepared(tmp_path)
    assert not is_prepared(tmp_path / "none")


def test_a_damaged_set_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    prepared(path, Found({"abc": DOCUMENT}, 20))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], lines[2][:50]]))
    with pytest.raises(ConfigError, match="line 3: it is not as --prepare writes it"):
        read_prepared(path)
    path.write_text(lines[0])
    with pytest.raises(ConfigError, match="holds no question"):
        read_prepared(path)
    head = json.loads(lines[0]) | {"version": 99}
    path.write_text("\n".join([json.dumps(head), *lines[1:]]))
    with pytest.raises(ConfigError, match="another version"):
        read_prepared(path)
