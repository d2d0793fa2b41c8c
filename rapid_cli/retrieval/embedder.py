"""Text to vectors, and where its tokens start: an embedder, exported at its first use."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rapid_cli.errors import ConfigError, ModelError
from rapid_cli.machine.stamps import sampled
from rapid_cli.retrieval.loading import first_line, load_errors

if TYPE_CHECKING:
    from rapid_cli.retrieval.onnx_embedder import Exported
    from rapid_cli.retrieval.torch_embedder import Loaded

CHUNK_TOKENS = 128
"""Longer chunks are found less often: `tests/measurements/retrieval.py` measures it."""
LONGEST_TOKEN = 16
PIECE = 200_000
"""Characters that are cut into tokens at once: while that lasts they take 150 bytes each."""
HEAD_BYTES = 64 << 10
"""Of each file so much is read to know it, and samples of the rest: the whole takes too long."""
FORMAT = 2
"""The version of what an export holds: another one makes all of them anew."""
LOAD_HINT = (
    "[embedders] in models.toml says where it lies: is a whole sentence-transformers model there?"
)
logger = logging.getLogger(__name__)


class Embedder:
    """A sentence-transformers model, exported into `cache` at its first use.

    An export starts in a fraction of a second, the model itself in seconds; a model that cannot
    be exported or kept is used as it is. `find` returns its folder, and is called only at its
    first use; `identity` is what a library records of it. A prompt that is not None replaces the
    model's own.
    """

    def __init__(
        self,
        find: Callable[[], Path],
        *,
        identity: str,
        chunk_tokens: int | None = None,
        query_prompt: str | None = None,
        document_prompt: str | None = None,
        cache: Path,
    ) -> None:
        self.identity = identity
        self._find = find
        self._chunk_tokens = chunk_tokens
        self._query_prompt = query_prompt
        self._document_prompt = document_prompt
        self._cache = cache

    @property
    def is_prepared(self) -> bool:
        """Whether it starts at once: its first use takes seconds, in which it is exported."""
        return "_model" in vars(self) or self._place.is_dir()

    def prepare(self) -> None:
        """Load it now; ModelError if that cannot be."""
        _ = self._model

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._model.description.dimension

    @property
    def prompt(self) -> str:
        """What it puts before each text that is no question."""
        given = self._document_prompt
        return self._model.description.prompt if given is None else given

    @property
    def _question_prompt(self) -> str:
        given = self._query_prompt
        return self._model.description.question_prompt if given is None else given

    @cached_property
    def chunk_tokens(self) -> int:
        """Tokens in a chunk: the number asked for, or what the model reads, at most 128.

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
        starts: list[int] = []
        for first, last in _pieces(text):
            for start, end in self._model.spans(text[first:last]):
                stop = first + max(end, start + 1)
                starts += range(first + start, stop, LONGEST_TOKEN)
        return starts

    def embed(self, texts: Sequence[str], *, questions: bool = False) -> NDArray[np.float32]:
        """Return unit vectors, float32 (len(texts), dimension).

        Some models want other words before `questions` than before the texts that answer them.
        """
        return self._model.embed(texts, self._question_prompt if questions else self.prompt)

    def _readable_tokens(self) -> int:
        """Return how many tokens of a text the model reads, beside those that it adds itself."""
        description = self._model.description
        if description.max_tokens is None:
            return CHUNK_TOKENS
        prompt = len(self._model.spans(self.prompt))
        readable = description.max_tokens - description.special_tokens - prompt
        if readable < 1:
            raise ConfigError(
                f"the embedder {self.identity} has no room for a text after {self.prompt!r}",
                "shorten its document_prompt in models.toml",
            )
        return readable

    @cached_property
    def _folder(self) -> Path:
        folder = self._find()
        # Any name that is not a folder is looked up on the hub, which takes long to say no.
        if not folder.is_dir():
            raise ModelError(f"the embedder {folder} does not exist", LOAD_HINT)
        return folder

    @cached_property
    def _place(self) -> Path:
        """Where the export lies, or will."""
        folder = self._folder
        with load_errors(f"the embedder {self.identity}", LOAD_HINT):
            return self._cache / export_name(folder)

    @cached_property
    def _model(self) -> Exported | Loaded:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        return _open(self._place) or self._export()

    def _export(self) -> Exported | Loaded:
        """Return the model: its new export if it can be had, else itself."""
        with load_errors(f"the embedder {self.identity}", LOAD_HINT):
            loaded = _load(self._folder)
        try:
            return _keep(loaded, self._place)
        except Exception as error:  # an export is an aid, and the libraries raise what they like
            reason = first_line(error)
            logger.warning("the embedder %s starts slowly, unexported: %s", self.identity, reason)
            return loaded


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Yield from where to where the pieces of a text go, which begin with a blank or a new line."""
    first = 0
    while first < len(text):
        last = first + PIECE
        if last < len(text):
            blank = max(text.rfind(" ", first + 1, last), text.rfind("\n", first + 1, last))
            last = blank if blank > 0 else last
        yield first, last
        first = last


def export_name(folder: Path) -> str:
    """Return what the export of the model in `folder` is called: other files, another name.

    The part before the dash is the same for all that was ever in this folder.
    """
    folder = folder.resolve()
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    stamps = [(str(path), path.stat().st_mtime_ns, sampled(path, HEAD_BYTES)) for path in files]
    return f"{_digest(str(folder))}-{_digest(repr((FORMAT, stamps)))}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]


def opened(folder: Path, exports: Path) -> Exported | Loaded:
    """Return the export of the model in `folder`, or else itself: nothing is made or mended.

    ModelError if it cannot be loaded.
    """
    from rapid_cli.retrieval.onnx_embedder import Exported  # noqa: PLC0415 - loads a native library

    with load_errors(f"the embedder {folder}", LOAD_HINT):
        place = exports / export_name(folder)
        with suppress(Exception):  # a damaged one is made anew at its next use
            return Exported(place)
        return _load(folder)


def _open(place: Path) -> Exported | None:
    """Return the export in `place`; one that cannot be used is as good as none.

    It stays until another one takes its place: it may be whole, and memory short for the moment.
    """
    if not place.is_dir():
        return None
    from rapid_cli.retrieval.onnx_embedder import Exported  # noqa: PLC0415 - loads a native library

    try:
        return Exported(place)
    except Exception as error:
        logger.info("the export %s cannot be used, and is made anew: %s", place, error)
        return None


def _load(folder: Path) -> Loaded:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from rapid_cli.retrieval.torch_embedder import Loaded  # noqa: PLC0415 - seconds

        return Loaded(folder)


def _keep(loaded: Loaded, place: Path) -> Exported:
    """Export into a folder beside `place` that takes its name once it is whole and right."""
    from rapid_cli.retrieval.onnx_embedder import Exported  # noqa: PLC0415
    from rapid_cli.retrieval.torch_embedder import check, export  # noqa: PLC0415

    place.parent.mkdir(parents=True, exist_ok=True)
    is_unusable = place.is_dir()
    with TemporaryDirectory(dir=place.parent, prefix="new-") as beside:
        made = Path(beside) / place.name
        made.mkdir()
        export(loaded, made)
        exported = Exported(made)
        check(exported, loaded)
        if is_unusable:
            place.rename(Path(beside) / "unusable")
        _put(made, place)
    return exported


def _put(made: Path, place: Path) -> None:
    """Move an export to its place, unless another process was faster, and remove outdated ones."""
    try:
        made.rename(place)
    except OSError:
        if not place.is_dir():
            raise
    for other in place.parent.glob(f"{place.name.partition('-')[0]}-*"):
        if other != place:
            shutil.rmtree(other, ignore_errors=True)
