"""An evaluation's tables on stdout."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rapid_cli.cli.render.console import say
from rapid_cli.cli.render.tables import print_table
from rapid_cli.evaluation.report import Row
from rapid_cli.text.printable import printable_line
from rapid_cli.text.sizes import percentage

Cell = Callable[[Row], str]


def print_rows(rows: Sequence[Row], baseline: str) -> None:
    """Print two tables for each pack: how good the answers are, and what they took."""
    for pack in dict.fromkeys(row.pack for row in rows):
        group = [row for row in rows if row.pack == pack]
        drawn = "documents" if group[0].by_document else "questions"
        say(
            f"{printable_line(pack)}: {max(row.questions for row in group)} questions; "
            f"differences to {printable_line(baseline)}; 95% intervals over {drawn}"
        )
        _print_filled(QUALITY, group)
        print()
        _print_filled(COST, group)
        print()


def _print_filled(columns: dict[str, Cell], rows: Sequence[Row]) -> None:
    """Print a table of the columns in which any row has something."""
    filled = {name: cell for name, cell in columns.items() if any(map(cell, rows))}
    print_table(list(filled), [[cell(row) for cell in filled.values()] for row in rows])


def _share(name: str) -> Cell:
    def cell(row: Row) -> str:
        value = getattr(row, name)
        return "" if value is None else f"{value:.3f}"

    return cell


def _number(name: str, digits: int) -> Cell:
    def cell(row: Row) -> str:
        value = getattr(row, name)
        return "" if value is None else f"{value:.{digits}f}"

    return cell


def _right(row: Row) -> str:
    return f"{row.right:.3f} [{row.right_low:.2f}, {row.right_high:.2f}]"


def _difference(row: Row) -> str:
    if row.difference is None:
        return ""
    return f"{row.difference:+.3f} [{row.difference_low:+.2f}, {row.difference_high:+.2f}]"


def _changed(row: Row) -> str:
    return "" if row.better is None else f"+{row.better} -{row.worse}"


def _failed(row: Row) -> str:
    return str(row.failed) if row.failed else ""


def _accepted(row: Row) -> str:
    return "" if row.acceptance_rate is None else percentage(row.acceptance_rate)


QUALITY: dict[str, Cell] = {
    "variant": lambda row: row.variant,
    "answers": lambda row: str(row.questions),
    "failed": _failed,
    "right": _right,
    "difference": _difference,
    "changed": _changed,
    "p": _number("p_value", 3),
    "contained": _share("contained"),
    "F1": _share("f1"),
    "exact": _share("exact"),
    "choice": _share("choice_accuracy"),
    "absent P": _share("abstention_precision"),
    "absent R": _share("abstention_recall"),
    "page in 5": _share("evidence"),
    "cited": _share("citation_precision"),
}
COST: dict[str, Cell] = {
    "variant": lambda row: row.variant,
    "seconds": _number("seconds", 2),
    "decoding s": _number("decode_seconds", 2),
    "tok/s": _number("tokens_per_second", 1),
    "accepted": _accepted,
}
