"""One file on its way from the hub: begun, interrupted, gone on with, checked.

huggingface_hub starts every download afresh and compares nothing but sizes, so the bytes are
fetched here, through its session and with its headers.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from rapid_cli.errors import ModelError
from rapid_cli.models.hub.backoff import Note, Patience
from rapid_cli.models.hub.errors import (
    CHECK_NETWORK,
    HubTrouble,
    amount,
    broken_off,
    refused,
    transport_errors,
)
from rapid_cli.models.hub.repository import RemoteFile, Snapshot

PIECE_BYTES = 1 << 20
WORTHWHILE_BYTES = 16 << 20
"""A try that brings so much was not in vain: as many may follow as at first."""

Told = Callable[[int], None]
"""Told how many bytes of the file are here."""


class Transfer:
    """Fetches one file of a snapshot into a partial file, and says whether it came whole."""

    def __init__(
        self, snapshot: Snapshot, file: RemoteFile, sha256: str | None, told: Told
    ) -> None:
        """Take the file's own hash for right, and a `sha256` that somebody expects besides."""
        self.received = 0
        self._snapshot = snapshot
        self._file = file
        self._told = told
        self._expected = list(dict.fromkeys(filter(None, (file.digest, sha256))))
        self._forget()

    def fetch(self, partial: Path, patience: Patience, note: Note) -> None:
        """Download what `partial` lacks. It is kept when this fails, unless its bytes are wrong."""
        with partial.open("a+b", buffering=0) as target:
            here = os.fstat(target.fileno()).st_size
            if 0 < here < self._file.size:
                whole = amount(self._file.size)
                note(f"{self._file.name}: going on from {amount(here)} of {whole}")
            self._read_back(target)
            while self._done < self._file.size:
                before = self.received
                try:
                    self._stream(target)
                except HubTrouble as trouble:
                    if self.received - before >= WORTHWHILE_BYTES:
                        patience.renew()
                    self._wait(patience, trouble)
            os.fsync(target.fileno())
        wrong = self._wrong()
        if wrong:
            partial.unlink()
            raise ModelError(
                f"{self._file.name} did not come as the hub has it: {wrong}",
                "it was removed; pull it again, and check HF_ENDPOINT and the proxy if it recurs",
            )

    def _wait(self, patience: Patience, trouble: HubTrouble) -> None:
        try:
            patience.wait(trouble)
        except HubTrouble as last:
            if self._done:
                last.hint = f"the next pull goes on from {amount(self._done)}; {last.hint}"
            raise

    def _read_back(self, target: BinaryIO) -> None:
        """Take in what an earlier try has left; nobody is told, since it is no download."""
        target.seek(0)
        while piece := target.read(PIECE_BYTES):
            self._count(piece)
        if self._done > self._file.size:
            self._restart(target)

    def _stream(self, target: BinaryIO) -> None:
        """Read on from where `target` ends; HubTrouble if the connection ends too early."""
        with _as_troubles(self._snapshot.repo, self._file.name), self._opened(target) as pieces:
            for piece in pieces:
                _write(target, piece)
                self.received += len(piece)
                self._count(piece)
                self._told(self._done)
                if self._done > self._file.size:
                    return
        if self._done < self._file.size:
            here, whole = amount(self._done), amount(self._file.size)
            raise HubTrouble(f"the connection ended after {here} of {whole}", CHECK_NETWORK)

    @contextmanager
    def _opened(self, target: BinaryIO) -> Iterator[Iterator[bytes]]:
        from huggingface_hub import constants, get_session, hf_hub_url  # noqa: PLC0415
        from huggingface_hub.utils import (  # type: ignore[attr-defined]  # noqa: PLC0415
            build_hf_headers,
            hf_raise_for_status,
        )

        url = hf_hub_url(self._snapshot.repo, self._file.name, revision=self._snapshot.commit)
        headers = build_hf_headers(library_name="rapid") | {"Accept-Encoding": "identity"}
        if self._done:
            headers["Range"] = f"bytes={self._done}-"
        timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
        with get_session().stream("GET", url, headers=headers, timeout=timeout) as response:
            if response.status_code != 416:
                hf_raise_for_status(response)
            begins = f"bytes {self._done}-"
            if self._done and not response.headers.get("content-range", "").startswith(begins):
                here, whole = amount(self._done), amount(self._file.size)
                self._restart(target)
                if response.status_code != 200:
                    raise HubTrouble(
                        f"the server does not go on after {here} of {whole}", "pull it again later"
                    )
            yield response.iter_bytes()

    def _count(self, piece: bytes) -> None:
        for digest in self._digests:
            digest.update(piece)
        self._done += len(piece)

    def _restart(self, target: BinaryIO) -> None:
        target.truncate(0)
        self._forget()

    def _forget(self) -> None:
        self._done = 0
        self._digests = [_digest(expected, self._file.size) for expected in self._expected]

    def _wrong(self) -> str:
        """Return what is wrong with what came; nothing if all is right."""
        if self._done != self._file.size:
            return f"it has more than {self._file.size:,} bytes"
        for digest, expected in zip(self._digests, self._expected, strict=True):
            if digest.hexdigest() != expected:
                return f"its hash is {digest.hexdigest()[:12]}... and not {expected[:12]}..."
        return ""


def _write(target: BinaryIO, piece: bytes) -> None:
    """Write all of a piece: an unbuffered file may take less of it at once."""
    rest = memoryview(piece)
    while rest:
        rest = rest[target.write(rest) :]


@contextmanager
def _as_troubles(repo: str, file: str) -> Iterator[None]:
    """Tell the library's errors as ours; those of the disk stay what they are."""
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415

    try:
        yield
    except HfHubHTTPError as error:
        raise refused(error, repo, None, file) from error
    except transport_errors() as error:
        raise broken_off(error) from error


def _digest(expected: str, size: int) -> hashlib._Hash:
    """Return the hash of the kind of `expected`: sha256, or the sha1 with which git names blobs."""
    if len(expected) == 64:
        return hashlib.sha256()
    return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
