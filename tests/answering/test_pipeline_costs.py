"""What an answer's draft lengths are planned from, and what is measured for that."""

from __future__ import annotations

import numpy as np
import pytest

from rapid_cli.answering.answer import Decoded, Pair
from tests.support.fakes import FakeClock
from tests.support.table_models import (
    ASKED,
    DRAFTED,
    LOGITS,
    OTHER_LOGITS,
    WORDS,
    Kept,
    Known,
    Model,
    ask,
    chain,
    finished,
    options,
    self_pair,
)


@pytest.mark.parametrize("name", DRAFTED)
def test_costs_are_measured_once_for_each_model_and_then_reused(name):
    profiles, clock = Kept(), FakeClock()
    pair = Pair("two", Model(LOGITS, limit=4_000, clock=clock), Model(OTHER_LOGITS, clock=clock))
    first = finished(pair, options(name), profiles=profiles, clock=clock)
    read = [len(reading.prompt) - 1 for reading in (first.target, first.drafter)]
    keys = [("table 4000", read[0]), ("table 5000 drafts", read[1])]
    pairs = ("table 5000 pairs", read[1])
    more = [
        ("table 4000 steady", read[0]),
        pairs if name == "speculative" else ("table 5000", read[1]),
    ]
    assert sorted(profiles.put_keys) == sorted(keys + more)
    assert profiles.costs[keys[0]] == pytest.approx(dict.fromkeys((1, 2, 4, 8, 9, 16), 0.05))
    assert profiles.costs[keys[1]] == pytest.approx({1: 0.05, 4: 0.2})
    assert profiles.costs[more[0]] == pytest.approx({2: 0.05})
    assert profiles.costs.get(pairs, {1: 0.15, 2: 0.1}) == pytest.approx({1: 0.15, 2: 0.1})
    second = finished(pair, options(name), profiles=profiles, clock=clock)  # Kept refuses more
    assert second.text == first.text
    assert second.stats.drafted == first.stats.drafted
    measured, known = pair.target.opened
    assert len(known.extended) == second.stats.rounds < len(measured.extended)


@pytest.mark.parametrize(
    ("name", "gamma"), [("long-context", None), ("rag", None), ("rapid", 4), ("auto", 4)]
)
def test_what_is_not_planned_with_is_not_measured(name, gamma):
    profiles = Kept()
    finished(self_pair(Model(LOGITS)), options(name, gamma=gamma), profiles=profiles)
    assert profiles.got == profiles.put_keys == []


def test_draft_lengths_follow_the_known_costs():
    def gamma(verify):
        pair = self_pair(Model(chain(*range(3, 12)) + 0.0))
        pair.target.logits[:, 11, :] = 0
        pair.target.logits[:, 11, 3] = 100  # round and round
        chosen = options("speculative", max_tokens=200)
        return finished(pair, chosen, profiles=Known(verify)).stats.gamma_mean

    assert gamma({1: 1.0, 16: 1.1}) > 8
    assert gamma({1: 1.0, 2: 3.0, 16: 40.0}) < 2


class Wide(Known):
    """A machine on which a change of width takes long, and width itself little."""

    def get(self, key, length):
        costs = {size: 1 + 0.01 * size for size in (1, 2, 4, 8, 9, 16)}
        changing = {} if "steady" in key or "drafts" in key else {2: 2.0, 4: 2.0, 8: 2.0, 16: 2.0}
        return costs | changing


@pytest.mark.parametrize("name", DRAFTED)
@pytest.mark.parametrize("gamma", [None, 5])
def test_planned_drafts_are_checked_in_batches_of_few_widths(name, gamma):
    def answered(profiles):
        pair = Pair("two", Model(LOGITS), Model(OTHER_LOGITS))
        chosen = options(name, gamma=gamma, max_tokens=120, temperature=0)
        answer = finished(pair, chosen, profiles=profiles)
        return answer.text, answer.stats.rounds, pair.target.opened[0].extended

    text, rounds, widths = answered(Wide({}))
    unpadded, steps, sizes = answered(Known({1: 1.0, 2: 1.1, 4: 1.1, 8: 1.1, 16: 1.1}))
    assert text == unpadded
    few = {1, 2, 4, 8, 16, 17}
    assert (set(widths[-rounds:]) <= few) == (gamma is None)
    assert not set(sizes[-steps:]) <= few, "drafts end at any length"


@pytest.mark.parametrize("name", ["rapid", "speculative", "auto"])
@pytest.mark.parametrize("gamma", [1, 4, 20])
def test_a_fixed_draft_length_is_kept_from_the_first_round_on(name, gamma):
    model = Model(np.full((20,) * 3, -100.0))
    for token in WORDS:
        model.logits[:, token, token % len(WORDS) + 3] = 100
    model.logits[:, ASKED, 3] = 100
    chosen = options(name, gamma=gamma, max_tokens=3 * (gamma + 1))
    lengths, before = [], 0
    for event in ask(self_pair(model), chosen):
        if isinstance(event, Decoded):
            lengths.append(event.stats.drafted - before)
            before = event.stats.drafted
    assert lengths == [gamma, gamma, gamma]
    assert {context.rows for context in model.opened} == {gamma + 1}


@pytest.mark.parametrize("name", [*DRAFTED, "prompt-lookup"])
@pytest.mark.parametrize("gamma", [None, 5])
def test_the_speed_of_plain_decoding_is_known_without_decoding_plainly(name, gamma):
    model = Model(LOGITS, clock=(clock := FakeClock()))
    model.step_seconds = 1.0
    chosen = options(name, gamma=gamma, max_tokens=90)
    answer = finished(self_pair(model), chosen, clock=clock)
    assert answer.plain_tokens_per_second == pytest.approx(1)


@pytest.mark.parametrize("name", ["rapid", "auto"])
@pytest.mark.parametrize("seed", [0, None])
def test_a_new_text_and_one_that_is_kept_are_answered_alike(name, seed):
    """What both models are sure of alone, the drafter is surer of: so the first word is its."""
    target, drafter = (np.full((20,) * 3, -100.0) for _ in range(2))
    target[:, :, 3], target[:, :, 4] = 8.0, 6.0
    drafter[:, :, 4] = 100.0
    first = set()
    for limit in (10**6, 1):  # a new text is read for long, and drafts are written ahead
        pair = Pair("two", Model(target, clock=(clock := FakeClock())), Model(drafter, clock=clock))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("rapid_cli.answering.drafting_ahead.LEAST_LEFT", limit)
            chosen = options(name, eta=100, max_tokens=3, seed=seed)
            first.add(finished(pair, chosen, clock=clock).text.split()[0])
    assert first == {"b"}


def test_the_shortest_answer_with_the_shortest_drafts_fits_its_contexts():
    result = finished(self_pair(Model(LOGITS)), options(gamma=1, max_tokens=1), profiles=Kept())
    assert result.stats.tokens == 1
