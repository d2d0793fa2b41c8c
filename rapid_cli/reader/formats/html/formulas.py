"""Formulas in MathML as one line: p=F/A, (a+b)^2, √(x+1), ∑_(i=1)^n."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import pairwise
from typing import NamedTuple

from rapid_cli.reader.scripts import script

_MOST_NODES = 20_000
_DEEPEST = 60
_TOKENS = {"mi", "mn", "mo", "mtext", "ms", "ci", "cn"}
_UNSEEN = {"mphantom", "annotation-xml", "mprescripts", "none"}
_INVISIBLE = str.maketrans({"\u2061": "", "\u2062": "", "\u2063": ",", "\u2064": "", "\u2212": "-"})
_ACCENTS = {
    **{"¯": "\u0304", "‾": "\u0304", "_": "\u0332", "^": "\u0302", "ˆ": "\u0302", "~": "\u0303"},
    **{"˜": "\u0303", "→": "\u20d7", "⃗": "\u20d7", "˙": "\u0307", ".": "\u0307", "¨": "\u0308"},
}
_LIMITS = {"lim", "max", "min", "sup", "inf", "arg max", "arg min", "argmax", "argmin"}
_ROOTS = {"2": "√", "3": "∛", "4": "∜"}
_PRIMES = re.compile("['′″‴*]+|°|∘")
_PAIRS = {"(": ")", "[": "]", "{": "}", "|": "|", "‖": "‖", "⟨": "⟩", "⌊": "⌋", "⌈": "⌉"}
_BRACKETS = {*_PAIRS, *_PAIRS.values()}
_SIMPLE = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_][\u0300-\u036f\u20d7]*|[^\W\d_]{2,}")


class _Kind(Enum):
    """How closely the parts of a formula hold together."""

    WHOLE = auto()
    OPERATOR = auto()
    BRACKET = auto()
    RAISED = auto()
    LARGE = auto()  # a sum or a limit with its bounds
    FRACTION = auto()
    PRODUCT = auto()
    SUM = auto()


class _Part(NamedTuple):
    text: str
    kind: _Kind


_NOTHING = _Part("", _Kind.WHOLE)


@dataclass(slots=True)
class _Node:
    tag: str
    attributes: Mapping[str, str]
    children: list[_Node] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(self.pieces).translate(_INVISIBLE).split())


class Formula:
    """A formula while its elements come; `start`, `data` and `end` take what is inside of it."""

    def __init__(self) -> None:
        self._root = _Node("math", {})
        self._open = [self._root]
        self._nodes = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Begin an element; one too many or too deep only adds its text to that around it."""
        self._nodes += 1
        node = self._open[-1]
        if self._nodes <= _MOST_NODES and len(self._open) < _DEEPEST:
            node = _Node(tag.rpartition(":")[2], dict(attributes))
            self._open[-1].children.append(node)
        self._open.append(node)

    def data(self, text: str) -> None:
        """Take text."""
        self._open[-1].pieces.append(text)

    def end(self, tag: str) -> None:  # noqa: ARG002 - elements are properly nested
        """End an element."""
        self._open.pop()

    def text(self) -> str:
        """Return the formula in one line; where it is only annotated, what the annotation says."""
        return _written(self._root).text.strip() or _annotation(self._root)


def _annotation(node: _Node) -> str:
    found = (_annotation(child) for child in node.children if child.tag != "annotation-xml")
    own = node.text if node.tag in {"annotation", "math"} else ""
    return next(filter(None, found), "") or own


def _written(node: _Node) -> _Part:
    if node.tag in _UNSEEN or node.tag == "annotation":
        return _NOTHING
    if node.tag in _TOKENS:
        return _token(node)
    if node.tag == "mspace":
        return _Part(" ", _Kind.OPERATOR)
    if not node.children:
        return _plain(node.text)
    write = _WRITERS.get(node.tag)
    fits = write and len(node.children) >= _LEAST.get(node.tag, 1)
    part = write(node) if write and fits else _row(node.children)
    loose = node.text  # what was too deep or too much for elements of its own
    return _Part(f"{part.text} {loose}", _Kind.SUM) if loose else part


def _token(node: _Node) -> _Part:
    text = node.text
    if node.tag == "mtext":
        inner = "".join(node.pieces)
        return _Part(f" {text} " if inner != inner.strip() else text, _Kind.WHOLE)
    if node.tag != "mo":
        return _plain(text)
    return _Part(text, _Kind.BRACKET if text in _BRACKETS else _Kind.OPERATOR)


def _plain(text: str) -> _Part:
    return _Part(text, _Kind.WHOLE)


def _row(nodes: Iterable[_Node]) -> _Part:
    """Return parts one after the other."""
    parts = [part for node in nodes if (part := _written(node)).text]
    if len(parts) <= 1:
        return parts[0] if parts else _NOTHING
    fenced = _bracketed_fractions(parts)
    text = fenced[0].text
    for before, part in pairwise(fenced):
        text += (" " if _needs_space(before, part) else "") + part.text
    return _Part(text, _kind_of(parts, text))


def _kind_of(parts: Sequence[_Part], text: str) -> _Kind:
    if _is_enclosed(text) or text.isdigit():
        return _Kind.WHOLE
    operators = (_Kind.OPERATOR, _Kind.SUM, _Kind.LARGE)
    return _Kind.SUM if any(part.kind in operators for part in parts) else _Kind.PRODUCT


def _bracketed_fractions(parts: Sequence[_Part]) -> list[_Part]:
    """Put fractions in brackets that stand directly beside another factor: (1/2)mv."""
    done = list(parts)
    for at, part in enumerate(parts):
        before = parts[at - 1] if at else None
        after = parts[at + 1] if at + 1 < len(parts) else None
        mixed = before and before.text.isdigit() and re.fullmatch(r"\d+/\d+", part.text)
        if part.kind == _Kind.FRACTION and not mixed and (_is_factor(before) or _is_factor(after)):
            done[at] = _Part(f"({part.text})", _Kind.WHOLE)
    return done


def _is_factor(part: _Part | None) -> bool:
    if part is None or not part.text.strip():
        return False
    return (
        part.kind in {_Kind.WHOLE, _Kind.RAISED, _Kind.FRACTION} and part.text == part.text.strip()
    )


def _needs_space(before: _Part, after: _Part) -> bool:
    last, first = before.text[-1], after.text[0]
    if not (last.isalnum() and first.isalnum()):
        return before.kind == _Kind.LARGE and not first.isspace()
    if before.kind in {_Kind.RAISED, _Kind.LARGE}:
        return True
    if last.isdigit() and first.isdigit():
        return _Kind.FRACTION in {before.kind, after.kind}
    words = re.search(r"[^\W\d_]{2,}$", before.text), re.match(r"[^\W\d_]{2,}", after.text)
    return last.isalpha() and first.isalpha() and any(words)


def _is_enclosed(text: str) -> bool:
    """Tell whether a pair of brackets holds all of a text."""
    closing = _PAIRS.get(text[:1])
    if closing is None or text[-1] != closing or text[0] == closing:
        return False
    depth = 0
    for at, letter in enumerate(text):
        depth += (letter == text[0]) - (letter == closing)
        if depth == 0:
            return at == len(text) - 1
    return False


def _firm(part: _Part, *loose: _Kind) -> str:
    """Return the text of a part, in brackets if it is of a kind that would fall apart here."""
    text = part.text.strip()
    return f"({text})" if part.kind in loose else text


def _base(node: _Node) -> str:
    part = _written(node)
    loose = (_Kind.SUM, _Kind.PRODUCT, _Kind.FRACTION, _Kind.RAISED)
    return _firm(part, *loose) if part.text.strip() else ""


def _fraction(node: _Node) -> _Part:
    above, below = _written(node.children[0]), _written(node.children[1])
    if node.attributes.get("linethickness") in {"0", "0pt", "0px", "0em"}:
        return _Part(f"({above.text} over {below.text})", _Kind.WHOLE)
    over = _firm(above, _Kind.SUM, _Kind.FRACTION)
    under = _firm(below, _Kind.SUM, _Kind.FRACTION, _Kind.PRODUCT)
    return _Part(f"{over}/{under}", _Kind.FRACTION)


def _root(sign: str, part: _Part) -> _Part:
    text = part.text.strip()
    whole = _SIMPLE.fullmatch(text) or _is_enclosed(text)
    return _Part(f"{sign}{text}" if whole else f"{sign}({text})", _Kind.WHOLE)


def _square_root(node: _Node) -> _Part:
    return _root("√", _row(node.children))


def _any_root(node: _Node) -> _Part:
    degree = _written(node.children[1]).text.strip()
    return _root(_ROOTS.get(degree, f"{script('root_', degree)} "), _written(node.children[0]))


def _enclosed(node: _Node) -> _Part:
    is_root = "radical" in node.attributes.get("notation", "").split()
    return _square_root(node) if is_root else _row(node.children)


def _above(text: str) -> str:
    if not text or _PRIMES.fullmatch(text):
        return text.replace("∘", "°").replace("′", "'")
    return script("^", text)


def _scripted(base: _Node, below: _Node | None, above: _Node | None) -> _Part:
    under = _written(below).text.strip() if below else ""
    over = _written(above).text.strip() if above else ""
    text = _base(base) + (script("_", under) if under else "") + _above(over)
    if (base.tag == "mo" and base.text not in _BRACKETS) or base.text in _LIMITS:
        return _Part(text, _Kind.LARGE)
    return _Part(text, _Kind.RAISED if over else _Kind.WHOLE)


def _lower(node: _Node) -> _Part:
    return _scripted(node.children[0], node.children[1], None)


def _upper(node: _Node) -> _Part:
    return _scripted(node.children[0], None, node.children[1])


def _both(node: _Node) -> _Part:
    return _scripted(node.children[0], node.children[1], node.children[2])


def _under(node: _Node) -> _Part:
    return _accented(node) or _lower(node)


def _over(node: _Node) -> _Part:
    return _accented(node) or _upper(node)


def _accented(node: _Node) -> _Part | None:
    accent = _ACCENTS.get(node.children[1].text) if not node.children[1].children else None
    base = _written(node.children[0])
    if accent is None or not base.text.strip():
        return None
    if len(base.text) == 1:
        return _Part(base.text + accent, _Kind.WHOLE)
    return _Part(f"({base.text}){accent}", _Kind.WHOLE)


def _many_scripts(node: _Node) -> _Part:
    base, *others = node.children
    tags = [each.tag for each in others]
    middle = tags.index("mprescripts") if "mprescripts" in tags else len(others)
    before, after = _pairs(others[middle + 1 :]), _pairs(others[:middle])
    return _Part(f"{before}{_base(base)}{after}", _Kind.RAISED)


def _pairs(nodes: Sequence[_Node]) -> str:
    text = ""
    for at in range(0, len(nodes) - 1, 2):
        under, over = _written(nodes[at]).text.strip(), _written(nodes[at + 1]).text.strip()
        text += (script("_", under) if under else "") + _above(over)
    return text


def _fenced(node: _Node) -> _Part:
    opening, closing = node.attributes.get("open", "("), node.attributes.get("close", ")")
    separators = node.attributes.get("separators", ",").split() or [""]
    text = opening
    for at, child in enumerate(node.children):
        separator = separators[min(at - 1, len(separators) - 1)] if at else ""
        text += separator + _written(child).text
    return _Part(text + closing, _Kind.WHOLE)


def _table(node: _Node) -> _Part:
    rows = [[_written(cell).text.strip() for cell in row.children] for row in node.children]
    # Formulas below each other are set in a table too, so that their signs of equality are.
    aligned = any(cell[:1] in {"=", "≤", "≥", "<", ">", "≈"} for row in rows for cell in row[1:])
    lines = ("".join(row) if aligned else ", ".join(row) for row in rows)
    text = "; ".join(line for line in lines if line)
    return _Part(text if aligned or len(rows) == 1 else f"[{text}]", _Kind.WHOLE)


def _first(node: _Node) -> _Part:
    return _written(node.children[0])


_WRITERS: dict[str, Callable[[_Node], _Part]] = {
    "mfrac": _fraction,
    "msqrt": _square_root,
    "mroot": _any_root,
    "menclose": _enclosed,
    "msub": _lower,
    "msup": _upper,
    "msubsup": _both,
    "munder": _under,
    "mover": _over,
    "munderover": _both,
    "mmultiscripts": _many_scripts,
    "mfenced": _fenced,
    "mtable": _table,
    "semantics": _first,
    "maction": _first,
}
_LEAST = {
    **dict.fromkeys(("mfrac", "mroot", "msub", "msup", "munder", "mover"), 2),
    **dict.fromkeys(("msubsup", "munderover"), 3),
    **dict.fromkeys(("mmultiscripts", "mtable", "semantics", "maction"), 1),
}
