from __future__ import annotations

import pytest

from rapid_cli.documents import PAGE_BREAK, Document, Page


def make_document(*texts: str) -> Document:
    pages = tuple(Page(number, None, text) for number, text in enumerate(texts, start=1))
    return Document("id", "name.pdf", "/name.pdf", pages, paged=True)


def test_the_text_joins_the_pages_with_a_blank_line() -> None:
    assert make_document("one", "two", "three").text == "one\n\ntwo\n\nthree"


def test_the_text_of_a_single_page_is_the_page() -> None:
    assert make_document("one").text == "one"


def test_every_character_of_a_page_is_found_on_that_page() -> None:
    texts = ("first page", "x", "the third", "end")
    document = make_document(*texts)
    offset = 0
    for number, text in enumerate(texts, start=1):
        found = {document.page_at(offset + index).number for index in range(len(text))}
        assert found == {number}
        offset += len(text) + len(PAGE_BREAK)


def test_the_break_between_two_pages_belongs_to_the_first() -> None:
    document = make_document("ab", "cd")
    assert [document.page_at(offset).number for offset in range(6)] == [1, 1, 1, 1, 2, 2]


def test_pages_without_text_do_not_shift_the_pages_after_them() -> None:
    document = make_document("ab", "", "", "cd")
    assert document.page_at(document.text.index("cd")).number == 4
    assert document.page_at(0).number == 1


def test_an_empty_first_page_is_passed_over() -> None:
    document = make_document("", "cd")
    assert document.page_at(document.text.index("cd")).number == 2


def test_the_label_comes_with_the_page() -> None:
    pages = (Page(1, "iv", "preface"), Page(2, "1", "chapter"))
    document = Document("id", "name.pdf", "/name.pdf", pages, paged=True)
    assert document.page_at(document.text.index("chapter")).label == "1"


@pytest.mark.parametrize("attribute", ["name", "pages", "warnings"])
def test_a_document_cannot_be_changed(attribute: str) -> None:
    with pytest.raises(AttributeError):
        setattr(make_document("one"), attribute, ())
