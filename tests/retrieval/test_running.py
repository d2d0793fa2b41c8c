from __future__ import annotations

import re

import pytest

from rapid_cli.documents import Document, Page
from rapid_cli.retrieval.chunking import split
from rapid_cli.retrieval.running import bodies

PAGES = [f"This is what stands on leaf {word}." for word in ("one", "two", "three", "four", "five")]


def document(texts: list[str], *, paged: bool = True) -> Document:
    pages = tuple(Page(number, None, text) for number, text in enumerate(texts, start=1))
    return Document("hash", "name", "/name", pages, paged=paged)


def left(texts: list[str], *, paged: bool = True) -> list[str]:
    of = document(texts, paged=paged)
    return [of.text[start:end].strip() for start, end in bodies(of)]


@pytest.mark.parametrize(
    "around",
    [
        "Annual report\n{}",
        "{}\nPage {number} of 12",
        "{}\n\n  {number}  ",
        "ACME  Ltd.\nStrictly confidential, 2024\n{}\n- {number} -\nwww.example.org",
        "{}\nA-{later}",
    ],
)
def test_what_stands_at_the_edge_of_every_page_is_left_out_but_once(around: str) -> None:
    texts = [
        around.format(page, number=number, later=number + 16)
        for number, page in enumerate(PAGES, start=1)
    ]
    assert left(texts) == [texts[0].strip(), *PAGES[1:]]


def test_left_and_right_pages_may_have_heads_of_their_own() -> None:
    texts = [f"{('The title', 'The chapter')[at % 2]}\n{page}" for at, page in enumerate(PAGES * 2)]
    assert left(texts) == [*texts[:2], *PAGES[2:], *PAGES]


@pytest.mark.parametrize(
    "texts",
    [
        [
            f"{page}\nTotal {amount}"
            for page, amount in zip(PAGES, (70, 12, 9, 55, 31), strict=True)
        ],
        [f"{page}\nThe same line" if at < 2 else page for at, page in enumerate(PAGES * 2)],
        ["One page", "Only two of them", "One page"],
        [f"{page}\nThe same\n{page} Again\n{page} Then\n{page} Last" for page in PAGES],
    ],
    ids=["numbers that count no pages", "on few pages", "few pages", "in the middle"],
)
def test_other_lines_stay(texts: list[str]) -> None:
    assert left(texts) == texts


def test_a_text_without_pages_has_no_running_lines() -> None:
    texts = [f"Heading\n{page}" for page in PAGES]
    assert left(texts, paged=False) == ["\n\n".join(texts)]


def test_pages_of_nothing_but_the_same_are_kept() -> None:
    texts = ["The same", "The same\nBelow", "The same\nBelow", "The same", "\n"]
    assert left(texts) == ["The same", "Below", "Below", "The same", ""]


def test_running_lines_are_in_no_chunk_and_chunks_know_their_pages() -> None:
    of = document([f"The title\n{page}\nPage {at}" for at, page in enumerate(PAGES, start=1)])
    starts = [found.start() for found in re.finditer(r"\S+", of.text)]
    chunks = split(of, starts, size=100)
    first = f"The title\n{PAGES[0]}\nPage 1"
    assert [chunk.text.strip() for chunk in chunks] == [first, *PAGES[1:]]
    assert [chunk.first_page for chunk in chunks] == [1, 2, 3, 4, 5]
    assert all(of.text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
