"""Drafters: they follow the committed output by themselves, and draw from what they say."""

from itertools import islice

import numpy as np
import pytest

from rapid_cli.decoding.drafting import AdvisedDrafter, Draft, ModelDrafter, no_drafter
from rapid_cli.decoding.sampling import SamplingParams, distribution
from tests.support.fakes import MarkovContext, dense, random_logits

ONE = SamplingParams(1.0)


def model_drafter(context, last=1, **options):
    options = {"sampling": ONE, "rng": np.random.default_rng(0)} | options
    return ModelDrafter(context, last, **options)


def test_a_draft_has_the_length_asked_for_and_a_distribution_each():
    draft = model_drafter(MarkovContext(random_logits(5, 0), [3, 2]))([], 4)
    assert len(draft) == len(draft.distributions) == 4
    for token, q in zip(draft.tokens, draft.distributions, strict=True):
        assert q.of(token) > 0


def test_the_distributions_are_those_after_what_was_read_and_drafted():
    logits = random_logits(5, 0)
    draft = model_drafter(MarkovContext(logits, [3, 2]), last=1)([], 3)
    history = [2, 1, *draft.tokens]
    for position, q in enumerate(draft.distributions):
        before, last = history[position : position + 2]
        np.testing.assert_allclose(dense(q), dense(distribution(logits[before, last], ONE)))


@pytest.mark.parametrize("accepted", range(5))
def test_whatever_was_accepted_the_next_draft_follows_the_committed_output(accepted):
    context = MarkovContext(random_logits(5, 1), [0, 4])
    drafter = model_drafter(context)
    first = drafter([], 4)
    output = [*first.tokens[:accepted], 2]
    second = drafter(output, 3)
    assert context.tokens == [0, 4, 1, *output, *second.tokens[:-1]]


def test_what_is_already_read_is_not_read_again():
    context = MarkovContext(random_logits(5, 1), [0, 4])
    drafter = model_drafter(context)
    first = drafter([], 4)
    context.extended.clear()
    drafter([*first.tokens[:3], 2], 1)
    assert context.extended == [1]


@pytest.mark.parametrize(("singly", "read"), [(False, [2, 1]), (True, [1, 1, 1])])
def test_two_tokens_after_a_draft_that_was_accepted_whole_may_be_read_one_by_one(singly, read):
    drafts = []
    for way in (singly, not singly):
        context = MarkovContext(random_logits(5, 1), [0, 4])
        drafter = model_drafter(context, singly=way)
        output = [*drafter([], 3).tokens, 2]
        if way == singly:
            context.extended.clear()
        drafts.append(drafter(output, 2).tokens)
        if way == singly:
            assert context.extended == read
    assert drafts[0] == drafts[1]


def test_a_drafter_that_is_asked_twice_answers_from_the_same_place():
    context = MarkovContext(random_logits(5, 1), [0, 4])
    drafter = model_drafter(context, sampling=SamplingParams(0))
    assert drafter([2, 3], 3).tokens == drafter([2, 3], 3).tokens


def test_a_drafter_stops_at_an_end_token():
    drafter = model_drafter(
        MarkovContext(random_logits(5, 0), [3]), is_end=lambda token: token == 2
    )
    drafts = [drafter([], 20) for _ in range(30)]
    assert any(2 in draft.tokens for draft in drafts)
    assert all(2 not in draft.tokens[:-1] for draft in drafts)


def test_an_unsure_drafter_stops_but_keeps_what_it_drew():
    logits = np.zeros((4, 4, 4))
    logits[:, 0] = [0, 9, 0, 0]  # after 0 it is sure of 1, after all else of nothing
    drafter = model_drafter(MarkovContext(logits, [3]), last=0, confidence=0.5)
    draft = drafter([], 8)
    assert len(draft) == 2
    assert draft.tokens[0] == 1


def test_no_draft_is_asked_of_the_model_when_none_is_wanted():
    context = MarkovContext(random_logits(5, 0), [3])
    assert len(model_drafter(context)([], 0)) == 0
    assert context.extended == []


def test_a_drafter_that_advises_tells_its_opinion_of_the_position_after_its_draft_too():
    logits = random_logits(5, 0)
    draft = model_drafter(MarkovContext(logits, [3, 2]), last=1, advises=True)([], 3)
    assert draft.opinions[:3] == draft.distributions
    (after,) = draft.opinions[3:]
    expected = distribution(logits[draft.tokens[1], draft.tokens[2]], ONE)
    np.testing.assert_allclose(dense(after), dense(expected))


def test_a_drafter_that_advises_has_an_opinion_without_a_draft():
    logits = random_logits(5, 0)
    draft = model_drafter(MarkovContext(logits, [3]), last=1, advises=True)([2], 0)
    (opinion,) = draft.opinions
    assert len(draft) == 0
    np.testing.assert_allclose(dense(opinion), dense(distribution(logits[1, 2], ONE)))


def test_after_a_draft_that_was_accepted_whole_one_token_is_left_to_read():
    context = MarkovContext(random_logits(5, 1), [0, 4])
    drafter = model_drafter(context, advises=True)
    first = drafter([], 3)
    context.extended.clear()
    drafter([*first.tokens, 2], 0)
    assert context.extended == [1]


def test_what_follows_the_end_of_the_answer_needs_no_opinion():
    drafter = model_drafter(
        MarkovContext(random_logits(5, 0), [3]), is_end=lambda token: True, advises=True
    )
    assert len(drafter([], 3).opinions) == 1


def test_what_another_drafter_proposes_is_weighed_in_one_batch():
    logits = random_logits(5, 0)
    context = MarkovContext(logits, [3])
    drafter = AdvisedDrafter(
        lambda _output, gamma: Draft((4, 0, 1)[:gamma]), model_drafter(context, advises=True)
    )
    draft = drafter([2], 3)
    assert (draft.tokens, draft.distributions) == ((4, 0, 1), None)
    assert context.extended == [5]
    pairs = [(1, 2), (2, 4), (4, 0), (0, 1)]
    for opinion, (before, last) in zip(draft.opinions, pairs, strict=True):
        expected = distribution(logits[before, last], ONE)
        np.testing.assert_allclose(dense(opinion), dense(expected))


def test_what_was_weighed_before_is_not_read_again():
    context = MarkovContext(random_logits(5, 0), [3])
    adviser = model_drafter(context, advises=True)
    drafter = AdvisedDrafter(lambda _output, gamma: Draft((4, 0, 1)[:gamma]), adviser)
    drafter([2], 3)
    context.extended.clear()
    assert len(drafter([2, 4, 0, 1, 3], 0).opinions) == 1
    assert context.extended == [1]


def test_the_absent_drafter_proposes_nothing():
    assert len(no_drafter([1, 2, 3], 10)) == 0


def ahead_of(context, count, **options):
    """Return a drafter that has written `count` tokens ahead, and those tokens."""
    drafter = model_drafter(context, **options)
    return drafter, tuple(islice(drafter.write_ahead(np.random.default_rng(3)), count))


def test_what_was_written_ahead_is_proposed_without_reading_anything():
    context = MarkovContext(random_logits(5, 1), [0, 4])
    drafter, written = ahead_of(context, 9)
    context.extended.clear()
    assert drafter([], 4).tokens == written[:4]
    assert drafter(written[:5], 4).tokens == written[5:]
    assert context.extended == []


def test_what_was_written_ahead_has_the_distributions_it_was_drawn_from():
    logits = random_logits(5, 0)
    drafter, written = ahead_of(MarkovContext(logits, [3, 2]), 3)
    history = [2, 1, *written]
    for position, q in enumerate(drafter([], 3).distributions):
        before, last = history[position : position + 2]
        np.testing.assert_allclose(dense(q), dense(distribution(logits[before, last], ONE)))


def test_drafting_goes_on_as_ever_once_the_answer_differs_from_what_was_written_ahead():
    context = MarkovContext(random_logits(5, 1), [0, 4])
    drafter, written = ahead_of(context, 9)
    output = [written[0], (written[1] + 1) % 5]
    assert drafter.is_ahead(written[:1])
    assert not drafter.is_ahead(output)
    draft = drafter(output, 3)
    assert context.tokens == [0, 4, 1, *output, *draft.tokens[:-1]]
    assert not drafter.is_ahead([])


def test_drafting_goes_on_as_ever_where_what_was_written_ahead_ends():
    context = MarkovContext(random_logits(5, 1), [0, 4])
    drafter, written = ahead_of(context, 3)
    assert not drafter.is_ahead(written)
    draft = drafter([*written, 2], 3)
    assert context.tokens == [0, 4, 1, *written, 2, *draft.tokens[:-1]]


def test_a_draft_written_ahead_stops_where_the_drafter_was_unsure():
    logits = np.zeros((4, 4, 4))
    logits[:, 0] = [0, 9, 0, 0]  # after 0 it is sure of 1, after all else of nothing
    drafter, written = ahead_of(MarkovContext(logits, [3]), 8, last=0, confidence=0.5)
    assert drafter([], 8).tokens == written[:2]


def test_nothing_is_written_ahead_after_an_end_token():
    for seed in range(20):
        drafter = model_drafter(MarkovContext(random_logits(5, seed), [3]), is_end=lambda t: t == 2)
        written = list(islice(drafter.write_ahead(np.random.default_rng(seed)), 30))
        assert 2 not in written[:-1]
        assert len(written) == 30 or written[-1] == 2


def test_a_drafter_that_forgets_what_it_wrote_drafts_as_if_it_had_not_written():
    greedy = SamplingParams(0)
    fresh = model_drafter(MarkovContext(random_logits(5, 1), [0, 4]), sampling=greedy)
    context = MarkovContext(random_logits(5, 1), [0, 4])
    drafter, _ = ahead_of(context, 6, sampling=greedy)
    drafter.forget_ahead()
    assert context.tokens == [0, 4], "what was computed token by token is rounded otherwise"
    context.extended.clear()
    assert drafter([], 4).tokens == fresh([], 4).tokens
    assert len(context.extended) == 4


def test_drafts_are_noted_after_the_end_of_what_they_follow():
    notes = []
    drafter = model_drafter(MarkovContext(random_logits(9, 1), [0, 4]), notes=notes)
    draft = drafter([5, 6, 7, 8], 3)
    assert notes == [(6, 7, 8, *draft.tokens)]
