"""Plain text in the encodings people have."""

from __future__ import annotations

import codecs
import re

from rapid_cli.reader.cleaning import clean

HEAD = 65536  # bytes that decide what kind of file this is

_REPLACEMENT = "\ufffd"
# Control characters that no text has a use for; bell, backspace and escape occur in terminal logs.
_ODD = re.compile(r"[\x01-\x06\x0e-\x1a\x1c-\x1f\x7f\ufffd]")
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode_text(raw: bytes) -> tuple[str, tuple[str, ...]]:
    """Return the text, and a warning if the encoding had to be guessed or did not fit."""
    text, notes = _decode(raw)
    cleaned = clean(text)
    halves = cleaned.count(_REPLACEMENT) - text.count(_REPLACEMENT)
    return cleaned, (*notes, _replaced(halves)) if halves else notes


def is_binary(raw: bytes) -> bool:
    """Tell whether the head of a file is full of characters that occur in no text."""
    text, notes = _decode(raw[:HEAD])
    zeros, odd = text.count("\0"), len(_ODD.findall(text))
    # Stray NULs occur in real text files, but hardly together with an encoding that does not fit.
    zeros_allowed = 0.01 if notes else 0.3
    # Compressed data is 10 % odd characters and more; a short text may well hold one.
    return zeros > max(1, zeros_allowed * len(text)) or odd > max(1, 0.05 * len(text))


def turns_binary(raw: bytes) -> bool:
    """Tell whether a file whose head is text goes on with bytes that are none."""
    if wide_encoding(raw):
        return False
    middle = len(raw) // 2
    parts = (raw[middle : middle + HEAD], raw[-HEAD:]) if len(raw) > 2 * HEAD else (raw[HEAD:],)
    # What the system kept free for a log that breaks off is zeros, and no harm.
    return any(is_binary(part.replace(b"\0", b"")) for part in parts)


def wide_encoding(raw: bytes) -> str | None:
    """Return the encoding that a byte order mark, or the zero bytes of UTF-16, give away."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if raw.startswith(mark):
            return encoding
    head = raw[:HEAD]
    high_first, low_first = head[0::2].count(0), head[1::2].count(0)
    # Spaces and Latin letters have a zero half; zeros that mean something else are in both halves.
    fewer, more = sorted((high_first, low_first))
    if more <= max(2, len(head) // 20) or fewer * 10 > more:
        return None
    return "utf-16-be" if high_first > low_first else "utf-16-le"


def _decode(raw: bytes) -> tuple[str, tuple[str, ...]]:
    encoding = wide_encoding(raw) or "utf-8"
    try:
        # Some programs write what UTF-16 needs two halves for as two characters, which is joined.
        return raw.decode(encoding, "surrogatepass"), ()
    except UnicodeDecodeError:
        text = raw.decode(encoding, "replace")
    misfits = text.count(_REPLACEMENT)
    # One bad byte in a UTF-8 file must not turn all its other letters into pairs of wrong ones.
    letters = len(text) - len(text.encode("ascii", "ignore"))
    if encoding != "utf-8" or misfits * 10 < letters:
        return text, (_replaced(misfits),)
    return _by_lines(raw)


def _by_lines(raw: bytes) -> tuple[str, tuple[str, ...]]:
    """Read the lines of a text that is not UTF-8, or not all of it."""
    lines, mixed = [], False
    for line in raw.splitlines(keepends=True):
        try:
            lines.append(line.decode())
            mixed = mixed or not line.isascii()
        except UnicodeDecodeError:
            lines.append(line.decode("cp1252", "replace"))
    which = "some lines are not UTF-8; they were" if mixed else "the text is not UTF-8; it was"
    return "".join(lines), (f"{which} read as Windows-1252",)


def _replaced(count: int) -> str:
    return f"{count} unreadable characters were replaced by {_REPLACEMENT}"
