"""Running heads and feet: lines that stand at the edge of nearly every page of a document."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import takewhile

from rapid_cli.documents import PAGE_BREAK, Document

_MOST_LINES = 3
"""Lines of a head or foot."""
_FEWEST_PAGES = 3
_SHARE = 0.4
"""On which share of pages one stands at least; left and right pages may have one each."""
_LINE = re.compile(r"\S[^\n]*")
_NUMBER = re.compile(r"\d+")
_BEYOND = 9  # digits of a number that counts no pages


def bodies(document: Document) -> list[tuple[int, int]]:
    """Return the parts of a document's text between running heads and feet, one for each page.

    Without pages that is all of it. What runs is left where it comes first, and so is a page of
    nothing else.
    """
    if not document.paged:
        return [(0, len(document.text))]
    edges = [_Edges(page.text, page.number) for page in document.pages]
    heads = _running([each.top for each in edges])
    feet = _running([each.bottom for each in edges])
    parts, start = [], 0
    for page, edge, above, below in zip(document.pages, edges, heads, feet, strict=True):
        first, last = edge.body(above, below)
        parts.append((start + first, start + last))
        start += len(page.text) + len(PAGE_BREAK)
    return parts


class _Edges:
    """The first and the last lines of a page, each with what it may be called on every page."""

    def __init__(self, text: str, number: int) -> None:
        lines = list(_LINE.finditer(text))
        self._length, self._count = len(text), len(lines)
        self._first = lines[:_MOST_LINES]
        self._last = lines[: -_MOST_LINES - 1 : -1]
        self.top = [_names(line[0], number) for line in self._first]
        self.bottom = [_names(line[0], number) for line in self._last]

    def body(self, above: int, below: int) -> tuple[int, int]:
        """Return where the page begins and ends without so many lines at its top and bottom."""
        if above + below >= self._count:
            return 0, self._length
        first = self._first[above - 1].end() if above else 0
        last = self._last[below - 1].start() if below else self._length
        return first, last


def _names(line: str, number: int) -> list[str]:
    """Return a line as it stands, and with each of its numbers as one that counts the pages."""
    plain = " ".join(line.split())
    names = [plain]
    for found in _NUMBER.finditer(plain):
        if len(found[0]) < _BEYOND:
            ahead = int(found[0]) - number
            names.append(f"{plain[: found.start()]}\0{ahead}\0{plain[found.end() :]}")
    return names


def _running(edges: Sequence[Sequence[Sequence[str]]]) -> Iterator[int]:
    """Yield of each page how many lines from its edge on have run before.

    Where they come first they stay: a head may hold what is asked for, as the number of a case.
    """
    counts = Counter(name for edge in edges for name in {name for names in edge for name in names})
    fewest = max(_FEWEST_PAGES, _SHARE * len(edges))
    running = {name for name, count in counts.items() if count >= fewest}
    seen: set[str] = set()
    for edge in edges:
        yield _leading(edge, seen)
        seen.update(running.intersection(name for names in edge for name in names))


def _leading(edge: Sequence[Sequence[str]], running: set[str]) -> int:
    """Return how many lines from the edge on are running ones."""
    return sum(1 for _ in takewhile(lambda names: not running.isdisjoint(names), edge))
