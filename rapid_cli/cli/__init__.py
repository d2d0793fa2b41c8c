"""The command line: commands, options, and the one place where errors become exit codes."""

from __future__ import annotations

from typing import Annotated

import typer

from rapid_cli.cli import ask, bench, cache, chat, doctor, history, library, models
from rapid_cli.cli.boundary import Boundary
from rapid_cli.cli.options import EXPLAINED
from rapid_cli.cli.streams import standard_streams

app = typer.Typer(
    name="rapid",
    cls=Boundary,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog='Begin with: rapid ask book.pdf "Who tells the story?"',
)
app.command(epilog=EXPLAINED)(ask.ask)
app.command(epilog=EXPLAINED)(chat.chat)
app.command()(library.index)
app.command()(library.search)
app.command("list")(library.list_documents)
app.command()(library.remove)
app.command()(history.history)
app.add_typer(cache.cache, name="cache")
app.add_typer(models.models, name="models")
app.command()(bench.bench)
app.command()(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - slow, and rarely needed

        print(version("rapid-cli"))
        raise typer.Exit


@app.callback()
def configure(
    context: typer.Context,
    *,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show the log of rapid and llama.cpp on stderr.")
    ] = False,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Answer questions about long documents, with models on this machine."""
    from rapid_cli.config import home  # noqa: PLC0415
    from rapid_cli.machine import crashes  # noqa: PLC0415 - not for --help
    from rapid_cli.storage.logfile import logged  # noqa: PLC0415
    from rapid_cli.storage.private import private  # noqa: PLC0415

    crashes.announce()
    context.with_resource(private(home()))
    context.with_resource(logged(verbose=verbose))


def main() -> None:
    """Run the command line."""
    with standard_streams():
        app(prog_name="rapid")
