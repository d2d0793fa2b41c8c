"""Whether llama.cpp can be loaded at all: tried in a child process before this one loads it."""

from __future__ import annotations

import atexit

from rapid_cli.config import home
from rapid_cli.errors import ModelError, RapidError
from rapid_cli.machine.child import Child, Ended
from rapid_cli.preflight.children import SECONDS, start_engine
from rapid_cli.preflight.records import FOLDER, Records
from rapid_cli.preflight.ways import AS_IT_IS, Run, remedy

LOADS = "llama.cpp"
"""The key of the records that stands for the library itself."""


class _Guard:
    """Whether this process may load llama.cpp without trying it in a child first."""

    trusted = False
    trial: Child | None = None
    """The child that tries it, if it was started before it is needed."""


def begin() -> None:
    """Start the trial that `require` waits for, if there is to be one.

    It runs beside what a command does before it needs llama.cpp.
    """
    if not _Guard.trusted and Records(home() / FOLDER).find(LOADS) is None:
        _Guard.trial = start_engine()
        atexit.register(_Guard.trial.end)


def trust() -> None:
    """Let this process load llama.cpp: a child has just done so, or this is that child."""
    _Guard.trusted = True


def require() -> None:
    """Raise ModelError if this process would not survive loading llama.cpp.

    It is tried once for each build and machine.
    """
    if _Guard.trusted:
        return
    records = Records(home() / FOLDER)
    if records.find(LOADS) is None and _loads():
        records.put(LOADS, Run(AS_IT_IS))
    trust()


def _loads() -> bool:
    """Tell whether a child loads it; if the child says why not, loading it here will say so too."""
    try:
        (_Guard.trial or start_engine()).result(SECONDS)
    except Ended as ended:
        message = f"llama.cpp cannot be loaded: {ended.reason}"
        raise ModelError(message, remedy(ended.signal)) from None
    except RapidError:
        return False
    return True
