"""Small files that are replaced whole: whoever reads one finds all of it, old or new."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from rapid_cli.storage.partial import partial_path


def write_json(path: Path, value: object) -> None:
    """Put a value into a file as JSON; OSError if it cannot be written, and it stays as it was."""
    partial = partial_path(path)
    try:
        partial.write_text(json.dumps(value, indent=1), encoding="utf-8")
        partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink()
