"""The one place that knows sentence_transformers: text to vectors, and where its tokens start."""

from __future__ import annotations

import copy
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rapid_cli.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

CHUNK_TOKENS = 512
LONGEST_TOKEN = 16
LOAD_HINT = "[embedders] in models.toml says where it lies: is that a sentence-transformers model?"


class Embedder:
    """A sentence-transformers model, loaded at its first use.

    `find` returns its folder, and is called only then; `identity` is what a library records of it.
    """

    def __init__(
        self, find: Callable[[], Path], *, identity: str, chunk_tokens: int | None = None
    ) -> None:
        self.identity = identity
        self._find = find
        self._chunk_tokens = chunk_tokens

    @cached_property
    def dimension(self) -> int:
        """Length of a vector."""
        # The method that says so has changed its name between releases; the vectors have not.
        return int(self.embed(["dimension"]).shape[1])

    @cached_property
    def chunk_tokens(self) -> int:
        """Tokens in a chunk: the number asked for, or what the model reads, at most 512.

        More than the model reads is a ConfigError: it would drop the rest of a chunk in silence.
        """
        readable = self._readable_tokens()
        chosen = self._chunk_tokens or min(CHUNK_TOKENS, readable)
        if chosen > readable:
            raise ConfigError(
                f"chunk_tokens = {chosen} is more than the embedder {self.identity} can read",
                f"set chunk_tokens to at most {readable} in models.toml",
            )
        return chosen

    def token_starts(self, text: str) -> list[int]:
        """Return where in `text` each token starts, in order; any length of text will do.

        A word too long for the vocabulary is one unknown token to it: so that it cannot make a
        chunk of any length, it counts as one token for each LONGEST_TOKEN characters.
        """
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        spans = encoding.offsets
        return [
            at for start, end in spans for at in range(start, max(end, start + 1), LONGEST_TOKEN)
        ]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors, float32 (len(texts), dimension)."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            vectors = self._model.encode(
                list(texts),
                normalize_embeddings=True,
                show_progress_bar=False,
            )
        return np.asarray(vectors, dtype=np.float32)

    def _readable_tokens(self) -> int:
        """Return how many tokens of a text the model reads, its special tokens not counted."""
        longest = self._model.max_seq_length
        if longest is None:
            return CHUNK_TOKENS
        special: int = self._model.tokenizer.num_special_tokens_to_add()
        return longest - special

    @cached_property
    def _model(self) -> SentenceTransformer:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        folder = self._find()
        # Any name that is not a folder is looked up on the hub, which takes long to say no.
        if not folder.is_dir():
            raise ModelError(f"the embedder {folder} does not exist", LOAD_HINT)
        with _load_errors(self.identity), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _silence()
            from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - seconds

            return SentenceTransformer(str(folder))

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        with _load_errors(self.identity):
            # A copy, because the model's own must go on cutting and padding its batches.
            tokenizer: Tokenizer = copy.deepcopy(self._model.tokenizer.backend_tokenizer)
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer


def _silence() -> None:
    """Keep bars and advice of the libraries off the terminal; it belongs to the answer."""
    from transformers.utils import logging as transformers_logging  # noqa: PLC0415 - seconds

    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    for name in ("sentence_transformers", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)


@contextmanager
def _load_errors(identity: str) -> Iterator[None]:
    """Turn whatever loading raises into a ModelError; the libraries raise built-ins of any kind."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"the embedder {identity} cannot be loaded: {reason}", LOAD_HINT
        ) from error
