"""Words that a library has glued together or torn apart."""

from __future__ import annotations

from unicodedata import normalize

_TORN = 0.25
"""Which share of words are single letters where words are torn."""
_GLUED = 1.25
"""Times the length of words: from there on, they are glued."""
_SAME = 0.05
"""By which share two readings of the same letters may differ in their number."""
_LEAST = 20
"""Words of a page that can tell."""


def is_spaced_better(other: str, text: str) -> bool:
    """Tell whether another reading of the letters of a text has words where the text has none."""
    words, other_words = text.split(), other.split()
    letters, other_letters = sum(map(len, words)), sum(map(len, other_words))
    # Few words on a page may be one long line of them.
    if max(len(words), len(other_words)) < _LEAST or not other_words:
        return False
    if abs(letters - other_letters) > _SAME * letters or _letters(other) < _letters(text):
        return False  # another text, or one that lost some of its letters, such as ligatures
    torn, other_torn = _torn(words), _torn(other_words)
    if torn >= _TORN and other_torn <= torn / 2:
        return True
    return len(other_words) >= _GLUED * len(words) and other_torn < max(torn, _TORN / 2)


def _letters(text: str) -> int:
    return sum(map(str.isalpha, normalize("NFKC", text)))


def _torn(words: list[str]) -> float:
    """Return which share of words are single letters."""
    single = sum(len(word) == 1 and word.isalpha() for word in words)
    return single / len(words) if words else 0.0
