"""Downloading models: planned first, then fetched file by file, and found from then on."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rapid_cli.errors import ModelError
from rapid_cli.models.hub.backoff import PAUSES, Backoff, Note
from rapid_cli.models.hub.cache import Cache, size_of
from rapid_cli.models.hub.errors import HubUnavailable, amount, disk_errors, settings
from rapid_cli.models.hub.finding import find, locate
from rapid_cli.models.hub.parts import parts
from rapid_cli.models.hub.repository import COMMIT, RemoteFile, Snapshot, ask
from rapid_cli.models.hub.transfer import fetch
from rapid_cli.models.hub.verifying import Hashes
from rapid_cli.models.specs import Located, ModelSpec
from rapid_cli.storage.partial import SPARE_BYTES
from rapid_cli.storage.private import as_usual

TELL_SECONDS = 0.1

Progress = Callable[[str, int, int], None]
"""Told the name of a model, and its bytes that are here and in all."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a model consists of on the hub; without a snapshot it is here, and nothing is asked."""

    spec: Located
    snapshot: Snapshot | None = None
    missing_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Pulled:
    """A model that is here now."""

    name: str
    repo: str | None
    files: tuple[str, ...]
    commit: str | None
    path: Path
    size_bytes: int
    downloaded_bytes: int
    seconds: float


class Puller:
    """Downloads models, and tells how it goes on."""

    def __init__(
        self, hashes: Hashes, note: Note, progress: Progress, pauses: Sequence[float] = PAUSES
    ) -> None:
        self._hashes = hashes
        self._note = note
        self._progress = progress
        self._pauses = pauses

    def plan(self, spec: Located) -> Plan:
        """Ask the hub once what a model consists of; ModelError if it cannot be had."""
        here = find(spec.location)
        if spec.repo is None or (here and re.fullmatch(COMMIT, spec.revision or "")):
            return Plan(spec)
        try:
            with disk_errors():  # a token may lie there
                snapshot = ask(spec.location, Backoff(self._note, () if here else self._pauses))
        except HubUnavailable as error:
            if here is None:
                raise
            self._note(f"{error.message}; {spec.name} stays as it is here")
            return Plan(spec)
        _compare(spec, snapshot)
        return Plan(spec, snapshot, Cache(snapshot).missing_bytes())

    def pull(self, plan: Plan) -> Pulled:
        """Download what is missing of a model; ModelError if that cannot be."""
        started, downloaded = time.perf_counter(), 0
        if plan.snapshot is not None:
            with as_usual(), disk_errors():  # others may share that cache
                downloaded = self._download(plan.spec, plan.snapshot)
        path = locate(plan.spec.location, plan.spec.name)
        self._hashes.require(plan.spec, path)
        files = _files(path)
        return Pulled(
            name=plan.spec.name,
            repo=plan.spec.repo,
            files=tuple(files),
            commit=_commit(path) if plan.spec.repo else None,
            path=path,
            size_bytes=sum(file.stat().st_size for file in files.values()),
            downloaded_bytes=downloaded,
            seconds=time.perf_counter() - started,
        )

    def _download(self, spec: Located, snapshot: Snapshot) -> int:
        """Download the files that are missing, and let the commit be found; return the bytes."""
        cache, downloaded = Cache(snapshot), 0
        meter = _Meter(spec.name, sum(file.size for file in snapshot.files), self._progress)
        for file in snapshot.files:
            if not cache.holds(file):
                with cache.locked(file, self._note):
                    downloaded += self._fetch(spec, snapshot, file, cache, meter)
            meter.finished += file.size
        cache.publish(spec.revision)
        return downloaded

    def _fetch(
        self, spec: Located, snapshot: Snapshot, file: RemoteFile, cache: Cache, meter: _Meter
    ) -> int:
        if cache.holds(file):  # another program has brought it meanwhile
            return 0
        partial = cache.partial(file)
        here = size_of(partial) or 0
        if 0 < here < file.size:
            self._note(f"{file.name}: going on from {amount(here)} of {amount(file.size)}")
        backoff = Backoff(self._note, self._pauses)
        sha256 = _expected(spec) if file == snapshot.files[0] else None
        received = fetch(snapshot, file, partial, backoff, meter.tell, sha256=sha256)
        partial.replace(cache.blob(file))
        return received


def require_room(plans: Sequence[Plan]) -> None:
    """Raise ModelError unless the disk holds what is missing, and something is left."""
    missing = sum(plan.missing_bytes for plan in plans)
    if not missing:
        return
    folder = Path(settings().HF_HUB_CACHE)
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    with disk_errors():
        free = shutil.disk_usage(existing).free
    if free < missing + SPARE_BYTES:
        names = " and ".join(plan.spec.name for plan in plans)
        raise ModelError(
            f"pulling {names} takes {amount(missing)} more, and the disk of {folder} has "
            f"{amount(free)} left",
            f"free {amount(missing + SPARE_BYTES - free)}, or let HF_HOME name a folder elsewhere",
        )


@dataclass(slots=True)
class _Meter:
    """How much of a model is here, told a few times a second."""

    name: str
    total: int
    progress: Progress
    finished: int = 0
    _told: float = 0.0

    def tell(self, done: int) -> None:
        """Tell the bytes of the file in work, besides those of finished files."""
        now = time.monotonic()
        if now - self._told >= TELL_SECONDS:
            self._told = now
            self.progress(self.name, self.finished + done, self.total)


def _expected(spec: Located) -> str | None:
    return spec.sha256 if isinstance(spec, ModelSpec) else None


def _compare(spec: Located, snapshot: Snapshot) -> None:
    """Raise ModelError if the hub has another file than models.toml expects."""
    expected, first = _expected(spec), snapshot.files[0]
    if expected and len(first.digest) == len(expected) and first.digest != expected:
        raise ModelError(
            f"{snapshot.repo} has another {first.name} than models.toml expects: its sha256 is "
            f"{first.digest[:12]}... and not {expected[:12]}...",
            "set `revision` to the commit that you mean, or mend `sha256` if you trust the new one",
        )


def _files(path: Path) -> dict[str, Path]:
    """Return the files of a model that is here, by their names."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return {file.relative_to(path).as_posix(): file for file in files}
    return {name: path.with_name(name) for name in parts(path.name)}


def _commit(path: Path) -> str | None:
    """Return the commit that a path in the cache belongs to."""
    return next((part for part in path.parts if re.fullmatch(COMMIT, part)), None)
