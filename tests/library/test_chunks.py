from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rapid_cli.documents import Chunk, Document, Page
from rapid_cli.library.catalog import Catalog
from rapid_cli.text.words import terms

TEXTS = {
    "whale": ["Call me Ishmael.", "The whales were hunted by sailors.", "A whale, a whale!"],
    "sheep": ["Sheep are counted at night.", "鲸鱼在海里游泳。"],
}


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path) as opened:
        for name, texts in TEXTS.items():
            enter(opened, name, texts)
        yield opened


def chunks_of(name: str, texts: list[str]) -> list[Chunk]:
    return [Chunk(name, number, text, 0, len(text), 1, 2) for number, text in enumerate(texts)]


def enter(catalog: Catalog, name: str, texts: list[str]) -> None:
    pages = tuple(Page(number, None, text) for number, text in enumerate(texts, start=1))
    document = Document(name, name, f"/{name}", pages, True)
    catalog.put(document, chunks_of(name, texts), cut="words 8", reader=1)


def found(catalog: Catalog, question: str, *names: str) -> list[tuple[str, int]]:
    weights = dict.fromkeys(terms(question), 1.0)
    matches = catalog.chunks.matching(weights, names or list(TEXTS), 10)
    return [(each.document_id, each.number) for each in matches]


def test_chunks_come_back_as_they_were_put_and_in_their_order(catalog: Catalog) -> None:
    assert catalog.chunks.of("whale") == chunks_of("whale", TEXTS["whale"])
    assert catalog.chunks.of("unknown") == []


def test_chunks_are_found_by_their_numbers(catalog: Catalog) -> None:
    keys = [("sheep", 1), ("whale", 0), ("whale", 9), ("unknown", 0)]
    named = catalog.chunks.named(keys)
    assert {key: chunk.text for key, chunk in named.items()} == {
        ("sheep", 1): TEXTS["sheep"][1],
        ("whale", 0): TEXTS["whale"][0],
    }


def test_chunks_are_found_by_the_pages_they_touch(catalog: Catalog) -> None:
    pages = tuple(Page(number, None, "text") for number in range(1, 6))
    places = [(1, 1), (2, 3), (3, 3), (5, 5)]
    chunks = [Chunk("book", n, "text", n, n + 1, *place) for n, place in enumerate(places)]
    book = Document("book", "book", "/book", pages, True)
    catalog.put(book, chunks, cut="words 8", reader=1)
    assert catalog.chunks.on_pages("book", [3]) == [1, 2]
    assert catalog.chunks.on_pages("book", [5, 2, 3]) == [1, 2, 3]
    assert catalog.chunks.on_pages("book", [4]) == []
    assert catalog.chunks.on_pages("book", []) == []


def test_words_find_their_other_forms_the_most_telling_chunk_first(catalog: Catalog) -> None:
    assert found(catalog, "Which whale was hunted by a sailor?") == [("whale", 1), ("whale", 2)]
    assert found(catalog, "whale") == [("whale", 2), ("whale", 1)]


def test_words_without_spaces_between_them_are_found(catalog: Catalog) -> None:
    assert found(catalog, "鲸鱼") == [("sheep", 1)]


def test_only_the_documents_asked_are_searched(catalog: Catalog) -> None:
    assert found(catalog, "whale sheep", "sheep") == [("sheep", 0)]
    assert found(catalog, "whale", "sheep") == []


def test_what_is_replaced_or_forgotten_is_no_longer_found(catalog: Catalog) -> None:
    enter(catalog, "whale", ["The kraken wakes."])
    assert found(catalog, "whale") == []
    assert found(catalog, "kraken") == [("whale", 0)]
    catalog.withdraw()
    assert found(catalog, "kraken") == found(catalog, "sheep") == []


def test_a_question_of_any_characters_breaks_no_search(catalog: Catalog) -> None:
    for question in (
        'whale" OR (',
        "NEAR(whale, 2) AND *",
        "words: whale ^",
        "whale-OR-'",
        "w\0hale",
    ):
        found(catalog, question)
