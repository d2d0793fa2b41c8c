"""Trying again: after a pause that grows, or as long as a server asks for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rapid_cli.models.hub.errors import HubTrouble

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds to wait before each further try."""
LONGEST_WAIT = 300.0
"""Seconds; a server that asks for more has to be asked by the person again."""

Note = Callable[[str], None]


class Patience:
    """What is left of it: it is used up by waiting, and renewed by success."""

    def __init__(self, note: Note, pauses: Sequence[float] = PAUSES) -> None:
        self._note = note
        self._pauses = pauses
        self._used = 0

    def renew(self) -> None:
        """Begin anew, since something went well."""
        self._used = 0

    def wait(self, trouble: HubTrouble) -> None:
        """Wait before the next try; raise the trouble if there is to be none."""
        if not trouble.passing or self._used >= len(self._pauses):
            raise trouble
        pause = self._pauses[self._used]
        if trouble.seconds is not None:
            pause = trouble.seconds
        if pause > LONGEST_WAIT:
            raise trouble
        self._used += 1
        self._note(f"{trouble.message}; trying again in {pause:,.0f} s")
        time.sleep(pause)
