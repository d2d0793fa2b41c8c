from __future__ import annotations

import time

import pytest

from rapid_cli.reader.sections import MAX_SECTIONS
from tests.support.books import labels, read

LONG = "word " * 60
PICTURE = "data:image/png;base64," + "iVBORw0KGgo" * 200


def text_of(text: str) -> str:
    return read(text.encode(), "notes.md").text


def sections(text: str) -> list[str | None]:
    return labels(read(text.encode(), "notes.md"))


def test_headings_of_markdown_make_sections() -> None:
    text = f"{LONG}\n# One\n{LONG}\n## *Part* `a` of [it](http://x) ##\n{LONG}\n"
    document = read(text.encode(), "notes.md")
    assert labels(document) == [None, "One", "One › Part a of it"]
    assert document.pages[2].text == f"## *Part* `a` of [it](http://x) ##\n{LONG}"
    assert not document.paged


def test_underlined_headings_make_sections() -> None:
    assert sections(f"One\n===\n{LONG}\n\nPart\n---\n{LONG}") == ["One", "One › Part"]


@pytest.mark.parametrize(
    "text",
    [
        f"```\n# code\n```\n{LONG}",
        f"~~~~ python\n~~~\n# code\n~~~~\n{LONG}",
        f"```\n# never closed\n{LONG}",
        f"#hash {LONG}",
        f"####### seven\n{LONG}",
        f"    # indented\n{LONG}",
        f"---\ntitle: settings\n---\n{LONG}",
        f"- item\n---\n{LONG}",
        f"{LONG}\nsecond line\n---\n{LONG}",
        f"\n---\n{LONG}",
    ],
)
def test_what_only_looks_like_a_heading_makes_no_section(text: str) -> None:
    assert sections(text) == [None]


def test_a_heading_after_code_is_one() -> None:
    assert sections(f"```\n# code\n```\n# One\n{LONG}") == [None, "One"]


def test_a_long_line_of_blanks_or_signs_takes_no_time() -> None:
    for sign in (" ", "#", "`", "[", "*", "-", "![]("):
        sections("# " + sign * 200_000 + "x\n" + sign * 200_000 + "\n===\n")


@pytest.mark.slow
def test_a_hundred_thousand_headings_make_a_bounded_number_of_sections() -> None:
    document = read(b"".join(b"# Part %d\nw\n" % number for number in range(100_000)), "notes.md")
    assert len(document.pages) == MAX_SECTIONS
    assert document.pages[0].label == "Part 0 … Part 9"
    assert document.pages[-1].label == "Part 99990 … Part 99999"
    assert document.text.count("# Part") == 100_000


def test_tables_are_rows_of_cells_as_in_all_other_formats() -> None:
    rows = "| Zone  | Day   |\n|:------|------:|\n| North | 9\\|80 |\n| -- |  |"
    table = f"before | not\n\n{rows}\n\nafter"
    assert text_of(table) == "before | not\n\nZone | Day\nNorth | 9|80\n-- | \n\nafter"
    assert text_of("a | b\n--- | ---\n1 | 2\n") == "a | b\n1 | 2"


@pytest.mark.parametrize("text", ["a | b\nc | d", "a | b\n---\nc", "```\n| a |\n|---|\n| 1 |\n```"])
def test_what_only_looks_like_a_table_stays_as_it_is(text: str) -> None:
    assert text_of(text) == text


def test_settings_at_the_top_are_no_headings() -> None:
    for settings in ("---\ntitle: x\n# note\n---", "+++\ntitle = 'x'\n# note\n+++"):
        document = read(f"{settings}\n# One\n{LONG}".encode(), "notes.md")
        assert labels(document) == [None, "One"]
        assert document.pages[0].text == settings


def test_a_line_drawn_at_the_top_begins_no_settings() -> None:
    assert sections(f"---\n\n# One\n{LONG}\n\n---\n\n# Two\n{LONG}") == [None, "One", "Two"]


def test_pictures_that_a_text_holds_leave_no_trace_but_what_is_said_of_them() -> None:
    for held, left in (
        (f"a ![the burner]({PICTURE}) b", "a ![the burner] b"),
        (f'a ![the burner](<{PICTURE}> "title") b', "a ![the burner] b"),
        (f"a ![]({PICTURE}) b", "a  b"),
        (f"a [a file]({PICTURE}) b", "a a file b"),
        (f"a ![][im] b ![dog][im] ![x][y]\n\n[im]: <{PICTURE}>\nc", "a  b ![dog] ![x][y]\n\nc"),
        (f"a ![im] b\n\n[im]: {PICTURE}", "a ![im] b"),
        (f'a <img width=5 src="{PICTURE}" alt="dog"/> b', "a ![dog] b"),
        (f"a <img src='{PICTURE}'> b", "a  b"),
        (f"a {PICTURE} b", "a  b"),
    ):
        assert text_of(held) == left


def test_drawings_that_a_text_holds_leave_no_trace() -> None:
    escaped = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'%3E%3C/svg%3E"
    plain = "data:image/svg+xml;utf8,<svg xmlns='http://www.w3.org/2000/svg'><g/></svg>"
    for drawing in (escaped, plain):
        assert text_of(f"a ![dog]({drawing}) b") == "a ![dog] b"


def test_many_pictures_that_never_end_take_no_time() -> None:
    began = time.process_time()
    address = "data:image/png;base64,"
    for piece in ("![", f"[a]({address}", "data:image/svg+xml,<svg ", f"[a]: {address}"):
        text_of(piece * 20_000 + "x")
        text_of((piece + "A" * 50 + "\n") * 10_000 + "x")
    text_of(("a|b\n" + "-|" * 20 + " " * 1_900 + "x\n") * 500)
    assert time.process_time() - began < 10
