"""`rapid models tune`, once its command line is understood."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from rapid_cli.bench.materials import built_in_text
from rapid_cli.bench.timing import TuningProgress
from rapid_cli.bench.trials import NOISY, Comparison
from rapid_cli.bench.tuner import Tuner, TuningResult
from rapid_cli.cli.commands.opening import copy_progress, note
from rapid_cli.cli.commands.trust import models_file_in_force
from rapid_cli.cli.options.models import TuneOptions
from rapid_cli.cli.render.console import Bars, console
from rapid_cli.cli.render.models import print_tuning, tuning_json
from rapid_cli.cli.render.objects import print_json
from rapid_cli.cli.streams import require_output
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.errors import ConfigError, ModelError
from rapid_cli.llama import engine, machine, read_format
from rapid_cli.machine.processor import available_cpus
from rapid_cli.models.formats import WeightFormat
from rapid_cli.models.hub.parts import stamp_of
from rapid_cli.models.specs import ModelSpec
from rapid_cli.session.loading import LoadedModel
from rapid_cli.session.pairs import ModelFile, Pairs
from rapid_cli.session.session import Session
from rapid_cli.session.tuned import RunSettings, Tuned


def run(options: TuneOptions) -> None:
    """Tune the models of a pair one after the other; keep and print what was found for each.

    The time is shared between them. What was found for one stays if the next is interrupted.
    """
    require_output()
    errors = console(quiet=options.quiet)
    models_file = models_file_in_force(options.models, errors)
    pair = models_file.pair(options.pair)
    with Session(models_file, device=options.device) as session:
        files = _tunable(session.pairs.find_models(pair), str(models_file.source), errors)
        seconds = options.seconds and options.seconds / len(files)
        for path, spec in files:
            # Only the target's quality is the answer's, so the pair's permission is for that.
            lower = pair.lower_precision and spec.name == pair.target
            bench = _Bench(session, path, spec, lower, errors)
            stages, found = bench.tune(SamplingParams(pair.temperature), seconds)
            about = (spec.name, bench.format, bench.machine, stages, found)
            if options.json:
                print_json(tuning_json(*about))
            else:
                print_tuning(*about)


def _tunable(files: Sequence[ModelFile], source: str, errors: Console) -> list[ModelFile]:
    """Return the models that may be tuned; ConfigError if models.toml forbids it for all."""
    fixed = [spec.name for _, spec in files if not spec.tuned]
    if fixed:
        said = f"{source} says tuned = false for {' and '.join(fixed)}"
        if len(fixed) == len(files):
            raise ConfigError(said, "remove that line, and tune again")
        note(errors, f"{said}, which is left out.")
    return [(path, spec) for path, spec in files if spec.tuned]


@dataclass(slots=True)
class _Copies:
    """The formats that can be tried, why others cannot, and which one is to stay."""

    made: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    chosen: str | None = None


@dataclass(frozen=True, slots=True)
class _Bench:
    """The model on which things are tried, and whether fewer bits than its file's may be chosen."""

    session: Session
    path: Path
    spec: ModelSpec
    lower_precision: bool
    errors: Console

    @property
    def format(self) -> WeightFormat:
        """The format of its file."""
        return read_format(self.path)

    @property
    def machine(self) -> str:
        """What it runs on here."""
        return machine(gpu=self.spec.gpu_layers != 0)

    @property
    def _pairs(self) -> Pairs:
        return self.session.pairs

    def tune(
        self, sampling: SamplingParams, seconds: float | None
    ) -> tuple[Sequence[Comparison], TuningResult]:
        """Tune the model and keep what was found; return what was tried, too."""
        with Bars(self.errors) as bars, self._copies(bars) as copies:
            for refusal in copies.refused:
                note(self.errors, refusal)
            tuner = Tuner(
                self.spec,
                self._load,
                {name: self.format.loses_in(name) for name in copies.made},
                self.lower_precision,
                built_in_text(),
                sampling,
                available_cpus(),
                time.perf_counter,
                seconds,
            )
            stages, found = _followed(tuner.run(), bars)
            copies.chosen = found.settings.format  # first: what is kept must not name what is gone
            try:
                self._keep(found)
            except ConfigError:
                copies.chosen = None
                raise
        note(self.errors, _noise(stages))
        return stages, found

    @contextmanager
    def _load(self, settings: RunSettings) -> Iterator[LoadedModel]:
        """Load the file, or its copy, for a while."""
        path = self.path
        if settings.format is not None:
            copy = self._pairs.copies.find(path, settings.format)
            if copy is None:
                raise ModelError(f"the copy in {settings.format} is gone", "tune again")
            path = copy
        with self.session.loader.borrow(path, settings.applied(self.spec)) as model:
            note(self.errors, model.note)
            yield model

    @contextmanager
    def _copies(self, bars: Bars) -> Iterator[_Copies]:
        """Make copies in other formats; those that were not there before stay only if chosen."""
        copies, new = _Copies(), {}
        try:
            for name in self.format.copy_formats():
                if self._pairs.copies.find(self.path, name) is None:
                    try:
                        new[name] = self._pairs.copies.make(self.path, name, copy_progress(bars))
                    except ModelError as error:
                        copies.refused.append(f"The format {name} is left out: {error.message}.")
                        continue
                copies.made.append(name)
            bars.close()
            yield copies
        finally:
            for name, path in new.items():
                if name != copies.chosen:
                    self._pairs.copies.remove(path)

    def _keep(self, found: TuningResult) -> None:
        """Keep what was found for this machine, file and library, and what things cost then."""
        tuned = Tuned(
            path=str(self.path.absolute()),
            file=stamp_of(self.path),
            machine=self.machine,
            engine=engine(),
            lower_precision=self.lower_precision,
            settings=found.settings,
        )
        try:
            self._pairs.tuned.put(tuned)
        except OSError as error:
            raise ConfigError(
                f"what was found cannot be kept: {error.strerror or error}", "free some disk"
            ) from error
        profiles = self.session.profiles
        for length, costs in found.verify_costs.items():
            profiles.put(found.fingerprint, length, costs)
        for length, costs in found.draft_costs.items():
            profiles.put(f"{found.fingerprint} drafting", length, costs)


def _noise(stages: Sequence[Comparison]) -> str:
    """Return a word on a machine that did other things too, or none."""
    noise = max(stage.noise for stage in stages)
    if noise <= NOISY:
        return ""
    return (
        f"The machine was busy: the same took up to {noise:.1f} times as long from one moment to "
        "the next. Tune again when it is idle."
    )


def _followed(
    events: Generator[TuningProgress | Comparison, None, TuningResult], bars: Bars
) -> tuple[list[Comparison], TuningResult]:
    """Show the progress of tuning; return what was tried and what was found."""
    stages: list[Comparison] = []
    while True:
        try:
            event = next(events)
        except StopIteration as end:
            found: TuningResult = end.value
            return stages, found
        match event:
            case TuningProgress(what=what, done=done, total=total):
                bars.update(f"tuning {what}", done, total, "tokens")
            case Comparison():
                stages.append(event)
