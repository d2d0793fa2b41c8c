"""Options of `rapid eval`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from rapid_cli.answering.strategies import STRATEGIES
from rapid_cli.cli.options.answering import complete_strategy
from rapid_cli.cli.options.parameters import (
    Device,
    Drafter,
    Json,
    Models,
    Quiet,
    Target,
    complete_pair,
)
from rapid_cli.models.specs import MOST_ETA

asking = partial(typer.Option, rich_help_panel="What is asked")
compared = partial(typer.Option, rich_help_panel="What is compared (each repeatable)")
answering = partial(typer.Option, rich_help_panel="How to answer")
"""Options in groups of their own in `--help`."""


class Only(StrEnum):
    """Which questions are asked."""

    ANSWERABLE = "answerable"
    UNANSWERABLE = "unanswerable"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateOptions:
    """What is asked and compared, and how to show it; None is the default of the pair."""

    packs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PACK]...",
            help="Questions with right answers: JSON lines, a CSV, or what --prepare wrote. "
            "Without any, the tables of --results.",
            show_default=False,
        ),
    ] = None
    doc: Annotated[
        list[str] | None,
        asking(metavar="PATH", help="What questions without a document are about. Repeatable."),
    ] = None
    limit: Annotated[
        int | None,
        asking(min=1, help="Ask so many questions of each pack, spread over its documents."),
    ] = None
    only: Annotated[Only | None, asking(help="Ask only these.")] = None
    instruction: Annotated[
        str | None,
        asking(metavar="TEXT", help="How to answer, after the question. Default: briefly."),
    ] = None
    prepare: Annotated[
        Path | None,
        asking(metavar="FILE", help="Ask nothing; write a set to be asked on another machine."),
    ] = None
    strategy: Annotated[
        list[str] | None,
        compared(
            help=f"{', '.join(STRATEGIES)}. Default: long-context, rag and rapid.",
            autocompletion=complete_strategy,
        ),
    ] = None
    eta: Annotated[
        list[float] | None,
        compared(min=0, max=MOST_ETA, help="Strength of knowledge transfer."),
    ] = None
    temperature: Annotated[list[float] | None, compared(min=0, help="0 is greedy.")] = None
    retrieve_tokens: Annotated[list[int] | None, compared(min=1, help="Tokens of passages.")] = None
    pair: Annotated[
        list[str] | None,
        compared(help="A pair of models in models.toml.", autocompletion=complete_pair),
    ] = None
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="VARIANT", help="What the others are compared with. Default: the first."
        ),
    ] = None
    models: Models = None
    target: Target = None
    drafter: Drafter = None
    max_tokens: Annotated[int, answering(min=1, help="Longest answer, in tokens.")] = 48
    seed: Annotated[int, answering(min=0, help="Repeats the answers.")] = 0
    gamma: Annotated[
        int | None,
        answering(min=1, help="Tokens drafted a round. Default: they are planned."),
    ] = None
    context_length: Annotated[
        int | None, answering(min=1, help="Most tokens a model may hold.")
    ] = None
    untuned: Annotated[
        bool,
        typer.Option(
            "--untuned",
            help="Run models as llama.cpp does by itself: no tuning, no settings of attention.",
        ),
    ] = False
    device: Device = None
    results: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.jsonl", help="Keep each answer there; what is there is not asked again."
        ),
    ] = None
    json: Json = False
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.png|svg", help="Draw the shares of right answers.")
    ] = None
    quiet: Quiet = False
