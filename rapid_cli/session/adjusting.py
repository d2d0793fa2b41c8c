"""From a model as models.toml describes it to how it runs here: as it was tuned, if it was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from rapid_cli.models.specs import ModelSpec
from rapid_cli.session.copies import Copies
from rapid_cli.session.tuned import AGAIN, Settings, Tuned, TunedModels


@dataclass(frozen=True, slots=True)
class Adjusted:
    """The file and the settings to load, and what a person should know of that, if anything."""

    path: Path
    spec: ModelSpec
    note: str = ""

    def runs_like(self, other: Adjusted) -> bool:
        """Tell whether both are the same weights run the same way, under whatever names."""
        return self.path == other.path and replace(self.spec, name="") == replace(
            other.spec, name=""
        )


def adjust(
    path: Path,
    spec: ModelSpec,
    tuned: TunedModels,
    copies: Copies,
    *,
    machine: str,
    engine: str,
    lower_precision: bool,
) -> Adjusted:
    """Apply what tuning chose for a file, unless models.toml forbids that.

    A copy of a file runs like the file. `lower_precision` allows a format of fewer bits.
    """
    if not spec.tuned:
        return Adjusted(path, spec)
    source = copies.source_of(path) or path
    try:
        found, note = tuned.find(source, machine, engine, lower_precision=lower_precision)
    except OSError:  # who loads it will say so
        return Adjusted(path, spec)
    if found is None:
        return Adjusted(path, spec, note)
    return _apply(found, path, spec, copies, is_copy=source != path)


def untuned(path: Path, spec: ModelSpec) -> Adjusted:
    """Return how llama.cpp would run a file by itself, whatever models.toml and tuning say."""
    return Adjusted(path, Settings(None, "f16", "f16", None, None).applied(spec))


def _apply(found: Tuned, path: Path, spec: ModelSpec, copies: Copies, *, is_copy: bool) -> Adjusted:
    settings = found.settings
    spec = settings.applied(spec)
    if settings.format is None or is_copy:
        return Adjusted(path, spec)
    copy = copies.find(path, settings.format)
    if copy is None:
        return Adjusted(
            path,
            spec,
            f"The copy of {path.name} in {settings.format} that tuning chose is gone, so the "
            f"file itself is used: `{AGAIN}` makes it again.",
        )
    return Adjusted(copy, spec)
