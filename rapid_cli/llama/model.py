"""A model as llama.cpp opens its file, with its weights or without them."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import llama_cpp

from rapid_cli.errors import ModelError
from rapid_cli.llama import native
from rapid_cli.llama.metadata import require_whole
from rapid_cli.llama.signatures import require_gguf
from rapid_cli.llama.vocabulary import Vocabulary
from rapid_cli.models.recurrence import snapshots_of

_TEMPLATE_NAMES = (b"tool_use", b"rag")
"""The usual names of chat templates beside the one without a name."""
_USABLE = "use a language model such as Llama, Qwen3, Qwen3.5 or Gemma 3"


class Model:
    """A model that llama.cpp has opened. A context manager: freed once, with its vocabulary.

    `context_limit` is the number of tokens that it was trained on.
    """

    def __init__(self, path: Path, name: str, params: llama_cpp.llama_model_params) -> None:
        """Open `path`; ModelError if it is no usable GGUF, or of a kind that does not fit here."""
        native.start()
        require_gguf(path)
        with native.recorded_errors() as errors:
            self._handle = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        if not self._handle:
            error = _load_error(path, errors)
            require_whole(path)  # what is missing explains more than what llama.cpp says of it
            raise error
        try:
            _check_kind(self._handle, name)
        except BaseException:
            self.close()
            raise
        self.vocabulary = Vocabulary(llama_cpp.llama_model_get_vocab(self._handle), name)
        self.context_limit: int = llama_cpp.llama_model_n_ctx_train(self._handle)
        self.chat_template = _chat_template(self._handle)

    @property
    def handle(self) -> object:
        """llama.cpp's pointer; refused after `close`."""
        assert self._handle is not None, "model used after close"
        return self._handle

    @property
    def parameters(self) -> int:
        """The number of its weights."""
        return int(llama_cpp.llama_model_n_params(self.handle))

    @property
    def window(self) -> int:
        """Tokens that a sliding window reaches back; 0 without one."""
        return int(llama_cpp.llama_model_n_swa(self.handle))

    @property
    def is_recurrent(self) -> bool:
        """Whether layers of it keep a state in place of keys and values, some or all of them."""
        kinds = (llama_cpp.llama_model_is_recurrent, llama_cpp.llama_model_is_hybrid)
        return any(is_kind(self.handle) for is_kind in kinds)

    @property
    def snapshots(self) -> int:
        """How many states before the last one its contexts keep to be cut back by."""
        return snapshots_of(_metadata(self.handle, "general.architecture"))

    def close(self) -> None:
        """Free it; all contexts on it must be closed already. Safe to repeat."""
        if self._handle is not None:
            llama_cpp.llama_model_free(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Free it."""
        self.close()


class Outline(Model):
    """A model as llama.cpp would load it: its settings, vocabulary and template, and no weights."""

    def __init__(self, path: Path, name: str) -> None:
        """Open `path`; ModelError if llama.cpp could not load it, or rapid could not run it."""
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = 0
        params.no_alloc = True
        params.load_mode = llama_cpp.LLAMA_LOAD_MODE_NONE  # what is not allocated is not mapped
        super().__init__(path, name, params)


def _load_error(path: Path, errors: Sequence[str]) -> ModelError:
    """Return the error for a file that llama.cpp did not open, by what it logged meanwhile."""
    reason = native.reason(errors)
    unknown = re.search("unknown model architecture: '(.*)'", reason)
    if unknown:
        return ModelError(
            f"{path} cannot be loaded: this llama.cpp does not know the architecture {unknown[1]}",
            f"{_USABLE}, or a newer rapid",
        )
    reason = reason.removeprefix("llama_model_load: error loading model: ")
    return ModelError(f"{path} cannot be loaded: {reason}", "download the file again")


def _check_kind(handle: object, name: str) -> None:
    """Raise ModelError if a model is of a kind that does not write one token after the other."""
    refused: tuple[tuple[Callable[[object], bool], str], ...] = (
        (llama_cpp.llama_model_is_diffusion, "a diffusion model"),
        (llama_cpp.llama_model_has_encoder, "an encoder-decoder model"),
    )
    for is_kind, kind in refused:
        if is_kind(handle):
            architecture = _metadata(handle, "general.architecture")
            raise ModelError(f"{name} ({architecture}) is {kind}, which rapid cannot run", _USABLE)


def _chat_template(handle: object) -> str | None:
    """Return the file's template, or if it has only some under names, one of those."""
    for name in (None, *_TEMPLATE_NAMES):
        if template := llama_cpp.llama_model_chat_template(handle, name):
            text: str = template.decode("utf-8", "replace")
            return text
    return None


def _metadata(handle: object, key: str) -> str:
    buffer = ctypes.create_string_buffer(256)
    llama_cpp.llama_model_meta_val_str(handle, key.encode(), buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace")
