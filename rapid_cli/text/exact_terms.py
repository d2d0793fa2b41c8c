"""Terms that are looked for as they stand: 4.2.1, E-4711, 2024-03-15, $1,250.00, Table 3."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from unicodedata import normalize

MOST_EXACT = 8
"""A question is searched for no more of them."""

_SECTIONS = (
    *("section", "sec", "clause", "article", "art", "paragraph", "para", "rule", "item"),
    *("chapter", "part", "regulation", "requirement", "step", "point"),
)
"""What numbers at the beginning of a line count."""
_CAPTIONS = (
    *("table", "figure", "fig", "exhibit", "appendix", "annex", "schedule", "note", "equation"),
    *("eq", "theorem", "lemma", "algorithm", "example", "form", "version", "error", "code"),
)
"""What is told with its number wherever it is spoken of."""
_MONTH = (
    "(?:january|february|march|april|may|june|july|august|september|october|november|december"
    "|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_DATE = rf"{_DAY}\s+(?:of\s+)?{_MONTH}\b(?:,?\s+\d{{4}})?|{_MONTH}\s+{_DAY}\b(?:,?\s+\d{{4}})?"
_CURRENCY = "[$€£¥]"
_DIGITS = r"\d(?:[\d.,]*\d)?"
_AMOUNT = rf"{_CURRENCY}\s?{_DIGITS}(?!\w)|(?<![\w.,]){_DIGITS}\s?(?:%|‰|{_CURRENCY})"
_CODE = r"(?-i:[A-Z]{2,6}\s\d{2,}\b)|\w+(?:[-./:,]\w+|\(\w{1,4}\))*"
_ORDINAL = r"(?!(?:19|20)\d\d\b)\d{1,5}[a-z]?|(?-i:[IVXLC]{1,6}|[A-Z])"
_NUMBERED = (
    rf"(?:\b(?P<label>{'|'.join(_SECTIONS + _CAPTIONS)})s?\b\.?\s*"
    rf"(?:no\.\s*|numbers?\s+|#\s*)?|(?P<sign>§+)\s*)(?P<ordinal>{_ORDINAL})(?![\w(%]|[-./:,]\w)"
)
_TERM = re.compile(
    rf"(?P<date>\b(?:{_DATE})\b)|(?P<numbered>{_NUMBERED})|(?P<amount>{_AMOUNT})"
    rf"|(?P<code>(?<!\w)(?:{_CODE})(?!\w))",
    re.IGNORECASE,
)
_DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_JOINER = re.compile(r"(?<=[^\W\d])[-\s](?=\d)")
_PERIOD = re.compile(r"(?:(?:fy|cy|[qh])\d+)+", re.IGNORECASE)
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d")
_LONGEST_PREFIX = 3
_SHORTEST_NUMBER, _FEWEST_DIGITS = 4, 2

# What stands beside a term must not make another one of it: 4.2.1 is neither 4.2.1.3 nor 14.2.1.
_BEFORE, _AFTER = r"(?<!\w)(?<!\w[-.,])", r"(?!\w|[.,]\d|[-/]\w|\(\w{1,4}\))"
_OPENING = r"^\W*"
_FLAGS = re.IGNORECASE | re.MULTILINE


@dataclass(frozen=True, slots=True)
class ExactTerm:
    """A term of a question.

    The index finds it by its `phrases`, of which each is a run of words, beside much that is not
    it. `pattern` is a regular expression that matches it in a text that is `plain`.
    """

    phrases: tuple[str, ...]
    pattern: str

    def is_in(self, text: str) -> bool:
        """Tell whether a plain text holds it as it stands."""
        return re.search(self.pattern, text, _FLAGS) is not None

    def opens(self, text: str) -> bool:
        """Tell whether a line of a plain text begins with it, as a section does with its number."""
        return re.search(f"{_OPENING}(?:{self.pattern})", text, _FLAGS) is not None


def plain(text: str) -> str:
    """Return a text in which all forms of a dash and of a letter are one."""
    return _DASHES.sub("-", normalize("NFKC", text.replace("\u00ad", "")))


def exact_terms(question: str) -> list[ExactTerm]:
    """Return the terms that a text has to hold as they stand, in the order of the question.

    Those are numbers and codes of several parts, long numbers, dates, amounts with their sign, and
    numbers that name a section, a table and the like.
    """
    found = (_exact(match) for match in _TERM.finditer(plain(question)))
    return list(dict.fromkeys(islice((term for term in found if term), MOST_EXACT)))


def _exact(found: re.Match[str]) -> ExactTerm | None:
    text = found[0]
    if found["numbered"]:
        return _numbered(found["label"] or "", found["ordinal"])
    if found["date"]:
        return ExactTerm((text,), _between(r"[\s,]+".join(re.findall(r"\w+", text))))
    if found["amount"]:
        return _amount(text)
    return _code(text) if _is_code(text) else None


def _numbered(label: str, ordinal: str) -> ExactTerm:
    """Return the term of what a label and a number name, such as Table 3, or § 12 without one."""
    label = label.lower()
    if label in _CAPTIONS:
        # A short form, such as fig, is what the long one begins with.
        alike = [each for each in _CAPTIONS if each.startswith(label) or label.startswith(each)]
        phrases = tuple(f"{each} {ordinal}" for each in alike)
        return ExactTerm(phrases, _labelled(rf"\b(?:{'|'.join(alike)})s?", ordinal))
    phrases = (*(f"{each} {ordinal}" for each in _SECTIONS), ordinal)
    pattern = _labelled(rf"(?:\b(?:{'|'.join(_SECTIONS)})s?|§)", ordinal)
    if ordinal.isdigit():
        pattern += rf"|{_OPENING}{ordinal}(?![\w%]|[.,/-]\w)"
    return ExactTerm(phrases, pattern)


def _labelled(labels: str, ordinal: str) -> str:
    return rf"{labels}\.?\s*(?:no\.\s*)?{_between(ordinal)}"


def _amount(text: str) -> ExactTerm:
    """Return the term of an amount; its sign may stand in the head of a table if it is long."""
    number = re.search(_DIGITS, text)
    assert number is not None, "an amount has digits"
    sign = re.sub(r"[\d.,\s]", "", text)
    core = _between(re.escape(number[0]))
    if not number[0].isdigit():
        return ExactTerm((number[0],), core)
    signed = re.escape(sign)
    return ExactTerm((number[0],), rf"{signed}\s?{core}|{core}\s?{signed}")


def _is_code(text: str) -> bool:
    """Tell whether a word, or words with no blank between, are no words but a number or a code."""
    parts = re.findall(r"\w+", text)
    numbers = [part for part in parts if any(character.isdigit() for character in part)]
    if len(parts) > 1:
        others = (part for part in parts if part not in numbers)
        short = all(part.isupper() or len(part) <= _LONGEST_PREFIX for part in others)
        return len(numbers) > 1 or (len(numbers) == 1 and short)
    if text.isdigit():
        return len(text) >= _SHORTEST_NUMBER and not _YEAR.fullmatch(text)
    digits = sum(character.isdigit() for character in text)
    return text[0].isalpha() and digits >= _FEWEST_DIGITS and not _PERIOD.fullmatch(text)


def _code(text: str) -> ExactTerm:
    """Return the term of a code; between letters and digits a dash may be a blank or missing."""
    pieces = re.findall(r"\w+|[^\w\s]|\s", text)
    around = zip(["", *pieces[:-1]], pieces, [*pieces[1:], ""], strict=True)
    pattern = "".join(_piece(*each) for each in around)
    joined = _JOINER.sub("", text)
    return ExactTerm(tuple(dict.fromkeys((text, joined))), _between(pattern))


def _piece(before: str, piece: str, after: str) -> str:
    """Return what matches a piece of a code between two others."""
    if piece in "- ":
        loose = before.isalpha() and after.isdigit()
        return r"[-\s]?\s*" if loose else r"[-\s]\s*" if piece == " " else r"-\s*"
    return rf"\s?{re.escape(piece)}\s?" if piece in "()" else re.escape(piece)


def _between(pattern: str) -> str:
    return f"{_BEFORE}(?:{pattern}){_AFTER}"
