"""What the machine lacks, as embedders and rerankers meet it."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from rapid_cli.errors import ModelError
from rapid_cli.retrieval import embedder
from rapid_cli.retrieval.embedder import Embedder

SHORT = [
    (OSError(errno.EACCES, "Permission denied"), "yours to read"),
    (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
    (OSError(errno.ENOSPC, "No space left on device"), "make room"),
    (MemoryError(), "end other programs"),
    (OSError("no file named model.safetensors"), "in models.toml says where it lies"),
    (ValueError("whatever else"), "in models.toml says where it lies"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("error", "helps"), SHORT)
def test_what_keeps_a_model_from_loading_decides_what_is_to_be_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, helps: str
) -> None:
    # Here, for it imports torch, which takes seconds.
    from rapid_cli.retrieval.reranker import CrossEncoder, Reranker

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(embedder, "_load", fail)
    monkeypatch.setattr(CrossEncoder, "__init__", fail)
    vectors = Embedder(lambda: tmp_path, identity="it", cache=tmp_path / "cache")
    order = Reranker(lambda: tmp_path, identity="it", passages=3)
    for attempt in (lambda: vectors.dimension, lambda: order._model):
        with pytest.raises(ModelError, match="it cannot be loaded: ") as caught:
            attempt()
        assert helps in caught.value.hint
