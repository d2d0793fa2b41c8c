"""The table of strategies: the method of the paper, and what it is compared with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rapid_cli.answering.strategies import STRATEGIES, Strategy, strategy_named
from rapid_cli.errors import ConfigError


def test_the_table_is_this():
    assert [replace(row, summary="") for row in STRATEGIES.values()] == [
        Strategy(
            "rapid",
            target_reads="document",
            drafters=("model", "prompt-lookup"),
            transfer=True,
            abstains=True,
        ),
        Strategy("long-context", target_reads="document"),
        Strategy("rag", target_reads="passages"),
        Strategy("speculative", target_reads="document", drafters=("model",)),
        Strategy(
            "prompt-lookup", target_reads="document", drafters=("prompt-lookup",), may_rest=True
        ),
        Strategy(
            "auto",
            target_reads="document",
            drafters=("model", "prompt-lookup"),
            transfer=True,
            may_rest=True,
            abstains=True,
        ),
    ]


def test_a_row_that_says_no_more_is_plain_decoding():
    plain = Strategy("plain", "document")
    assert (plain.drafters, plain.transfer, plain.may_rest) == ((), False, False)


def test_every_strategy_is_found_by_its_name():
    assert all(strategy_named(name).name == name for name in STRATEGIES)


def test_only_a_model_has_knowledge_to_transfer():
    assert all("model" in row.drafters for row in STRATEGIES.values() if row.transfer)


def test_an_unknown_strategy_is_answered_with_the_nearest_or_all():
    with pytest.raises(ConfigError, match="no strategy 'rapidd'") as raised:
        strategy_named("rapidd")
    assert raised.value.hint == "did you mean 'rapid'?"
    with pytest.raises(ConfigError) as raised:
        strategy_named("zzz")
    assert all(name in raised.value.hint for name in STRATEGIES)
