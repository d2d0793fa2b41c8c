"""The only owner of sqlite3: a database file, opened with care at its first use."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path

from rapid_cli.errors import StoreError

BUSY_SECONDS = 5.0
OVERWRITING = 0x72617064
"""The mark of a file in which deleting has overwritten, from its beginning on or since `erase`."""

# What SQLite reports, and what helps.
HINTS = {
    sqlite3.SQLITE_BUSY: "another rapid is writing to it: try again when it is done",
    sqlite3.SQLITE_FULL: "make room on the disk, then try again",
    # So it is where there is no room for its files of shared memory; nothing in it is damaged.
    sqlite3.SQLITE_IOERR: "make room on the disk, or see whether it is broken; then try again",
    sqlite3.SQLITE_READONLY: "set RAPID_HOME to a folder that you may write to",
    sqlite3.SQLITE_CANTOPEN: "set RAPID_HOME to a folder that you may write to",
}

Row = sqlite3.Row
Connection = sqlite3.Connection


class DatabaseFile:
    """A SQLite file that several processes may use. Whatever goes wrong on disk is a StoreError.

    `title` is what people call it, and `remedy` helps where nothing else is known to. What is
    deleted is overwritten, and `erase` takes the rest of it out of the file.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        schema: str,
        version: int,
        title: str,
        remedy: str,
        migration: str = "",
    ) -> None:
        """Name a file; `migration` goes before `schema` in a file of an earlier version.

        Without a `path` all is in memory, and gone once it is closed.
        """
        self._path = path
        self._migration = migration
        self._schema = schema
        self._version = version
        self._title = title
        self._remedy = remedy

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Let all that is written take effect together, or nothing of it."""
        with self.errors(), self.connection:
            yield self.connection

    def rows(self, query: str, *values: str) -> list[Row]:
        """Return what a query finds."""
        with self.errors():
            return self.connection.execute(query, values).fetchall()

    def examine(self, query: str) -> list[Row]:
        """Return what a query finds in a file that is whole, or nothing where there is no file.

        It is neither made nor brought up to date; StoreError if it is damaged.
        """
        if self._path is None or not self._path.exists():
            return []
        with self.errors(), closing(self._open("rw")) as connection:
            connection.execute("PRAGMA query_only = ON")
            if self._require_known(connection) == 0:  # it is there, and nothing in it yet
                return []
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise sqlite3.DatabaseError(found.splitlines()[-1])
            return connection.execute(query).fetchall()

    @cached_property
    def connection(self) -> Connection:
        """The open file; errors that it raises are those of sqlite3, see `errors`."""
        if self._path is not None:
            self._make_folder(self._path.parent)
        connection = self._open("rwc")
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_folder(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"the {self._title} folder {folder} cannot be made: {error.strerror}"
            raise StoreError(message, HINTS[sqlite3.SQLITE_CANTOPEN]) from error

    def _open(self, mode: str) -> Connection:
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode={mode}" if self._path else ":memory:",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level="IMMEDIATE",
            # Passages are searched in a thread while models load; nobody else uses it meanwhile.
            check_same_thread=False,
        )
        connection.row_factory = Row
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA temp_store = MEMORY")  # no copy of a text in another file
        return connection

    def erase(self) -> None:
        """Leave nothing in the file of what was deleted.

        Deleting overwrites rows, but leaves words in the index of a full-text search until that is
        merged, and copies of pages in the log of the latest changes.
        """
        for index in self.rows("SELECT name FROM sqlite_master WHERE sql LIKE '%USING fts5%'"):
            with self.transaction() as connection:
                connection.execute(f"INSERT INTO {index[0]} ({index[0]}) VALUES ('optimize')")
        self.rows("VACUUM")
        self.rows(f"PRAGMA application_id = {OVERWRITING}")
        ((busy, *_),) = self.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        if busy:
            message = f"the {self._title} {self._path} still holds what was removed"
            raise StoreError(message, "another rapid is reading it: try again when it is done")

    def overwrites(self) -> bool:
        """Tell whether all that was ever deleted from the file was overwritten."""
        ((mark,),) = self.rows("PRAGMA application_id")
        return bool(mark == OVERWRITING)

    def close(self) -> None:
        """Close the file; a later use opens it again."""
        connection: Connection | None = self.__dict__.pop("connection", None)
        if connection is not None:
            connection.close()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn what SQLite raises, and JSON in the file that is none, into a StoreError."""
        try:
            yield
        except (sqlite3.Error, json.JSONDecodeError) as error:
            hint = HINTS.get(_kind(error), self._remedy)
            message = f"the {self._title} {self._path or 'in memory'} cannot be used: {error}"
            raise StoreError(message, hint) from error

    def _require_known(self, connection: Connection) -> int:
        """Return the version of the file; StoreError if it is a later one than is known."""
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > self._version:
            message = f"the {self._title} {self._path} was made by a newer rapid"
            raise StoreError(message, "update rapid to read it")
        return int(version)

    def _prepare(self, connection: Connection) -> None:
        version = self._require_known(connection)
        _write_ahead(connection)
        connection.execute("PRAGMA foreign_keys = ON")
        if version < self._version:
            marked = f"PRAGMA application_id = {OVERWRITING};" * (not version)
            script = self._migration * bool(version) + self._schema + marked
            connection.executescript(
                f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {self._version}; COMMIT;"
            )


def erase(path: Path, overwriting: str) -> None:
    """Leave nothing in a library's own file of what was deleted; nobody else may have it open.

    `overwriting` is the SQL that overwrites what the library itself keeps of it. Raises what
    sqlite3 raises.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        connection.executescript(f"BEGIN IMMEDIATE; {overwriting}; COMMIT; VACUUM;")


def _write_ahead(connection: Connection) -> None:
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
