"""What the values of models.toml must be like, beyond their types."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from rapid_cli.config import expanded, suggestion
from rapid_cli.errors import ConfigError
from rapid_cli.models.specs import (
    MOST_ETA,
    ROPE_SCALINGS,
    GlobalSettings,
    Located,
    ModelPair,
    ModelSpec,
)

CACHE_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0")
SCHEMES = ("http", "https")


def check(spec: Located | ModelPair, at: str) -> None:
    """Raise ConfigError if a table does not make sense; `at` names it in the message."""
    if isinstance(spec, Located):
        _check_location(spec, at)
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


def _check_drafting(spec: ModelPair, at: str) -> None:
    if spec.gamma == 0:
        raise ConfigError(
            f"{at} gamma = 0 would draft nothing",
            "give a number of tokens, or leave it out for the planner to choose",
        )
    if spec.eta > MOST_ETA:
        raise ConfigError(
            f"{at} eta = {spec.eta:g} is more than {MOST_ETA:g}", "the paper has 5 to 50"
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
        if not re.fullmatch(r"[^\s:/]+:[0-9]{1,5}|\[[0-9a-fA-F:]+\]:[0-9]{1,5}", server):
            raise ConfigError(
                f"{at} rpc = {server!r} is not the address of a server",
                'it is like "192.168.1.5:50052", where rpc-server runs',
            )


def template_text(value: str | None, path: Path, at: str) -> str | None:
    """Return a chat template: the value, or the text of the file beside models.toml it names."""
    if value is None or "{" in value:
        return value
    file = path.parent / expanded(value)
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text"
        raise ConfigError(
            f"{at} chat_template = {value!r} cannot be read: {reason}",
            "give a Jinja template, or the path of a file that holds one",
        ) from error
