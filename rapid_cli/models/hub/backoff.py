"""Retries: each after a longer pause, or after as long as the server asks for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rapid_cli.models.hub.errors import HubUnavailable

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds to wait before each retry."""
LONGEST_PAUSE = 300.0
"""Seconds; where a server asks for more, the person has to try again."""

Note = Callable[[str], None]
"""Told, in one line, what a person should know meanwhile."""


class Backoff:
    """The retries that are left: each failure takes one, progress gives all of them back."""

    def __init__(self, note: Note, pauses: Sequence[float] = PAUSES) -> None:
        self._note = note
        self._pauses = pauses
        self.reset()

    def reset(self) -> None:
        """Allow all retries again."""
        self._retries = 0

    def wait(self, error: HubUnavailable) -> None:
        """Wait before the next retry; raise the error if there is to be none."""
        if not error.temporary or self._retries >= len(self._pauses):
            raise error
        asked, pause = error.retry_after_seconds, self._pauses[self._retries]
        pause = pause if asked is None else asked
        if pause > LONGEST_PAUSE:
            raise error
        self._retries += 1
        self._note(f"{error.message}; trying again in {pause:,.0f} s")
        time.sleep(pause)
