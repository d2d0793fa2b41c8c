"""The models of models.toml: where their files lie, and how they run here. None is loaded."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from rapid_cli.errors import ModelError
from rapid_cli.llama import engine, machine, read_shape, will_offload
from rapid_cli.machine.gpus import idle_gpu, install_command
from rapid_cli.models.hub import locate
from rapid_cli.models.hub.verifying import Hashes
from rapid_cli.models.specs import ALL_LAYERS, SELF, DeviceChoice, ModelPair, ModelsFile, ModelSpec
from rapid_cli.preflight.preflight import Preflight
from rapid_cli.preflight.ways import Run
from rapid_cli.session.copies import Copies, Progress
from rapid_cli.session.offers import with_offers
from rapid_cli.session.tuned import AGAIN, UNTUNED, Tuned, TunedModels
from rapid_cli.text.sizes import megabytes

ModelFile = tuple[Path, ModelSpec]


@dataclass(frozen=True, slots=True)
class PairFiles:
    """Where target and drafter lie; `note` says what a person should know of how they were found.

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


@dataclass(frozen=True, slots=True)
class Adjusted:
    """The file and the settings to load, and what a person should know of that, if anything."""

    path: Path
    spec: ModelSpec
    note: str = ""

    def runs_like(self, other: Adjusted) -> bool:
        """Tell whether both are the same weights run the same way, under whatever names."""
        mine, others = (replace(each.spec, name="") for each in (self, other))
        return self.path == other.path and mine == others


class Pairs:
    """Finds pairs of models, and single ones, and adjusts them to this machine.

    With `untuned` models run as llama.cpp would run them by itself. `device` says where they are
    computed, whatever models.toml says.
    """

    def __init__(
        self,
        models_file: ModelsFile,
        tuned: TunedModels,
        copies: Copies,
        preflight: Preflight,
        hashes: Hashes,
        *,
        untuned: bool,
        device: DeviceChoice | None,
    ) -> None:
        self.tuned = tuned
        self.copies = copies
        self.preflight = preflight
        self._hashes = hashes
        self._models_file = models_file
        self._untuned = untuned
        self._device = device

    def find(
        self,
        pair: ModelPair,
        target: Path | None = None,
        drafter: Path | None = None,
        *,
        progress: Progress | None = None,
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

    def find_model(self, spec: ModelSpec) -> ModelFile:
        """Find the file of one model; ModelError, with what to do, if it is not here or wrong."""
        path = locate(spec.location, spec.name)
        self._hashes.require(spec, path)
        return path, self.on_device(spec)

    def on_device(self, spec: ModelSpec) -> ModelSpec:
        """Return `spec` computed where a person wants it; ModelError if that cannot be."""
        if self._device is None:
            return spec
        if self._device is DeviceChoice.CPU:
            return replace(spec, gpu_layers=0)
        placed = replace(spec, gpu_layers=ALL_LAYERS)
        if not will_offload(placed):
            idle = idle_gpu(used=False)
            command = idle.install if idle else install_command("GGML_CUDA")
            raise ModelError(
                f"{spec.name} cannot be computed on a GPU: this llama.cpp uses none here",
                f"for {idle.name if idle else 'one by NVIDIA'}, install it by: {command}",
            )
        return placed

    def adjusted(self, files: PairFiles) -> tuple[Adjusted, Adjusted]:
        """Return how target and drafter run here."""
        first = self.adjust(*files.target, lower_precision=files.lower_precision)
        if files.drafter == files.target:
            return first, first
        is_copy = self.copies.source_of(files.drafter[0]) is not None  # and runs as the target does
        lower = files.lower_precision and is_copy
        return first, self.adjust(*files.drafter, lower_precision=lower)

    def adjust(self, path: Path, spec: ModelSpec, *, lower_precision: bool = False) -> Adjusted:
        """Return how a file runs here: as it was tuned, unless models.toml forbids that.

        A copy of a file runs like the file. `lower_precision` allows a format of fewer bits.
        """
        if self._untuned:
            return Adjusted(path, UNTUNED.applied(spec))
        source = self.copies.source_of(path)
        tuned, note = self._tuning_of(source or path, spec, lower_precision)
        if tuned is None:
            return Adjusted(path, spec, note)
        spec, format_name = tuned.settings.applied(spec), tuned.settings.format
        if format_name is None or source:
            return Adjusted(path, spec)
        if copy := self.copies.find(path, format_name):
            return Adjusted(copy, spec)
        note = (
            f"The copy of {path.name} in {format_name} that tuning chose is gone, so the file "
            f"itself is used: `{AGAIN}` makes it again."
        )
        return Adjusted(path, spec, note)

    def _tuning_of(
        self, path: Path, spec: ModelSpec, lower_precision: bool
    ) -> tuple[Tuned | None, str]:
        """Return what tuning chose for a file and may be used, or nothing and why not."""
        here = machine(gpu=spec.gpu_layers != 0)
        if spec.tuned:
            with suppress(OSError):  # of a file that is not there: who loads it will say so
                return self.tuned.find(path, here, engine(), lower_precision=lower_precision)
        return None, ""

    def seen_running(
        self, path: Path, spec: ModelSpec, *, lower_precision: bool = False
    ) -> Run | None:
        """Return how a model, as it is tuned, was seen to run here; None if it was not tried."""
        found = self.adjust(path, spec, lower_precision=lower_precision)
        shape, offloads = read_shape(found.path), will_offload(found.spec)
        known = self.preflight.known(shape, found.spec, offloads=offloads)
        if known is None and offloads:  # or with some of its layers there, as many as fitted
            some = replace(found.spec, gpu_layers=1)
            known = self.preflight.known(shape, some, offloads=True)
        return known

    def _find_for(self, pair: ModelPair, spec: ModelSpec) -> ModelFile:
        """Find a model; the error for one of `pair` that is not here says what is."""
        try:
            path = locate(spec.location, spec.name)
        except ModelError as error:
            if spec not in self._models_file.models.values():  # a file on the command line
                raise
            raise with_offers(error, self._models_file, pair) from error
        self._hashes.require(spec, path)
        return path, self.on_device(spec)

    def _copied(
        self, target: ModelFile, format_name: str, progress: Progress | None
    ) -> tuple[ModelFile, str]:
        """Return the copy of a target in another format, or the target itself; and a note."""
        path, spec = target
        copy, note = self.copies.find(path, format_name), ""
        if copy is None:
            try:
                copy = self.copies.make(path, format_name, progress)
            except ModelError as error:
                return target, f"The target drafts with its own weights: {error.message}."
            size = megabytes(copy.stat().st_size)
            note = f"The drafter is a copy of {path.name} in {format_name}, {size}, made now."
        return (copy, replace(spec, name=f"{spec.name} {format_name}")), note


def _file(path: Path) -> ModelSpec:
    return ModelSpec(path.stem, path=str(path))
