"""Verification: the closed form of one position, and what happens when a rule is broken."""

import time
from collections import Counter

import numpy as np
import pytest

from rapid_cli.decoding import verification
from rapid_cli.decoding.drafting import Draft
from rapid_cli.decoding.sampling import Distribution, SamplingParams, distribution, sample
from rapid_cli.decoding.verification import (
    LEEWAY,
    TAIL,
    Hearing,
    Verdict,
    likelihood_ratio,
    trust_in_drafter,
    verify,
)
from tests.support.fakes import dense, of_dense
from tests.support.statistics_checks import agrees

VOCABULARY = 6
ONE = SamplingParams(1.0)


def transfer(p, q, eta):
    return dense(verification.transfer(of_dense(p), of_dense(q), eta))


def residual(p_hat, q):
    return dense(verification.residual(of_dense(p_hat), of_dense(q)))


def two_distributions(seed, spread=1.5):
    rng = np.random.default_rng(seed)
    z, zq = rng.normal(0, spread, (2, VOCABULARY))
    return z, dense(distribution(z, ONE)), dense(distribution(zq, ONE))


def closed_form(q, p_hat):
    """out(x) = min(q, p_hat)(x) + (1 - sum min(q, p_hat)) residual(x)."""
    accepted = np.minimum(q, p_hat)
    return accepted + (1 - accepted.sum()) * residual(p_hat, q)


def outcomes(z, q, eta, draws, *, opinion=None, certain=None, seed=0):
    """Count the first token that comes out of drafting and verifying, many times.

    It is drafted from q, or is the `certain` one; the drafter thinks q of it, or `opinion`.
    """
    rng = np.random.default_rng(seed)
    counts = Counter()
    logits = np.stack([z, z])
    proposals = of_dense(q)
    opinions = (proposals if opinion is None else of_dense(opinion),) * 2
    drawn_from = (proposals,) if certain is None else None
    for _ in range(draws):
        token = sample(proposals, rng) if certain is None else certain
        draft = Draft((token,), drawn_from, opinions)
        verdict = verify(logits, draft, sampling=ONE, eta=eta, rng=rng)
        counts[token if verdict.accepted else verdict.token] += 1
    return counts


@pytest.mark.parametrize("seed", range(50))
@pytest.mark.parametrize("eta", [0, 1, 10, 100])
def test_the_closed_form_is_exactly_the_target_with_the_transfer(seed, eta):
    _, p, q = two_distributions(seed, spread=3)
    p_hat = transfer(p, q, eta)
    np.testing.assert_allclose(closed_form(q, p_hat), p_hat, atol=1e-12)


def test_without_transfer_the_residual_is_that_of_equation_10():
    _, p, q = two_distributions(3)
    left = np.maximum(p - q, 0)
    np.testing.assert_allclose(residual(transfer(p, q, 0), q), left / left.sum(), atol=1e-12)


@pytest.mark.parametrize("eta", [0.1, 0.5])
def test_transfer_is_a_softmax_of_logits_moved_as_in_the_paper(eta):
    z, p, q = two_distributions(2)
    assert (q >= TAIL * q.max()).all(), "the guard must not matter here"
    moves = eta * (q - p)
    assert (np.abs(moves) < np.abs(np.log(q / p))).all(), "nor the end of the way"
    expected = dense(distribution(z + moves, ONE))
    np.testing.assert_allclose(transfer(p, q, eta), expected, atol=1e-12)


@pytest.mark.parametrize("eta", [40, 1e9])
@pytest.mark.parametrize("seed", range(20))
def test_a_large_transfer_ends_at_the_drafter_and_goes_no_further(seed, eta):
    _, p, q = two_distributions(seed)
    taught = q >= TAIL * q.max()
    before, goal = (np.append(each[taught], 1 - each[taught].sum() + 1e-30) for each in (p, q))
    expected = np.where(taught, q, p * goal[-1] / before[-1])
    reached = np.abs(np.log(goal / before)) <= eta * np.abs(goal - before)
    if (reached | (goal < 1e-12)).all():  # nothing may be left to others
        np.testing.assert_allclose(transfer(p, q, eta), expected / expected.sum(), atol=1e-9)
    else:
        assert eta < 1e9, "the way is too long for that"


def test_a_token_that_the_drafter_finds_a_little_likelier_does_not_pass_its_best_one():
    p, q = np.array([0.60, 0.39, 0.01]), np.array([0.55, 0.44, 0.01])
    assert transfer(p, q, 200).argmax() == 0


def test_what_the_drafter_finds_unlikely_keeps_its_ratios():
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.96, 0.02, 0.02])
    p_hat = transfer(p, q, 10)
    assert p_hat[0] > 0.9
    assert p_hat[1] / p_hat[2] == pytest.approx(1.5)


def test_transfer_moves_the_target_towards_the_drafter():
    _, p, q = two_distributions(11)
    distances = [np.abs(transfer(p, q, eta) - q).sum() for eta in (0, 0.5, 1)]
    assert distances[0] > distances[1] > distances[2]


def test_transfer_keeps_a_distribution_even_with_a_large_eta():
    for seed in range(30):
        _, p, q = two_distributions(seed, spread=6)
        single = [of_dense(each) for each in (p, q)]
        single = [
            Distribution(each.tokens, each.probabilities.astype(np.float32), each.size)
            for each in single
        ]
        p_hat = dense(verification.transfer(*single, 80.0))
        assert p_hat.dtype == np.float32
        assert np.isfinite(p_hat).all()
        assert (p_hat >= 0).all()
        assert p_hat.sum() == pytest.approx(1, abs=1e-5)


def test_transfer_never_revives_a_token_the_target_ruled_out():
    p = np.array([0.6, 0.4, 0.0])
    assert transfer(p, np.array([0.0, 0.0, 1.0]), 50)[2] == 0


def test_at_temperature_zero_transfer_does_nothing():
    z, _, q = two_distributions(2)
    p = dense(distribution(z, SamplingParams(0)))
    np.testing.assert_array_equal(transfer(p, q, 20), p)


@pytest.mark.slow
@pytest.mark.parametrize("eta", [0, 2, 10])
def test_sampled_frequencies_are_those_of_the_target_with_the_transfer(eta):
    z, p, q = two_distributions(1)
    expected = transfer(p, q, eta)
    assert agrees(outcomes(z, q, eta, 8_000), dict(enumerate(expected)))


@pytest.mark.slow
@pytest.mark.parametrize("token", range(VOCABULARY))
def test_whatever_was_proposed_the_opinion_of_it_counts_alike(token):
    z, p, q = two_distributions(1)
    expected = transfer(p, q, 2)
    assert agrees(outcomes(z, q, 2, 8_000, certain=token), dict(enumerate(expected)))


@pytest.mark.slow
def test_the_distribution_drafted_from_need_not_be_the_opinion():
    z, p, q = two_distributions(1)
    _, _, opinion = two_distributions(2)
    expected = transfer(p, opinion, 4)
    assert agrees(outcomes(z, q, 4, 8_000, opinion=opinion), dict(enumerate(expected)))


def test_a_certain_draft_without_an_opinion_leaves_the_target_as_it_is():
    z, p, _ = two_distributions(4)
    rng = np.random.default_rng(0)
    counts = Counter()
    logits = np.stack([z, z])
    for _ in range(8_000):
        verdict = verify(logits, Draft((2,)), sampling=ONE, eta=50, rng=rng)
        counts[2 if verdict.accepted else verdict.token] += 1
    assert agrees(counts, dict(enumerate(p)))


@pytest.mark.parametrize("eta", [0, 3])
def test_the_bonus_token_after_a_whole_draft_is_weighed_too(eta):
    z, p, q = two_distributions(6)
    sure = np.array([50.0, 0, 0, 0, 0, 0])
    certain = of_dense([1.0, 0, 0, 0, 0, 0])
    draft = Draft((0,), (certain,), (certain, of_dense(q)))
    rng = np.random.default_rng(0)
    counts = Counter()
    logits = np.stack([sure, z])
    for _ in range(8_000):
        verdict = verify(logits, draft, sampling=ONE, eta=eta, rng=rng)
        assert verdict.accepted == 1
        counts[verdict.token] += 1
    assert agrees(counts, dict(enumerate(transfer(p, q, eta))))


def test_nothing_after_a_rejection_is_looked_at():
    rows = np.full((3, VOCABULARY), np.nan)
    rows[0] = [50, 0, 0, 0, 0, 0]
    rng = np.random.default_rng(0)
    verdict = verify(rows, Draft((3, 0)), sampling=ONE, eta=0, rng=rng)
    assert (verdict.accepted, verdict.token) == (0, 0)


def test_where_nothing_is_drafted_the_drafters_opinion_counts_all_the_same():
    z, p, q = two_distributions(9)
    rng = np.random.default_rng(0)
    draft = Draft((), (), (of_dense(q),))
    draws = (verify(z[None], draft, sampling=ONE, eta=3, rng=rng) for _ in range(8_000))
    expected = dict(enumerate(transfer(p, q, 3)))
    assert agrees(Counter(verdict.token for verdict in draws), expected)


def test_an_empty_draft_is_plain_decoding():
    z, p, _ = two_distributions(9)
    rng = np.random.default_rng(0)
    draws = (verify(z[None], Draft(), sampling=ONE, eta=0, rng=rng) for _ in range(8_000))
    assert agrees(Counter(verdict.token for verdict in draws), dict(enumerate(p)))


def test_agreement_up_to_rounding_leaves_the_target_to_draw_from():
    p = np.array([0.5, 0.5])
    np.testing.assert_array_equal(residual(p, p), p)


@pytest.mark.slow
@pytest.mark.parametrize(
    "broken",
    [
        lambda p, q: p,
        lambda p, q: q.reweighted(np.maximum(dense(q) - dense(p), 0)),
        lambda p, q: p.reweighted(np.where(dense(p) > dense(q), 1.0, 0.0)),
    ],
    ids=["the target itself", "the drafter's surplus", "uniform over the surplus"],
)
def test_a_broken_residual_would_be_noticed(monkeypatch, broken):
    z, p, q = two_distributions(1)
    monkeypatch.setattr(verification, "residual", broken)
    assert not agrees(outcomes(z, q, 0, 8_000), dict(enumerate(p)))


@pytest.mark.slow
def test_a_residual_that_forgets_the_transfer_would_be_noticed(monkeypatch):
    z, p, q = two_distributions(37)
    expected = transfer(p, q, 5)
    real = verification.residual
    monkeypatch.setattr(verification, "residual", lambda _p_hat, q: real(of_dense(p), q))
    assert not agrees(outcomes(z, q, 5, 20_000), dict(enumerate(expected)))


@pytest.mark.slow
def test_a_transfer_that_forgets_the_opinion_would_be_noticed(monkeypatch):
    z, p, q = two_distributions(1)
    expected = transfer(p, q, 2)
    monkeypatch.setattr(verification, "transfer", lambda p, _q, _eta: p)
    assert not agrees(outcomes(z, q, 2, 8_000), dict(enumerate(expected)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "broken",
    [
        lambda p_hat, q, token, rng: True,
        lambda p_hat, q, token, rng: rng.random() < p_hat.of(token),
        lambda p_hat, q, token, rng: p_hat.of(token) >= q.of(token),
    ],
    ids=["always", "the target's probability", "without chance"],
)
def test_a_broken_acceptance_rule_would_be_noticed(broken):
    z, p, q = two_distributions(1)
    rng = np.random.default_rng(0)
    counts = Counter()
    logits, proposals = np.stack([z, z]), of_dense(q)
    for _ in range(8_000):
        token = sample(proposals, rng)
        draft = Draft((token,), (proposals,))
        verdict = verify(logits, draft, sampling=ONE, eta=0, rng=rng, accept=broken)
        counts[token if verdict.accepted else verdict.token] += 1
    assert not agrees(counts, dict(enumerate(p)))


def test_a_token_as_likely_for_the_target_is_always_accepted():
    rng = np.random.default_rng(0)
    p = of_dense([0.3, 0.7])
    assert all(likelihood_ratio(p, p, 1, rng) for _ in range(1_000))


def opinions_of(logits, sampling=ONE):
    return Draft((), (), (distribution(logits, sampling),))


def heard(trust, odds=0.0):
    """Return a hearing of which no token ends the answer."""
    return Hearing(trust, lambda _token: False, odds=odds)


SURE, UNSURE = np.array([9.0, 0, 0, 0, 0, 0]), np.array([0, 1.0, 0, 0, 0, 0])


def likely(target, draft, **options):
    rng = np.random.default_rng(0)
    rows = target[None]
    tokens = [verify(rows, draft, sampling=ONE, eta=100, rng=rng, **options).token for _ in "12345"]
    return Counter(tokens).most_common(1)[0][0]


def test_a_drafter_that_is_surer_than_the_target_is_heard():
    assert likely(UNSURE, opinions_of(SURE), hearing=heard(0)) == 0


def test_a_drafter_that_is_less_sure_than_the_target_is_not():
    assert likely(SURE, opinions_of(UNSURE), hearing=heard(0)) == 0


def test_a_drafter_that_is_trusted_may_be_less_sure():
    other = np.array([0, 0, 8.0, 0, 0, 0])
    assert likely(SURE, opinions_of(other), hearing=heard(0)) == 0
    assert likely(SURE, opinions_of(other), hearing=heard(1)) == 2


def test_a_drafter_that_is_not_trusted_must_be_much_surer():
    nearly = np.array([8.0, 0, 0, 0, 0, 0])
    other = np.array([0, 0, 9.0, 0, 0, 0])
    assert likely(nearly, opinions_of(other), hearing=heard(0)) == 2
    assert likely(nearly, opinions_of(other), hearing=heard(-1)) == 0


# Of "P-arker" and "J-ones" the target means the first one. Who has to go on with "P" for lack of
# "J" would say "P-enny".
P, J, ARKER, ENNY, OTHER = range(5)


def thinks(token, sureness):
    """Return the logits of a model that finds a token the likeliest."""
    return np.where(np.arange(VOCABULARY) == token, sureness, 0.0)


def written_after_p(hearing):
    """Return what is written where both models are sure of different tokens."""
    opinion = distribution(thinks(ENNY, 20), ONE)
    rows, rng = thinks(ARKER, 20)[None], np.random.default_rng(0)
    draft = Draft((), (), (opinion,))
    return verify(rows, draft, sampling=ONE, eta=200, rng=rng, hearing=hearing).token


def test_who_found_unlikely_what_was_written_is_not_heard_right_after_it():
    unsure, rng = distribution(thinks(J, 2), ONE), np.random.default_rng(0)
    hearing = heard(0.3)
    draft = Draft((), (), (unsure,))
    verdict = verify(thinks(P, 20)[None], draft, sampling=ONE, eta=200, rng=rng, hearing=hearing)
    assert verdict.token == P
    assert hearing.odds == pytest.approx(-2, abs=1e-6)
    assert written_after_p(heard(0.3)) == ENNY
    assert written_after_p(hearing) == ARKER


def test_who_would_have_written_the_same_is_heard_although_it_knew_other_ways_to_say_it():
    undecided, hearing = distribution(np.array([3.0, 2.9, 2.8, 2.8, 2.7, 2.7]), ONE), heard(0.3)
    hearing.follow(P, distribution(thinks(P, 20), ONE), undecided, 1.0)
    assert hearing.odds == 0
    assert written_after_p(hearing) == ENNY


def test_who_was_misled_is_heard_again_a_few_tokens_later():
    hearing = heard(0.3, odds=-2.5)
    both = distribution(thinks(P, 3), ONE)
    for _ in range(3):
        hearing.follow(P, both, both, 1.0)
        assert not hearing.hears(both, both)
    hearing.follow(P, both, both, 1.0)
    assert hearing.hears(both, both)


def test_who_found_likelier_what_was_written_is_heard_although_less_sure():
    sure, unsure = (distribution(thinks(P, sureness), ONE) for sureness in (9, 2))
    assert not heard(0.3).hears(sure, unsure)
    hearing = heard(0.3)
    hearing.follow(J, sure, distribution(thinks(J, 9), ONE), 1.0)
    assert hearing.hears(sure, unsure)


def test_to_end_within_a_sentence_the_drafter_must_be_surer():
    ends, goes_on = (distribution(thinks(token, 20), ONE) for token in (OTHER, ENNY))
    unsure, less_sure = (distribution(thinks(ARKER, sureness), ONE) for sureness in (2, 1))
    hearing = Hearing(0.3, lambda token: token == OTHER, lambda token: token == J)
    assert not hearing.hears(unsure, ends), "nothing was written that could end"
    assert hearing.hears(less_sure, ends), "it is surer by a nat"
    assert hearing.hears(unsure, goes_on)
    assert hearing.hears(ends, goes_on), "where the target would end the drafter may know more"
    for opinion in (None, unsure):
        hearing.follow(J, unsure, opinion, 1.0)
        assert hearing.hears(unsure, ends), "a sentence has ended"
        hearing.follow(P, unsure, opinion, 1.0)
        assert not hearing.hears(unsure, ends)


def test_a_larger_drafter_may_end_an_answer_within_a_sentence():
    ends, unsure = (distribution(thinks(*thought), ONE) for thought in ((OTHER, 20), (ARKER, 2)))
    trusts = [trust_in_drafter(1, size) for size in (1, 3)]
    heard = [Hearing(trust, lambda token: token == OTHER).hears(unsure, ends) for trust in trusts]
    assert heard == [False, True]


@pytest.mark.parametrize("temperature", [0, 0.1, 0.7])
def test_what_was_written_counts_by_what_models_think_before_temperature(temperature):
    sampling = SamplingParams(temperature)
    p, q = (distribution(np.array([3.0, 2.8, 0, 0, 0, other]), sampling) for other in (0, 3.5))
    hearing = heard(0.3)
    hearing.follow(1, p, q, temperature)
    expected = (3.0 - 2.8) - (3.5 - 2.8) if temperature else 0.0
    assert hearing.odds == pytest.approx(expected, abs=1e-6)


def test_a_larger_drafter_may_be_less_certain_than_a_smaller_one():
    assert trust_in_drafter(7, 7) == LEEWAY
    assert trust_in_drafter(1_000, 3_000) == pytest.approx(LEEWAY + np.log(3))
    assert trust_in_drafter(3_000, 1_000) == pytest.approx(LEEWAY - np.log(3))


@pytest.mark.parametrize(("gap", "expected"), [(15, 2), (30, 0)])
def test_a_transfer_reaches_as_far_as_it_should_at_a_low_temperature(gap, expected):
    cold = SamplingParams(0.1)  # at which eta 200 raises a token by 20
    target = np.zeros(VOCABULARY, np.float32)
    target[0] = gap
    draft = opinions_of(np.array([0, 0, 60.0, 0, 0, 0]))
    rng = np.random.default_rng(0)
    assert verify(target[None], draft, sampling=cold, eta=200, rng=rng).token == expected


@pytest.mark.parametrize("filters", [{"top_k": 1}, {"top_p": 0.9}])
def test_what_filters_leave_out_is_not_taught(filters):
    cold = SamplingParams(0.1, **filters)
    draft = opinions_of(np.array([0, 0, 60.0, 0, 0, 0]))
    rng = np.random.default_rng(0)
    assert verify(SURE[None], draft, sampling=cold, eta=200, rng=rng).token == 0


def test_the_places_are_counted_at_which_the_transfer_made_another_token_the_most_likely():
    rng = np.random.default_rng(0)
    other = distribution(np.array([0, 0, 30.0, 0, 0, 0]), ONE)
    same = distribution(np.array([30.0, 0, 0, 0, 0, 0]), ONE)
    rows = np.stack([SURE, SURE, SURE])
    draft = Draft((2, 0), (other, same), (other, same, other))
    verdict = verify(rows, draft, sampling=ONE, eta=100, rng=rng)
    assert verdict == Verdict(2, 2, transferred=2)
    assert verify(rows, draft, sampling=ONE, eta=0, rng=rng).transferred == 0


def seconds(work, runs=30):
    """Return what the fastest of many runs takes, which other work only adds to."""
    starts = [(time.perf_counter(), work(), time.perf_counter()) for _ in range(runs)]
    return min(end - start for start, _, end in starts)


def test_checking_a_whole_vocabulary_costs_a_few_passes_over_it():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2.5, (5, 150_000)).astype(np.float32)
    opinions = tuple(distribution(row, ONE) for row in logits + rng.normal(0, 0.3, (5, 1)))
    draft = Draft((1, 2, 3, 4), opinions[:-1], opinions)

    def check():
        return verify(logits, draft, sampling=ONE, eta=200, rng=rng, accept=lambda *_: True)

    assert seconds(check) / 5 < 40 * seconds(lambda: np.exp(logits[0]))
