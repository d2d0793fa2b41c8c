"""What a command needs before its work begins, shown while it is read or written."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console

from rapid_cli.cli.render.console import Bars
from rapid_cli.cli.render.documents import render_indexing
from rapid_cli.library.library import Library
from rapid_cli.library.sources import Gathered, forget_temporary, gather


@contextmanager
def open_sources(library: Library, sources: Sequence[str], errors: Console) -> Iterator[Gathered]:
    """Read and index `sources`, shown on `errors`; what came by stdin is forgotten at the end."""
    gathered = Gathered()
    try:
        with Bars(errors) as bars:
            events = gather(sources, library, sys.stdin.buffer, gathered)
            render_indexing(events, bars, errors, Counter())
        yield gathered
    finally:
        forget_temporary(gathered, library)


def finish_index(library: Library, gathered: Gathered, errors: Console) -> None:
    """Embed what was put off until the first answer."""
    with Bars(errors) as bars:
        render_indexing(library.complete(gathered.documents), bars, errors, Counter())


def copy_progress(bars: Bars) -> Callable[[str, int, int], None]:
    """Return what shows on `bars` how a file is written."""

    def show(name: str, done: int, total: int) -> None:
        bars.update(f"writing {name}", done // 10**6, total // 10**6, "MB")

    return show
