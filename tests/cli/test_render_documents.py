"""Indexing, passages and tables on the terminal, whatever the names in them hold."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from rapid_cli.answering.answer import Note, Prefilled
from rapid_cli.cli.boundary import print_error
from rapid_cli.cli.render.console import Bars, PlainConsole, console
from rapid_cli.cli.render.documents import (
    indexing_summary,
    print_entries,
    print_names,
    print_passages,
    print_texts,
    render_indexing,
    render_reading,
)
from rapid_cli.cli.render.history import print_history
from rapid_cli.documents import Chunk, Document, Page, Passage
from rapid_cli.errors import DocumentError, StoreError
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
from rapid_cli.storage.history import Remembered

EVIL = "evil\n\x1b]0;owned\x07\u202e[red]\tname.pdf"
SHOWN = "evil␊␛]0;owned␇<U+202E>[red]␉name.pdf"


def screen(*, terminal: bool = False) -> Console:
    """Return a console that writes into memory, 60 columns wide, made as the real one is."""
    return PlainConsole(
        file=io.StringIO(),
        width=60,
        force_terminal=terminal,
        highlight=False,
        markup=False,
        emoji=False,
        color_system=None,
    )


def written(errors: Console) -> str:
    assert isinstance(errors.file, io.StringIO)
    return errors.file.getvalue()


def shown(*events: IndexingEvent) -> tuple[list[str], Counter[str]]:
    """Return the lines that events leave in a pipe, and what they add up to."""
    errors, counts = screen(), Counter[str]()
    with Bars(errors) as bars:
        render_indexing(events, bars, errors, counts)
    return written(errors).splitlines(), counts


def skipped(path: str, message: str, hint: str = "save it anew") -> FileSkipped:
    return FileSkipped(path, DocumentError(message, hint))


def test_rich_itself_lets_escapes_through() -> None:
    bare = Console(file=io.StringIO(), markup=False)
    bare.print("\x1b[31m")
    assert "\x1b" in written(bare)
    guarded = screen()
    guarded.print("\x1b[31m", "\x9b", "kept\ntoo")
    assert written(guarded) == "␛[31m <U+009B> kept\ntoo\n"


def test_the_console_of_the_command_line_obeys_no_text(capsys: pytest.CaptureFixture[str]) -> None:
    console().print("\x1b[2Jgone")
    assert capsys.readouterr().err == "␛[2Jgone\n"


def test_every_outcome_of_a_file_is_one_line() -> None:
    lines, counts = shown(
        FileStarted("a.txt", 1, 5),
        FileDone("/books/a.txt", "new", ("1 of 2 pages has no text",)),
        FileDone("/books/b.txt", "unchanged", ("not said again",)),
        FileDone("/books/" + "c" * 200, "moved", ()),
        skipped("/books/d.pdf", "d.pdf is locked with a password"),
        FileRemoved("/books/e.txt"),
    )
    assert lines == [
        "indexed /books/a.txt (new)",
        "  1 of 2 pages has no text",
        "moved /books/" + "c" * 200,
        "skipped /books/d.pdf: it is locked with a password (save it anew)",
        "removed /books/e.txt: the file is gone",
    ]
    assert counts == {"new": 1, "unchanged": 1, "moved": 1, "skipped": 1, "removed": 1}


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (FileDone(f"/books/{EVIL}", "new", ()), f"indexed /books/{SHOWN} (new)"),
        (FileDone(f"/books/{EVIL}", "moved", ()), f"moved /books/{SHOWN}"),
        (FileRemoved(EVIL), f"removed {SHOWN}: the file is gone"),
        (
            skipped(f"/books/{EVIL}", f"{EVIL} has no text", f"read {EVIL}"),
            f"skipped /books/{SHOWN}: it has no text (read {SHOWN})",
        ),
        (
            skipped("/books/bad.pdf", "bad.pdf is damaged: \x1b[1mfont\nof\n" + "x" * 90, ""),
            "skipped /books/bad.pdf: it is damaged: ␛[1mfont␊of␊" + "x" * 90,
        ),
        (
            skipped("half\udcff.txt", "half\ufffd.txt is empty", ""),
            "skipped half\ufffd.txt: it is empty",
        ),
        (
            skipped("/books", "there is nothing to read", "look"),
            "skipped /books: there is nothing to read (look)",
        ),
    ],
)
def test_names_and_reasons_cannot_break_a_line(event: IndexingEvent, line: str) -> None:
    assert shown(event)[0] == [line]


def test_a_terminal_shows_the_wait_for_the_embedder_while_it_lasts_and_a_pipe_nothing() -> None:
    errors = screen(terminal=True)

    def events() -> Iterator[IndexingEvent]:
        yield FileStarted("a.txt", 1, 1)
        assert "preparing" not in written(errors)
        yield EmbedderPreparing()
        assert "preparing the embedder, once" in written(errors)
        yield EmbedderPrepared()
        before = len(written(errors))
        yield PagesRead(1)
        assert "pages read" in written(errors)[before:]
        assert "preparing" not in written(errors)[before:]

    with Bars(errors) as bars:
        render_indexing(events(), bars, errors, Counter())
    assert shown(EmbedderPreparing(), EmbedderPrepared())[0] == []


def test_warnings_of_readers_are_data_too() -> None:
    lines, _ = shown(FileDone("a.pdf", "updated", ("label \x1b[5m\nis odd",)))
    assert lines == ["indexed a.pdf (updated)", "  label ␛[5m␊is odd"]


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        ({".png": 1}, "passed over 1 file that is no document here: 1 .png"),
        (
            {".py": 2, "": 1, ".png": 9},
            "passed over 12 files that are no documents here: 9 .png, 2 .py, 1 without suffix",
        ),
        (
            {f".{letter}": count for count, letter in enumerate("abcdefgh", start=1)},
            "passed over 36 files that are no documents here: 8 .h, 7 .g, 6 .f, 5 .e, 4 .d, 3 .c "
            "and 3 more",
        ),
        ({".\x1b[m\n": 1}, "passed over 1 file that is no document here: 1 .␛[m␊"),
    ],
)
def test_files_that_are_no_documents_are_counted_by_kind(counts: dict[str, int], line: str) -> None:
    assert shown(PassedOver(counts))[0] == [line]


def test_what_is_not_embedded_yet_is_said() -> None:
    (one,), _ = shown(Pending(1, 64))
    (more,), _ = shown(Pending(3, 12_345))
    assert one.startswith("1 document is not embedded to the end yet, 64 chunks to go")
    assert more.startswith("3 documents are not embedded to the end yet, 12,345 chunks to go")


def test_the_summary_names_moved_files_only_where_there_are_any() -> None:
    counts = Counter(new=3, updated=1, unchanged=12, skipped=2)
    plain = "3 new, 1 updated, 12 unchanged, 0 removed, 2 skipped"
    assert indexing_summary(counts) == plain
    assert indexing_summary(counts + Counter(moved=1)) == f"{plain}, 1 moved"


def test_bars_count_documents_pages_and_the_chunks_of_all_documents() -> None:
    errors = screen(terminal=True)
    with Bars(errors) as bars:
        events = [
            *(FileStarted(EVIL, 1, 2), PagesRead(1_200), Embedded(64, 100), Embedded(100, 100)),
            *(FileStarted("b.txt", 2, 2), PagesRead(1_250), Embedded(64, 64)),
        ]
        render_indexing(watched(events, bars), bars, errors, Counter())
    frame = written(errors)
    for part in ("1/2 documents", "1,200 pages", "64/100 chunks", "2/2 documents"):
        assert part in frame
    assert "1,250 pages" in frame
    assert "164/164 chunks" in frame


def watched(events: Sequence[IndexingEvent], bars: Bars) -> Iterator[IndexingEvent]:
    """Draw the bars after each event, as their clock does now and then."""
    for event in events:
        yield event
        bars._progress.refresh()


def test_a_bar_survives_any_name() -> None:
    errors = screen(terminal=True)
    with Bars(errors) as bars:
        render_reading(
            [Prefilled("target", 5, 10), Note(f"{EVIL} is kept")], f"[/red]{EVIL}", bars, errors
        )
    assert "\x1b]0" not in written(errors)
    assert f"{SHOWN} is kept" in written(errors)


def make_passage(text: str, name: str, **scores: float) -> tuple[Passage, dict[str, Document]]:
    document = Document("id", name, f"/books/{name}", (Page(1, None, text),), paged=True)
    chunk = Chunk("id", 0, text, 0, len(text), 1, 1)
    return Passage(chunk, **scores), {"id": document}


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ({"score": 0.834, "similarity": 0.61, "lexical": 12.44}, "0.83: meaning 0.61, words 12.4"),
        ({"score": 0.5, "similarity": -0.02}, "0.50: meaning -0.02"),
        ({"score": 0.5, "lexical": 3.0}, "0.50: words 3.0"),
        ({"score": 1.0}, "1.00"),
    ],
)
def test_a_passage_stands_under_its_place_and_scores(
    capsys: pytest.CaptureFixture[str], scores: dict[str, float], said: str
) -> None:
    passage, documents = make_passage("\r\nCall me\r\n\tIshmael.\n", "whale.pdf", **scores)
    print_passages("Who?", [passage], documents)
    assert capsys.readouterr().out == f"1. whale.pdf, page 1  ({said})\nCall me\n\tIshmael.\n\n"


def test_passages_are_data(capsys: pytest.CaptureFixture[str]) -> None:
    passage, documents = make_passage("all \x1b[2Jgone\x07", EVIL, score=0.5)
    print_passages("Who?", [passage], documents)
    assert capsys.readouterr().out == f"1. {SHOWN}, page 1  (0.50)\nall ␛[2Jgone␇\n\n"


def test_a_name_does_not_break_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_texts([CachedPrefix(Path("a.kv"), EVIL, 7, 5_000_000, 0.0)], as_json=False)
    heading, row, total = capsys.readouterr().out.splitlines()
    assert heading == "TEXT\tTOKENS\tMB\tUSED"
    assert row.split("\t")[:3] == [SHOWN, "7", "5"]
    assert total.startswith("total\t")


def make_entry(name: str, *, embedded: bool) -> Entry:
    return Entry("id", name, f"/books/{name}", 3, 12, embedded, "2026-01-02T03:04:05+00:00")


def test_the_list_tells_what_is_embedded_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    entries = [make_entry(EVIL, embedded=False), make_entry("b.txt", embedded=True)]
    print_entries(entries, {EVIL}, as_json=False)
    heading, first, second = capsys.readouterr().out.splitlines()
    assert heading == "NAME\tPAGES\tCHUNKS\tEMBEDDED\tINDEXED\tKEPT\tPATH"
    assert first == f"{SHOWN}\t3\t12\tno\t2026-01-02T03:04\tyes\t/books/{SHOWN}"
    assert second == "b.txt\t3\t12\tyes\t2026-01-02T03:04\tno\t/books/b.txt"
    print_entries(entries, {EVIL}, as_json=True)
    listed = json.loads(capsys.readouterr().out)
    assert [(entry["name"], entry["kept"]) for entry in listed] == [(EVIL, True), ("b.txt", False)]
    assert set(listed[0]) >= {"document_id", "path", "pages", "chunks", "embedded", "indexed_at"}


def test_names_stand_on_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    print_names(["work", EVIL], as_json=False)
    print_names(["work", EVIL], as_json=True)
    *lines, objects = capsys.readouterr().out.splitlines()
    assert lines == ["work", SHOWN]
    assert json.loads(objects) == ["work", EVIL]


def test_json_says_what_is_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_texts([CachedPrefix(Path("a.kv"), EVIL, 7, 5_000_000, 0.0)], as_json=True)
    assert json.loads(capsys.readouterr().out)[0]["name"] == EVIL


def test_an_error_is_one_line_and_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    print_error(StoreError(f"{EVIL} cannot be used: " + "x" * 200, f"remove {EVIL}"))
    error, hint = capsys.readouterr().err.splitlines()
    assert error == f"rapid: {SHOWN} cannot be used: " + "x" * 200
    assert hint == f"  remove {SHOWN}"


def test_an_answer_of_the_past_is_data_too(capsys: pytest.CaptureFixture[str]) -> None:
    record = {
        "question": "who\x1b[5m?",
        "answer": "He\x1b]52;c;cm0=\x07\nsaid\u2028no.",
        "strategy": "rapid",
        "sources": [{"document": EVIL}],
    }
    print_history([Remembered("2026-01-02T03:04:05+00:00", record)], full=True)
    heading, question, *answer = capsys.readouterr().out.splitlines()
    assert heading.count("\t") == 2
    assert "\x1b" not in heading
    assert question == "who␛[5m?"
    assert answer == ["  He␛]52;c;cm0=␇", "  said<U+2028>no.", ""]
