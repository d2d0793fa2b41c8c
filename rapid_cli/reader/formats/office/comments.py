"""Comments on texts, cells and slides, each as a line that says whose it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lxml import etree

from rapid_cli.reader.cleaning import one_line
from rapid_cli.reader.formats.office.parts import Parts, local_name, paragraphs

# What stands in the place of a thread of comments for programs that know none.
_STANDS_IN, _BEGINS = "tc=", "Comment:"

_People = Mapping[str, str]


def comment(said: str, author: str, on: str = "") -> str:
    """Return a comment as one line, nothing if it says nothing."""
    text = " ".join(said.split())
    place = f" on {on}" if on else ""
    by = f" by {name}" if (name := one_line(author)) else ""
    return f"[comment{place}{by}: {text}]" if text else ""


def people(parts: Parts, part: str) -> dict[str, str]:
    """Return the names of those who comment, by their ids."""
    root = parts.spare_tree(part)
    if root is None:
        return {}
    return {
        each.get("id") or "": each.get("displayName") or each.get("name") or ""
        for each in root.iter("{*}person", "{*}author", "{*}cmAuthor")
    }


def threads(parts: Parts, part: str, authors: _People) -> Iterator[tuple[str, str]]:
    """Yield the newer comments of a sheet, answers too, with the names of their cells."""
    for each in parts.elements(part, "threadedComment"):
        cell, text = each.get("ref") or "", _letters(each)
        yield cell, comment(text, authors.get(each.get("personId") or "", ""), cell)


def sheet_comments(parts: Parts, part: str, threaded: set[str]) -> Iterator[tuple[str, str]]:
    """Yield the older comments of a sheet but for cells that have newer ones."""
    authors: list[str] = []
    for each in parts.elements(part, "author", "comment"):
        if local_name(each) == "author":
            authors.append(each.text or "")
            continue
        cell, number = each.get("ref") or "", each.get("authorId") or ""
        known = number.isdecimal() and len(number) < 10 and int(number) < len(authors)
        author, text = authors[int(number)] if known else "", _letters(each)
        if author.startswith(_STANDS_IN):
            before, found, rest = text.partition(_BEGINS)
            author, text = "", rest if found else before
            if cell in threaded:
                continue
        yield cell, comment(text.lstrip().removeprefix(f"{author}:"), author, cell)


def slide_comments(root: etree._Element, authors: _People) -> Iterator[str]:
    """Yield the comments in a part of a slide, of both kinds, each before the answers to it."""
    for each in root.iter("{*}cm"):
        for one in (each, *each.iter("{*}reply")):
            said = [text for inner in one for text in _said(inner)]
            yield comment(" ".join(said), authors.get(one.get("authorId") or "", ""))


def _said(element: etree._Element) -> list[str]:
    """Return the text of a comment in what is directly in it."""
    name = local_name(element)
    if name == "text":
        return [element.text or ""]
    return list(paragraphs(element)) if name == "txBody" else []


def _letters(element: etree._Element) -> str:
    """Return all text of a cell's comment, without how it is pronounced."""
    return "".join(
        each.text or ""
        for each in element.iter("{*}t", "{*}text")
        if local_name(each.getparent()) != "rPh"
    )
