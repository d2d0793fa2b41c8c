"""The events of indexing: what it tells as it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rapid_cli.errors import DocumentError

State = Literal["new", "updated", "unchanged", "moved"]


@dataclass(frozen=True, slots=True)
class EmbedderPreparing:
    """The embedder is about to be made ready for its first use, which takes seconds."""


@dataclass(frozen=True, slots=True)
class EmbedderPrepared:
    """That is done."""


@dataclass(frozen=True, slots=True)
class FileStarted:
    """File `number` of `total` is about to be read."""

    path: str
    number: int
    total: int


@dataclass(frozen=True, slots=True)
class Embedded:
    """`done` of `total` chunks of a document have their vectors."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class FileDone:
    """A file is in the library; `warnings` are what its reader had to say."""

    path: str
    state: State
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileSkipped:
    """A file or folder could not be read; what the library has of it stays."""

    path: str
    error: DocumentError


@dataclass(frozen=True, slots=True)
class FileRemoved:
    """A file is gone from its folder, and now from the library."""

    path: str


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Files that are no documents or lie elsewhere, of a folder, counted by suffix or kind."""

    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PagesRead:
    """So many pages were read so far."""

    pages: int


@dataclass(frozen=True, slots=True)
class Pending:
    """Documents that can be asked about, but whose chunks have no vectors yet."""

    documents: int
    chunks: int


IndexingEvent = (
    EmbedderPreparing
    | EmbedderPrepared
    | FileStarted
    | Embedded
    | FileDone
    | FileSkipped
    | FileRemoved
    | PassedOver
    | PagesRead
    | Pending
)
