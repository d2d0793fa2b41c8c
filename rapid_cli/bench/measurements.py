"""What a benchmark measures, and what it yields: lengths, and answers decoded there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rapid_cli.answering.answer import Options
from rapid_cli.decoding.measuring import Costs
from rapid_cli.decoding.stats import DecodingStats


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to decode; `drafter` names the model that drafts, if the strategy has one.

    With `assumed_acceptance` a coin decides what is accepted, since random weights agree on
    nothing. All other work is done as ever, and drafts run to their planned length.
    """

    name: str
    options: Options
    drafter: str | None = None
    assumed_acceptance: float | None = None


@dataclass(frozen=True, slots=True)
class DrafterProfile:
    """What a drafter's prompt has of tokens, and what reading it and drafting after it cost.

    `weighing_costs` are those of batches, in which it reads what others draft.
    """

    length: int
    prefill_seconds: float
    costs: Costs
    weighing_costs: Costs
    pair_costs: Costs


@dataclass(frozen=True, slots=True)
class LengthProfile:
    """What was measured of prompts of `length` tokens before decoding; drafters by their names."""

    length: int
    prefill_seconds: float
    cache_bytes: int
    verify_costs: Costs
    steady_costs: Costs
    drafters: Mapping[str, DrafterProfile]


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer by one variant. Seconds to the first draft and token begin with reading."""

    profile: LengthProfile
    variant: Variant
    seed: int
    stats: DecodingStats
    decode_seconds: float
    predicted_seconds: float
    first_draft_seconds: float | None
    first_token_seconds: float


@dataclass(frozen=True, slots=True)
class PrefillProgress:
    """`done` of `total` tokens of a prompt were read by `reader`."""

    reader: str
    done: int
    total: int
