"""One answer: what may be chosen, what became of it, and the events by which it comes about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from rapid_cli.answering.citing.citations import Citation
from rapid_cli.answering.readings import Reading
from rapid_cli.answering.strategies import Strategy
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.decoding.stats import DecodingStats
from rapid_cli.decoding.verification import trust_in_drafter
from rapid_cli.documents import Passage
from rapid_cli.models.interface import LanguageModel

Origin = Literal["target", "drafter"]
LONGEST_DRAFT = 16
"""Longest draft that is planned, in tokens."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Target and drafter in memory; for self-speculation they are the same object."""

    name: str
    target: LanguageModel
    drafter: LanguageModel

    @property
    def trust(self) -> float:
        """By how many nats the drafter may be less sure than the target, and still be heard."""
        return trust_in_drafter(self.target.parameters, self.drafter.parameters)


@dataclass(frozen=True, slots=True)
class Options:
    """What a person may choose for an answer; `gamma` None leaves draft lengths to the planner.

    With `fresh` nothing that was read before is used.
    """

    strategy: Strategy
    sampling: SamplingParams
    eta: float
    gamma: int | None = None
    max_tokens: int = 512
    seed: int | None = None
    retrieve_tokens: int | None = None
    context_length: int | None = None
    fresh: bool = False

    @property
    def abstains(self) -> bool:
        """Whether both readings are asked if the text tells at all; with eta 0 nothing changes."""
        return self.strategy.abstains and self.eta > 0

    @property
    def longest_draft(self) -> int:
        """The most tokens a round may draft."""
        return self.gamma or LONGEST_DRAFT


@dataclass(slots=True)
class Seconds:
    """Where the time went; None for what did not happen. All but `first_*` are durations."""

    load: float | None = None
    index: float | None = None
    retrieve: float | None = None
    prefill_target: float | None = None
    prefill_drafter: float | None = None
    first_draft: float | None = None
    first_token: float | None = None
    check: float | None = None
    decode: float | None = None
    total: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer with all that is known about how it came about.

    `target` and `drafter` are what the models read, None if no model drafted. `thinking` is what
    the model thought first. `tokens` are those of the text, without the one that ended it. `absent`
    tells that the answer is that the text does not say, by both readings.
    `citations` are of `sources`. `document_tokens` are those of the whole text, whatever is read of
    it; `restored_tokens` are those of the text in the target's prompt that it held before, in
    memory or on disk, and does not read again.
    """

    question: str
    options: Options
    pair: Pair
    seconds: Seconds
    target: Reading
    drafter: Reading | None = None
    text: str = ""
    thinking: str = ""
    tokens: Sequence[int] = ()
    absent: bool = False
    finish_reason: Literal["stop", "length"] = "length"
    sources: Sequence[Passage] = ()
    citations: Sequence[Citation] = ()
    document_tokens: int = 0
    restored_tokens: int = 0
    forgotten_turns: int = 0
    truncated: bool = False
    stats: DecodingStats = field(default_factory=DecodingStats)

    @property
    def tokens_per_second(self) -> float | None:
        """Speed of decoding, or None before it is done."""
        return self.stats.tokens / self.seconds.decode if self.seconds.decode else None

    @property
    def plain_tokens_per_second(self) -> float | None:
        """Speed of decoding without drafts at the same length, or None if it is not known.

        What a token takes besides the models, such as showing it, is the same as in this answer.
        """
        stats, step = self.stats, self.stats.step_seconds
        if not step or not self.seconds.decode:
            return None
        besides = self.seconds.decode - stats.draft_seconds - stats.verify_seconds
        return 1 / (step + max(0.0, besides) / stats.tokens)

    @property
    def speedup(self) -> float | None:
        """Speed against that of decoding without drafts at the same length.

        None for an answer that was not decoded, because the text does not say.
        """
        if self.absent:
            return None
        plain, actual = self.plain_tokens_per_second, self.tokens_per_second
        return actual / plain if plain and actual else None


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The passages are known, best first, and what will be read of the documents."""

    passages: Sequence[Passage]
    coverage: float
    truncated: bool


@dataclass(frozen=True, slots=True)
class Prefilled:
    """A model has read `done` of `total` tokens of its prompt."""

    role: Origin
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Drafted:
    """All the text that the drafter has written ahead, which the target has not checked yet."""

    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something a person should know, in a sentence."""

    text: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the answer: text, and who wrote it first."""

    text: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Thought:
    """A piece of what the model thinks before it answers, which is no part of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """A round is over; `stats` are those of the answer so far."""

    stats: DecodingStats
    seconds: float


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is complete."""

    answer: Answer


Event = Retrieved | Note | Prefilled | Drafted | Thought | Piece | Decoded | Finished
