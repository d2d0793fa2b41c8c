"""The command line of `rapid ask`."""

from __future__ import annotations

from typing import Annotated

import typer

from rapid_cli.cli.options import (
    DISPLAY,
    Choices,
    Collection,
    ContextLength,
    Device,
    Drafter,
    Eta,
    Fresh,
    Gamma,
    Json,
    MaxTokens,
    Models,
    NoLog,
    NoStats,
    Ocr,
    PairName,
    Quiet,
    RetrieveTokens,
    Seed,
    ShowContext,
    ShowThinking,
    StrategyName,
    Target,
    Temperature,
    TopK,
    TopP,
)


def ask(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE]... QUESTION",
            help="Files, folders, names in the library, or - for stdin; without any, the whole "
            "library. The question comes last.",
            show_default=False,
        ),
    ] = None,
    *,
    strategy: StrategyName = "rapid",
    pair: PairName = None,
    models: Models = None,
    collection: Collection = None,
    ocr: Ocr = False,
    target: Target = None,
    drafter: Drafter = None,
    max_tokens: MaxTokens = 512,
    temperature: Temperature = None,
    top_k: TopK = 0,
    top_p: TopP = 1.0,
    seed: Seed = None,
    eta: Eta = None,
    gamma: Gamma = None,
    retrieve_tokens: RetrieveTokens = None,
    context_length: ContextLength = None,
    device: Device = None,
    fresh: Fresh = False,
    show_context: ShowContext = False,
    show_thinking: ShowThinking = False,
    questions: Annotated[
        str | None,
        typer.Option(metavar="FILE|-", help="Answer each line; all words are sources then."),
    ] = None,
    json: Json = False,
    no_stream: Annotated[
        bool,
        typer.Option(
            "--no-stream", help="Print the answer when it is complete.", rich_help_panel=DISPLAY
        ),
    ] = False,
    no_stats: NoStats = False,
    no_log: NoLog = False,
    quiet: Quiet = False,
) -> None:
    """Answer a question about documents."""
    choices = Choices(
        strategy=strategy,
        pair=pair,
        models=models,
        collection=collection,
        ocr=ocr,
        target=target,
        drafter=drafter,
        max_tokens=max_tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        seed=seed,
        eta=eta,
        gamma=gamma,
        retrieve_tokens=retrieve_tokens,
        context_length=context_length,
        device=device,
        fresh=fresh,
        show_context=show_context,
        show_thinking=show_thinking,
        no_stats=no_stats,
        no_log=no_log,
        quiet=quiet,
    )
    from rapid_cli.cli.commands.ask import run  # noqa: PLC0415 - slow, and not for --help

    run(words or [], choices, questions=questions, json=json, stream=not no_stream)
