"""The command line of `rapid ask`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rapid_cli.cli.options import AUTO, Json, Models, Quiet, Words


def ask(
    words: Words,
    *,
    strategy: Annotated[
        str,
        typer.Option(help="rapid, long-context, rag, speculative, prompt-lookup or auto."),
    ] = "rapid",
    pair: Annotated[str | None, typer.Option(help="A pair of models in models.toml.")] = None,
    models: Models = None,
    target: Annotated[
        Path | None, typer.Option(help="A GGUF file in place of the pair's target.")
    ] = None,
    drafter: Annotated[
        Path | None, typer.Option(help="A GGUF file in place of the pair's drafter.")
    ] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer, in tokens.")] = 512,
    temperature: Annotated[
        float | None, typer.Option(min=0, help="0 is greedy. Default: the pair's, or 0.1.")
    ] = None,
    top_k: Annotated[int, typer.Option(min=0, help="Draw from the k likeliest; 0: all.")] = 0,
    top_p: Annotated[
        float, typer.Option(min=0, max=1, help="Draw from the likeliest that reach this share.")
    ] = 1.0,
    seed: Annotated[int | None, typer.Option(min=0, help="Repeats an answer.")] = None,
    eta: Annotated[
        float | None,
        typer.Option(min=0, help="Strength of knowledge transfer. Default: the pair's, or 10."),
    ] = None,
    gamma: Annotated[str, typer.Option(metavar="N|auto", help="Tokens drafted a round.")] = AUTO,
    retrieve_tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens of passages that the drafter reads.")
    ] = None,
    context_length: Annotated[
        int | None, typer.Option(min=1, help="Most tokens a model may hold.")
    ] = None,
    show_context: Annotated[
        bool, typer.Option("--show-context", help="Show the passages in full.")
    ] = False,
    json: Json = False,
    no_stream: Annotated[
        bool, typer.Option("--no-stream", help="Print the answer when it is complete.")
    ] = False,
    no_stats: Annotated[bool, typer.Option("--no-stats", help="No statistics.")] = False,
    quiet: Quiet = False,
) -> None:
    """Answer a question about documents."""
    arguments = locals()
    from rapid_cli.cli.asking import run  # noqa: PLC0415 - slow, and not for --help

    run(**arguments)
