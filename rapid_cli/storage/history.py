"""The history: every answer with its question, sources and statistics, to be found again."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from rapid_cli.storage.sqlite import DatabaseFile

FILE_NAME = "history.sqlite3"
TYPED_LINES = "chat_questions.txt"
"""The questions typed in chats, for the arrow keys."""
VERSION = 1

# The index holds no text of its own: its rows are found by the ids of the answers.
SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    id INTEGER PRIMARY KEY,
    asked_at TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (
    question, answer, documents, content = '', tokenize = 'unicode61 remove_diacritics 2'
);
"""


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
        path = folder / FILE_NAME
        remedy = f"delete {path} to begin a new one"
        self._file = DatabaseFile(
            path, schema=SCHEMA, version=VERSION, title="history", remedy=remedy
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a later use opens it again."""
        self._file.close()

    def add(self, record: Mapping[str, object]) -> None:
        """Keep an answer, as `report.answer_json` gives it."""
        asked_at = datetime.now(UTC).isoformat(timespec="seconds")
        kept = _storable(json.dumps(record, ensure_ascii=False))
        columns = (record["question"], record["answer"], "\n".join(document_names(record)))
        searched = [_storable(str(column)) for column in columns]
        with self._file.transaction() as connection:
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
        with self._file.errors():
            rows = self._file.rows(query, *values)
            return [Remembered(asked_at, json.loads(record)) for asked_at, record in rows]

    def count(self) -> int:
        """Return how many answers there are."""
        ((number,),) = self._file.rows("SELECT count(*) FROM answers")
        return int(number)

    def clear(self) -> None:
        """Forget all answers, and leave nothing of their text on disk."""
        with self._file.transaction() as connection:
            connection.execute("DELETE FROM answers")
            connection.execute("INSERT INTO words (words) VALUES ('delete-all')")
        self._file.erase()


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
