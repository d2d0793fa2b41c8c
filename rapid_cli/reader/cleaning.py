"""What every reader does to text, and how errors of libraries are told."""

from __future__ import annotations

import re

LABEL_LENGTH = 120

# Letters that a printer joins, as PDFs have them: nobody would find them by writing them apart.
_JOINED = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
)
_LONGEST_BLANK = 2_000
"""Characters; what follows takes each blank for a part of one passage."""
_BLANK = re.compile(rf"(?<!\s)(\s{{{_LONGEST_BLANK}}})\s+")  # looks at no blank twice
_SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Return `text` as valid Unicode with `\\n` line ends, without NUL and vast blanks."""
    if _SURROGATE.search(text):
        # The round trip joins surrogates that form a pair and replaces those that do not.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    text = text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
    return _BLANK.sub(r"\1", text)


def apart(text: str) -> str:
    """Return a text with the letters that a printer joined, such as ﬁ, each for itself."""
    return text.translate(_JOINED)


def one_line(text: str, length: int = LABEL_LENGTH) -> str:
    """Return `text` as one printable line of at most `length` characters."""
    joined = " ".join(text[: 10 * length].split())
    line = "".join(char for char in joined if char.isprintable())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def reason(error: BaseException) -> str:
    """Return the first line of what a library says, short enough for a sentence."""
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, LookupError | AttributeError | TypeError | ArithmeticError):
        return "its structure is damaged"  # a library met what it does not expect there
    lines = str(error).strip().splitlines()
    return one_line(lines[0], 100).rstrip(".") if lines else type(error).__name__
