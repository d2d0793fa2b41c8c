"""Sentences of an answer find passages beyond those that the answer was made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rapid_cli.answering.answer import Answer, Options, Pair, Seconds
from rapid_cli.answering.citing.attribution import MOST_SEARCHED, cite_sources, match_sentences
from rapid_cli.answering.readings import Reading
from rapid_cli.answering.strategies import strategy_named
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.documents import Chunk, Document, Page, Passage
from rapid_cli.errors import StoreError
from rapid_cli.models.interface import PromptTokens

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
    return Answer(
        "What is known of it?",
        options,
        Pair("pair", None, None),
        Seconds(),
        target=Reading(PromptTokens((1,), (2,)), TEXT, coverage=1.0),
        text=text,
        sources=sources,
        finish_reason="stop",
    )


class Counting:
    """An embedder to which all texts are alike; it counts what it embeds."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, texts):
        self.texts += texts
        return np.ones((len(texts), 1), np.float32)


def match(made: Answer, search, embed=None) -> Answer:
    *_, last = match_sentences(made, {"d": DOCUMENT}, search, embed or Counting())
    return last


def test_an_answer_cites_its_passages_and_needs_no_embedder_without_any():
    made = cite_sources(answer("Yes. Ann was the keeper.", STAIRS, KEEPER), Counting())
    (only,) = made.citations
    assert (only.start, only.end, only.sources) == (5, 24, (2,))
    assert only.quotes == (KEEPER.chunk.text.strip(),)
    silent = answer("Yes. Ann was the keeper.")
    assert cite_sources(silent, lambda texts: pytest.fail(f"{texts} were embedded")) is silent


def test_a_sentence_that_the_length_of_the_answer_cut_off_is_not_judged():
    text = "The keeper was called Ann. The keeper was called B"
    for reason, ends in (("length", [26]), ("stop", [26, len(text)])):
        made = replace(answer(text, KEEPER), finish_reason=reason)
        assert [each.end for each in cite_sources(made, Counting()).citations] == ends


def test_what_the_passages_support_is_searched_no_further():
    made = answer("The keeper was called Ann.", KEEPER)
    made = match(made, lambda sentence: pytest.fail(f"{sentence} was searched"))
    assert [each.sources for each in made.citations] == [(1,)]


def test_a_sentence_finds_a_passage_elsewhere_and_only_that_is_added():
    made = answer("The tower was built in 1815. The keeper was called Ann.", KEEPER)
    made = match(made, lambda _sentence: [STAIRS, TOWER])
    assert [each.sources for each in made.citations] == [(2,), (1,)]
    assert [each.chunk.index for each in made.sources] == [0, 1]
    assert made.sources[1].chunk.text == "The tower was built in 1815. ", "the sentence is whole"


def test_a_source_of_the_answer_stays_though_nothing_cites_it():
    made = answer("The tower was built in 1815.", KEEPER)
    made = match(made, lambda _sentence: [TOWER])
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
    matched = match_sentences(made, {"d": DOCUMENT}, search, Counting())
    assert [each.sources for each in next(matched).citations] == [(1,), ()]
    with pytest.raises(StoreError):
        next(matched)
