"""`rapid models tune`, once its command line is understood."""

from __future__ import annotations

import json as jsonlib
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rapid_cli.cli.opening import copy_progress
from rapid_cli.config import DeviceChoice, ModelPair, ModelSpec
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.errors import ConfigError, ModelError
from rapid_cli.formats import WeightFormat
from rapid_cli.llama import available_threads, engine, machine, read_format
from rapid_cli.loading import LoadedModel
from rapid_cli.materials import built_in_text
from rapid_cli.models_file import find_models_file, load_models_file
from rapid_cli.pairs import Pairs
from rapid_cli.render.console import Bars, console
from rapid_cli.render.models import print_tuning, tuning_json
from rapid_cli.session import Session
from rapid_cli.trials import UNREST, Stage
from rapid_cli.trying import Progress
from rapid_cli.tuned import FileStamp, Settings, Tuned
from rapid_cli.tuning import Found, Tuner


def run(
    pair: str | None,
    *,
    models: Path | None,
    device: DeviceChoice | None,
    seconds: float | None,
    json: bool,
    quiet: bool,
) -> None:
    """Tune the target of a pair, keep what was found, and print it."""
    models_file = load_models_file(find_models_file(models))
    spec = models_file.pair(pair)
    errors = console(quiet=quiet)
    with Session(models_file, device=device) as session, Bars(errors) as bars:
        path, target = session.pairs.find_target(spec).target
        if not target.tuned:
            raise ConfigError(
                f"{models_file.source} says tuned = false for {target.name}",
                "remove that line, and tune again",
            )
        here = machine(gpu=target.gpu_layers != 0)
        bench = _Bench(session.pairs, path, target, read_format(path))
        with bench.copies_while_tuning(bars) as copies:
            for refusal in copies.refused:
                errors.print(refusal, style="yellow", soft_wrap=True)
            tuner = Tuner(
                target,
                bench.load,
                {name: bench.format.loses_in(name) for name in copies.made},
                spec.lower_precision,
                built_in_text(),
                SamplingParams(spec.temperature),
                available_threads(),
                time.perf_counter,
                seconds,
            )
            stages, found = _followed(tuner.run(), bars)
            _keep(session, spec, path, found, here)
            copies.chosen = found.settings.format
    unrest = max(stage.unrest for stage in stages)
    if unrest > UNREST:
        errors.print(
            f"The machine was busy: the same took up to {unrest:.1f} times as long from one moment "
            "to the next. Tune again when it is idle.",
            style="yellow",
            soft_wrap=True,
        )
    if json:
        print(jsonlib.dumps(tuning_json(target.name, bench.format, here, stages, found)))
    else:
        print_tuning(target.name, bench.format, here, stages, found)


@dataclass(slots=True)
class _Copies:
    """The formats that can be tried, why others cannot, and which one is to stay."""

    made: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    chosen: str | None = None


@dataclass(frozen=True, slots=True)
class _Bench:
    """The model on which things are tried."""

    pairs: Pairs
    path: Path
    spec: ModelSpec
    format: WeightFormat

    @contextmanager
    def load(self, settings: Settings) -> Iterator[LoadedModel]:
        """Load the file, or its copy, for a while."""
        path: Path | None = self.path
        if settings.format is not None:
            path = self.pairs.copies.find(self.path, settings.format)
            if path is None:
                raise ModelError(f"the copy in {settings.format} is gone", "tune again")
        assert path is not None
        with self.pairs.borrow(path, settings.applied(self.spec)) as model:
            yield model

    @contextmanager
    def copies_while_tuning(self, bars: Bars) -> Iterator[_Copies]:
        """Make copies in other formats; those that were not there before stay only if chosen."""
        copies, new = _Copies(), {}
        try:
            for name in self.format.copy_formats():
                if self.pairs.copies.find(self.path, name) is None:
                    try:
                        new[name] = self.pairs.make_copy(self.path, name, copy_progress(bars))
                    except ModelError as error:
                        copies.refused.append(f"The format {name} is left out: {error.message}.")
                        continue
                copies.made.append(name)
            bars.close()
            yield copies
        finally:
            for name, path in new.items():
                if name != copies.chosen:
                    self.pairs.copies.remove(path)


def _followed(
    events: Generator[Progress | Stage, None, Found], bars: Bars
) -> tuple[list[Stage], Found]:
    """Show the progress of tuning; return what was tried and what was found."""
    stages: list[Stage] = []
    while True:
        try:
            event = next(events)
        except StopIteration as end:
            found: Found = end.value
            return stages, found
        match event:
            case Progress(what=what, done=done, total=total):
                bars.update(f"tuning {what}", done, total, "tokens")
            case Stage():
                stages.append(event)


def _keep(session: Session, pair: ModelPair, path: Path, found: Found, here: str) -> None:
    """Keep what was found for a machine, file and library, and what things cost then."""
    tuned = Tuned(
        path=str(path.absolute()),
        file=FileStamp.of(path),
        machine=here,
        engine=engine(),
        lower_precision=pair.lower_precision,
        settings=found.settings,
    )
    try:
        session.pairs.tuned.put(tuned)
    except OSError as error:
        raise ConfigError(
            f"what was found cannot be kept: {error.strerror or error}", "free some disk"
        ) from error
    for length, costs in found.verify_costs.items():
        session.profiles.put(found.fingerprint, length, costs)
    for length, costs in found.draft_costs.items():
        session.profiles.put(f"{found.fingerprint} drafting", length, costs)
