"""Reading and checking models.toml: errors name the file, the table and the key."""

from __future__ import annotations

import math
import os
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, replace
from itertools import chain
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_type_hints

from rapid_cli.config import APP, expanded, home, suggestion
from rapid_cli.errors import ConfigError
from rapid_cli.machine.guard.secrets import require_named_url
from rapid_cli.models.checks import (
    check,
    check_settings,
    needing_trust,
    shown,
    template_text,
)
from rapid_cli.models.formats import FORMATS
from rapid_cli.models.specs import (
    MOST,
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
from rapid_cli.storage.regular import read_small
from rapid_cli.storage.trusted import Trusted, place_of

FILE_NAME = "models.toml"
HERE = Path(FILE_NAME)
NO_KEYS = ("name", "folder")
"""What a spec holds besides the keys of its table."""
TABLES = ("default", "settings", "models", "pairs", "embedders", "rerankers")
MOST_BYTES = 1 << 18
"""The most that a models.toml may have; the packaged one has some 10 kB."""
MOST_DOTS = 200
"""The most dots in a line: a key of thousands of parts takes minutes to read."""
MOST_WORDS, LONGEST_WORD = 64, 1000
"""The most texts in a list, and the most characters of one."""

Spec = TypeVar("Spec", ModelSpec, ModelPair, EmbedderSpec, RerankerSpec)


def open_models_file(chosen: Path | None) -> ModelsFile:
    """Find and read the models.toml in force; ConfigError for what one of a project may not say.

    That is one in the current folder, neither chosen by the user nor one of the user's own: it may
    have come with the folder from anywhere.
    """
    path = find_models_file(chosen)
    return load_models_file(path, of_project=_explicit(chosen) is None and _is_of_project(path))


def find_models_file(chosen: Path | None) -> Path:
    """Return the models.toml in force: option, environment, here, user's folder, packaged."""
    explicit = _explicit(chosen)
    if explicit is not None:
        if not explicit.is_file():
            raise ConfigError(
                f"{explicit} does not exist", "give --models the path of a models.toml"
            )
        return explicit
    for candidate in _candidates():
        if candidate.is_file():
            return candidate
    raise ConfigError(f"no {FILE_NAME} found", "reinstall rapid, or pass --models FILE")


def _explicit(chosen: Path | None) -> Path | None:
    """Return the file that the user has named: by the option, or by the environment."""
    named = chosen or (os.environ.get("RAPID_MODELS") or None)
    return None if named is None else expanded(named)


def _is_of_project(path: Path) -> bool:
    """Tell whether a file that was found lies in the current folder and nowhere else."""
    places = map(place_of, chain(_packaged(), _users()))
    return path == HERE and place_of(path) not in places


def _candidates() -> Iterator[Path]:
    yield HERE
    yield from _users()
    yield from _packaged()


def _users() -> Iterator[Path]:
    import platformdirs  # noqa: PLC0415 - a machine that only measures speed may lack it

    yield platformdirs.user_config_path(APP) / FILE_NAME


def _packaged() -> Iterator[Path]:
    package = Path(__file__).parents[1]
    yield package / FILE_NAME
    yield package.parent / FILE_NAME  # an editable install keeps it at the top of the repository


def load_models_file(path: Path, *, of_project: bool = False) -> ModelsFile:
    """Read and check a models.toml; errors name the file, the table and the key.

    One `of_project` is refused if it says what needs the user's trust, unless it has that.
    """
    content = _content(path)
    tables = _tables(content, path)
    if of_project and not Trusted(home()).holds(path, content):
        _require_harmless(tables, path)
    return _loaded(tables, path, of_project=of_project)


def read_for_trust(path: Path) -> tuple[bytes, list[str]]:
    """Return the content of a models.toml without mistakes, and what in it needs trust."""
    content = _content(path)
    tables = _tables(content, path)
    _loaded(tables, path, of_project=False)
    return content, list(needing_trust(tables, path.absolute().parent))


def _content(path: Path) -> bytes:
    try:
        return read_small(path, MOST_BYTES)
    except FileNotFoundError as error:
        raise ConfigError(f"{path} does not exist", "name the file, or go to its folder") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path} cannot be read: {reason}", "it must be valid TOML") from error


def _tables(content: bytes, path: Path) -> dict[str, Any]:
    try:
        text = content.decode("utf-8")
        if any(line.count(".") > MOST_DOTS for line in text.splitlines()):
            raise ValueError(f"a line has more than {MOST_DOTS} dots")
        return tomllib.loads(text)
    except RecursionError as error:
        raise ConfigError(f"{path} cannot be read: it is nested too deeply", "mend it") from error
    except ValueError as error:  # no text, no TOML, or a number of thousands of digits
        raise ConfigError(f"{path} cannot be read: {error}", "it must be valid TOML") from error


def _require_harmless(tables: Mapping[str, object], path: Path) -> None:
    """Raise ConfigError if a file that nobody trusts says more than such a file may say."""
    for said in needing_trust(tables, path.absolute().parent):
        command = shlex.join(["rapid", "trust", str(path)])
        raise ConfigError(
            f"{path.absolute()}: {said} needs your trust, since the file lies in "
            "the current folder and is not your own",
            f"if you know where it comes from: {command}",
        )


def _loaded(tables: Mapping[str, object], path: Path, *, of_project: bool) -> ModelsFile:
    _reject_unknown(tables, TABLES, f"{path}: top level")
    default = _table(tables, "default", path)
    _reject_unknown(default, ("pair", "embedder", "reranker"), f"{path}: [default]")
    loaded = ModelsFile(
        source=path,
        settings=_settings(tables, path, of_project=of_project),
        pairs=_specs(ModelPair, tables, "pairs", path),
        models=_specs(ModelSpec, tables, "models", path),
        embedders=_specs(EmbedderSpec, tables, "embedders", path),
        rerankers=_specs(RerankerSpec, tables, "rerankers", path),
        default_pair=str(default.get("pair", "")),
        default_embedder=str(default.get("embedder", "")),
        default_reranker=str(default["reranker"]) if "reranker" in default else None,
        of_project=of_project,
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


def _settings(tables: Mapping[str, object], path: Path, *, of_project: bool) -> GlobalSettings:
    if of_project and not _table(tables, "settings", path):
        return _users_settings()
    at = f"{path}: [settings]"
    values = _checked_values(GlobalSettings, _table(tables, "settings", path), at)
    settings = GlobalSettings(**values)
    check_settings(settings, at)
    if of_project and settings.store is not None:
        require_named_url(settings.store, f"{at} store = {shown(settings.store)}")
    return settings


def _users_settings() -> GlobalSettings:
    """Return what holds where a project says nothing: what the user has said, with no server.

    So a folder from elsewhere does not keep answers that the user wants kept nowhere.
    """
    for path in _users():
        if path.is_file():
            settings = _settings(_tables(_content(path), path), path, of_project=False)
            return replace(settings, store=None)
    return GlobalSettings()


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
    if type(value) not in allowed and not (type(value) is int and float in allowed):
        names = " or ".join(kind.__name__ for kind in allowed)
        raise ConfigError(f"{at} = {shown(value)} is not a value of type {names}", "mend the value")
    if isinstance(value, int | float) and not isinstance(value, bool):
        _check_size(value, at)
    return float(value) if float in allowed and isinstance(value, int) else value


def _check_size(value: float, at: str) -> None:
    if not 0 <= value < math.inf:
        raise ConfigError(f"{at} = {shown(value)} is not a number from 0 up", "mend the value")
    most = MOST[at.rpartition(" ")[2]]
    if value > most:
        raise ConfigError(f"{at} = {shown(value)} is more than {most:g}", "give a smaller number")


def _checked_words(value: object, at: str) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(each, str) and each for each in value):
        if len(value) > MOST_WORDS or any(len(each) > LONGEST_WORD for each in value):
            raise ConfigError(
                f"{at} has more than {MOST_WORDS} texts, or one of more than {LONGEST_WORD} "
                "characters",
                "shorten it",
            )
        return tuple(value)
    key = at.rpartition(" ")[2]
    raise ConfigError(f"{at} = {shown(value)} is not a list of texts", f'write {key} = ["..."]')


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
