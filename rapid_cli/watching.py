"""The one place that knows watchfiles: noticing that files change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from watchfiles import DefaultFilter, watch

from rapid_cli.config import home

QUIET_MILLISECONDS = 1_000
"""Changes are told when there was none for this time."""
LONGEST_MILLISECONDS = 30_000
"""They are told after this time at the latest."""


def changes(paths: Sequence[Path]) -> Iterator[None]:
    """Yield whenever something at or below the paths has changed; Ctrl-C ends it as usual."""
    # A file that an editor replaces is another file to the system, so its folder is watched.
    folders = {path if path.is_dir() else path.absolute().parent for path in paths}
    seen = watch(
        *folders,
        watch_filter=DefaultFilter(ignore_paths=[home().resolve()]),
        step=QUIET_MILLISECONDS,
        debounce=LONGEST_MILLISECONDS,
    )
    for _ in seen:
        yield
