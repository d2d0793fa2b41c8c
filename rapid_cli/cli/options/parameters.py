"""Arguments and options that commands share; nothing here is slow to import."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from rapid_cli.answering.strategies import STRATEGIES
from rapid_cli.models.specs import MOST_ETA, DeviceChoice

AUTO = "auto"
DECODING, DISPLAY = "How to answer", "What to show"
"""The groups of options under which `--help` shows those that only answers need."""
EXPLAINED = "\n\n".join(
    ["Strategies:", *(f"{each.name}: {each.summary}." for each in STRATEGIES.values())]
)
"""What `--help` says below the options."""


def complete_pair(incomplete: str) -> list[str]:
    """Return the names of pairs that begin like this, for the shell; none without a models.toml."""
    from rapid_cli.errors import RapidError  # noqa: PLC0415 - not for --help
    from rapid_cli.models.models_file import find_models_file, load_models_file  # noqa: PLC0415

    try:
        pairs = load_models_file(find_models_file(None)).pairs
    except RapidError:
        return []
    return [name for name in pairs if name.startswith(incomplete)]


def complete_strategy(incomplete: str) -> list[str]:
    """Return the names of strategies that begin like this, for the shell."""
    return [name for name in STRATEGIES if name.startswith(incomplete)]


Words = Annotated[
    list[str],
    typer.Argument(
        metavar="[SOURCE]... QUESTION",
        help="Files, folders, names in the library, or - for stdin; without any, the whole "
        "library. The question comes last.",
        show_default=False,
    ),
]
Models = Annotated[
    Path | None, typer.Option("--models", metavar="FILE", help="The models.toml to use.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Nothing but the result and errors.")]
Collection = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="A library of its own, by this name."),
]
Ocr = Annotated[
    bool, typer.Option("--ocr", help="Read scanned pages, which takes ocrmypdf, and time.")
]

PairName = Annotated[
    str | None,
    typer.Option(help="A pair of models in models.toml.", autocompletion=complete_pair),
]
Target = Annotated[Path | None, typer.Option(help="A GGUF file in place of the pair's target.")]
Drafter = Annotated[Path | None, typer.Option(help="A GGUF file in place of the pair's drafter.")]
Device = Annotated[
    DeviceChoice | None,
    typer.Option(help="Where models are computed. Default: a GPU takes the layers it can hold."),
]

StrategyName = Annotated[
    str,
    typer.Option(
        help=f"{', '.join(STRATEGIES)}: see below.",
        autocompletion=complete_strategy,
        rich_help_panel=DECODING,
    ),
]
MaxTokens = Annotated[
    int, typer.Option(min=1, help="Longest answer, in tokens.", rich_help_panel=DECODING)
]
Temperature = Annotated[
    float | None,
    typer.Option(min=0, help="0 is greedy. Default: the pair's, or 0.1.", rich_help_panel=DECODING),
]
TopK = Annotated[
    int, typer.Option(min=0, help="Draw from the k likeliest; 0: all.", rich_help_panel=DECODING)
]
TopP = Annotated[
    float,
    typer.Option(
        min=0,
        max=1,
        help="Draw from the likeliest that reach this share.",
        rich_help_panel=DECODING,
    ),
]
Seed = Annotated[
    int | None, typer.Option(min=0, help="Repeats an answer.", rich_help_panel=DECODING)
]
Eta = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=MOST_ETA,
        help="Strength of knowledge transfer. Default: the pair's, or 10.",
        rich_help_panel=DECODING,
    ),
]
Gamma = Annotated[
    str | None,
    typer.Option(
        metavar="N|auto",
        help="Tokens drafted a round. Default: the pair's, or auto.",
        rich_help_panel=DECODING,
    ),
]
RetrieveTokens = Annotated[
    int | None,
    typer.Option(
        min=1, help="Tokens of passages that the drafter reads.", rich_help_panel=DECODING
    ),
]
ContextLength = Annotated[
    int | None,
    typer.Option(min=1, help="Most tokens a model may hold.", rich_help_panel=DECODING),
]
Fresh = Annotated[
    bool,
    typer.Option(
        "--fresh", help="Read the text again, whatever is kept.", rich_help_panel=DECODING
    ),
]
ShowContext = Annotated[
    bool,
    typer.Option("--show-context", help="Show the passages in full.", rich_help_panel=DISPLAY),
]
ShowThinking = Annotated[
    bool,
    typer.Option(
        "--show-thinking",
        help="Show what a reasoning model thinks, on stderr.",
        rich_help_panel=DISPLAY,
    ),
]
NoStats = Annotated[
    bool, typer.Option("--no-stats", help="No statistics.", rich_help_panel=DISPLAY)
]
NoLog = Annotated[bool, typer.Option("--no-log", help="Leave answers out of the history.")]


@dataclass(frozen=True, slots=True)
class Choices:
    """How to answer, as it was said on the command line; None is the pair's own choice."""

    strategy: str
    pair: str | None
    models: Path | None
    collection: str | None
    ocr: bool
    target: Path | None
    drafter: Path | None
    max_tokens: int
    temperature: float | None
    top_k: int
    top_p: float
    seed: int | None
    eta: float | None
    gamma: str | None
    retrieve_tokens: int | None
    context_length: int | None
    device: DeviceChoice | None
    fresh: bool
    show_context: bool
    show_thinking: bool
    no_stats: bool
    no_log: bool
    quiet: bool


def sources_and_question(words: list[str], command: str) -> tuple[list[str], str]:
    """Split the words after a command; a usage error if there is no question, or not at the end."""
    from rapid_cli.library.sources import exists  # noqa: PLC0415 - slow, and not for --help
    from rapid_cli.machine.paths import reads_like_question  # noqa: PLC0415 - not for --help

    if not words:
        raise typer.BadParameter("a question is missing: write it last, in quotes")
    *sources, question = words
    if not question.strip():
        raise typer.BadParameter("the question is empty: write it last, in quotes")
    if exists(Path(question)):
        if not sources:
            raise typer.BadParameter(f"a question is missing: write it after {question}, in quotes")
        for source in sources:
            if reads_like_question(source) and not exists(Path(source)):
                others = [word for word in words if word != source]
                order = shlex.join(["rapid", command, *others, source])
                raise typer.BadParameter(f"the question comes last: {order}")
    return sources, question.strip()
