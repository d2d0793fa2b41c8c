"""Words as the lexical index sees them, in texts and in questions."""

from __future__ import annotations

import re
from itertools import pairwise
from unicodedata import normalize

from rapid_cli.text.exact_terms import ExactTerm, exact_terms
from rapid_cli.text.language import HANGUL, JAMO, QUESTION_STOP_WORDS, UNSPACED

# Each letter of a script without spaces is a token, and what it carries goes with it.
_LETTER = f"[{UNSPACED}{HANGUL}{JAMO}]"
_MARKS = "[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd\u3099\u309a]"
_UNSPACED = re.compile(f"(?!{_MARKS}){_LETTER}{_MARKS}*")
_RUN = re.compile(f"(?:{_LETTER}|{_MARKS})+|(?:(?!{_LETTER})\\w)+")
_HYPHENATED = re.compile(r"(?<=[^\W\d_])[-\u2010]\n\s*(?=[^\W\d_A-Z])")
_SOFT_HYPHEN = re.compile("\u00ad(?:\n\\s*)?")
_DOTTED = re.compile(r"\b(?:[^\W\d_]\.){2,}")
_LOWERED = re.compile(r"(?<=[^\W\d_])_(?=\d)")
_SHORT_PART = 2
_MOST_TERMS = 64
"""A question is searched for no more different words than these, so that it stays quick."""


def indexed(text: str) -> str:
    """Return a text as the index should see it: letters of unspaced scripts are words of their own.

    Words hyphenated at the end of a line are whole again, ligatures and wide forms are plain, U.N.
    is UN, and H_2O is H2O.
    """
    plain = _plain(text)
    return _UNSPACED.sub(r" \g<0> ", _HYPHENATED.sub("", plain))


def terms(question: str) -> list[str]:
    """Return what a text is searched for: words, and runs of words with blanks between them.

    A run of an unspaced script is looked for as its pairs of neighbouring letters, and a term such
    as 4.2.1 as one: its short parts alone are in any text. Words that make a question are left out
    unless there are no others.
    """
    phrases = [phrase for term in exact_terms(question) for phrase in runs(term)]
    parts = {word for phrase in phrases for word in phrase.split() if len(word) <= _SHORT_PART}
    words = [*phrases, *(word for word in _words(question) if word not in parts)]
    telling = [word for word in words if word not in QUESTION_STOP_WORDS]
    return list(dict.fromkeys(telling or words))[:_MOST_TERMS]


def runs(term: ExactTerm) -> list[str]:
    """Return the runs of words by which the index finds an exact term."""
    return [run(phrase) for phrase in term.phrases]


def run(phrase: str) -> str:
    """Return the words of a phrase with blanks between them."""
    return " ".join(_words(phrase))


def match(run: str) -> str:
    """Return an FTS5 expression for a word or a run of words, in which no operator is one."""
    return f'"{run}"'


def _words(question: str) -> list[str]:
    return [word for run in _RUN.findall(_plain(question).lower()) for word in _pairs(run)]


def _plain(text: str) -> str:
    text = _LOWERED.sub("", normalize("NFKC", _SOFT_HYPHEN.sub("", text)))
    return _DOTTED.sub(lambda initials: initials[0].replace(".", ""), text)


def _pairs(run: str) -> list[str]:
    letters = _UNSPACED.findall(run)
    if not letters:
        return [run]
    if len(letters) == 1:
        return letters
    return [f"{a} {b}" for a, b in pairwise(letters)]
