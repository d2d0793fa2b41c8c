"""The one place that knows cross-encoders: passages read anew, together with the question."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from rapid_cli.documents import Passage
from rapid_cli.machine.libraries import importing
from rapid_cli.retrieval.loading import load_errors
from rapid_cli.retrieval.torch_embedder import silence
from rapid_cli.retrieval.vetting import require_no_code

with importing("torch"):
    import torch
with importing("sentence-transformers"):
    from sentence_transformers import CrossEncoder

LOAD_HINT = "[rerankers] in models.toml says where it lies: is a whole cross-encoder there?"


class Reranker:
    """A cross-encoder that puts the first `passages` found in a better order.

    `find` returns its folder, and is called only at its first use.
    """

    def __init__(self, find: Callable[[], Path], *, identity: str, passages: int) -> None:
        self._find = find
        self._identity = identity
        self._passages = passages

    def best_first(self, question: str, found: Sequence[Passage]) -> list[Passage]:
        """Return the passages with those first that the model read, best first.

        Their scores are the model's, in 0..1; the others keep their order and score no more than
        they do. ModelError if the model cannot be loaded or is none of this kind.
        """
        read, rest = found[: self._passages], found[self._passages :]
        if not read:
            return []
        scores = self._model.predict(
            [(question, passage.chunk.text) for passage in read],
            activation_fn=torch.nn.Sigmoid(),
            show_progress_bar=False,
        )
        judged = [replace(each, score=float(s)) for each, s in zip(read, scores, strict=True)]
        judged.sort(key=lambda passage: -passage.score)
        lowest = judged[-1].score
        return judged + [replace(each, score=min(each.score, lowest)) for each in rest]

    @cached_property
    def _model(self) -> CrossEncoder:
        silence()
        with load_errors(f"the reranker {self._identity}", LOAD_HINT):
            folder = self._find()
            require_no_code(folder)
            with warnings.catch_warnings(action="ignore"):
                model: CrossEncoder = CrossEncoder(str(folder), local_files_only=True)
            # Of another kind of model the library would make up the last layer.
            kinds = (model.config and model.config.architectures) or ()
            if not any("SequenceClassification" in kind for kind in kinds):
                raise ValueError(f"it is a {' '.join(kinds) or 'model of no known kind'}")
            if model.num_labels != 1:
                raise ValueError(f"it gives {model.num_labels} scores, not one")
        return model
