"""Drafting ahead: what the drafter writes while the target reads a new text."""

from __future__ import annotations

from contextlib import closing
from itertools import pairwise

import pytest

from rapid_cli.answering.answer import Drafted, Pair
from rapid_cli.errors import NativeError
from tests.support.fakes import FakeClock
from tests.support.table_models import (
    DRAFTED,
    LOGITS,
    OTHER_LOGITS,
    SHORT,
    Model,
    ask,
    chain,
    finished,
    options,
    self_pair,
)

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


def drafted(events):
    return [event.text for event in events if isinstance(event, Drafted)]


@pytest.mark.parametrize("name", DRAFTED)
def test_what_is_written_ahead_grows_while_the_target_reads(name):
    texts = drafted(
        ask(self_pair(Model(LOGITS, clock=(clock := FakeClock()))), options(name), clock=clock)
    )
    assert len(texts) > 3
    assert all(later.startswith(text) for text, later in pairwise(texts))
    assert len(texts[-1]) > len(texts[0])


@pytest.mark.parametrize("name", ["long-context", "rag", "prompt-lookup"])
def test_without_a_drafter_nothing_is_written_ahead(name):
    assert drafted(ask(self_pair(Model(LOGITS)), options(name))) == []


def test_nothing_is_written_ahead_of_a_text_that_is_read_soon():
    assert drafted(ask(self_pair(Model(LOGITS)), options(), documents=(SHORT,))) == []


def test_what_was_written_ahead_is_what_the_answer_begins_with_where_both_models_agree():
    model = Model(chain(*range(3, 12)), clock=(clock := FakeClock()))
    chosen = options("speculative", temperature=0, seed=None)
    *events, last = ask(self_pair(model), chosen, clock=clock)
    assert drafted(events)[-1] == last.answer.text == "a b c d e f g h i"
    steps = model.opened[1].extended  # the drafter's context
    assert steps == [1] * 10, "what was written ahead was drafted again"
    assert last.answer.stats.accepted > 0


def test_what_waits_is_checked_before_anything_else_is_decoded():
    model = Model(chain(*range(3, 12)), clock=(clock := FakeClock()))
    *_, last = ask(self_pair(model), options("auto", temperature=0, seed=None), clock=clock)
    widths = model.opened[0].extended
    assert widths[0] > 4
    assert min(widths) > 1, "each batch checks what was written ahead"
    assert last.answer.text == "a b c d e f g h i"


def test_with_a_seed_the_answer_is_the_same_whether_or_not_a_draft_was_written_ahead(monkeypatch):
    def text():
        pair = Pair("two", Model(LOGITS), Model(OTHER_LOGITS))
        return finished(pair, options(max_tokens=80)).text

    with_draft = text()
    monkeypatch.setattr("rapid_cli.answering.drafting_ahead.LEAST_LEFT", 10**6)
    assert text() == with_draft


@pytest.mark.parametrize("offloaded", [False, True])
@pytest.mark.parametrize("steps", [3, 8, 14, 20])
def test_an_error_while_drafting_ahead_ends_the_answer_and_leaves_no_thread(offloaded, steps):
    drafter = Model(OTHER_LOGITS, fails_at=steps)
    pair = Pair("two", Model(LOGITS), drafter)
    pair.target.offloaded = offloaded
    with pytest.raises(NativeError):
        list(ask(pair, options()))
    assert all(context.closed for model in (pair.target, drafter) for context in model.opened)


@pytest.mark.parametrize("offloaded", [False, True])
def test_whoever_stops_listening_while_a_draft_is_written_leaves_no_thread(offloaded):
    pair = Pair("two", Model(LOGITS), Model(OTHER_LOGITS))
    pair.target.offloaded = offloaded
    with closing(ask(pair, options())) as events:
        next(event for event in events if isinstance(event, Drafted))


@pytest.mark.parametrize("offloaded", [False, True])
def test_ctrl_c_while_a_draft_is_written_leaves_no_thread(offloaded):
    pair = Pair("two", Model(LOGITS), Model(OTHER_LOGITS))
    pair.target.offloaded = offloaded
    pair.target.interrupted_at = 700
    with pytest.raises(KeyboardInterrupt):
        list(ask(pair, options()))
