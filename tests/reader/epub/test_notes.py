from __future__ import annotations

import time

import pytest

from rapid_cli.reader.formats.epub import book
from tests.support.books import make_epub, read

LONG = "<p>" + "word " * 100 + "</p>"


def text_of(text: str, notes: str, **more: str) -> str:
    """Return the text of a book of a chapter and a file of notes, without empty lines."""
    chapters = {"a.xhtml": text, "notes.xhtml": notes} | {
        f"{name}.xhtml": body for name, body in more.items()
    }
    return lines_of(make_epub(chapters))


def lines_of(raw: bytes) -> str:
    return "\n".join(line for line in read(raw, "book.epub").text.split("\n") if line)


MARKS = [
    "<a epub:type='noteref' href='notes.xhtml#n3'>3</a>",
    "<a role='doc-noteref' href='notes.xhtml#n3'>3</a>",
    "<a class='footnote-ref' href='./notes.xhtml#n3'>[3]</a>",
    "<a class='fnanchor' href='notes.xhtml#n3'>[3]</a>",
    "<a href='notes.xhtml#n3'><sup>3</sup></a>",
    "<sup><a href='notes.xhtml#n3'>3</a></sup>",
    "<a href='notes.xhtml#n3' style='vertical-align: super'>3</a>",
    "<sup id='r3'><a href='NOTES.xhtml#n3'>3</a></sup>",
]


@pytest.mark.parametrize("mark", MARKS)
def test_a_note_in_another_file_stands_where_the_text_calls_it(mark: str) -> None:
    notes = "<p>Before.</p><p id='n3'>3. A small ship. <a href='a.xhtml#r3'>↩</a></p><p>After.</p>"
    text = f"<p>The ship{mark} sank.</p><p>Then night.</p>"
    assert text_of(text, notes).split("\n") == [
        *("The ship [3] sank.", "[3] A small ship.", "Then night.", "Before.", "After."),
    ]


@pytest.mark.parametrize(
    "note",
    [
        "<p id='n3'>3 A small ship.</p>",
        "<p id='fn3'><a href='a.xhtml#r3'>3</a>. A small ship.</p>",
        "<p><a id='n3' href='a.xhtml#r3'>[3]</a> A small ship.</p>",
        "<p><sup><a name='n3' href='a.xhtml#r3'>3</a></sup> A small ship.</p>",
        "<p><a href='a.xhtml#r3'><sup id='n3'>3</sup></a> A small ship.</p>",
        "<aside epub:type='footnote' id='n3'><p>A small ship.</p></aside>",
        "<aside epub:type='footnote' id='n3' hidden='hidden'><p>A small ship.</p></aside>",
        "<p class='footnote' id='n3'>A small ship.</p>",
        "<section epub:type='endnotes'><div id='n3'>A small ship.</div></section>",
        "<ol start='3'><li id='n3'><p>A small ship.</p></li></ol>",
        "<ol start='3'><li><p id='n3'>A small ship.</p></li></ol>",
        "<div class='footnote'><p><a id='n3'></a>3</p><p>A small ship.</p></div>",
        "<table id='n3'><tr><td>[3]</td><td>A small ship.</td></tr></table>",
    ],
)
def test_notes_are_known_by_how_they_say_so_or_begin(note: str) -> None:
    place = "fn3" if "fn3" in note else "n3"
    text = f"<p>The ship<sup><a id='r3' href='notes.xhtml#{place}'>3</a></sup> sank.</p><p>Then</p>"
    assert text_of(text, f"<p>one</p>{note}<p>two</p>").split("\n") == [
        *("The ship [3] sank.", "[3] A small ship.", "Then", "one", "two"),
    ]


def test_a_note_that_is_called_as_a_citation_is_one() -> None:
    text = "<p>ship<sup><a href='notes.xhtml#cite_note-1'>[1]</a></sup></p><p>end</p>"
    assert text_of(text, "<p id='cite_note-1'>1. Small.</p>") == "ship [1]\n[1] Small.\nend"


def test_a_note_at_the_end_of_a_chapter_stands_where_the_text_calls_it() -> None:
    text = (
        "<p>The ship<sup><a href='#n1'>1</a></sup> sank.</p><p>Then night<a href='#n2'><sup>2"
        "</sup></a>.</p><hr/><p id='n1'>1. Small.</p><p id='n2'>2. Dark.</p>"
    )
    assert read(make_epub({"a.xhtml": text}), "book.epub").text == (
        "The ship [1] sank.\n\n[1] Small.\n\nThen night [2].\n\n[2] Dark."
    )


def test_a_note_in_several_paragraphs_stays_whole() -> None:
    notes = (
        "<div class='footnote'><p><a id='n1'>1</a> One.</p><p>More.</p></div>"
        "<ol start='2'><li><p id='n2'>Two.</p><p>Again.</p></li></ol><p>After.</p>"
    )
    text = (
        "<p>a<sup><a href='notes.xhtml#n1'>1</a></sup> b<sup><a href='notes.xhtml#n2'>2</a></sup>"
    )
    assert text_of(text, notes) == "a [1] b [2]\n[1] One.\nMore.\n[2] Two.\nAgain.\nAfter."


def test_a_note_that_is_called_twice_is_given_once() -> None:
    mark = "<a epub:type='noteref' href='notes.xhtml#n1'>1</a>"
    text = f"<p>one{mark}</p><p>two{mark}</p>"
    assert text_of(text, "<p id='n1'>Yes.</p>") == "one [1]\n[1] Yes.\ntwo [1]"


def test_notes_of_a_table_a_list_and_a_heading_do_not_tear_these_apart() -> None:
    def mark(number: int) -> str:
        return f"<a epub:type='noteref' href='notes.xhtml#n{number}'>{number}</a>"

    text = (
        f"<h1>Ships{mark(1)}</h1><table><tr><td>a{mark(2)}</td><td>b</td></tr>"
        f"<tr><td>c</td><td>d</td></tr></table><ol><li>x{mark(3)}</li><li>y</li></ol>"
        f"<p>p{mark(4)}<br/>q</p><pre>r{mark(5)}\ns</pre>{LONG}"
    )
    notes = "".join(f"<p id='n{number}'>Note {number}.</p>" for number in range(1, 6))
    document = read(make_epub({"a.xhtml": text, "notes.xhtml": notes}), "book.epub")
    assert document.text.split("\n")[:22] == [
        *("Ships [1]", "", "[1] Note 1.", "", "a [2] | b", "c | d", "", "[2] Note 2.", ""),
        *("1. x [3]", "", "[3] Note 3.", "", "2. y", "", "p [4]", "q", "", "[4] Note 4."),
        *("", "r [5]", "s"),
    ]
    assert document.pages[0].label == "Ships [1]"


def test_a_mark_that_is_a_picture_calls_its_note_too() -> None:
    text = "<p>ship<a epub:type='noteref' href='#n1'><img src='n.png' alt=''/></a> sank</p>"
    note = "<p>end</p><aside epub:type='footnote' id='n1'>Small.</aside>"
    assert text_of(text + note, "<p>x</p>") == "ship sank\n[note] Small.\nend\nx"


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("<a href='notes.xhtml#n1'>chapter 2</a>", "<p id='n1'>1. Text.</p>"),
        ("<sup><a href='notes.xhtml#n1'>2</a></sup>", "<h1 id='n1'>2. A storm</h1>"),
        ("<sup><a href='notes.xhtml#n1'>2</a></sup>", "<div id='n1'><h1>2</h1><p>Wind.</p></div>"),
        ("<sup><a href='notes.xhtml#n1'>2</a></sup>", "<p id='n1'>An address of the text.</p>"),
        ("<a epub:type='noteref' href='notes.xhtml#n1'>2</a>", f"<div id='n1'>{LONG * 20}</div>"),
        ("<a epub:type='noteref' href='notes.xhtml#n1'>2</a>", "<p>So <i id='n1'>it</i> is.</p>"),
        ("<a epub:type='noteref' href='notes.xhtml#n1'>2</a>", "<p id='n1'>2.</p><p>So.</p>"),
        ("<a role='doc-biblioref' href='notes.xhtml#n1'>1</a>", "<p id='n1'>1. A book.</p>"),
        ("<sup><a href='notes.xhtml#bib0012'>12</a></sup>", "<p id='bib0012'>12. A book.</p>"),
        ("<sup><a href='notes.xhtml#ref-CR12'>12</a></sup>", "<p id='ref-CR12'>12. A book.</p>"),
        (
            "<sup><a href='notes.xhtml#n1'>1</a></sup>",
            "<section epub:type='bibliography'><p id='n1'>1. A book.</p></section>",
        ),
        (
            "<sup><a href='notes.xhtml#n1'>1</a></sup> <sup><a href='notes.xhtml#n1'>2</a></sup>",
            "<div id='n1'><p>1. A book.</p><p>2. A book.</p></div>",
        ),
        ("<a epub:type='noteref' href='https://e.org/notes.xhtml#n1'>2</a>", "<p id='n1'>a</p>"),
        ("<a epub:type='noteref' href='http://[::1/#n1'>2</a>", "<p id='n1'>a</p>"),
        ("<a epub:type='noteref' href='notes.xhtml#none'>2</a>", "<p id='n1'>a</p>"),
        ("<a epub:type='noteref' href='none.xhtml#n1'>2</a>", "<p id='n1'>a</p>"),
        ("<a epub:type='noteref' href='../../etc/passwd#n1'>2</a>", "<p id='n1'>a</p>"),
    ],
)
def test_what_is_no_note_stays_where_it_is(link: str, target: str) -> None:
    both = text_of(f"<p>See {link} there.</p><p>End.</p>", f"<p>Before.</p>{target}<p>After.</p>")
    text, rest = both.split("\nEnd.\n")
    assert "\n" not in text
    assert rest == lines_of(make_epub({"a.xhtml": f"<p>Before.</p>{target}<p>After.</p>"}))


def test_notes_that_nobody_calls_stay_where_they_are() -> None:
    assert text_of("<p>one</p>", "<p id='n1'>1. A.</p><p>B</p>") == "one\n1. A.\nB"


def test_notes_that_call_each_other_are_each_given_once() -> None:
    def mark(number: int) -> str:
        return f"<a epub:type='noteref' href='notes.xhtml#n{number}'>{number}</a>"

    notes = "".join(
        f"<p id='n{number}'>Note {number}, see{mark(number % 3 + 1)}</p>" for number in (1, 2, 3)
    )
    called = text_of(f"<p>one{mark(2)}</p><p>two</p>", notes)
    assert called.split("\n") == [
        "one [2]",
        *("[2] Note 2, see [3]", "[3] Note 3, see [1]", "[1] Note 1, see [2]"),
        "two",
    ]
    alone = text_of("<p>one</p>", notes)
    assert alone.split("\n") == [
        "one",
        *("Note 1, see [2]", "Note 2, see [3]", "Note 3, see [1]"),
    ]


def test_a_note_is_found_in_a_file_that_is_no_chapter() -> None:
    text = "<p>ship<a epub:type='noteref' href='extra/n.xhtml#n1'>1</a></p>"
    extra = "<html><body><p>hidden away</p><p id='n1'>Small.</p></body></html>"
    raw = make_epub({"a.xhtml": text}, more={"OPS/extra/n.xhtml": extra})
    assert lines_of(raw) == "ship [1]\n[1] Small."


def test_damaged_files_of_notes_are_told() -> None:
    text = "<p>ship<a epub:type='noteref' href='n.xhtml#n1'>1</a></p>"
    raw = make_epub({"a.xhtml": text}, more={"OPS/n.xhtml": b"\0\1\2" * 100})
    document = read(raw, "book.epub")
    assert document.text == "ship [1]"
    assert document.warnings == ("1 file with notes cannot be read",)


def test_a_note_before_the_text_that_calls_it_moves_there() -> None:
    chapters = {
        "n.xhtml": "<p id='n1'>1. Small.</p>",
        "a.xhtml": "<p>ship<sup><a href='n.xhtml#n1'>1</a></sup></p><p>end</p>",
    }
    assert lines_of(make_epub(chapters)) == "ship [1]\n[1] Small.\nend"


def test_in_a_vast_book_the_notes_stay_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "_MOST_KEPT", 100)
    text = "<p>ship<a epub:type='noteref' href='notes.xhtml#n1'>1</a></p>"
    assert text_of(text, "<p>Before.</p><p id='n1'>A.</p>") == "ship [1]\nBefore.\nA."


@pytest.mark.slow
@pytest.mark.parametrize("end", ["</p></div>", ""])
def test_thousands_of_notes_take_no_time(end: str) -> None:
    marks = "".join(
        f"<p>word<sup><a href='n.xhtml#n{at}'>{at}</a></sup></p>" for at in range(10_000)
    )
    notes = "".join(f"<div class='note'><p id='n{at}'>{at}. Note.{end}" for at in range(10_000))
    began = time.process_time()
    text = lines_of(make_epub({"a.xhtml": marks, "n.xhtml": notes}))
    assert time.process_time() - began < 8
    assert text.count("Note.") == 10_000
    assert not end or text.startswith("word [0]\n[0] Note.\nword [1]\n[1] Note.")


def test_a_chain_of_notes_has_no_end_to_its_depth() -> None:
    notes = "".join(
        f"<p id='n{at}'>Note.<a epub:type='noteref' href='n.xhtml#n{at + 1}'>{at + 1}</a></p>"
        for at in range(5_000)
    )
    text = "<p>word<a epub:type='noteref' href='n.xhtml#n0'>0</a></p>"
    assert lines_of(make_epub({"a.xhtml": text, "n.xhtml": notes})).count("Note.") == 5_000
