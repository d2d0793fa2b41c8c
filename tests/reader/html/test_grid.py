from __future__ import annotations

import time

import pytest

from tests.support.html_pages import text_of


def table(*rows: str) -> str:
    return text_of("<table><tr>" + "<tr>".join(rows) + "</table>")


def test_a_cell_over_several_rows_is_in_each_of_them() -> None:
    rows = ("<th>Zone<th>Who<th>Day", "<td rowspan=2>North<td>Adult<td>9.80", "<td>Child<td>4.90")
    assert table(*rows, "<td rowspan=2>South<td>Adult<td>11.40", "<td>Child<td>5.70") == (
        "Zone | Who | Day\nNorth | Adult | 9.80\nNorth | Child | 4.90\n"
        "South | Adult | 11.40\nSouth | Child | 5.70"
    )


def test_a_cell_over_several_columns_is_in_each_of_them() -> None:
    rows = ("<th><th colspan=2>2024<th colspan=2>2025", "<th><th>Q1<th>Q2<th>Q1<th>Q2")
    assert table(*rows, "<td>Riders<td>310<td>355<td>402<td>418") == (
        " | 2024 | 2024 | 2025 | 2025\n | Q1 | Q2 | Q1 | Q2\nRiders | 310 | 355 | 402 | 418"
    )


def test_cells_over_rows_and_columns_at_once_leave_room_for_the_others() -> None:
    rows = ("<td rowspan=2 colspan=2>AB<td>c", "<td>d", "<td>e<td>f<td rowspan=0>g", "<td>h<td>i")
    assert table(*rows) == "AB | AB | c\nAB | AB | d\ne | f | g\nh | i | g"


def test_a_cell_over_the_whole_row_stands_there_once() -> None:
    assert table("<th>a<th>b<th>c", "<td colspan=3>note", "<td>1<td>2<td>3") == (
        "a | b | c\nnote\n1 | 2 | 3"
    )


def test_columns_that_no_cell_has_for_itself_are_none() -> None:
    rows = ("<td colspan=3>Net sales<td colspan=2>5", "<td colspan=3>Costs<td colspan=2>3")
    assert table(*rows) == "Net sales | 5\nCosts | 3"


def test_the_head_of_a_sum_and_its_sign_stands_once() -> None:
    rows = ("<td>Year<td colspan=2>2022<td colspan=2>2021", "<td>Sales<td>$<td>5<td>$<td>6")
    assert table(*rows) == "Year | 2022 | 2021\nSales | $ | 5 | $ | 6"


def test_where_columns_are_named_an_empty_cell_keeps_its_place() -> None:
    rows = ("<th>Day<th>1<th>2<th>3", "<td>Tue<td><td><td>x", "<td><td><td>y<td>")
    assert table(*rows) == "Day | 1 | 2 | 3\nTue |  |  | x\n |  | y | "


def test_a_long_cell_over_several_rows_stands_in_the_first() -> None:
    long = "word " * 50
    assert table(f"<td rowspan=2>{long}<td>a<td>b<td>c", "<td>d<td>e<td>f") == (
        f"{long}| a | b | c\n | d | e | f"
    )


def test_a_cell_goes_beyond_no_part_of_its_table() -> None:
    html = "<table><tbody><tr><td rowspan=9>a<td>b</tbody><tbody><tr><td>c<td>d</tbody></table>"
    assert text_of(html) == "a | b\nc | d"


def test_the_head_of_a_table_comes_first_and_its_foot_last() -> None:
    html = (
        "<table><caption>Sums</caption><tfoot><tr><td>sum<td>9</tfoot>"
        "<thead><tr><th>A<th>B</thead><tbody><tr><td>x<td>9</table>after"
    )
    assert text_of(html) == "Sums\nA | B\nx | 9\nsum | 9\n\nafter"


def test_cells_and_rows_outside_of_a_table_are_read() -> None:
    assert text_of("<div><td>lost</td></div><tr><td>a<td>b</tr>c") == "lost\na | b\nc"


@pytest.mark.parametrize("span", ["", "0", "-1", "x", "99999999999", "1e3"])
def test_a_span_that_cannot_be_does_no_harm(span: str) -> None:
    text = table(f"<td colspan='{span}'>a<td>b", f"<td rowspan='{span}'>c<td>d")
    assert text.replace("a | ", "") == "b\nc | d"


@pytest.mark.slow
def test_tables_made_to_exhaust_memory_are_read_in_bounded_time() -> None:
    began = time.process_time()
    wide = "<td rowspan=1000 colspan=1000>" + "x" * 190
    for rows in ([wide * 500] + ["<td>y"] * 3_000, [wide + "<td>z"] * 3_000):
        assert len(table(*rows)) < 20_000_000
    assert time.process_time() - began < 30
