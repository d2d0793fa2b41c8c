"""Chroma's collections, and its database in a folder, opened with care."""

from __future__ import annotations

import logging
import shutil
import struct
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, ClassVar

from rapid_cli.errors import RapidError, StoreError
from rapid_cli.machine.libraries import importing, unimportable
from rapid_cli.storage.locks import QueuedLock
from rapid_cli.storage.sqlite import erase

if TYPE_CHECKING:
    from chromadb import Where
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

__all__ = [
    "REBUILD",
    "Collection",
    "DamagedStore",
    "Database",
    "FolderDatabase",
    "Where",
    "load_chromadb",
    "without_functions",
]

FOLDER, DATABASE = "chroma", "chroma.sqlite3"
HNSW_HEADER, LENGTH_BYTES = "header.bin", 4
# Its version, then: where it begins, for how many vectors it has room, how many it has, and how
# many bytes each takes.
HNSW_LAYOUT = "<i4Q"
# Chroma's own index of words keeps those of deleted chunks until it is merged. Its queue of
# changes keeps their texts, though all but their vectors has arrived where it belongs.
OVERWRITING = """
INSERT INTO embedding_fulltext_search (embedding_fulltext_search) VALUES ('optimize');
UPDATE embeddings_queue SET metadata = NULL
    WHERE metadata IS NOT NULL AND id NOT IN (SELECT embedding_id FROM embeddings)
"""
REBUILD = "make the library anew with `rapid index --rebuild`"
LONGEST_REASON = 300
# Chroma's defaults of 100 lose one passage in fifty when one document of many is asked for.
RECALL = 200
# With less free than that nothing can be written, whatever Chroma says of it.
LEAST_FREE = 2**20
# What Chroma writes where a collection has no embedding function.
NO_FUNCTION = ({"type": "legacy"}, {"type": "unknown"})

_loading = Lock()

# What Chroma says, and what helps; a library made anew helps with all else.
_ROOM = "make room on the disk, then try again"
HINTS = {
    "is locked": "another program is using it: try again when it is done",
    "disk is full": _ROOM,
    "no space left": _ROOM,
    "quota exceeded": _ROOM,
    "file too large": "let files be larger (`ulimit -f unlimited`), then try again",
    "disk i/o error": "make room on the disk, or see whether it is broken; then try again",
    # All that is said of files that may not grow, but also of some that are damaged.
    "apply logs to the metadata segment": f"make room on the disk; if there is some, {REBUILD}",
    "readonly database": "make its files writable",
    "permission denied": "let its files be yours to read and write",
    "unable to open database file": "let its files be yours to read and write",
    "too many open files": "close other programs, or let more files be open: `ulimit -n 4096`",
    "cannot allocate memory": "end other programs, then try again",
    "unsupported version of sqlite3": "it is that of this Python: take a newer Python",
}


class DamagedStore(StoreError):
    """What is in the folder cannot be used any more; whatever it held is to be stored again."""


class Database(ABC):
    """Chroma's collections, opened at their first use; whatever goes wrong is a StoreError."""

    shared: ClassVar[bool]
    """Whether other libraries write to it too."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._client: Client | None = None

    @abstractmethod
    def collection(self, name: str) -> Collection | None:
        """Return a collection, good until the next call of this; or None if there is none."""

    def create(self, name: str, metadata: Mapping[str, str | int]) -> Collection:
        """Make a collection for vectors that are compared by their cosine."""
        with self.errors():
            made = self._opened().create_collection(
                name,
                metadata=dict(metadata),
                embedding_function=None,
                configuration={
                    "hnsw": {"space": "cosine", "ef_construction": RECALL, "ef_search": RECALL}
                },
            )
            return without_functions(made)

    def largest_batch(self) -> int:
        """Return how many rows Chroma takes at once."""
        with self.errors():
            size = self._opened().get_max_batch_size()
            if size < 1:
                raise ValueError(f"it takes {size} rows at once")
            return size

    def close(self) -> None:
        """Close it; a later call opens it again."""
        client, self._client = self._client, None
        if client is not None:
            with self.errors():
                client.close()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn what Chroma raises into a StoreError: its own errors, built-ins, Rust panics."""
        try:
            yield
        except (RapidError, KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:
            raise self._explained(error) from error

    def _explained(self, error: BaseException) -> RapidError:
        """Return the error that tells what Chroma raised."""
        if isinstance(error, ImportError):  # Chroma loads its machine code as late as it can
            return unimportable(error)
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:LONGEST_REASON]
        return self._unusable(reason, self._hint(error))

    def _unusable(self, reason: str, hint: str) -> StoreError:
        return StoreError(f"the library {self._place} cannot be used: {reason}", hint)

    @abstractmethod
    def _hint(self, error: BaseException) -> str: ...

    @abstractmethod
    def _connect(self) -> Client: ...

    def _opened(self) -> Client:
        if self._client is None:
            self._client = self._connect()
        return self._client


def without_functions(collection: Collection) -> Collection:
    """Return the collection, fit to be used: nothing is left in it that Chroma would build.

    What a collection says of its embedding functions comes from a server, or with a folder, and
    Chroma builds them in this process whenever it writes: one of sentence-transformers may run
    code of its model. StoreError if there are any, as rapid makes no such collection.
    """
    model = collection.get_model()
    if _names_function([model.configuration_json, model.serialized_schema]):
        message = f"the collection {collection.name!r} wants an embedding function to be run here"
        raise StoreError(message, "rapid never made it so: delete it, or take another place")
    # Neither is needed to read and write vectors, so that Chroma gets to see no part of them.
    model.configuration_json = {}
    model.serialized_schema = None
    return collection


def _names_function(json: object) -> bool:
    """Tell whether anything in a collection's settings is an embedding function with a name."""
    waiting = [json]
    while waiting:
        match waiting.pop():
            case dict() as held:
                function = held.get("embedding_function")
                if function is not None and function not in NO_FUNCTION:
                    return True
                waiting += held.values()
            case list() as held:
                waiting += held
    return False


def _erase_unused(header: Path) -> None:
    """Overwrite what an index has written of its room for vectors before it had any.

    That room is memory that was in use before, and may hold any text that Chroma has had there.
    """
    version, _, room, count, size = struct.unpack_from(HNSW_LAYOUT, header.read_bytes())
    if version != 1 or count:
        return
    for name, each in (("data_level0.bin", size), ("length.bin", LENGTH_BYTES)):
        file = header.with_name(name)
        if file.stat().st_size == room * each:
            file.write_bytes(bytes(room * each))


def load_chromadb() -> None:
    """Import chromadb so that it logs into the log alone, reads no .env file, builds no functions.

    It would take its settings from a file where the user happens to be, or trip over it.
    """
    with _loading:
        if "chromadb" not in sys.modules:
            logging.getLogger("chromadb").addHandler(logging.NullHandler())
            with importing("chromadb"):
                _load_settings_first()
                _forget_functions()


def _forget_functions() -> None:
    """Let Chroma know no embedding function that it could build, wherever it may try to."""
    from chromadb.utils import embedding_functions  # noqa: PLC0415 - takes a second

    embedding_functions.known_embedding_functions.clear()
    embedding_functions.sparse_known_embedding_functions.clear()


def _load_settings_first() -> None:
    """Import chromadb's module of settings before chromadb, which makes some as it is imported."""
    spec = find_spec("chromadb")
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError("No module named 'chromadb'", name="chromadb")
    package = module_from_spec(spec)
    sys.modules["chromadb"] = package
    try:
        from chromadb.config import Settings  # noqa: PLC0415 - takes a second

        Settings.model_config["env_file"] = None
        spec.loader.exec_module(package)
    except BaseException:
        del sys.modules["chromadb"]
        raise


class FolderDatabase(Database):
    """A Chroma database in a folder of its own below `folder`.

    One process has it open at a time; if another waits, it is closed and opened again between two
    calls.
    """

    shared = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute() / FOLDER
        super().__init__(f"in {self._folder}")
        # Two processes that have it open spoil its index or crash, even if both only read.
        self._lock = QueuedLock(self._folder)
        self._collections: dict[str, Collection] = {}

    def collection(self, name: str) -> Collection | None:
        """Return a collection, good until the next call of this; or None if there is none."""
        if self._client is not None and self._lock.is_wanted():
            self.close()
        if name not in self._collections:
            with self.errors():
                client = self._opened()
                if all(known.name != name for known in client.list_collections()):
                    return None
                found = client.get_collection(name, embedding_function=None)
                self._collections[name] = without_functions(found)
        return self._collections[name]

    def clear(self) -> None:
        """Delete all collections, damaged or not."""
        with suppress(StoreError):
            self.close()
        self._require_writable()
        with self.errors():
            self._lock.acquire()
            # Chroma keeps the space of what was deleted, so its folder goes as a whole.
            shutil.rmtree(self._folder)
        self._lock.release()

    def erase(self) -> None:
        """Leave no text on disk of chunks that were removed; their vectors may stay."""
        if not (path := self._folder / DATABASE).exists():
            return
        self.close()
        with self.errors():
            self._lock.acquire()
            try:
                erase(path, OVERWRITING)
                for index in self._folder.glob(f"*/{HNSW_HEADER}"):
                    _erase_unused(index)
            finally:
                self._lock.release()

    def close(self) -> None:
        """Close it, for others to use; a later call opens it again."""
        self._collections.clear()
        try:
            super().close()
        finally:
            self._lock.release()

    def _unusable(self, reason: str, hint: str) -> StoreError:
        explained = super()._unusable(reason, hint)
        return DamagedStore(explained.message, hint) if hint == REBUILD else explained

    def _hint(self, error: BaseException) -> str:
        said = str(error).lower()
        return next((hint for mark, hint in HINTS.items() if mark in said), self._unnamed_hint())

    def _unnamed_hint(self) -> str:
        """Return what helps where Chroma does not say what is wrong."""
        with suppress(OSError):
            if shutil.disk_usage(self._folder).free < LEAST_FREE:
                return _ROOM
        return REBUILD

    def _connect(self) -> Client:
        self._require_writable()
        self._lock.acquire()
        try:
            return self._open_folder()
        except BaseException:
            self._lock.release()
            raise

    def _open_folder(self) -> Client:
        load_chromadb()
        import chromadb  # noqa: PLC0415 - takes a second
        from chromadb.api.client import Client  # noqa: PLC0415
        from chromadb.config import Settings  # noqa: PLC0415

        try:
            client = chromadb.PersistentClient(self._folder, Settings(anonymized_telemetry=False))
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
