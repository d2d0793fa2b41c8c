from __future__ import annotations

import random
import time
import zipfile
from io import BytesIO

import pytest

from tests.support.books import labels, make_epub, make_zip, read, refusal

LONG = "<p>" + "word " * 100 + "</p>"


def test_chapters_come_in_the_order_of_reading_with_their_headings() -> None:
    chapters = {
        "b.xhtml": f"<h1>Second</h1>{LONG}<h2>Part</h2>{LONG}",
        "a.xhtml": f"<h1>First</h1>{LONG}",
    }
    document = read(make_epub(chapters, order=["a.xhtml", "b.xhtml"]), "book.epub")
    assert labels(document) == ["First", "Second", "Second › Part"]
    assert [page.number for page in document.pages] == [1, 2, 3]
    assert document.pages[0].text.startswith("First\n\nword word")
    assert not document.paged
    assert document.warnings == ()


def test_a_book_is_recognised_whatever_it_is_called() -> None:
    raw = make_epub({"a.xhtml": "<h1>First</h1><p>text</p>"})
    assert labels(read(raw, "book.pdf")) == ["First"]


def test_a_file_without_headings_is_called_what_the_contents_call_it() -> None:
    chapters = {"a.xhtml": LONG, "b.xhtml": LONG}
    raw = make_epub(chapters, contents={"a.xhtml": "Loomings", "b.xhtml": "The Bag"})
    assert labels(read(raw, "book.epub")) == ["Loomings", "The Bag"]


def test_a_file_that_the_contents_do_not_name_goes_on_with_the_chapter_before_it() -> None:
    chapters = {"a.xhtml": f"<h1>One</h1>{LONG}", "b.xhtml": "<p>the rest</p>"}
    document = read(make_epub(chapters, contents={"a.xhtml": "One"}), "book.epub")
    assert labels(document) == ["One"]
    assert document.text.endswith("the rest")


def test_a_file_cut_off_within_a_chapter_begins_with_the_rest_of_it() -> None:
    chapters = {"a.xhtml": f"<h1>One</h1>{LONG}", "b.xhtml": f"<p>rest</p><h1>Two</h1>{LONG}"}
    contents = {"a.xhtml#one": "One", "b.xhtml#two": "Two"}
    document = read(make_epub(chapters, contents=contents), "book.epub")
    assert labels(document) == ["One", "Two"]
    assert document.pages[0].text.endswith("rest")


def test_the_contents_of_newer_books_are_known_too() -> None:
    link = "<nav><ol><li><a href='a.xhtml#top'>A <i>name</i></a></li></ol></nav>"
    raw = make_epub({"a.xhtml": LONG, "nav.xhtml": link}, order=["a.xhtml"])
    nav = b'<item properties="nav" href="nav.xhtml" '
    with zipfile.ZipFile(BytesIO(raw)) as archive:
        package = archive.read("OPS/book.opf").replace(b'<item id="ncx" href="toc.ncx" ', nav)
        members = {name: archive.read(name) for name in archive.namelist()}
    raw = make_zip(members | {"OPS/book.opf": package})
    assert labels(read(raw, "book.epub")) == ["A name"]


def test_without_contents_no_file_gets_the_name_of_another() -> None:
    document = read(make_epub({"a.xhtml": f"<h1>One</h1>{LONG}", "b.xhtml": LONG}), "book.epub")
    assert labels(document) == ["One", None]


def test_files_with_spaces_in_their_names_are_found() -> None:
    assert "text" in read(make_epub({"my chapter.xhtml": "<p>text</p>"}), "book.epub").text


def test_missing_chapters_are_counted() -> None:
    raw = make_epub({"a.xhtml": LONG, "b.xhtml": LONG})
    assert b"OPS/b.xhtml" in raw
    document = read(raw.replace(b"OPS/b.xhtml", b"OPS/c.xhtml"), "book.epub")
    assert document.warnings == ("1 of its 2 chapters is missing",)


def test_a_chapter_listed_a_thousand_times_is_read_once() -> None:
    raw = make_epub({"a.xhtml": "<p>text</p>"}, order=["a.xhtml"] * 1000)
    assert read(raw, "book.epub").text == "text"


def test_entities_of_a_book_are_not_expanded() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>'
    body = '<!ENTITY secret SYSTEM "file:///etc/passwd">'
    chapter = f"{bomb}<html><body><p>seen {body} &b;&secret;</p></body></html>"
    raw = make_epub({"a.xhtml": "x"}, more={"OPS/a.xhtml": chapter})
    text = read(raw, "book.epub").text
    assert "aaaaaaaaaa" not in text
    assert "root:" not in text


def test_a_book_under_copy_protection_is_refused_but_one_with_hidden_fonts_is_read() -> None:
    def encrypted(member: str) -> bytes:
        listed = f'<encryption><CipherReference URI="{member}"/></encryption>'
        return make_epub({"a.xhtml": LONG}, more={"META-INF/encryption.xml": listed})

    assert "copy protection" in refusal(encrypted("OPS/a.xhtml"), "book.epub").message
    assert "word" in read(encrypted("OPS/font.otf"), "book.epub").text


def test_a_book_without_a_list_of_its_files_is_refused() -> None:
    empty = make_zip({"mimetype": "application/epub+zip"})
    assert "without META-INF/container.xml" in refusal(empty, "book.epub").message
    astray = make_epub({"a.xhtml": LONG}).replace(b"OPS/book.opf", b"OPS/look.opf")
    assert "EPUB" in refusal(astray, "book.epub").message


def test_a_book_without_text_is_refused() -> None:
    assert "has no text" in refusal(make_epub({"a.xhtml": "<img/>"}), "book.epub").message


def with_members(raw: bytes, members: dict[str, bytes]) -> bytes:
    """Return a book with other members in the place of its own."""
    with zipfile.ZipFile(BytesIO(raw)) as archive:
        return make_zip({name: archive.read(name) for name in archive.namelist()} | members)


def test_a_damaged_chapter_costs_only_itself() -> None:
    raw = make_epub({"a.xhtml": LONG, "b.xhtml": "<p>shark</p>"})
    with zipfile.ZipFile(BytesIO(raw)) as archive:
        stored = make_zip({name: archive.read(name) for name in archive.namelist()}, 0)
    document = read(stored.replace(b"shark", b"whale"), "book.epub")  # its sum is wrong now
    assert document.text.startswith("word word")
    assert "whale" not in document.text
    assert document.warnings == ("1 of its 2 chapters is damaged",)


def test_a_chapter_that_is_no_page_is_not_read_as_one() -> None:
    raw = make_epub({"a.xhtml": LONG, "b.xhtml": LONG})
    inner = random.Random(1).randbytes(2_000)
    document = read(with_members(raw, {"OPS/b.xhtml": inner}), "book.epub")
    assert document.warnings == ("1 of its 2 chapters is damaged",)
    only = with_members(make_epub({"a.xhtml": LONG}), {"OPS/a.xhtml": inner})
    assert "chapters are missing or damaged" in refusal(only, "book.epub").message


def test_a_book_that_lists_no_chapters_or_lacks_them_all_is_said_to() -> None:
    raw = make_epub({"a.xhtml": LONG})
    assert (
        "lists no chapters" in refusal(make_epub({"a.xhtml": LONG}, order=["x"]), "b.epub").message
    )
    lacking = raw.replace(b"OPS/a.xhtml", b"OPS/x.xhtml")
    assert "chapters are missing" in refusal(lacking, "b.epub").message


def test_a_chapter_named_in_another_case_is_found() -> None:
    raw = make_epub({"a.xhtml": LONG}).replace(b"OPS/a.xhtml", b"OPS/A.XHTML")
    assert "word" in read(raw, "book.epub").text


def test_contents_listed_a_thousand_times_are_read_once() -> None:
    raw = make_epub({"a.xhtml": LONG}, contents={"a.xhtml": "One"})
    with zipfile.ZipFile(BytesIO(raw)) as archive:
        package, contents = archive.read("OPS/book.opf"), archive.read("OPS/toc.ncx")
    item = b'<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
    assert item in package
    many = {
        "OPS/book.opf": package.replace(item, item * 1_000),
        "OPS/toc.ncx": contents.replace(b"</navPoint>", b"</navPoint>" + b"<navPoint/>" * 20_000),
    }
    began = time.monotonic()
    assert labels(read(with_members(raw, many), "book.epub")) == ["One"]
    assert time.monotonic() - began < 10


def test_contents_that_cannot_be_read_cost_only_the_titles() -> None:
    raw = make_epub({"a.xhtml": LONG}, contents={"a.xhtml": "One"})
    for contents in (b"", b"\0\1\2", b"<ncx>" + b"<navPoint/>" * 1_000_000):
        assert labels(read(with_members(raw, {"OPS/toc.ncx": contents}), "book.epub")) == [None]


@pytest.mark.parametrize("path", ["../../../etc/passwd", "/etc/passwd", "file:///etc/passwd"])
def test_nothing_outside_the_book_is_read(path: str) -> None:
    raw = make_epub({"a.xhtml": LONG, "b.xhtml": LONG})
    with zipfile.ZipFile(BytesIO(raw)) as archive:
        package = archive.read("OPS/book.opf").replace(b'href="b.xhtml"', f'href="{path}"'.encode())
    document = read(with_members(raw, {"OPS/book.opf": package}), "book.epub")
    assert "root" not in document.text
    assert document.warnings == ("1 of its 2 chapters is missing",)


def with_navigation(chapters: dict[str, str], navigation: str) -> bytes:
    """Return a book of the newer kind, whose navigation is this."""
    raw = make_epub(chapters | {"nav.xhtml": navigation}, order=list(chapters))
    nav = b'<item properties="nav" href="nav.xhtml" '
    with zipfile.ZipFile(BytesIO(raw)) as archive:
        package = archive.read("OPS/book.opf").replace(b'<item id="ncx" href="toc.ncx" ', nav)
    return with_members(raw, {"OPS/book.opf": package})


def links(kind: str, targets: dict[str, str]) -> str:
    items = "".join(f"<li><a href='{href}'>{title}</a></li>" for href, title in targets.items())
    return f"<nav {kind}><ol>{items}</ol></nav>"


@pytest.mark.parametrize("kind", ["epub:type='toc'", "role='doc-toc'", "epub:type='foreword toc'"])
def test_landmarks_and_lists_of_pages_name_no_chapters(kind: str) -> None:
    navigation = (
        links("epub:type='landmarks'", {"a.xhtml": "Start of Content"})
        + links("epub:type='page-list'", {"a.xhtml#p7": "7", "b.xhtml#p31": "31"})
        + links(kind, {"a.xhtml": "The Storm", "b.xhtml": "The Lantern"})
    )
    raw = with_navigation({"a.xhtml": LONG, "b.xhtml": LONG}, navigation)
    assert labels(read(raw, "book.epub")) == ["The Storm", "The Lantern"]
    only = with_navigation({"a.xhtml": LONG}, links("epub:type='landmarks'", {"a.xhtml": "Start"}))
    assert labels(read(only, "book.epub")) == [None]


def test_chapters_within_a_file_begin_where_the_contents_point() -> None:
    body = f"{LONG}<p id='two'>Second</p>{LONG}<div><p><a id='three'/>Third</p></div>{LONG}"
    contents = {"a.xhtml": "One", "a.xhtml#two": "Two", "a.xhtml#three": "Three"}
    document = read(make_epub({"a.xhtml": body}, contents=contents), "book.epub")
    assert labels(document) == ["One", "Two", "Three"]
    assert document.pages[1].text.startswith("Second")


def test_a_chapter_in_several_files_goes_on_until_the_next_begins() -> None:
    chapters = {"a.xhtml": LONG, "b.xhtml": "<p>the rest</p>", "c.xhtml": f"{LONG}<p id='x'>X</p>"}
    raw = make_epub(chapters, contents={"a.xhtml": "One", "c.xhtml#x": "Two"})
    document = read(raw, "book.epub")
    assert labels(document) == ["One", "Two"]
    assert "the rest" in document.pages[0].text


def test_a_chapter_whose_headings_are_only_of_its_parts_has_the_name_of_the_contents() -> None:
    chapters = {"a.xhtml": f"<p>The Storm</p><h3>Night</h3>{LONG}<h3>Day</h3>{LONG}"}
    raw = make_epub(chapters, contents={"a.xhtml": "The Storm"})
    assert labels(read(raw, "book.epub"))[-2:] == ["The Storm › Night", "The Storm › Day"]
    chapters = {"a.xhtml": f"<h2>1. The Storm</h2>{LONG}"}
    raw = make_epub(chapters, contents={"a.xhtml": "The Storm"})
    assert labels(read(raw, "book.epub")) == ["1. The Storm"]


def test_notes_of_a_book_stand_in_their_place_with_their_numbers() -> None:
    note = "<aside epub:type='footnote' id='n1'><p>A small ship.</p></aside>"
    body = f"<p>The ship<a epub:type='noteref' href='#n1'>1</a> sank.</p>{note}<p>Then</p>"
    text = read(make_epub({"a.xhtml": body}), "book.epub").text
    assert text == "The ship [1] sank.\n\n[1] A small ship.\n\nThen"
