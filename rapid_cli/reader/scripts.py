"""Raised and lowered text in a line: 10^6, H_2O, x^(n+1), notes as [4], 1st as it is."""

from __future__ import annotations

import re

_SIGNS = str.maketrans({"\u2212": "-", "\u2013": "-", "\u2010": "-", "\u2011": "-", "\ufe63": "-"})
# What needs no brackets: 6, -3, 0.5, n, max, 2+ of an ion, a sign alone.
_BARE = re.compile(r"[+-]?(?:\d+(?:[.,/]\d+)?|[^\W\d_]+)[+-]?|\d*[+-]|[+-]\d*|\*|\u2020")
_NUMBER = re.compile(r"[+-]?\d+(?:[.,/:\u2013-]\s?\d+)*[+-]?")
_NOTE = re.compile(r"[\[(]?\s*([\w*\u2020\u2021\u00a7\u00b6#]+(?:\s?[,;\u2013-]\s?\w+)*)\s*[\])]?")
_NOTES = re.compile(r"(?:\[[^\[\]]{1,60}\][\s,;]*)+")
_ORDINALS = frozenset(["st", "nd", "rd", "th"])
_FOREIGN_ORDINALS = frozenset(["e", "er", "re", "ère", "ème", "eme", "nde", "es", "ers"])
_ABBREVIATIONS = frozenset(
    re.findall(r"\w+", "mme mmes mlle mlles mr mrs dr drs no nos st ste jr sr me mgr cie sgt wm pr")
)
_TRADE_SIGNS = {"TM": "™", "SM": "℠", "R": "®"}
# After a longer word a small number is a note, but for these a power.
_UNITS = frozenset(
    re.findall(
        r"\w+",
        "km cm mm dm nm µm μm pm hm dam ft yd mi kg ms ns mc kb см км мм дм feet foot inch inches"
        " yard yards mile miles meter meters metre metres kilometer kilometers kilometre kilometres"
        " centimeter centimeters centimetre centimetres millimeter millimeters millimetre"
        " millimetres sec second seconds sin cos tan cot sinh cosh tanh log exp chi sigma",
    )
)
_LETTERS_OF_NOTES = frozenset("abcdfgh")
_MONTH = re.compile(
    r"\b(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*\.?\s+\d+$", re.IGNORECASE
)
_ROMAN = re.compile(r"\b[IVXLC]+$")
_YEARS = range(1500, 2100)
_LARGEST_BASE = 99  # of a power that nothing around it shows to be one
_USUAL_BASES = {10**power for power in range(10)} | {2**power for power in range(12)}
_OPERATORS = "=<>≈≤≥+*/×·÷^(\u2212"
_CURRENCIES = "$€£¥₹"
_BRACKETS = {")": "(", "]": "[", "}": "{"}
_OPEN = "([{“‘«„\"'"
_UNSPACED = 0x2E80  # scripts from here on have letters that are words
_LONG_WORD = 3
_LONGEST_BASE = 40  # characters before raised text that are looked at


def script(mark: str, text: str) -> str:
    """Return raised (`^`) or lowered (`_`) text, in brackets where it would not end clearly."""
    plain = text.translate(_SIGNS)
    return mark + (plain if _BARE.fullmatch(plain) or _is_bracketed(plain) else f"({plain})")


def note(text: str) -> str:
    """Return the mark of a note, such as [4]; signs such as * stand alone."""
    match = _NOTE.fullmatch(text)
    if match is None:
        return text
    return f"[{match[1]}]" if any(map(str.isalnum, match[1])) else match[1]


def noted(mark: str, before: str) -> str:
    """Return the mark of a note as it goes on from the text `before` it."""
    apart = mark[:1] == "[" and before and not before[-1].isspace() and before[-1] not in _OPEN
    return f" {mark}" if apart else mark


def lowered(text: str, before: str) -> str:
    """Return a lowered text as it goes on from the text `before` it."""
    if not text or not before or not (before[-1].isalnum() or before[-1] in _BRACKETS):
        return text
    return f" {text}" if _is_phrase(text) else script("_", text)


def raised(text: str, before: str, after: str) -> str:
    """Return a raised text as it goes on from the text `before` it and into that `after` it."""
    if _NOTES.fullmatch(text):
        return noted(text, before)
    is_sign = not any(map(str.isalnum, text)) and text.translate(_SIGNS) not in {"+", "-"}
    return text if is_sign else _raised_letters(text, before, after)


def _raised_letters(text: str, before: str, after: str) -> str:
    if not before or before[-1].isspace() or before[-1] in _OPEN:
        isotope = text.isdigit() and after[:1].isupper()
        return script("^", text) if isotope else _opening(text)
    base = before.rsplit(None, 1)[-1][-_LONGEST_BASE:]
    joined = _joined(text, base)
    if joined is not None:
        return joined
    if _is_power(text, base, before, after):
        return script("^", text)
    is_note = len(text) == 1 or _NUMBER.fullmatch(text) or _is_bracketed(text)
    return noted(note(text), before) if is_note else f" {text}"


def _opening(text: str) -> str:
    """Return what begins a line or a word: the number of a note, or small letters."""
    return note(text) if _NUMBER.fullmatch(text) else text


def _joined(text: str, base: str) -> str | None:
    """Return what belongs to the word before it: 1st, Mme, ™, the cents of a price."""
    small, is_number = text.lower(), base[-1:].isdigit()
    if small in _ORDINALS or (base + text).lower() in _ABBREVIATIONS:
        return text
    if small in _FOREIGN_ORDINALS and (is_number or _ROMAN.search(base)):
        return text
    if is_number and text == "o":
        return "°"
    if text in _TRADE_SIGNS and base[-1:].isalpha() and len(base) >= _LONG_WORD:
        return _TRADE_SIGNS[text]
    if is_number and base[0] in _CURRENCIES and "." not in base and re.fullmatch(r"\d\d", text):
        return f".{text}"
    return None


def _is_power(text: str, base: str, before: str, after: str) -> bool:
    """Tell whether raised text is a power or a part of a name, and no mark of a note."""
    last = base[-1]
    if text.translate(_SIGNS).strip("+-") != text:  # 10^-3, Ca^2+
        return last.isalnum() or last in _BRACKETS
    if last in _BRACKETS:
        return _is_formula(before)
    if re.search(r"_(?:\w+|\([^()]*\))$", base):  # what is lowered stands before it
        return True
    if last.isdigit():
        return _is_power_of_number(text, base, before, after)
    return last.isalpha() and _is_power_of_letters(text, base, before)


def _is_power_of_number(text: str, base: str, before: str, after: str) -> bool:
    if not text.isdigit():
        return len(text) > 1 or text not in _LETTERS_OF_NOTES
    found = re.search(r"\d[\d.,']*$", base)
    number, rest = (found[0], base[: found.start()]) if found else (base, "")
    sign = (rest or before[: -len(base)].rstrip())[-1:]
    if (sign and sign in _OPERATORS) or after.lstrip()[:1] in {"=", "×", "·", "+", "≈"}:
        return True
    if rest and not re.fullmatch(r"[\d.,]*x|[-±~]|.*[\d)][-–—/]", rest):  # COVID-19, H1, $450
        return False
    return _is_usual_base(number, before)


def _is_usual_base(number: str, before: str) -> bool:
    """Tell whether a number is likely to be raised to a power, rather than to have a note."""
    if not number.isdigit():
        return number.startswith(("0.", "1."))
    value = int(number[:9])
    if value in _YEARS or _MONTH.search(before):
        return False
    return value <= _LARGEST_BASE or value in _USUAL_BASES


def _is_power_of_letters(text: str, base: str, before: str) -> bool:
    found = re.search(r"[^\W\d_]+$", base)
    word = found[0] if found else base
    rest = base[: len(base) - len(word)]
    if ord(word[-1]) >= _UNSPACED or rest[-1:] in {"'", "’", "."}:
        return False
    if len(word) == 1 or any(sign in rest for sign in "=+*/^("):
        return True
    small = word.lower()
    if small == "in":  # inches, after a number
        return bool(re.search(r"\d\s?in$", before))
    return text.isdigit() and small in _UNITS and int(text[:9]) < 10


def _is_formula(before: str) -> bool:
    """Tell whether the brackets that end here hold a formula and not words."""
    start = before.rfind(_BRACKETS[before[-1]])
    inside = before[start + 1 : -1]
    return start >= 0 and not re.search(rf"[^\W\d_]{{{_LONG_WORD},}}", inside)


def _is_phrase(text: str) -> bool:
    return len(text.split()) > 1 and len(text) > 2 * _LONG_WORD and text[0].isalpha()


def _is_bracketed(text: str) -> bool:
    return len(text) > 1 and text[0] in "([" and _BRACKETS.get(text[-1]) == text[0]
