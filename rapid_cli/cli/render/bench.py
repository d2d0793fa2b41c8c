"""A benchmark's tables on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rapid_cli.bench.report import LengthRow, Row
from rapid_cli.cli.render.console import say
from rapid_cli.cli.render.tables import print_markdown
from rapid_cli.text.sizes import percentage

COLUMNS = (
    *("context", "variant", "drafter", "tok/s", "spread", "speed-up", "predicted"),
    *("accepted", "tokens/round", "drafted/round", "first draft s", "first token s"),
)


def print_rows(rows: Sequence[Row]) -> None:
    """Print them as a Markdown table."""
    print_markdown(COLUMNS, [_cells(row) for row in rows])


def print_stage(stage: LengthRow) -> None:
    """Print what things cost at one context length."""
    say(
        f"At {stage.context_length} tokens: read at {stage.prefill_tokens_per_second:.0f} tok/s, "
        f"cache {stage.cache_bytes / 1e9:.2f} GB, batches of k tokens take "
        f"{_curve(stage.verify_milliseconds)} ms"
    )
    for name, costs in stage.draft_milliseconds.items():
        tokens = stage.drafter_tokens[name]
        say(f"  drafts of k tokens by {name}, which reads {tokens}, take {_curve(costs)} ms")


def _curve(costs: dict[int, float]) -> str:
    return ", ".join(f"{milliseconds:.1f} ({size})" for size, milliseconds in costs.items())


def _cells(row: Row) -> tuple[str, ...]:
    accepted = _share(row.acceptance_rate)
    if row.assumed_acceptance is not None:
        accepted += f" (coin {row.assumed_acceptance:g})"
    return (
        str(row.context_length),
        row.variant,
        row.drafter or "",
        f"{row.tokens_per_second:.1f}",
        f"{row.slowest:.1f}-{row.fastest:.1f}",
        "" if row.speedup is None else f"{row.speedup:.2f}x",
        f"{row.predicted_tokens_per_second:.1f}",
        accepted,
        f"{row.mean_acceptance_length:.2f}",
        f"{row.gamma_mean:.1f}",
        "" if row.first_draft_seconds is None else f"{row.first_draft_seconds:.1f}",
        f"{row.first_token_seconds:.1f}",
    )


def _share(value: float | None) -> str:
    return "" if value is None else percentage(value)
