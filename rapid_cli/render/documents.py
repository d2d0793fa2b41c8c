"""Indexing, passages and the library on the terminal."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from rapid_cli.answers import Note, Prefilled
from rapid_cli.catalog import Entry
from rapid_cli.documents import Document, Passage
from rapid_cli.kvstore import KeptText
from rapid_cli.library import Embedded, Event, FileDone, FileRemoved, FileSkipped, FileStarted
from rapid_cli.render.console import Bars
from rapid_cli.report import place

OUTCOMES = ("new", "updated", "unchanged", "removed", "skipped")


def render_indexing(
    events: Iterable[Event], bars: Bars, errors: Console, counts: Counter[str]
) -> None:
    """Show documents being read and embedded, and add up `counts`."""
    name = ""
    for event in events:
        match event:
            case FileStarted(path=path, number=number, total=total):
                name = Path(path).name
                bars.update("documents", number, total, "documents")
            case Embedded(done=done, total=total):
                bars.update(f"indexing {name}", done, total, "chunks")
            case FileDone():
                counts[event.state] += 1
                _tell_done(event, bars, errors)
            case FileSkipped(path=path, error=error):
                counts["skipped"] += 1
                bars.close()
                errors.print(f"skipped {error.message} ({error.hint})", style="yellow")
            case FileRemoved(path=path):
                counts["removed"] += 1
                errors.print(f"removed {path}: the file is gone")


def _tell_done(event: FileDone, bars: Bars, errors: Console) -> None:
    bars.close()
    if event.state != "unchanged":
        errors.print(f"indexed {event.path} ({event.state})", style="dim")
        for warning in event.warnings:
            errors.print(f"  {warning}", style="yellow")


def indexing_summary(counts: Counter[str]) -> str:
    """Return the summary line of `rapid index`."""
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in OUTCOMES)


def print_passages(passages: Iterable[Passage], documents: Mapping[str, Document]) -> None:
    """Print passages, best first, each under its place."""
    for number, passage in enumerate(passages, start=1):
        print(f"{number}. {place(passage, documents)}  ({passage.score:.2f})")
        print(passage.chunk.text.strip() + "\n")


def print_entries(entries: Sequence[Entry], *, as_json: bool) -> None:
    """Print what the library holds: aligned on a terminal, tab-separated in a pipe."""
    if as_json:
        fields = Entry.__dataclass_fields__
        print(json.dumps([{name: getattr(entry, name) for name in fields} for entry in entries]))
        return
    _print_table(
        [("NAME", "PAGES", "CHUNKS", "INDEXED", "PATH")]
        + [
            (entry.name, str(entry.pages), str(entry.chunks), entry.indexed_at[:16], entry.path)
            for entry in entries
        ]
    )


def print_texts(texts: Sequence[KeptText], *, as_json: bool) -> None:
    """Print what models have read and is kept, with a sum."""
    if as_json:
        print(json.dumps([_text_json(text) for text in texts]))
        return
    total = sum(text.size_bytes for text in texts)
    rows = [
        (text.name, str(text.tokens), f"{text.size_bytes / 1e6:.0f}", _time(text.used_at))
        for text in texts
    ]
    _print_table([("TEXT", "TOKENS", "MB", "USED"), *rows, ("total", "", f"{total / 1e6:.0f}", "")])


def render_reading(
    events: Iterable[Prefilled | Note], name: str, bars: Bars, errors: Console
) -> None:
    """Show how the target reads a document ahead of its questions."""
    for event in events:
        match event:
            case Prefilled(done=done, total=total):
                bars.update(f"reading {name}", done, total, "tokens")
            case Note(text=text):
                errors.print(text, style="yellow", soft_wrap=True)
    bars.close()


def _text_json(text: KeptText) -> dict[str, object]:
    return {
        "name": text.name,
        "tokens": text.tokens,
        "bytes": text.size_bytes,
        "used_at": datetime.fromtimestamp(text.used_at, UTC).isoformat(timespec="seconds"),
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).isoformat(" ", timespec="minutes")


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows: aligned on a terminal, tab-separated in a pipe."""
    if not sys.stdout.isatty():
        print("\n".join("\t".join(row) for row in rows))
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
