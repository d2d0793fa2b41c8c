"""Copies of weights in other formats, cached in a folder.

Each has a sidecar, a small JSON file beside it, that names the file it was made from.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rapid_cli.errors import ModelError
from rapid_cli.models.hub.parts import stamp_of
from rapid_cli.storage.partial import SPARE_BYTES, partial_path, sweep_partial
from rapid_cli.text.sizes import megabytes

Progress = Callable[[str, int, int], None]
"""Told the name of a copy that is made, how many bytes are written, and about how many will be."""
SUFFIX, SIDECAR = ".gguf", ".json"


@dataclass(frozen=True, slots=True)
class WeightCopy:
    """A copy on disk; it is stale if `source` is gone or has changed since."""

    path: Path
    source: Path | None
    format: str
    size_bytes: int
    stale: bool


class Copies:
    """The copies in one folder; each can be made again."""

    def __init__(self, folder: Path) -> None:
        """Keep them in `folder`."""
        self._folder = folder

    def find(self, source: Path, format_name: str) -> Path | None:
        """Return the copy of a file, if there is one."""
        with suppress(OSError):
            path = self._path(source, format_name)
            return path if path.exists() else None
        return None

    def make(self, source: Path, format_name: str, progress: Progress | None = None) -> Path:
        """Write a copy, which appears only when it is complete; ModelError if that fails."""
        from rapid_cli.llama import read_format, requantize  # noqa: PLC0415 - a native library

        weights, name = read_format(source), f"{source.stem} in {format_name}"
        if weights.kind == format_name:
            raise ModelError(f"{source.name} has the format {format_name} already")
        needed = weights.copy_bytes(format_name)

        def written(count: int) -> None:
            if progress:
                progress(name, count, needed)

        path = self._path(source, format_name)
        partial = partial_path(path)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            sweep_partial(self._folder)
            self._require_room(source, format_name, needed)
            requantize(source, partial, format_name, written)
            _write_sidecar(path, source, format_name)
            partial.replace(path)
        except OSError as error:
            reason = error.strerror or error
            raise ModelError(f"{path} cannot be written: {reason}", "free some disk") from error
        finally:
            with suppress(OSError):
                partial.unlink()
        return path

    def source_of(self, path: Path) -> Path | None:
        """Return the file that `path` was made from; None if it is not one of the copies."""
        if path.parent != self._folder:
            return None
        return _read_sidecar(path)[0]

    def entries(self) -> list[WeightCopy]:
        """Return all copies, sorted by name."""
        found = []
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            source, format_name = _read_sidecar(path)
            with suppress(OSError):
                stale = source is None or self.find(source, format_name) != path
                found.append(WeightCopy(path, source, format_name, path.stat().st_size, stale))
        return found

    def remove(self, path: Path) -> None:
        """Remove one copy."""
        path.unlink(missing_ok=True)
        path.with_suffix(SIDECAR).unlink(missing_ok=True)

    def clear(self) -> int:
        """Remove all copies; return how many bytes that freed."""
        sweep_partial(self._folder)
        entries = self.entries()
        for entry in entries:
            self.remove(entry.path)
        for sidecar in self._folder.glob(f"*{SIDECAR}"):  # of copies that were not finished
            sidecar.unlink(missing_ok=True)
        return sum(entry.size_bytes for entry in entries)

    def _path(self, source: Path, format_name: str) -> Path:
        """Return the path of a file's copy; OSError if the file itself is not there."""
        key = f"{stamp_of(source)}\n{format_name}"
        digest = hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:16]
        return self._folder / f"{source.stem}-{format_name}-{digest}{SUFFIX}"

    def _require_room(self, source: Path, format_name: str, needed: int) -> None:
        free = shutil.disk_usage(self._folder).free
        if free < needed + SPARE_BYTES:
            raise ModelError(
                f"a copy of {source.name} in {format_name} takes {megabytes(needed)}, and the "
                f"disk has {megabytes(free)} left",
                "free some disk",
            )


def _write_sidecar(path: Path, source: Path, format_name: str) -> None:
    sidecar = json.dumps({"source": str(source.absolute()), "format": format_name})
    path.with_suffix(SIDECAR).write_text(sidecar, encoding="utf-8")


def _read_sidecar(path: Path) -> tuple[Path | None, str]:
    """Return the file a copy was made from, None if the sidecar is gone, and the copy's format."""
    try:
        sidecar = json.loads(path.with_suffix(SIDECAR).read_text(encoding="utf-8"))
        return Path(sidecar["source"]), str(sidecar["format"])
    except (OSError, ValueError, TypeError, KeyError):
        return None, ""
