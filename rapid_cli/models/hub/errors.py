"""What can go wrong with the hub and on the way to it, as errors with a way out."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

from rapid_cli.errors import ConfigError, ModelError
from rapid_cli.machine.guard.secrets import encrypt_hint, goes_in_clear
from rapid_cli.machine.network import Obstacle, may_pass, obstacle, system_error

CHECK_NETWORK = "check the network, and try again"
LONGEST_REASON = 200
"""Characters of what a library or a server says."""


class HubUnavailable(ModelError):
    """The hub cannot be asked now: what is here already may do.

    A `temporary` error is worth a retry, after `retry_after_seconds` if the server has said so.
    """

    def __init__(
        self,
        message: str,
        hint: str,
        *,
        temporary: bool = True,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message, hint)
        self.temporary = temporary
        self.retry_after_seconds = retry_after_seconds


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


def require_hub() -> None:
    """Raise HubUnavailable if the hub is switched off, ConfigError if HF_ENDPOINT is no good.

    It must be a URL, and one to which no token goes in clear.
    """
    if settings().HF_HUB_OFFLINE:
        variable = "HF_HUB_OFFLINE" if os.environ.get("HF_HUB_OFFLINE") else "TRANSFORMERS_OFFLINE"
        raise HubUnavailable(
            f"{variable} is set, so nothing is downloaded",
            f"unset it, or put {variable}=0 before the command",
            temporary=False,
        )
    if not endpoint().startswith(("http://", "https://")):
        raise ConfigError(
            f"HF_ENDPOINT = {endpoint()!r} is not the address of a hub",
            'it is like "https://huggingface.co"',
        )
    if goes_in_clear(endpoint()) and _sends_token():
        raise ConfigError(
            f"your token for the hub would go to HF_ENDPOINT = {endpoint()} in clear: whoever is "
            "on the way could read it",
            f"{encrypt_hint(endpoint())}, or send none: HF_HUB_DISABLE_IMPLICIT_TOKEN=1",
        )


def transport_errors() -> type[Exception]:
    """Return what all errors of the library's HTTP client have in common.

    Which client that is depends on the version of huggingface_hub; its own errors are kinds of it.
    """
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415

    return HfHubHTTPError.__bases__[0]


def is_of_the_network(error: Exception) -> bool:
    """Tell whether an error comes from the way to the hub, and not from its answer."""
    return isinstance(error, transport_errors()) or obstacle(error, endpoint()) is not None


def unreachable(error: Exception) -> HubUnavailable:
    """Return the error for a hub that cannot be asked."""
    found = _obstacle(error, endpoint())
    named = "HF_ENDPOINT names that address: " if os.environ.get("HF_ENDPOINT") else ""
    return HubUnavailable(
        f"{endpoint()} cannot be reached: {found.reason}",
        f"{named}{found.hint}",
        temporary=found.temporary,
    )


def broken_off(error: Exception) -> HubUnavailable:
    """Return the error for a connection that ends in the middle of a file, or at its beginning."""
    place = _asked(error)
    found = _obstacle(error, place)
    return HubUnavailable(f"the connection to {place} was lost: {found.reason}", found.hint)


def _obstacle(error: Exception, url: str) -> Obstacle:
    """Return what is in the way to a URL; where nobody knows, what the client says."""
    # Clients tell in parentheses how many bytes there are of a message.
    reason = _reason(system_error(error)).partition(" (")[0]
    return obstacle(error, url) or Obstacle(reason, CHECK_NETWORK, may_pass(error))


def _asked(error: Any) -> str:
    """Return the address of what was asked: the hub sends to other machines for large files."""
    try:
        url = error.request.url
    except RuntimeError:  # it was not that far yet
        return endpoint()
    return f"{url.scheme}://{url.netloc.decode()}"


def refused(error: Any, repo: str, revision: str | None, file: str | None = None) -> ModelError:
    """Return the error for a refusal by the hub, which the library raises as HfHubHTTPError."""
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
        seconds = _retry_after(headers)
        when = "later" if seconds is None else f"in {seconds:,.0f} s"
        hint = f"try again {when}"
        if not _token_is_set():
            hint += "; with a token in HF_TOKEN more is let through"
        return HubUnavailable(
            f"{endpoint()} lets no more through (429)", hint, retry_after_seconds=seconds
        )
    if code >= 500 or code == 408:
        return HubUnavailable(
            f"{endpoint()} is in trouble itself ({code})",
            "try again later: what was downloaded is kept",
            retry_after_seconds=_retry_after(headers),
        )
    if code in (401, 403):
        return ModelError(f"{endpoint()} does not let you read {repo} ({code})", _token_advice())
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


def _sends_token() -> bool:
    return not settings().HF_HUB_DISABLE_IMPLICIT_TOKEN and _token_is_set()


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return after how many seconds a server allows a retry; None if it does not say."""
    with suppress(KeyError, ValueError):
        return max(float(headers["retry-after"]), 0.0)
    limit = re.search(r"\bt\s*=\s*([0-9]+)", headers.get("ratelimit", ""))
    return float(limit[1]) if limit else None


@contextmanager
def disk_errors() -> Iterator[None]:
    """Tell errors of the disk that holds the cache in one sentence, with a hint."""
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
        elsewhere = error.errno in (errno.EFBIG, errno.EIO)
        choice = "on another disk" if elsewhere else "that you may write to"
        raise ModelError(
            f"{place} cannot be used: {_reason(error)}",
            f"HF_HOME names the folder of downloaded models: choose one {choice}",
        ) from error


def _reason(error: BaseException) -> str:
    said = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
    return str(said).splitlines()[0][:LONGEST_REASON]
