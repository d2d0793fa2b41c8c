"""Words that are divided at the ends of lines, put together again."""

from __future__ import annotations

import re
from collections.abc import Sequence

_DIVIDED = re.compile(
    r"(?<=[^\W\d_])([-\u2010\u00ad])[ \t]*\n[ \t]*"
    r"([^\W\d_](?:[^\s\u00ad]|\u00ad(?![ \t]*\n)){0,100})[ \t]*\n?"
)
_HEAD = re.compile(r"[^\W\d_]+\Z")
_TAIL = re.compile(r"[^\W\d_]+")
_PART = re.compile(r"\w{0,40}[-\u2010\u00ad][ \t]*\n[ \t]*\w{0,40}")
_EDGE = "\"'“”‘’„«».,;:!?()[]{}"
_SOFT = "\u00ad"
_FIRST = re.compile(r"all|ex|full|long|non|self|well|two|three|four|five|six|seven|eight|nine")
"""What compounds begin with, and words that a line divides do not."""
_SECOND = re.compile(r"based|driven|known|level|oriented|quality|related|specific|speed|term")
"""What compounds end with."""
_LONGEST = 40  # letters of a part
_LONG = 4
"""Letters that each part of a compound has at least, such as in long-term."""


def joined(texts: Sequence[str | None]) -> list[str | None]:
    """Return the texts of all pages with words whole that lines divide.

    A hyphen stays if the text has the word with it elsewhere, and if a part of the word is one
    that compounds have, or both parts are words of the text, unless it has the whole word.
    """
    if not any(text and _DIVIDED.search(text) for text in texts):
        return list(texts)
    words = _words(texts)
    return [text and _joined(text, words) for text in texts]


def _joined(text: str, words: set[str]) -> str:
    """Return a text whose divided words stand at the end of the upper line."""

    def join(match: re.Match[str]) -> str:
        start = match.start()
        head = _HEAD.search(text, max(0, start - _LONGEST), start)
        tail = _TAIL.match(match[2])
        kept = head and tail and match[1] != _SOFT and _is_compound(head, tail, words)
        return f"{'-' if kept else ''}{match[2]}\n"

    return _DIVIDED.sub(join, text)


def _is_compound(head: re.Match[str], tail: re.Match[str], words: set[str]) -> bool:
    """Tell whether two parts of a word have a hyphen between them wherever they stand."""
    hyphens = head.string[head.start() - 1 : head.start()], tail.string[tail.end() : tail.end() + 1]
    if "-" in hyphens:  # as in state-of-the-art
        return True
    return _keeps_hyphen(head[0], tail[0], words)


def _keeps_hyphen(head: str, tail: str, words: set[str]) -> bool:
    if tail[0].isupper() and not head.isupper():
        return True
    head, tail = head.lower(), tail.lower()
    if head + tail in words:
        return False
    if f"{head}-{tail}" in words or _FIRST.fullmatch(head) or _SECOND.fullmatch(tail):
        return True
    return min(len(head), len(tail)) >= _LONG and {head, tail} <= words


def _words(texts: Sequence[str | None]) -> set[str]:
    """Return the words of a text in small letters, without those that lines divide."""
    found: set[str] = set()
    for text in texts:
        if text:
            found.update(_PART.sub(" ", text).split())
    return {word.strip(_EDGE).lower() for word in found}
