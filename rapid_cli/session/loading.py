"""Models as answering sees them: loaded if they fit the memory, with contexts that fit it too."""

from __future__ import annotations

from dataclasses import replace

from rapid_cli.llama import LlamaContext, Vocabulary, Weights
from rapid_cli.models.memory import ModelShape
from rapid_cli.models.prompts import PromptFormat
from rapid_cli.models.specs import ModelSpec
from rapid_cli.preflight.preflight import Preflight
from rapid_cli.session.fitting import Memory


class LoadedModel:
    """Weights in memory as answering sees them; implements `LanguageModel`.

    `vocabulary_size` is the number of tokens that target and drafter have in common. `note` is what
    a person should know of how it was loaded; the first context that is opened passes it on.
    """

    def __init__(
        self,
        weights: Weights,
        shape: ModelShape,
        memory: Memory,
        preflight: Preflight,
        *,
        note: str = "",
    ) -> None:
        self._weights = weights
        self._shape = shape
        self._memory = memory
        self._preflight = preflight
        vocabulary = weights.vocabulary
        self.name = weights.spec.name
        self.device = weights.placement
        self.offloaded = weights.wholly_offloaded
        self.fingerprint = weights.fingerprint
        self.context_limit = weights.spec.context_length or weights.context_limit
        self.vocabulary_size = vocabulary.size
        self.note = note
        self.stop = weights.spec.stop
        self.format = PromptFormat(
            weights.chat_template,
            bos=vocabulary.text(vocabulary.bos) if vocabulary.bos >= 0 else "",
            eos=vocabulary.text(vocabulary.eos) if vocabulary.eos >= 0 else "",
            reasoning=weights.spec.reasoning,
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
        """Open a context on the weights; ModelError if it does not fit the memory, or crashes.

        `spec` runs it otherwise than the model was loaded.
        """
        weights, loaded = self._weights, self._weights.spec
        # Where the weights lie, and how, is over and done.
        spec = replace(spec or loaded, repack=loaded.repack, gpu_layers=loaded.gpu_layers)
        spec, note = self._memory.fitting(weights, self._shape, spec, length=length, rows=rows)
        self._require_works(spec)
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

    def _require_works(self, spec: ModelSpec) -> None:
        """Raise ModelError if the weights crash when they are run as `spec` says.

        That is tried with a second copy of them, so it is left out where there is no room for it.
        """
        weights, shape = self._weights, self._shape
        known = self._preflight.known(shape, spec, offloads=weights.offloaded)
        if known is None and self._memory.has_room_for(shape):
            self._preflight.require(weights.path, shape, spec, offloads=weights.offloaded)
