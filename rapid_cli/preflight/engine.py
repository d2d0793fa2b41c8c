"""Whether llama.cpp can be loaded at all: seen in another process before this one loads it."""

from __future__ import annotations

from rapid_cli.config import home
from rapid_cli.errors import ModelError, RapidError
from rapid_cli.machine.child import Ended
from rapid_cli.preflight.children import SECONDS, start_engine
from rapid_cli.preflight.records import FOLDER, Records
from rapid_cli.preflight.ways import AS_IT_IS, Run, remedy

LOADS = "llama.cpp"
"""What stands in the records for the library itself."""


class _Guard:
    """Looks once a process; trusted by who has looked already, or looks on behalf of others."""

    trusted = False


def trust() -> None:
    """Let this process load llama.cpp: it was seen to load just now, or this is the one to see."""
    _Guard.trusted = True


def require() -> None:
    """Raise ModelError if this process would not survive loading llama.cpp.

    What this build has survived on this machine before is not tried again.
    """
    if _Guard.trusted:
        return
    records = Records(home() / FOLDER)
    if records.find(LOADS) is None and _loads():
        records.put(LOADS, Run(AS_IT_IS))
    trust()


def _loads() -> bool:
    """Tell whether it was loaded; not if it says why it cannot be, as it will say here too."""
    child = start_engine()
    try:
        child.found(SECONDS)
    except Ended as ended:
        message = f"llama.cpp cannot be loaded: {ended.reason}"
        raise ModelError(message, remedy(ended.signal)) from None
    except RapidError:
        return False
    finally:
        child.end()
    return True
