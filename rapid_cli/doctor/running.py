"""Trials in processes of their own: what crashes or hangs there is a finding, not an end."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from rapid_cli.errors import RapidError
from rapid_cli.machine.child import Child, Ended, Found

TIMEOUT_SECONDS = 60.0


class Trial:
    """A trial that has begun, beside others.

    Where it crashes or hangs, `failing` says what that means, and `remedy` what may help.
    """

    def __init__(self, child: Child, *, failing: str, remedy: Callable[[Ended], str]) -> None:
        self._child = child
        self._failing, self._remedy = failing, remedy

    @cached_property
    def found(self) -> Found:
        """What it found, once it is done; RapidError if that is something to mend."""
        try:
            return self._child.found(TIMEOUT_SECONDS)
        except Ended as ended:
            raise RapidError(f"{self._failing}: {ended.reason}", self._remedy(ended)) from None

    def end(self) -> None:
        """Kill it if it still runs, and free what belongs to it."""
        self._child.end()
