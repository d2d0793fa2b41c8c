"""What came of pulling a model: a line for people, and an object for programs."""

from __future__ import annotations

from rapid_cli.models.hub.errors import amount
from rapid_cli.models.hub.pulling import Pulled


def pulled_line(pulled: Pulled) -> str:
    """Return where a model is now, and how it came there."""
    if pulled.repo is None:
        return f"{pulled.name}: nothing to pull, it lies at {pulled.path}"
    commit = (pulled.commit or "")[:7]
    if not pulled.downloaded_bytes:
        return f"{pulled.name}: already here, {pulled.repo} at {commit}: {pulled.path}"
    size = amount(pulled.downloaded_bytes)
    return (
        f"{pulled.name}: {size} in {pulled.seconds:,.1f} s, {pulled.repo} at {commit}: "
        f"{pulled.path}"
    )


def pulled_json(pulled: Pulled) -> dict[str, object]:
    """Return the same as one object."""
    return {
        "name": pulled.name,
        "repo": pulled.repo,
        "files": list(pulled.files),
        "commit": pulled.commit,
        "path": str(pulled.path),
        "bytes": pulled.size_bytes,
        "downloaded_bytes": pulled.downloaded_bytes,
        "seconds": round(pulled.seconds, 3),
    }
