"""What a process gives up before it reads what others have made: network, rights, and resources."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

WRITTEN_BYTES = 16 << 20
"""The largest file that a process may write whose files are its log alone."""
OPEN_FILES = 256

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_SET_DUMPABLE, _SET_NO_NEW_PRIVILEGES = 4, 38
_CAPABILITIES_VERSION = 0x20080522

Limit = tuple[int, int]
"""A resource by its number, and how much of it there is."""


def confine(memory_bytes: int, *, starts_programs: bool) -> None:
    """Give up what no reader needs, and for good; where the system refuses that, go on with it.

    It must come before any thread. With `starts_programs` other programs may be started, and may
    write as much as they need. What it costs is about a millisecond.
    """
    if sys.platform == "win32":
        return
    _limit_resources(memory_bytes, starts_programs=starts_programs)
    if sys.platform == "linux":
        _leave_network()


def forbid_processes() -> None:
    """Start no process and no thread from now on, where the system lets that be forbidden.

    The limit is none of its number: the user's other processes do not count.
    """
    if sys.platform == "linux":
        import resource  # noqa: PLC0415 - not everywhere

        _limit((resource.RLIMIT_NPROC, 0))


def allow_seconds(seconds: float) -> None:
    """Let this process compute so much longer at most, and each that it starts as long."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not everywhere

    used = resource.getrusage(resource.RUSAGE_SELF)
    most = int(used.ru_utime + used.ru_stime + seconds) + 1
    with suppress(OSError, ValueError):
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (most, hard))


def _limit_resources(memory_bytes: int, *, starts_programs: bool) -> None:
    import resource  # noqa: PLC0415 - not everywhere

    _limit((resource.RLIMIT_AS, memory_bytes))
    _limit((resource.RLIMIT_CORE, 0))
    if not starts_programs:
        _limit((resource.RLIMIT_FSIZE, WRITTEN_BYTES))
        _limit((resource.RLIMIT_NOFILE, OPEN_FILES))


def _limit(limit: Limit) -> None:
    import resource  # noqa: PLC0415 - not everywhere

    kind, most = limit
    with suppress(OSError, ValueError):  # there may be a lower one already
        resource.setrlimit(kind, (most, most))


def _leave_network() -> None:
    """Reach no network, gain no rights by programs, and be no core dump of any service."""
    import ctypes  # noqa: PLC0415 - for those who need it

    libc = ctypes.CDLL(None, use_errno=True)
    own_user, own_group = os.geteuid(), os.getegid()
    # The administrator's right to read everybody's files would stay behind with the namespace.
    spaces = _NEW_NETWORK | (_NEW_USER if own_user else 0)
    if libc.unshare(spaces) == 0 and own_user:
        _stay(own_user, own_group)
        _drop_capabilities(libc.capset)
    libc.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0)


def _stay(user: int, group: int) -> None:
    """Be called in a new namespace of users as before, so that files still have their owner."""
    own = Path("/proc/self")
    with suppress(OSError):
        (own / "uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        (own / "setgroups").write_text("deny", encoding="ascii")
        (own / "gid_map").write_text(f"{group} {group} 1", encoding="ascii")


def _drop_capabilities(capset: Callable[..., int]) -> None:
    """Give back what a new namespace of users brings: rights over its network and mounts."""
    import ctypes  # noqa: PLC0415 - for those who need it

    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
    capset(header, (ctypes.c_uint32 * 6)())
