"""The rectangles over the words of a quote, from letters with places."""

from __future__ import annotations

import pytest

from rapid_cli.reader.pdf.layout.letters import Box, Letter, Line
from rapid_cli.reader.pdf.layout.marking import marked

WIDTH, HEIGHT = 6.0, 10.0


def line(text: str, left: float, bottom: float) -> Line:
    """Return letters of one width beside each other."""
    return [
        Letter(letter, Box(left + WIDTH * at, bottom, left + WIDTH * (at + 1), bottom + HEIGHT))
        for at, letter in enumerate(text)
    ]


def turned(text: str, left: float, bottom: float) -> Line:
    """Return letters one above the other, as in a line that is read upwards."""
    return [
        Letter(letter, Box(left, bottom + WIDTH * at, left + HEIGHT, bottom + WIDTH * (at + 1)))
        for at, letter in enumerate(text)
    ]


PAGE = [
    line("The keeper kept the light for forty-", 72, 700),
    line("one years. Then she left.", 72, 686),
]


def test_each_line_of_a_quote_has_a_rectangle_over_its_words() -> None:
    assert marked(PAGE, "light for forty-one years") == [
        Box(72 + 20 * WIDTH, 700, 72 + 36 * WIDTH, 710),
        Box(72, 686, 72 + 9 * WIDTH, 696),
    ]


def test_what_is_not_there_has_none() -> None:
    assert marked(PAGE, "the light for forty-two years") == []
    assert marked([], "the light") == []
    assert marked(PAGE, "") == []


def test_letters_that_are_printed_twice_to_look_bold_are_one() -> None:
    once = line("Balance sheets", 72, 700)
    twice = [
        letter
        for each in once
        for letter in (each, each._replace(box=each.box._replace(left=each.box.left + 0.3)))
    ]
    (box,) = marked([twice], "Balance sheets")
    assert box == pytest.approx(Box(72, 700, 72 + 14 * WIDTH, 710), abs=0.5)


def test_columns_that_are_drawn_row_by_row_are_marked_one_after_the_other() -> None:
    left = [
        "the old keeper of the light went",
        "down to the boat in the morning and",
        "rowed out alone to",
    ]
    right = [
        "all of the board met at noon and",
        "talked of nothing but the weather",
        "until it was dark and",
    ]
    left += ["save the crew of the ship that had", "run upon the rocks in the night"]
    right += ["they went home to sleep in their", "own warm beds until the morning"]
    rows = [
        [*line(one.ljust(40), 72, 700 - 14 * at), *line(other, 330, 700 - 14 * at)]
        for at, (one, other) in enumerate(zip(left, right, strict=True))
    ]
    boxes = marked(rows, "rowed out alone to save the crew of the ship")
    assert [box.bottom for box in boxes] == [672, 658]
    assert all(box.right <= 312 for box in boxes)


def test_a_wide_blank_in_a_row_parts_what_is_marked() -> None:
    row = [*line("Working capital", 72, 700), *line("1,204,511", 400, 700)]
    boxes = marked([row], "Working capital 1,204,511")
    assert [(box.left, box.right) for box in boxes] == [(72, 162), (400, 454)]


def test_a_line_that_is_turned_has_one_rectangle() -> None:
    (box,) = marked([turned("Table 3: sales by region", 72, 100)], "sales by region")
    assert box == Box(72, 100 + 9 * WIDTH, 82, 100 + 24 * WIDTH)


def test_a_raised_number_is_marked_with_its_base() -> None:
    raised = Letter("6", Box(84, 705, 88, 712))
    text = [*line("10", 72, 700), raised, *line(" atoms of iron", 88, 700)]
    (box,) = marked([text], "10^6 atoms of iron")
    assert (box.left, box.top) == (72, 712)
