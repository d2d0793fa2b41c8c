"""What models.toml describes: models, pairs of them, embedders, rerankers and settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from rapid_cli.config import suggestion
from rapid_cli.errors import ConfigError

SELF = "target"
"""A pair's drafter of this name is its target; with a format after a colon, a copy in that."""

ALL_LAYERS = -1
"""As `gpu_layers`: all layers of a model, however many there are."""

ROPE_SCALINGS = ("none", "linear", "yarn")

MOST_ETA = 1000.0
"""Beyond this, knowledge transfer only meets the limits of floating-point numbers."""

MOST: Mapping[str, float] = {
    "cache_gigabytes": 1e6,
    "chunk_tokens": 1 << 20,
    "context_length": 1 << 24,
    "eta": MOST_ETA,
    "gamma": 1 << 10,
    "gpu_layers": 10_000,
    "passages": 10_000,
    "retrieve_tokens": 1 << 24,
    "rope_base": 1e12,
    "rope_factor": 1e4,
    "rope_original_context": 1 << 24,
    "temperature": 100.0,
    "threads": 4096,
    "ubatch": 1 << 16,
}
"""The most that each number of models.toml may be: more than anybody has a use for."""


class DeviceChoice(StrEnum):
    """Where a person wants models computed; with no choice made, a GPU takes what it can hold."""

    CPU = "cpu"
    GPU = "gpu"


@dataclass(frozen=True, slots=True)
class Location:
    """Where a model lies: a path, a file in an installed package, or one on Hugging Face.

    A relative path begins at `folder`, or else at the current one.
    """

    path: str | None = None
    package: str | None = None
    repo: str | None = None
    file: str | None = None
    revision: str | None = None
    folder: Path | None = None

    def __str__(self) -> str:
        """Name the place in a way that is the same on every machine where that is possible."""
        return self.path or f"{self.package or self.repo}/{self.file or ''}".rstrip("/")


@dataclass(frozen=True, slots=True)
class Located:
    """A model of any kind that models.toml names, and where it lies.

    `folder` is where relative paths begin: that of models.toml.
    """

    name: str
    path: str | None = None
    package: str | None = None
    repo: str | None = None
    file: str | None = None
    revision: str | None = None
    folder: Path | None = field(default=None, compare=False)

    @property
    def location(self) -> Location:
        """Where its file or folder lies."""
        return Location(self.path, self.package, self.repo, self.file, self.revision, self.folder)


@dataclass(frozen=True, slots=True)
class ModelSpec(Located):
    """One GGUF model and how llama.cpp runs it; None leaves the choice to llama.cpp.

    `gpu_layers` None puts as many on a GPU as its memory allows; the output is one of them.
    `ubatch` is how many tokens are computed at once. Without `repack` weights lie in the CPU's
    memory as in the file, in no order of its own. With `tuned`, what `rapid models tune` found
    to be fastest here is used in place of these settings. `rope_scaling` is one of ROPE_SCALINGS,
    by `rope_factor`; `rope_original_context` is what YaRN takes for the context of training.
    `chat_template` replaces the file's own, "" by a plain format; `reasoning` switches thinking on
    or off where the template knows how, and the text of an answer ends before any of `stop`.
    `sha256` is what the file must have, and `rpc` names llama.cpp servers, as "host:port", that
    hold layers of it.
    """

    context_length: int | None = None
    gpu_layers: int | None = None
    threads: int | None = None
    flash_attention: bool | None = None
    k_type: str = "f16"
    v_type: str = "f16"
    ubatch: int | None = None
    repack: bool = True
    tuned: bool = True
    rope_scaling: str | None = None
    rope_factor: float | None = None
    rope_base: float | None = None
    rope_original_context: int | None = None
    chat_template: str | None = None
    reasoning: bool | None = None
    stop: tuple[str, ...] = ()
    sha256: str | None = None
    rpc: tuple[str, ...] = ()

    def scaled(self, trained: int) -> int:
        """Return the longest context, in tokens, of a model trained on contexts of `trained`."""
        if self.rope_scaling in (None, "none"):
            return trained
        return int((self.rope_original_context or trained) * (self.rope_factor or 1))

    def layers_on_gpu(self, count: int) -> int:
        """Return how many of `count` layers are computed on a GPU that has room for all."""
        chosen = self.gpu_layers
        return count if chosen is None or chosen < 0 else min(chosen, count)


@dataclass(frozen=True, slots=True)
class ModelPair:
    """A target and the drafter that proposes for it; `drafter` "target" is self-speculation.

    With `lower_precision` tuning may run the target in a format of fewer bits than its file's.
    `gamma` None leaves draft lengths to the planner, and `note` says what a pair is good for.
    """

    name: str
    target: str
    drafter: str = "target"
    eta: float = 200.0
    gamma: int | None = None
    temperature: float = 0.1
    retrieve_tokens: int | None = None
    lower_precision: bool = False
    note: str = ""

    @property
    def models(self) -> tuple[str, ...]:
        """The names of its models in models.toml: one if the target's weights draft, too."""
        own = self.drafter == SELF or self.drafter_format
        return (self.target,) if own else tuple(dict.fromkeys((self.target, self.drafter)))

    @property
    def drafter_format(self) -> str | None:
        """The format of the target's copy that drafts; None if the drafter is no such copy."""
        name, colon, format_name = self.drafter.partition(":")
        return format_name if name == SELF and colon else None


@dataclass(frozen=True, slots=True)
class EmbedderSpec(Located):
    """A sentence-transformers model; `chunk_tokens` defaults to what it can read, at most 128.

    `query_prompt` is put before questions, and `document_prompt` before the texts of documents;
    None is what the model's own files say.
    """

    chunk_tokens: int | None = None
    query_prompt: str | None = None
    document_prompt: str | None = None


@dataclass(frozen=True, slots=True)
class RerankerSpec(Located):
    """A cross-encoder of sentence-transformers that reads the best `passages` anew."""

    passages: int = 30


@dataclass(frozen=True, slots=True)
class GlobalSettings:
    """The table [settings], which concerns no single model.

    `history` keeps a log of answers, and `cache_gigabytes` bounds the prefix cache. With
    `smaller_cache` keys and values are stored in fewer bits where they would not fit the
    memory otherwise. `store` is the URL of the Chroma server that holds the library for several
    machines; None keeps it in a folder.
    """

    history: bool = True
    cache_gigabytes: float | None = None
    smaller_cache: bool = True
    store: str | None = None

    @property
    def cache_bytes(self) -> int | None:
        """The most bytes that the prefix cache may take; None lets the size of the disk decide."""
        return None if self.cache_gigabytes is None else int(self.cache_gigabytes * 1e9)


@dataclass(frozen=True, slots=True)
class ModelsFile:
    """A checked models.toml; `of_project` is one of the current folder that is not the user's own.

    Such a one may have come with the folder from anywhere.
    """

    source: Path
    settings: GlobalSettings
    pairs: Mapping[str, ModelPair]
    models: Mapping[str, ModelSpec]
    embedders: Mapping[str, EmbedderSpec]
    rerankers: Mapping[str, RerankerSpec]
    default_pair: str
    default_embedder: str
    default_reranker: str | None
    of_project: bool = False

    def pair(self, name: str | None) -> ModelPair:
        """Return the pair called `name`, or the default one; unknown names are a ConfigError."""
        return named(self.pairs, name or self.default_pair, "pair", self.source)

    def model(self, name: str) -> ModelSpec:
        """Return the model called `name`; unknown names are a ConfigError."""
        return named(self.models, name, "model", self.source)

    @property
    def embedder(self) -> EmbedderSpec:
        """The embedder that the library is built with."""
        return self.embedders[self.default_embedder]

    @property
    def reranker(self) -> RerankerSpec | None:
        """The reranker that puts found passages in a better order, if there is one."""
        return self.rerankers[self.default_reranker] if self.default_reranker else None


Named = TypeVar("Named")


def named(table: Mapping[str, Named], name: str, kind: str, path: Path) -> Named:
    """Return `table[name]`; an unknown name is a ConfigError with a suggestion."""
    if name in table:
        return table[name]
    raise ConfigError(f"{path} has no {kind} {name!r}", suggestion(name, table))
