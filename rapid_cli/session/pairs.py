"""The models of models.toml: found, loaded as they run here, and freed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rapid_cli.answering.answer import Pair
from rapid_cli.config import CACHE, home
from rapid_cli.errors import ModelError
from rapid_cli.machine.gpus import idle_gpu, install_command
from rapid_cli.models.offloading import PLANNED_LENGTH
from rapid_cli.models.specs import ALL_LAYERS, SELF, DeviceChoice, ModelPair, ModelsFile, ModelSpec

if TYPE_CHECKING:
    from rapid_cli.models.memory import ModelShape
    from rapid_cli.preflight.preflight import Preflight
    from rapid_cli.preflight.ways import Run
    from rapid_cli.session.adjusting import Adjusted
    from rapid_cli.session.copies import Copies
    from rapid_cli.session.fitting import Memory
    from rapid_cli.session.loading import LoadedModel
    from rapid_cli.session.tuned import TunedModels

TUNED = "tuned"
"""The folder of what tuning chose."""

CopyProgress = Callable[[str, int, int], None]
"""Told the name of a copy of weights that is made, and the bytes written and to write."""
ModelFile = tuple[Path, ModelSpec]


@dataclass(frozen=True, slots=True)
class PairFiles:
    """Where target and drafter lie, found but not loaded; `note` says what came of finding them.

    `lower_precision` allows the target to run in fewer bits than its file has.
    """

    name: str
    target: ModelFile
    drafter: ModelFile
    lower_precision: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Roles:
    """Which models a pair takes; without a drafter of its own the target's weights draft.

    They do so as they are, or in a copy of the format `copied`.
    """

    target: ModelSpec
    drafter: ModelSpec | None
    copied: str | None
    lower_precision: bool


class Pairs:
    """Pairs of models, and single ones; what is loaded is freed with `opened`.

    With `untuned` models run as llama.cpp would run them by itself. `device` says where they are
    computed, whatever models.toml says. Layers are counted for a GPU so that `context_length` fits
    too, or where it is not known one of 8,192 tokens.
    """

    def __init__(
        self,
        models_file: ModelsFile,
        opened: ExitStack,
        *,
        untuned: bool,
        device: DeviceChoice | None = None,
        context_length: int | None = None,
    ) -> None:
        self._models_file = models_file
        self._open = opened
        self._untuned = untuned
        self._device = device
        self._length = context_length or PLANNED_LENGTH

    @cached_property
    def tuned(self) -> TunedModels:
        """What tuning chose on this machine."""
        from rapid_cli.session.tuned import TunedModels  # noqa: PLC0415

        return TunedModels(home() / TUNED)

    @cached_property
    def preflight(self) -> Preflight:
        """How models were seen to run on this machine."""
        from rapid_cli.preflight.preflight import Preflight  # noqa: PLC0415
        from rapid_cli.preflight.records import FOLDER, Records  # noqa: PLC0415

        return Preflight(Records(home() / FOLDER))

    @cached_property
    def copies(self) -> Copies:
        """The copies of weights in other formats."""
        from rapid_cli.session.copies import Copies  # noqa: PLC0415

        return Copies(home() / CACHE / "weights")

    def find(
        self,
        pair: ModelPair,
        target: Path | None = None,
        drafter: Path | None = None,
        *,
        progress: CopyProgress | None = None,
    ) -> PairFiles:
        """Find the files of `pair`, with those named on the command line in place of its models.

        A target named alone drafts for itself, unless the pair's own drafter is asked for too. A
        drafter that is a copy of the target is made if it is not there yet.
        """
        roles = self.roles(pair, target, drafter)
        found = drafting = self._find_for(pair, roles.target)
        note = ""
        if roles.drafter:
            drafting = self._find_for(pair, roles.drafter)
        elif roles.copied:
            drafting, note = self._copied(found, roles.copied, progress)
        return PairFiles(pair.name, found, drafting, roles.lower_precision, note)

    def roles(
        self, pair: ModelPair, target: Path | None = None, drafter: Path | None = None
    ) -> Roles:
        """Return which models `find` looks for."""
        reads = _file(target) if target else self._models_file.model(pair.target)
        drafts, copied = None, None
        if drafter:
            drafts = _file(drafter)
        elif not target and pair.drafter != SELF:
            copied = pair.drafter_format
            drafts = None if copied else self._models_file.model(pair.drafter)
        return Roles(reads, drafts, copied, pair.lower_precision and not target)

    def find_target(self, pair: ModelPair) -> PairFiles:
        """Find the target of `pair` alone."""
        found = self._find_for(pair, self._models_file.model(pair.target))
        return PairFiles(pair.name, found, found, pair.lower_precision)

    def find_models(self, pair: ModelPair) -> list[ModelFile]:
        """Find the models that `pair` names, its target first; copies of that do not count."""
        return [self._find_for(pair, self._models_file.model(name)) for name in pair.models]

    def load(self, files: PairFiles) -> Pair:
        """Load target and drafter; IncompatibleModels if they do not share a vocabulary."""
        first, second = self.adjusted(files)
        drafting = min(self._length, PLANNED_LENGTH)  # it reads no more than passages
        if first.runs_like(second):
            target = self._loaded(first, files.note, lengths=(self._length, drafting))
            return Pair(files.name, target, target)
        if second.note == first.note:
            second = replace(second, note="")
        # It goes on with what the target writes, thoughts or none.
        second = replace(second, spec=replace(second.spec, reasoning=first.spec.reasoning))
        # It runs at every step, on a short context: where a GPU does not hold both, it goes first.
        drafter = self._loaded(second, files.note, lengths=(drafting,))
        target = self._loaded(first)
        _share_vocabulary(target, drafter)
        drafter.format = drafter.format.beginning_like(target.format)
        return Pair(files.name, target, drafter)

    def adjusted(self, files: PairFiles) -> tuple[Adjusted, Adjusted]:
        """Return how target and drafter run here."""
        first = self._adjusted(*files.target, lower_precision=files.lower_precision)
        if files.drafter == files.target:
            return first, first
        is_copy = self.copies.source_of(files.drafter[0]) is not None  # and runs as the target does
        lower = files.lower_precision and is_copy
        return first, self._adjusted(*files.drafter, lower_precision=lower)

    def seen_running(
        self, path: Path, spec: ModelSpec, *, lower_precision: bool = False
    ) -> Run | None:
        """Return how a model, as it is tuned, was seen to run here; None if it was not tried."""
        from rapid_cli.llama import read_shape, will_offload  # noqa: PLC0415 - a native library

        found = self._adjusted(path, spec, lower_precision=lower_precision)
        shape, offloads = read_shape(found.path), will_offload(found.spec)
        known = self.preflight.known(shape, found.spec, offloads=offloads)
        if known is None and offloads:  # or with some of its layers there, as many as fitted
            some = replace(found.spec, gpu_layers=1)
            known = self.preflight.known(shape, some, offloads=True)
        return known

    def load_target(self, files: PairFiles) -> LoadedModel:
        """Load the target alone."""
        return self._loaded(self._adjusted(*files.target, lower_precision=files.lower_precision))

    def load_model(self, path: Path, spec: ModelSpec) -> LoadedModel:
        """Load one model; its weights are freed with the session. ModelError if it is too large."""
        return self._loaded(self._adjusted(path, self._on_device(spec)))

    @contextmanager
    def borrow(self, path: Path, spec: ModelSpec) -> Iterator[LoadedModel]:
        """Load a model for a while, as `spec` says however it was tuned; nothing is made to fit."""
        from rapid_cli.llama import Weights, read_shape  # noqa: PLC0415 - loads a native library
        from rapid_cli.session.fitting import Memory  # noqa: PLC0415
        from rapid_cli.session.loading import LoadedModel  # noqa: PLC0415

        shape, memory = read_shape(path), Memory(smaller_cache=False)
        spec, note = self._taken(path, shape, spec, memory, (PLANNED_LENGTH,))
        with Weights(path, spec) as weights:
            yield LoadedModel(weights, shape, memory, self.preflight, note=note)

    def _find_for(self, pair: ModelPair, spec: ModelSpec) -> ModelFile:
        """Find a model; the error for one of `pair` that is not here says what is."""
        try:
            path = _locate(spec)
        except ModelError as error:
            if spec not in self._models_file.models.values():  # a file on the command line
                raise
            from rapid_cli.session.offers import with_offers  # noqa: PLC0415 - for those who need it

            raise with_offers(error, self._models_file, pair) from error
        return path, self._on_device(spec)

    def find_model(self, spec: ModelSpec) -> ModelFile:
        """Find the file of one model; ModelError, with what to do, if it is not here."""
        return _locate(spec), self._on_device(spec)

    def _on_device(self, spec: ModelSpec) -> ModelSpec:
        """Return `spec` computed where a person wants it; ModelError if that cannot be."""
        if self._device is None:
            return spec
        if self._device is DeviceChoice.CPU:
            return replace(spec, gpu_layers=0)
        from rapid_cli.llama import will_offload  # noqa: PLC0415 - loads a native library

        placed = replace(spec, gpu_layers=ALL_LAYERS)
        if not will_offload(placed):
            idle = idle_gpu(used=False)
            command = idle.install if idle else install_command("GGML_CUDA")
            raise ModelError(
                f"{spec.name} cannot be computed on a GPU: this llama.cpp uses none here",
                f"for {idle.name if idle else 'one by NVIDIA'}, install it by: {command}",
            )
        return placed

    def _copied(
        self, target: ModelFile, format_name: str, progress: CopyProgress | None
    ) -> tuple[ModelFile, str]:
        """Return the copy of a target in another format, or the target itself; and a word on it."""
        path, spec = target
        copy, note = self.copies.find(path, format_name), ""
        if copy is None:
            try:
                copy = self.make_copy(path, format_name, progress)
            except ModelError as error:
                return target, f"The target drafts with its own weights: {error.message}."
            size = copy.stat().st_size / 1e6
            note = (
                f"The drafter is a copy of {path.name} in {format_name}, {size:,.0f} MB, made now."
            )
        return (copy, replace(spec, name=f"{spec.name} {format_name}")), note

    def make_copy(self, path: Path, format_name: str, progress: CopyProgress | None) -> Path:
        """Make a copy of a file in another format; ModelError if that cannot be."""
        from rapid_cli.llama import read_format  # noqa: PLC0415 - loads a native library

        if read_format(path).kind == format_name:
            raise ModelError(f"{path.name} has the format {format_name} already")
        name = f"{path.stem} in {format_name}"
        return self.copies.make(
            path, format_name, lambda done, total: progress(name, done, total) if progress else None
        )

    @cached_property
    def _memory(self) -> Memory:
        from rapid_cli.session.fitting import Memory  # noqa: PLC0415 - loads a native library

        return Memory(smaller_cache=self._models_file.settings.smaller_cache)

    def _adjusted(self, path: Path, spec: ModelSpec, *, lower_precision: bool = False) -> Adjusted:
        from rapid_cli import llama  # noqa: PLC0415 - loads a native library
        from rapid_cli.session import adjusting  # noqa: PLC0415 - loads a native library

        if self._untuned:
            return adjusting.untuned(path, spec)
        return adjusting.adjust(
            path,
            spec,
            self.tuned,
            self.copies,
            machine=llama.machine(gpu=spec.gpu_layers != 0),
            engine=llama.engine(),
            lower_precision=lower_precision,
        )

    def _loaded(
        self, found: Adjusted, note: str = "", *, lengths: Sequence[int] = ()
    ) -> LoadedModel:
        from rapid_cli.llama import Weights, read_shape  # noqa: PLC0415 - loads a native library
        from rapid_cli.session.loading import LoadedModel  # noqa: PLC0415

        shape = read_shape(found.path)
        spec, taken = self._taken(
            found.path, shape, found.spec, self._memory, lengths or (self._length,)
        )
        weights = self._open.enter_context(Weights(found.path, spec))
        note = " ".join(filter(None, (found.note, note, taken)))
        return LoadedModel(weights, shape, self._memory, self.preflight, note=note)

    def _taken(
        self, path: Path, shape: ModelShape, spec: ModelSpec, memory: Memory, lengths: Sequence[int]
    ) -> tuple[ModelSpec, str]:
        """Count a model in `memory`; return how to load it here, and a word on that."""
        from rapid_cli.llama import will_offload  # noqa: PLC0415 - loads a native library

        # Whether it crashes depends on where its layers go, and where they go on what works.
        placed, _ = deepcopy(memory).take(spec, shape, lengths=lengths)
        way, crashed = self.preflight.way(path, shape, placed, offloads=will_offload(placed))
        spec, note = memory.take(way.applied(spec), shape, lengths=lengths)
        return spec, " ".join(filter(None, (crashed, note)))


def _locate(spec: ModelSpec) -> Path:
    from rapid_cli.models.hub import locate  # noqa: PLC0415

    return locate(spec.location, spec.name)


def _file(path: Path) -> ModelSpec:
    return ModelSpec(path.stem, path=str(path))


def _share_vocabulary(target: LoadedModel, drafter: LoadedModel) -> None:
    from rapid_cli.llama import check_pair  # noqa: PLC0415

    common = check_pair(target.vocabulary, drafter.vocabulary)
    target.vocabulary_size = drafter.vocabulary_size = common
