"""How a model can be run here: a child process tries one way after another until one works."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import Protocol

from rapid_cli.errors import ModelError, RapidError
from rapid_cli.machine import processor
from rapid_cli.machine.child import ChildResult, Ended
from rapid_cli.models.memory import ModelShape
from rapid_cli.models.specs import ModelSpec
from rapid_cli.preflight.children import start_model, start_outline, timeout_seconds
from rapid_cli.preflight.records import Records
from rapid_cli.preflight.ways import AMX, AS_IT_IS, OUT_OF_MEMORY, Run, Way, remedy, ways_for

OPENING_SECONDS = 60.0
ODD = "download the file again, or take one from somebody else: llama.cpp makes nothing of it"

SMALL_BYTES = 500_000_000
"""Up to this size a model may be tried in two ways at once, which takes its memory twice."""


class Trial(Protocol):
    """A child that runs a model; `machine.child.Child` is one."""

    def result(self, seconds: float) -> ChildResult:
        """Wait for what came of it; Ended if it crashed, RapidError if it says what is wrong."""

    def end(self) -> None:
        """Kill it if it still runs."""


Start = Callable[[Path, ModelSpec], Trial]
"""Starts a trial of the model at a path, as a spec says."""


def require_works(trial: Trial, seconds: float) -> None:
    """Raise Ended if a trial crashes, or hangs: if it takes longer than `seconds`.

    ModelError if the child can say why the model does not run, which is no crash.
    """
    try:
        trial.result(seconds)
    except RapidError as error:
        raise ModelError(error.message, error.hint) from None


def require_opens(path: Path, name: str) -> None:
    """Raise ModelError if llama.cpp cannot even open a model, without its weights, or crashes."""
    try:
        start_outline(path, name).result(OPENING_SECONDS)
    except Ended as ended:
        raise ModelError(f"{path} cannot be loaded: {ended.reason}", ODD) from None
    except RapidError as error:
        raise ModelError(error.message, error.hint) from None


class Preflight:
    """Finds a way to run each model, once for each machine and build of llama.cpp."""

    def __init__(self, records: Records, *, start: Start = start_model) -> None:
        """Keep what is found in `records`."""
        self._records = records
        self._start = start

    def way(
        self, path: Path, shape: ModelShape, spec: ModelSpec, *, offloads: bool
    ) -> tuple[Way, str]:
        """Return the way in which a model runs here, and a note on it the first time.

        There is no note where it runs as it is. `offloads` tells whether layers go to a GPU.
        ModelError if llama.cpp runs it in no way, or says what is wrong with it.
        """
        if spec.rpc:  # its layers would be sent to the servers twice, and it is they that compute
            return AS_IT_IS, ""
        key = run_key(shape, spec, offloads=offloads)
        known = self._records.find(key)
        if known is not None:
            return known.way, ""
        run = first_that_works(path, spec, offloads=offloads, start=self._start)
        works = run_key(shape, run.way.applied(spec), offloads=offloads and run.way.gpu)
        self._records.put(works, Run(AS_IT_IS))
        self._records.put(key, run)
        return run.way, run.told_of(spec.name)

    def known(self, shape: ModelShape, spec: ModelSpec, *, offloads: bool) -> Run | None:
        """Return how a model was seen to run here; None if it was not tried yet."""
        return self._records.find(run_key(shape, spec, offloads=offloads))

    def forget(self) -> None:
        """Forget how models run, on other machines too: each is tried again."""
        self._records.clear()

    def require(self, path: Path, shape: ModelShape, spec: ModelSpec, *, offloads: bool) -> None:
        """Raise ModelError if a model crashes when it is run exactly as a spec says.

        It is tried even if it is known. What else the child complains of, such as too little memory
        beside the model that is loaded here, does not matter.
        """
        if spec.rpc:
            return
        try:
            require_works(self._start(path, spec), timeout_seconds(path))
        except Ended as ended:
            raise _crashed(spec.name, ended, gpu=offloads) from None
        except ModelError:
            return
        self._records.put(run_key(shape, spec, offloads=offloads), Run(AS_IT_IS))


def first_that_works(
    path: Path,
    spec: ModelSpec,
    *,
    offloads: bool,
    start: Start = start_model,
    seconds: float | None = None,
) -> Run:
    """Try one way after another until the model does not crash.

    A trial hangs if it takes longer than `seconds`, by default a time that depends on the file.
    ModelError if the model always crashes, with how it did as it is; or if the model itself is at
    fault, at which llama.cpp crashes also without computing.
    """
    limit = timeout_seconds(path) if seconds is None else seconds
    first: Ended | None = None
    with closing(_trials(path, spec, ways_for(spec, offloads=offloads), start)) as trials:
        for way, trial in trials:
            try:
                require_works(trial, limit)
            except Ended as ended:
                first = first or ended
                if ended.signal == OUT_OF_MEMORY:
                    break
            else:
                return Run(way, first.reason, first.signal) if first else Run(way)
    assert first is not None
    if first.signal != OUT_OF_MEMORY:
        require_opens(path, spec.name)
    raise _crashed(spec.name, first)


def _trials(
    path: Path, spec: ModelSpec, ways: list[Way], start: Start
) -> Generator[tuple[Way, Trial], None, None]:
    """Yield each way with its trial; where a crash is likely, the next one runs beside it."""
    crash_is_likely = AMX in processor.flags()
    at_once = 2 if crash_is_likely and path.stat().st_size <= SMALL_BYTES else 1
    running: deque[tuple[Way, Trial]] = deque()
    try:
        for way in ways:
            running.append((way, start(path, way.applied(spec))))
            if len(running) == at_once:
                yield running.popleft()
        while running:
            yield running.popleft()
    finally:
        for _, trial in running:
            trial.end()


def run_key(shape: ModelShape, spec: ModelSpec, *, offloads: bool) -> str:
    """Return as one line what decides whether a model runs, besides the machine and the build."""
    layers = "none"
    if offloads:
        layers = "all" if spec.gpu_layers is None or spec.gpu_layers < 0 else "some"
    return (
        f"{shape.architecture} {','.join(shape.weight_kinds)} gpu={layers} repack={spec.repack} "
        f"flash_attention={spec.flash_attention} k={spec.k_type} v={spec.v_type}"
    )


def _crashed(name: str, ended: Ended, *, gpu: bool = False) -> ModelError:
    message = f"llama.cpp cannot run {name} here: {ended.reason}"
    return ModelError(message, remedy(ended.signal, gpu=gpu))
