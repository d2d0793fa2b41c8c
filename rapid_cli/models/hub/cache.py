"""The files of one commit in the Hugging Face cache, laid out as all its users expect it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from rapid_cli.errors import ModelError
from rapid_cli.models.hub.backoff import Note
from rapid_cli.models.hub.errors import settings
from rapid_cli.models.hub.repository import COMMIT, RemoteFile, Snapshot

CHECK_NAMES = "check `repo`, `file` and `revision` in models.toml"
LOCK_SECONDS = 1.0
"""How long a lock is waited for before the person is told."""


class Cache:
    """Blobs named by their hashes, a folder of links to them for each commit, refs to commits.

    A file appears among the blobs when it is whole; links and ref come when all files are there.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        root, name = Path(settings().HF_HUB_CACHE), f"models--{snapshot.repo.replace('/', '--')}"
        self._snapshot = snapshot
        self._folder = root / name
        self._links = self._folder / "snapshots" / snapshot.commit
        self._locks = root / ".locks" / name

    def blob(self, file: RemoteFile) -> Path:
        """Return where the content of a file lies once it is whole."""
        return self._folder / "blobs" / file.digest

    def partial(self, file: RemoteFile) -> Path:
        """Return where the content of a file grows."""
        return self._folder / "blobs" / f"{file.digest}.incomplete"

    def holds(self, file: RemoteFile) -> bool:
        """Tell whether a file is here with the right size."""
        return file.size in (size_of(self.blob(file)), size_of(self._links / file.name))

    def missing_bytes(self) -> int:
        """Return how much is still to be downloaded."""
        missing = (file for file in self._snapshot.files if not self.holds(file))
        return sum(max(file.size - (size_of(self.partial(file)) or 0), 0) for file in missing)

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

    def publish(self, revision: str | None) -> None:
        """Let the commit be found, whose files are all here, and found by a revision's name."""
        # The folder appears with all its files at once, unless other programs have made it.
        new = self._links.with_name(f"{self._links.name}.{os.getpid()}.incomplete")
        folder = self._links if self._links.exists() else new
        for file in self._snapshot.files:
            self._link(file, self._own(folder / file.name))
        if folder == new:
            with suppress(FileExistsError):
                new.rename(self._links)
        if not re.fullmatch(COMMIT, revision or ""):
            self._refer(self._own(self._folder / "refs" / (revision or "main")))

    def _own(self, path: Path) -> Path:
        """Return a path that is to be written; ModelError unless it is in the repository's folder.

        Names are checked where they come from, and here once more: nothing is written elsewhere.
        """
        written = Path(os.path.normpath(path))
        if not written.is_relative_to(os.path.normpath(self._folder)):
            raise ModelError(f"{written} is not in {self._folder}", CHECK_NAMES)
        return path

    def _link(self, file: RemoteFile, link: Path) -> None:
        if size_of(link) == file.size:
            return
        blob = self.blob(file)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        try:
            link.symlink_to(os.path.relpath(blob, link.parent))
        except OSError:
            blob.replace(link)  # where links take rights that users lack

    def _refer(self, ref: Path) -> None:
        with suppress(OSError):
            if ref.read_text(encoding="utf-8") == self._snapshot.commit:
                return
        ref.parent.mkdir(parents=True, exist_ok=True)
        new = ref.with_name(f"{ref.name}.{os.getpid()}.incomplete")
        new.write_text(self._snapshot.commit, encoding="utf-8")
        new.replace(ref)


def size_of(path: Path) -> int | None:
    """Return how many bytes a file has; None if there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return None
