"""What kind of model llama.cpp has opened, with its weights or without, and why it could not."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import llama_cpp

from rapid_cli.errors import ModelError
from rapid_cli.models.specs import ModelSpec

_USABLE = "use a plain transformer, such as Llama, Qwen2.5, Qwen3 or Gemma 3"


def load_error(path: Path, errors: Sequence[str]) -> ModelError:
    """Return the error for a file that llama.cpp did not open, by what it logged meanwhile."""
    reason = errors[0] if errors else "llama.cpp gave no reason"
    unknown = re.search("unknown model architecture: '(.*)'", reason)
    if unknown:
        return ModelError(
            f"{path} cannot be loaded: this llama.cpp does not know the architecture {unknown[1]}",
            f"{_USABLE}, or a newer rapid",
        )
    reason = reason.removeprefix("llama_model_load: error loading model: ")
    return ModelError(f"{path} cannot be loaded: {reason}", "download the file again")


def check_kind(handle: object, name: str) -> None:
    """Raise ModelError if a model is of a kind that cannot be cut back to accepted tokens."""
    refused: tuple[tuple[Callable[[object], bool], str], ...] = (
        (llama_cpp.llama_model_is_recurrent, "recurrent"),
        (llama_cpp.llama_model_is_hybrid, "hybrid (partly recurrent)"),
        (llama_cpp.llama_model_is_diffusion, "a diffusion model"),
        (llama_cpp.llama_model_has_encoder, "an encoder-decoder model"),
    )
    for is_kind, kind in refused:
        if is_kind(handle):
            architecture = _metadata(handle, "general.architecture")
            raise ModelError(
                f"{name} ({architecture}) is {kind}: its memory cannot be cut back", _USABLE
            )


def may_fuse(window: int, *, offloaded: bool) -> bool:
    """Tell whether fused attention is as good as the other for a model with a sliding window or 0.

    On the CPU it makes the logits of sliding-window models depend on how cells lie in the cache, by
    up to 4 for Gemma 3, so what is restored would not equal what was read.
    """
    return offloaded or not window


def flash_attention(spec: ModelSpec, window: int, *, offloaded: bool) -> bool | None:
    """Return whether a model computes attention the fused way; None leaves it to llama.cpp."""
    chosen = spec.flash_attention
    return False if chosen is None and not may_fuse(window, offloaded=offloaded) else chosen


def own_chat_template(handle: object) -> str | None:
    """Return the chat template that lies in a model's file, if one does."""
    raw = llama_cpp.llama_model_chat_template(handle, None)
    return raw.decode("utf-8", "replace") if raw else None


def _metadata(handle: object, key: str) -> str:
    buffer = ctypes.create_string_buffer(256)
    llama_cpp.llama_model_meta_val_str(handle, key.encode(), buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace")
