"""The one place that knows watchfiles: noticing that files change."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from stat import S_ISDIR

from watchfiles import watch

from rapid_cli.config import home
from rapid_cli.errors import ConfigError
from rapid_cli.machine.guard.places import is_of_system

QUIET_SECONDS = 1.0
"""Changes are told when there was none for this time."""
LONGEST_SECONDS = 30.0
"""They are told after this time at the latest."""
TICK_MILLISECONDS = 200
"""How often it is looked whether there are changes."""
WHOLE_TREES = sys.platform in {"darwin", "win32"}
"""Whether the system watches all that is below a folder; others watch each folder by itself."""


def changes(paths: Sequence[Path]) -> Iterator[None]:
    """Yield once the paths are watched, and whenever something at or below them has changed since.

    What changes while the caller is busy is told afterwards. A path need not exist, and may go and
    come back. Ctrl-C ends it as usual. ConfigError if the system does not watch so much.
    """
    while True:
        # A watch lasts until the next change: folders may be new then, or others than before.
        with closing(_ticks(paths)) as ticks:
            next(ticks, None)
            yield
            _settle(ticks)


def _ticks(paths: Sequence[Path]) -> Generator[bool, None, None]:
    """Watch the paths, and tell every tick whether something has changed there.

    It ends when the watch is to begin anew.
    """
    roots = {path.resolve() for path in paths if path.is_dir() and not is_of_system(path)}
    files = {file for path in paths if not path.is_dir() for file in _names(path)}
    # A file that an editor replaces is another file to the system, so its folder is watched.
    parents = {file.parent for file in files if file.parent.is_dir()}
    known = [*paths, *parents]
    before = _folders(known)
    begun = False
    try:
        for changed in _changes({*parents, *_to_watch(roots)}):
            if _folders(known) != before:
                return
            begun = True
            yield any(path in files or _is_read(path, roots) for path in changed)
    except FileNotFoundError:  # a folder that went while the watch began
        time.sleep(TICK_MILLISECONDS / 1000)
    except UnicodeEncodeError as error:
        message = f"{error.object} cannot be watched: its name is not Unicode"
        raise ConfigError(message, "rename it, or name other folders") from error
    except (OSError, RuntimeError) as error:
        if begun:  # such as a change of a file whose name is not Unicode
            return
        hint = "systems watch only so many folders: name fewer, or raise the limit"
        raise ConfigError(f"the folders cannot be watched: {error}", hint) from error


def _names(file: Path) -> set[Path]:
    """Return where a file is, and where it is if that is a link."""
    return {file.parent.resolve() / file.name, file.resolve()}


def _folders(paths: Iterable[Path]) -> list[tuple[int, int] | None]:
    """Return which folders are at the paths: another one may take the place of the first."""
    return [_folder(path) for path in paths]


def _folder(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if S_ISDIR(found.st_mode) else None


def _to_watch(roots: Iterable[Path]) -> Iterator[Path]:
    """Yield the folders whose changes matter, but for those that are closed to us."""
    for root in roots:
        if WHOLE_TREES:
            yield root
            continue
        for place, below, _ in os.walk(root):
            yield Path(place)
            folders = {name: Path(place, name) for name in below}
            below[:] = [name for name, path in folders.items() if _is_watched(path, root)]


def _is_watched(folder: Path, root: Path) -> bool:
    return _is_read(folder, {root}) and not (folder.is_mount() and is_of_system(folder))


def _is_read(path: Path, roots: Iterable[Path]) -> bool:
    """Tell whether a path may matter to what is read of folders."""
    own = home().resolve()
    for root in roots:
        # What the library writes would otherwise make it read again, without end.
        is_own = own.is_relative_to(root) and path.is_relative_to(own)
        if path.is_relative_to(root) and not is_own:
            return not any(part.startswith(".") for part in path.relative_to(root).parts)
    return False


def _changes(folders: Iterable[Path]) -> Iterator[list[Path]]:
    """Yield what has changed in folders, every tick, even if it is nothing."""
    seen = watch(
        *folders,
        watch_filter=None,  # it would not end the tick for what it filters out
        step=TICK_MILLISECONDS,
        debounce=TICK_MILLISECONDS,
        rust_timeout=TICK_MILLISECONDS,
        yield_on_timeout=True,
        recursive=WHOLE_TREES,
        ignore_permission_denied=False,  # it would ignore that there are too many, too
    )
    for changed in seen:
        yield [Path(name) for _, name in changed]


def _settle(ticks: Iterator[bool]) -> None:
    """Wait for changes, and until they have come to rest or have gone on for long."""
    first: float | None = None
    last = 0.0
    for changed in ticks:
        now = time.monotonic()
        if changed:
            first, last = first or now, now
        if first is not None and (now - last >= QUIET_SECONDS or now - first >= LONGEST_SECONDS):
            return
