"""Drafters: they follow the committed output by themselves, and draw from what they say."""

import numpy as np
import pytest
from fakes import MarkovContext, dense, random_logits

from rapid_cli.decoding.drafting import ModelDrafter, PromptLookupDrafter, no_drafter
from rapid_cli.decoding.sampling import SamplingParams, distribution

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


def test_the_absent_drafter_proposes_nothing():
    assert len(no_drafter([1, 2, 3], 10)) == 0


def test_prompt_lookup_proposes_what_followed_the_last_time():
    drafter = PromptLookupDrafter([1, 2, 3, 4, 5, 6, 7], minimum=2)
    assert drafter([9, 2, 3], 3).tokens == (4, 5, 6)


def test_prompt_lookup_prefers_the_longest_match_and_then_the_latest():
    prompt = [1, 2, 3, 40, 2, 3, 50, 2, 3, 60]
    assert PromptLookupDrafter(prompt, minimum=2)([1, 2, 3], 1).tokens == (40,)
    assert PromptLookupDrafter(prompt, minimum=2)([9, 2, 3], 1).tokens == (60,)


def test_prompt_lookup_finds_what_the_answer_itself_said():
    drafter = PromptLookupDrafter([1, 1, 1], minimum=2)
    assert drafter([7, 8, 9, 4, 7, 8], 2).tokens == (9, 4)


def test_prompt_lookup_does_not_trust_short_matches():
    assert len(PromptLookupDrafter([1, 2, 3, 4], minimum=3)([9, 2, 3], 2)) == 0


def test_prompt_lookup_follows_output_that_grows():
    drafter = PromptLookupDrafter([1, 2, 3, 4, 5], minimum=2)
    output = []
    for token in [2, 3]:
        output.append(token)
        draft = drafter(output, 2)
    assert draft.tokens == (4, 5)
