"""The one place that knows sentence_transformers and torch: embedders in memory, and exports."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rapid_cli.machine.libraries import importing
from rapid_cli.retrieval.onnx_embedder import MODEL, TOKENIZER, Description, Exported, uncut
from rapid_cli.retrieval.vetting import require_no_code

with importing("torch"):
    import torch
with importing("sentence-transformers"):
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as transformers_logging

OUTPUT = "vectors"
TOLERANCE = 1e-4
LONGEST_PROBE = 512
ANY_PROMPT = "passage: "
"""Such as models.toml may name."""
PROBES = (
    "What is it about?",
    "",
    "  Ishmael's whale-boat, naïve and 50 % AFLOAT,\nrocked [SEP] twice.  ",
    "白い鯨は海にいる。 Белый кит. 🐋",
)


class Loaded:
    """A sentence-transformers model in memory; a folder without one raises errors of any kind.

    ModelError if it names code that comes with it.
    """

    def __init__(self, folder: Path) -> None:
        require_no_code(folder)
        silence()
        self.model = SentenceTransformer(str(folder), local_files_only=True)
        self._uncut = uncut(self.model.tokenizer.backend_tokenizer)
        self.description = Description(
            # The method that says so has changed its name between releases; vectors have not.
            dimension=self._encode(["dimension"]).shape[1],
            max_tokens=self.model.max_seq_length,
            special_tokens=self.model.tokenizer.num_special_tokens_to_add(),
            prompt=self._prompt("document", "passage", "corpus"),
            question_prompt=self._prompt("query"),
        )

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return where each token of a text of any length starts and ends."""
        return self._uncut.encode(text, add_special_tokens=False).offsets

    def embed(self, texts: Sequence[str], prompt: str = "") -> NDArray[np.float32]:
        """Return unit vectors, float32 (len(texts), dimension), of texts with a prompt before."""
        return self._encode(texts, prompt).reshape(len(texts), self.description.dimension)

    def _prompt(self, *names: str) -> str:
        """Return the model's prompt of the first of these names, or else its default one."""
        wanted = (*names, self.model.default_prompt_name or "")
        return next(filter(None, (self.model.prompts.get(name) for name in wanted)), "")

    def _encode(self, texts: Sequence[str], prompt: str = "") -> NDArray[np.float32]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            vectors = self.model.encode(
                list(texts), prompt=prompt, normalize_embeddings=True, show_progress_bar=False
            )
        return np.asarray(vectors, dtype=np.float32)


class Pipeline(torch.nn.Module):
    """A whole model, from named inputs of shape (texts, tokens) to unit vectors."""

    def __init__(self, model: SentenceTransformer, names: Sequence[str]) -> None:
        super().__init__()
        self._steps = torch.nn.ModuleList(model.children())
        self._names = names
        self._dimension = model.truncate_dim

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Run the model's modules one after another."""
        features = dict(zip(self._names, inputs, strict=True))
        for step in self._steps:
            features = step(features)
        vectors = features["sentence_embedding"][:, : self._dimension]
        return torch.nn.functional.normalize(vectors.float(), dim=1)


def export(loaded: Loaded, folder: Path) -> None:
    """Write what `Exported` reads; a model that cannot be exported raises errors of any kind."""
    model = loaded.model
    device = model.device
    try:
        _export_graph(model.cpu().eval(), folder / MODEL)
    finally:
        model.to(device)
    # It has just read the probes, so it says how the model cuts and pads.
    model.tokenizer.backend_tokenizer.save(str(folder / TOKENIZER))
    loaded.description.write(folder)


def check(exported: Exported, loaded: Loaded) -> None:
    """Raise ValueError if vectors of the export are not those of the model."""
    described = loaded.description
    limit = min(described.max_tokens or LONGEST_PROBE, LONGEST_PROBE)
    long = ("longer than the rest " * (limit // 8), "beyond any limit " * limit)
    for prompt in {described.prompt, described.question_prompt, ANY_PROMPT}:
        probes = [*PROBES, *long] if prompt == described.prompt else PROBES
        wanted = loaded.embed(probes, prompt)
        together = exported.embed(probes, prompt)
        alone = [exported.embed([probe], prompt) for probe in probes]
        for vectors in (together, np.concatenate(alone)):
            cosines = (vectors * wanted).sum(axis=1)
            if not (cosines >= 1 - TOLERANCE).all():  # so that NaN is wrong too
                raise ValueError(f"the cosine of its vectors to the model's is {cosines.min():.4f}")


def _export_graph(model: SentenceTransformer, path: Path) -> None:
    inputs = model.tokenizer(
        list(PROBES),
        padding=True,
        truncation="longest_first",
        max_length=model.max_seq_length,
        return_tensors="pt",
    )
    axes = {name: {0: "texts", 1: "tokens"} for name in inputs}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Pipeline(model, list(inputs)),
            tuple(inputs.values()),
            str(path),
            input_names=list(inputs),
            output_names=[OUTPUT],
            dynamic_axes={**axes, OUTPUT: {0: "texts"}},
            dynamo=False,
        )


def silence() -> None:
    """Keep bars and advice of the libraries off the terminal; it belongs to the answer."""
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    for name in ("sentence_transformers", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)
