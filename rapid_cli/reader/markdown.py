"""Markdown: its headings and tables, its settings at the top, and no pictures that it holds."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rapid_cli.reader.cleaning import without_embedded
from rapid_cli.reader.sections import Line

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_ATX = re.compile(r" {0,3}(#{1,6})([ \t]|$)")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_NO_PARAGRAPH = re.compile(r"[-*+>|#]|\d+[.)]|    |\t")  # lists, quotes, tables, code
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)")
_ANCHOR = re.compile(r"\{#[^{}]*\}$")
# Settings at the top: how they end, and how one of them looks.
_SETTINGS = {"---": {"---", "..."}, "+++": {"+++"}}
_MOST_SETTINGS = 200  # lines
_SETTING = {
    "---": re.compile(r"""["']?[\w][\w .-]{0,80}["']?\s*:(?:\s|$)"""),
    "+++": re.compile(r"""["']?[\w][\w .-]{0,80}["']?\s*=|\["""),
}
# The line below the head of a table, and where a row is cut into cells.
_DELIMITERS = re.compile(r"[|: \t-]*-[|: \t-]*")
_DELIMITER = re.compile(r":?-+:?")
_DELIMITER_ROW = 2
_CELL = re.compile(r"(?<!\\)\|")
# Where a picture was that the text itself held: Unicode gives this character no meaning.
_PICTURE = "\ufdd0"
_PLACE = rf"\(\s?<?{_PICTURE}[^()\n]{{0,300}}\)"
_DEFINITION = rf"^[ \t]{{0,3}}\[([^\[\]\n]{{1,200}})\]:[ \t]{{0,9}}<?{_PICTURE}"
_DEFINED = re.compile(_DEFINITION, re.MULTILINE)
_HELD = (
    (re.compile(rf"{_DEFINITION}[^\n]*\n?", re.MULTILINE), ""),
    (re.compile(rf"!\[\s{{0,9}}\]{_PLACE}"), ""),
    (re.compile(rf"!(\[[^\[\]]{{1,1000}}\]){_PLACE}"), r"!\1"),
    (re.compile(rf"\[([^\[\]]{{0,1000}})\]{_PLACE}"), r"\1"),
)
_REFERRED = re.compile(r"!\[([^\[\]\n]{0,1000})\]\[([^\[\]\n]{0,200})\]")
_TAG = re.compile(
    rf"<(?:img|image|source)\b[^<>{_PICTURE}]{{0,2000}}{_PICTURE}[^<>]{{0,2000}}>", re.IGNORECASE
)
_SAID = re.compile(r"""\balt\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)


def markdown_lines(text: str) -> Iterator[Line]:
    """Yield the lines of a Markdown text, its headings marked as such."""
    lines = text.split("\n")
    fence = ""
    start = _front_matter(lines)
    yield from map(Line, lines[:start])
    row = 0  # of a table, 0 outside of one
    for index in range(start, len(lines)):
        fence, inside = _fence_after(fence, lines[index])
        before = lines[index - 1] if index > start else ""
        after = lines[index + 1] if index + 1 < len(lines) else ""
        row = row + 1 if not inside and _is_row(row, lines[index], after) else 0
        if not row:
            yield Line(lines[index]) if inside else _markdown_line(before, lines[index], after)
        elif row != _DELIMITER_ROW:
            yield Line(" | ".join(_cells(lines[index])))


def without_pictures(text: str) -> str:
    """Return a text without the pictures that it holds; what is said of them stays."""
    marked = without_embedded(text, _PICTURE)
    if marked is text:
        return text
    names = {name.casefold() for name in _DEFINED.findall(marked)}
    for form, instead in _HELD:
        marked = form.sub(instead, marked)
    if names:
        marked = _REFERRED.sub(lambda match: _referred(match, names), marked)
    return _TAG.sub(_said, marked).replace(_PICTURE, "")


def _referred(match: re.Match[str], names: set[str]) -> str:
    name = (match[2] or match[1]).casefold()
    if name not in names:
        return match[0]
    return f"![{match[1]}]" if match[1].strip() else ""


def _said(tag: re.Match[str]) -> str:
    said = _SAID.search(tag[0])
    text = (said[1] or said[2] or "").strip() if said else ""
    return f"![{text}]" if text else ""


def _is_row(row: int, line: str, after: str) -> bool:
    """Tell whether a line is of a table, which begins with a head above a line of dashes."""
    if "|" not in line:
        return False
    if row:
        return True
    if "|" not in after or not _DELIMITERS.fullmatch(after.strip()):
        return False
    delimiters = _cells(after)
    return len(_cells(line)) == len(delimiters) and all(map(_DELIMITER.fullmatch, delimiters))


def _cells(line: str) -> list[str]:
    row = line.strip().removeprefix("|")
    if row.endswith("|") and not row.endswith("\\|"):
        row = row[:-1]
    return [" ".join(cell.replace("\\|", "|").split()) for cell in _CELL.split(row)]


def _front_matter(lines: list[str]) -> int:
    """Return how many lines the settings at the top take, whose last line looks like a heading."""
    mark = lines[0].rstrip()
    if mark not in _SETTINGS:
        return 0
    inside = lines[1:_MOST_SETTINGS]
    first = next((line for line in inside if line.strip() and not line.startswith("#")), "")
    if not _SETTING[mark].match(first):
        return 0  # it only draws a line
    ends = (at for at, line in enumerate(inside, 2) if line.rstrip() in _SETTINGS[mark])
    return next(ends, 0)


def _fence_after(fence: str, line: str) -> tuple[str, bool]:
    """Return the fence of the code that goes on after `line`, and whether the line is code."""
    if not fence and "```" not in line and "~~~" not in line:
        return "", False
    match = _FENCE.match(line)
    if not fence:
        opens = match is not None and not (match[1][0] == "`" and "`" in match[2])
        return (match[1] if match and opens else ""), opens
    closes = match is not None and match[1].startswith(fence) and not match[2].strip()
    return ("" if closes else fence), True


def _markdown_line(before: str, line: str, after: str) -> Line:
    if "#" in line[:4] and (match := _ATX.match(line)):
        return Line(line, len(match[1]), _title(line[match.end() :].strip().rstrip("#")))
    if after.lstrip(" ")[:1] not in {"=", "-"} or not line.strip():
        return Line(line)
    underline = _UNDERLINE.match(after)
    alone = not before.strip() or _ATX.match(before)
    if underline and alone and not _NO_PARAGRAPH.match(line):
        return Line(line, 1 if underline[1][0] == "=" else 2, _title(line))
    return Line(line)


def _title(marked: str) -> str:
    plain = _LINK.sub(r"\1", marked).strip() if "](" in marked else marked.strip()
    if plain.endswith("}"):
        plain = _ANCHOR.sub("", plain)
    return re.sub(r"[`*]|(?<!\w)_+|_+(?!\w)", "", plain).strip()
