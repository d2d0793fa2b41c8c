from __future__ import annotations

import pytest

from rapid_cli.documents import Page
from rapid_cli.reader import sections
from rapid_cli.reader.sections import Line, section_pages

LONG = Line("word " * 50)


def heading(title: str, level: int) -> Line:
    return Line(title, level, title)


def labels(*lines: Line) -> list[str | None]:
    return [page.label for page in section_pages(lines)]


def test_a_label_names_the_last_two_headings() -> None:
    lines = (heading("Book", 1), LONG, heading("Chapter", 2), LONG, heading("Part", 3), LONG)
    assert labels(*lines) == ["Book", "Book › Chapter", "Chapter › Part"]


def test_a_heading_ends_all_deeper_ones() -> None:
    lines = (heading("A", 1), LONG, heading("B", 3), LONG, heading("C", 2), LONG)
    assert labels(*lines) == ["A", "A › B", "A › C"]
    assert labels(heading("A", 3), LONG, heading("B", 1), LONG) == ["A", "B"]


def test_text_before_the_first_heading_has_no_label() -> None:
    assert labels(LONG, heading("A", 1), LONG) == [None, "A"]


def test_a_heading_with_hardly_any_text_joins_the_first_section_within_it() -> None:
    pages = section_pages([heading("A", 1), Line("short"), heading("B", 2), LONG])
    assert pages == (Page(1, "A › B", "A\nshort\nB\n" + LONG.text),)


def test_a_short_section_never_joins_one_that_is_not_within_it() -> None:
    short = Line("short")
    assert labels(short, heading("A", 1), short, heading("B", 1), short) == [None, "A", "B"]
    assert labels(heading("A", 2), short, heading("B", 2), short) == ["A", "B"]


def test_a_label_is_one_printable_line_of_at_most_120_characters() -> None:
    odd = heading("A\n  b\x1b[31m\u202ec", 1)
    assert labels(odd, LONG) == ["A b[31mc"]
    (label,) = labels(heading("x" * 500, 1), LONG)
    assert label == "x" * 119 + "…"
    first, second = labels(heading("x" * 500, 1), LONG, heading("y" * 500, 2), LONG)
    assert first is not None
    assert second is not None
    assert len(second) <= 120
    assert second.count("x") == second.count("y") > 50


def test_a_heading_without_a_name_ends_what_was_before_it() -> None:
    assert labels(heading("A", 1), LONG, Line("", 1), LONG) == ["A", None]


def test_sections_without_text_are_left_out() -> None:
    assert labels(Line(""), Line("", 1), Line(" "), heading("A", 1), LONG) == ["A"]


def test_more_sections_than_bounds_allow_are_joined_in_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sections, "MAX_SECTIONS", 2)
    lines = [line for title in "ABCDE" for line in (heading(title, 1), LONG)]
    pages = section_pages(lines)
    assert [page.label for page in pages] == ["A … C", "D … E"]
    assert [page.number for page in pages] == [1, 2]
    assert pages[1].text == f"D\n{LONG.text}\nE\n{LONG.text}"
    (first, _) = section_pages([LONG, *lines])
    assert first.label == "B"
