"""The text of a page from its letters: what is printed once, in the order in which it is read."""

from __future__ import annotations

from collections.abc import Sequence

from rapid_cli.reader.pdf.layout.columns import in_columns
from rapid_cli.reader.pdf.layout.direction import directed, has_from_right, is_from_right
from rapid_cli.reader.pdf.layout.doubles import without_doubles
from rapid_cli.reader.pdf.layout.letters import Line, text_of
from rapid_cli.reader.pdf.layout.placing import Mark, with_marks


def laid_out(lines: Sequence[Line], marks: Sequence[Mark]) -> str | None:
    """Return the text of a page, or None where its lines are right as they are.

    `lines` are as they are drawn, and `marks` what stands beside them.
    """
    ordered = in_order(lines, marks)
    return None if ordered is None else text_of(ordered)


def in_order(lines: Sequence[Line], marks: Sequence[Mark]) -> list[Line] | None:
    """Return the lines of a page in the order in which they are read, or None if they are in it."""
    drawn = text_of(lines)
    from_right = is_from_right(drawn)
    single = list(without_doubles(lines))
    changed = bool(marks) or has_from_right(drawn) or sum(map(len, single)) < sum(map(len, lines))
    placed = with_marks(single, marks) if marks else single
    columns = in_columns(placed, from_right=from_right)
    if columns is None and not changed:
        return None
    return directed(columns or placed, from_right=from_right)
