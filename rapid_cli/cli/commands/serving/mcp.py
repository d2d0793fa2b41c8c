"""`rapid mcp`, once its command line is understood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence

import typer
from rich.console import Console

from rapid_cli.api.rapid import Rapid
from rapid_cli.cli.boundary import SKIPPED
from rapid_cli.cli.commands.serving.opening import opened
from rapid_cli.cli.options.serving import McpOptions
from rapid_cli.cli.render.console import Bars, console
from rapid_cli.cli.render.documents import shown_indexing
from rapid_cli.cli.streams import for_a_protocol
from rapid_cli.library.events import IndexingEvent
from rapid_cli.library.sources import STANDARD_INPUT, Gathered
from rapid_cli.serving.mcp.offered import Offered
from rapid_cli.serving.mcp.server import serve
from rapid_cli.serving.worker import Work


def run(options: McpOptions) -> None:
    """Answer a client on standard input and output until it leaves."""
    sources = options.sources or []
    if STANDARD_INPUT in sources:
        raise typer.BadParameter("the client is on standard input: name a file")
    errors = console(quiet=options.quiet)
    with (
        for_a_protocol() as (incoming, outgoing),
        opened(options, errors) as (rapid, searching),
    ):
        gathered = Gathered(rapid.library) if sources else None
        number = serve(
            rapid,
            searching,
            Offered(gathered),
            incoming,
            outgoing,
            first=_reading(sources, gathered, errors) if gathered else None,
            remembers=rapid.models_file.settings.history and not options.no_log,
        )
    if number is not None:
        raise typer.Exit(128 + number)
    if gathered and gathered.skipped:
        raise typer.Exit(SKIPPED)


def _reading(sources: Sequence[str], gathered: Gathered, errors: Console) -> Work[IndexingEvent]:
    """Return the work of reading the sources, which is shown meanwhile."""

    def read(rapid: Rapid) -> Generator[IndexingEvent, None, None]:
        try:
            with Bars(errors) as bars:
                yield from shown_indexing(rapid.adding(sources, gathered), bars, errors, Counter())
                yield from shown_indexing(rapid.completing(gathered), bars, errors, Counter())
        finally:
            rapid.library.rest()  # who searches needs it, and other processes

    return read
