"""Text that a terminal shows and does not obey: what documents and models write is data."""

from __future__ import annotations

import json
import re

# What moves the cursor, colours, reorders, or hides what it stands beside. The marks and joiners
# that Arabic, Hebrew, Persian and emoji are written with stay: they touch only their neighbours.
_UNSEEN = (
    "\x7f-\x9f"  # delete, and the second set of controls
    "\u2028\u2029"  # separators of lines and paragraphs
    "\u202a-\u202e\u2066-\u2069"  # embeddings, overrides and isolates
    "\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb"  # invisible operators and annotations
    "\ud800-\udfff"  # halves of characters, as in file names that are not Unicode
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"  # tags, and what is set aside as invisible
)
_IN_TEXT = re.compile(rf"[\x00-\x08\x0b-\x1f{_UNSEEN}]")
_IN_LINE = re.compile(rf"[\x00-\x1f{_UNSEEN}]")
# In JSON an escape is the same data, so marks and spaces of no width are escaped too. The joiners
# stay, for they are part of words.
_IN_JSON = re.compile(rf"[\u00ad\u061c\u180e\u200b\u200e\u200f{_UNSEEN}]")


def printable(text: str) -> str:
    """Return `text` with all that a terminal would obey made visible; lines and tabs stay.

    A text may be given in pieces: what comes out for each does not depend on the others, but for
    a line break of two characters that is torn in two, of which the first is then seen.
    """
    return _IN_TEXT.sub(_visible, text.replace("\r\n", "\n"))


def printable_line(text: str) -> str:
    """Return `text` as one line, such as a file name: line breaks and tabs are made visible too."""
    return _IN_LINE.sub(_visible, text)


def printable_json(value: object) -> str:
    """Return `value` as JSON on one line, in which all that a terminal would obey is escaped.

    It is the same data as without: only strings can hold such characters.
    """
    return _IN_JSON.sub(_escaped, json.dumps(value, ensure_ascii=False))


def _escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]


def _visible(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return "\ufffd" if 0xD800 <= code <= 0xDFFF else f"<U+{code:04X}>"
