"""Sentences of an answer find passages beyond those that the answer was made of."""

from __future__ import annotations

import numpy as np
import pytest

from rapid_cli.answering.answer import Answer, Options, Pair, Seconds
from rapid_cli.answering.attribution import MOST_SEARCHED, match_sentences
from rapid_cli.answering.strategies import strategy_named
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.documents import Chunk, Document, Page, Passage
from rapid_cli.errors import StoreError

TEXT = (
    "The keeper was called Ann. The lamp burned whale oil. "
    "The tower was built in 1815. The stairs count 199 steps."
)
DOCUMENT = Document("d", "d.txt", "/d.txt", (Page(1, None, TEXT),), paged=False)


def part(start: str, end: str, index: int) -> Passage:
    """Return the passage of TEXT from one word to another."""
    first, last = TEXT.index(start), min(TEXT.index(end) + len(end) + 1, len(TEXT))
    return Passage(Chunk("d", index, TEXT[first:last], first, last, 1, 1), 0.5)


KEEPER = part("The keeper", "Ann.", 0)
TOWER = part("was built", "in 1815.", 1)  # cut within its sentence
STAIRS = part("The stairs", "steps.", 2)


def answer(text: str, *sources: Passage) -> Answer:
    options = Options(strategy_named("rapid"), SamplingParams(), eta=10)
    made = Answer("What is known of it?", options, Pair("pair", None, None), Seconds(), text)
    made.sources, made.finish_reason = list(sources), "stop"
    return made


class Counting:
    """An embedder to which all texts are alike; it counts what it embeds."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, texts):
        self.texts += texts
        return np.ones((len(texts), 1), np.float32)


def match(made: Answer, search, embed=None) -> None:
    match_sentences(made, {"d": DOCUMENT}, search, embed or Counting())


def test_what_the_passages_support_is_searched_no_further():
    made = answer("The keeper was called Ann.", KEEPER)
    match(made, lambda sentence: pytest.fail(f"{sentence} was searched"))
    assert [each.sources for each in made.citations] == [(1,)]


def test_a_sentence_finds_a_passage_elsewhere_and_only_that_is_added():
    made = answer("The tower was built in 1815. The keeper was called Ann.", KEEPER)
    match(made, lambda _sentence: [STAIRS, TOWER])
    assert [each.sources for each in made.citations] == [(2,), (1,)]
    assert [each.chunk.index for each in made.sources] == [0, 1]
    assert made.sources[1].chunk.text == "The tower was built in 1815. ", "the sentence is whole"


def test_a_source_of_the_answer_stays_though_nothing_cites_it():
    made = answer("The tower was built in 1815.", KEEPER)
    match(made, lambda _sentence: [TOWER])
    assert [each.chunk.index for each in made.sources] == [0, 1]
    assert [each.sources for each in made.citations] == [(2,)]


def test_each_sentence_is_searched_once_and_only_so_many_are():
    asked: list[str] = []
    text = " ".join(f"Nobody saw whale number {n}. Nobody was there." for n in range(40))
    match(answer(text, KEEPER), lambda sentence: asked.append(sentence) or [])
    assert len(asked) == len(set(asked)) == MOST_SEARCHED


def test_no_text_is_embedded_twice():
    embed = Counting()
    made = answer("The tower was built in 1815. The keeper was called Ann.", KEEPER)
    match(made, lambda _sentence: [TOWER, STAIRS], embed)
    assert len(embed.texts) == len(set(embed.texts)) > 0


def test_what_was_cited_stays_if_the_library_fails():
    def search(_sentence: str) -> list[Passage]:
        raise StoreError("the library is gone", "look for it")

    made = answer("The keeper was called Ann. The tower was built in 1815.", KEEPER)
    with pytest.raises(StoreError):
        match(made, search)
    assert [each.sources for each in made.citations] == [(1,), ()]
