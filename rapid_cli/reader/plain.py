"""Plain text in the encodings people have."""

from __future__ import annotations

import codecs
import re

from rapid_cli.reader.cleaning import clean
from rapid_cli.reader.formats.encodings.guessing import escaped, guess
from rapid_cli.reader.formats.encodings.letters import CANDIDATES, WIDE, Candidate

HEAD = 65536  # bytes that decide what kind of file this is

_REPLACEMENT = "\ufffd"
_ESCAPE = b"\x1b$"  # with which texts of ASCII alone switch to Japanese or Korean
# Control characters that no text has a use for; bell, backspace and escape occur in terminal logs.
_ODD = re.compile(r"[\x01-\x06\x0e-\x1a\x1c-\x1f\x7f\ufffd]")
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Unrecognised(Exception):
    """A text is in no encoding in which its letters would be those of a language."""


def decode_text(raw: bytes) -> tuple[str, tuple[str, ...]]:
    """Return the text, and a warning if the encoding had to be guessed or did not fit.

    Unrecognised if nothing fits.
    """
    text, notes = _decode(raw)
    if text is None:
        raise Unrecognised
    cleaned = clean(text)
    halves = cleaned.count(_REPLACEMENT) - text.count(_REPLACEMENT)
    return cleaned, (*notes, _replaced(halves)) if halves else notes


def decode_named(raw: bytes, encoding: str) -> tuple[str, tuple[str, ...]]:
    """Return the text of bytes in an encoding that the user named, and a warning if it is not.

    What is marked as Unicode, or is UTF-8 with letters beyond ASCII, is read as that.
    Unrecognised if a tenth of the letters do not fit.
    """
    if unicode := _unicode_encoding(raw):
        text, notes = _lenient(raw)
        is_named = codecs.lookup(encoding).name.startswith(unicode[:5])
        return clean(text), notes if is_named else (*notes, "the text is Unicode, and read as that")
    text = raw.decode(encoding, "replace")
    misfits = text.count(_REPLACEMENT)
    if misfits * 10 > sum(not char.isascii() for char in text):
        raise Unrecognised
    return clean(text), (_replaced(misfits),) if misfits else ()


def recoded_head(head: bytes, encoding: str) -> bytes:
    """Return the head of a file in UTF-8 that is Unicode, or in this encoding."""
    if _unicode_encoding(head):
        return head
    # Its end may be the first half of a character.
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    return decoder.decode(head).encode("utf-8", "replace")


def beginning_of(raw: bytes) -> str:
    """Return the text of the head of a file, in whatever it may be."""
    return _lenient(raw)[0]


def is_binary(raw: bytes) -> bool:
    """Tell whether the head of a file is full of characters that occur in no text."""
    text, notes = _lenient(raw[:HEAD])
    zeros, odd = text.count("\0"), len(_ODD.findall(text))
    # Stray NULs occur in real text files, but hardly together with an encoding that does not fit.
    zeros_allowed = 0.01 if notes else 0.3
    # Compressed data is 10 % odd characters and more; a short text may well hold one.
    return zeros > max(1, zeros_allowed * len(text)) or odd > max(1, 0.05 * len(text))


def turns_binary(raw: bytes) -> bool:
    """Tell whether a file whose head is text goes on with bytes that are none."""
    if wide_encoding(raw) or _guessed_wide(raw):
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


def _unicode_encoding(raw: bytes) -> str | None:
    """Return what a text is in that is marked as Unicode, or has letters that are UTF-8."""
    if encoding := wide_encoding(raw):
        return encoding
    try:
        return "utf-8" if raw.decode() and not raw.isascii() else None
    except UnicodeDecodeError:
        return None


def _guessed_wide(raw: bytes) -> Candidate | None:
    """Return UTF-16 if a text is in that, though it has no mark and hardly a zero half."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        found = guess(raw)
        return found if found in WIDE else None
    return None


def _lenient(raw: bytes) -> tuple[str, tuple[str, ...]]:
    """Return the text, read as Windows-1252 where nothing fits."""
    text, notes = _decode(raw)
    return (raw.decode("cp1252", "replace"), ("",)) if text is None else (text, notes)


def _decode(raw: bytes) -> tuple[str | None, tuple[str, ...]]:
    """Return the text, None where nothing fits, and warnings."""
    encoding = wide_encoding(raw) or "utf-8"
    try:
        # Some programs write what UTF-16 needs two halves for as two characters, which is joined.
        text = raw.decode(encoding, "surrogatepass")
    except UnicodeDecodeError:
        text = raw.decode(encoding, "replace")
    else:
        found = escaped(raw) if encoding == "utf-8" and _ESCAPE in raw[:HEAD] else None
        return (raw.decode(found.encoding), (_guessed(found),)) if found else (text, ())
    misfits = text.count(_REPLACEMENT)
    # One bad byte in a UTF-8 file must not turn all its other letters into pairs of wrong ones.
    letters = len(text) - len(text.encode("ascii", "ignore"))
    if encoding != "utf-8" or misfits * 10 < letters:
        return text, (_replaced(misfits),)
    if found := _guessed_wide(raw):
        return raw.decode(found.encoding, "replace"), (_guessed(found),)
    return _by_lines(raw)


def _by_lines(raw: bytes) -> tuple[str | None, tuple[str, ...]]:
    """Read the lines of a text that is not UTF-8, or not all of it."""
    lines = [(line, _beyond_ascii(line)) for line in raw.splitlines(keepends=True)]
    others = b"".join(line for line, letters in lines if letters is None)
    found = guess(others) or (None if _are_many(others) else CANDIDATES[0])
    if found is None:
        return None, ()
    # A short line in letters of two bytes may be UTF-8 by chance.
    least = 4 if found.is_wide else 1
    texts, mixed = [], False
    for line, letters in lines:
        is_other = letters is None or 0 < letters < least
        texts.append(line.decode(found.encoding, "replace") if is_other else line.decode())
        mixed = mixed or bool(letters and not is_other)
    return "".join(texts), (_guessed(found, mixed=mixed),)


def _beyond_ascii(line: bytes) -> int | None:
    """Return how many characters of a line are UTF-8 and not ASCII, None if it is not UTF-8."""
    if line.isascii():
        return 0
    try:
        return sum(not char.isascii() for char in line.decode())
    except UnicodeDecodeError:
        return None


def _are_many(raw: bytes) -> bool:
    """Tell whether bytes beyond ASCII are so many that a text would be noise without them."""
    beyond = len(raw) - len(raw.decode("ascii", "ignore"))
    return beyond > 20 and beyond * 10 > len(raw)


def _guessed(found: Candidate, *, mixed: bool = False) -> str:
    which = "some lines are not UTF-8; they were" if mixed else "the text is not UTF-8; it was"
    return f"{which} read as {found.title}, which --encoding changes"


def _replaced(count: int) -> str:
    return f"{count} unreadable characters were replaced by {_REPLACEMENT}"
