"""What `rapid serve` and `rapid mcp` open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from rapid_cli.api.rapid import Rapid
from rapid_cli.cli.commands.trust import models_file_in_force
from rapid_cli.cli.options.serving import ServingOptions


@contextmanager
def opened(options: ServingOptions, errors: Console) -> Iterator[tuple[Rapid, Rapid]]:
    """Open what answers, and what searches meanwhile."""
    models_file = models_file_in_force(options.models, errors)
    with (
        Rapid(
            models_file,
            pair=options.pair,
            target=options.target,
            drafter=options.drafter,
            collection=options.collection,
            ocr=options.ocr,
            encoding=options.encoding,
            device=options.device,
            context_length=options.context_length,
        ) as rapid,
        Rapid(models_file, pair=options.pair, collection=options.collection) as searching,
    ):
        yield rapid, searching
