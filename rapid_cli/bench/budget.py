"""How long tuning may take, and how much of that each of its stages."""

from __future__ import annotations

from rapid_cli.decoding.measuring import Clock

WORK_TOKENS = 25_000
"""Tuning takes as long as the model reads so many tokens, if nobody says how long it may take."""
LEAST_SECONDS, MOST_SECONDS = 60.0, 240.0
"""But no shorter or longer than this."""
ENDS = {"weights": 0.2, "attention": 0.6, "threads": 0.68, "ubatch": 0.82, "costs": 1.0}
"""The share of the time that has passed when a stage should end."""


class TimeBudget:
    """The time for tuning from now on, and what reading a token takes as far as it is known.

    `seconds` is about how long it may take; None leaves that to the speed of the model.
    """

    def __init__(self, clock: Clock, seconds: float | None) -> None:
        self.token_seconds = 0.0
        self._clock = clock
        self._started = clock()
        self._seconds = seconds

    def plan(self, token_seconds: float) -> None:
        """Go by what reading a token takes; the time as a whole is decided the first time."""
        self.token_seconds = token_seconds
        if self._seconds is None:
            self._seconds = min(max(WORK_TOKENS * token_seconds, LEAST_SECONDS), MOST_SECONDS)

    def left(self, stage: str) -> float:
        """Return the seconds until a stage should end; below 0 it should have ended."""
        end = self._started + (self._seconds or LEAST_SECONDS) * ENDS[stage]
        return end - self._clock()

    def is_over(self, stage: str) -> bool:
        """Tell whether a stage has had its time: then it does no more than it must."""
        return self.left(stage) < 0
