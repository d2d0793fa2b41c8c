"""A model without its weights: what llama.cpp makes of the rest of its file."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import llama_cpp

from rapid_cli.llama import native
from rapid_cli.llama.kinds import check_kind, load_error, own_chat_template
from rapid_cli.llama.vocabulary import Vocabulary
from rapid_cli.llama.weights import check_magic


class Outline:
    """A model as llama.cpp would load it: its settings, vocabulary and template, and no weights.

    A context manager; the vocabulary lives as long as it is open.
    """

    def __init__(self, path: Path, name: str) -> None:
        """Open `path`; ModelError if llama.cpp could not load it, or rapid could not run it."""
        native.start()
        check_magic(path)
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = 0
        params.no_alloc = True
        params.load_mode = llama_cpp.LLAMA_LOAD_MODE_NONE  # what is not allocated is not mapped
        with native.recorded_errors() as errors:
            self._handle = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        if not self._handle:
            raise load_error(path, errors)
        try:
            check_kind(self._handle, name)
        except BaseException:
            self.close()
            raise
        self.vocabulary = Vocabulary(llama_cpp.llama_model_get_vocab(self._handle), name)
        self.window: int = llama_cpp.llama_model_n_swa(self._handle)
        self.context_limit: int = llama_cpp.llama_model_n_ctx_train(self._handle)
        self.chat_template = own_chat_template(self._handle)

    def close(self) -> None:
        """Free what was read; safe to repeat."""
        if self._handle is not None:
            llama_cpp.llama_model_free(self._handle)
            self._handle = None

    def __enter__(self) -> Outline:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Free what was read."""
        self.close()
