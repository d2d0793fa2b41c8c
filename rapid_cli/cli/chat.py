"""The command line of `rapid chat`."""

from __future__ import annotations

from typing import Annotated

import typer

from rapid_cli.cli.options import (
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


def chat(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE]...",
            help="Files, folders or names in the library; without any, the whole library.",
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
    json: Json = False,
    no_stats: NoStats = False,
    no_log: NoLog = False,
    quiet: Quiet = False,
) -> None:
    """Keep asking: what was read stays read, and follow-ups know the conversation."""
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
    from rapid_cli.cli.commands.chat import run  # noqa: PLC0415 - slow, and not for --help

    run(sources or [], choices, json=json)
