"""What tuning chose for model files on this machine, kept in a folder: one file each."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rapid_cli.machine.stamps import FileStamp
from rapid_cli.models.checks import CACHE_TYPES
from rapid_cli.models.formats import FORMATS
from rapid_cli.models.hub.parts import stamp_of
from rapid_cli.models.specs import ModelSpec
from rapid_cli.storage.whole import write_json

logger = logging.getLogger(__name__)
_SUFFIX = ".json"
AGAIN = "rapid models tune"


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How a model runs; `format` names the copy of its weights, None is the file as it is."""

    flash_attention: bool | None
    k_type: str
    v_type: str
    threads: int | None
    ubatch: int | None
    format: str | None = None

    @classmethod
    def of(cls, spec: ModelSpec) -> RunSettings:
        """Return what models.toml says."""
        return cls(spec.flash_attention, spec.k_type, spec.v_type, spec.threads, spec.ubatch)

    def applied(self, spec: ModelSpec) -> ModelSpec:
        """Return `spec` with these settings."""
        return replace(
            spec,
            flash_attention=self.flash_attention,
            k_type=self.k_type,
            v_type=self.v_type,
            threads=self.threads,
            ubatch=self.ubatch,
        )


UNTUNED = RunSettings(None, "f16", "f16", None, None)
"""How llama.cpp runs a model by itself."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """What was chosen for a file, where and with which library.

    `lower_precision` tells whether a format of fewer bits was allowed.
    """

    path: str
    file: FileStamp
    machine: str
    engine: str
    lower_precision: bool
    settings: RunSettings


class TunedModels:
    """What was chosen for all models; a file that cannot be read counts as none."""

    def __init__(self, folder: Path) -> None:
        """Keep the files in `folder`."""
        self._folder = folder

    def find(
        self, path: Path, machine: str, engine: str, *, lower_precision: bool
    ) -> tuple[Tuned | None, str]:
        """Return what was chosen for a file, or None; with a reason if the choice is out of date.

        With `lower_precision` what was chosen without it counts too. OSError without the file.
        """
        file = stamp_of(path)
        known = [
            tuned
            for tuned in self.entries()
            if (tuned.file == file or tuned.path == str(path.absolute()))
            and (lower_precision or not tuned.lower_precision)
        ]
        known.sort(key=lambda tuned: (tuned.machine != machine, not tuned.lower_precision))
        for tuned in known:
            if (tuned.file, tuned.machine, tuned.engine) == (file, machine, engine):
                return tuned, ""
        for tuned in known:
            return None, f"{_why_not(tuned, file, machine, engine)}: run `{AGAIN}` again."
        return None, ""

    def put(self, tuned: Tuned) -> None:
        """Keep what was chosen, in place of an earlier choice for this file on this machine.

        OSError if it cannot be written; the earlier choice then stays.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        write_json(self._folder / f"{_key(tuned)}{_SUFFIX}", asdict(tuned))

    def entries(self) -> list[Tuned]:
        """Return all that is known."""
        found = []
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            try:
                found.append(_of_json(json.loads(path.read_text(encoding="utf-8"))))
            except (OSError, ValueError, TypeError, KeyError) as error:
                logger.warning("%s is ignored: %s", path, error)
        return found

    def clear(self) -> int:
        """Forget all; return for how many models."""
        paths = list(self._folder.glob(f"*{_SUFFIX}"))
        for path in paths:
            path.unlink(missing_ok=True)
        return len(paths)


def _why_not(tuned: Tuned, file: FileStamp, machine: str, engine: str) -> str:
    if tuned.machine != machine:
        reason = f"on another machine ({tuned.machine})"
    elif not tuned.file.content:
        reason = "by an earlier rapid, which told files apart less well"
    elif tuned.file != file:
        reason = "when its file was another one"
    else:
        reason = f"with {tuned.engine}, and this is {engine}"
    return f"{file.name} was tuned {reason}, so that is not used"


def _key(tuned: Tuned) -> str:
    """Return a key that a choice shares with the newer one that replaces it."""
    parts = (tuned.path, tuned.machine, str(tuned.lower_precision))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _of_json(stored: dict[str, object]) -> Tuned:
    """Return what was stored; ValueError, TypeError or KeyError if it is of no use."""
    fields = dict(stored)
    settings = RunSettings(**fields.pop("settings"))  # type: ignore[arg-type]
    if not {settings.k_type, settings.v_type} <= set(CACHE_TYPES):
        raise ValueError("it names an unknown cache type")
    if settings.format not in (None, *FORMATS):
        raise ValueError("it names an unknown format")
    file = FileStamp(**fields.pop("file"))  # type: ignore[arg-type]
    return Tuned(file=file, settings=settings, **fields)  # type: ignore[arg-type]
