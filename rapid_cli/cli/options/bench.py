"""Options of `rapid bench`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from rapid_cli.cli.options.parameters import Device, Json, Models, PairName, Quiet
from rapid_cli.models.specs import MOST_ETA


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOptions:
    """What to measure, and how to show it; None is the default, which may depend on the models."""

    source: Annotated[
        Path | None, typer.Argument(help="A file to read. Default: a long text that Python brings.")
    ] = None
    question: Annotated[str, typer.Option(help="The question about the text.")] = (
        "Summarize the main points of the text."
    )
    pair: PairName = None
    models: Models = None
    untuned: Annotated[
        bool,
        typer.Option(
            "--untuned",
            help="Run models as llama.cpp does by itself: no tuning, no settings of attention.",
        ),
    ] = False
    device: Device = None
    context_lengths: Annotated[
        str | None,
        typer.Option(metavar="N,...", help="Tokens the target reads. Default: up to 4096."),
    ] = None
    strategy: Annotated[
        list[str] | None,
        typer.Option(help="Measure only this strategy beside plain decoding. Repeatable."),
    ] = None
    gamma: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Also measure fixed draft lengths. Repeatable; default 10."),
    ] = None
    eta: Annotated[
        list[float] | None,
        typer.Option(
            min=0, max=MOST_ETA, help="Also measure rapid with this strength. Repeatable."
        ),
    ] = None
    temperature: Annotated[float, typer.Option(min=0)] = 0.1
    repeat: Annotated[int, typer.Option(min=1, help="Runs of each variant, interleaved.")] = 3
    max_tokens: Annotated[int, typer.Option(min=8, help="Tokens decoded in a run.")] = 128
    synthetic: Annotated[
        str | None,
        typer.Option(metavar="SHAPE[:FORMAT]", help="Random weights, such as llama-3.1-8b:Q8_0."),
    ] = None
    draft: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SHAPE[:FORMAT]",
            help="Synthetic drafters; same is the target's own weights. Repeatable.",
        ),
    ] = None
    assume_acceptance: Annotated[
        list[float] | None,
        typer.Option(min=0, max=1, help="A coin accepts drafts this often. Repeatable."),
    ] = None
    folder: Annotated[
        Path | None, typer.Option(help="Where synthetic models are written and kept.")
    ] = None
    json: Json = False
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.png|svg", help="Draw what was measured.")
    ] = None
    quiet: Quiet = False
