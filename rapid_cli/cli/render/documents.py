"""Indexing, passages and the library on the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from rapid_cli.answering.answer import Note, Prefilled
from rapid_cli.answering.citing.nearest import nearest_part
from rapid_cli.api.places import place
from rapid_cli.cli.render.console import Bars, say, tell
from rapid_cli.cli.render.objects import print_json
from rapid_cli.cli.render.tables import in_megabytes, print_list
from rapid_cli.documents import Document, Passage
from rapid_cli.library.catalog import Entry
from rapid_cli.library.events import (
    Embedded,
    EmbedderPrepared,
    EmbedderPreparing,
    FileDone,
    FileRemoved,
    FileSkipped,
    FileStarted,
    IndexingEvent,
    PagesRead,
    PassedOver,
    Pending,
)
from rapid_cli.models.caching.prefix_cache import CachedPrefix
from rapid_cli.text.printable import printable, printable_line

OUTCOMES = ("new", "updated", "unchanged", "removed", "skipped")
ENTRIES = ("NAME", "PAGES", "CHUNKS", "EMBEDDED", "INDEXED", "KEPT", "PATH")
TEXTS = ("TEXT", "TOKENS", "MB", "USED")
KINDS_SHOWN = 6
PREPARING = "preparing the embedder, once"


def render_indexing(
    events: Iterable[IndexingEvent], bars: Bars, errors: Console, counts: Counter[str]
) -> None:
    """Show documents being read and embedded, and add up `counts`."""
    for _ in shown_indexing(events, bars, errors, counts):
        pass


def shown_indexing(
    events: Iterable[IndexingEvent], bars: Bars, errors: Console, counts: Counter[str]
) -> Iterator[IndexingEvent]:
    """Do as `render_indexing` does, and yield each event that was shown."""
    embedded = 0  # chunks of the documents before
    for event in events:
        match event:
            case EmbedderPreparing():
                bars.wait(PREPARING)
            case EmbedderPrepared():
                bars.drop(PREPARING)
            case FileStarted(number=number, total=total):
                bars.update("documents", number, total, "documents")
            case PagesRead(pages=pages):
                bars.update("pages read", pages, None, "pages")
            case Embedded(done=done, total=total):
                bars.update("embedding", embedded + done, embedded + total, "chunks")
                embedded += total if done == total else 0
            case FileDone(state=state):
                counts[state] += 1
                _tell_done(event, errors)
            case FileSkipped():
                counts["skipped"] += 1
                tell(errors, _skipped(event), "yellow", whole=event.path)
            case FileRemoved(path=path):
                counts["removed"] += 1
                tell(errors, f"removed {path}: the file is gone", whole=path)
            case PassedOver(counts=kinds):
                tell(errors, _passed_over(kinds), "dim")
            case Pending():
                tell(errors, _pending(event), "yellow")
        yield event
    bars.close()


def _tell_done(event: FileDone, errors: Console) -> None:
    if event.state == "unchanged":
        return
    moved = event.state == "moved"
    done = f"moved {event.path}" if moved else f"indexed {event.path} ({event.state})"
    tell(errors, done, "dim", whole=event.path)
    for warning in event.warnings:
        tell(errors, f"  {warning}", "yellow")


def _skipped(event: FileSkipped) -> str:
    """Return which file was skipped, with its folder, and why; messages begin with its name."""
    name, message = f"{printable_line(Path(event.path).name)} ", printable_line(event.error.message)
    reason = f"it {message.removeprefix(name)}" if message.startswith(name) else message
    hint = f" ({event.error.hint})" if event.error.hint else ""
    return f"skipped {event.path}: {reason}{hint}"


def _passed_over(kinds: Mapping[str, int]) -> str:
    """Return how many files are no documents, and of which kinds, the most frequent first."""
    most = sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0]))
    shown = [f"{count} {suffix or 'without suffix'}" for suffix, count in most[:KINDS_SHOWN]]
    more = sum(count for _, count in most[KINDS_SHOWN:])
    total = sum(kinds.values())
    files = "file that is no document" if total == 1 else "files that are no documents"
    rest = f" and {more} more" if more else ""
    return f"passed over {total} {files} here: {', '.join(shown)}{rest}"


def _pending(event: Pending) -> str:
    documents = "1 document is" if event.documents == 1 else f"{event.documents} documents are"
    return (
        f"{documents} not embedded to the end yet, {event.chunks:,} chunks to go: "
        "those are found by their words alone"
    )


def indexing_summary(counts: Counter[str]) -> str:
    """Return the summary line of `rapid index`."""
    outcomes = (*OUTCOMES, "moved") if counts["moved"] else OUTCOMES
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in outcomes)


def print_passages(
    question: str, passages: Iterable[Passage], documents: Mapping[str, Document]
) -> None:
    """Print passages, best first, each under its place and its scores."""
    for number, passage in enumerate(passages, start=1):
        part = nearest_part(question, passage, documents[passage.chunk.document_id])
        where = printable_line(place(passage, documents, part))
        say(f"{number}. {where}  ({_scores(passage)})")
        say(printable(passage.chunk.text).strip() + "\n")


def _scores(passage: Passage) -> str:
    """Return what ranks a passage, and what it is made of."""
    parts = []
    if passage.similarity is not None:
        parts.append(f"meaning {passage.similarity:.2f}")
    if passage.lexical is not None:
        parts.append(f"words {passage.lexical:.1f}")
    return f"{passage.score:.2f}" + (f": {', '.join(parts)}" if parts else "")


def print_entries(entries: Sequence[Entry], kept: Container[str], *, as_json: bool) -> None:
    """Print what the library holds, and whether what a model read of it is kept, by its name."""
    rows = [
        (
            *(entry.name, str(entry.pages), str(entry.chunks), _yes(entry.embedded)),
            *(entry.indexed_at[:16], _yes(entry.name in kept), entry.path),
        )
        for entry in entries
    ]
    objects = [asdict(entry) | {"kept": entry.name in kept} for entry in entries]
    print_list(ENTRIES, rows, objects, as_json=as_json)


def print_names(names: Sequence[str], *, as_json: bool) -> None:
    """Print names, a line each."""
    if as_json:
        print_json(names)
        return
    for name in names:
        print(printable_line(name))


def print_texts(texts: Sequence[CachedPrefix], *, as_json: bool) -> None:
    """Print what models have read and is kept, with a sum."""
    rows = [
        (text.name, str(text.tokens), in_megabytes(text.size_bytes), _time(text.used_at))
        for text in texts
    ]
    total = sum(text.size_bytes for text in texts)
    rows.append(("total", "", in_megabytes(total), ""))
    print_list(TEXTS, rows, list(map(_text_json, texts)), as_json=as_json)


def render_reading(
    events: Iterable[Prefilled | Note], name: str, bars: Bars, errors: Console
) -> None:
    """Show how the target reads a document ahead of its questions."""
    for event in events:
        match event:
            case Prefilled(done=done, total=total):
                bars.update(f"reading {name}", done, total, "tokens")
            case Note(text=text):
                tell(errors, text, "yellow")
    bars.close()


def _text_json(text: CachedPrefix) -> dict[str, object]:
    return {
        "name": text.name,
        "tokens": text.tokens,
        "bytes": text.size_bytes,
        "used_at": datetime.fromtimestamp(text.used_at, UTC).isoformat(timespec="seconds"),
    }


def _yes(so: bool) -> str:
    return "yes" if so else "no"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).isoformat(" ", timespec="minutes")
