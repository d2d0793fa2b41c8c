"""Names and labels end where they end, and look like no others."""

from __future__ import annotations

import pytest

from rapid_cli.documents import Document, Page
from rapid_cli.text.naming import title, told_heading, told_label, told_name


def document(name: str, path: str = "/a.pdf") -> Document:
    return Document("d", name, path, (Page(1, None, "x"),), True)


@pytest.mark.parametrize("label", ["1", "iii", "A-12", "12/3", "Ж-4", "C.1"])
def test_what_looks_like_a_number_is_told_as_it_is(label: str) -> None:
    assert told_label(label) == label


@pytest.mark.parametrize("label", ["1, 2", "1)", "a b", "x" * 17, "1\u202e2", "“"])
def test_all_else_on_a_page_is_in_quotes(label: str) -> None:
    told = told_label(label)
    assert (told[0], told[-1]) == ("“", "”")
    assert not set("“”\u202e") & set(told[1:-1])
    assert len(told) < 50


def test_a_name_is_one_line_and_not_longer_than_a_file_has_it() -> None:
    assert title("a\nb\x9b\u202e.pdf") == "a␊b<U+009B><U+202E>.pdf"
    assert len(title("x" * 1000)) == 255


def test_names_with_a_comma_or_quotes_are_in_quotes() -> None:
    assert told_name(document("report (1).pdf")) == "report (1).pdf"
    assert told_name(document("Smith, John.pdf")) == "“Smith, John.pdf”"
    assert told_name(document("a”, b.pdf")) == "“a', b.pdf”"


def test_a_document_of_others_is_told_with_where_it_is_from() -> None:
    name = "book.pdf” (shared from alice), page 3"
    told = told_name(document(name, "shared:bob-1f:/book.pdf"))
    assert told == "“book.pdf' (shared from alice), page 3” (shared from bob-1f)"


def test_a_heading_is_in_quotes_and_bounded() -> None:
    assert told_heading("One › Two") == "“One › Two”"
    assert len(told_heading("x" * 1000)) == 122
