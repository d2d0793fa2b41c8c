"""Which of several choices an answer names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from rapid_cli.evaluation.measures import contains, words

_ALONE = re.compile(r"^\W*([a-zA-Z])\W*$")
# "B", "B.", "(B) because", "**B**: text"; but neither "A man" nor "B or C" nor "A, B and C".
_FIRST = re.compile(
    r"^\W*(?:[(\[]([A-Z])[)\]]|([A-Z])[*_\s]*(?:$|\n|[.:)\]–—]|-\s|,(?!\s*(?:and\s|or\s)?[A-Z]\b)))"
)
_LISTED = re.compile(r"^[^\w\n]*([A-Z])[.):]\s", re.MULTILINE)
_SAID = re.compile(
    r"\b(?:answer|option|choice|letter)\b[^\n.]{0,40}?(?:\bis\b|:|=|\bbe\b)?[\s\W]*\b([A-Z])\b"
    r"(?!['’\w])(?!\s+(?:and|or)\b)"
)
_LONE = re.compile(r"(?<![\w'’])([A-Z])(?![\w'’])")
# "A" before a word that may follow an article, and "I", are no letters of choices.
_ARTICLE = re.compile(
    r"(?<![\w'’])A(?=\s+(?!(?:is|was|or|and|because|since|as|seems)\b)[a-z])|(?<![\w'’])I(?=\s)"
)


def chosen(answer: str, choices: Mapping[str, str]) -> str | None:
    """Return the letter of the choice that an answer names; None if it names none, or several.

    It may name a letter, or have the text of one choice, or be a part of the text of one alone.
    """
    for letter in _named(answer.strip()):
        if letter in choices:
            return letter
    quoted = _only(_quoted(answer, choices))
    return quoted or _only(_meant(answer, choices)) or _lone(answer, choices)


def _named(answer: str) -> Iterable[str]:
    """Yield the letters that an answer names as such, the plainest way first."""
    if alone := _ALONE.match(answer):
        yield alone[1].upper()
    first, listed = _FIRST.match(answer), set(_LISTED.findall(answer))
    if first and len(listed) <= 1:  # else it repeats what it could choose from
        yield first[1] or first[2]
    said = {found[1] for found in _SAID.finditer(_ARTICLE.sub(" ", answer))}
    if len(said) == 1:
        yield said.pop()


def _quoted(answer: str, choices: Mapping[str, str]) -> list[str]:
    """Return the choices whose text the answer has, without those that are part of another."""
    found = [letter for letter, text in choices.items() if contains(answer, text)]
    return [
        letter
        for letter in found
        if not any(other != letter and contains(choices[other], choices[letter]) for other in found)
    ]


def _meant(answer: str, choices: Mapping[str, str]) -> list[str]:
    """Return the choices that the whole answer is a part of."""
    if not words(answer):
        return []
    return [letter for letter, text in choices.items() if contains(text, answer)]


def _lone(answer: str, choices: Mapping[str, str]) -> str | None:
    """Return the one letter that stands alone anywhere in the answer."""
    found = set(_LONE.findall(_ARTICLE.sub(" ", answer)))
    return _only(sorted(found & choices.keys()))


def _only(letters: list[str]) -> str | None:
    return letters[0] if len(letters) == 1 else None
