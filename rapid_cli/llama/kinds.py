"""What a GGUF file holds that is no language model that writes, by what its header says.

llama.cpp loads some of them without an error, and what it computes with them means nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

DIFFUSION = frozenset({"dream", "llada", "llada-moe", "rnd1"})
"""Architectures that write all tokens of an answer at once, in several passes."""
PICTURES = frozenset(
    {
        *("flux", "sd1", "sdxl", "sd3", "aura", "hidream", "cosmos", "ltxv", "hyvid", "wan"),
        *("lumina2", "qwen_image"),
    }
)
"""Architectures of ComfyUI-GGUF, which make pictures and films."""
SOUND = frozenset({"wavtokenizer-dec", "whisper"})
ENCODERS = frozenset(
    {
        *("bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "eurobert"),
        *("jina-bert-v2", "jina-bert-v3", "gemma-embedding", "llama-embed", "t5encoder"),
    }
)
"""Architectures that turn texts into vectors, whatever they were trained for."""
_MEAN, _CLS, _LAST, _RANK = 1, 2, 3, 4  # llama.cpp's ways to make one vector of all tokens
_LANGUAGE_MODEL = "name a GGUF file of a language model that was trained to write answers"
_OWN_FILE = "name the GGUF file of the model itself, from the same repository"


@dataclass(frozen=True, slots=True)
class Contents:
    """What recognising a file needs of its header.

    `type` is its general.type, "" if it does not say; `causal` is whether a token sees only those
    before it; `pooling` is llama.cpp's number of it, 0 for none; `part` counts from 1 in a model of
    `parts` files.
    """

    architecture: str
    type: str
    causal: bool
    pooling: int
    part: int
    parts: int
    has_vocabulary: bool
    tensors: frozenset[str]

    def has_tensors(self, *beginnings: str) -> bool:
        """Tell whether the name of a tensor begins like this."""
        return any(name.startswith(beginnings) for name in self.tensors)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a file is, which tells files of its kind, and what to do about one."""

    what: str
    holds: Callable[[Contents], bool]
    hint: str = _LANGUAGE_MODEL


_KINDS = (
    _Kind(
        "an imatrix file, which tells how to quantize a model",
        lambda it: it.type == "imatrix",
        _OWN_FILE,
    ),
    _Kind(
        "a LoRA adapter, which changes another model",
        lambda it: it.type == "adapter",
        "merge it into its model with llama.cpp's llama-export-lora, and name the merged file",
    ),
    _Kind(
        "a control vector, which steers another model",
        lambda it: it.architecture == "controlvector",
        _OWN_FILE,
    ),
    _Kind(
        "an mmproj file, the part of a model that sees or hears, without the language model",
        lambda it: it.type == "mmproj" or it.architecture == "clip",
        f"{_OWN_FILE}, without mmproj in its name",
    ),
    _Kind(
        "a diffusion model, which does not write one token after another",
        lambda it: it.architecture in DIFFUSION,
    ),
    _Kind(
        "a diffusion model that makes pictures or films",
        lambda it: (
            it.architecture in PICTURES
            or it.has_tensors("model.diffusion_model.", "double_blocks.")
        ),
    ),
    _Kind("a model of sound, which reads and writes no text", lambda it: it.architecture in SOUND),
    _Kind(
        "a reranker, which tells how well a text answers a question",
        lambda it: it.pooling == _RANK or it.has_tensors("cls."),
        f"{_LANGUAGE_MODEL}; rerankers of sentence-transformers stand in models.toml under "
        "[rerankers]",
    ),
    _Kind(
        "an encoder-decoder model, which reads a text in another way than it writes",
        lambda it: it.architecture == "t5",
    ),
    _Kind(
        "a model for embeddings, which turns texts into vectors",
        lambda it: (
            it.architecture in ENCODERS or not it.causal or it.pooling in (_MEAN, _CLS, _LAST)
        ),
        f"{_LANGUAGE_MODEL}; embedders of sentence-transformers stand in models.toml under "
        "[embedders]",
    ),
    _Kind(
        "a vocabulary without a model",
        lambda it: it.has_vocabulary and not it.tensors and it.parts <= 1,
        _OWN_FILE,
    ),
)
"""In the order of looking: what is more special comes before what it could be taken for."""


def refusal(contents: Contents, name: str) -> tuple[str, str] | None:
    """Return in words what a file is, and what to do, if it is no language model that writes.

    `name` is what it is called without its ending.
    """
    if contents.part > 1:
        said = f"{name} is part {contents.part} of the {contents.parts} files of a model"
        return said, f"name the first of them, which ends in -00001-of-{contents.parts:05}.gguf"
    for kind in _KINDS:
        if kind.holds(contents):
            said = f" ({contents.architecture})" if contents.architecture else ""
            return f"{name} is {kind.what}{said}", kind.hint
    return None
