"""The command lines of `rapid models pull`, `check`, `tune`, `list` and `clear`."""

from __future__ import annotations

from typing import Annotated

import typer

from rapid_cli.cli.options import Device, Drafter, Json, Models, Quiet, Target, complete_pair

LONGEST = 86_400
"""Seconds: nobody tunes for more than a day."""

models = typer.Typer(
    help="The models of models.toml: where they are, and how they run fastest here.",
    no_args_is_help=True,
)


@models.command()
def pull(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME",
            help="Pairs, models, embedders or rerankers in models.toml.",
            show_default=False,
        ),
    ],
    *,
    models: Models = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Download models, or what is still missing of them; an interrupted download goes on."""
    from rapid_cli.cli.commands.pull import run  # noqa: PLC0415 - slow, and not for --help

    run(names, models=models, json=json, quiet=quiet)


@models.command()
def tune(
    pair: Annotated[
        str | None,
        typer.Argument(
            help="A pair of models in models.toml. Default: its own.", autocompletion=complete_pair
        ),
    ] = None,
    *,
    models: Models = None,
    device: Device = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            min=1,
            max=LONGEST,
            metavar="N",
            help="About how long it may take. Default: 60 to 240 a model.",
        ),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find the fastest way to run a pair's models here, and use it from now on."""
    from rapid_cli.cli.commands.tune import run  # noqa: PLC0415 - slow, and not for --help

    run(pair, models=models, device=device, seconds=seconds, json=json, quiet=quiet)


@models.command("list")
def list_models(*, models: Models = None, json: Json = False) -> None:
    """List the models, whether they are here, tuned and seen to run, and copies of weights."""
    from rapid_cli.cli.commands.models import list_models  # noqa: PLC0415 - slow, and not for --help

    list_models(models, json=json)


@models.command()
def check(
    pair: Annotated[
        str | None, typer.Argument(help="A pair of models in models.toml. Default: its own.")
    ] = None,
    *,
    models: Models = None,
    target: Target = None,
    drafter: Drafter = None,
    json: Json = False,
) -> None:
    """Tell in seconds whether a pair can work here, without reading its weights."""
    from rapid_cli.cli.commands.check import run  # noqa: PLC0415 - slow, and not for --help

    run(pair, models=models, target=target, drafter=drafter, json=json)


@models.command()
def clear(*, models: Models = None) -> None:
    """Remove copies of weights, forget tuning and crashes; the models' own files stay."""
    from rapid_cli.cli.commands.models import clear  # noqa: PLC0415 - slow, and not for --help

    clear(models)
