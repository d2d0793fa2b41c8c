"""Pages that a question names: "page 12", "pp. 3-5", "the second page", "the cover"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rapid_cli.documents import Page
from rapid_cli.text.language import NUMBERS, ONES, ORDINALS, TENS

LONGEST_RANGE = 20
"""Of a longer range of pages only the first so many are meant: the rest would be anything."""

_WORDS = f"(?:{'|'.join(TENS)})(?:[- ](?:{'|'.join(ONES[1:10])}))?|{'|'.join(ONES[::-1])}"
_NUMBER = rf"(?:\d{{1,5}}\b|(?:{_WORDS})\b|[ivxlc]{{1,8}}\b)"
_NAMED = re.compile(
    rf"\b(?:pages?|pp?\.)\s*(?:nos?\.?\s*|numbers?\s*|#\s*)?"
    rf"({_NUMBER}(?:\s*(?:[-–—,&]|to|and|or|through)\s*{_NUMBER})*)",
    re.IGNORECASE,
)
_PLACED = re.compile(
    rf"\b({'|'.join(ORDINALS)}|\d{{1,5}}(?:st|nd|rd|th)|last|final|cover|title|front)\s+page\b",
    re.IGNORECASE,
)
_PART = re.compile(rf"({_NUMBER})|([-–—]|to|through)", re.IGNORECASE)
_FIRST, _LAST = ("cover", "title", "front"), ("last", "final")


@dataclass(frozen=True, slots=True)
class NamedPages:
    """What a question says of pages: names as they may be printed, and places counted from 1.

    A place below 0 counts from the end.
    """

    names: tuple[str, ...] = ()
    places: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether it names any."""
        return bool(self.names or self.places)

    def among(self, pages: Sequence[Page]) -> list[int]:
        """Return the numbers of those of `pages` that are meant, each once.

        A name means what is printed on a page, or else the page of that number. A page without
        text stands for the next one that has some.
        """
        labels = {page.label.lower(): page.number for page in reversed(pages) if page.label}
        named = (labels.get(name) or _number(name) for name in self.names)
        placed = (place if place > 0 else len(pages) + 1 + place for place in self.places)
        numbers = (number for number in (*named, *placed) if 1 <= number <= len(pages))
        told = (next((p.number for p in pages[n - 1 :] if p.text.strip()), 0) for n in numbers)
        return [number for number in dict.fromkeys(told) if number]


def named_pages(question: str) -> NamedPages:
    """Return which pages a question names."""
    names = (name for found in _NAMED.finditer(question) for name in _listed(found[1].lower()))
    places = tuple(_place(found[1].lower()) for found in _PLACED.finditer(question))
    return NamedPages(tuple(dict.fromkeys(names)), tuple(dict.fromkeys(places)))


def _listed(text: str) -> Iterator[str]:
    """Yield the names in a list such as "3, 5-7 and twelve"."""
    before, ranging = "", False
    for number, reach in _PART.findall(text):
        if reach:
            ranging = True
            continue
        name = _plain(number)
        if ranging and before.isdigit() and name.isdigit():
            first = int(before) + 1
            yield from map(str, range(first, min(int(name), int(before) + LONGEST_RANGE)))
        yield name
        before, ranging = name, False


def _plain(number: str) -> str:
    """Return a number in digits, unless it is a Roman one."""
    parts = re.split(r"[- ]", number)
    if all(part in NUMBERS for part in parts):
        return str(sum(NUMBERS[part] for part in parts))
    return str(int(number)) if number.isdigit() else number


def _number(name: str) -> int:
    return int(name) if name.isdigit() else 0


def _place(word: str) -> int:
    if word in _FIRST:
        return 1
    if word in _LAST:
        return -1
    return ORDINALS.index(word) + 1 if word in ORDINALS else int(word[:-2])
