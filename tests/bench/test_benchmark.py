"""Benchmarks on machines whose speed is known: what is reported is what things took."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import replace
from itertools import islice
from statistics import median

import numpy as np
import pytest

from rapid_cli.answering.answer import LONGEST_DRAFT, Options
from rapid_cli.answering.strategies import STRATEGIES
from rapid_cli.bench.benchmark import run
from rapid_cli.bench.materials import RandomMaterial
from rapid_cli.bench.measurements import (
    DrafterProfile,
    LengthProfile,
    PrefillProgress,
    Sample,
    Variant,
)
from rapid_cli.bench.report import length_row, rows
from rapid_cli.decoding.costs import CostCurve
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.decoding.stats import DecodingStats
from tests.support.fakes import FakeClock, MarkovContext, random_logits

VOCABULARY = 12
LOGITS = random_logits(VOCABULARY, 1, spread=3)
OTHER_LOGITS = LOGITS + random_logits(VOCABULARY, 2, spread=2)
READ_PIECE = 200
LENGTHS = [600, 1_000]


class Reading(MarkovContext):
    """A context of a machine; it holds what it was opened for and no more."""

    floor, cuts_freely = 0, True

    def __init__(self, machine, length, rows):
        super().__init__(machine.logits, [])
        self._machine, self._length, self._rows = machine, length, rows
        self.read_tokens, self.starts, self.closed = [], Counter(), False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True

    @property
    def cache_bytes(self):
        return 1_000 * len(self)

    def read(self, tokens):
        for start in range(0, len(tokens), READ_PIECE):
            piece = tokens[start : start + READ_PIECE]
            self._use(len(piece), self._machine.read_seconds * len(piece))
            self.tokens += piece
            self.read_tokens += piece
            yield start + len(piece)

    def anchor(self):
        """Any cut is easy here."""

    def extend(self, tokens, *, rows):
        assert rows <= self._rows, "more rows than were asked for"
        self.starts[len(self)] += 1
        self._use(len(tokens), self._machine.batch_seconds(len(tokens)))
        return super().extend(tokens, rows=rows)

    def _use(self, more, seconds):
        assert not self.closed, "used after close"
        assert len(self) + more <= self._length, "longer than it was opened for"
        self._machine.clock.now += seconds * self._machine.slowness


class Machine:
    """An Openable whose batches take `first` seconds, and `more` for each token after the first."""

    def __init__(self, clock, logits=LOGITS, *, first=0.01, more=0.001, read=0.0001):
        self.clock, self.logits = clock, logits
        self._first, self._more, self.read_seconds = first, more, read
        self.slowness, self.opened = 1, []
        self.parameters = 1_000

    def batch_seconds(self, size):
        return self._first + self._more * (size - 1)

    def open(self, *, length, rows):
        self.opened.append(Reading(self, length, rows))
        return self.opened[-1]


def options(strategy, **changes):
    settings = {"eta": 10.0, "max_tokens": 60} | changes
    return Options(STRATEGIES[strategy], SamplingParams(1.0), **settings)


PLAIN = Variant("long-context", options("long-context"))
RAPID = Variant("rapid", options("rapid"), "small")
VARIANTS = [
    PLAIN,
    RAPID,
    Variant("speculative", options("speculative"), "small"),
    Variant("prompt-lookup", options("prompt-lookup")),
    Variant("auto", options("auto"), "small"),
    Variant("rapid, gamma 20", options("rapid", gamma=20), "small"),
]


class Scene:
    """A target, a drafter and a clock that they alone move; what was measured on them."""

    def __init__(self, *, drafter_logits=OTHER_LOGITS, material=None):
        self.clock = FakeClock()
        self.target = Machine(self.clock)
        # A drafter's batch of two costs what one costs, as its cost curve assumes.
        self.drafter = Machine(self.clock, drafter_logits, first=0.002, more=0.0, read=0.00002)
        self.material = material or RandomMaterial(VOCABULARY)

    def events(self, variants=VARIANTS, *, lengths=LENGTHS[:1], repeats=2, max_tokens=60):
        return run(
            self.target,
            {"small": self.drafter},
            self.material,
            lengths=lengths,
            variants=variants,
            repeats=repeats,
            max_tokens=max_tokens,
            clock=self.clock,
        )

    def measure(self, *args, **settings):
        """Return the profiles and the samples."""
        events = list(self.events(*args, **settings))
        profiles = [event for event in events if isinstance(event, LengthProfile)]
        return profiles, [event for event in events if isinstance(event, Sample)]


def test_variants_take_turns_at_each_length_from_the_shortest_and_each_is_first_in_turn():
    events = [
        event
        for event in Scene().events(lengths=LENGTHS[::-1], repeats=3)
        if not isinstance(event, PrefillProgress)
    ]
    names = [variant.name for variant in VARIANTS]
    turns = [(seed, name) for seed in range(3) for name in names[seed:] + names[:seed]]
    expected = [entry for length in LENGTHS for entry in (length, *turns)]
    assert expected == [
        event.length if isinstance(event, LengthProfile) else (event.seed, event.variant.name)
        for event in events
    ]
    samples = [event for event in events if isinstance(event, Sample)]
    assert [sample.profile.length for sample in samples] == [
        length for length in LENGTHS for _ in turns
    ]


def test_progress_of_reading_reaches_the_end_of_each_prompt():
    seen = [
        event for event in Scene().events(lengths=LENGTHS) if isinstance(event, PrefillProgress)
    ]
    ends = [(event.reader, event.total) for event in seen if event.done == event.total]
    assert ends == [("target", 599), ("small", 511), ("target", 999)]
    assert all(event.done <= event.total for event in seen)


def test_a_longer_text_goes_on_where_the_shorter_one_ended():
    scene = Scene()
    scene.measure(lengths=LENGTHS)
    (target,), (drafter,) = scene.target.opened, scene.drafter.opened
    assert target.read_tokens == RandomMaterial(VOCABULARY).target_prompt(999)
    assert drafter.read_tokens == RandomMaterial(VOCABULARY).drafter_prompt(1_000)[:-1]


def test_reading_takes_what_all_of_the_prompt_takes_at_each_length():
    profiles, _ = Scene().measure(lengths=LENGTHS)
    assert [profile.prefill_seconds for profile in profiles] == pytest.approx([0.0599, 0.0999])
    assert [p.drafters["small"].prefill_seconds for p in profiles] == pytest.approx(
        [511 * 2e-5] * 2
    )


def test_a_profile_holds_what_batches_and_drafts_cost_there():
    profiles, _ = Scene().measure(lengths=LENGTHS)
    for profile, length in zip(profiles, LENGTHS, strict=True):
        assert profile.length == length
        assert profile.cache_bytes == 1_000 * (length - 1)
        assert profile.verify_costs == pytest.approx(
            {size: 0.01 + 0.001 * (size - 1) for size in (1, 2, 4, 8, 9, 16)}
        )
        assert list(profile.drafters) == ["small"]
        assert profile.drafters["small"].length == 512
        assert profile.drafters["small"].costs == pytest.approx({1: 0.002, 4: 0.008})


@pytest.mark.slow
def test_every_answer_begins_at_the_end_of_its_prompt():
    begun = []
    for repeats in (0, 20):
        scene = Scene()
        scene.measure(repeats=repeats)  # the contexts hold one answer, and refuse more
        begun.append(scene.target.opened[0].starts[599])
    assert begun[1] - begun[0] == 20 * len(VARIANTS)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_greedy_answers_repeat_since_nothing_of_the_last_one_stays(variant):
    greedy = replace(variant, options=replace(variant.options, sampling=SamplingParams(0)))
    _, samples = Scene().measure([greedy], repeats=4)
    assert len({(s.stats.tokens, s.stats.accepted, s.stats.drafted) for s in samples}) == 1


def test_contexts_are_closed_at_the_end_and_at_any_stop():
    total = len(list(Scene().events(repeats=1)))
    for taken in range(1, total + 2):
        scene = Scene()
        with closing(scene.events(repeats=1)) as events:
            list(islice(events, taken))
        contexts = scene.target.opened + scene.drafter.opened
        assert len(contexts) == 2
        assert all(context.closed for context in contexts)


def test_passages_of_a_shorter_text_may_be_longer_than_those_of_a_longer_one():
    class Uneven(RandomMaterial):
        def drafter_prompt(self, length):
            return super().drafter_prompt(length)[: 500 if length == LENGTHS[0] else 100]

    profiles, _ = Scene(material=Uneven(VOCABULARY)).measure(lengths=LENGTHS)
    assert [profile.drafters["small"].length for profile in profiles] == [500, 100]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_on_a_machine_that_keeps_its_speed_the_prediction_is_what_decoding_took(variant):
    _, samples = Scene().measure([variant])
    for sample in samples:
        assert sample.stats.tokens == 60
        assert sample.decode_seconds == pytest.approx(sample.predicted_seconds)


def test_the_prediction_adds_up_the_curves_of_the_profile_whatever_decoding_takes():
    scene = Scene()
    samples = []
    for event in scene.events(repeats=1):
        if isinstance(event, LengthProfile):
            scene.target.slowness = scene.drafter.slowness = 2
        if isinstance(event, Sample):
            samples.append(event)
    assert len(samples) == len(VARIANTS)
    for sample in samples:
        assert sample.predicted_seconds == pytest.approx(sample.decode_seconds / 2)


def test_plain_decoding_is_predicted_from_single_steps():
    (profile,), samples = Scene().measure([PLAIN])
    for sample in samples:
        assert sample.predicted_seconds == pytest.approx(60 * CostCurve(profile.verify_costs).at(1))


def test_the_first_token_waits_for_reading_and_the_first_draft_for_its_own_round():
    (profile,), samples = Scene().measure([PLAIN, Variant("g", options("rapid", gamma=1), "small")])
    read, drafter_read = profile.prefill_seconds, profile.drafters["small"].prefill_seconds
    for sample in samples:
        if sample.variant is PLAIN:
            assert sample.first_draft_seconds is None
            assert sample.first_token_seconds == pytest.approx(read + 0.01)
        else:
            assert sample.first_token_seconds > read + drafter_read + 0.01
            expected = read + drafter_read + 2 * 0.002  # the draft, and an opinion of what follows
            assert sample.first_draft_seconds == pytest.approx(expected)


@pytest.mark.slow
@pytest.mark.parametrize("coin", [0.0, 0.3, 0.8, 1.0])
def test_a_coin_accepts_as_often_as_assumed(coin):
    single = Variant("one", options("rapid", gamma=1), "small", coin)
    _, samples = Scene().measure([PLAIN, single], repeats=6, max_tokens=500)
    samples = [sample for sample in samples if sample.variant is single]
    accepted = sum(sample.stats.accepted for sample in samples)
    drafted = sum(sample.stats.drafted for sample in samples)
    assert drafted > 1_000
    assert accepted / drafted == pytest.approx(coin, abs=0.04)


def test_with_a_coin_drafts_are_whole_and_rounds_as_long_as_the_formula_says():
    coin, gamma = 0.7, 8
    many = Variant("many", options("rapid", gamma=gamma), "small", coin)
    flat = np.zeros((VOCABULARY,) * 3)  # a drafter that is never sure, and so would stop early
    scene = Scene(drafter_logits=flat)
    _, samples = scene.measure([many], repeats=10, max_tokens=400)
    tokens = sum(sample.stats.tokens for sample in samples)
    rounds = sum(sample.stats.rounds for sample in samples)
    drafted = sum(sample.stats.drafted for sample in samples)
    assert drafted / rounds == pytest.approx(gamma, rel=0.03)
    assert tokens / rounds == pytest.approx((1 - coin ** (gamma + 1)) / (1 - coin), rel=0.06)
    unsure = replace(many, assumed_acceptance=None)
    _, samples = Scene(drafter_logits=flat).measure([unsure], repeats=1)
    assert samples[0].stats.drafted <= samples[0].stats.rounds, "without a coin it does stop"


def test_strategies_that_are_lossless_do_not_follow_the_drafter():
    def accepted(strategy, eta):
        variant = Variant("x", options(strategy, eta=eta, gamma=4), "small")
        _, samples = Scene().measure([variant], repeats=5)
        return [sample.stats.accepted for sample in samples]

    assert accepted("speculative", 40) == accepted("speculative", 0) == accepted("rapid", 0)
    assert sum(accepted("rapid", 40)) > sum(accepted("rapid", 0))


def test_repeats_are_drawn_anew():
    _, samples = Scene().measure([replace(RAPID, options=options("rapid", gamma=4))], repeats=8)
    assert len({sample.stats.accepted for sample in samples}) > 2


def test_planned_drafts_pay_on_a_machine_where_checking_is_cheap():
    same = Scene(drafter_logits=LOGITS)
    _, samples = same.measure([PLAIN, RAPID], repeats=5, max_tokens=300)
    plain, rapid = rows(samples, PLAIN.name)
    assert plain.speedup == 1
    assert 1.5 < rapid.speedup < LONGEST_DRAFT
    # Plain decoding takes the same each time here, so the median of ratios is the ratio.
    assert rapid.speedup == pytest.approx(rapid.tokens_per_second / plain.tokens_per_second)


def made_sample(
    profile, variant, seed=0, *, tokens=100, seconds=1.0, drafted=0, accepted=0, **changes
):
    stats = DecodingStats(tokens=tokens, rounds=50, drafted=drafted, accepted=accepted)
    known = {"predicted_seconds": 2.0, "first_draft_seconds": None, "first_token_seconds": 3.0}
    return Sample(profile, variant, seed, stats, seconds, **(known | changes))


PROFILE = LengthProfile(
    600,
    2.0,
    5_000,
    {1: 0.01, 8: 0.02},
    {2: 0.015},
    {"small": DrafterProfile(512, 1.0, {1: 0.5}, {1: 0.5}, {1: 1.5, 2: 1.5})},
)


def test_rows_are_medians_over_runs_with_their_spread():
    plain = [
        made_sample(PROFILE, PLAIN, seed, seconds=s) for seed, s in enumerate((2.0, 1.0, 50.0))
    ]
    rapid = [
        made_sample(
            PROFILE,
            RAPID,
            seed,
            seconds=seconds,
            drafted=drafted,
            accepted=30,
            predicted_seconds=predicted,
            first_draft_seconds=draft,
            first_token_seconds=first,
        )
        for seed, seconds, drafted, predicted, draft, first in (
            (0, 0.5, 60, 0.4, 7.0, 5.0),
            (1, 0.8, 40, 0.5, 6.0, 4.0),
            (2, 9.0, 100, 8.0, 90.0, 80.0),
        )
    ]
    first, second = rows([*plain, *rapid[::-1]], PLAIN.name)
    assert (first.variant, first.drafter, first.speedup) == ("long-context", None, 1.0)
    assert (first.tokens_per_second, first.slowest, first.fastest) == (50.0, 2.0, 100.0)
    assert first.acceptance_rate is None
    assert first.first_draft_seconds is None
    assert (second.variant, second.drafter, second.runs) == ("rapid", "small", 3)
    assert second.context_length == 600
    assert second.tokens_per_second == pytest.approx(125)
    assert second.speedup == pytest.approx(4.0)  # of 4, 1.25 and 5.6: each repeat for itself
    assert second.predicted_tokens_per_second == pytest.approx(200)
    assert second.acceptance_rate == pytest.approx(0.5)
    assert second.mean_acceptance_length == pytest.approx(2)
    assert second.gamma_mean == pytest.approx(median([60, 40, 100]) / 50)
    assert (second.first_draft_seconds, second.first_token_seconds) == (7.0, 5.0)


def test_a_profile_is_told_in_tokens_a_second_and_milliseconds():
    row = length_row(PROFILE)
    assert (row.context_length, row.cache_bytes) == (600, 5_000)
    assert row.prefill_tokens_per_second == 300
    assert row.verify_milliseconds == {1: 10, 8: 20}
    assert row.steady_milliseconds == {2: 15}
    assert row.drafter_tokens == {"small": 512}
    assert row.draft_milliseconds == {"small": {1: 500}}


def test_speedups_are_against_plain_decoding_at_the_same_length():
    longer = replace(PROFILE, length=1_000)
    samples = [
        made_sample(profile, variant, seconds=seconds)
        for profile, variant, seconds in (
            (PROFILE, RAPID, 1.0),
            (PROFILE, PLAIN, 2.0),
            (longer, RAPID, 1.0),
            (longer, PLAIN, 4.0),
        )
    ]
    found = {(row.context_length, row.variant): row.speedup for row in rows(samples, PLAIN.name)}
    assert found == {
        (600, "rapid"): 2.0,
        (600, "long-context"): 1.0,
        (1_000, "rapid"): 4.0,
        (1_000, "long-context"): 1.0,
    }


def test_a_repeat_that_was_cut_short_counts_only_where_plain_decoding_ran_too():
    samples = [
        made_sample(PROFILE, PLAIN, 0, seconds=2.0),
        made_sample(PROFILE, RAPID, 0, seconds=1.0),
        made_sample(PROFILE, RAPID, 1, seconds=4.0),
    ]
    _, row = rows(samples, PLAIN.name)
    assert row.speedup == 2
    assert row.runs == 2
    assert row.tokens_per_second == pytest.approx(62.5)


def test_without_plain_decoding_there_is_no_speedup_and_without_samples_no_row():
    (row,) = rows([made_sample(PROFILE, RAPID)], PLAIN.name)
    assert row.speedup is None
    assert rows([], PLAIN.name) == []


def test_variants_of_one_name_stay_apart_by_drafter_and_coin():
    variants = [
        Variant("rapid", options("rapid"), drafter, coin)
        for drafter in ("small", "large")
        for coin in (0.5, 0.9)
    ]
    found = rows([made_sample(PROFILE, variant) for variant in variants], PLAIN.name)
    assert [(row.drafter, row.assumed_acceptance) for row in found] == [
        ("small", 0.5),
        ("small", 0.9),
        ("large", 0.5),
        ("large", 0.9),
    ]
