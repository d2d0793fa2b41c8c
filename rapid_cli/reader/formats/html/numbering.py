"""The numbers of ordered lists, as a browser shows them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_STYLES = {
    "1": "decimal",
    "a": "lower-alpha",
    "A": "upper-alpha",
    "i": "lower-roman",
    "I": "upper-roman",
}
_STYLE = re.compile(r"list-style(?:-type)?\s*:\s*([^;]*)", re.IGNORECASE)
_LATIN = re.compile("latin$")
_KNOWN = {"decimal", "decimal-leading-zero", *_STYLES.values()}
_UNNUMBERED = {"none", "disc", "circle", "square"}
# Classes of the common libraries of styles whose lists have no numbers.
_PLAIN = {"list-unstyled", "list-none", "list-inline", "breadcrumb"}
_INTEGER = re.compile(r"\s*([+-]?\d{1,9})")
_ROMANS = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l")),
    *((40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)
_LARGEST_ROMAN = 3999
# A number that is known only when its list ends: of which list, which item, in which style.
_LATER = re.compile("\ufdd6(\\d{1,9}):(\\d{1,9}):([a-z-]{1,20})\ufdd7")


class OpenList:
    """A list whose items come one by one; `style` is empty where they have no numbers."""

    def __init__(self, tag: str, attributes: Mapping[str, str], identity: int) -> None:
        self.style = _style(attributes, "decimal" if tag == "ol" else "")
        self.items = 0
        start = _integer(attributes.get("start"))
        self._step = -1 if "reversed" in attributes else 1
        self._next = start if start is not None or self._step < 0 else 1
        self.identity = identity
        self.counts_down = self._next is None  # from a number that its end shows

    def label(self, attributes: Mapping[str, str]) -> str:
        """Return the label of the next item, empty where it has none."""
        style = _style(attributes, self.style)
        value = _integer(attributes.get("value"))
        number = self._next if value is None else value
        self.items += 1
        if number is None:
            return f"\ufdd6{self.identity}:{self.items - 1}:{style}\ufdd7" if style else ""
        self._next = number + self._step
        return _label(number, style) if style else ""


def numbered(text: str, totals: Sequence[int]) -> str:
    """Return a text with the numbers of lists that count down to 1 from their `totals`."""

    def label(match: re.Match[str]) -> str:
        identity = int(match[1])
        total = totals[identity] if identity < len(totals) else 0
        return _label(total - int(match[2]), match[3])

    return _LATER.sub(label, text)


def _label(number: int, style: str) -> str:
    if style.endswith("alpha") and number > 0:
        text = _letters(number)
    elif style.endswith("roman") and 0 < number <= _LARGEST_ROMAN:
        text = _roman(number)
    else:
        text = f"{number:02d}" if style == "decimal-leading-zero" else str(number)
    return f"{text.upper() if style.startswith('upper') else text}."


def _letters(number: int) -> str:
    letters = ""
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("a") + letter) + letters
    return letters


def _roman(number: int) -> str:
    text = ""
    for value, letters in _ROMANS:
        count, number = divmod(number, value)
        text += letters * count
    return text


def _style(attributes: Mapping[str, str], usual: str) -> str:
    """Return the style of the numbers that attributes ask for."""
    if not attributes:
        return usual
    if found := _STYLE.search(attributes.get("style", "")):
        for word in found[1].lower().split():
            name = _LATIN.sub("alpha", word)
            if name in _UNNUMBERED:
                return ""
            if name in _KNOWN:
                return name
    if usual and _PLAIN & set(attributes.get("class", "").split()):
        return ""
    kind = attributes.get("type", "")
    return _STYLES.get(kind, "" if kind.lower() in _UNNUMBERED else usual)


def _integer(text: str | None) -> int | None:
    match = _INTEGER.match(text or "")
    return int(match[1]) if match else None
