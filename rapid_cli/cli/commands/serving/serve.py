"""`rapid serve`, once its command line is understood."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from contextlib import closing

import typer
from rich.console import Console

from rapid_cli.api.rapid import Rapid
from rapid_cli.cli.commands.opening import copy_progress, tell_idle_gpu
from rapid_cli.cli.commands.serving.opening import opened
from rapid_cli.cli.options.serving import ServeOptions
from rapid_cli.cli.render.console import Bars, console, tell
from rapid_cli.cli.render.documents import render_indexing
from rapid_cli.library.sources import STANDARD_INPUT, Gathered
from rapid_cli.serving.http.security import find_token
from rapid_cli.serving.http.server import Address, Server, Stuck
from rapid_cli.serving.http.subjects import Subjects

LOADING = "loading the models"


def run(options: ServeOptions) -> None:
    """Read the sources, load the models, and answer until a signal comes."""
    if STANDARD_INPUT in (options.sources or []):
        raise typer.BadParameter("a server has no standard input: name a file or a folder")
    token = find_token(options.token_file)
    address = Address(options.host, options.port, token, options.queue)
    errors = console(quiet=options.quiet)
    subjects = Subjects(options.sources or [])

    def log(line: str) -> None:
        tell(errors, line, "dim")

    with (
        opened(options, errors) as (rapid, searching),
        closing(Server(address, rapid, searching, subjects, log)) as server,
    ):
        _prepare(rapid, subjects, errors)
        number = _serve(server)
    if number is not None:
        raise typer.Exit(128 + number)


def _prepare(rapid: Rapid, subjects: Subjects, errors: Console) -> None:
    """Index the sources and load the models, which shows what is wrong with them."""
    # A native library, which may not run here: that is said at once.
    from rapid_cli.llama import accelerators  # noqa: PLC0415

    with Bars(errors) as bars:
        _, target = rapid.find_models(progress=copy_progress(bars)).target
        events = subjects.read(rapid, Gathered(rapid.library))
        render_indexing(events, bars, errors, Counter())
        bars.wait(LOADING)
        rapid.load()
    tell_idle_gpu(target, errors, used=bool(accelerators()))


def _serve(server: Server) -> int | None:
    """Serve until a signal comes, and return its number."""

    def ready() -> None:
        tell(console(), f"Listening on {server.url} until Ctrl-C.", whole=server.url)

    try:
        return server.run(ready=ready)
    except Stuck as stuck:
        tell(console(), "What was in work did not end, and is cut off.", "yellow")
        sys.stderr.flush()
        os._exit(128 + (stuck.signal or signal.SIGTERM))  # nothing that it uses can be closed
