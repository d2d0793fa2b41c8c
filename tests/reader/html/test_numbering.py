from __future__ import annotations

import pytest

from tests.support.books import labels, read
from tests.support.html_pages import text_of


def test_ordered_lists_have_the_numbers_that_a_browser_shows() -> None:
    html = "<ol><li>one<ol type=a><li>x<li>y</ol><li>two</ol><ul><li>three</ul>"
    assert (
        text_of(html) == "1. one\na. x\nb. y\n2. two\n\nthree"
        or "1. one\na. x\nb. y\n2. two\nthree"
    )


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<ol start=5><li>a<li value=9>b<li>c</ol>", "5. a\n9. b\n10. c"),
        ("<ol reversed><li>a<li>b<li>c</ol>", "3. a\n2. b\n1. c"),
        ("<ol reversed start=10><li>a<li>b</ol>", "10. a\n9. b"),
        ("<ol reversed><li>a<li value=7>b<li>c</ol>", "3. a\n7. b\n6. c"),
        ("<ol type=A start=26><li>a<li>b</ol>", "Z. a\nAA. b"),
        ("<ol type=i start=3><li>a<li>b</ol>", "iii. a\niv. b"),
        ("<ol type=I start=1994><li>a</ol>", "MCMXCIV. a"),
        ("<ol type=i start=4000><li>a</ol>", "4000. a"),
        ("<ol type=a start=0><li>a</ol>", "0. a"),
        ("<ol start=-1><li>a<li>b</ol>", "-1. a\n0. b"),
        ("<ol start=x><li type=a>a<li>b</ol>", "a. a\n2. b"),
        ("<ol start=99999999999999999999><li>a</ol>", "999999999. a"),
        ("<ol style='list-style: upper-latin'><li>a</ol>", "A. a"),
        ("<ul style='list-style-type:decimal'><li>a</ul>", "1. a"),
        ("<ol style='list-style:none'><li>a</ol>", "a"),
        ("<ol class=breadcrumb><li>a</ol>", "a"),
        ("<li>a</li>", "a"),
    ],
)
def test_numbers_start_and_look_as_the_list_says(html: str, text: str) -> None:
    assert text_of(html) == text


def test_a_number_stands_before_the_first_paragraph_of_its_item() -> None:
    html = "<ol><li><p>one</p><p>more</p><li><div><b>two</b></div></ol>"
    assert text_of(html) == "1. one\n\nmore\n\n2. two"


def test_an_item_without_text_has_its_number_alone() -> None:
    assert text_of("<ol><li>a<li><img src=x><li>c</ol>") == "1. a\n2.\n3. c"


def test_numbers_go_into_the_tables_and_headings_of_their_items() -> None:
    assert text_of("<ol><li><table><tr><td>a<td>b</table></ol>") == "1. a | b"
    document = read(b"<html><ol reversed><li><h2>Term</h2><p>text</ol>", "page.html")
    assert labels(document) == ["1. Term"]


def test_lists_that_count_down_within_each_other_and_in_cells_do_not_mix() -> None:
    inner = "<ol reversed type=a><li>x<li>y</ol>"
    html = f"<ol reversed><li>a<table><tr><td>{inner}<td>z</table><li>b</ol>"
    assert text_of(html) == "2. a\n\nb. x a. y | z\n\n1. b"


def test_what_a_page_says_itself_is_not_taken_for_a_number_to_come() -> None:
    assert text_of("<ol reversed><li>&#xFDD6;7:1:decimal&#xFDD7; x</ol>") == "1. 7:1:decimal x"
