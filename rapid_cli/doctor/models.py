"""Checks of models.toml and of the models that it names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rapid_cli import hub
from rapid_cli.config import SELF, ModelPair, ModelsFile, ModelSpec
from rapid_cli.doctor.machine import counted
from rapid_cli.findings import Finding, Verdict
from rapid_cli.memory import GIB, MemoryNeed, NeedOf, estimate, longest

if TYPE_CHECKING:
    from rapid_cli.doctor.examination import Examination
    from rapid_cli.memory import ModelShape

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
    target = models_file.model(pair.target)
    path = hub.locate(target.location, target.name)
    drafter = models_file.model(pair.drafter) if len(pair.models) > 1 else None
    drafter_path = hub.locate(drafter.location, drafter.name) if drafter else None
    examination.require_engine()
    from rapid_cli.llama import free_memory, read_shape, will_offload  # noqa: PLC0415

    shape = read_shape(path)
    others = read_shape(drafter_path).tensor_bytes if drafter_path else 0
    limit = target.context_length or target.scaled(shape.context_length)
    text = f"{pair.name}: {target.name} {_drafts(examination, pair, path)}"
    if target.rpc:
        yield Finding("ok", "pair", f"{text}, on other machines")
        return
    offloaded = will_offload(target)
    fitting = longest(_need_of(target, shape, others), free_memory(offloaded), limit)
    memory = "GPU memory" if offloaded else "memory"
    weights = f"{(shape.tensor_bytes + others) / GIB:.1f} GiB of weights"
    if fitting:
        text = f"{text}; {weights} and a context of {fitting:,} tokens fit the {memory}"
        verdict: Verdict = "warning" if fitting < min(limit, SHORT) else "ok"
        yield Finding(verdict, "pair", text, MORE if verdict == "warning" else "")
    else:
        message = f"{text}; {weights} do not fit the {memory} with even a short context"
        yield Finding("failure", "pair", message, f"free memory, or use a smaller model: {MORE}")


def _drafts(examination: Examination, pair: ModelPair, path: Path) -> str:
    """Tell what drafts for the target that lies at `path`."""
    if pair.drafter == SELF:
        return "drafts for itself"
    if pair.drafter_format is None:
        return f"with {pair.drafter} as drafter"
    copy = examination.session.pairs.copies.find(path, pair.drafter_format)
    when = "" if copy else ", made at the first question"
    return f"with a copy in {pair.drafter_format} as drafter{when}"


def _need_of(spec: ModelSpec, shape: ModelShape, other_bytes: int) -> NeedOf:
    """Return what a model needs beside `other_bytes` of a drafter's weights."""
    from rapid_cli.llama import batch_sizes, will_offload  # noqa: PLC0415

    offloaded = will_offload(spec)
    batch = batch_sizes(spec, offloaded=offloaded, rows=1)[1]

    def need_of(length: int, k_type: str, v_type: str) -> MemoryNeed:
        del k_type, v_type  # as models.toml says
        need = estimate(
            shape,
            length=length,
            rows=1,
            batch=batch,
            k_type=spec.k_type,
            v_type=spec.v_type,
            flash_attention=spec.flash_attention,
            offloaded=offloaded,
        )
        return need + MemoryNeed(other_bytes, 0, 0)

    return need_of


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
