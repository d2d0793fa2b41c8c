"""Checks of what rapid keeps: its folder, the library, and what can be made again."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from rapid_cli.config import collections, home
from rapid_cli.doctor.examination import Examination
from rapid_cli.doctor.findings import Finding, NotChecked, counted
from rapid_cli.doctor.machine import existing, without_password
from rapid_cli.errors import RapidError
from rapid_cli.models import hub
from rapid_cli.models.caching.prefix_cache import usual_cap
from rapid_cli.retrieval.embedder import export_name
from rapid_cli.storage.private import OTHERS
from rapid_cli.text.sizes import megabytes

WRITTEN_BYTES = 64 << 10
_FULL = (errno.ENOSPC, errno.EDQUOT)
CHOOSE = "set RAPID_HOME to a folder that you may write to"


def check_home(_: Examination) -> Finding:
    """Write a small file where the library lies, or will be made, and remove it."""
    folder = home().absolute()
    try:
        place = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
        if not place.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{place} is not a folder")
        _write(place / f"doctor.{os.getpid()}")
        is_new = place != folder
        others = "" if is_new else _others_may(folder)
    except OSError as error:
        hint = "make room on the disk" if error.errno in _FULL else CHOOSE
        text = f"{folder} cannot be written: {error.strerror or error}"
        return Finding("failure", "folder", text, hint)
    if others:
        hint = f"set RAPID_HOME to a folder of your own, or: chmod go-rwx {folder}"
        return Finding("warning", "folder", f"{folder} can be written, but {others}", hint)
    text = "is made when it is needed" if is_new else "can be written, and is yours alone"
    return Finding("ok", "folder", f"{folder} {text}")


def _write(path: Path) -> None:
    """Write a file through to the disk, and remove it."""
    try:
        with path.open("xb", buffering=0) as file:
            if file.write(bytes(WRITTEN_BYTES)) < WRITTEN_BYTES:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())
    finally:
        path.unlink(missing_ok=True)


def _others_may(folder: Path) -> str:
    """Return what others may do with a folder, or nothing."""
    if sys.platform == "win32":  # where a user's folders are closed to others anyway
        return ""
    found = folder.stat()
    if found.st_uid != os.geteuid():
        return f"it belongs to another user, number {found.st_uid}"
    rights = stat.S_IMODE(found.st_mode)
    return f"others may use it too (its rights are {rights:o})" if rights & OTHERS else ""


def check_embedder(examination: Examination) -> Iterator[Finding]:
    """Tell whether what turns texts into vectors is here, and the reranker if there is one."""
    models_file = examination.models_file
    folder, name = examination.embedder, models_file.embedder.name
    prepared = (examination.exports / export_name(folder)).is_dir()
    when = "prepared" if prepared else "it is prepared at its first use, which takes seconds"
    yield Finding("ok", "embedder", f"{name} is here: {when}")
    if models_file.reranker:
        hub.locate(models_file.reranker.location, models_file.reranker.name)
        yield Finding("ok", "embedder", f"the reranker {models_file.reranker.name} is here")


def check_retrieval(examination: Examination) -> Finding:
    """Embed sentences, store them in a temporary library, and find each of them again."""
    try:
        _ = examination.embedder
    except RapidError:
        raise NotChecked("the embedder is not here") from None
    dimension = examination.retrieval.found["dimension"]
    text = f"sentences were embedded, {dimension} numbers each, stored and found again"
    return Finding("ok", "retrieval", text)


def check_library(examination: Examination) -> Finding:
    """Open the person's own library, or the server that holds it."""
    server = examination.models_file.settings.store
    trial = examination.library
    if trial is None:
        return Finding("ok", "library", "it is empty: `rapid index` fills it")
    found = trial.found
    where = f", on the server {without_password(server)}, which answers" if server else ""
    documents, chunks = int(str(found["documents"])), int(str(found["chunks"]))
    text = f"{counted(documents, 'document')}, {counted(chunks, 'passage')}{where}"
    if names := collections(server):
        text += f"; {counted(len(names), 'collection')} besides"
    if untried := found.get("untried"):
        text += f"; its vectors were not tried: {untried}"
    return Finding("ok", "library", text)


def check_cache(examination: Examination) -> Finding:
    """Tell how much is kept that can be made again."""
    texts = examination.session.states.entries()
    used = sum(text.size_bytes for text in texts)
    cap = examination.models_file.settings.cache_bytes
    if cap is None:
        cap = usual_cap(shutil.disk_usage(existing(home())).free + used)
    copies = examination.session.copies.entries()
    kept = f"{counted(len(texts), 'text')} read by models, {megabytes(used)} of {megabytes(cap)}"
    weights = f"{counted(len(copies), 'copy', 'copies')} of weights"
    size = megabytes(sum(copy.size_bytes for copy in copies))
    return Finding("ok", "cache", f"{kept}; {weights}, {size}")
