"""Options of `rapid ask` and `rapid chat`, and of `rapid history`, which shows what they kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import typer

from rapid_cli.answering.strategies import STRATEGIES
from rapid_cli.cli.options.parameters import (
    WORDS,
    Collection,
    Device,
    Drafter,
    Encoding,
    Json,
    Models,
    Ocr,
    PairName,
    Quiet,
    Sources,
    Target,
)
from rapid_cli.models.specs import MOST_ETA

decoding = partial(typer.Option, rich_help_panel="How to answer")
display = partial(typer.Option, rich_help_panel="What to show")
"""An option of a group of its own in `--help`: of those that only answers need."""
EXPLAINED = "\n\n".join(
    ["Strategies:", *(f"{each.name}: {each.summary}." for each in STRATEGIES.values())]
)
"""What `--help` says below the options."""


def complete_strategy(incomplete: str) -> list[str]:
    """Return the names of strategies that begin like this, for the shell."""
    return [name for name in STRATEGIES if name.startswith(incomplete)]


NoStats = Annotated[bool, display("--no-stats", help="No statistics.")]
NoLog = Annotated[bool, typer.Option("--no-log", help="Leave answers out of the history.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerOptions:
    """How to answer, and what to show of it; None is the pair's own choice."""

    strategy: Annotated[
        str, decoding(help=f"{', '.join(STRATEGIES)}: see below.", autocompletion=complete_strategy)
    ] = "rapid"
    pair: PairName = None
    models: Models = None
    collection: Collection = None
    ocr: Ocr = False
    encoding: Encoding = None
    target: Target = None
    drafter: Drafter = None
    max_tokens: Annotated[int, decoding(min=1, help="Longest answer, in tokens.")] = 512
    temperature: Annotated[
        float | None, decoding(min=0, help="0 is greedy. Default: the pair's, or 0.1.")
    ] = None
    top_k: Annotated[int, decoding(min=0, help="Draw from the k likeliest; 0: all.")] = 0
    top_p: Annotated[
        float, decoding(min=0, max=1, help="Draw from the likeliest that reach this share.")
    ] = 1.0
    seed: Annotated[int | None, decoding(min=0, help="Repeats an answer.")] = None
    eta: Annotated[
        float | None,
        decoding(
            min=0, max=MOST_ETA, help="Strength of knowledge transfer. Default: the pair's, or 200."
        ),
    ] = None
    gamma: Annotated[
        str | None,
        decoding(metavar="N|auto", help="Tokens drafted a round. Default: the pair's, or auto."),
    ] = None
    retrieve_tokens: Annotated[
        int | None, decoding(min=1, help="Tokens of passages that the drafter reads.")
    ] = None
    context_length: Annotated[int | None, decoding(min=1, help="Most tokens a model may hold.")] = (
        None
    )
    device: Device = None
    fresh: Annotated[bool, decoding("--fresh", help="Read the text again, whatever is kept.")] = (
        False
    )
    show_context: Annotated[bool, display("--show-context", help="Show the passages in full.")] = (
        False
    )
    show_thinking: Annotated[
        bool, display("--show-thinking", help="Show what a reasoning model thinks, on stderr.")
    ] = False
    json: Json = False
    no_stats: NoStats = False
    no_log: NoLog = False
    quiet: Quiet = False

    @property
    def stream(self) -> bool:
        """Whether an answer is shown while it is written."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class AskOptions(AnswerOptions):
    """Options of `rapid ask`; those declared again have their place in `--help` here."""

    words: Annotated[list[str] | None, WORDS] = None
    questions: Annotated[
        str | None,
        typer.Option(metavar="FILE|-", help="Answer each line; all words are sources then."),
    ] = None
    json: Json = False
    no_stream: Annotated[
        bool, display("--no-stream", help="Print the answer when it is complete.")
    ] = False
    no_stats: NoStats = False
    no_log: NoLog = False
    quiet: Quiet = False

    @property
    def stream(self) -> bool:
        """Whether an answer is shown while it is written."""
        return not self.no_stream


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOptions(AnswerOptions):
    """Options of `rapid chat`."""

    sources: Sources = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryOptions:
    """Options of `rapid history`."""

    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SEARCH]...",
            help="Words that must all occur in the question, the answer or the documents' names.",
            show_default=False,
        ),
    ] = None
    limit: Annotated[int, typer.Option(min=1, help="How many answers, of the newest.")] = 20
    full: Annotated[
        bool, typer.Option("--full", help="Show answers in full on a terminal too.")
    ] = False
    json: Json = False
    clear: Annotated[bool, typer.Option("--clear", help="Delete all that is kept.")] = False
