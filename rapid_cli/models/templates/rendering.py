"""What a chat template makes of messages: found out in a process of its own, and kept.

The messages stand for any others, so what was found serves for good. That way a template runs once,
within limits, and cannot behave otherwise later.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from rapid_cli.errors import ModelError
from rapid_cli.machine.child import Child, Ended
from rapid_cli.storage.whole import write_json

WORKER = "rapid_cli.models.templates.worker"
FOLDER = "templates"
"""The folder of what was kept; below that of what can be made again."""
SECONDS = 30.0
"""How long the process may take; its own limit is in seconds of computing."""
LONGEST = 1 << 20
"""Characters of a template: a multiple of what any is like."""
FORMAT = 2
"""The version of how templates are rendered: another one renders all of them anew."""
HINT = (
    "give another one in models.toml: chat_template is a Jinja template, the path of a file with "
    'one, or "plain" for none'
)
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """A template, and the conversations that it is to write, each with the instructions.

    `reasoning` tells it whether the model is to think first; None leaves that to it. A message may
    have a thought that led to it, as its "reasoning".
    """

    template: str
    bos: str
    eos: str
    reasoning: bool | None
    instructions: str
    conversations: tuple[tuple[Mapping[str, str], ...], ...]

    @property
    def key(self) -> str:
        """What tells it from all others."""
        return hashlib.sha256(json.dumps([FORMAT, asdict(self)]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a template makes of a conversation; or nothing, and the `error` says why."""

    text: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a template: each conversation, and by what thinking goes on and off, or ""."""

    rendered: tuple[Rendered, ...]
    switch: str = ""


def render(request: Request, folder: Path | None) -> Found:
    """Return what a template makes of each conversation; ModelError if it runs into a limit.

    What is found is kept in `folder`: until tomorrow, if the template writes the date.
    """
    if len(request.template) > LONGEST:
        raise unusable(f"it has {len(request.template):,} characters, and may have {LONGEST:,}")
    path = folder / f"{request.key}.json" if folder else None
    today = date.today().isoformat()
    kept = _kept(path, today) if path else None
    if kept and len(kept.rendered) == len(request.conversations):
        return kept
    found, day = _found(json.dumps(asdict(request)), today)
    if path and not found.rendered[0].error:
        _keep(path, found, day)
    return found


def unusable(reason: object) -> ModelError:
    """Return the error for a template that cannot be used."""
    return ModelError(f"the model's chat template cannot be used: {reason}", HINT)


@lru_cache(maxsize=32)
def _found(request: str, today: str) -> tuple[Found, str]:
    """Run a template, and return what comes of it, and the day for which that holds, or ""."""
    try:
        told = Child(WORKER, given=request.encode()).result(SECONDS)
    except Ended as ended:
        raise unusable(f"it takes too much time or memory ({ended.reason})") from None
    except OSError as error:
        raise unusable(f"no process can be had to run it ({error.strerror})") from error
    return _read(told), today if told["dated"] else ""


def _read(stored: Mapping[str, object]) -> Found:
    """Return what JSON holds; KeyError, TypeError or AttributeError if it is something else."""
    texts: list[Mapping[str, object]] = stored["rendered"]  # type: ignore[assignment]
    rendered = (Rendered(str(one.get("text", "")), str(one.get("error", ""))) for one in texts)
    return Found(tuple(rendered), str(stored["switch"]))


def _kept(path: Path, today: str) -> Found | None:
    """Return what is kept in a file; None if it cannot be used, or is of another day."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return _read(stored) if stored["day"] in ("", today) else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _keep(path: Path, found: Found, day: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"day": day, **asdict(found)})
    except OSError as error:
        logger.warning("what a chat template makes of messages is not kept: %s", error)
