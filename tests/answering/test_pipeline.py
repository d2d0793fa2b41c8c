"""One answer as a stream of events, over models that are a table of logits."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from itertools import count, islice

import numpy as np
import pytest

from rapid_cli.answering.answer import (
    LONGEST_DRAFT,
    Decoded,
    Drafted,
    Finished,
    Pair,
    Piece,
    Prefilled,
    Retrieved,
    Seconds,
)
from rapid_cli.answering.strategies import STRATEGIES
from rapid_cli.errors import ContextFull, NativeError
from tests.support.fakes import FakeClock
from tests.support.table_models import (
    BOOK,
    DRAFTED,
    LOGITS,
    OTHER_LOGITS,
    PIECES,
    READ_PIECE,
    SHORT,
    SHORT_PASSAGES,
    WHOLE,
    Kept,
    Known,
    Model,
    ask,
    chain,
    finished,
    options,
    self_pair,
)


def letter(event):
    """Name an event by a letter: R, T or D for a prefill, a for a draft, p for a piece, d, F."""
    match event:
        case Retrieved():
            return "R"
        case Prefilled(role=role):
            return {"target": "T", "drafter": "D"}[role]
        case Drafted():
            return "a"
        case Piece():
            return "p"
        case Decoded():
            return "d"
        case Finished():
            return "F"


@pytest.mark.parametrize("name", STRATEGIES)
def test_events_come_in_order_and_finished_is_the_last(name):
    events = list(ask(self_pair(Model(LOGITS)), options(name)))
    order = "RD+a(Ta?)+(p+d)+F" if name in DRAFTED else "T+(p+d)+RF"
    order = "RT+(p+d)+F" if name == "rag" else order
    assert re.fullmatch(order, "".join(map(letter, events)))


@pytest.mark.parametrize("name", STRATEGIES)
def test_progress_of_reading_rises_to_all_but_the_last_token_of_the_prompt(name):
    events = list(ask(self_pair(Model(LOGITS)), options(name)))
    result = events[-1].answer
    for role, reading in (("target", result.target), ("drafter", result.drafter)):
        seen = [e for e in events if isinstance(e, Prefilled) and e.role == role]
        assert bool(seen) == (reading is not None)
        if reading is not None:
            total = len(reading.prompt) - 1
            assert {event.total for event in seen} == {total}
            assert [e.done for e in seen] == [*range(READ_PIECE, total, READ_PIECE), total]


@pytest.mark.parametrize("name", STRATEGIES)
def test_each_model_reads_its_own_prompt_and_each_context_is_closed_once(name):
    target, drafter = Model(LOGITS), Model(OTHER_LOGITS)
    result = finished(Pair("two", target, drafter), options(name))
    assert len(target.opened) == 1
    assert len(drafter.opened) == (name in DRAFTED)
    for context, reading in zip(
        target.opened + drafter.opened, (result.target, result.drafter), strict=False
    ):
        prompt = list(reading.prompt.all)
        assert context.tokens[: len(prompt)] == prompt
        assert context.closed
        assert context.length == len(prompt) + 40 + LONGEST_DRAFT + 1


def test_self_speculation_opens_two_contexts_on_one_model():
    model = Model(LOGITS)
    result = finished(self_pair(model), options())
    long, short = model.opened
    assert len(long) > 2 * len(short)
    assert result.drafter.passages
    assert len(result.drafter.prompt) < len(result.target.prompt) / 2


@pytest.mark.parametrize("name", ["auto", "rag"])
def test_contexts_are_closed_wherever_the_reader_stops(name):
    total = len(list(ask(self_pair(Model(LOGITS)), options(name, max_tokens=8))))
    for taken in range(total):
        model = Model(LOGITS)
        with closing(ask(self_pair(model), options(name, max_tokens=8))) as events:
            list(islice(events, taken))
        assert all(context.closed for context in model.opened), taken


def test_contexts_are_closed_and_the_error_goes_on_wherever_computing_fails():
    for fails_at in count():
        model = Model(LOGITS, fails_at=fails_at)
        try:
            list(ask(self_pair(model), options(max_tokens=8), profiles=Kept()))
        except NativeError as error:
            assert str(error) == "llama.cpp failed"
            assert all(context.closed for context in model.opened)
        else:
            break
    assert fails_at > 30


@pytest.mark.parametrize("name", STRATEGIES)
def test_an_end_token_stops_the_answer_and_is_not_part_of_it(name):
    pair = self_pair(Model(chain(5, 6, 7, 8, 9, 10)))
    result = finished(pair, options(name, gamma=4))
    assert result.finish_reason == "stop"
    assert result.text == "c d e f g h"
    assert result.stats.tokens == 7


def test_a_drafter_that_sees_the_end_drafts_no_further():
    pair = self_pair(Model(chain(5, 6, 7, 8, 9, 10)))
    stats = finished(pair, options(gamma=9)).stats
    assert (stats.rounds, stats.drafted, stats.accepted) == (1, 7, 7)


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("length", [1, 2, 9])
def test_without_an_end_token_the_answer_has_exactly_its_longest_length(name, length):
    result = finished(self_pair(Model(LOGITS)), options(name, max_tokens=length))
    assert result.finish_reason == "length"
    assert result.stats.tokens == len(result.text.split()) == length


@pytest.mark.parametrize("name", DRAFTED)
def test_what_the_drafter_wrote_and_the_target_accepted_is_told_apart(name):
    chosen = options(name, gamma=5, max_tokens=100)
    origins, accepted, drafted, seen = [], 0, 0, set()
    for event in ask(Pair("two", Model(LOGITS), Model(OTHER_LOGITS)), chosen):
        match event:
            case Piece(origin=origin):
                origins.append(origin)
            case Decoded(stats=stats):
                news = stats.accepted - accepted
                assert origins == ["drafter"] * news + ["target"] * (len(origins) - news)
                assert len(origins) - news == 1, "one token of the target's own a round"
                accepted, drafted, origins = stats.accepted, stats.drafted, []
                seen.add(news)
    assert len(seen) > 2, "some drafts stand, some do not"
    assert 0 < accepted < drafted


@pytest.mark.parametrize("name", ["long-context", "rag"])
def test_without_a_drafter_all_is_the_targets(name):
    events = list(ask(self_pair(Model(LOGITS)), options(name)))
    assert {e.origin for e in events if isinstance(e, Piece)} == {"target"}
    assert events[-1].answer.stats.drafted == 0


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("gamma", [None, 3])
def test_greedily_every_strategy_gives_the_targets_own_text(name, gamma):
    alone = finished(self_pair(Model(LOGITS)), options("long-context", temperature=0))
    pair = Pair("two", Model(LOGITS), Model(OTHER_LOGITS))
    chosen = options(name, temperature=0, gamma=gamma)
    for profiles in (Known(), Kept()):  # what is measured on the contexts leaves no trace
        assert finished(pair, chosen, profiles=profiles).text == alone.text


def test_only_strategies_that_say_so_follow_the_drafter():
    def text(name, eta):
        pair = Pair("two", Model(LOGITS), Model(OTHER_LOGITS))
        return finished(pair, options(name, eta=eta, max_tokens=80)).text

    assert text("speculative", 40) == text("speculative", 0)
    assert text("rapid", 40) != text("rapid", 0)


@pytest.mark.parametrize("gamma", [None, 1, 4])
def test_a_drafter_that_is_sure_adds_to_an_answer_but_does_not_cut_a_sentence_short(gamma):
    long = chain(5, 6, 7, 8, 9, 10)
    short = long.copy()
    short[:, 7] = chain(5, 6, 7)[:, 7]
    hesitant = 0.06  # sure enough to be followed, and less sure than the drafter
    chosen = options(temperature=0.1, eta=200.0, gamma=gamma)
    told = [
        finished(Pair("two", Model(target * hesitant), Model(drafter)), chosen)
        for target, drafter in ((long, short), (short, long), (long, long))
    ]
    assert [each.text for each in told] == [told[2].text] * 3
    assert len(told[0].tokens) == 6
    ended = [piece + b"." if token == 7 else piece for token, piece in enumerate(PIECES)]
    pair = Pair("two", Model(long * hesitant, pieces=ended), Model(short, pieces=ended))
    assert finished(pair, chosen).text == "c d e."


def proposed(pair, chosen):
    """Return how many tokens were drafted for an answer about a short text, and the answer."""
    found = finished(pair, chosen, documents=(SHORT,), search=lambda limit: SHORT_PASSAGES[:limit])
    return found.stats.drafted, found


@pytest.mark.parametrize("name", ["rapid", "speculative"])
def test_where_the_passages_are_the_whole_text_no_model_drafts_for_itself(name):
    drafted, found = proposed(self_pair(Model(LOGITS)), options(name, retrieve_tokens=5_000))
    assert found.drafter is None
    assert len(found.pair.target.opened) == 1, "a second context would read the same"
    assert found.options.strategy.name == name
    assert found.sources, "the passages are the sources all the same"
    assert drafted == 0 or name == "rapid", "what is looked up costs nothing"
    assert proposed(self_pair(Model(LOGITS)), options(name, retrieve_tokens=300))[1].drafter


def test_a_short_text_is_drafted_for_by_another_model_and_if_so_many_tokens_are_asked_for():
    two = Pair("two", Model(LOGITS), Model(OTHER_LOGITS))
    assert proposed(two, options(retrieve_tokens=5_000))[1].drafter
    fixed = options("speculative", retrieve_tokens=5_000, gamma=3)
    drafted, found = proposed(self_pair(Model(LOGITS)), fixed)
    assert found.drafter and drafted


class Jitter(FakeClock):
    """Time that jumps, now by nothing and now by much."""

    def __init__(self, seed):
        super().__init__()
        self._rng = np.random.default_rng(seed)

    def __call__(self):
        self.now += self._rng.exponential() ** 4
        return self.now


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_seed_and_known_costs_repeat_an_answer_whatever_the_clock_says(name):
    def told(seed, clock):
        pair = Pair("two", Model(LOGITS), Model(OTHER_LOGITS))
        result = finished(pair, options(name, seed=seed, max_tokens=200), clock=Jitter(clock))
        return result.text, result.stats.drafted, result.stats.accepted, result.stats.rounds

    assert told(1, clock=1) == told(1, clock=2) == told(1, clock=3)
    assert told(1, clock=1) != told(2, clock=1)


def test_without_a_seed_two_answers_differ():
    pair = self_pair(Model(LOGITS))
    assert finished(pair, options(seed=None)).text != finished(pair, options(seed=None)).text


def test_a_text_that_fits_is_read_whole_and_its_tokens_are_counted():
    *events, last = ask(self_pair(Model(LOGITS)), options())
    (retrieved,) = (event for event in events if isinstance(event, Retrieved))
    assert retrieved.coverage == 1
    assert not retrieved.truncated
    assert retrieved.passages == last.answer.sources == last.answer.drafter.passages
    assert last.answer.document_tokens == 1_600
    assert not last.answer.truncated


@pytest.mark.parametrize("name", WHOLE)
def test_a_text_that_does_not_fit_is_read_in_part_and_told_so_at_once(name):
    whole = finished(self_pair(Model(LOGITS)), options("long-context"))
    needed = len(whole.target.prompt) + 40 + LONGEST_DRAFT + 1
    for limit, cut in ((needed, False), (needed - 1, True)):
        for pair, chosen in (
            (self_pair(Model(LOGITS, limit=limit)), options(name)),
            (self_pair(Model(LOGITS)), options(name, context_length=limit)),
        ):
            *events, last = ask(pair, chosen)
            (retrieved,) = (event for event in events if isinstance(event, Retrieved))
            assert (events[0] is retrieved) is (cut or name in DRAFTED)
            assert retrieved.truncated is last.answer.truncated is cut
            assert (retrieved.coverage < 1) is cut
            assert last.answer.document_tokens == 1_600
            assert max(context.length for context in pair.target.opened) <= limit


def test_passages_alone_cover_a_part_and_cut_nothing():
    retrieved, *_, last = ask(self_pair(Model(LOGITS)), options("rag", retrieve_tokens=400))
    assert retrieved.coverage == pytest.approx(6 / 25)
    assert not retrieved.truncated
    assert last.answer.drafter is None
    assert len(last.answer.target.passages) == 6


def test_a_context_without_room_is_refused_before_anything_is_opened():
    model = Model(LOGITS, limit=100)
    with pytest.raises(ContextFull):
        list(ask(self_pair(model), options()))
    assert model.opened == []


def timed(name, **chosen):
    """Answer with a clock that passes for known reasons alone; the text is not worth a draft."""
    clock = FakeClock()
    clock.now = 100.0
    target, drafter = (Model(LOGITS, clock=clock) for _ in range(2))
    target.step_seconds = 1.0
    drafter.read_seconds, drafter.step_seconds = 0.001, 0.25

    def search(limit):
        clock.now += 3
        return SHORT_PASSAGES[:limit]

    known = Seconds(load=2.0, index=5.0)
    result = finished(
        Pair("two", target, drafter),
        options(name, **chosen),
        seconds=known,
        started=90.0,
        clock=clock,
        search=search,
        documents=(SHORT,),
    )
    assert result.seconds is known
    assert (known.load, known.index) == (2.0, 5.0)
    assert known.total == clock.now - 90
    return result


def test_seconds_say_where_the_time_went():
    result = timed("speculative", gamma=2, max_tokens=30, temperature=0)
    seconds, stats = result.seconds, result.stats
    assert seconds.retrieve == 3
    assert seconds.prefill_target == pytest.approx(0.01 * (len(result.target.prompt) - 1))
    assert seconds.prefill_drafter == pytest.approx(0.001 * (len(result.drafter.prompt) - 1))
    reading = seconds.prefill_target + seconds.prefill_drafter
    assert seconds.first_token == pytest.approx(seconds.first_draft + 1)
    # Plain decoding is timed three times, then there are two tokens of the drafter.
    assert seconds.first_draft == pytest.approx(10 + 3 + reading + 3 + 2 * 0.25)
    assert seconds.decode == pytest.approx(stats.rounds + 0.25 * stats.drafted)
    assert seconds.total == pytest.approx(10 + 3 + reading + 3 + seconds.decode)
    assert result.tokens_per_second == pytest.approx(30 / seconds.decode)
    assert result.plain_tokens_per_second == pytest.approx(1)
    assert result.speedup == pytest.approx(result.tokens_per_second)


def test_what_did_not_happen_took_no_time_at_all():
    seconds = timed("long-context").seconds
    assert seconds.prefill_drafter is None
    assert seconds.first_draft is None
    assert seconds.first_token < seconds.total
    assert seconds.decode == pytest.approx(40)


def test_seconds_of_each_round_rise_to_those_of_decoding():
    clock = FakeClock()
    model = Model(LOGITS, clock=clock)
    model.step_seconds = 1.0
    events = list(ask(self_pair(model), options("long-context", max_tokens=5), clock=clock))
    assert [e.seconds for e in events if isinstance(e, Decoded)] == [1, 2, 3, 4, 5]


def test_several_documents_are_one_question():
    other = replace(BOOK, id="o", name="o.txt")
    *_, last = ask(self_pair(Model(LOGITS)), options(), documents=[BOOK, other])
    assert last.answer.document_tokens == 2 * 1_600 + 4  # and two headings
    assert "# o.txt" in last.answer.target.text
