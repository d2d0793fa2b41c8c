"""How a question is to be answered: what may be chosen by name or number, and checked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import UnionType
from typing import Literal

from rapid_cli.answering.answer import Options
from rapid_cli.answering.strategies import strategy_named
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.errors import ConfigError
from rapid_cli.models.specs import MOST_ETA, ModelPair

COUNTS = {"max_tokens": 1, "top_k": 0, "seed": 0, "gamma": 1, "retrieve_tokens": 1}
"""The whole numbers among the choices, each with the least that it may be."""
AMOUNTS = {"temperature": math.inf, "top_p": 1.0, "eta": MOST_ETA}
"""The other numbers, none below 0, each with the most that it may be; that is not infinite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """How to answer a question; None is the pair's own choice.

    `pair` and `strategy` are names. `max_tokens` bounds the answer. `temperature` 0 is greedy,
    `top_k` 0 and `top_p` 1 filter nothing, and a `seed` repeats an answer. `eta` is the strength of
    knowledge transfer; `gamma` are the tokens drafted a round, "auto" as many as pay. The drafter
    reads passages of `retrieve_tokens`. With `fresh` nothing that was read before is used.

    Raises ConfigError for an unknown strategy, and for a number out of its range.
    """

    pair: str | None = None
    strategy: str = "rapid"
    max_tokens: int = 512
    temperature: float | None = None
    top_k: int = 0
    top_p: float = 1.0
    seed: int | None = None
    eta: float | None = None
    gamma: int | Literal["auto"] | None = None
    retrieve_tokens: int | None = None
    fresh: bool = False

    def __post_init__(self) -> None:
        strategy_named(self.strategy)
        for name, least in COUNTS.items():
            value = getattr(self, name)
            if value is not None and not (name == "gamma" and value == "auto"):
                _require(name, value, int, least, math.inf)
        for name, most in AMOUNTS.items():
            value = getattr(self, name)
            if value is not None:
                _require(name, value, int | float, 0, most)

    def options(self, pair: ModelPair, context_length: int | None = None) -> Options:
        """Return what these choices mean for a pair."""
        gamma = pair.gamma if self.gamma is None else self.gamma
        return Options(
            strategy=strategy_named(self.strategy),
            sampling=SamplingParams(
                pair.temperature if self.temperature is None else self.temperature,
                self.top_k,
                self.top_p,
            ),
            eta=pair.eta if self.eta is None else self.eta,
            gamma=None if gamma == "auto" else gamma,
            max_tokens=self.max_tokens,
            seed=self.seed,
            retrieve_tokens=self.retrieve_tokens or pair.retrieve_tokens,
            context_length=context_length,
            fresh=self.fresh,
        )


def _require(name: str, value: object, kind: type | UnionType, least: float, most: float) -> None:
    """Raise ConfigError unless a value is a number of its kind and within its bounds."""
    if isinstance(value, bool) or not isinstance(value, kind):
        whole = "a whole number" if kind is int else "a number"
        raise ConfigError(f"{name} is {value!r}", f"give {whole}")
    assert isinstance(value, int | float)
    if not least <= value <= most or math.isinf(value):
        bounds = f"from {least:g} on" if math.isinf(most) else f"from {least:g} to {most:g}"
        raise ConfigError(f"{name} is {value}", f"give a number {bounds}")
