"""Copies of weights in other formats: a cache in a folder, each beside a note of what it is of."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rapid_cli.errors import ModelError
from rapid_cli.session.tuned import FileStamp
from rapid_cli.storage.partial import SPARE_BYTES, partial_path, sweep_partial
from rapid_cli.text.sizes import megabytes

Progress = Callable[[int, int], None]
"""Told the bytes written and, about, to write."""
SUFFIX, LABEL = ".gguf", ".json"


@dataclass(frozen=True, slots=True)
class WeightCopy:
    """A copy on disk; it is stale if `source` is gone, or another file by now."""

    path: Path
    source: Path | None
    format: str
    size_bytes: int
    stale: bool


class Copies:
    """The copies of weights; they can all be made again."""

    def __init__(self, folder: Path) -> None:
        """Keep them in `folder`."""
        self._folder = folder

    def find(self, source: Path, format_name: str) -> Path | None:
        """Return the copy of a file, if there is one."""
        with suppress(OSError):
            path = self._path(source, format_name)
            return path if path.exists() else None
        return None

    def make(self, source: Path, format_name: str, progress: Progress) -> Path:
        """Write a copy; it appears when it is whole. ModelError if that cannot be."""
        from rapid_cli.llama import read_format, requantize  # noqa: PLC0415 - a native library

        needed = read_format(source).copy_bytes(format_name)
        path = self._path(source, format_name)
        partial = partial_path(path)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            sweep_partial(self._folder)
            self._require_room(source, format_name, needed)
            requantize(source, partial, format_name, lambda done: progress(done, needed))
            self._write_label(path, source, format_name)
            partial.replace(path)
        except OSError as error:
            reason = error.strerror or error
            raise ModelError(f"{path} cannot be written: {reason}", "free some disk") from error
        finally:
            with suppress(OSError):
                partial.unlink()
        return path

    def source_of(self, path: Path) -> Path | None:
        """Return the file that `path` is a copy of; None if it is no copy."""
        if path.parent != self._folder:
            return None
        return _label(path)[0]

    def entries(self) -> list[WeightCopy]:
        """Return all copies, by their names."""
        found = []
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            source, format_name = _label(path)
            with suppress(OSError):
                stale = source is None or self.find(source, format_name) != path
                found.append(WeightCopy(path, source, format_name, path.stat().st_size, stale))
        return found

    def remove(self, path: Path) -> None:
        """Remove one copy."""
        path.unlink(missing_ok=True)
        path.with_suffix(LABEL).unlink(missing_ok=True)

    def clear(self) -> int:
        """Remove all copies; return how many bytes that frees."""
        sweep_partial(self._folder)
        entries = self.entries()
        for entry in entries:
            self.remove(entry.path)
        for label in self._folder.glob(f"*{LABEL}"):  # of copies that were not finished
            label.unlink(missing_ok=True)
        return sum(entry.size_bytes for entry in entries)

    def _path(self, source: Path, format_name: str) -> Path:
        """Return where the copy of a file lies; OSError if the file does not."""
        stamp = FileStamp.of(source)
        key = f"{stamp.name}\n{stamp.size}\n{stamp.modified_ns}\n{format_name}"
        digest = hashlib.sha256(key.encode()).hexdigest()[:16]
        return self._folder / f"{source.stem}-{format_name}-{digest}{SUFFIX}"

    def _require_room(self, source: Path, format_name: str, needed: int) -> None:
        free = shutil.disk_usage(self._folder).free
        if free < needed + SPARE_BYTES:
            raise ModelError(
                f"a copy of {source.name} in {format_name} takes {megabytes(needed)}, and the "
                f"disk has {megabytes(free)} left",
                "free some disk",
            )

    def _write_label(self, path: Path, source: Path, format_name: str) -> None:
        label = json.dumps({"source": str(source.absolute()), "format": format_name})
        path.with_suffix(LABEL).write_text(label, encoding="utf-8")


def _label(path: Path) -> tuple[Path | None, str]:
    """Return what a copy is of, and in which format; None if its note is gone."""
    try:
        label = json.loads(path.with_suffix(LABEL).read_text(encoding="utf-8"))
        return Path(label["source"]), str(label["format"])
    except (OSError, ValueError, TypeError, KeyError):
        return None, ""
