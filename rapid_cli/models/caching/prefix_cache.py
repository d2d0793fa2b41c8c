"""The prefix cache on disk: keys and values of texts, so that a model reads each text only once.

Whatever goes wrong here costs time, never an answer, and a note says so. A file that is damaged, or
of other software or settings, is removed; one that cannot be read now stays, for it may have cost
hours. Either way the text is read again.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rapid_cli.decoding.context import common_prefix
from rapid_cli.errors import NativeError
from rapid_cli.models.caching.kv_file import (
    Footer,
    UnusableState,
    check_state,
    read_footer,
    write_footer,
)
from rapid_cli.models.interface import ReadableContext, Restored, reachable
from rapid_cli.storage.locks import held
from rapid_cli.storage.partial import SPARE_BYTES, partial_path, sweep_partial
from rapid_cli.text.sizes import megabytes

SUFFIX = ".kv"
LARGEST_BYTES = 20 << 30
SHARE_OF_DISK = 0.25
SHORTEST = 64
"""Fewer tokens than these are not worth restoring."""
IN_USE = "another rapid is using its file"

FreeBytes = Callable[[Path], int]


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


@dataclass(frozen=True, slots=True)
class CachedPrefix:
    """A text in the cache, or its beginning; `used_at` is in seconds since 1970."""

    path: Path
    name: str
    tokens: int
    size_bytes: int
    used_at: float


class PrefixCache:
    """Keys and values of texts in a folder; what was not used for longest is removed first.

    `cap_bytes` bounds the folder; None is 20 GiB or a quarter of what the disk has left for it.
    `free_bytes` tells what is free there, and a file that another process uses is waited for as
    long as `lock_seconds`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        cap_bytes: int | None = None,
        free_bytes: FreeBytes = _free_bytes,
        lock_seconds: float = 10.0,
    ) -> None:
        self._folder = folder
        self._cap_bytes = cap_bytes
        self._free_bytes = free_bytes
        self._lock_seconds = lock_seconds

    def restore(self, context: ReadableContext, tokens: Sequence[int]) -> Restored:
        """Restore as many of the first of `tokens` into `context` as were kept.

        It may hold some of the first already; they are left alone where no more was kept.
        A part of a text is cut back to whole batches, so that the rest is computed as it would
        have been without it. A file that cannot be used by any later rapid either is removed.
        """
        try:
            return self._restore_best(context, tokens)
        except FileNotFoundError:  # another rapid has just removed it
            return Restored()
        # The checksum was right wherever llama.cpp refuses: it may have lacked memory.
        except (OSError, MemoryError, NativeError) as error:
            return Restored(note=_unreadable_now(_reason(error)))

    def keep(self, context: ReadableContext, name: str, tokens: Sequence[int], whole: int) -> str:
        """Keep what `context` holds: the first `whole` of `tokens`, the text called `name`.

        A beginning never replaces more of the same text. Returns why nothing is kept, or "".
        """
        path = self._path(context, tokens)
        try:
            if whole < len(tokens) and _may_hold_more(path, context, whole):
                return ""
            return self._write(path, context, name, tokens[:whole])
        except (OSError, MemoryError, UnusableState) as error:
            return f"What was read of {name} is not kept: {_reason(error)}."

    def entries(self) -> list[CachedPrefix]:
        """Return what is kept, last used first; what cannot be read is left out, and stays."""
        found = []
        for path, footer in self._readable():
            with suppress(OSError):
                file, tokens = path.stat(), len(footer.tokens)
                found.append(CachedPrefix(path, footer.name, tokens, file.st_size, file.st_mtime))
        return sorted(found, key=lambda entry: -entry.used_at)

    def forget(self, removed: Collection[str], held: Collection[str]) -> int:
        """Remove what is kept of texts that may have a document removed; return the bytes freed.

        Those are all but the texts of documents that are `held` by these names, and of none
        `removed`: others were moved, are among more than a text's name tells, or cannot be read.
        """
        sweep_partial(self._folder)
        stay = {path for path, footer in self._readable() if _is_of(footer.name, held, removed)}
        return sum(self._evict(path) for path in self._files() if path not in stay)

    def clear(self) -> int:
        """Remove all that is kept and that nobody is using; return how many bytes that frees."""
        sweep_partial(self._folder)
        return sum(map(self._evict, self._files()))

    def _path(self, context: ReadableContext, tokens: Sequence[int]) -> Path:
        digest = _hash(np.asarray(tokens, "<i4").tobytes())
        return self._folder / f"{_family(context)}{digest}{SUFFIX}"

    def _files(self, family: str = "") -> list[Path]:
        return list(self._folder.glob(f"{family}*{SUFFIX}"))

    def _readable(self, family: str = "") -> Iterator[tuple[Path, Footer]]:
        """Yield files with their footers; those that cannot be read are passed over in silence."""
        for path in self._files(family):
            with suppress(OSError, MemoryError, UnusableState):
                yield path, read_footer(path)

    def _restore_best(self, context: ReadableContext, tokens: Sequence[int]) -> Restored:
        own = self._path(context, tokens)
        if own.exists():
            restored = self._restore_from(own, context, tokens)
            if restored.tokens or restored.note:
                return restored
        counts = {
            path: _usable(footer, tokens, context)
            for path, footer in self._readable(_family(context))
        }
        best = max(counts, key=counts.__getitem__, default=None)
        if best is None or counts[best] < max(SHORTEST, len(context) + 1):
            return Restored()
        return self._restore_from(best, context, tokens)

    def _restore_from(
        self, path: Path, context: ReadableContext, tokens: Sequence[int]
    ) -> Restored:
        with held(path, self._lock_seconds) as mine:
            if not mine:
                return Restored(note=_unreadable_now(IN_USE))
            try:
                footer = _fitting_footer(path, context)
                _load(path, context, footer)
            except UnusableState as error:
                with suppress(OSError):
                    path.unlink()
                return Restored(note=f"What was kept of this text cannot be used: {error}.")
        with suppress(OSError):
            os.utime(path)
        kept = common_prefix(footer.tokens, tokens)
        if kept < len(tokens):
            kept -= kept % context.batch_size
        kept = reachable(context, kept)
        context.truncate(kept)
        return Restored(kept)

    def _write(self, path: Path, context: ReadableContext, name: str, tokens: Sequence[int]) -> str:
        needed = context.cache_bytes + 4 * len(tokens)
        self._folder.mkdir(parents=True, exist_ok=True)
        sweep_partial(self._folder)
        if refusal := self._make_room(needed, path):
            return f"What was read of {name} is not kept: {refusal}."
        temporary = partial_path(path)
        try:
            context.save(temporary)
            key, engine = context.state_key, context.engine
            write_footer(temporary, name=name, state_key=key, engine=engine, tokens=tokens)
            with held(path, self._lock_seconds) as mine:
                if not mine:
                    return f"What was read of {name} is not kept: {IN_USE}."
                temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        self._drop_beginnings(path, context, tokens)
        return ""

    def _make_room(self, needed: int, path: Path) -> str:
        """Remove what was not used for longest until `needed` bytes fit; return why they cannot."""
        others = sorted((file for file in self._files() if file != path), key=_used_at)
        used, free = sum(map(_size, others)), self._free_bytes(self._folder)
        cap = self._cap_bytes
        if cap is None:
            cap = usual_cap(free + used)
        if needed > cap:
            return f"it takes {megabytes(needed)}, and the cache may hold {megabytes(cap)}"
        if free + used < needed + SPARE_BYTES:  # removing all of it would be in vain
            return _disk_too_full(needed, free)
        for file in others:
            if used + needed <= cap and free >= needed + SPARE_BYTES:
                break
            freed = self._evict(file)
            used, free = used - freed, free + freed
        if free < needed + SPARE_BYTES:
            return _disk_too_full(needed, free)
        return "" if used + needed <= cap else "what the cache holds is in use"

    def _evict(self, path: Path) -> int:
        """Remove a file that nobody is using; return the bytes that frees."""
        size = _size(path)
        with held(path, 0) as mine, suppress(OSError):
            if mine:
                path.unlink()
                return size
        return 0

    def _drop_beginnings(self, path: Path, context: ReadableContext, tokens: Sequence[int]) -> None:
        """Remove what other files hold of the beginning of `tokens`: the new one has it too."""
        for other, footer in self._readable(_family(context)):
            is_beginning = common_prefix(footer.tokens, tokens) == len(footer.tokens)
            with suppress(OSError):
                if other != path and is_beginning:
                    self._evict(other)


def usual_cap(available_bytes: int) -> int:
    """Return the default bound in bytes; what the cache holds already counts as available."""
    return min(LARGEST_BYTES, int(SHARE_OF_DISK * available_bytes))


def _usable(footer: Footer, tokens: Sequence[int], context: ReadableContext) -> int:
    """Return how many of the first of `tokens` a file can give to `context`."""
    held = len(footer.tokens)
    if footer.engine != context.engine or held > context.capacity:
        return 0
    shared = common_prefix(footer.tokens, tokens)
    return shared if shared == held or context.cuts_freely else 0


def _fitting_footer(path: Path, context: ReadableContext) -> Footer:
    """Return the footer of a file that `context` can restore; UnusableState says why it cannot."""
    footer = read_footer(path)
    if footer.engine != context.engine:
        raise UnusableState(f"it was written with {footer.engine}, not {context.engine}")
    if footer.state_key != context.state_key:
        raise UnusableState("it is of another model or other settings")
    check_state(path, footer)
    return footer


def _load(path: Path, context: ReadableContext, footer: Footer) -> None:
    """Put what a file holds into `context`; UnusableState if that is not what its footer says."""
    context.restore(path)
    if len(context) != len(footer.tokens):
        context.truncate(0)
        raise UnusableState("it is damaged")


def _is_of(title: str, held: Collection[str], removed: Collection[str]) -> bool:
    """Tell whether a text is of documents that are held, by its name as `Task.title` makes it."""
    names = [title] if title in held else title.split(", ")
    return all(name in held and name not in removed for name in names)


def _may_hold_more(path: Path, context: ReadableContext, count: int) -> bool:
    """Tell whether a file may hold more than `count` tokens of its text."""
    try:
        footer = read_footer(path)
    except (FileNotFoundError, NotADirectoryError, UnusableState):
        return False
    except (OSError, MemoryError):
        return True
    return footer.engine == context.engine and len(footer.tokens) > count


def _disk_too_full(needed: int, free: int) -> str:
    return f"it takes {megabytes(needed)}, and the disk has {megabytes(free)} left"


def _unreadable_now(reason: str) -> str:
    return f"What was kept of this text stays on disk, but cannot be read now: {reason}."


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    if isinstance(error, NativeError):
        return error.message
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _family(context: ReadableContext) -> str:
    """Return what the names of files of the same model and settings begin with."""
    return f"{_hash(context.state_key.encode())}-"


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _used_at(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return math.inf  # what is not known is no reason to remove it first
