"""Which files of others the user trusts: by path and content, so that a changed one is new."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from rapid_cli.errors import ConfigError
from rapid_cli.storage.whole import write_json

FILE_NAME = "trusted.json"


class Trusted:
    """The trusted files, in one small JSON file in `folder`; if that is damaged, none is."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME

    def holds(self, path: Path, content: bytes) -> bool:
        """Tell whether a file was trusted when it had this content."""
        return self.entries().get(str(place_of(path))) == _hash(content)

    def add(self, path: Path, content: bytes) -> None:
        """Trust a file from now on, as long as it has this content."""
        self._write(self.entries() | {str(place_of(path)): _hash(content)})

    def remove(self, path: Path) -> bool:
        """Trust a file no more; tell whether it was trusted."""
        entries = self.entries()
        if entries.pop(str(place_of(path)), None) is None:
            return False
        self._write(entries)
        return True

    def entries(self) -> dict[str, str]:
        """Return the paths that are trusted, each with the sha256 of its content."""
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return stored if isinstance(stored, dict) else {}

    def _write(self, entries: dict[str, str]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self._path, entries)
        except OSError as error:
            raise ConfigError(
                f"{self._path} cannot be written: {error.strerror}",
                "set RAPID_HOME to a folder that you may write to",
            ) from error


def place_of(path: Path) -> Path:
    """Return where a file lies, whatever links lead to its folder; itself it may be a link."""
    return Path(os.path.realpath(path.absolute().parent), path.name)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
