"""The command line: commands, options, and the one place where errors become exit codes.

What a command does is imported when it runs, so that `--help` and the shell need not wait for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rapid_cli.cli.boundary import Boundary
from rapid_cli.cli.endings import ending_in_order
from rapid_cli.cli.options.answering import EXPLAINED, AskOptions, ChatOptions, HistoryOptions
from rapid_cli.cli.options.bench import BenchOptions
from rapid_cli.cli.options.evaluate import EvaluateOptions
from rapid_cli.cli.options.library import IndexOptions, SearchOptions
from rapid_cli.cli.options.models import CheckOptions, TuneOptions
from rapid_cli.cli.options.open import OpenOptions
from rapid_cli.cli.options.parameters import Collection, Json, Models, Quiet, taking_options
from rapid_cli.cli.options.serving import McpOptions, ServeOptions
from rapid_cli.cli.streams import standard_streams

app = typer.Typer(
    name="rapid",
    cls=Boundary,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog='Begin with: rapid ask book.pdf "Who tells the story?"',
)
cache_app = typer.Typer(
    name="cache",
    help="Texts that models have read, kept so that they are read once.",
    no_args_is_help=True,
)
models_app = typer.Typer(
    name="models",
    help="The models of models.toml: where they are, and how they run fastest here.",
    no_args_is_help=True,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

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
    from rapid_cli.config import home
    from rapid_cli.machine import crashes
    from rapid_cli.storage.logfile import logged
    from rapid_cli.storage.private import private

    crashes.announce()
    context.with_resource(private(home()))
    context.with_resource(logged(verbose=verbose))


@app.command(epilog=EXPLAINED)
@taking_options
def ask(options: AskOptions) -> None:
    """Answer a question about documents."""
    from rapid_cli.preflight.engine import begin

    begin()  # beside what is imported next
    from rapid_cli.cli.commands.ask import run

    run(options)


@app.command(epilog=EXPLAINED)
@taking_options
def chat(options: ChatOptions) -> None:
    """Keep asking: what was read stays read, and follow-ups know the conversation."""
    from rapid_cli.preflight.engine import begin

    begin()  # beside what is imported next
    from rapid_cli.cli.commands.chat import run

    run(options)


@app.command()
@taking_options
def mcp(options: McpOptions) -> None:
    """Let other programs search and ask, by the Model Context Protocol on stdin and stdout."""
    from rapid_cli.cli.commands.serving.mcp import run

    run(options)


@app.command()
@taking_options
def index(options: IndexOptions) -> None:
    """Add documents to the library, or refresh them; what is gone from a folder is removed."""
    from rapid_cli.cli.commands.library import index

    index(options)


@app.command()
@taking_options
def search(options: SearchOptions) -> None:
    """Find the passages for a question, without answering it."""
    from rapid_cli.cli.commands.library import search

    search(options)


@app.command("list")
def list_documents(
    *,
    collections: Annotated[
        bool, typer.Option("--collections", help="The names of the collections instead.")
    ] = False,
    collection: Collection = None,
    json: Json = False,
) -> None:
    """List what the library holds."""
    from rapid_cli.cli.commands.library import list_collections, list_documents

    if collections:
        list_collections(json=json)
    else:
        list_documents(collection, json=json)


@app.command()
def remove(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Paths, file names or ids, as listed.")
    ],
    *,
    collection: Collection = None,
    quiet: Quiet = False,
) -> None:
    """Remove documents from the library; the files themselves stay."""
    from rapid_cli.cli.commands.library import remove

    remove(names, collection, quiet=quiet)


@app.command()
@taking_options
def serve(options: ServeOptions) -> None:
    """Answer questions of other programs, over HTTP, in the forms of OpenAI and its own."""
    from rapid_cli.cli.commands.serving.serve import run

    run(options)


@app.command()
@taking_options
def history(options: HistoryOptions) -> None:
    """Show what was asked and answered, the newest last."""
    from rapid_cli.cli.commands.history import run

    run(options)


@app.command("open")
@taking_options
def open_place(options: OpenOptions) -> None:
    """Show the page that an answer cites, with the sentence marked; or a page of any file."""
    from rapid_cli.cli.commands.open import run

    run(options)


app.add_typer(cache_app)


@cache_app.command("list")
def list_texts(*, json: Json = False) -> None:
    """List what is kept, last used first."""
    from rapid_cli.cli.commands.library import list_texts

    list_texts(json=json)


@cache_app.command("clear")
def clear_texts() -> None:
    """Remove all that is kept; texts are then read again when they are asked about."""
    from rapid_cli.cli.commands.library import clear_texts

    clear_texts()


@app.command()
def trust(
    file: Annotated[
        Path | None,
        typer.Argument(help="A models.toml. Default: the one in the current folder."),
    ] = None,
    *,
    revoke: Annotated[bool, typer.Option("--revoke", help="Trust it no more.")] = False,
    listing: Annotated[
        bool, typer.Option("--list", help="List the files that are trusted.")
    ] = False,
) -> None:
    """Let a folder's models.toml name servers, files elsewhere and settings, as it is now."""
    from rapid_cli.cli.commands import trust as command

    if listing and (file or revoke):
        raise typer.BadParameter("--list goes with nothing else")
    if listing:
        command.list_trusted()
    elif revoke:
        command.revoke(file)
    else:
        command.trust(file)


app.add_typer(models_app)


@models_app.command()
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
    from rapid_cli.cli.commands.models.pull import run

    run(names, models=models, json=json, quiet=quiet)


@models_app.command()
@taking_options
def tune(options: TuneOptions) -> None:
    """Find the fastest way to run a pair's models here, and use it from now on."""
    from rapid_cli.cli.commands.models.tune import run

    run(options)


@models_app.command("list")
def list_models(*, models: Models = None, json: Json = False) -> None:
    """List the models, whether they are here, tuned and seen to run, and copies of weights."""
    from rapid_cli.cli.commands.models.listing import list_models

    list_models(models, json=json)


@models_app.command()
@taking_options
def check(options: CheckOptions) -> None:
    """Tell in seconds whether a pair can work here, without reading its weights."""
    from rapid_cli.cli.commands.models.listing import check

    check(options)


@models_app.command("clear")
def clear_models(*, models: Models = None) -> None:
    """Remove copies of weights, forget tuning and crashes; the models' own files stay."""
    from rapid_cli.cli.commands.models.listing import clear

    clear(models)


@app.command()
@taking_options
def bench(options: BenchOptions) -> None:
    """Measure prefill, decoding, acceptance and costs, each strategy against plain decoding."""
    from rapid_cli.cli.commands.bench import run

    run(options)


@app.command("eval")
@taking_options
def evaluate(options: EvaluateOptions) -> None:
    """Measure the quality of answers: strategies side by side on questions with right answers."""
    from rapid_cli.cli.commands.evaluate import run

    run(options)


@app.command()
def doctor(*, models: Models = None, json: Json = False) -> None:
    """Tell what works on this machine, and what to do about the rest."""
    from rapid_cli.cli.commands.doctor import run

    run(models, json=json)


def main() -> None:
    """Run the command line."""
    with ending_in_order(), standard_streams():
        app(prog_name="rapid")
