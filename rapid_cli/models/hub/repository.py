"""What a repository on the hub holds: asked once, and pinned to the commit of that moment."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from rapid_cli.errors import ModelError
from rapid_cli.models.hub.backoff import Backoff
from rapid_cli.models.hub.errors import (
    HubUnavailable,
    endpoint,
    is_of_the_network,
    refused,
    require_hub,
    unreachable,
)
from rapid_cli.models.hub.parts import needed, parts
from rapid_cli.models.specs import Location

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo
    from huggingface_hub.hf_api import RepoSibling

ANSWER_SECONDS = 15.0
SHOWN_FILES = 5
COMMIT = "[0-9a-f]{40}"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a commit; `digest` is its sha256, or the hash that git gives to a small file."""

    name: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files of a model at one commit."""

    repo: str
    commit: str
    files: tuple[RemoteFile, ...]


def ask(location: Location, backoff: Backoff) -> Snapshot:
    """Return what has to be here of a model; HubUnavailable if the hub cannot say now."""
    assert location.repo is not None
    require_hub()
    while True:
        try:
            found = _model_info(location.repo, location.revision)
            break
        except HubUnavailable as error:
            backoff.wait(error)
    siblings = {sibling.rfilename: sibling for sibling in found.siblings or ()}
    files = tuple(_checked(siblings[name]) for name in _wanted(location, list(siblings)))
    if not re.fullmatch(COMMIT, found.sha or ""):
        raise _not_a_hub("it names no commit")
    return Snapshot(location.repo, str(found.sha), files)


def _model_info(repo: str, revision: str | None) -> ModelInfo:
    from huggingface_hub import HfApi  # noqa: PLC0415 - half a second
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError  # noqa: PLC0415

    # It would advise, on a handler of its own, those who ask without a token.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        return HfApi(library_name="rapid").model_info(
            repo, revision=revision, files_metadata=True, timeout=ANSWER_SECONDS
        )
    except HfHubHTTPError as error:
        raise refused(error, repo, revision) from error
    except HFValidationError as error:
        raise ModelError(
            f"{repo!r} is not the name of a repository", 'it is like "organization/model"'
        ) from error
    except Exception as error:
        if is_of_the_network(error):
            raise unreachable(error) from error
        if isinstance(error, OSError):  # of the disk, where a token may lie
            raise
        # Such as a page of HTML, and whatever the library makes of it.
        raise _not_a_hub((str(error).splitlines() or [type(error).__name__])[0]) from error


def _not_a_hub(reason: str) -> ModelError:
    return ModelError(
        f"{endpoint()} does not answer like a Hugging Face hub: {reason}",
        "check HF_ENDPOINT, and whether the network wants you to log in",
    )


def _wanted(location: Location, files: list[str]) -> list[str]:
    """Return the files that make up a model; ModelError if the repository lacks one."""
    if location.file is None:
        if not needed(files):
            raise ModelError(f"{location.repo} holds no model", "mend `repo` in models.toml")
        return needed(files)
    wanted = parts(location.file)
    for file in wanted:
        if file not in files:
            raise ModelError(f"{location.repo} has no file {file!r}", _nearest(file, files))
    return wanted


def _nearest(file: str, files: list[str]) -> str:
    """Return a hint: the files most like one that a repository does not have."""
    suffix = PurePosixPath(file).suffix
    alike = [each for each in files if PurePosixPath(each).suffix == suffix]
    if not alike:
        return f"it holds no {suffix or 'such'} files: mend `repo` or `file` in models.toml"
    near = get_close_matches(file, alike, n=SHOWN_FILES, cutoff=0.0)
    return f"mend `file` in models.toml; nearest are: {', '.join(near)}"


def _checked(sibling: RepoSibling) -> RemoteFile:
    """Return a file of a listing, whose names become paths here."""
    name, size, digest = sibling.rfilename, sibling.size, sibling.blob_id
    if sibling.lfs is not None:
        size, digest = sibling.lfs.size, sibling.lfs.sha256
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise _not_a_hub(f"it names a file {name!r}")
    if size is None or digest is None or not re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", digest):
        raise _not_a_hub(f"it does not say what {name} is like")
    return RemoteFile(name, size, digest)
