"""Numbers and dates of a sheet as its program shows them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

# The numbers of formats that every workbook has without saying so.
BUILT_IN = {
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    9: "0%",
    10: "0.00%",
    14: "yyyy-mm-dd",
    15: "yyyy-mm-dd",
    16: "d-mmm",
    17: "mmm-yy",
    18: "hh:mm",
    19: "hh:mm:ss",
    20: "hh:mm",
    21: "hh:mm:ss",
    22: "yyyy-mm-dd hh:mm",
    37: "#,##0",
    38: "#,##0",
    39: "#,##0.00",
    40: "#,##0.00",
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss",
}
_LITERALS = re.compile(r'"([^"]*)"|\\(.)|_.|\*.|\[(?!h+\]|m+\]|s+\])([^\]]*)\]', re.IGNORECASE)
_DATE = re.compile(r"[ymdhs]", re.IGNORECASE)
_PLACES = re.compile(r"[#0?]\.([#0?]+)")
_LARGEST_DATE = 2_958_466  # the last day of the year 9999


def shown(value: str, code: str, *, from_1904: bool = False) -> str:
    """Return a stored number as a format shows it: dates as ISO 8601, numbers with their signs."""
    try:
        number = float(value)
    except ValueError:
        return value
    code = code.split(";", maxsplit=1)[0]
    bare = _LITERALS.sub("", code)
    if code.lower() in {"", "general", "@"} or not bare.strip():
        return _general(value, number)
    if _DATE.search(bare):
        return _date(number, bare.lower(), from_1904=from_1904) or _general(value, number)
    if not re.search(r"[0#?]", bare) or "e" in bare.lower() or abs(number) > 1e15:
        return _general(value, number)
    return _number(number, bare, _literals(code))


def _general(value: str, number: float) -> str:
    """Return a number without the digits that only its storing made."""
    if len(value) < 16 and "e" not in value.lower():
        return value
    return f"{number:.15g}" if abs(number) < 1e15 else value


def _date(number: float, code: str, *, from_1904: bool) -> str:
    if not 0 <= number < _LARGEST_DATE:
        return ""
    if "[" in code:
        minutes, seconds = divmod(round(number * 86_400), 60)
        return f"{minutes // 60}:{minutes % 60:02}" + (f":{seconds:02}" if "s" in code else "")
    # The year 1900 counts as one of 366 days there.
    begin = datetime(1904, 1, 1) if from_1904 else datetime(1899, 12, 30 + (number < 60))
    moment = begin + timedelta(seconds=round(number * 86_400))
    has_day, has_time = re.search(r"[yd]|mmm", code), re.search(r"[hs]", code)
    time = f"{moment:%H:%M:%S}" if "s" in code else f"{moment:%H:%M}"
    if has_day or not has_time:
        day = moment.strftime("%Y-%m-%d" if "d" in code else "%Y-%m")
        return f"{day} {time}" if has_time else day
    return time


def _number(number: float, bare: str, literals: tuple[str, str]) -> str:
    places = _PLACES.search(bare)
    percent = "%" in bare
    text = f"{number * 100 if percent else number:,.{len(places[1]) if places else 0}f}"
    if "," not in bare:
        text = text.replace(",", "")
    for _ in range(len(places[1]) - len(places[1].rstrip("#?")) if places else 0):
        text = text[:-1] if text.endswith("0") else text
    before, after = literals
    signs = "".join(re.findall(r"[$€£¥]", bare))
    text = text.rstrip(".") + ("%" if percent else "")
    return f"{before}{signs}{text}{after}".strip()


def _literals(code: str) -> tuple[str, str]:
    """Return the words before and after the number in a format, with the sign of its currency."""
    places = [match.span() for match in re.finditer(r"[0#?]", _LITERALS.sub(_blanked, code))]
    if not places:
        return "", ""
    return _words(code[: places[0][0]]), _words(code[places[-1][1] :])


def _blanked(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _words(code: str) -> str:
    found = []
    for match in re.finditer(f"{_LITERALS.pattern}| ", code, re.IGNORECASE):
        if match[0] == " ":
            found.append(" ")
        elif match[3] is not None:
            currency = match[3].split("-")[0]
            found.append(currency.removeprefix("$") if currency.startswith("$") else "")
        else:
            found.append(match[1] or match[2] or (" " if match[0][0] == "_" else ""))
    return "".join(found)
