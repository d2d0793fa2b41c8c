"""The ways to answer, as rows: what the target reads, who drafts, and how far p follows q."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from rapid_cli.config import suggestion
from rapid_cli.errors import ConfigError

DrafterKind = Literal["model", "prompt-lookup"]


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to answer a question.

    `transfer` says whether the drafter's knowledge moves the target's distribution (eta of the
    pair) or not (eta = 0, which is ordinary speculative decoding and lossless). With `may_rest`
    rounds go without a draft where drafting would not pay. With `abstains` both readings are asked
    whether the text tells at all. `summary` is for people who choose.
    """

    name: str
    target_reads: Literal["document", "passages"]
    drafters: tuple[DrafterKind, ...] = ()
    transfer: bool = False
    may_rest: bool = False
    abstains: bool = False
    summary: str = ""

    def without_model(self) -> Strategy:
        """Return this strategy where no model drafts: what is left may rest, and knows no more."""
        left = tuple(kind for kind in self.drafters if kind != "model")
        return replace(self, drafters=left, transfer=False, may_rest=True)


STRATEGIES = {
    strategy.name: strategy
    for strategy in (
        Strategy(
            "rapid",
            "document",
            ("model", "prompt-lookup"),
            transfer=True,
            abstains=True,
            summary="a drafter proposes from passages; the target, which reads everything, decides",
        ),
        Strategy("long-context", "document", summary="the target alone, which reads everything"),
        Strategy("rag", "passages", summary="the target alone, which reads passages only"),
        Strategy(
            "speculative",
            "document",
            ("model",),
            summary="as rapid, but what the drafter knows better does not change the answer",
        ),
        Strategy(
            "prompt-lookup",
            "document",
            ("prompt-lookup",),
            may_rest=True,
            summary="drafts are looked up in the text instead of written by a model",
        ),
        Strategy(
            "auto",
            "document",
            ("model", "prompt-lookup"),
            transfer=True,
            may_rest=True,
            abstains=True,
            summary="as rapid, but without drafts where they would cost more time than they save",
        ),
    )
}


def strategy_named(name: str) -> Strategy:
    """Return the strategy called `name`, or raise ConfigError."""
    if name not in STRATEGIES:
        raise ConfigError(f"there is no strategy {name!r}", suggestion(name, STRATEGIES))
    return STRATEGIES[name]
