"""Models in memory: loaded as they run here if they fit, with contexts that fit too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

from rapid_cli.answering.answer import Pair
from rapid_cli.config import CACHE, home
from rapid_cli.llama import (
    LlamaContext,
    Vocabulary,
    Weights,
    check_pair,
    open_context,
    read_shape,
    will_offload,
)
from rapid_cli.models.memory import ModelShape
from rapid_cli.models.offloading import PLANNED_LENGTH
from rapid_cli.models.prompts import PromptFormat
from rapid_cli.models.specs import ModelSpec
from rapid_cli.models.templates.rendering import FOLDER
from rapid_cli.preflight.preflight import Preflight
from rapid_cli.session.fitting import Memory
from rapid_cli.session.pairs import Adjusted, PairFiles, Pairs


class Loader:
    """Loads what `pairs` found and adjusted; weights are freed with `opened`.

    With `smaller_cache` contexts that do not fit otherwise get keys of fewer bits. Layers are
    counted for a GPU so that `context_length` fits too, or where it is not known 8,192 tokens.
    """

    def __init__(
        self,
        pairs: Pairs,
        opened: ExitStack,
        *,
        smaller_cache: bool,
        context_length: int | None = None,
    ) -> None:
        self._pairs = pairs
        self._open = opened
        self._memory = Memory(smaller_cache=smaller_cache)
        self._length = context_length or PLANNED_LENGTH
        self._loaded: tuple[PairFiles, Pair] | None = None

    def load_pair(self, files: PairFiles) -> Pair:
        """Load target and drafter, once; IncompatibleModels if they do not share a vocabulary."""
        if self._loaded is None or self._loaded[0] != files:
            self._loaded = files, self._load_pair(files)
        return self._loaded[1]

    def _load_pair(self, files: PairFiles) -> Pair:
        first, second = self._pairs.adjusted(files)
        drafting = min(self._length, PLANNED_LENGTH)  # it reads no more than passages
        if first.runs_like(second):
            target = self._load(first, self._length, drafting, note=files.note)
            return Pair(files.name, target, target)
        if second.note == first.note:
            second = replace(second, note="")
        # It goes on with what the target writes, thoughts or none.
        second = replace(second, spec=replace(second.spec, reasoning=first.spec.reasoning))
        # It runs at every step, on a short context: where a GPU does not hold both, it goes first.
        drafter = self._load(second, drafting, note=files.note, drafts=True)
        target = self._load(first, self._length)
        common = check_pair(target.vocabulary, drafter.vocabulary)
        target.vocabulary_size = drafter.vocabulary_size = common
        drafter.format = drafter.format.beginning_like(target.format)
        return Pair(files.name, target, drafter)

    def load_target(self, files: PairFiles) -> LoadedModel:
        """Load the target alone."""
        target, _ = self._pairs.adjusted(replace(files, drafter=files.target))
        return self._load(target, self._length)

    def load_model(self, path: Path, spec: ModelSpec) -> LoadedModel:
        """Load one model; ModelError if it is too large."""
        return self._load(self._pairs.adjust(path, self._pairs.on_device(spec)), self._length)

    @contextmanager
    def borrow(self, path: Path, spec: ModelSpec) -> Iterator[LoadedModel]:
        """Load a model for a while, as `spec` says however it was tuned; nothing is made to fit."""
        with ExitStack() as opened:
            alone = Loader(self._pairs, opened, smaller_cache=False)
            yield alone._load(Adjusted(path, spec), PLANNED_LENGTH)

    def _load(
        self, found: Adjusted, *lengths: int, note: str = "", drafts: bool = False
    ) -> LoadedModel:
        """Load a model beside what is loaded, with room for contexts of `lengths` tokens.

        One that `drafts` begins its answers as the target does, whatever its template says.
        """
        shape, preflight = read_shape(found.path), self._pairs.preflight
        # Whether it crashes depends on where its layers go, and where they go on what works.
        placed, _ = deepcopy(self._memory).take(found.spec, shape, lengths=lengths)
        way, crashed = preflight.way(found.path, shape, placed, offloads=will_offload(placed))
        spec, taken = self._memory.take(way.applied(found.spec), shape, lengths=lengths)
        weights = self._open.enter_context(Weights(found.path, spec))
        notes = " ".join(filter(None, (found.note, note, crashed, taken)))
        loaded = LoadedModel(weights, shape, self._memory, preflight, note=notes)
        if not drafts and (unheard := loaded.format.unheard_reasoning(loaded.name)):
            loaded.note = f"{notes} {unheard}".lstrip()
        return loaded


class LoadedModel:
    """Weights in memory as answering sees them; implements `LanguageModel`.

    `vocabulary_size` is the number of tokens that target and drafter have in common. `note` tells a
    person how it was loaded, if that matters; the first context that is opened passes it on.
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
        self.parameters = weights.parameters
        self.context_limit = weights.spec.context_length or weights.context_limit
        self.vocabulary_size = vocabulary.size
        self.note = note
        self.stop = weights.spec.stop
        self.format = PromptFormat(
            weights.chat_template,
            bos=vocabulary.text(vocabulary.bos) if vocabulary.bos >= 0 else "",
            eos=vocabulary.text(vocabulary.eos) if vocabulary.eos >= 0 else "",
            reasoning=weights.spec.reasoning,
            kept=home() / CACHE / FOLDER,
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

        `spec` says how to run it, by default as the model was loaded.
        """
        weights, loaded = self._weights, self._weights.spec
        # Where the weights lie, and how they are packed, was decided when they were loaded.
        spec = replace(spec or loaded, repack=loaded.repack, gpu_layers=loaded.gpu_layers)
        spec, note = self._memory.fitting(weights, self._shape, spec, length=length, rows=rows)
        self._require_works(spec)
        context = open_context(
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
