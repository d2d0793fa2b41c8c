"""The pages of the documentation, taken apart: sections, tables, blocks of code, links, anchors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.support.repository import REPOSITORY

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^()\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
CELLS = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Table:
    """A table: the cells of its head, and of each row."""

    head: list[str]
    rows: list[list[str]]

    def codes(self, column: int = 0) -> list[str]:
        """Return all that stands in backticks in a column."""
        return [code for row in self.rows for code in CODE.findall(row[column])]


@dataclass(frozen=True)
class Page:
    """A page in Markdown."""

    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def prose(self) -> str:
        """The text without its blocks of code."""
        return FENCE.sub("", self.text)

    def blocks(self, language: str | None = None) -> list[str]:
        """Return the blocks of code, or those in a language."""
        found = FENCE.findall(self.text)
        return [code for name, code in found if language is None or name == language]

    def headings(self) -> list[str]:
        return [title for _, title in HEADING.findall(self.prose)]

    def anchors(self) -> set[str]:
        """Return what can be linked to on the page, as GitHub derives it from headings."""
        found: set[str] = set()
        for title in self.headings():
            letters = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
            numbers = (f"{letters}-{number}" if number else letters for number in range(100))
            found.add(next(name for name in numbers if name not in found))
        return found

    def section(self, title: str) -> str:
        """Return the text under a heading, up to the next one of any level."""
        pattern = rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)"
        found = re.search(pattern, self.prose, re.MULTILINE | re.DOTALL)
        assert found, f"{self.path.name} has no section {title!r}"
        return found[1]

    def tables(self, title: str) -> list[Table]:
        """Return the tables of a section."""
        return list(_tables(self.section(title)))

    def table(self, title: str, first: str | None = None) -> Table:
        """Return the one table of a section, or the one whose head begins with a cell."""
        (found,) = (
            table for table in self.tables(title) if first is None or table.head[0] == first
        )
        return found


def _tables(text: str) -> Iterator[Table]:
    for lines in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        head, _, *rows = ([cell.strip() for cell in _cells(line)] for line in lines.splitlines())
        yield Table(head, rows)


def _cells(line: str) -> list[str]:
    return CELLS.split(line.strip())[1:-1]


README = Page(REPOSITORY / "README.md")
CHANGELOG = Page(REPOSITORY / "CHANGELOG.md")
DOCS = {path.stem: Page(path) for path in sorted((REPOSITORY / "docs").glob("*.md"))}
PAGES = (README, CHANGELOG, *DOCS.values())
