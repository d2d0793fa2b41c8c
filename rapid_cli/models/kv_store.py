"""The only owner of kept keys and values: what a model has read, on disk, to be read once only.

Whatever goes wrong here costs time, never an answer. A file that is damaged, or of other software
or settings, is removed; one that cannot be read now stays, for it may have cost hours. Either way
the text is read again. What cannot be kept is not kept. All of this is said.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rapid_cli.decoding.context import common_prefix
from rapid_cli.errors import NativeError
from rapid_cli.models.interface import ReadableContext, Restored
from rapid_cli.models.kv_file import BrokenSeal, Seal, check_state, read_seal, write_seal
from rapid_cli.storage.locks import held
from rapid_cli.storage.partial import SPARE_BYTES, partial_path, sweep_partial
from rapid_cli.text.sizes import megabytes

SUFFIX = ".kv"
LARGEST_BYTES = 20 << 30
SHARE_OF_DISK = 0.25
SHORTEST = 64
"""Tokens that are worth restoring."""
LOCK_SECONDS = 10.0
IN_USE = "another rapid is using its file"

FreeBytes = Callable[[Path], int]


@dataclass(frozen=True, slots=True)
class KeptText:
    """A text whose keys and values are on disk; `used_at` is in seconds since 1970."""

    path: Path
    name: str
    tokens: int
    size_bytes: int
    used_at: float


class KVStore:
    """Keys and values of texts in a folder, least recently used first to go.

    `cap_bytes` bounds the folder; None is 20 GiB or a quarter of what the disk has left for it.
    """

    def __init__(
        self, folder: Path, *, cap_bytes: int | None = None, free_bytes: FreeBytes | None = None
    ) -> None:
        self._folder = folder
        self._cap_bytes = cap_bytes
        self._free_bytes = free_bytes or _free_bytes

    def restore(self, context: ReadableContext, tokens: Sequence[int]) -> Restored:
        """Let `context` hold as many of the first of `tokens` as were kept.

        It holds none of them, or some of the first, which are left alone where no more was kept.
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

        A beginning never takes the place of more of the same text. Returns why it is not kept, or
        nothing.
        """
        path = self._path(context, tokens)
        try:
            if whole < len(tokens) and _may_hold_more(path, context, whole):
                return ""
            return self._write(path, context, name, tokens[:whole])
        except (OSError, MemoryError, BrokenSeal) as error:
            return f"What was read of {name} is not kept: {_reason(error)}."

    def entries(self) -> list[KeptText]:
        """Return what is kept, last used first; what cannot be read is left out, and stays."""
        found = []
        for path in self._files():
            with suppress(OSError, MemoryError, BrokenSeal):
                label, file = read_seal(path).label, path.stat()
                found.append(KeptText(path, label.name, label.tokens, file.st_size, file.st_mtime))
        return sorted(found, key=lambda entry: -entry.used_at)

    def clear(self) -> int:
        """Remove all that is kept and that nobody is using; return how many bytes that frees."""
        sweep_partial(self._folder)
        return sum(map(self._evict, self._files()))

    def _path(self, context: ReadableContext, tokens: Sequence[int]) -> Path:
        return self._folder / f"{_family(context)}-{_hash(_bytes(tokens))}{SUFFIX}"

    def _files(self) -> list[Path]:
        return list(self._folder.glob(f"*{SUFFIX}"))

    def _restore_best(self, context: ReadableContext, tokens: Sequence[int]) -> Restored:
        own = self._path(context, tokens)
        if own.exists():
            restored = self._restore_from(own, context, tokens)
            if restored.tokens or restored.note:
                return restored
        best = max(self._like(context, tokens), key=lambda found: found[0], default=None)
        if best is None or best[0] < max(SHORTEST, len(context) + 1):
            return Restored()
        return self._restore_from(best[1], context, tokens)

    def _like(self, context: ReadableContext, tokens: Sequence[int]) -> Iterator[tuple[int, Path]]:
        """Yield how many of `tokens` other files of the same model and settings begin with.

        Those that cannot be read are passed over in silence: they may be of any text.
        """
        for path in self._folder.glob(f"{_family(context)}-*{SUFFIX}"):
            with suppress(OSError, MemoryError, BrokenSeal):
                seal = read_seal(path)
                if seal.label.engine == context.engine and len(seal.tokens) <= context.capacity:
                    yield common_prefix(seal.tokens, tokens), path

    def _restore_from(
        self, path: Path, context: ReadableContext, tokens: Sequence[int]
    ) -> Restored:
        with held(path, LOCK_SECONDS) as mine:
            if not mine:
                return Restored(note=_unreadable_now(IN_USE))
            try:
                seal = _fitting_seal(path, context)
                _load(path, context, seal)
            except BrokenSeal as error:
                with suppress(OSError):
                    path.unlink()
                return Restored(note=f"What was kept of this text cannot be used: {error}.")
        with suppress(OSError):
            os.utime(path)
        kept = common_prefix(seal.tokens, tokens)
        if kept < len(tokens):
            kept -= kept % context.batch_size
        kept = kept if kept >= context.floor else 0
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
            write_seal(temporary, name=name, state_key=key, engine=engine, tokens=tokens)
            with held(path, LOCK_SECONDS) as mine:
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
        for other in self._folder.glob(f"{_family(context)}-*{SUFFIX}"):
            with suppress(OSError, MemoryError, BrokenSeal):
                if other != path and _begins(read_seal(other), tokens):
                    self._evict(other)


def usual_cap(available_bytes: int) -> int:
    """Return the most that is kept where nobody says; what is kept already counts as available."""
    return min(LARGEST_BYTES, int(SHARE_OF_DISK * available_bytes))


def _fitting_seal(path: Path, context: ReadableContext) -> Seal:
    """Return the seal of a file that `context` can restore; BrokenSeal says why it cannot."""
    seal = read_seal(path)
    if seal.label.engine != context.engine:
        raise BrokenSeal(f"it was written with {seal.label.engine}, not {context.engine}")
    if seal.label.state_key != context.state_key:
        raise BrokenSeal("it is of another model or other settings")
    check_state(path, seal)
    return seal


def _load(path: Path, context: ReadableContext, seal: Seal) -> None:
    """Put what a file holds into `context`; BrokenSeal if that is not what its seal says."""
    context.restore(path)
    if len(context) != len(seal.tokens):
        context.truncate(0)
        raise BrokenSeal("it is damaged")


def _may_hold_more(path: Path, context: ReadableContext, count: int) -> bool:
    """Tell whether a file holds more than `count` tokens of its text, as far as can be told."""
    try:
        seal = read_seal(path)
    except (FileNotFoundError, NotADirectoryError, BrokenSeal):
        return False
    except (OSError, MemoryError):
        return True
    return seal.label.engine == context.engine and len(seal.tokens) > count


def _begins(seal: Seal, tokens: Sequence[int]) -> bool:
    return common_prefix(seal.tokens, tokens) == len(seal.tokens)


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
    return _hash(context.state_key.encode())


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _bytes(tokens: Sequence[int]) -> bytes:
    return np.asarray(tokens, "<i4").tobytes()


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _used_at(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return math.inf  # what is not known is no reason to remove it first
