"""Child processes that run a module of rapid, to try what may crash or hang."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping

from rapid_cli.errors import RapidError
from rapid_cli.machine.guard.surroundings import NOTHING, clean_environment

ChildResult = dict[str, object]
"""The result of a child, as a JSON object."""
LONGEST_REASON = 300
SPOKEN = "rapid: "
"""The beginning of lines that rapid itself writes for a person."""


class Ended(Exception):
    """A child ended without a result: `reason` says how, and `signal` names its signal, if any."""

    def __init__(self, reason: str, signal: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.signal = signal


class Child:
    """A process that runs a module of rapid, from its construction on."""

    def __init__(
        self,
        module: str,
        *words: str,
        environment: Mapping[str, str] = NOTHING,
        keeping: Iterable[str] = (),
        given: bytes | None = None,
    ) -> None:
        """Start it with these words as arguments; OSError if no process can be had.

        Of our environment it has what any process needs, and the variables named by `keeping`.
        `given` is what `found` lets it read from its standard input.
        """
        self._given = given
        # -P: nothing in the folder where the user happens to be is imported.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *words],
            stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment(keeping, {"PYTHONIOENCODING": "utf-8", **environment}),
        )

    def result(self, seconds: float) -> ChildResult:
        """Wait for the result, no longer than `seconds`, and return it.

        RapidError if the child raised one, Ended if it crashed or took too long.
        """
        try:
            output, errors = self._process.communicate(self._given, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Ended(f"nothing came of it in {seconds:.0f} s") from None
        finally:
            self.end()
        if code := self._process.returncode:
            raise _ended(code, errors.decode("utf-8", "replace"))
        found: ChildResult = json.loads(output.splitlines()[-1])
        if "error" in found:
            raise RapidError(str(found["error"]), str(found["hint"]))
        return found

    def end(self) -> None:
        """Kill it if it still runs, and close its pipes."""
        self._process.kill()
        self._process.communicate()


def tell(work: Callable[[], ChildResult]) -> None:
    """Do the work of a child, and print its result, as the last line, for `Child.found`.

    A RapidError becomes an "error" with its "hint".
    """
    _leave_no_core()
    try:
        found = work()
    except RapidError as error:
        found = {"error": error.message, "hint": error.hint}
    print(f"\n{json.dumps(found)}", flush=True)


def _leave_no_core() -> None:
    """Write no core dump at a crash, which is expected here."""
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
