"""Drafting while the target reads, in turns and in a thread: both go on, and both end."""

from __future__ import annotations

import threading
from contextlib import closing
from itertools import count, islice

import numpy as np
import pytest

from rapid_cli.answering.drafting_ahead import FIRST_TOKENS, SHARE, beside, in_turns
from rapid_cli.decoding.drafting import ModelDrafter
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.llama import LlamaContext
from tests.support.fakes import FakeClock

pytestmark = pytest.mark.usefixtures("no_thread_is_left")

STEPS, STEP_SECONDS, TOKEN_SECONDS = 20, 2.0, 0.01


class Work:
    """Reading and drafting that take time on a clock, and note who has worked."""

    def __init__(self):
        self.clock, self.done = FakeClock(), []

    def reading(self, steps=STEPS):
        for step in range(steps):
            self.clock.now += STEP_SECONDS
            self.done.append("read")
            yield f"step {step}"

    def drafting(self, tokens=10**6, seconds=TOKEN_SECONDS):
        for token in range(tokens):
            self.clock.now += seconds
            self.done.append("draft")
            yield token


def split(events):
    """Return the steps, and all tokens in order."""
    events = list(events)
    steps = [event for event in events if isinstance(event, str)]
    return steps, [token for event in events if isinstance(event, list) for token in event]


def test_there_is_something_to_show_before_anything_is_read():
    work = Work()
    assert next(in_turns(work.reading(), work.drafting(), work.clock)) == list(range(FIRST_TOKENS))
    assert "read" not in work.done


def test_taking_turns_nothing_is_lost_and_drafting_keeps_to_its_share():
    work = Work()
    steps, tokens = split(in_turns(work.reading(), work.drafting(), work.clock))
    assert steps == [f"step {step}" for step in range(STEPS)]
    assert tokens == list(range(len(tokens)))
    later = (len(tokens) - FIRST_TOKENS) * TOKEN_SECONDS
    reading = STEPS * STEP_SECONDS
    assert 0.9 * SHARE * reading <= later <= SHARE * reading + STEPS * TOKEN_SECONDS


def test_a_drafter_slower_than_its_share_gets_no_more_than_a_token_a_turn():
    work = Work()
    _, tokens = split(in_turns(work.reading(), work.drafting(seconds=1.0), work.clock))
    assert len(tokens) <= FIRST_TOKENS + STEPS


@pytest.mark.parametrize("drafted", [0, 1, FIRST_TOKENS + 2])
def test_reading_goes_on_when_the_draft_is_complete(drafted):
    for run in (
        lambda w, d: in_turns(w.reading(), d, w.clock),
        lambda w, d: beside(w.reading(), d),
    ):
        work = Work()
        steps, tokens = split(run(work, work.drafting(tokens=drafted)))
        assert len(steps) == STEPS
        assert tokens == list(range(drafted))


def test_side_by_side_both_work_at_once():
    reached = threading.Event()

    def drafting():
        yield 0
        reached.set()
        yield from count(1)

    def reading():
        yield "first"
        assert reached.wait(timeout=20), "the drafter waits for the reader"
        yield "second"

    steps, tokens = split(beside(reading(), drafting()))
    assert steps == ["first", "second"]
    assert tokens == list(range(len(tokens)))
    assert tokens


def test_an_error_of_the_drafter_is_raised_and_ends_its_thread():
    def drafting():
        yield 1
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        split(beside((f"step {n}" for n in range(1000)), drafting()))


def test_an_error_of_the_reader_is_raised_and_ends_the_drafter():
    def reading():
        yield "first"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        split(beside(reading(), count()))


def test_whoever_stops_listening_ends_the_drafter():
    with closing(beside(iter(["first", "second"]), count())) as events:
        next(events)


@pytest.mark.slow
def test_two_contexts_of_a_real_model_read_and_draft_at_once(shallow_weights):
    weights = shallow_weights
    tokens = weights.vocabulary.tokenize("The harbour was quiet, and the boats lay still. " * 90)
    asked = weights.vocabulary.tokenize("Once upon a time there was a")

    def drafting(context):
        list(context.read(asked[:-1]))
        rng = np.random.default_rng(0)
        drafter = ModelDrafter(context, asked[-1], sampling=SamplingParams(0), rng=rng)
        return islice(drafter.write_ahead(rng), 24)

    with (
        LlamaContext(weights, length=2048, rows=1) as reader,
        LlamaContext(weights, length=256, rows=1) as writer,
        LlamaContext(weights, length=256, rows=1) as alone,
    ):
        expected = list(drafting(alone))
        steps = (f"{done}" for done in reader.read(tokens))
        done, drafted = split(beside(steps, drafting(writer)))
        assert done[-1] == str(len(tokens))
        assert len(reader) == len(tokens)
    assert drafted == expected[: len(drafted)]
    assert len(drafted) > 3
