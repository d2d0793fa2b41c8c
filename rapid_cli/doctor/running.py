"""Trials in processes of their own: what crashes or hangs there is a finding, not an end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from functools import cached_property
from pathlib import Path

from rapid_cli.doctor.trial import Found
from rapid_cli.errors import RapidError

TIMEOUT_SECONDS = 60.0
LONGEST_REASON = 300


class Trial:
    """A trial that begins at once, beside others.

    Where it crashes or hangs, `failing` says what that means, and `remedy` what may help.
    """

    def __init__(
        self, name: str, temporary: Path, *, failing: str, remedy: str, **arguments: str | None
    ) -> None:
        """Start it; its temporary files lie in `temporary`. OSError if no process can be had."""
        self._failing, self._remedy = failing, remedy
        # -P: nothing in the folder where the user happens to be is imported.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "rapid_cli.doctor.trial", name, json.dumps(arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(temporary), "PYTHONIOENCODING": "utf-8"},
        )

    @cached_property
    def found(self) -> Found:
        """What it found, once it is done; RapidError if that is something to mend."""
        try:
            output, errors = self._process.communicate(timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            raise self._failed(f"nothing came of it in {TIMEOUT_SECONDS:.0f} s") from None
        if code := self._process.returncode:
            raise self._failed(_reason(code, errors.decode("utf-8", "replace")))
        found: Found = json.loads(output.splitlines()[-1])
        if "error" in found:
            raise RapidError(str(found["error"]), str(found["hint"]))
        return found

    def _failed(self, reason: str) -> RapidError:
        return RapidError(f"{self._failing}: {reason}", self._remedy)

    def end(self) -> None:
        """Kill it if it still runs, and free what belongs to it."""
        self._process.kill()
        self._process.communicate()


def _reason(code: int, errors: str) -> str:
    """Return why a process has ended: the signal that it got, or the last it said."""
    if code < 0:
        try:
            return f"its process ends with {signal.Signals(-code).name}"
        except ValueError:
            return f"its process ends with signal {-code}"
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return lines[-1][:LONGEST_REASON] if lines else f"its process ends with exit code {code}"
