"""Whether loading a folder of sentence-transformers could run code that came with it.

The libraries refuse most of it by themselves in the releases that rapid asks for. This refuses it
before they look, and names the file and what it asks for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from rapid_cli.errors import ModelError

OWN = "sentence_transformers."
"""What the names of all classes of the library begin with."""
CONFIGURATIONS = ("modules.json", "*config*.json")
LARGEST_BYTES = 16 << 20
ACTIVATIONS = "torch.nn."
"""Where the activation functions of models are; other things of torch may do anything."""
ACTIVATION_KEYS = ("activation_function", "activation_fn", "sbert_ce_default_activation_function")
HINT = "rapid runs no code that comes with a model: use one of the libraries' own classes"


def require_no_code(folder: Path) -> None:
    """Raise ModelError if loading the model in `folder` needs code beside it, or another model."""
    root = folder.resolve()
    for path in _configurations(root):
        # Some disks tell no small letter from its capital.
        for asked in _asked_for(path.name.lower(), _read(path)):
            raise ModelError(f"{path} is not loaded: {asked}", HINT)


def _configurations(root: Path) -> Iterator[Path]:
    """Yield the files that name classes; ModelError for a link to a folder, which may be any."""
    for parent, folders, files in os.walk(root):
        inside = Path(parent)
        for link in (inside / name for name in folders if (inside / name).is_symlink()):
            message = f"{link} is not loaded: it is a link to another folder"
            raise ModelError(message, "put the folder itself in its place")
        yield from (inside / name for name in sorted(files) if _is_configuration(name.lower()))


def _is_configuration(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in CONFIGURATIONS)


def _read(path: Path) -> object:
    """Return what a file says; nothing if it is no JSON, which no library reads either."""
    if path.stat().st_size > LARGEST_BYTES:
        raise ModelError(f"{path} is not loaded: it is too large to say how a model is made", HINT)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ModelError(f"{path} is not loaded: it is nested too deeply", HINT) from None
    except ValueError:
        return None


def _asked_for(name: str, content: object) -> Iterator[str]:
    """Yield each thing that a file asks for and that is refused, in words."""
    if name == "adapter_config.json":
        yield "it adapts another model, which would have to be fetched"
    for table in _tables(content):
        if table.get("auto_map"):
            yield f"`auto_map` names {_first_name(table['auto_map'])}, a class that comes with it"
        if table.get("trust_remote_code"):
            yield "`trust_remote_code` asks for code that comes with it"
        yield from _foreign_activations(table)
    if name == "modules.json":
        yield from _foreign_modules(content)
    types = content.get("types") if isinstance(content, dict) else None
    if isinstance(types, dict):  # of a router, which chooses between modules
        for place, kind in types.items():
            yield from _foreign_module(kind, place)


def _foreign_modules(modules: object) -> Iterator[str]:
    for module in modules if isinstance(modules, list) else ():
        if isinstance(module, dict):
            yield from _foreign_module(module.get("type"), module.get("path", ""))


def _foreign_module(kind: object, place: object) -> Iterator[str]:
    if not (isinstance(kind, str) and kind.startswith(OWN)):
        yield f"it names the class {kind}, which is none of sentence-transformers"
    path = PurePath(str(place))
    if path.is_absolute() or ".." in path.parts:
        yield f"it names a part at {place}, outside of its folder"


def _foreign_activations(table: dict[str, object]) -> Iterator[str]:
    for key in ACTIVATION_KEYS:
        name = table.get(key)
        if isinstance(name, str) and "." in name and not name.startswith(ACTIVATIONS):
            yield f"`{key}` names {name}, which is no activation function of torch"


def _tables(content: object) -> Iterator[dict[str, object]]:
    """Yield all objects of a JSON file."""
    waiting = [content]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def _first_name(names: object) -> str:
    """Return a name out of a table of them, whose values may be lists."""
    while isinstance(names, dict | list) and names:
        names = next(iter(names.values())) if isinstance(names, dict) else names[0]
    return str(names)
