"""Words that are divided at the ends of lines, put together again."""

from __future__ import annotations

import re
from collections.abc import Sequence

_DIVIDED = re.compile(
    r"(?<=[^\W\d_])(?P<hyphen>[-\u2010\u00ad])[ \t]*\n[ \t]*"
    r"(?P<on>[^\W\d_](?:[^\s\u00ad]|\u00ad(?![ \t]*\n)){0,100})[ \t]*\n?"
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
_SUSPENDED = re.compile(r"(?:and|or|to|und|oder|bis|et|ou|y|o|e|en|of|og|och)\b")
"""What follows a hyphen that stands for a word to come, as in pre- and post-war."""
_LONGEST = 40  # letters of a part
_LONG = 4
"""Letters that each part of a compound has at least, such as in long-term."""


def joined(texts: Sequence[str | None]) -> list[str | None]:
    """Return the texts of all pages with words whole that lines divide.

    Whether a hyphen belongs to a word is told by the word itself, by what the text has elsewhere,
    and else by what most of its lines do: some texts divide words, and others only compounds.
    """
    divided = [match for text in texts if text for match in _DIVIDED.finditer(text)]
    if not divided:
        return list(texts)
    words = _Words(texts)
    known = [kept for match in divided if (kept := words.keep_hyphen(match)) is not None]
    usual = 2 * sum(known) > len(known)

    def join(match: re.Match[str]) -> str:
        if _SUSPENDED.match(match["on"]):
            return match[0]
        kept = words.keep_hyphen(match)
        return f"{'-' if (usual if kept is None else kept) else ''}{match['on']}\n"

    return [text and _DIVIDED.sub(join, text) for text in texts]


class _Words:
    """The words of a text, without those that lines divide, and what its compounds begin with."""

    def __init__(self, texts: Sequence[str | None]) -> None:
        self._whole: set[str] = set()
        for text in texts:
            if text:
                self._whole.update(_PART.sub(" ", text).lower().split())
        self._whole = {word.strip(_EDGE) for word in self._whole}
        self._first = {word.split("-", 1)[0] for word in self._whole if "-" in word}

    def keep_hyphen(self, match: re.Match[str]) -> bool | None:
        """Tell whether a divided word has a hyphen wherever it stands, None if nothing tells."""
        head = _HEAD.search(match.string, max(0, match.start() - _LONGEST), match.start())
        tail = _TAIL.match(match["on"])
        if match["hyphen"] == _SOFT or not (head and tail):
            return False
        before = head.string[head.start() - 1 : head.start()]
        after = tail.string[tail.end() : tail.end() + 1]
        if "-" in (before, after):  # as in state-of-the-art
            return True
        return self._compounds(head[0], tail[0])

    def _compounds(self, head: str, tail: str) -> bool | None:
        if not head.isupper() and tail[0].isupper():
            return True
        if len(head) == 1 and head.isupper() and tail.islower():  # as in U-shaped
            return True
        head, tail = head.lower(), tail.lower()
        if head + tail in self._whole:
            return False
        if f"{head}-{tail}" in self._whole or _FIRST.fullmatch(head) or _SECOND.fullmatch(tail):
            return True
        if tail in self._whole and (head in self._first or self._are_words(head, tail)):
            return True
        return None

    def _are_words(self, head: str, tail: str) -> bool:
        return min(len(head), len(tail)) >= _LONG and head in self._whole
