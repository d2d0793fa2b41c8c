from __future__ import annotations

import pytest

from rapid_cli.answering.strategies import STRATEGIES
from rapid_cli.errors import ConfigError
from rapid_cli.evaluation.variants import Grid, baseline_among, variants
from rapid_cli.models.specs import ModelPair

PAIR = ModelPair("mine", "a", "b", eta=7.0, temperature=0.3, retrieve_tokens=900)
USUAL = [STRATEGIES[name] for name in ("long-context", "rag", "rapid")]


def test_each_strategy_is_a_variant_with_the_settings_of_the_pair() -> None:
    found = variants([PAIR], Grid(USUAL))
    assert [each.name for each in found] == ["long-context", "rag", "rapid"]
    plain, rag, rapid = (each.settings for each in found)
    assert (plain["eta"], rag["eta"], rapid["eta"]) == (None, None, 7.0)
    assert (plain["retrieve_tokens"], rag["retrieve_tokens"]) == (None, 900)
    assert rapid["temperature"] == 0.3
    assert (rapid["seed"], rapid["max_tokens"], rapid["instruction"]) == (0, 48, None)


def test_settings_multiply_only_where_they_make_a_difference() -> None:
    found = variants([PAIR], Grid(USUAL, etas=[10, 40], retrieve_tokens=[512, 1024]))
    assert [each.name for each in found] == [
        "long-context",
        *("rag, retrieve 512", "rag, retrieve 1024"),
        *("rapid, eta 10, retrieve 512", "rapid, eta 10, retrieve 1024"),
        *("rapid, eta 40, retrieve 512", "rapid, eta 40, retrieve 1024"),
    ]
    assert found[-1].options.eta == 40
    assert found[-1].options.retrieve_tokens == 1024


def test_one_eta_is_in_the_name_and_one_temperature_is_not() -> None:
    found = variants([PAIR], Grid(USUAL, etas=[40], temperatures=[1.0]))
    assert [each.name for each in found] == ["long-context", "rag", "rapid, eta 40"]
    assert {each.settings["temperature"] for each in found} == {1.0}
    two = variants([PAIR], Grid(USUAL[:1], temperatures=[0.1, 1.0]))
    assert [each.name for each in two] == [
        "long-context, temperature 0.1",
        "long-context, temperature 1",
    ]


def test_several_pairs_are_named() -> None:
    other = ModelPair("other", "a", "b")
    found = variants([PAIR, other], Grid(USUAL[:1]))
    assert [(each.name, each.pair) for each in found] == [
        ("long-context, mine", "mine"),
        ("long-context, other", "other"),
    ]


def test_the_first_is_the_baseline_unless_another_is_named() -> None:
    assert baseline_among(["a", "b"], None) == "a"
    assert baseline_among(["a", "b"], "b") == "b"
    with pytest.raises(ConfigError, match="no variant") as caught:
        baseline_among(["a", "b, eta 4"], "c")
    assert caught.value.hint == "the variants are: a; b, eta 4"
