"""A file of the prefix cache: keys and values, and a footer that describes them.

A file is llama.cpp's state, then the footer: the tokens (int32, little-endian), the metadata (JSON)
and a trailer of fixed size. The footer comes last because the state is written front to back, and
its length is known only then.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

import numpy as np

FORMAT = 1
BLOCK_BYTES = 1 << 22
_TRAILER = struct.Struct("<IIIQ8s")
"""Format, checksum of tokens and metadata, bytes of metadata, bytes of state, mark."""
_MARK = b"RAPID-KV"


class UnusableState(Exception):
    """A file of the cache cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Footer:
    """What a state is of: a text's name and tokens, and the settings and library it depends on.

    The state stands in front, `state_bytes` long; `checksum` is its CRC-32.
    """

    name: str
    state_key: str
    engine: str
    tokens: tuple[int, ...]
    checksum: int
    state_bytes: int


def write_footer(
    path: Path, *, name: str, state_key: str, engine: str, tokens: Sequence[int]
) -> None:
    """Append a footer to the state at `path`, and bring both to the disk; OSError if that fails."""
    with path.open("r+b") as file:
        state_bytes = os.fstat(file.fileno()).st_size
        metadata = {
            "name": name,
            "state_key": state_key,
            "engine": engine,
            "tokens": len(tokens),
            "checksum": _checksum(file, state_bytes),
        }
        text = json.dumps(metadata).encode()
        tail = np.asarray(tokens, "<i4").tobytes() + text
        file.seek(0, os.SEEK_END)
        checksum = _tail_checksum(tail, len(text), state_bytes)
        file.write(tail + _TRAILER.pack(FORMAT, checksum, len(text), state_bytes, _MARK))
        file.flush()
        os.fsync(file.fileno())


def read_footer(path: Path) -> Footer:
    """Return the footer of a file; UnusableState or OSError if it has none that is whole."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size < _TRAILER.size:
            raise UnusableState("it is cut short")
        file.seek(size - _TRAILER.size)
        version, checksum, metadata_bytes, state_bytes, mark = _TRAILER.unpack(file.read())
        if mark != _MARK:
            raise UnusableState("it is cut short or damaged")
        if version != FORMAT:
            raise UnusableState("another version of rapid wrote it")
        if state_bytes + metadata_bytes > size - _TRAILER.size:
            raise UnusableState("it is damaged")
        file.seek(state_bytes)
        tail = file.read(size - _TRAILER.size - state_bytes)
    if _tail_checksum(tail, metadata_bytes, state_bytes) != checksum:
        raise UnusableState("it is damaged")
    tokens_bytes = len(tail) - metadata_bytes
    tokens = np.frombuffer(tail[:tokens_bytes], "<i4").tolist()
    fields = json.loads(tail[tokens_bytes:]) | {"tokens": tuple(tokens)}
    return Footer(**fields, state_bytes=state_bytes)


def check_state(path: Path, footer: Footer, *, block_bytes: int = BLOCK_BYTES) -> None:
    """Raise UnusableState if the state in the file is not the one that the footer describes."""
    with path.open("rb") as file:
        if _checksum(file, footer.state_bytes, block_bytes) != footer.checksum:
            raise UnusableState("it is damaged")


def _tail_checksum(tail: bytes, metadata_bytes: int, state_bytes: int) -> int:
    return crc32(struct.pack("<IQ", metadata_bytes, state_bytes), crc32(tail))


def _checksum(file: BinaryIO, length: int, block_bytes: int = BLOCK_BYTES) -> int:
    file.seek(0)
    checksum = 0
    while length > 0:
        block = file.read(min(block_bytes, length))
        if not block:
            raise UnusableState("it is cut short")
        checksum = crc32(block, checksum)
        length -= len(block)
    return checksum
