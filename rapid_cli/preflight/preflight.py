"""How a model can be run here: its first compute, in each way until one works, in a child."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rapid_cli.errors import ModelError, RapidError
from rapid_cli.machine.child import Ended
from rapid_cli.models.memory import ModelShape
from rapid_cli.models.specs import ModelSpec
from rapid_cli.preflight.children import patience, start_model
from rapid_cli.preflight.records import Records
from rapid_cli.preflight.ways import AS_IT_IS, OUT_OF_MEMORY, Run, Way, remedy, ways_for

Try = Callable[[Path, ModelSpec], None]
"""Runs the model at a path as a spec says; Ended if it crashes, ModelError if it says why not."""


def try_in_child(path: Path, spec: ModelSpec, *, seconds: float | None = None) -> None:
    """Let a child run a model; raise Ended if that crashes, hangs or gives up.

    It hangs if it takes more than `seconds`, by default as many as its size allows for. ModelError
    if the child can say why it does not run, which is no crash.
    """
    child = start_model(path, spec)
    try:
        child.found(patience(path) if seconds is None else seconds)
    except RapidError as error:
        raise ModelError(error.message, error.hint) from None
    finally:
        child.end()


class Preflight:
    """Finds a way to run each model, once for each machine and build of llama.cpp."""

    def __init__(self, records: Records, *, try_: Try = try_in_child) -> None:
        """Keep what is found in `records`."""
        self._records = records
        self._try = try_

    def way(
        self, path: Path, shape: ModelShape, spec: ModelSpec, *, offloads: bool
    ) -> tuple[Way, str]:
        """Return the way in which a model runs here, and a sentence on it the first time.

        There is no sentence where it runs as it is. `offloads` tells whether layers go to a GPU.
        ModelError if llama.cpp runs it in no way, or says what is wrong with it.
        """
        if spec.rpc:  # its layers would travel to other machines twice, and those compute
            return AS_IT_IS, ""
        key = run_key(shape, spec, offloads=offloads)
        known = self._records.find(key)
        if known is not None:
            return known.way, ""
        run = first_that_works(path, spec, offloads=offloads, try_=self._try)
        works = run_key(shape, run.way.applied(spec), offloads=offloads and run.way.gpu)
        self._records.put(works, Run(AS_IT_IS))
        self._records.put(key, run)
        return run.way, run.told_of(spec.name)

    def known(self, shape: ModelShape, spec: ModelSpec, *, offloads: bool) -> Run | None:
        """Return how a model was seen to run here; None if it was not tried yet."""
        return self._records.find(run_key(shape, spec, offloads=offloads))

    def forget(self) -> None:
        """Forget how models run, here and elsewhere: each is tried again."""
        self._records.clear()

    def require(self, path: Path, shape: ModelShape, spec: ModelSpec, *, offloads: bool) -> None:
        """Raise ModelError if a model crashes when it is run just as a spec says, known or not.

        It is loaded here already, so what a child lacks, such as room beside it, is no matter.
        """
        if spec.rpc:
            return
        try:
            self._try(path, spec)
        except Ended as ended:
            raise _crashed(spec.name, ended, gpu=offloads) from None
        except ModelError:
            return
        self._records.put(run_key(shape, spec, offloads=offloads), Run(AS_IT_IS))


def first_that_works(
    path: Path, spec: ModelSpec, *, offloads: bool, try_: Try = try_in_child
) -> Run:
    """Try one way after the other until it does not crash.

    ModelError if it always does, with how it went as it is; or with what is wrong with the model.
    """
    first: Ended | None = None
    for way in ways_for(spec, offloads=offloads):
        try:
            try_(path, way.applied(spec))
        except Ended as ended:
            first = first or ended
            if ended.signal == OUT_OF_MEMORY:
                break
        else:
            return Run(way, first.reason, first.signal) if first else Run(way)
    assert first is not None
    raise _crashed(spec.name, first)


def run_key(shape: ModelShape, spec: ModelSpec, *, offloads: bool) -> str:
    """Return what decides whether a model runs, besides machine and build, as one line."""
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
