"""Where rapid keeps what it keeps, and what a person may have meant by a name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from rapid_cli.errors import ConfigError

APP = "rapid"

CACHE = "cache"
"""The folder of what can be made again; below that of the library."""

COLLECTIONS, SERVERS = "collections", "servers"

LONGEST_NAME, MOST_NAMES = 100, 1000
"""What a name is compared with to find what was meant."""

COLLECTION_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}"


def expanded(path: str | Path) -> Path:
    """Return a path with a `~` at its beginning replaced; that of nobody known stays as it is."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def home() -> Path:
    """Return the folder of the library: `RAPID_HOME`, or the platform's user data folder."""
    chosen = os.environ.get("RAPID_HOME")
    if chosen:
        return expanded(chosen)
    import platformdirs  # noqa: PLC0415 - a machine that only measures speed may lack it

    return platformdirs.user_data_path(APP)


def library_folder(collection: str | None, server: str | None = None) -> Path:
    """Return the folder of a collection, or of the main library; ConfigError for bad names.

    What is known of a library on a `server` lies in a folder of its own.
    """
    base = home() / SERVERS / re.sub(r"\W+", "-", server) if server else home()
    if collection is None:
        return base
    if not re.fullmatch(COLLECTION_NAME, collection):
        raise ConfigError(
            f"{collection!r} cannot be the name of a collection",
            "use up to 60 letters, digits, dots, dashes and underscores",
        )
    return base / COLLECTIONS / collection


def collections(server: str | None = None) -> list[str]:
    """Return the names of the collections on this machine, or those it uses on a server."""
    folder = library_folder(None, server) / COLLECTIONS
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return a hint: the nearest known name, or all of them."""
    # Names may come from a file of anybody: those that nobody would write take minutes to compare.
    known = [each for each in known if len(each) <= LONGEST_NAME][:MOST_NAMES]
    near = get_close_matches(name[:LONGEST_NAME], known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(known)}"
