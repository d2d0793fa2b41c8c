"""What the hub and the way to it can get wrong, told as errors with a way out."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

from rapid_cli.errors import ConfigError, ModelError
from rapid_cli.machine.network import may_pass, obstacle, system_error

CHECK_NETWORK = "check the network, and try again"
LONGEST_REASON = 200
"""Characters of what a library or a server says."""


class HubTrouble(ModelError):
    """The hub cannot be asked now: what is here already may do.

    `passing` trouble is worth another try, after `seconds` if the server has said how many.
    """

    def __init__(
        self, message: str, hint: str, *, passing: bool = True, seconds: float | None = None
    ) -> None:
        super().__init__(message, hint)
        self.passing = passing
        self.seconds = seconds


def amount(size_bytes: int) -> str:
    """Return a size in the unit that people use for it."""
    if size_bytes < 1e6:
        return f"{size_bytes / 1e3:,.1f} kB"
    return f"{size_bytes / 1e6:,.{1 if size_bytes < 1e8 else 0}f} MB"


def settings() -> ModuleType:
    """Return what huggingface_hub takes from the environment; ConfigError where that is no good."""
    try:
        from huggingface_hub import constants  # noqa: PLC0415 - half a second
    except ValueError as error:
        raise ConfigError(
            f"a variable for huggingface_hub has a value that it cannot use: {error}",
            "mend HF_ENDPOINT, or another variable whose name begins with HF_",
        ) from error
    return constants


def endpoint() -> str:
    """Return the address of the hub: HF_ENDPOINT, or the public one."""
    return str(settings().ENDPOINT)


def require_endpoint() -> None:
    """Raise ConfigError if HF_ENDPOINT cannot be the address of a hub."""
    if not endpoint().startswith(("http://", "https://")):
        raise ConfigError(
            f"HF_ENDPOINT = {endpoint()!r} is not the address of a hub",
            'it is like "https://huggingface.co"',
        )


def offline() -> HubTrouble | None:
    """Return the error for a user who has switched the hub off; None otherwise."""
    if not settings().HF_HUB_OFFLINE:
        return None
    variable = "HF_HUB_OFFLINE" if os.environ.get("HF_HUB_OFFLINE") else "TRANSFORMERS_OFFLINE"
    return HubTrouble(
        f"{variable} is set, so nothing is downloaded",
        f"unset it, or put {variable}=0 before the command",
        passing=False,
    )


def transport_errors() -> type[Exception]:
    """Return what all errors of the library's HTTP client have in common.

    Which client that is depends on the version of huggingface_hub; its own errors are kinds of it.
    """
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415

    return HfHubHTTPError.__bases__[0]


def is_of_the_way(error: Exception) -> bool:
    """Tell whether an error is of the way to the hub: of the client's own kinds, or met by it."""
    return isinstance(error, transport_errors()) or obstacle(error, endpoint()) is not None


def unreachable(error: Exception) -> HubTrouble:
    """Return the error for a hub that cannot be asked; it is passing if somebody is there."""
    found = obstacle(error, endpoint())
    reason = found.reason if found else _reason(system_error(error))
    hint = found.hint if found else CHECK_NETWORK
    if os.environ.get("HF_ENDPOINT"):
        hint = f"HF_ENDPOINT names that address: {hint}"
    passing = found.passing if found else may_pass(error)
    return HubTrouble(f"{endpoint()} cannot be reached: {reason}", hint, passing=passing)


def broken_off(error: Exception) -> HubTrouble:
    """Return the error for a connection that ends in the middle of a file, or at its beginning."""
    place = _asked(error)
    found = obstacle(error, place)
    reason = found.reason if found else _reason(system_error(error)).partition(" (")[0]
    hint = found.hint if found else CHECK_NETWORK
    return HubTrouble(f"the connection to {place} was lost: {reason}", hint)


def _asked(error: Any) -> str:
    """Return the address of what was asked: the hub sends to other machines for large files."""
    try:
        url = error.request.url
    except RuntimeError:  # it was not that far yet
        return endpoint()
    return f"{url.scheme}://{url.netloc.decode()}"


def refused(error: Any, repo: str, revision: str | None, file: str | None = None) -> ModelError:
    """Return the error for an answer of the hub that is none: an HfHubHTTPError."""
    from huggingface_hub import errors  # noqa: PLC0415

    match error:
        case errors.GatedRepoError():
            return _gated(repo)
        case errors.RevisionNotFoundError():
            return ModelError(
                f"{repo} has no revision {revision!r}",
                "mend `revision` in models.toml, or leave it out for the newest",
            )
        case errors.RemoteEntryNotFoundError():
            return ModelError(f"{repo} has no file {file!r}", "mend `file` in models.toml")
        case errors.RepositoryNotFoundError():
            return ModelError(
                f"{endpoint()} has no repository {repo}, or does not show it",
                f"mend `repo` in models.toml; if it is private, {_token_advice()}",
            )
    return _by_status(error.response.status_code, error.response.headers, error, repo)


def _by_status(code: int, headers: Mapping[str, str], error: Exception, repo: str) -> ModelError:
    if code == 429:
        seconds = _asked_to_wait(headers)
        when = "later" if seconds is None else f"in {seconds:,.0f} s"
        hint = f"try again {when}"
        if not _token_is_set():
            hint += "; with a token in HF_TOKEN more is let through"
        return HubTrouble(f"{endpoint()} lets no more through (429)", hint, seconds=seconds)
    if code >= 500 or code == 408:
        hint = "try again later: what was downloaded is kept"
        message = f"{endpoint()} is in trouble itself ({code})"
        return HubTrouble(message, hint, seconds=_asked_to_wait(headers))
    if code in (401, 403):
        return ModelError(
            f"{endpoint()} does not let you read {repo} ({code})", f"{_token_advice()}"
        )
    return ModelError(
        f"{endpoint()} does not give {repo}: {_reason(error)}",
        "check HF_ENDPOINT, and the names in models.toml",
    )


def _gated(repo: str) -> ModelError:
    """Return the error for a repository whose licence has to be accepted first."""
    page = f"{endpoint()}/{repo}"
    if _token_is_set():
        return ModelError(
            f"{repo} is gated, and the account of your token may not read it",
            f"accept its licence on {page} with that account, and let the token read gated "
            "repositories",
        )
    return ModelError(
        f"{repo} is gated: only who has accepted its licence may read it",
        f"accept the licence on {page}, and set HF_TOKEN to a token of your account",
    )


def _token_advice() -> str:
    if _token_is_set():
        return "check that the token in HF_TOKEN is valid and may read it"
    return "set HF_TOKEN to a token that may read it"


def _token_is_set() -> bool:
    from huggingface_hub import get_token  # noqa: PLC0415

    return bool(get_token())


def _asked_to_wait(headers: Mapping[str, str]) -> float | None:
    """Return for how many seconds a server asks not to be asked; None if it does not say."""
    with suppress(KeyError, ValueError):
        return max(float(headers["retry-after"]), 0.0)
    limit = re.search(r"\bt\s*=\s*([0-9]+)", headers.get("ratelimit", ""))
    return float(limit[1]) if limit else None


@contextmanager
def disk_errors() -> Iterator[None]:
    """Tell what the disk that holds the cache says as one sentence."""
    try:
        yield
    except OSError as error:
        place = error.filename or settings().HF_HUB_CACHE
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ModelError(
                f"the disk of {place} is full",
                "free some, or let HF_HOME name a folder elsewhere; the next pull goes on from "
                "what is here",
            ) from error
        choice = "choose one that you may write to"
        if error.errno in (errno.EFBIG, errno.EIO):
            choice = "choose one on another disk"
        raise ModelError(
            f"{place} cannot be used: {_reason(error)}",
            f"HF_HOME names the folder of downloaded models: {choice}",
        ) from error


def _reason(error: BaseException) -> str:
    said = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
    return str(said).splitlines()[0][:LONGEST_REASON]
