from __future__ import annotations

import pytest

from tests.support.books import labels, read, refusal
from tests.support.html_pages import text_of

LONG = "<p>" + "word " * 100 + "</p>"


def test_headings_make_sections_and_stay_in_the_text() -> None:
    html = f"{LONG}<h1>One</h1>{LONG}<h2>Part <i>a</i></h2>{LONG}<h1>Two</h1>{LONG}"
    document = read(f"<!doctype html>{html}".encode(), "page.html")
    assert labels(document) == [None, "One", "One › Part a", "Two"]
    assert document.pages[2].text.startswith("Part a\n\nword")
    assert not document.paged


def test_what_is_not_shown_is_left_out_and_navigation_stays() -> None:
    html = (
        "<html><head><title>t</title><style>a{}</style><body><script>if (a<b) x()</script>"
        "<nav>menu</nav><noscript>enable</noscript><template><p>cut</p></template>"
        "<div style='display: none'>hidden</div><div hidden>gone</div><!-- c --><p>shown</p>"
    )
    assert read(html.encode(), "page.html").text == "menu\n\nshown"


def test_blocks_are_lines_and_white_space_is_folded() -> None:
    html = "<p>one\n  two<br>three</p><div>four</div><div>five</div><ul><li>a<li>b</ul>"
    assert text_of(html) == "one two\nthree\n\nfour\nfive\na\nb"


def test_two_breaks_in_a_row_part_paragraphs() -> None:
    assert text_of("one<br><br>two<br>three") == "one\n\ntwo\nthree"


def test_preformatted_text_keeps_its_shape() -> None:
    assert text_of("<pre>def a():\n    pass\n\nb</pre>") == "def a():\n    pass\n\nb"


def test_tables_are_rows_of_cells() -> None:
    html = "<table><tr><th>year<th>sales<tr><td>2019<td><p>1,200</p></table><p>after"
    assert text_of(html) == "year | sales\n2019 | 1,200\n\nafter"


def test_an_empty_cell_keeps_its_place_unless_most_are_empty() -> None:
    assert text_of("<table><tr><td>a<td><td>c<td>d</table>") == "a |  | c | d"
    assert text_of("<table><tr><td>a<td><td>$<td>5<td><td></table>") == "a | $ | 5"


def test_a_table_that_only_places_text_does_not_join_it() -> None:
    html = "<table><tr><td><p>one<p>two<h2>Head</h2><p>three</td><td>side</td></table>"
    assert text_of(html) == "one\n\ntwo\n\nHead\n\nthree\n\nside"


def test_a_heading_in_a_cell_makes_a_section() -> None:
    html = f"<html><table><tr><td>{LONG}<h2>Head</h2>{LONG}</td></table>"
    assert labels(read(html.encode(), "page.html")) == [None, "Head"]


@pytest.mark.parametrize("deep", [5_000, 100_000])
def test_a_deep_nest_of_tags_is_read(deep: int) -> None:
    assert text_of("<div>" * deep + "deep" + "</div>" * deep + "<p>after") == "deep\n\nafter"


def test_a_deep_nest_of_tables_is_read() -> None:
    assert "deep" in text_of("<table><tr><td>a" * 3000 + "deep")


def test_the_declared_charset_is_honoured() -> None:
    html = '<html><meta charset="windows-1251"><p>Привет, мир'.encode("cp1251")
    assert read(html, "page.html").text == "Привет, мир"
    html = '<?xml version="1.0" encoding="shift_jis"?><html><p>日本語'.encode("shift_jis")
    assert read(html, "page.html").text == "日本語"


@pytest.mark.parametrize("charset", ["utf-16", "punycode", "zlib", "nonsense", "ascii"])
def test_a_charset_that_cannot_be_true_is_passed_over(charset: str) -> None:
    html = f"<html><meta charset={charset}><p>Grüße, café, naïve – déjà vu".encode()
    document = read(html, "page.html")
    assert document.text.endswith("vu")


def test_a_page_without_a_charset_is_read_as_windows_text_with_a_warning() -> None:
    document = read("<html><p>café “quoted”".encode("cp1252"), "page.html")
    assert document.text == "café “quoted”"
    assert "Windows-1252" in document.warnings[0]


def test_a_page_in_utf16_is_read() -> None:
    assert read("<html><p>日本語 text".encode("utf-16"), "page.html").text == "日本語 text"


def test_pictures_in_the_text_of_a_page_leave_no_trace() -> None:
    assert text_of(f'<p>a<img src="data:image/png;base64,{"A" * 5000}">b') == "ab"


def test_empty_elements_of_xhtml_do_not_swallow_the_rest() -> None:
    html = "<?xml version='1.0'?><html><head><title/><script src='x'/></head><body><p>seen</p>"
    assert read(html.encode(), "page.xhtml").text == "seen"


def test_a_heading_that_is_never_closed_is_none() -> None:
    document = read(f"<html><h1>Title<div>{'word ' * 100}</div>".encode(), "page.html")
    assert labels(document) == [None]
    assert document.text.startswith("Title\nword")


def test_soft_hyphens_do_not_break_words() -> None:
    assert text_of("<p>re&shy;trieval&nbsp;works") == "retrieval works"


def test_a_page_without_text_is_refused() -> None:
    assert "has no text" in refusal(b"<html><body><img src=x></body></html>", "page.html").message


def test_older_charsets_mean_what_browsers_read_them_as() -> None:
    for name, encoding, text in (
        ("gb2312", "gb18030", "中文镕测试"),
        ("shift_jis", "cp932", "①番の髙橋さん"),
        ("iso-8859-9", "cp1254", "“İstanbul”"),
    ):
        html = f"<html><meta charset={name}><p>{text}</p>".encode(encoding)
        document = read(html, "page.html")
        assert (document.text, document.warnings) == (text, ())


def test_utf8_is_read_as_such_whatever_a_page_says() -> None:
    html = '<html><meta charset="shift_jis"><p>Grüße, naïve café'.encode()
    assert read(html, "page.html").text == "Grüße, naïve café"


def test_a_charset_declared_late_is_honoured() -> None:
    html = b"<html><!--" + b"x" * 5_000 + b"--><meta charset=windows-1251><p>"
    assert read(html + "Привет".encode("cp1251"), "page.html").text == "Привет"


def test_escapes_of_python_are_no_charset() -> None:
    html = rb"<html><meta charset=unicode_escape><p>a\u001b[31m"
    assert read(html, "page.html").text == r"a\u001b[31m"


def test_declarations_of_a_document_type_are_not_shown() -> None:
    html = '<!DOCTYPE html [<!ENTITY a "aaa"><!ENTITY b "&a;&a;">]><html><p>seen &b;</p>'
    assert read(html.encode(), "page.xhtml").text == "seen &b;"
