"""Checks of models.toml and of the models that it names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from rapid_cli.doctor.findings import Finding, Verdict
from rapid_cli.doctor.machine import counted
from rapid_cli.models import hub
from rapid_cli.models.memory import GIB, longest
from rapid_cli.models.specs import SELF, ModelPair, ModelsFile, ModelSpec

if TYPE_CHECKING:
    from rapid_cli.doctor.examination import Examination
    from rapid_cli.session.needs import PairRuns

SHORT = 8192
"""A longest context below this is worth a warning: a chapter fits into it, a book does not."""
MORE = "`rapid models check` tells more"


def check_models_file(examination: Examination) -> Iterator[Finding]:
    """Read the models.toml in force."""
    found = examination.load_models_file()
    counts = f"{counted(len(found.models), 'model')}, {counted(len(found.pairs), 'pair')}"
    yield Finding("ok", "models.toml", f"{found.source.absolute()}: {counts}")


def check_pair(examination: Examination) -> Iterator[Finding]:
    """Find the models that answer where nobody names others, and see that they fit the memory."""
    models_file = examination.models_file
    pair = models_file.pair(None)
    places = {name: _locate(models_file.model(name)) for name in pair.models}
    examination.require_engine()
    target = models_file.model(pair.target)
    text = f"{pair.name}: {target.name} {_drafts(examination, pair, places[pair.target])}"
    runs = _runs(examination, pair, places)
    if target.rpc:
        yield Finding("ok", "pair", f"{text}, on other machines")
        return
    fitting, memory = _longest_context(runs)
    others = 0 if runs.shared else runs.drafter.shape.tensor_bytes
    weights = f"{(runs.target.shape.tensor_bytes + others) / GIB:.1f} GiB of weights"
    if fitting:
        text = f"{text}; {weights} and a context of {fitting:,} tokens fit the {memory}"
        verdict: Verdict = "warning" if fitting < min(runs.target.limit, SHORT) else "ok"
        yield Finding(verdict, "pair", text, MORE if verdict == "warning" else "")
    else:
        message = f"{text}; {weights} do not fit the {memory} with even a short context"
        yield Finding("failure", "pair", message, f"free memory, or use a smaller model: {MORE}")


def _locate(spec: ModelSpec) -> Path:
    return hub.locate(spec.location, spec.name)


def _runs(examination: Examination, pair: ModelPair, places: dict[str, Path]) -> PairRuns:
    """Return how target and drafter of a pair will run; ModelError if that cannot be."""
    from rapid_cli.doctor.agreement import planned  # noqa: PLC0415
    from rapid_cli.doctor.model import Seen  # noqa: PLC0415
    from rapid_cli.llama import Outline, read_shape  # noqa: PLC0415

    pairs = examination.session.pairs
    with ExitStack() as opened:

        def seen(role: str, name: str) -> Seen:
            spec, path = examination.models_file.model(name), places[name]
            shape = read_shape(path)
            return Seen(role, spec, path, shape, opened.enter_context(Outline(path, name)))

        target = seen("target", pair.target)
        drafter = seen("drafter", pair.drafter) if len(pair.models) > 1 else None
        runs = planned(pairs, pair, pairs.roles(pair), target, drafter)
        assert runs is not None, "both files were found"
        return runs


def _longest_context(runs: PairRuns) -> tuple[int, str]:
    """Return the longest context that fits, 0 if none of use does, and the scarcer memory."""
    from rapid_cli.llama import free_memory  # noqa: PLC0415
    from rapid_cli.session.needs import memory_name  # noqa: PLC0415

    spec, limit = runs.target.spec, runs.target.limit
    free = {gpu: free_memory(gpu) for gpu in runs.memories}
    found = []
    for gpu, size in free.items():
        need_of = runs.need_of(gpu=gpu, free_gpu_bytes=free.get(True, 0))
        found.append((longest(need_of, size, limit, spec.k_type, spec.v_type), gpu))
    fitting, gpu = min(found, key=lambda each: each[0])  # GPUs come first
    return fitting, memory_name(gpu=gpu)


def _drafts(examination: Examination, pair: ModelPair, path: Path) -> str:
    """Tell what drafts for the target that lies at `path`."""
    if pair.drafter == SELF:
        return "drafts for itself"
    if pair.drafter_format is None:
        return f"with {pair.drafter} as drafter"
    copy = examination.session.pairs.copies.find(path, pair.drafter_format)
    when = "" if copy else ", made at the first question"
    return f"with a copy in {pair.drafter_format} as drafter{when}"


def check_other_pairs(examination: Examination) -> Iterator[Finding]:
    """Tell which of the other pairs could be used as they are."""
    models_file = examination.models_file
    others = [pair for name, pair in models_file.pairs.items() if name != models_file.default_pair]
    if not others:
        yield Finding("ok", "other pairs", "models.toml names none")
        return
    missing = {pair.name: _missing(models_file, pair) for pair in others}
    here = [name for name, lacking in missing.items() if not lacking]
    parts = [f"{len(here)} of {len(others)} are here" + (f": {', '.join(here)}" if here else "")]
    for pair in others:
        lacking = missing[pair.name]
        if 0 < len(lacking) < len(pair.models):
            parts.append(f"{pair.name} lacks {', '.join(lacking)}")
    if any(missing.values()):
        parts.append("`rapid models pull NAME` brings one")
    yield Finding("ok", "other pairs", "; ".join(parts))


def _missing(models_file: ModelsFile, pair: ModelPair) -> list[str]:
    """Return the names of the models of a pair that are not here."""
    return [name for name in pair.models if hub.find(models_file.model(name).location) is None]


def check_tuning(examination: Examination) -> Iterator[Finding]:
    """Tell whether the model that answers was tuned on this machine."""
    from rapid_cli.doctor.examination import NotChecked  # noqa: PLC0415

    models_file = examination.models_file
    pair = models_file.pair(None)
    spec = models_file.model(pair.target)
    path = hub.find(spec.location)
    if path is None:
        raise NotChecked(f"{spec.name} is not here")
    if not spec.tuned:
        yield Finding("ok", "tuning", f"models.toml forbids it for {spec.name}")
        return
    examination.require_engine()
    from rapid_cli.llama import engine, machine  # noqa: PLC0415

    tuned, note = examination.session.pairs.tuned.find(
        path, machine(gpu=spec.gpu_layers != 0), engine(), lower_precision=pair.lower_precision
    )
    if tuned:
        yield Finding("ok", "tuning", f"{spec.name} runs as it was tuned on this machine")
    elif note:
        yield Finding("warning", "tuning", note.rstrip("."), "rapid models tune")
    else:
        faster = "`rapid models tune` finds what is fastest, in minutes"
        yield Finding("ok", "tuning", f"{spec.name} was not tuned yet: {faster}")
