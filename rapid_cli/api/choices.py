"""How a question is to be answered: what may be chosen by name or number, and checked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from rapid_cli.answering.answer import Options
from rapid_cli.answering.strategies import strategy_named
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.errors import ConfigError
from rapid_cli.models.specs import MOST_ETA, ModelPair

RANGES: dict[str, tuple[float, float]] = {
    "max_tokens": (1, math.inf),
    "temperature": (0, math.inf),
    "top_k": (0, math.inf),
    "top_p": (0, 1),
    "seed": (0, math.inf),
    "eta": (0, MOST_ETA),
    "gamma": (1, math.inf),
    "retrieve_tokens": (1, math.inf),
}
"""From where to where the numbers among the choices may go."""


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
        for name, (least, most) in RANGES.items():
            value = getattr(self, name)
            if value is None or value == "auto":
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ConfigError(f"{name} is {value!r}", "give a number")
            if not least <= value <= most:
                bound = f"from {least:g} on" if most == math.inf else f"from {least:g} to {most:g}"
                raise ConfigError(f"{name} is {value}", f"give a number {bound}")

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
