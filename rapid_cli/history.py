"""The history: every answer with its question, sources and statistics, to be found again."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Self

from rapid_cli.errors import StoreError

FILE_NAME = "history.sqlite3"
VERSION = 1
BUSY_SECONDS = 5.0

# The index holds no text of its own: its rows are found by the ids of the answers.
SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS answers (
    id INTEGER PRIMARY KEY,
    asked_at TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (
    question, answer, documents, content = '', tokenize = 'unicode61 remove_diacritics 2'
);
PRAGMA user_version = {VERSION};
COMMIT;
"""

# What SQLite reports, and what helps.
HINTS = {
    sqlite3.SQLITE_BUSY: "another rapid is writing to it: try again when it is done",
    sqlite3.SQLITE_FULL: "make room on the disk, then try again",
    sqlite3.SQLITE_READONLY: "set RAPID_HOME to a folder that you may write to",
    sqlite3.SQLITE_CANTOPEN: "set RAPID_HOME to a folder that you may write to",
}


@dataclass(frozen=True, slots=True)
class Remembered:
    """An answer as `report.answer_json` gives it; `asked_at` is a UTC time in ISO 8601."""

    asked_at: str
    record: Mapping[str, object]


class History:
    """The answers given so far; opened at its first use.

    Several processes may add at once. Whatever goes wrong on disk is a StoreError.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE_NAME

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a later use opens it again."""
        connection: sqlite3.Connection | None = self.__dict__.pop("_connection", None)
        if connection is not None:
            connection.close()

    def add(self, record: Mapping[str, object]) -> None:
        """Keep an answer, as `report.answer_json` gives it."""
        asked_at = datetime.now(UTC).isoformat(timespec="seconds")
        kept = _storable(json.dumps(record, ensure_ascii=False))
        columns = (record["question"], record["answer"], "\n".join(document_names(record)))
        searched = [_storable(str(column)) for column in columns]
        with self._store_errors(), self._connection as connection:
            added = connection.execute(
                "INSERT INTO answers (asked_at, record) VALUES (?, ?)", (asked_at, kept)
            )
            connection.execute(
                "INSERT INTO words (rowid, question, answer, documents) VALUES (?, ?, ?, ?)",
                (added.lastrowid, *searched),
            )

    def search(self, words: str | None, limit: int) -> list[Remembered]:
        """Return the newest answers, newest first, at most `limit`; with `words`, those with all.

        A word may stand in the question, the answer or the name of a source's document, in any
        case and with any accents. The last one may be the beginning of a word.
        """
        query, values = "SELECT asked_at, record FROM answers", []
        if words and words.strip():
            query += " WHERE id IN (SELECT rowid FROM words WHERE words MATCH ?)"
            values.append(_expression(words))
        query += f" ORDER BY id DESC LIMIT {min(limit, sys.maxsize)}"
        with self._store_errors():
            rows = self._connection.execute(query, values).fetchall()
            return [Remembered(asked_at, json.loads(record)) for asked_at, record in rows]

    def count(self) -> int:
        """Return how many answers there are."""
        with self._store_errors():
            (number,) = self._connection.execute("SELECT count(*) FROM answers").fetchone()
            return int(number)

    def clear(self) -> None:
        """Forget all answers, and leave nothing of their text on disk."""
        with self._store_errors():
            with self._connection as connection:
                connection.execute("DELETE FROM answers")
                connection.execute("INSERT INTO words (words) VALUES ('delete-all')")
            # Deleted text stays in free pages until the file is written anew.
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    @cached_property
    def _connection(self) -> sqlite3.Connection:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"the folder {self._file.parent} cannot be made: {error.strerror}"
            raise StoreError(message, HINTS[sqlite3.SQLITE_CANTOPEN]) from error
        connection = sqlite3.connect(self._file, timeout=BUSY_SECONDS, isolation_level="IMMEDIATE")
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise StoreError(
                f"the history {self._file} was made by a newer rapid", "update rapid to read it"
            )
        _write_ahead(connection)
        if version < VERSION:
            connection.executescript(SCHEMA)

    @contextmanager
    def _store_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, json.JSONDecodeError) as error:
            hint = HINTS.get(_kind(error), f"delete {self._file} to begin a new one")
            raise StoreError(f"the history {self._file} cannot be used: {error}", hint) from error


def document_names(record: Mapping[str, object]) -> list[str]:
    """Return the names of the documents that an answer's sources are from, each once."""
    sources = record["sources"]
    assert isinstance(sources, list)
    return list(dict.fromkeys(str(source["document"]) for source in sources))


def _expression(words: str) -> str:
    """Return the FTS5 query for rows with all `words`; nothing in them is syntax."""
    quoted = ['"{}"'.format(word.replace('"', '""')) for word in _storable(words).split()]
    # What ends in a sign, such as c++, is a whole word.
    return " ".join(quoted) + ("*" if words.strip()[-1].isalnum() else "")


def _storable(text: str) -> str:
    """Return text with "?" for what SQLite cannot hold or search: lone surrogates and NUL."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "?")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Let others read while one writes; it is a property of the file from then on."""
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        # Another process is at the same switch, for which SQLite does not wait.
        if _kind(error) != sqlite3.SQLITE_BUSY:
            raise


def _kind(error: Exception) -> int:
    # The low byte is the kind of failure, the rest is detail.
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
