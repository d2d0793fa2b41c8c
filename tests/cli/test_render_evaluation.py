"""The tables of an evaluation, as a pipe gets them."""

from __future__ import annotations

import pytest

from rapid_cli.cli.render.evaluation import print_rows
from rapid_cli.evaluation.report import WHOLE, rows
from tests.support.evaluations import PLAIN, RAPID, make_question, make_record


def tables(output: str) -> list[list[dict[str, str]]]:
    """Return the tables under the titles, each as rows by the names of their columns."""
    found = []
    for block in output.strip().split("\n\n"):
        lines = [line.split("\t") for line in block.splitlines() if "\t" in line]
        found.append([dict(zip(lines[0], row, strict=True)) for row in lines[1:]])
    return found


def test_each_pack_has_a_title_and_a_table_of_quality_and_one_of_cost(
    capsys: pytest.CaptureFixture[str],
) -> None:
    records = [
        make_record(
            make_question(number, document=f"d{number}", pack=pack),
            variant,
            "Edith" if number or variant is RAPID else "Tom",
            tokens=4,
            drafted=8 if variant is RAPID else 0,
            accepted=6 if variant is RAPID else 0,
            seconds={"total": 2.0, "decode": 0.5},
        )
        for pack in ("one", "two\x1b[2J")
        for number in range(3)
        for variant in (PLAIN, RAPID)
    ]
    print_rows(rows(records, "long-context"), "long-context")
    output = capsys.readouterr().out
    assert "\x1b" not in output
    titles = [line for line in output.splitlines() if "95% intervals" in line]
    assert (
        titles[0] == "one: 3 questions; differences to long-context; 95% intervals over questions"
    )
    assert titles[2] == (
        f"{WHOLE}: 6 questions; differences to long-context; 95% intervals over documents"
    )
    quality, cost, *_ = tables(output)
    assert len(tables(output)) == 6
    plain, rapid = quality
    assert plain["right"].startswith("0.667 [")
    assert (plain["difference"], plain["p"]) == ("", "")
    assert rapid["difference"].startswith("+0.333 [+0.00, +")
    assert (rapid["changed"], rapid["p"], rapid["F1"]) == ("+1 -0", "1.000", "1.000")
    assert [(row["seconds"], row["tok/s"], row["accepted"]) for row in cost] == [
        ("2.00", "8.0", ""),
        ("2.00", "8.0", "75%"),
    ]


def test_columns_in_which_nothing_stands_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    absent = make_record(make_question(1, answerable=False), answer="The text does not say.")
    print_rows(rows([absent], "long-context"), "long-context")
    (quality, _) = tables(capsys.readouterr().out)
    assert quality == [
        {
            "variant": "long-context",
            "answers": "1",
            "right": "1.000 [1.00, 1.00]",
            "absent P": "1.000",
            "absent R": "1.000",
        }
    ]


def test_what_failed_has_a_column(capsys: pytest.CaptureFixture[str]) -> None:
    failed = make_record(make_question(1), answer="", error="the context is full")
    print_rows(rows([failed], "long-context"), "long-context")
    quality, *_ = tables(capsys.readouterr().out)
    assert quality[0]["failed"] == "1"
