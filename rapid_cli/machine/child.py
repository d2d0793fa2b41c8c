"""Python processes of rapid's own, in which what may crash or hang is tried."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType

from rapid_cli.errors import RapidError

Found = dict[str, object]
"""What a child has found out, as JSON can say it."""
LONGEST_REASON = 300
SPOKEN = "rapid: "
"""How a line begins that rapid itself has written for a person."""
NOTHING: Mapping[str, str] = MappingProxyType({})


class Ended(Exception):
    """A child is over and has not told what it found: `reason` says how it ended.

    `signal` is the name of the signal that it got, or nothing.
    """

    def __init__(self, reason: str, signal: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.signal = signal


class Child:
    """A process that runs a module of rapid's, and begins at once."""

    def __init__(self, module: str, *words: str, environment: Mapping[str, str] = NOTHING) -> None:
        """Start it with these words as arguments; OSError if no process can be had."""
        # -P: nothing in the folder where the user happens to be is imported.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        )

    def found(self, seconds: float) -> Found:
        """Return what it found, once it is done, and wait no longer than `seconds`.

        RapidError if that is something to mend, Ended if it crashes or is too late.
        """
        try:
            output, errors = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.end()
            raise Ended(f"nothing came of it in {seconds:.0f} s") from None
        if code := self._process.returncode:
            raise _ended(code, errors.decode("utf-8", "replace"))
        found: Found = json.loads(output.splitlines()[-1])
        if "error" in found:
            raise RapidError(str(found["error"]), str(found["hint"]))
        return found

    def end(self) -> None:
        """Kill it if it still runs, and free what belongs to it."""
        self._process.kill()
        self._process.communicate()


def tell(work: Callable[[], Found]) -> None:
    """Do the work of a child, and print what it finds for whoever has started it.

    What a person can mend is an "error" with its "hint". Whatever was printed before stands on
    other lines.
    """
    _leave_no_core()
    try:
        found = work()
    except RapidError as error:
        found = {"error": error.message, "hint": error.hint}
    print(f"\n{json.dumps(found)}", flush=True)


def _leave_no_core() -> None:
    """Let a crash, which is expected here, leave no image of the memory on the disk."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - which Windows lacks

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _ended(code: int, errors: str) -> Ended:
    """Return why a process has ended: the signal that it got, or what it said."""
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return Ended(f"its process ends with {name}", name)
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    spoken = [line.removeprefix(SPOKEN) for line in lines if line.startswith(SPOKEN)]
    said = (spoken or lines[-1:] or [f"its process ends with exit code {code}"])[0]
    return Ended(said[:LONGEST_REASON])
