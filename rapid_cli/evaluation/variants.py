"""The variants that are compared: every strategy with every setting that changes what it does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from rapid_cli.answering.answer import Options
from rapid_cli.answering.strategies import Strategy
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.errors import ConfigError
from rapid_cli.models.specs import ModelPair

Settings = dict[str, str | int | float | None]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to answer, and the pair of models that answers so."""

    name: str
    pair: str
    options: Options
    instruction: str | None = None

    @property
    def settings(self) -> Settings:
        """All that an answer depends on besides the question and the files of the models.

        What a strategy does not look at is None.
        """
        options = self.options
        return {
            "pair": self.pair,
            "strategy": options.strategy.name,
            "eta": options.eta if options.strategy.transfer else None,
            "temperature": options.sampling.temperature,
            "retrieve_tokens": options.retrieve_tokens,
            "gamma": options.gamma if options.strategy.drafters else None,
            "max_tokens": options.max_tokens,
            "seed": options.seed,
            "context_length": options.context_length,
            "instruction": self.instruction,
        }


@dataclass(frozen=True, slots=True)
class Grid:
    """What is compared: each combination of these is a variant, where it makes a difference.

    Where a sequence is empty, the pair decides.
    """

    strategies: Sequence[Strategy]
    etas: Sequence[float] = ()
    temperatures: Sequence[float] = ()
    retrieve_tokens: Sequence[int] = ()
    gamma: int | None = None
    max_tokens: int = 48
    seed: int = 0
    context_length: int | None = None
    instruction: str | None = None


def variants(pairs: Sequence[ModelPair], grid: Grid) -> list[Variant]:
    """Return the variants, those of the first pair and strategy first, each with its own name."""
    found: dict[str, Variant] = {}
    for pair, strategy in product(pairs, grid.strategies):
        of_pair = pair.name if len(pairs) > 1 else ""
        for variant in _of_strategy(pair, strategy, grid, of_pair):
            found.setdefault(variant.name, variant)
    return list(found.values())


def _of_strategy(
    pair: ModelPair, strategy: Strategy, grid: Grid, of_pair: str
) -> Iterator[Variant]:
    """Yield a strategy's variants; a setting is in the name where several are compared."""
    reads_passages = strategy.target_reads == "passages" or "model" in strategy.drafters
    etas = (grid.etas if strategy.transfer else ()) or (None,)
    tokens = (grid.retrieve_tokens if reads_passages else ()) or (None,)
    for eta, temperature, retrieve in product(etas, grid.temperatures or (None,), tokens):
        parts = [strategy.name, of_pair]
        parts.append(f"eta {eta:g}" if eta is not None else "")
        parts.append(f"temperature {temperature:g}" if len(grid.temperatures) > 1 else "")
        parts.append(f"retrieve {retrieve}" if retrieve and len(grid.retrieve_tokens) > 1 else "")
        options = Options(
            strategy,
            SamplingParams(pair.temperature if temperature is None else temperature),
            eta=pair.eta if eta is None else eta,
            gamma=grid.gamma or pair.gamma,
            max_tokens=grid.max_tokens,
            seed=grid.seed,
            retrieve_tokens=(retrieve or pair.retrieve_tokens) if reads_passages else None,
            context_length=grid.context_length,
        )
        yield Variant(", ".join(filter(None, parts)), pair.name, options, grid.instruction)


def baseline_among(names: Sequence[str], wanted: str | None) -> str:
    """Return the name of the variant that the others are compared with, by default the first.

    ConfigError if it is not among them.
    """
    if wanted is None:
        return names[0]
    if wanted not in names:
        known = "; ".join(names)
        raise ConfigError(f"--baseline {wanted!r} is no variant", f"the variants are: {known}")
    return wanted
