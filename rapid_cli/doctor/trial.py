"""Trials of what finds passages, each in a process of its own: run as `python -m`.

Arguments are the name of a trial and what it takes, in JSON; `child.tell` prints what was found.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from rapid_cli.errors import StoreError
from rapid_cli.machine.child import ChildResult, tell
from rapid_cli.text.sizes import megabytes

SENTENCES = (
    "Edith Marlow kept the light on Gannet Rock for forty-one years.",
    "Bread rises faster in a warm kitchen.",
    "The invoice is due at the end of March.",
)
SAME = 0.99
"""At least this is the cosine of a sentence's vector to itself, however it was rounded."""
LOCK_SECONDS = 2.0
LARGEST_COPY = 500_000_000
"""Bytes; more than this takes too long for a look."""


def retrieval(embedder: str, exports: str, folder: str) -> ChildResult:
    """Embed sentences, store them in a folder, and find one of them again.

    `exports` is where the embedder may lie exported; it is not exported for this.
    """
    from rapid_cli.documents import Chunk  # noqa: PLC0415
    from rapid_cli.library.vectors.store import Store  # noqa: PLC0415
    from rapid_cli.retrieval.embedder import CHUNK_TOKENS, opened  # noqa: PLC0415

    model = opened(Path(embedder), Path(exports))
    vectors = model.embed(SENTENCES)
    chunks = [
        Chunk("trial", number, text, 0, len(text), 1, 1) for number, text in enumerate(SENTENCES)
    ]
    try:
        with Store(Path(folder)) as store:
            store.use(embedder, vectors.shape[1], CHUNK_TOKENS)
            store.add(chunks, vectors)
            for vector, chunk in zip(model.embed(SENTENCES), chunks, strict=True):
                best = next(iter(store.search(vector, ["trial"], len(chunks))), None)
                if best is None or best.chunk.text != chunk.text or best.score < SAME:
                    raise StoreError("a sentence that was stored is not found again")
    except StoreError as error:
        hint = f"can {Path(folder).parent.parent} be written, and has it room? TMPDIR names another"
        raise StoreError(error.message, hint) from error
    return {"dimension": vectors.shape[1]}


def library(folder: str, server: str | None, identity: str, copy: str) -> ChildResult:
    """Count what the library in a folder holds, and see that it can be searched as it is.

    Chroma writes into a folder that it opens, so it is given a `copy`; if it gets none, "untried"
    says why.
    """
    from rapid_cli.library.catalog import FILE_NAME, Catalog  # noqa: PLC0415
    from rapid_cli.library.vectors.chroma import FOLDER  # noqa: PLC0415

    own, vectors = Path(folder), Path(folder, FOLDER)
    if not server:
        _require_writable(own, own / FILE_NAME, vectors, *vectors.glob("*"))
    with Catalog(own) as catalog:
        found: ChildResult = dict(zip(("documents", "chunks"), catalog.counted(), strict=True))
    if server:
        _try_store(own, server, identity)
        return found
    if vectors.is_dir():
        if untried := _copied(vectors, Path(copy, FOLDER)):
            return found | {"untried": untried}
        try:
            _try_store(Path(copy), None, identity)
        except StoreError as error:  # which names the copy
            raise StoreError(error.message.replace(copy, folder), error.hint) from error
    return found


def _try_store(folder: Path, server: str | None, identity: str) -> None:
    from rapid_cli.library.vectors.store import Store  # noqa: PLC0415

    with Store(folder, server) as store:
        store.check(identity)
        store.probe()


def _require_writable(*paths: Path) -> None:
    """Raise StoreError if one of these is there and cannot be written."""
    for path in paths:
        if path.exists() and not os.access(path, os.W_OK):
            raise StoreError(f"{path} may be read only", "make it writable, with all that is in it")


def _copied(vectors: Path, copy: Path) -> str:
    """Copy a folder while nobody else uses it; return why not, or nothing."""
    from rapid_cli.storage.locks import held  # noqa: PLC0415

    with held(vectors, LOCK_SECONDS) as mine:
        if not mine:
            return "another rapid is using it"
        size = sum(path.stat().st_size for path in vectors.rglob("*"))
        if size > LARGEST_COPY or size > shutil.disk_usage(copy.parent.parent).free / 2:
            return f"they take {megabytes(size)}, and that is much to copy"
        try:
            shutil.copytree(vectors, copy)
        except OSError as error:
            raise StoreError(f"{vectors} cannot be read: {error}", "make it readable") from error
    return ""


TRIALS: dict[str, Callable[..., ChildResult]] = {
    trial.__name__: trial for trial in (retrieval, library)
}


def main() -> None:
    """Run the trial that the command line names."""
    name, arguments = sys.argv[1:]
    tell(lambda: TRIALS[name](**json.loads(arguments)))


if __name__ == "__main__":
    main()
