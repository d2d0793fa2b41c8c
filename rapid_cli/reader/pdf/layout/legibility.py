"""Whether the text of a page is one: fonts may map their letters to anything."""

from __future__ import annotations

import re

SAMPLE = 20_000
"""Characters of a page that are looked at."""

_TOKEN = re.compile(r"\S+")
_RUN = re.compile(r"[^\W_]+")
_CONTROL = re.compile(r"[\x01-\x08\x0e-\x1f]")
# Letters as they are drawn in one place of a word, and numbers of glyphs, in place of letters.
_NO_LETTERS = re.compile(
    rf"[\ufb50-\ufdff\ufe70-\ufefc]|(?:/[A-Za-z]{{1,8}}\d{{1,5}}){{2}}|{_CONTROL.pattern}"
)
_GARBLED = 0.3
_MIXED = re.compile(r"[A-Z]?[a-z]+(?:[A-Z][a-z]+)+|[A-Z]+s|[^\W\d_]{1,4}\d+|\d+[^\W\d_]{1,3}")
# Characters that mean nothing, and names of glyphs that fonts number.
_NOTHING = re.compile(r"(?:[\s\x00-\x1f\x7f-\x9f\ufffd\ue000-\uf8ff]|/[A-Za-z]{1,8}\d{1,5})*")


def is_nothing(text: str) -> bool:
    """Tell whether a text has no character that anybody could read."""
    return _NOTHING.fullmatch(text) is not None


def legibility(text: str) -> float:
    """Return which share of a text, 0 to 1, is words and numbers; what has neither counts as 1."""
    words = [(len(token), _is_word(token)) for token in _TOKEN.findall(text[:SAMPLE])]
    total = sum(length for length, _ in words)
    return sum(length for length, good in words if good) / total if total else 1.0


def is_garbled(text: str) -> bool:
    """Tell whether a text consists of the codes that a font has for letters, not of letters."""
    return _CONTROL.search(text) is not None and legibility(text) < _GARBLED


def _is_word(token: str) -> bool:
    if _NO_LETTERS.search(token):
        return False
    runs = _RUN.findall(token)
    if not runs:
        return len(set(token)) == 1  # a dash, or a line of dots
    return all(map(_is_run, runs))


def _is_run(run: str) -> bool:
    """Tell whether letters and digits in a row are those of a word or a number."""
    if run.isdigit() or run.isupper() or not any(map(str.isupper, run[1:])):
        return run.isdigit() or run.isalpha() or _MIXED.fullmatch(run) is not None
    return _MIXED.fullmatch(run) is not None
