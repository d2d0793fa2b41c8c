"""The files of one repository in the Hugging Face cache, laid out as all its users expect it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from rapid_cli.models.hub.backoff import Note
from rapid_cli.models.hub.errors import settings
from rapid_cli.models.hub.repository import COMMIT, RemoteFile, Snapshot

LOCK_SECONDS = 1.0
"""How long a file in another program's hands is waited for in silence."""


class Cache:
    """Blobs by their hashes, links to them in a folder for each commit, and refs to commits.

    A file appears among the blobs when it is whole; links and ref come when all files are there.
    """

    def __init__(self, repo: str) -> None:
        root, name = Path(settings().HF_HUB_CACHE), f"models--{repo.replace('/', '--')}"
        self.folder = root / name
        self._locks = root / ".locks" / name

    def blob(self, file: RemoteFile) -> Path:
        """Return where the content of a file lies once it is whole."""
        return self.folder / "blobs" / file.digest

    def partial(self, file: RemoteFile) -> Path:
        """Return where the content of a file grows."""
        return self.folder / "blobs" / f"{file.digest}.incomplete"

    def pointer(self, commit: str, file: str) -> Path:
        """Return where a file of a commit is loaded from."""
        return self.folder / "snapshots" / commit / file

    def holds(self, snapshot: Snapshot, file: RemoteFile) -> bool:
        """Tell whether a file is here with the right size."""
        places = (self.blob(file), self.pointer(snapshot.commit, file.name))
        return any(size_of(place) == file.size for place in places)

    def missing_bytes(self, snapshot: Snapshot, file: RemoteFile) -> int:
        """Return how much of a file is still to be downloaded."""
        if self.holds(snapshot, file):
            return 0
        return max(file.size - (size_of(self.partial(file)) or 0), 0)

    @contextmanager
    def locked(self, file: RemoteFile, note: Note) -> Iterator[None]:
        """Keep other programs from downloading the same file meanwhile."""
        from huggingface_hub.utils import (  # type: ignore[attr-defined]  # noqa: PLC0415
            WeakFileLock,
        )

        self.blob(file).parent.mkdir(parents=True, exist_ok=True)
        self._locks.mkdir(parents=True, exist_ok=True)
        path = self._locks / f"{file.digest}.lock"
        with ExitStack() as held:
            try:
                held.enter_context(WeakFileLock(path, timeout=LOCK_SECONDS))
            except TimeoutError:
                note(f"another program is downloading {file.name}: waiting for it")
                held.enter_context(WeakFileLock(path))
            yield

    def publish(self, snapshot: Snapshot, revision: str | None) -> None:
        """Let a commit be found whose files are all here."""
        folder = self.pointer(snapshot.commit, "")
        beside = folder.with_name(f"{snapshot.commit}.{os.getpid()}.incomplete")
        # A folder appears with all its files at once, but others may have made it already.
        place = folder if folder.exists() else beside
        for file in snapshot.files:
            self._link(file, place / file.name)
        if place == beside:
            with suppress(FileExistsError):
                beside.rename(folder)
        self._refer(snapshot.commit, revision or "main")

    def _link(self, file: RemoteFile, pointer: Path) -> None:
        blob = self.blob(file)
        if not blob.exists() or _same(blob, pointer):
            return
        pointer.parent.mkdir(parents=True, exist_ok=True)
        pointer.unlink(missing_ok=True)
        try:
            pointer.symlink_to(os.path.relpath(blob, pointer.parent))
        except OSError:
            blob.replace(pointer)  # where links take rights that users lack

    def _refer(self, commit: str, revision: str) -> None:
        if re.fullmatch(COMMIT, revision):
            return
        ref = self.folder / "refs" / revision
        with suppress(OSError):
            if ref.read_text(encoding="utf-8") == commit:
                return
        ref.parent.mkdir(parents=True, exist_ok=True)
        new = ref.with_name(f"{ref.name}.{os.getpid()}.incomplete")
        new.write_text(commit, encoding="utf-8")
        new.replace(ref)


def size_of(path: Path) -> int | None:
    """Return how long a file is; None if there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return None


def _same(blob: Path, pointer: Path) -> bool:
    with suppress(OSError):
        return blob.samefile(pointer)
    return False
