from __future__ import annotations

import pytest

from rapid_cli.documents import Page
from rapid_cli.text.page_references import LONGEST_RANGE, NamedPages, named_pages


def pages(*labels: str | None, empty: tuple[int, ...] = ()) -> list[Page]:
    return [
        Page(number, label, "" if number in empty else "text")
        for number, label in enumerate(labels, start=1)
    ]


@pytest.mark.parametrize(
    ("question", "names", "places"),
    [
        ("What is on page 9?", ("9",), ()),
        ("Compare pages 3, 5-7 and twelve.", ("3", "5", "6", "7", "12"), ()),
        ("Which number stands on page fourteen?", ("14",), ()),
        ("What does page twenty-one say?", ("21",), ()),
        ("See p. xii of it", ("xii",), ()),
        ("pp. 12–14 & 20", ("12", "13", "14", "20"), ()),
        ("Summarise pages 2 to 4", ("2", "3", "4"), ()),
        ("Who is on page no. 07?", ("7",), ()),
        ("PAGE NUMBER 5", ("5",), ()),
        ("What is the date on the cover page and the last page?", (), (1, -1)),
        ("the second page", (), (2,)),
        ("the 21st page, and page 3 again, page 3", ("3",), (21,)),
        ("Is homepage 3 mentioned?", (), ()),
        ("How many pages does it have?", (), ()),
        ("Does page it say?", (), ()),
        ("Which chapter 5 is this, in 1998?", (), ()),
    ],
)
def test_a_question_names_pages(question, names, places):
    assert named_pages(question) == NamedPages(names, places)


def test_a_range_without_end_is_cut():
    assert len(named_pages("pages 1-99999").names) == LONGEST_RANGE + 1


def test_a_printed_label_comes_before_the_number():
    book = pages("i", "ii", "1", "2", None)
    assert named_pages("page 2").among(book) == [4]
    assert named_pages("page II").among(book) == [2]
    assert named_pages("page 5").among(book) == [5]
    assert named_pages("the first page").among(book) == [1]


def test_of_two_pages_with_one_label_the_first_is_meant():
    assert named_pages("page 1").among(pages("A", "1", "1")) == [2]


def test_pages_that_are_not_there_are_not_meant():
    assert named_pages("page 4, page xx, page 0, the 9th page").among(pages(None, None)) == []


def test_the_last_page_is_counted_from_the_end():
    assert named_pages("the final page").among(pages(None, None, None)) == [3]


def test_a_page_without_text_stands_for_the_next_one_that_has_some():
    book = pages(None, None, None, None, empty=(2, 4))
    assert named_pages("the second page").among(book) == [3]
    assert named_pages("pages 2 and 3").among(book) == [3]
    assert named_pages("page 4").among(book) == []
