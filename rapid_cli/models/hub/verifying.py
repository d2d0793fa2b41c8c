"""Whether a model's file is the one that models.toml expects: read whole once, then remembered."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

from rapid_cli.errors import ModelError
from rapid_cli.models.hub.parts import parts
from rapid_cli.models.specs import Located, ModelSpec
from rapid_cli.storage.whole import write_json

FILE_NAME = "hashes.json"
logger = logging.getLogger(__name__)


class Hashes:
    """The sha256 of files that were read for it, in one small JSON file in `folder`.

    One holds as long as the file has the size, the time and the inode that it had then. What cannot
    be read here is read from the file anew, and what cannot be written is only logged.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME

    def require(self, spec: Located, path: Path) -> None:
        """Raise ModelError if a file is another one than models.toml expects.

        Of a model in several files, the first is meant.
        """
        expected = spec.sha256 if isinstance(spec, ModelSpec) else None
        if expected is None:
            return
        first = path.with_name(parts(path.name)[0])
        found = self._of(first)
        if found != expected:
            right = "remove it and pull it again" if spec.repo else "put the right file there"
            raise ModelError(
                f"{first} is another file than models.toml expects: its sha256 is {found[:12]}... "
                f"and not {expected[:12]}...",
                f"{right}, or mend `sha256` in models.toml",
            )

    def _of(self, path: Path) -> str:
        """Return the sha256 of a file; ModelError if it cannot be read."""
        try:
            place = str(path.resolve(strict=True))
            stamp = _stamp(path)
            stored = self._stored()
            match stored.get(place):
                case [*seen, str(sha256)] if seen == stamp:
                    return sha256
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            if _stamp(path) == stamp:  # nobody has written to it meanwhile
                self._keep(stored | {place: [*stamp, sha256]})
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror}") from error
        return sha256

    def _stored(self) -> dict[str, object]:
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return stored if isinstance(stored, dict) else {}

    def _keep(self, entries: dict[str, object]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self._path, entries)
        except OSError as error:
            logger.warning("hashes are not kept: %s", error)


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ino]
