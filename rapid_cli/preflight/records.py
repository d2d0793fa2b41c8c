"""How models were seen to run: a folder with a file for each machine and build of llama.cpp."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import os
from functools import cached_property
from pathlib import Path

from rapid_cli.machine import processor
from rapid_cli.preflight.ways import WAYS, Run
from rapid_cli.storage.whole import write_json

FOLDER = "runs"
"""Below the folder of all that rapid keeps."""
logger = logging.getLogger(__name__)


class Records:
    """How this build of llama.cpp was seen to run models on this machine, each under a key.

    A record is an aid, not data: what cannot be read is tried again, and what cannot be written is
    only logged.
    """

    def __init__(self, folder: Path) -> None:
        """Keep the files in `folder`."""
        self._folder = folder
        self._build, self._machine = build_identity(), processor.identity()

    def find(self, key: str) -> Run | None:
        """Return how something was seen to run; None if it was not tried."""
        return self._runs.get(key)

    def put(self, key: str, run: Run) -> None:
        """Keep how something runs."""
        self._runs[key] = run
        stored = {
            "build": self._build,
            "machine": self._machine,
            "runs": {
                key: {"way": run.way.name, "cause": run.cause, "signal": run.signal}
                for key, run in self._runs.items()
            },
        }
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_json(self._path, stored)
        except OSError as error:
            logger.warning("how models run here is not kept: %s", error)

    def clear(self) -> None:
        """Forget all, of other machines and builds too."""
        self._runs.clear()
        for path in self._folder.glob("*.json"):
            path.unlink(missing_ok=True)

    @cached_property
    def _path(self) -> Path:
        return self._folder / f"{_digest(self._build, self._machine)}.json"

    @cached_property
    def _runs(self) -> dict[str, Run]:
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            return {
                key: Run(WAYS[run["way"]], str(run["cause"]), str(run["signal"]))
                for key, run in stored["runs"].items()
            }
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return {}


def build_identity() -> str:
    """Identify the installed build of llama.cpp in one line, by its files; nothing is loaded.

    A library that was built anew has other files, or files with other times.
    """
    found = importlib.util.find_spec("llama_cpp")
    if found is None or found.origin is None:
        return "none"
    package = Path(found.origin)
    folder = Path(os.environ.get("LLAMA_CPP_LIB_PATH") or package.parent / "lib")
    files = [package, *sorted(folder.glob("*"))]
    stamps = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return f"{package.parent} {_digest(str(folder), repr(stamps))}"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
