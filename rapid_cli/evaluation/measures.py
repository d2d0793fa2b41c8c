"""How alike two texts are: SQuAD's normalisation, made to work for other scripts too."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

from rapid_cli.text.language import HANGUL, UNSPACED

_ARTICLES = {"a", "an", "the"}
_LETTERS = re.compile(f"[{UNSPACED}{HANGUL}]")
"""Letters of scripts without spaces, and syllables of Korean, are words of their own."""


def words(text: str, *, joining: bool = True) -> list[str]:
    """Return the words of a text that are compared: small letters, no punctuation, no articles.

    Punctuation joins what it stands between, as in SQuAD's rule, or else it parts that. A text of
    articles alone keeps them.
    """
    plain = unicodedata.normalize("NFKC", text).lower()
    spaced = "".join(_kept(letter, "" if joining else " ") for letter in plain)
    found = _LETTERS.sub(r" \g<0> ", spaced).split()
    return [word for word in found if word not in _ARTICLES] or found


def _kept(letter: str, instead: str) -> str:
    return instead if unicodedata.category(letter)[0] in "PS" else letter


def contains(text: str, answer: str) -> bool:
    """Tell whether the words of a right answer stand in a text, one after the other.

    "13-7" and "13 - 7" are the same; "six" does not stand in "sixty".
    """
    return any(
        _stands_in(words(answer, joining=joining), words(text, joining=joining))
        for joining in (True, False)
    )


def _stands_in(wanted: Sequence[str], found: Sequence[str]) -> bool:
    if not wanted:
        return False
    size = len(wanted)
    return any(found[at : at + size] == wanted for at in range(len(found) - size + 1))


def exact(text: str, answer: str) -> bool:
    """Tell whether a text is the right answer, word for word."""
    return words(text) == words(answer)


def f1(text: str, answer: str) -> float:
    """Return the harmonic mean of how much of the text is right, and of how much of it is there."""
    found, wanted = words(text), words(answer)
    common = (Counter(found) & Counter(wanted)).total()
    if not found or not wanted:
        return float(found == wanted)
    return 2 * common / (len(found) + len(wanted))


def best(measure: Callable[[str, str], float], text: str, answers: Sequence[str]) -> float:
    """Return a measure for the right answer that it is highest for; 0 without any."""
    return max((float(measure(text, answer)) for answer in answers), default=0.0)
