from __future__ import annotations

import pytest

from tests.support.html_pages import text_of


@pytest.mark.parametrize(
    ("reference", "note", "text"),
    [
        (
            "<a epub:type=noteref href='#n1'>1</a>",
            "<aside epub:type=footnote id=n1><p>So.</aside>",
            "A [1]\n\n[1] So.",
        ),
        (
            "<a role=doc-noteref href='#n1'>*</a>",
            "<div role=doc-footnote id=n1>So.</div>",
            "A*\n[*] So.",
        ),
        (
            "<sup><a href='#fn1'>1</a></sup>",
            "<p id=fn1>So.",
            "A [1]\n\n[1] So.",
        ),
        (
            "<sup><a href='#fn1'>1</a></sup>",
            "<p id=fn1><sup>1</sup> So.",
            "A [1]\n\n[1] So.",
        ),
        (
            "<a href='#fn1'><sup>1</sup></a>",
            "<p id=fn1>1. So.",
            "A [1]\n\n1. So.",
        ),
        (
            "<sup><a href='#fn1'>1</a></sup>",
            "<ol><li id=fn1>So. <a href='#r'>↩</a></ol>",
            "A [1]\n1. So.",
        ),
        (
            "<a class=fnanchor href='#Footnote_1'>[1]</a>",
            "<div class=footnote><p><a id=Footnote_1 href='#r'>[1]</a> So.</div>",
            "A [1]\n\n[1] So.",
        ),
        (
            "<a epub:type=noteref href='#n3'>3</a>",
            "<aside epub:type=footnote id=n3>3.5 percent.</aside>",
            "A [3]\n\n[3] 3.5 percent.",
        ),
        (
            "<sup><a href='#cite_note-1'>[1]</a></sup>",
            "<ol><li id=cite_note-1><a href='#r'>^</a>So.</ol>",
            "A [1]\n1. So.",
        ),
    ],
)
def test_a_note_has_the_number_that_refers_to_it_once(reference: str, note: str, text: str) -> None:
    assert text_of(f"A{reference}{note}") == text


def test_other_links_are_no_notes() -> None:
    html = "<a href='#one'>1</a> <a href='#top'>Up</a><p id=one>text<p>x<sup><a href=/p>2</a></sup>"
    assert text_of(html) == "1 Up\n\ntext\n\nx^2"


def test_the_numbers_of_printed_pages_are_no_part_of_the_text() -> None:
    html = "one<span epub:type=pagebreak id=p31>31</span> two<nav epub:type=landmarks>L</nav>"
    assert text_of(html) == "one two"
