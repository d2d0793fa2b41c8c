"""Models as answering sees them: loaded if they fit the memory, with contexts that fit it too."""

from __future__ import annotations

from dataclasses import replace

from rapid_cli.config import ModelSpec
from rapid_cli.errors import ModelError
from rapid_cli.llama import (
    LlamaContext,
    Vocabulary,
    Weights,
    batch_sizes,
    free_memory,
    will_offload,
)
from rapid_cli.memory import (
    SHORTEST,
    SMALL_CACHE,
    MemoryNeed,
    ModelShape,
    NeedOf,
    advice,
    estimate,
    fits,
)
from rapid_cli.prompts import PromptFormat


class Memory:
    """What loaded models take of the memory that was free; `smaller_cache` allows to save some.

    Nothing is checked where the free memory cannot be known, for lack of psutil.
    """

    def __init__(self, *, smaller_cache: bool) -> None:
        self._smaller_cache = smaller_cache
        self._loaded = {False: 0, True: 0}

    def take(self, spec: ModelSpec, shape: ModelShape) -> None:
        """Count a model that is about to be loaded; ModelError if even a short context is too much.

        With --context-length a longer one may still be refused when it is opened.
        """
        offloaded = will_offload(spec)
        free = self._free(offloaded)
        self._loaded[offloaded] += shape.loaded_bytes(offloaded=offloaded)
        need_of = self._need_of(spec, shape, rows=1, flash_attention=spec.flash_attention)
        said = (
            None if free is None else advice(spec.name, need_of, free_bytes=free, length=SHORTEST)
        )
        if said:
            raise ModelError(said.message, said.hint)

    def fitting(
        self, weights: Weights, shape: ModelShape, spec: ModelSpec, *, length: int, rows: int
    ) -> tuple[ModelSpec, str]:
        """Return `spec`, with smaller keys if a context needs them to fit, and a word on that.

        ModelError with numbers if it does not fit, or must not be made to.
        """
        flash_attention = weights.flash_attention_of(spec)
        free = self._free(weights.offloaded)
        if free is None:
            return spec, ""
        need_of = self._need_of(spec, shape, rows=rows, flash_attention=flash_attention)
        said = advice(
            spec.name,
            need_of,
            free_bytes=free,
            length=length,
            k_type=spec.k_type,
            v_type=spec.v_type,
            flash_attention=flash_attention,
            memory="GPU memory" if weights.offloaded else "memory",
        )
        if said is None:
            return spec, ""
        if self._smaller_cache and fits(need_of(length, SMALL_CACHE, spec.v_type), free):
            smaller = replace(spec, k_type=SMALL_CACHE)
            return smaller, f"{said.message}. Keys are cached as {SMALL_CACHE}, which fits."
        raise ModelError(said.message, said.hint)

    def _need_of(
        self, spec: ModelSpec, shape: ModelShape, *, rows: int, flash_attention: bool | None
    ) -> NeedOf:
        """Return what all loaded weights and one context of this model need."""
        offloaded = will_offload(spec)
        loaded = self._loaded[offloaded]

        def need_of(length: int, k_type: str, v_type: str) -> MemoryNeed:
            need = estimate(
                shape,
                length=length,
                rows=rows,
                batch=batch_sizes(spec, offloaded=offloaded, rows=rows)[1],
                k_type=k_type,
                v_type=v_type,
                flash_attention=flash_attention,
                offloaded=offloaded,
            )
            return replace(need, weights_bytes=loaded)

        return need_of

    def _free(self, offloaded: bool) -> int | None:
        """Return the bytes that were free before the weights: mapped ones still count as free."""
        try:
            return free_memory(offloaded) + (self._loaded[True] if offloaded else 0)
        except ImportError:
            return None


class LoadedModel:
    """Weights in memory as answering sees them; implements `LanguageModel`.

    `vocabulary_size` is the number of tokens that target and drafter have in common. `note` is what
    a person should know of how it was loaded; the first context that is opened passes it on.
    """

    def __init__(
        self, weights: Weights, shape: ModelShape, memory: Memory, *, note: str = ""
    ) -> None:
        self._weights = weights
        self._shape = shape
        self._memory = memory
        vocabulary = weights.vocabulary
        self.name = weights.spec.name
        self.device = weights.device
        self.offloaded = weights.offloaded
        self.fingerprint = weights.fingerprint
        self.context_limit = weights.spec.context_length or weights.context_limit
        self.vocabulary_size = vocabulary.size
        self.note = note
        self.format = PromptFormat(
            weights.chat_template,
            bos=vocabulary.text(vocabulary.bos) if vocabulary.bos >= 0 else "",
            eos=vocabulary.text(vocabulary.eos) if vocabulary.eos >= 0 else "",
        )

    @property
    def vocabulary(self) -> Vocabulary:
        """The model's tokens."""
        return self._weights.vocabulary

    @property
    def may_fuse(self) -> bool:
        """Whether fused attention is as good as the other."""
        return self._weights.may_fuse

    def open(self, *, length: int, rows: int, spec: ModelSpec | None = None) -> LlamaContext:
        """Open a context on the weights; ModelError if it does not fit the memory.

        `spec` runs it otherwise than the model was loaded.
        """
        spec, note = self._memory.fitting(
            self._weights, self._shape, spec or self._weights.spec, length=length, rows=rows
        )
        context = LlamaContext(
            self._weights,
            length=length,
            rows=rows,
            vocabulary_size=self.vocabulary_size,
            spec=spec,
            note=" ".join(filter(None, (self.note, note))),
        )
        self.note = ""
        return context
