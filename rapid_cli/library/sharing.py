"""A library on a server: its documents are shelved for others, and theirs are found here."""

from __future__ import annotations

import hashlib
import re
import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rapid_cli.documents import SHARED, Chunk, is_file, is_shared
from rapid_cli.errors import StoreError
from rapid_cli.library.catalog import ADOPTED, Catalog
from rapid_cli.library.shelf import Shelf, Shelved
from rapid_cli.text.printable import printable_line

ORIGIN_FILE = "origin"
LONGEST_ORIGIN = 80
LONGEST_NAME = 255
ORIGIN = re.compile(rf"[A-Za-z0-9._-]{{1,{LONGEST_ORIGIN}}}")
NO_ORIGIN = re.compile(r"[^A-Za-z0-9._-]+")


class Unshared:
    """What a library of this machine alone has in place of a sharing: nobody is to be told."""

    def adopt(self, cut: Callable[[], str]) -> None:
        """Take over what others have shelved since, and forget what they hold no longer.

        `cut` tells what chunks depend on. It is asked only where there is something to take over,
        for that may take the embedder.
        """

    def disown(self) -> bool:
        """Forget what was taken over; tell whether others need the store as it is."""
        return False

    def may_store(self, paths: Sequence[str]) -> bool:  # noqa: ARG002 - anything
        """Tell whether the store may have the chunks of a document with these paths."""
        return True

    def embedded(self, document_id: str, paths: Sequence[str]) -> None:
        """Shelve a document whose chunks are in the store, under its paths on this machine."""

    def dropped(self, path: str) -> None:
        """Take a path of this machine off the shelf."""

    def is_wanted(self, document_id: str) -> bool:  # noqa: ARG002 - none
        """Tell whether any library still holds a document."""
        return False

    def removed(self, document_id: str) -> None:
        """Take the text of a document off the shelf that no library holds any more."""


class Unstored(Unshared):
    """What a library in memory has in place of a sharing: its chunks are stored nowhere."""

    def may_store(self, paths: Sequence[str]) -> bool:  # noqa: ARG002 - none
        """Tell that the store may have the chunks of no document."""
        return False


class Sharing(Unshared):
    """Keeps a catalog and the shelf of a server in step.

    What other libraries have shelved stands in the catalog under paths that begin with SHARED;
    the vectors of it stay on the server.
    """

    def __init__(self, catalog: Catalog, shelf: Shelf, origin: str) -> None:
        self._catalog = catalog
        self._shelf = shelf
        self._origin = origin

    def adopt(self, cut: Callable[[], str]) -> None:
        """Take over what others have shelved since, and forget what they hold no longer."""
        shelved = (entry for entry in self._shelf.entries() if entry.origin != self._origin)
        theirs = {_path(entry): entry for entry in shelved}
        ours = self._taken_over()
        for path in ours.keys() - theirs.keys():
            self._catalog.remove(path)
        for path, entry in theirs.items():
            if ours.get(path) != entry.document_id:
                self._adopt(path, entry, cut)

    def disown(self) -> bool:
        """Forget what was taken over, until the next `adopt`; others need the store."""
        for path in self._taken_over():
            self._catalog.remove(path)
        return True

    def may_store(self, paths: Sequence[str]) -> bool:
        """Tell whether one of the paths is a file: no server gets a text that was piped in."""
        return any(map(is_file, paths))

    def embedded(self, document_id: str, paths: Sequence[str]) -> None:
        """Shelve a document whose chunks are in the store, under its paths on this machine.

        Where only others hold it, its text alone is written again: it may be cut otherwise now.
        """
        document = self._catalog.document(document_id)
        if document is None:
            return  # another process has removed it meanwhile
        own = [
            replace(document, path=path, name=Path(path).name) for path in paths if is_file(path)
        ]
        chunks = self._catalog.chunks.of(document.id)
        places = [(each.start, each.end, each.first_page, each.last_page) for each in chunks]
        if own:
            self._shelf.put(own[0], places)
        elif any(map(is_shared, paths)):
            self._shelf.put_text(document, places)
        for each in own[1:]:
            self._shelf.point(each)

    def dropped(self, path: str) -> None:
        """Take a path of this machine off the shelf."""
        if is_file(path):
            self._shelf.drop(path)

    def is_wanted(self, document_id: str) -> bool:
        """Tell whether any library still holds a document."""
        return self._shelf.is_wanted(document_id)

    def removed(self, document_id: str) -> None:
        """Take the text of a document off the shelf that no library holds any more."""
        self._shelf.sweep(document_id)

    def _taken_over(self) -> dict[str, str]:
        """Return the paths of what others have shelved, with the ids of the documents."""
        entries = self._catalog.entries()
        return {each.path: each.document_id for each in entries if is_shared(each.path)}

    def _adopt(self, path: str, entry: Shelved, cut: Callable[[], str]) -> None:
        if self._is_ours(entry.document_id) or self._catalog.is_embedded(entry.document_id):
            known = self._catalog.document(entry.document_id)
            if known is not None:
                self._catalog.point(replace(known, path=path, name=_shown(entry.name)))
                return
        if (fetched := self._shelf.fetch(entry.document_id)) is None:
            return  # it is being written, or was just removed
        document, places = fetched
        document = replace(document, path=path, name=_shown(entry.name))
        chunks = [
            Chunk(document.id, number, document.text[start:end], start, end, first, last)
            for number, (start, end, first, last) in enumerate(places)
        ]
        # Nobody can tell whether it is the text of the file with this hash.
        self._catalog.put(document, chunks, cut=cut(), reader=ADOPTED)
        self._catalog.embedded(document.id, None)

    def _is_ours(self, document_id: str) -> bool:
        """Tell whether a document was read on this machine."""
        return not all(map(is_shared, self._catalog.paths_of(document_id)))


def origin_in(folder: Path) -> str:
    """Return the name of this library on a server, made at its first use; or StoreError."""
    path = folder / ORIGIN_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(f"{socket.gethostname()}-{secrets.token_hex(4)}")
    except FileExistsError:
        pass
    except OSError as error:
        message = f"the library folder {folder} cannot be written: {error.strerror}"
        raise StoreError(message, "set RAPID_HOME to a folder that you may write to") from error
    return path.read_text(encoding="utf-8")


def _path(entry: Shelved) -> str:
    return f"{SHARED}{_plain(entry.origin)}:{printable_line(entry.path)}"


def _plain(origin: str) -> str:
    """Return an origin as it is if it looks like one, and else what cannot be taken for another."""
    if ORIGIN.fullmatch(origin):
        return origin
    digest = hashlib.sha256(origin.encode()).hexdigest()[:8]
    return f"{NO_ORIGIN.sub('_', origin)[:LONGEST_ORIGIN]}-{digest}"


def _shown(name: str) -> str:
    """Return a file's name of another library as one line, without what a terminal would obey."""
    return printable_line(name)[:LONGEST_NAME] or "unnamed"
