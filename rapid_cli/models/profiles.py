"""Measured costs on disk: one small JSON file, replaced whole."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from rapid_cli.decoding.measuring import Costs
from rapid_cli.storage.whole import write_json

FILE_NAME = "costs.json"
logger = logging.getLogger(__name__)


class StoredProfiles:
    """Costs by model and context length, rounded up to a power of two; implements `Profiles`.

    A cost is an aid, not data: what cannot be read is measured again, and what cannot be
    written is only logged.
    """

    def __init__(self, folder: Path) -> None:
        """Keep the file in `folder`."""
        self._path = folder / FILE_NAME

    def get(self, key: str, length: int) -> Costs | None:
        """Return the costs at about `length` tokens of context, if they are known."""
        try:
            stored = self._load().get(_entry(key, length))
        except OSError:
            return None
        if not isinstance(stored, dict):
            return None
        try:
            return {int(size): float(seconds) for size, seconds in stored.items()} or None
        except (TypeError, ValueError):
            return None

    def put(self, key: str, length: int, costs: Costs) -> None:
        """Keep costs for later runs, beside those that are known."""
        try:
            stored = self._load() | {_entry(key, length): costs}
            write_json(self._path, stored)
        except OSError as error:
            logger.warning("costs are not kept: %s", error)

    def _load(self) -> dict[str, object]:
        """Return what the file holds, nothing if it is damaged; OSError if it cannot be read."""
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return stored if isinstance(stored, dict) else {}


def _entry(key: str, length: int) -> str:
    return f"{key} @ {1 << max(length - 1, 0).bit_length()}"
