"""The one place that knows chromadb: its database in a folder, opened with care."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rapid_cli.errors import RapidError, StoreError
from rapid_cli.turns import Turn

if TYPE_CHECKING:
    from chromadb import Where
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

__all__ = ["REBUILD", "Collection", "Database", "Where"]

FOLDER = "chroma"
REBUILD = "make the library anew with `rapid index --rebuild`"
SILENT = logging.CRITICAL + 1
# Chroma's defaults of 100 lose one passage in fifty when one document of many is asked for.
RECALL = 200

# What Chroma says, and what helps; a library made anew helps with all else.
HINTS = {
    "is locked": "another program is using it: try again when it is done",
    "disk is full": "make room on the disk, then try again",
    "readonly database": "make its files writable",
}


class Database:
    """A Chroma database in a folder of its own below `folder`, opened at its first use.

    One process has it open at a time; if another waits, it is closed and opened again between two
    calls. Whatever goes wrong is a StoreError.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute() / FOLDER
        # Two processes that have it open spoil its index or crash, even if both only read.
        self._turn = Turn(self._folder)
        self._client: Client | None = None
        self._collections: dict[str, Collection] = {}

    def collection(self, name: str) -> Collection | None:
        """Return a collection, good until the next call of this; or None if there is none."""
        if self._client is not None and self._turn.is_wanted():
            self.close()
        if name not in self._collections:
            with self.errors():
                client = self._opened()
                if all(known.name != name for known in client.list_collections()):
                    return None
                self._collections[name] = client.get_collection(name, embedding_function=None)
        return self._collections[name]

    def create(self, name: str, metadata: Mapping[str, str | int]) -> Collection:
        """Make a collection for vectors that are compared by their cosine."""
        with self.errors():
            self._collections[name] = self._opened().create_collection(
                name,
                metadata=dict(metadata),
                embedding_function=None,
                configuration={
                    "hnsw": {"space": "cosine", "ef_construction": RECALL, "ef_search": RECALL}
                },
            )
        return self._collections[name]

    def largest_batch(self) -> int:
        """Return how many rows Chroma takes at once."""
        with self.errors():
            return self._opened().get_max_batch_size()

    def close(self) -> None:
        """Close it, for others to use; a later call opens it again."""
        client, self._client = self._client, None
        self._collections.clear()
        try:
            if client is not None:
                with self.errors():
                    client.close()
        finally:
            self._turn.end()

    def delete(self) -> None:
        """Delete all of it, damaged or not."""
        with suppress(StoreError):
            self.close()
        self._require_writable()
        with self.errors():
            self._turn.begin()
            # Chroma keeps the space of what was deleted, so its folder goes as a whole.
            shutil.rmtree(self._folder)
        self._turn.end()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn what Chroma raises into a StoreError: its own errors, built-ins, Rust panics."""
        try:
            yield
        except (RapidError, KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            hint = next((hint for mark, hint in HINTS.items() if mark in reason), REBUILD)
            message = f"the library in {self._folder} cannot be used: {reason}"
            raise StoreError(message, hint) from error

    def _opened(self) -> Client:
        if self._client is None:
            self._require_writable()
            self._turn.begin()
            try:
                self._client = self._connect()
            except BaseException:
                self._turn.end()
                raise
        return self._client

    def _connect(self) -> Client:
        logging.getLogger("chromadb").setLevel(SILENT)
        # Chroma takes settings from a .env file where the user happens to be, or trips over it.
        with chdir(self._folder):
            import chromadb  # noqa: PLC0415 - takes a second
            from chromadb.api.client import Client  # noqa: PLC0415
            from chromadb.config import Settings  # noqa: PLC0415

            settings = Settings(anonymized_telemetry=False)
        try:
            client = chromadb.PersistentClient(self._folder, settings)
        except BaseException:
            # Chroma keeps a client that could not start, and would hand it out again.
            Client.clear_system_cache()
            raise
        assert isinstance(client, Client), "only this kind can be closed"
        return client

    def _require_writable(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._folder):
                pass
        except OSError as error:
            message = f"the library folder {self._folder} cannot be written: {error.strerror}"
            hint = "set RAPID_HOME to a folder that you may write to"
            raise StoreError(message, hint) from error
