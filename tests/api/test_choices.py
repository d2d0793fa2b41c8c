"""What may be chosen for an answer, and what is told of what may not."""

from __future__ import annotations

import pytest

from rapid_cli.api import Choices, ConfigError
from rapid_cli.models.specs import ModelPair

PAIR = ModelPair("mine", "large", eta=7.0, gamma=3, temperature=0.4, retrieve_tokens=99)


def test_what_is_not_chosen_is_the_pairs_own() -> None:
    options = Choices().options(PAIR)
    assert (options.eta, options.gamma, options.retrieve_tokens) == (7.0, 3, 99)
    assert (options.sampling.temperature, options.strategy.name) == (0.4, "rapid")


def test_what_is_chosen_goes_before_the_pairs_own() -> None:
    choices = Choices(
        strategy="rag", eta=0, gamma=5, temperature=0, retrieve_tokens=10, top_k=2, top_p=0.5
    )
    options = choices.options(PAIR, context_length=512)
    assert (options.eta, options.gamma, options.retrieve_tokens) == (0, 5, 10)
    assert (options.sampling.temperature, options.sampling.top_k) == (0, 2)
    assert (options.sampling.top_p, options.context_length) == (0.5, 512)


def test_auto_leaves_the_length_of_drafts_to_the_planner_whatever_the_pair_says() -> None:
    assert Choices(gamma="auto").options(PAIR).gamma is None


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ({"max_tokens": 0}, "max_tokens is 0"),
        ({"temperature": -0.1}, "temperature is -0.1"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"temperature": float("inf")}, "temperature is inf"),
        ({"top_p": 1.1}, "top_p is 1.1"),
        ({"top_k": 1.5}, "top_k is 1.5"),
        ({"seed": True}, "seed is True"),
        ({"eta": "much"}, "eta is 'much'"),
        ({"gamma": "fast"}, "gamma is 'fast'"),
        ({"retrieve_tokens": -1}, "retrieve_tokens is -1"),
        ({"strategy": "rapids"}, "there is no strategy 'rapids'"),
    ],
)
def test_a_choice_that_makes_no_sense_is_told_by_name_and_value(choice, told) -> None:
    with pytest.raises(ConfigError) as raised:
        Choices(**choice)
    assert told in raised.value.message
    assert raised.value.hint
