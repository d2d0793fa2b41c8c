"""Numbers as lists count them: figures, letters, Roman numerals, words."""

from __future__ import annotations

from collections.abc import Callable

_LATIN = "abcdefghijklmnopqrstuvwxyz"
_RUSSIAN = "абвгдежзиклмнопрстуфхцчшщыэюя"
_ARABIC = "أبتثجحخدذرزسشصضطظعغفقكلمنهوي"
_ABJAD = "أبجدهوزحطيكلمنسعفصقرشتثخذضظغ"
_HEBREW = "אבגדהוזחטיכלמנסעפצקרשת"
_KOREAN = "가나다라마바사아자차카타파하"
_KATAKANA = (
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン"
)
_STEMS = "甲乙丙丁戊己庚辛壬癸"
_BRANCHES = "子丑寅卯辰巳午未申酉戌亥"
_CHICAGO = "*†‡§"
_ROMAN = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l")),
    *((40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)
_ONES = [
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
    *("eighteen", "nineteen"),
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_CHINESE = "〇一二三四五六七八九"
_FORMAL = "零壹贰叁肆伍陆柒捌玖"
_MOST_ROMAN = 32_767
_MOST_REPEATED = 780  # letters are doubled, tripled and so on after the last of them


def numeral(value: int, kind: str) -> str | None:
    """Return a number in a kind such as "lowerRoman", None for a kind that is not known.

    Numbers that a kind does not reach are written in figures.
    """
    if kind in _SILENT:
        return ""
    write = _KINDS.get(kind)
    return None if write is None else write(value) or str(value)


def _letters(alphabet: str) -> Callable[[int], str]:
    def write(value: int) -> str:
        if not 0 < value <= _MOST_REPEATED:
            return ""
        repeated, place = divmod(value - 1, len(alphabet))
        return alphabet[place] * (repeated + 1)

    return write


def _roman(value: int) -> str:
    if not 0 < value <= _MOST_ROMAN:
        return ""
    letters = []
    for size, letter in _ROMAN:
        count, value = divmod(value, size)
        letters.append(letter * count)
    return "".join(letters)


def _ordinal(value: int) -> str:
    endings = {1: "st", 2: "nd", 3: "rd"}
    teen = value % 100 in {11, 12, 13}
    return f"{value}{'th' if teen else endings.get(value % 10, 'th')}"


def _cardinal_words(value: int) -> str:
    if not 0 <= value < 100:
        return ""
    if value < 20:
        return _ONES[value].capitalize()
    tens, ones = divmod(value, 10)
    return (_TENS[tens - 2] + (f"-{_ONES[ones]}" if ones else "")).capitalize()


def _ordinal_words(value: int) -> str:
    words = _cardinal_words(value).lower()
    start, dash, last = words.rpartition("-")
    if last.endswith("y"):
        last = last[:-1] + "ieth"
    elif last:
        last = _ORDINALS.get(last, last + "th")
    return (start + dash + last).capitalize()


def _chinese(digits: str, ten: str, hundred: str, thousand: str) -> Callable[[int], str]:
    def write(value: int) -> str:
        if not 0 < value < 10_000:
            return ""
        written, pending = "", False
        for size, unit in ((1000, thousand), (100, hundred), (10, ten), (1, "")):
            digit, value = divmod(value, size)
            if digit:
                written += digits[0] if pending else ""
                written += digits[digit] + unit
            pending = bool(written) and not digit
        if digits is _CHINESE and written.startswith("一十"):
            return written[1:]
        return written

    return write


def _digits(digits: str) -> Callable[[int], str]:
    figures = str.maketrans("0123456789", digits)
    return lambda value: str(value).translate(figures)


def _circled(value: int) -> str:
    if value <= 0 or value > 50:
        return ""
    return chr(0x245F + value if value <= 20 else (0x323C if value <= 35 else 0x328D) + value)


def _from(start: int) -> Callable[[int], str]:
    """Return what takes the characters of 1 to 20 from Unicode."""
    return lambda value: chr(start + value - 1) if 0 < value <= 20 else ""


def _padded(width: int) -> Callable[[int], str]:
    return lambda value: f"{value:0{width}}"


def padded(value: int, pattern: str) -> str:
    """Return a number as a pattern such as "001, 002, 003, ..." begins."""
    return f"{value:0{min(9, len(pattern.partition(',')[0].strip()))}}"


_SILENT = {"none", "bullet"}
_IN_CHINESE = _chinese(_CHINESE, "十", "百", "千")
_IN_FORMAL = _chinese(_FORMAL, "拾", "佰", "仟")
_KINDS: dict[str, Callable[[int], str]] = {
    "decimal": str,
    "decimalHalfWidth": str,
    "decimalZero": _padded(2),
    "lowerLetter": _letters(_LATIN),
    "upperLetter": _letters(_LATIN.upper()),
    "lowerRoman": _roman,
    "upperRoman": lambda value: _roman(value).upper(),
    "ordinal": _ordinal,
    "cardinalText": _cardinal_words,
    "ordinalText": _ordinal_words,
    "hex": lambda value: f"{value:X}",
    "chicago": _letters(_CHICAGO),
    "numberInDash": lambda value: f"- {value} -",
    "decimalFullWidth": _digits("０１２３４５６７８９"),
    "decimalFullWidth2": _digits("０１２３４５６７８９"),
    "decimalEnclosedCircle": _circled,
    "decimalEnclosedCircleChinese": _circled,
    "decimalEnclosedFullstop": _from(0x2488),
    "decimalEnclosedParen": _from(0x2474),
    "russianLower": _letters(_RUSSIAN),
    "russianUpper": _letters(_RUSSIAN.upper()),
    "arabicAlpha": _letters(_ARABIC),
    "arabicAbjad": _letters(_ABJAD),
    "hebrew2": _letters(_HEBREW),
    "ganada": _letters(_KOREAN),
    "aiueoFullWidth": _letters(_KATAKANA),
    "ideographTraditional": _letters(_STEMS),
    "ideographZodiac": _letters(_BRANCHES),
    "ideographDigital": _digits(_CHINESE),
    "japaneseDigitalTenThousand": _digits(_CHINESE),
    "hindiNumbers": _digits("०१२३४५६७८९"),
    "thaiNumbers": _digits("๐๑๒๓๔๕๖๗๘๙"),
    "chineseCounting": _IN_CHINESE,
    "chineseCountingThousand": _IN_CHINESE,
    "japaneseCounting": _IN_CHINESE,
    "taiwaneseCounting": _IN_CHINESE,
    "taiwaneseCountingThousand": _IN_CHINESE,
    "chineseLegalSimplified": _IN_FORMAL,
}
