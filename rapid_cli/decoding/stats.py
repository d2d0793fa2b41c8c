"""What a run of the loop did, added up."""

from __future__ import annotations

from dataclasses import dataclass, field

ENOUGH_PLAIN_ROUNDS = 8
"""So many rounds without a draft tell what a step takes now, whatever was measured before."""


@dataclass(frozen=True, slots=True)
class Round:
    """One turn of the loop: `accepted` of `drafted` tokens stand, and lead `tokens`.

    `planned` is the length asked for from the `drafter` of that index; it may have stopped early.
    The drafter's knowledge made another token the most likely at `transferred` of the places.
    """

    tokens: tuple[int, ...]
    drafter: int
    planned: int
    drafted: int
    accepted: int
    draft_seconds: float
    verify_seconds: float
    transferred: int = 0


@dataclass(slots=True)
class DecodingStats:
    """Counts over the rounds of one answer. Rates are None until there is something to rate.

    `plain_seconds` is what a step of one token takes at this length, if that was measured. Of the
    rounds without a draft those that follow one are not plain, since a step can take longer then.
    """

    tokens: int = 0
    rounds: int = 0
    planned: int = 0
    drafted: int = 0
    accepted: int = 0
    transferred: int = 0
    draft_seconds: float = 0.0
    verify_seconds: float = 0.0
    plain_seconds: float | None = None
    plain_rounds: int = 0
    plain_rounds_seconds: float = 0.0
    _follows_draft: bool = field(default=False, init=False, repr=False)

    def add(self, done: Round) -> None:
        """Count one more round."""
        self.tokens += len(done.tokens)
        self.rounds += 1
        self.planned += done.planned
        self.drafted += done.drafted
        self.accepted += done.accepted
        self.transferred += done.transferred
        self.draft_seconds += done.draft_seconds
        self.verify_seconds += done.verify_seconds
        if not done.drafted and not self._follows_draft:
            self.plain_rounds += 1
            self.plain_rounds_seconds += done.verify_seconds
        self._follows_draft = done.drafted > 0

    @property
    def acceptance_rate(self) -> float | None:
        """Share of the drafted tokens that were accepted."""
        return self.accepted / self.drafted if self.drafted else None

    @property
    def mean_acceptance_length(self) -> float | None:
        """Tokens committed a round, the target's own one included."""
        return self.tokens / self.rounds if self.rounds else None

    @property
    def gamma_mean(self) -> float | None:
        """Mean length of the drafts that were made."""
        return self.drafted / self.rounds if self.rounds else None

    @property
    def step_seconds(self) -> float | None:
        """Seconds of a step without a draft: in rounds that had none, or as measured before.

        The machine may have been busier, or idler, when a step was measured before. What other
        programs take is in this time as it is in that of the answer, so it is a mean, too.
        """
        if self.plain_seconds and self.plain_rounds < ENOUGH_PLAIN_ROUNDS:
            return self.plain_seconds
        return self.plain_rounds_seconds / self.plain_rounds if self.plain_rounds else None
