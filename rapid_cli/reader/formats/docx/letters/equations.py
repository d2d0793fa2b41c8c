"""Equations of Word in a line of letters: (a + b)/2, x_i^2, sqrt(x), sum_(i = 1)^n i."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from lxml import etree

from rapid_cli.reader.formats.docx.names import attribute, child, tag

_SUM, _PRODUCT, _POWER, _ATOM = range(4)
_RELATIONS = "=<>≤≥≈≠≡≅∼≃∝→←↔⇒⇐⇔∈∉⊂⊆∣≪≫∴∨∧∪∩↦:≔"
_SIGNS = "+−±∓-"
_TIMES = "×·∙⋅∗÷∘⊗⊕"
_OPERATORS = re.compile(rf"\s*([{re.escape(_RELATIONS + _SIGNS + _TIMES)}]+)\s*")
_INVISIBLE = re.compile("[\u2061-\u2064\u200b\u00ad&]")
_LETTERS = re.compile("[\u2102-\u2149\U0001d400-\U0001d7ff]")  # of mathematics, as in ℎ and 𝑣
_ACCENTS = {
    "\u0302": "hat",
    "^": "hat",
    "\u0303": "tilde",
    "~": "tilde",
    "\u0304": "bar",
    "\u0305": "bar",
    "¯": "bar",
    "\u20d7": "vec",
    "→": "vec",
    "\u0307": "dot",
    "\u0308": "ddot",
    "\u030c": "check",
    "\u0306": "breve",
}
_LARGE = {
    "∫": "int",
    "∑": "sum",
    "∏": "prod",
    "∐": "coprod",
    "∬": "iint",
    "∭": "iiint",
    "∮": "oint",
}
_OPEN, _CLOSED = "([{|⌈⌊⟨‖", ")]}|⌉⌋⟩‖"


class _Part(NamedTuple):
    """A part of an equation, and how strongly it holds together."""

    text: str
    bond: int
    is_fraction: bool = False

    def within(self, bond: int) -> str:
        """Return the text, in parentheses if it holds together less than `bond`."""
        return self.text if self.bond >= bond or not self.text else f"({self.text})"


def equation(element: etree._Element) -> str:
    r"""Return an equation, an `m:oMath`, in a line; those of an `m:oMathPara` with `\n` between."""
    if tag(element) == "m:oMathPara":
        lines = [equation(each) for each in element if tag(each) == "m:oMath"]
        return "\n".join(line for line in lines if line)
    return _sequence(element).text.strip()


def _sequence(element: etree._Element | None) -> _Part:
    return _joined(_parts(element))


def _parts(element: etree._Element | None) -> Iterator[_Part]:
    """Yield the parts of an element in a row, and what is only letters in one part."""
    letters: list[str] = []
    begins = True
    for each in () if element is None else _flat(element):
        name = tag(each)
        if name == "m:r":
            letters.append(_letters(each))
        elif name in _WRITERS:
            yield from _written("".join(letters), begins=begins)
            letters, begins = [], False
            yield from (part for part in [_WRITERS[name](each)] if part.text)
    yield from _written("".join(letters), begins=begins)


def _flat(element: etree._Element) -> Iterator[etree._Element]:
    """Yield what is in an element, and in marks of changes that only go around some of it."""
    for each in element:
        if tag(each) in _AROUND:
            yield from _flat(each)
        else:
            yield each


def _letters(run: etree._Element) -> str:
    return "".join(each.text or "" for each in run if tag(each) in {"m:t", "w:t"})


def _written(letters: str, *, begins: bool) -> Iterator[_Part]:
    """Yield letters with blanks around operators, unless a sign `begins` all."""
    plain = _LETTERS.sub(lambda match: unicodedata.normalize("NFKC", match[0]), letters)
    plain = " ".join(_INVISIBLE.sub("", plain).split())
    if plain:
        spaced = _OPERATORS.sub(_spaced, plain)
        if not begins and spaced[0] in _SIGNS:
            spaced = f" {spaced[0]} {spaced[1:]}"
        yield _Part(spaced, _bond(plain))


def _spaced(match: re.Match[str]) -> str:
    """Return an operator with blanks around it, a sign without one after it."""
    operators = match[1]
    before = match.string[max(0, match.start() - 1) : match.start()]
    if operators in _SIGNS and (not before or before in _OPEN + ","):
        return operators  # a sign of what follows
    if len(operators) > 1 and operators[-1] in _SIGNS and operators[0] in _RELATIONS + _TIMES:
        return f" {operators[:-1]} {operators[-1]}"
    return f" {operators} "


def _bond(letters: str) -> int:
    if any(each in _RELATIONS + _SIGNS + ",;" for each in letters):
        return _SUM
    is_one = re.fullmatch(r"[\d.,]+|.|\w['′]*|∞", letters) is not None
    return _ATOM if is_one else _PRODUCT


def _joined(parts: Iterable[_Part]) -> _Part:
    """Return parts in a row as one; products are told by a blank."""
    found = list(parts)
    if len(found) == 1:
        return found[0]._replace(text=found[0].text.strip())
    line = ""
    for place, part in enumerate(found):
        after = found[place + 1].text if place + 1 < len(found) else ""
        shown = part.text
        if part.is_fraction and (_begins_factor(after) or line[-1:].isdigit()):
            shown = f"({shown})"  # so that what follows is not taken for a part of it
        gap = " " if _ends_factor(line) and _begins_factor(shown) and shown[0] not in _OPEN else ""
        line += gap + shown
    bond = min((part.bond for part in found), default=_ATOM)
    return _Part(" ".join(line.split()), min(bond, _PRODUCT))


def _ends_factor(line: str) -> bool:
    return line[-1:].isalnum() or line[-1:] in set(_CLOSED + "∞′'")


def _begins_factor(text: str) -> bool:
    return text[:1].isalnum() or text[:1] in set(_OPEN + "∞√∂∇")


def _of(element: etree._Element, name: str) -> _Part:
    return _sequence(child(element, name))


def _fraction(element: etree._Element) -> _Part:
    above, below = _of(element, "m:num"), _of(element, "m:den")
    if _setting(element, "m:fPr", "m:type") == "noBar":
        return _Part(f"{above.within(_PRODUCT)} choose {below.within(_PRODUCT)}", _SUM)
    numerator = f"({above.text})" if above.is_fraction else above.within(_PRODUCT)
    return _Part(f"{numerator}/{below.within(_POWER)}", _PRODUCT, is_fraction=True)


def _script(mark: str, part: _Part) -> str:
    """Return an index or an exponent; words may stand as an index without parentheses."""
    compact = part.text
    if not compact:
        return ""
    is_word = re.fullmatch(r"\w+|[′'*†+−-]", compact) is not None
    simple = part.bond == _ATOM or (is_word and (mark == "_" or len(compact) == 1))
    return mark + (compact if simple and not compact.startswith("(") else f"({compact})")


def _under_script(part: _Part) -> str:
    """Return what has an index or exponent, in parentheses if that would belong to its end."""
    is_whole = part.bond == _ATOM or re.fullmatch(r"\w+|\w+_\w+", part.text)
    return part.text if is_whole else part.within(_ATOM)


def _superscript(element: etree._Element) -> _Part:
    return _scripted(element, ("m:sup", "^"))


def _subscript(element: etree._Element) -> _Part:
    return _scripted(element, ("m:sub", "_"))


def _both_scripts(element: etree._Element) -> _Part:
    return _scripted(element, ("m:sub", "_"), ("m:sup", "^"))


def _limit_below(element: etree._Element) -> _Part:
    return _scripted(element, ("m:lim", "_"))


def _limit_above(element: etree._Element) -> _Part:
    return _scripted(element, ("m:lim", "^"))


def _scripted(element: etree._Element, *scripts: tuple[str, str]) -> _Part:
    whole = _under_script(_of(element, "m:e"))
    marks = "".join(_script(mark, _of(element, name)) for name, mark in scripts)
    return _Part(whole + marks, _POWER)


def _scripts_before(element: etree._Element) -> _Part:
    below, above = _script("_", _of(element, "m:sub")), _script("^", _of(element, "m:sup"))
    return _Part(f"{above}{below} {_under_script(_of(element, 'm:e'))}", _PRODUCT)


def _root(element: etree._Element) -> _Part:
    degree = _of(element, "m:deg").text
    hidden = _is_on(element, "m:radPr", "m:degHide")
    name = "sqrt" if hidden or not degree else "root" + _script("_", _of(element, "m:deg"))
    return _Part(f"{name}({_of(element, 'm:e').text})", _ATOM)


def _large_operator(element: etree._Element) -> _Part:
    sign = _setting(element, "m:naryPr", "m:chr")
    sign = "∫" if sign is None else sign
    limits = _script("_", _of(element, "m:sub")) + _script("^", _of(element, "m:sup"))
    return _Part(f"{_LARGE.get(sign, sign)}{limits} {_operand(_of(element, 'm:e'))}", _PRODUCT)


def _operand(part: _Part) -> str:
    return part.within(_PRODUCT)


def _delimited(element: etree._Element) -> _Part:
    opening = _setting(element, "m:dPr", "m:begChr")
    closing = _setting(element, "m:dPr", "m:endChr")
    between = _setting(element, "m:dPr", "m:sepChr")
    inner = (_unbracketed(each) for each in element if tag(each) == "m:e")
    joint = " " + ("|" if between is None else between) + " "
    opening = "(" if opening is None else opening
    closing = ")" if closing is None else closing
    return _Part(f"{opening}{joint.join(inner)}{closing}", _ATOM if closing else _SUM)


def _unbracketed(element: etree._Element) -> str:
    """Return what stands in brackets: a matrix without those that it would have by itself."""
    inner = [each for each in element if tag(each) in _WRITERS or tag(each) == "m:r"]
    if len(inner) == 1 and tag(inner[0]) == "m:m":
        return _rows(inner[0])
    return _sequence(element).text


def _matrix(element: etree._Element) -> _Part:
    return _Part(f"[{_rows(element)}]", _ATOM)


def _rows(element: etree._Element) -> str:
    rows = (each for each in element if tag(each) == "m:mr")
    return "; ".join(
        ", ".join(_sequence(cell).text for cell in row if tag(cell) == "m:e") for row in rows
    )


def _lines(element: etree._Element) -> _Part:
    """Return equations below each other; what follows a # in one is its number."""
    lines = (_sequence(each).text for each in element if tag(each) == "m:e")
    shown = "; ".join(re.sub(r"\s*#\s*", " ", line) for line in lines if line)
    return _Part(shown, _SUM)


def _function(element: etree._Element) -> _Part:
    name, operand = _of(element, "m:fName"), _of(element, "m:e")
    if not operand.text:
        return name
    takes_limit = child(element, "m:fName", "m:limLow") is not None
    if takes_limit:
        return _Part(f"{name.text} {_operand(operand)}", _PRODUCT)
    bracketed = operand.text[0] in "([{" and operand.bond == _ATOM
    return _Part(name.text + (operand.text if bracketed else f"({operand.text})"), _POWER)


def _accent(element: etree._Element) -> _Part:
    sign = _setting(element, "m:accPr", "m:chr")
    name = _ACCENTS.get("\u0302" if sign is None else sign)
    inner = _of(element, "m:e").text
    return _Part(f"{name}({inner})" if name else inner + (sign or ""), _ATOM)


def _line_over(element: etree._Element) -> _Part:
    name = "bar" if _setting(element, "m:barPr", "m:pos") == "top" else "underline"
    return _Part(f"{name}({_of(element, 'm:e').text})", _ATOM)


def _inner(element: etree._Element) -> _Part:
    return _of(element, "m:e")


def _phantom(element: etree._Element) -> _Part:
    shown = _setting(element, "m:phantPr", "m:show")
    return _Part("", _ATOM) if shown in {"0", "off", "false"} else _inner(element)


def _setting(element: etree._Element, *path: str) -> str | None:
    """Return the `m:val` of an element below."""
    found = child(element, *path)
    return None if found is None else attribute(found, "m:val") or ""


def _is_on(element: etree._Element, *path: str) -> bool:
    found = child(element, *path)
    return found is not None and attribute(found, "m:val") not in {"0", "off", "false"}


_AROUND = {"w:ins", "w:moveTo", "w:smartTag", "w:hyperlink"}
_WRITERS: dict[str, Callable[[etree._Element], _Part]] = {
    "m:f": _fraction,
    "m:sSup": _superscript,
    "m:sSub": _subscript,
    "m:sSubSup": _both_scripts,
    "m:sPre": _scripts_before,
    "m:rad": _root,
    "m:nary": _large_operator,
    "m:d": _delimited,
    "m:m": _matrix,
    "m:eqArr": _lines,
    "m:func": _function,
    "m:limLow": _limit_below,
    "m:limUpp": _limit_above,
    "m:acc": _accent,
    "m:bar": _line_over,
    "m:borderBox": _inner,
    "m:box": _inner,
    "m:groupChr": _inner,
    "m:phant": _phantom,
}
