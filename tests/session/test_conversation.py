"""Questions at a desk, over models that are a table of logits."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from rapid_cli.answering.answer import Finished
from rapid_cli.documents import Document, Passage
from rapid_cli.models.prompts import Turn
from rapid_cli.session.conversation import Desk
from tests.support.table_models import BOOK, LOGITS, PASSAGES, Known, Model, options, self_pair

MODEL = Model(LOGITS)


@dataclass
class Searched:
    """One document, and what was searched for in it."""

    documents: dict[str, Document] = field(default_factory=lambda: {BOOK.id: BOOK})
    asked: list[str] = field(default_factory=list)
    earlier: tuple[str, ...] = ()

    @property
    def library(self) -> Searched:
        return self

    def search(self, question, document_ids, limit, *, earlier=(), reranked=True) -> list[Passage]:
        self.asked.append(question)
        self.earlier = tuple(earlier)
        return PASSAGES[:limit]


def desk_of(model: Model) -> Desk:
    loader = SimpleNamespace(load_pair=lambda files: self_pair(model))
    session = SimpleNamespace(loader=loader, profiles=Known(), states=None)
    return Desk(session, None, cites=False)


def answered(sources: Searched, instruction: str, turns: tuple[Turn, ...] = ()):
    with desk_of(MODEL) as desk:
        *_, last = desk.ask("Who?", sources, options("rag"), turns, instruction=instruction)
    assert isinstance(last, Finished)
    return last.answer


def test_an_instruction_is_read_after_the_question_and_not_searched_for() -> None:
    sources = Searched()
    bare, told = answered(sources, ""), answered(sources, "w0001 w0002")
    assert sources.asked == ["Who?", "Who?"]
    assert (bare.question, told.question) == ("Who?", "Who?")
    assert len(told.target.prompt) > len(bare.target.prompt)
    assert told.target.prompt.context == bare.target.prompt.context


def test_without_citing_nothing_is_embedded_and_the_sources_are_there() -> None:
    answer = answered(Searched(), "")
    assert answer.sources
    assert not answer.citations


@pytest.mark.parametrize("seed", [None, 1])
def test_with_a_seed_nothing_depends_on_what_else_the_machine_does(seed) -> None:
    model = Model(LOGITS)
    loader = SimpleNamespace(load_pair=lambda files: self_pair(model))
    session = SimpleNamespace(loader=loader, profiles=Known(), states=None)
    with Desk(session, None, cites=False) as desk:
        list(desk.ask("Who?", Searched(), options("rapid", seed=seed)))
    assert [each.steady for each in model.opened] == [seed is not None] * 2


def test_what_was_asked_before_goes_into_the_search_oldest_first() -> None:
    sources = Searched()
    answered(sources, "", (Turn("Who came?", (3,)), Turn("When?", (4,))))
    assert sources.earlier == ("Who came?", "When?")


def test_a_question_that_is_given_up_leaves_no_search_behind() -> None:
    going, over = threading.Event(), threading.Event()

    class Slow(Searched):
        def search(self, question, document_ids, limit, *, earlier=(), reranked=True):
            assert going.wait(10)
            over.set()
            return PASSAGES[:limit]

    with desk_of(MODEL) as desk:
        events = desk.ask("Who?", Slow(), options("long-context"))
        next(events)
        threading.Timer(0.05, going.set).start()
        events.close()
        assert over.is_set()
