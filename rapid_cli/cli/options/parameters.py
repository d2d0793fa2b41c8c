"""Parameters that commands share, and how a command takes them; nothing here is slow to import."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from rapid_cli.models.specs import DeviceChoice

Options = TypeVar("Options")
PLAIN_NAME = r"[A-Za-z0-9_][A-Za-z0-9._+-]*"


def taking_options(command: Callable[[Options], None]) -> Callable[..., None]:
    """Let Typer read the fields of a command's dataclass as its arguments and options.

    What a class inherits comes first in `--help`, unless it declares it again.
    """
    (of_command,) = inspect.signature(command, eval_str=True).parameters.values()
    kind = of_command.annotation
    types = get_type_hints(kind, include_extras=True)
    parameters, own = inspect.signature(kind).parameters, inspect.get_annotations(kind)
    order = [*(name for name in parameters if name not in own), *own]

    @wraps(command)
    def called(**values: Any) -> None:
        command(kind(**values))

    signature = [parameters[name].replace(annotation=types[name]) for name in order]
    vars(called)["__signature__"] = inspect.Signature(signature)
    called.__annotations__ = types
    return called


def complete_pair(incomplete: str) -> list[str]:
    """Return the names of pairs that begin like this, for the shell; none without a models.toml.

    What the shell puts on a command line it would also run, so plain names alone are offered.
    """
    from rapid_cli.errors import RapidError  # noqa: PLC0415 - not for --help
    from rapid_cli.models.models_file import open_models_file  # noqa: PLC0415

    try:
        pairs = open_models_file(None).pairs
    except RapidError:
        return []
    plain = (name for name in pairs if re.fullmatch(PLAIN_NAME, name))
    return [name for name in plain if name.startswith(incomplete)]


WORDS = typer.Argument(
    metavar="[SOURCE]... QUESTION",
    help="Files, folders, names in the library, or - for stdin; without any, the whole library. "
    "The question comes last.",
    show_default=False,
)
Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SOURCE]...",
        help="Files, folders or names in the library; without any, the whole library.",
        show_default=False,
    ),
]
Models = Annotated[
    Path | None, typer.Option("--models", metavar="FILE", help="The models.toml to use.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Nothing but the result and errors.")]
Collection = Annotated[
    str | None, typer.Option(metavar="NAME", help="A library of its own, by this name.")
]
Ocr = Annotated[
    bool, typer.Option("--ocr", help="Read scanned pages, which takes ocrmypdf, and time.")
]
Encoding = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="What texts are in that are not Unicode, as Shift-JIS."),
]
PairName = Annotated[
    str | None, typer.Option(help="A pair of models in models.toml.", autocompletion=complete_pair)
]
Target = Annotated[Path | None, typer.Option(help="A GGUF file in place of the pair's target.")]
Drafter = Annotated[Path | None, typer.Option(help="A GGUF file in place of the pair's drafter.")]
Device = Annotated[
    DeviceChoice | None,
    typer.Option(help="Where models are computed. Default: a GPU takes the layers it can hold."),
]
