"""The end of a file of kept keys and values: what they are of, their length and checksum.

A file is llama.cpp's state, then the tokens (int32, little-endian), then a JSON label, then a
footer of fixed size. It is written front to back and its length is known only then, so what
describes it stands last.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

import numpy as np

FORMAT = 1
BLOCK_BYTES = 1 << 22
_FOOTER = struct.Struct("<IIIQ8s")
"""Format, checksum of what stands between state and footer, bytes of label and state, mark."""
_MARK = b"RAPID-KV"


class BrokenSeal(Exception):
    """A file is not what it should be; the message says why."""


@dataclass(frozen=True, slots=True)
class Label:
    """What a state is of: text's name, settings, library; `checksum` is the state's CRC-32."""

    name: str
    state_key: str
    engine: str
    tokens: int
    checksum: int


@dataclass(frozen=True, slots=True)
class Seal:
    """A label with the tokens whose keys and values the file holds."""

    label: Label
    tokens: tuple[int, ...]
    state_bytes: int


def write_seal(
    path: Path, *, name: str, state_key: str, engine: str, tokens: Sequence[int]
) -> None:
    """Seal the state at `path`, and bring it to the disk; OSError if that fails."""
    with path.open("r+b") as file:
        state_bytes = os.fstat(file.fileno()).st_size
        label = Label(name, state_key, engine, len(tokens), _checksum(file, state_bytes))
        text = json.dumps(asdict(label)).encode()
        tail = np.asarray(tokens, "<i4").tobytes() + text
        file.seek(0, os.SEEK_END)
        checksum = _tail_checksum(tail, len(text), state_bytes)
        file.write(tail + _FOOTER.pack(FORMAT, checksum, len(text), state_bytes, _MARK))
        file.flush()
        os.fsync(file.fileno())


def read_seal(path: Path) -> Seal:
    """Return the seal of a file; BrokenSeal or OSError if it has none that is whole."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size < _FOOTER.size:
            raise BrokenSeal("it is cut short")
        file.seek(size - _FOOTER.size)
        version, checksum, label_bytes, state_bytes, mark = _FOOTER.unpack(file.read())
        if mark != _MARK:
            raise BrokenSeal("it is cut short or damaged")
        if version != FORMAT:
            raise BrokenSeal("another version of rapid wrote it")
        if state_bytes + label_bytes > size - _FOOTER.size:
            raise BrokenSeal("it is damaged")
        file.seek(state_bytes)
        tail = file.read(size - _FOOTER.size - state_bytes)
    if _tail_checksum(tail, label_bytes, state_bytes) != checksum:
        raise BrokenSeal("it is damaged")
    tokens = np.frombuffer(tail[: len(tail) - label_bytes], "<i4").tolist()
    return Seal(Label(**json.loads(tail[len(tail) - label_bytes :])), tuple(tokens), state_bytes)


def check_state(path: Path, seal: Seal) -> None:
    """Raise BrokenSeal if the state in the file is not the one that was sealed."""
    with path.open("rb") as file:
        if _checksum(file, seal.state_bytes) != seal.label.checksum:
            raise BrokenSeal("it is damaged")


def _tail_checksum(tail: bytes, label_bytes: int, state_bytes: int) -> int:
    return crc32(struct.pack("<IQ", label_bytes, state_bytes), crc32(tail))


def _checksum(file: BinaryIO, length: int) -> int:
    file.seek(0)
    checksum = 0
    while length > 0:
        block = file.read(min(BLOCK_BYTES, length))
        if not block:
            raise BrokenSeal("it is cut short")
        checksum = crc32(block, checksum)
        length -= len(block)
    return checksum
