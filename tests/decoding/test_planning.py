"""Planning on simulated machines, against the best fixed draft length in hindsight."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import pytest

from rapid_cli.decoding.acceptance import AcceptanceEstimate
from rapid_cli.decoding.costs import CostCurve
from rapid_cli.decoding.measuring import NOTICED, SIZES, WIDTHS
from rapid_cli.decoding.planning import Arm, FixedGamma, Kind, Plan, SpeedPlanner
from rapid_cli.decoding.shapes import PaddedContext, padded_costs, shapes_of
from rapid_cli.decoding.stats import Round
from tests.support import h100
from tests.support.fakes import MarkovContext

TOKENS = 2_000
LONGEST = 16


def kind(costs, expected=0.7):
    return Kind(costs, AcceptanceEstimate(LONGEST, expected))


def arm(costs):
    return Arm([kind(costs)])


@dataclass(frozen=True)
class Machine:
    """Seconds by batch size and a draft token, and the chance of acceptance by progress (0-1)."""

    verify: Callable[[int], float]
    draft: float
    acceptance: Callable[[float], float]

    def profile(self) -> tuple[CostCurve, CostCurve]:
        """What measuring this machine would have stored."""
        target = CostCurve({size: self.verify(size) for size in (1, 2, 4, 8, 9, 16)})
        return target, CostCurve({1: self.draft}, at_zero=0.0)


MACHINES = {
    "flat": Machine(lambda k: 1.0, 0.05, lambda done: 0.8),
    "linear": Machine(lambda k: 1 + 0.45 * (k - 1), 0.4, lambda done: 0.8),
    "cliff at 8": Machine(lambda k: 1.0 if k <= 8 else 2.0, 0.02, lambda done: 0.85),
    "drafter as slow as the target": Machine(lambda k: 1 + 0.02 * k, 1.0, lambda done: 0.8),
    "acceptance that collapses": Machine(
        lambda k: 1 + 0.05 * k, 0.1, lambda done: 0.9 if done < 0.5 else 0.15
    ),
    "hopeless": Machine(lambda k: 1 + 0.45 * (k - 1), 0.5, lambda done: 0.3),
}


def simulate(machine: Machine, planner, *, seed: int, noise: float = 0.0) -> float:
    """Return the seconds that TOKENS tokens take."""
    rng = np.random.default_rng(seed)
    tokens, seconds = 0, 0.0
    while tokens < TOKENS:
        gamma = planner.plan([]).gamma
        chance = machine.acceptance(tokens / TOKENS)
        misses = np.flatnonzero(rng.random(gamma) >= chance)
        accepted = int(misses[0]) if len(misses) else gamma
        disturbed = 1 + noise * rng.exponential(size=2) * (rng.random(2) < 0.2)
        draft = gamma * machine.draft * disturbed[0]
        verify = machine.verify(gamma + 1) * disturbed[1]
        planner.observe(Round((0,) * (accepted + 1), 0, gamma, gamma, accepted, draft, verify))
        tokens += accepted + 1
        seconds += gamma * machine.draft + machine.verify(gamma + 1)
    return seconds


@cache
def fixed(machine: Machine, length: int) -> float:
    return simulate(machine, FixedGamma(length), seed=1)


def best_fixed(machine: Machine, shortest: int) -> float:
    return min(fixed(machine, length) for length in range(shortest, LONGEST + 1))


def median_is(true: Callable[[float], bool], values: Iterator[float]) -> bool:
    """Tell whether the median of three is on the true side of a bound.

    Two of them decide that, so the third is worked out only where the first two differ.
    """
    first, second = true(next(values)), true(next(values))
    return first if first == second else true(next(values))


def planner_for(machine: Machine, *, shortest: int, learn: bool = True):
    target, draft = machine.profile()
    return SpeedPlanner(target, [arm(draft)], shortest=shortest, longest=LONGEST, learn_costs=learn)


@pytest.mark.slow
@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("shortest", [0, 1])
def test_planned_lengths_come_within_5_percent_of_the_best_fixed_one(name, shortest):
    machine = MACHINES[name]
    best = best_fixed(machine, shortest)
    planned = (
        simulate(machine, planner_for(machine, shortest=shortest), seed=seed) for seed in range(3)
    )
    assert median_is(lambda seconds: seconds <= 1.05 * best, planned)


@pytest.mark.slow
@pytest.mark.parametrize("name", MACHINES)
def test_a_noisy_clock_costs_little_more(name):
    machine = MACHINES[name]
    planner = planner_for(machine, shortest=0)
    assert simulate(machine, planner, seed=3, noise=2.0) <= 1.05 * best_fixed(machine, 0)


@pytest.mark.parametrize("name", MACHINES)
def test_a_planner_that_may_rest_is_never_much_slower_than_plain_decoding(name):
    machine = MACHINES[name]
    plain = TOKENS * machine.verify(1)
    planner = planner_for(machine, shortest=0)
    assert simulate(machine, planner, seed=2) <= plain / 0.97


def on_h100(length: int, draft: float, coin: float) -> Machine:
    return Machine(partial(h100.verify, length), draft, lambda done: coin)


def gains(machine: Machine, shortest: int, least: float) -> bool:
    """Tell whether planned lengths, in the median of three runs, gain so much on plain decoding."""
    plain = TOKENS * machine.verify(1)
    planned = (
        simulate(machine, planner_for(machine, shortest=shortest), seed=seed) for seed in range(3)
    )
    return median_is(lambda seconds: plain / seconds >= least, planned)


def best_speedup(machine: Machine, coin: float) -> float:
    """Return what the best length of drafts is expected to gain over plain decoding."""
    rates = (
        (1 - coin ** (gamma + 1)) / (1 - coin) / (gamma * machine.draft + machine.verify(gamma + 1))
        for gamma in range(1, LONGEST + 1)
    )
    return machine.verify(1) * max(rates)


@pytest.mark.slow
@pytest.mark.parametrize("drafter", h100.DRAFT)
@pytest.mark.parametrize("length", [4_096, 120_000])
@pytest.mark.parametrize("coin", [0.77, 0.95])
def test_on_an_h100_planned_lengths_come_near_the_best_and_auto_loses_nothing(
    drafter, length, coin
):
    machine = on_h100(length, h100.drafted(drafter, length), coin)
    assert gains(machine, 1, 0.95 * best_speedup(machine, coin))
    assert gains(machine, 0, 0.96)


@pytest.mark.slow
@pytest.mark.parametrize(("drafter", "least"), [("1B Q8_0", 3.3), ("8B Q4_0", 1.95)])
def test_on_an_h100_what_sampling_takes_now_would_make_long_texts_faster(drafter, least):
    machine = on_h100(120_000, h100.drafted_now(drafter), 0.95)
    assert gains(machine, 1, least)


def decoding_on_h100(length: int, draft: float, coin: float, *, pads: bool, seed: int = 0) -> float:
    """Return the speed-up where each change of width is paid, and drafts end early by chance."""
    turns = {size: h100.verify(length, size) for size in SIZES}
    repeated = {size: h100.steady(length, size) for size in WIDTHS} if pads else {}
    shapes = shapes_of(turns, repeated)
    context = MarkovContext(np.zeros((2, 2, 2)), [0])
    target = PaddedContext(context, shapes) if shapes else context
    arms = [arm(CostCurve({1: draft}, at_zero=0.0))]
    planner = SpeedPlanner(
        CostCurve(padded_costs(turns, repeated)), arms, shortest=1, longest=LONGEST
    )
    rng = np.random.default_rng(seed)
    tokens, seconds, last = 0, 0.0, 1
    while tokens < TOKENS:
        planned = planner.plan([]).gamma
        drafted = min(planned, int(rng.geometric(h100.ENDS)))
        misses = np.flatnonzero(rng.random(drafted) >= coin)
        accepted = int(misses[0]) if len(misses) else drafted
        target.extend([0] * (drafted + 1), rows=drafted + 1)
        width = context.extended[-1]
        took = h100.steady(length, width) + h100.change(length) * (width != last)
        done = Round((0,) * (accepted + 1), 0, planned, drafted, accepted, drafted * draft, took)
        planner.observe(done)
        tokens, seconds, last = tokens + accepted + 1, seconds + drafted * draft + took, width
    return TOKENS * h100.verify(length, 1) / seconds


@pytest.mark.parametrize("length", h100.VERIFY)
def test_on_an_h100_a_change_of_width_is_noticed(length):
    assert h100.change(length) >= NOTICED * h100.verify(length, WIDTHS[0])


@pytest.mark.slow
@pytest.mark.parametrize("drafter", h100.ALONE)
@pytest.mark.parametrize(("length", "gain"), [(4_096, 1.02), (32_768, 1.05), (120_000, 1.0)])
@pytest.mark.parametrize("coin", [0.77, 0.95])
def test_on_an_h100_batches_that_keep_their_width_are_faster(drafter, length, gain, coin):
    def speedup(*, pads):
        draft = h100.drafted_now(drafter)
        runs = [decoding_on_h100(length, draft, coin, pads=pads, seed=seed) for seed in range(3)]
        return np.median(runs)

    padded, plain = speedup(pads=True), speedup(pads=False)
    assert padded >= gain * plain, (padded, plain)


def with_aftermath(verify, more):
    """Return seconds by batch size, where a single step after a wider one takes `more`."""
    before = [1]

    def seconds(size):
        switched = size == 1 < before[0]
        before[0] = size
        return verify(size) + (more if switched else 0)

    return seconds


@pytest.mark.parametrize("acceptance", [0.3, 0.5, 0.6, 0.9])
def test_a_step_that_is_slow_after_a_draft_is_paid_for_by_the_draft(acceptance):
    """Half of the tokens cannot be drafted, as where a text is quoted now and then."""
    rng = np.random.default_rng(5)
    quoted = rng.random(TOKENS) < 0.5

    def run(planner_of):
        verify = with_aftermath(lambda k: 1 + 0.3 * (k - 1), 0.8)
        planner, tokens, seconds = planner_of(), 0, 0.0
        luck = np.random.default_rng(6)
        while tokens < TOKENS:
            place[0] = tokens
            gamma = planner.plan([]).gamma
            misses = np.flatnonzero(luck.random(gamma) >= acceptance)
            accepted = int(misses[0]) if len(misses) else gamma
            took = verify(gamma + 1)
            planner.observe(Round((0,) * (accepted + 1), 0, gamma, gamma, accepted, 0.0, took))
            tokens, seconds = tokens + accepted + 1, seconds + took
        return seconds

    place = [0]
    free = CostCurve({1: 0.0}, at_zero=0.0)

    def learning():
        offers = Arm([kind(free, 0.5)], lambda _: 0 if quoted[place[0] % TOKENS] else None)
        return SpeedPlanner(CostCurve({1: 1.0, 16: 5.5}), [offers], shortest=0, longest=LONGEST)

    assert run(learning) <= run(lambda: FixedGamma(0)) / 0.97


def test_a_collapse_is_answered_by_short_drafts_and_a_recovery_by_long_ones():
    machine = MACHINES["flat"]
    planner = planner_for(machine, shortest=1)
    lengths = []
    for phase in (0.9, 0.02, 0.9):
        rng = np.random.default_rng(0)
        for _ in range(150):
            gamma = planner.plan([]).gamma
            misses = np.flatnonzero(rng.random(gamma) >= phase)
            accepted = int(misses[0]) if len(misses) else gamma
            planner.observe(Round((0,), 0, gamma, gamma, accepted, 0.05 * gamma, 1.0))
        lengths.append(planner.plan([]).gamma)
    easy, hard, easy_again = lengths
    assert hard < easy / 2
    assert easy_again > 2 * hard


def test_without_the_clock_the_same_outcomes_give_the_same_plans():
    machine = MACHINES["linear"]
    # The noise is drawn from the same generator either way: only the observed times differ.
    quiet, noisy = (
        simulate(
            machine,
            planner_for(machine, shortest=0, learn=False),
            seed=4,
            noise=noise,
        )
        for noise in (0.0, 5.0)
    )
    assert quiet == noisy


def test_the_drafter_that_pays_more_is_chosen():
    target = CostCurve({1: 1.0, 2: 1.05, 4: 1.1, 8: 1.2, 16: 1.4})
    dear, cheap = CostCurve({1: 0.8}, at_zero=0.0), CostCurve({1: 0.01}, at_zero=0.0)
    planner = SpeedPlanner(target, [arm(dear), arm(cheap)], shortest=0)
    assert planner.plan([]).drafter == 1
    for _ in range(30):
        plan = planner.plan([])
        if plan.drafter == 1:
            planner.observe(Round((0,), 1, plan.gamma, plan.gamma, 0, 0.01, 1.2))
        else:
            accepted = plan.gamma
            planner.observe(
                Round((0,) * (accepted + 1), 0, plan.gamma, plan.gamma, accepted, 0.8, 1.2)
            )
    assert planner.plan([]).drafter == 0


def test_a_drafter_with_nothing_to_propose_is_not_asked():
    target = CostCurve({1: 1.0, 16: 1.3})
    model, free = arm(CostCurve({1: 0.1}, at_zero=0.0)), CostCurve({1: 0.0}, at_zero=0.0)
    lookup = Arm([kind(free)], lambda output: 0 if output[-1:] == [7] else None)
    planner = SpeedPlanner(target, [model, lookup], shortest=0)
    assert planner.plan([1, 2]).drafter == 0
    assert planner.plan([1, 7]).drafter == 1
    alone = SpeedPlanner(target, [lookup], shortest=1)
    assert alone.plan([1, 2]) == Plan(0)


def test_of_each_kind_of_draft_it_is_learned_alone_how_it_fares():
    target, free = CostCurve({1: 1.0, 16: 4.0}), CostCurve({1: 0.0}, at_zero=0.0)
    kinds = [kind(free), kind(free)]
    planner = SpeedPlanner(target, [Arm(kinds, lambda output: output[-1])], shortest=0)
    lengths = ([], [])
    for turn in range(120):
        short_or_long = turn % 2
        gamma = planner.plan([short_or_long]).gamma
        lengths[short_or_long].append(gamma)
        accepted = gamma if short_or_long else 0  # short matches fail, long ones hold
        planner.observe(
            Round((0,) * (accepted + 1), 0, gamma, gamma, accepted, 0.0, 1 + 0.2 * gamma)
        )
    failing, holding = (np.mean(each[20:]) for each in lengths)
    assert failing < 0.5
    assert holding > 4


def test_kinds_may_share_what_is_learned_and_cost_differently():
    target = CostCurve({1: 1.0, 16: 4.0})
    shared = AcceptanceEstimate(LONGEST, 0.7)
    kinds = [
        Kind(CostCurve({1: 5.0}, at_zero=0.0), shared),
        Kind(CostCurve({1: 0.0}, at_zero=0.0), shared),
    ]
    planner = SpeedPlanner(target, [Arm(kinds, lambda output: output[-1])], shortest=0)
    for _ in range(30):
        gamma = planner.plan([1]).gamma
        planner.observe(Round((0,) * (gamma + 1), 0, gamma, gamma, gamma, 0.0, 1 + 0.2 * gamma))
    assert planner.plan([1]).gamma > 4
    assert planner.plan([0]) == Plan(0)
    assert shared.expected_tokens()[4] > 4


def test_where_no_draft_is_made_the_cheapest_opinion_is_asked_for():
    target = CostCurve({1: 1.0, 16: 16.0})
    dear, cheap = CostCurve({0: 0.9, 15: 14.4}), CostCurve({0: 0.2, 15: 3.2})
    planner = SpeedPlanner(target, [arm(dear), Arm([kind(cheap, expected=0.01)])], shortest=0)
    assert planner.plan([]) == Plan(0, 1)


def test_an_opinion_that_costs_as_much_as_a_draft_leaves_nothing_to_be_saved_by_resting():
    target = CostCurve({1: 1.0, 16: 1.5})
    for opinion, expected in ((0.0, 0), (2.0, 16)):
        costs = CostCurve({0: opinion, 1: 2.1, 16: 2.6})
        planner = SpeedPlanner(target, [Arm([kind(costs, expected=0.3)])], shortest=0, longest=16)
        assert (planner.plan([]).gamma > 0) == (expected > 0)


def test_what_an_opinion_costs_is_learned():
    costs = CostCurve({0: 0.1, 4: 0.5})
    planner = SpeedPlanner(CostCurve({1: 1.0, 16: 16.0}), [arm(costs)], shortest=0)
    for _ in range(10):
        planner.plan([])
        planner.observe(Round((1,), 0, 0, 0, 0, 0.4, 1.0))
    assert costs.at(0) == 0.4


def test_a_cost_curve_interpolates_and_goes_on_with_its_mean_slope():
    curve = CostCurve({1: 1.0, 3: 2.0, 5: 3.0})
    assert [curve.at(size) for size in (1, 2, 3, 4, 5, 7)] == [1.0, 1.5, 2.0, 2.5, 3.0, 4.0]


def test_a_larger_batch_is_never_taken_to_be_cheaper():
    curve = CostCurve({1: 1.0, 2: 3.0, 3: 2.0})
    assert curve.at(3) == 3.0


def test_one_slow_step_does_not_move_a_curve():
    curve = CostCurve({2: 1.0})
    curve.observe(2, 50.0)
    assert curve.at(2) == 1.0


def test_a_lasting_change_moves_a_curve():
    curve = CostCurve({2: 1.0})
    for _ in range(8):
        curve.observe(2, 3.0)
    assert curve.at(2) == 3.0


def test_acceptance_is_followed_position_by_position():
    estimate = AcceptanceEstimate(4, 0.7)
    for _ in range(200):
        estimate.observe(2, 2, 1)  # the first token always stands, the second never
    tokens = estimate.expected_tokens()
    assert tokens[1] == pytest.approx(2, abs=0.1)
    assert tokens[2] - tokens[1] < 0.1


def test_little_evidence_leaves_more_to_hope_for():
    few, many = AcceptanceEstimate(4, 0.7), AcceptanceEstimate(4, 0.7)
    few.observe(4, 4, 0)
    for _ in range(100):
        many.observe(4, 4, 0)
    hope = [e.expected_tokens(deviations=1)[4] - e.expected_tokens()[4] for e in (few, many)]
    assert hope[0] > 2 * hope[1]


def test_evidence_fades_while_a_drafter_rests():
    estimate = AcceptanceEstimate(4, 0.7)
    for _ in range(50):
        estimate.observe(4, 4, 0)
    before = estimate.expected_tokens(deviations=1)[1]
    for _ in range(500):
        estimate.observe(0, 0, 0)
    assert estimate.expected_tokens(deviations=1)[1] > before + 0.3
