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
# A picture, a font or the like as text in the place of an address; what follows is its content.
_EMBEDDED = re.compile(
    r"(?<!\w)data:(?:[\w.+-]{1,80}/[\w.+-]{1,80})?((?:;[\w.+=\"-]{1,80}){0,5}),", re.IGNORECASE
)
_BASE64 = re.compile(
    r"[\w+/=%-]*"
    r"(?:[ \t]{0,20}\n[ \t]{0,20}[A-Za-z0-9+/=]{40,})*"
    r"(?:[ \t]{0,20}\n[ \t]{0,20}(?:[A-Za-z0-9+/]{1,40}={1,2}|[A-Za-z0-9+/]{1,40}(?=[\"')>])))?"
)
_ESCAPED = re.compile(r"[^\s\"'<>()]*")
_DRAWING = re.compile(r"\s{0,20}(?:<|%3c)(?:svg|\?xml|!--)", re.IGNORECASE)
_END_OF_DRAWING = re.compile(r"(?:<|%3c)/svg\s{0,9}(?:>|%3e)", re.IGNORECASE)
_LARGEST_DRAWING = 500_000  # characters
_SHORTEST_EMBEDDED = 24  # characters; a shorter one may be what a text is about
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


def without_embedded(text: str, instead: str = "") -> str:
    """Return a text without the content of `data:` addresses, each written as `instead`."""
    if "data:" not in text and "DATA:" not in text:
        return text
    pieces, end, drawing = [], 0, -1
    for match in _EMBEDDED.finditer(text):
        start = match.end()
        if match.start() < end:
            continue
        if _DRAWING.match(text, start):
            if drawing <= start:  # where the next one ends is looked for once
                found = _END_OF_DRAWING.search(text, start)
                drawing = found.end() if found else len(text) + _LARGEST_DRAWING
            stop = drawing if drawing <= start + _LARGEST_DRAWING else start
            stop = min(stop, len(text))
        else:
            kind = _BASE64 if "base64" in match[1].lower() else _ESCAPED
            found = kind.match(text, start)
            stop = found.end() if found else start
        if stop - start >= _SHORTEST_EMBEDDED:
            pieces += [text[end : match.start()], instead]
            end = stop
    return "".join([*pieces, text[end:]])
