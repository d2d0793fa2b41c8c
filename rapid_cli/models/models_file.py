"""Reading and checking models.toml: errors name the file, the table and the key."""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_type_hints

from rapid_cli.config import APP, expanded, suggestion
from rapid_cli.errors import ConfigError
from rapid_cli.models.checks import check, check_settings, template_text
from rapid_cli.models.formats import FORMATS
from rapid_cli.models.specs import (
    SELF,
    EmbedderSpec,
    GlobalSettings,
    Located,
    ModelPair,
    ModelsFile,
    ModelSpec,
    RerankerSpec,
    named,
)

FILE_NAME = "models.toml"
NO_KEYS = ("name", "folder")
"""What a spec holds besides the keys of its table."""
TABLES = ("default", "settings", "models", "pairs", "embedders", "rerankers")

Spec = TypeVar("Spec", ModelSpec, ModelPair, EmbedderSpec, RerankerSpec)


def find_models_file(chosen: Path | None) -> Path:
    """Return the models.toml in force: option, environment, here, user's folder, packaged."""
    explicit = chosen or (os.environ.get("RAPID_MODELS") or None)
    if explicit is not None:
        path = expanded(explicit)
        if not path.is_file():
            raise ConfigError(f"{path} does not exist", "give --models the path of a models.toml")
        return path
    for candidate in _candidates():
        if candidate.is_file():
            return candidate
    raise ConfigError(f"no {FILE_NAME} found", "reinstall rapid, or pass --models FILE")


def _candidates() -> Iterator[Path]:
    yield Path(FILE_NAME)
    import platformdirs  # noqa: PLC0415 - a machine that only measures speed may lack it

    yield platformdirs.user_config_path(APP) / FILE_NAME
    package = Path(__file__).parents[1]
    yield package / FILE_NAME
    yield package.parent / FILE_NAME  # an editable install keeps it at the top of the repository


def load_models_file(path: Path) -> ModelsFile:
    """Read and check a models.toml; errors name the file, the table and the key."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", "it must be valid TOML") from error
    _reject_unknown(tables, TABLES, f"{path}: top level")
    default = _table(tables, "default", path)
    _reject_unknown(default, ("pair", "embedder", "reranker"), f"{path}: [default]")
    loaded = ModelsFile(
        source=path,
        settings=_settings(tables, path),
        pairs=_specs(ModelPair, tables, "pairs", path),
        models=_specs(ModelSpec, tables, "models", path),
        embedders=_specs(EmbedderSpec, tables, "embedders", path),
        rerankers=_specs(RerankerSpec, tables, "rerankers", path),
        default_pair=str(default.get("pair", "")),
        default_embedder=str(default.get("embedder", "")),
        default_reranker=str(default["reranker"]) if "reranker" in default else None,
    )
    _check_references(loaded)
    return loaded


def _table(
    tables: Mapping[str, object], key: str, path: Path, parent: str = ""
) -> dict[str, object]:
    value = tables.get(key, {})
    if not isinstance(value, dict):
        where = f"[{parent}{key}]"
        raise ConfigError(f"{path}: {where} must be a table", "see the packaged models.toml")
    return value


def _settings(tables: Mapping[str, object], path: Path) -> GlobalSettings:
    at = f"{path}: [settings]"
    values = _checked_values(GlobalSettings, _table(tables, "settings", path), at)
    settings = GlobalSettings(**values)
    check_settings(settings, at)
    return settings


def _specs(kind: type[Spec], tables: Mapping[str, object], key: str, path: Path) -> dict[str, Spec]:
    table = _table(tables, key, path)
    return {
        name: _spec(kind, name, _table(table, name, path, f"{key}."), key, path) for name in table
    }


def _spec(kind: type[Spec], name: str, values: Mapping[str, object], key: str, path: Path) -> Spec:
    at = f"{path}: [{key}.{name}]"
    checked = _checked_values(kind, values, at)
    missing = [
        field.name
        for field in fields(kind)
        if field.name != "name" and _required(field) and field.name not in checked
    ]
    if missing:
        raise ConfigError(f"{at} lacks {missing[0]!r}", "add the key")
    spec = kind(name, **checked)
    check(spec, at)
    if isinstance(spec, Located):
        spec = replace(spec, folder=path.absolute().parent)
    if isinstance(spec, ModelSpec):
        return replace(spec, chat_template=template_text(spec.chat_template, path, at))
    return spec


def _checked_values(
    kind: type[Spec | GlobalSettings], values: Mapping[str, object], at: str
) -> dict[str, Any]:
    """Return the arguments for a `kind`, checked against its declared types."""
    known = tuple(field.name for field in fields(kind) if field.name not in NO_KEYS)
    _reject_unknown(values, known, at)
    types = get_type_hints(kind)
    return {key: _checked(value, types[key], f"{at} {key}") for key, value in values.items()}


def _required(field: Field[object]) -> bool:
    return field.default is MISSING


def _checked(value: object, expected: object, at: str) -> object:
    """Return `value` if it has the declared type; an integer is good enough for a float."""
    if expected == tuple[str, ...]:
        return _checked_words(value, at)
    kinds = get_args(expected) if isinstance(expected, UnionType) else (expected,)
    allowed = [kind for kind in kinds if isinstance(kind, type) and kind is not NoneType]
    if float in allowed and type(value) is int:
        value = float(value)
    if type(value) not in allowed:
        names = " or ".join(kind.__name__ for kind in allowed)
        raise ConfigError(f"{at} = {value!r} is not a value of type {names}", "mend the value")
    if isinstance(value, int | float) and not 0 <= value < math.inf:
        raise ConfigError(f"{at} = {value!r} is not a number from 0 up", "mend the value")
    return value


def _checked_words(value: object, at: str) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(each, str) and each for each in value):
        return tuple(value)
    key = at.rpartition(" ")[2]
    raise ConfigError(f"{at} = {value!r} is not a list of texts", f'write {key} = ["..."]')


def _check_references(loaded: ModelsFile) -> None:
    for pair in loaded.pairs.values():
        loaded.model(pair.target)
        drafters = (SELF, *(f"{SELF}:{name}" for name in FORMATS), *loaded.models)
        if pair.drafter not in drafters:
            raise ConfigError(
                f"{loaded.source} has no model {pair.drafter!r}",
                suggestion(pair.drafter, drafters),
            )
    loaded.pair(None)
    named(loaded.embedders, loaded.default_embedder, "embedder", loaded.source)
    if loaded.default_reranker is not None:
        named(loaded.rerankers, loaded.default_reranker, "reranker", loaded.source)


def _reject_unknown(values: Mapping[str, object], known: tuple[str, ...], at: str) -> None:
    for key in values:
        if key not in known:
            raise ConfigError(f"{at} has an unknown key {key!r}", suggestion(key, known))
