"""What a file is that should be a GGUF file and is none, by its first bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rapid_cli.errors import ModelError

MAGIC = b"GGUF"
HEAD_BYTES = 512
SHOWN = 60
"""Characters of a text that are shown of it."""
_LENGTH_BYTES = 8
LONGEST_SAFETENSORS_HEADER = 100_000_000
"""As the format allows."""
_AGAIN = "download the file again"
_WEIGHTS = "take a GGUF file of the same model; llama.cpp's convert_hf_to_gguf.py can make one"
_ADDRESS = (
    "download the file itself: on Hugging Face its address has /resolve/ where that of its page "
    "has /blob/"
)
_UNPACK = "unpack it, and name the GGUF file in it"


@dataclass(frozen=True, slots=True)
class _Format:
    """What a file is, which tells its first bytes, and what to do about it."""

    what: str
    begins: Callable[[bytes], bool]
    hint: str


def _any_of(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(beginnings)


def _is_page(head: bytes) -> bool:
    beginnings = (b"<!doctype html", b"<html", b"<head", b"<?xml", b"<error")
    return head.lstrip().lower().startswith(beginnings)


def _is_safetensors(head: bytes) -> bool:
    """Tell whether a length comes first, and then JSON."""
    length = int.from_bytes(head[:_LENGTH_BYTES], "little")
    return 0 < length <= LONGEST_SAFETENSORS_HEADER and head[_LENGTH_BYTES:].startswith(b"{")


_FORMATS = (
    _Format("empty", lambda head: not head, _AGAIN),
    _Format(
        "full of zeros, as a download leaves it that was interrupted",
        lambda head: not any(head),
        _AGAIN,
    ),
    _Format(
        "a pointer of Git LFS, and the model itself was not downloaded",
        _any_of(b"version https://git-lfs.github.com/"),
        "run `git lfs install` and `git lfs pull` in its repository, or download the file itself",
    ),
    _Format("a page of the web, maybe with an error on it", _is_page, _ADDRESS),
    _Format("a safetensors file", _is_safetensors, _WEIGHTS),
    _Format("a ZIP archive, such as PyTorch keeps weights in", _any_of(b"PK\x03\x04"), _WEIGHTS),
    _Format(
        "a pickle, such as PyTorch keeps weights in", _any_of(b"\x80\x02", b"\x80\x04"), _WEIGHTS
    ),
    _Format("in HDF5, such as Keras keeps weights in", _any_of(b"\x89HDF"), _WEIGHTS),
    _Format(
        "in GGML, which came before GGUF", _any_of(b"lmgg", b"fmgg", b"tjgg", b"algg"), _WEIGHTS
    ),
    _Format(
        "a compressed archive",
        _any_of(b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"\x28\xb5\x2f\xfd"),
        _UNPACK,
    ),
)
"""In the order of looking."""


def require_gguf(path: Path) -> None:
    """Raise ModelError unless a file begins as a GGUF does; it says what the file is instead."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}", "check the path") from error
    if not head.startswith(MAGIC):
        what, hint = _what(head)
        raise ModelError(f"{path} is not a GGUF file: it is {what}", hint)


def _what(head: bytes) -> tuple[str, str]:
    """Return what a file is that begins like this, and what to do about it."""
    for each in _FORMATS:
        if each.begins(head):
            return each.what, each.hint
    if text := _first_line(head):
        return f"a text that begins with {text!r}", _ADDRESS
    return "of no kind that rapid knows", "rapid runs models in llama.cpp's format"


def _first_line(head: bytes) -> str:
    """Return the beginning of a text for a person to read; nothing if it is none."""
    try:
        text = head.decode("utf-8", "strict" if len(head) < HEAD_BYTES else "ignore").strip()
    except UnicodeDecodeError:
        return ""
    line = text.splitlines()[0] if text else ""
    return line[:SHOWN] if line.isprintable() else ""
