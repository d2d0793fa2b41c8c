"""One file on its way from the hub, gone on with where an earlier download broke off.

huggingface_hub 2.4 deletes what came of a file when its download fails, starts afresh in the next
run, loses up to 10 MB whenever a connection breaks and compares nothing but sizes, so the bytes are
fetched here, through its session and with its headers.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from rapid_cli.errors import ModelError
from rapid_cli.models.hub.backoff import Backoff
from rapid_cli.models.hub.errors import (
    CHECK_NETWORK,
    HubUnavailable,
    amount,
    broken_off,
    refused,
    transport_errors,
)
from rapid_cli.models.hub.repository import RemoteFile, Snapshot

WORTHWHILE_BYTES = 16 << 20
"""A try that brings so much was not in vain: all retries are allowed again."""

Told = Callable[[int], None]
"""Told how many bytes of the file are here."""


def fetch(
    snapshot: Snapshot,
    file: RemoteFile,
    partial: Path,
    backoff: Backoff,
    told: Told,
    *,
    sha256: str | None = None,
) -> int:
    """Download what `partial` lacks of a file, check the whole, and return the bytes received.

    It must have the hub's own hash, and a `sha256` that somebody expects besides. `partial` is kept
    when this fails, unless its bytes are wrong: then it is removed.
    """
    received = tried = 0
    with partial.open("ab") as target:
        if target.tell() > file.size:
            _empty(target)
        while target.tell() < file.size:
            try:
                for size in _pieces(snapshot, file, target):
                    received += size
                    told(target.tell())
            except HubUnavailable as error:
                if received - tried >= WORTHWHILE_BYTES:
                    backoff.reset()
                tried = received
                _wait(backoff, error, target.tell())
        os.fsync(target.fileno())
    if wrong := _wrong(file, partial, sha256):
        partial.unlink()
        raise ModelError(
            f"{file.name} did not come as the hub has it: {wrong}",
            "it was removed; pull it again, and check HF_ENDPOINT and the proxy if it recurs",
        )
    return received


def _wait(backoff: Backoff, error: HubUnavailable, done: int) -> None:
    try:
        backoff.wait(error)
    except HubUnavailable as last:
        if done:
            last.hint = f"the next pull goes on from {amount(done)}; {last.hint}"
        raise


def _pieces(snapshot: Snapshot, file: RemoteFile, target: BinaryIO) -> Iterator[int]:
    """Append to `target` what it lacks, and yield the size of each piece.

    HubUnavailable says that the connection ended too early.
    """
    with _hub_errors(snapshot.repo, file.name), _response(snapshot, file, target) as response:
        for piece in response.iter_bytes():
            target.write(piece)
            target.flush()  # it is kept even if this process is killed
            yield len(piece)
            if target.tell() > file.size:
                return
    if target.tell() < file.size:
        here, whole = amount(target.tell()), amount(file.size)
        raise HubUnavailable(f"the connection ended after {here} of {whole}", CHECK_NETWORK)


@contextmanager
def _response(snapshot: Snapshot, file: RemoteFile, target: BinaryIO) -> Iterator[Any]:
    """Ask for what `target` lacks; where the server begins anew, `target` is emptied for it."""
    from huggingface_hub import constants, get_session, hf_hub_url  # noqa: PLC0415
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # noqa: PLC0415
        build_hf_headers,
        hf_raise_for_status,
    )

    begin = target.tell()
    url = hf_hub_url(snapshot.repo, file.name, revision=snapshot.commit)
    headers = build_hf_headers(library_name="rapid") | {"Accept-Encoding": "identity"}
    if begin:
        headers["Range"] = f"bytes={begin}-"
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    with get_session().stream("GET", url, headers=headers, timeout=timeout) as response:
        if response.status_code != 416:
            hf_raise_for_status(response)
        found = response.headers.get("content-range", "")
        if begin and not found.startswith(f"bytes {begin}-"):
            _empty(target)
            if response.status_code != 200:
                here, whole = amount(begin), amount(file.size)
                raise HubUnavailable(
                    f"the server does not go on after {here} of {whole}", "pull it again later"
                )
        yield response


@contextmanager
def _hub_errors(repo: str, file: str) -> Iterator[None]:
    """Tell the library's errors as ours; those of the disk stay what they are."""
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415

    try:
        yield
    except HfHubHTTPError as error:
        raise refused(error, repo, None, file) from error
    except transport_errors() as error:
        raise broken_off(error) from error


def _empty(target: BinaryIO) -> None:
    target.seek(target.truncate(0))


def _wrong(file: RemoteFile, path: Path, sha256: str | None) -> str:
    """Return what is wrong with the bytes that came; nothing if all is right."""
    if path.stat().st_size != file.size:
        return f"it has more than {file.size:,} bytes"
    for expected in dict.fromkeys(filter(None, (file.digest, sha256))):
        found = _hash(path, expected)
        if found != expected:
            return f"its hash is {found[:12]}... and not {expected[:12]}..."
    return ""


def _hash(path: Path, like: str) -> str:
    """Return a file's hash of the kind of `like`: sha256, or the sha1 that git gives to blobs."""
    if len(like) == 64:
        state = hashlib.sha256()
    else:
        state = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as content:
        return hashlib.file_digest(content, lambda: state).hexdigest()
