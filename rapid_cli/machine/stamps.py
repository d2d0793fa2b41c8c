"""What tells one file from another, and from what it was before, without reading all of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

HEAD_BYTES = 8 << 20
"""Of a model that is all it says of itself, with its vocabulary: weights come after that."""
SAMPLES, SAMPLE_BYTES = 64, 16 << 10
"""Of the rest of a file so many pieces are read, at even distances up to its end."""
DIGITS = 32
"""Of a digest, in hexadecimal: too many to find another file for."""


@dataclass(frozen=True, slots=True)
class FileStamp:
    """Identifies a version of a file; `content` is a digest of its beginning and of samples."""

    name: str
    size: int
    modified_ns: int
    content: str = ""

    @classmethod
    def of(cls, path: Path, *others: Path) -> FileStamp:
        """Return the stamp of a file, and of others that belong to it; OSError without them."""
        found = path.stat()
        content = " ".join(map(sampled, (path, *others)))
        if others:
            content = hashlib.sha256(content.encode()).hexdigest()[:DIGITS]
        return cls(path.name, found.st_size, found.st_mtime_ns, content)

    def __str__(self) -> str:
        """Return it as a part of a line."""
        return f"{self.name} {self.size} {self.modified_ns} {self.content}"


def sampled(path: Path, head_bytes: int = HEAD_BYTES) -> str:
    """Return a digest of a file's size, beginning, samples and end; OSError without the file."""
    found = path.stat()
    # Read once while it stays as it is: it is asked for again and again.
    changes = (found.st_ino, found.st_mtime_ns, found.st_ctime_ns)
    return _sampled(path, found.st_size, head_bytes, changes)


@lru_cache(maxsize=256)
def _sampled(path: Path, size: int, head_bytes: int, _changes: tuple[int, ...]) -> str:
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb", buffering=0) as file:
        digest.update(file.read(head_bytes))
        for start in _places(head_bytes, size):
            file.seek(start)
            digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()[:DIGITS]


def _places(head_bytes: int, size: int) -> list[int]:
    """Return where samples begin: the last one ends with the file."""
    room = size - SAMPLE_BYTES - head_bytes
    if room <= 0:
        return [head_bytes] if size > head_bytes else []
    return [head_bytes + room * number // (SAMPLES - 1) for number in range(SAMPLES)]
