"""Target and drafter together: whether they share a vocabulary, and how they will run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rapid_cli.doctor.findings import Finding
from rapid_cli.doctor.model import Seen
from rapid_cli.errors import IncompatibleModels, RapidError
from rapid_cli.llama import check_pair, engine, machine, read_format, read_shape
from rapid_cli.models.specs import ModelPair
from rapid_cli.session.needs import PairRuns, Runs
from rapid_cli.session.pairs import PairFiles, Pairs, Roles


def check_vocabularies(target: Seen, drafter: Seen) -> Finding:
    """Tell whether the drafter's tokens are the target's."""
    for seen in (target, drafter):
        if seen.outline is None:
            return Finding(
                "warning", "vocabulary", f"not compared, for the {seen.role} cannot be opened"
            )
    assert target.outline is not None
    assert drafter.outline is not None
    try:
        common = check_pair(target.outline.vocabulary, drafter.outline.vocabulary)
    except IncompatibleModels as error:
        return Finding("failure", "vocabulary", error.message, error.hint)
    return Finding("ok", "vocabulary", f"{common} tokens in common")


def check_copy(pairs: Pairs, target: Seen, copied: str | None) -> Finding:
    """Tell with which of the target's weights the drafter works, where it has none of its own."""
    own = Finding("ok", "drafter", "the target's own weights, loaded once")
    if copied is None or target.path is None or target.shape is None:
        return own
    copy, weights = pairs.copies.find(target.path, copied), read_format(target.path)
    if copy is not None:
        megabytes = copy.stat().st_size / 1e6
        said = f"a copy of the target in {copied}, made already, {megabytes:,.0f} MB"
    elif weights.kind == copied:
        return replace(
            own,
            verdict="warning",
            text=f"the target's own weights, which are in {copied} already",
            hint='set drafter = "target" in models.toml',
        )
    else:
        megabytes = weights.copy_bytes(copied) / 1e6
        said = f"a copy of the target in {copied}, made with the first answer, {megabytes:,.0f} MB"
    return Finding("ok", "drafter", said)


def check_tuning(
    pairs: Pairs, model: Seen, *, lower_precision: bool, again: str
) -> Iterator[Finding]:
    """Tell whether a model runs as it was tuned here; `again` is the command that tunes it."""
    subject = f"{model.role} tuning"
    if model.path is None or model.shape is None:
        return
    if not model.spec.tuned:
        yield Finding("ok", subject, "models.toml forbids it")
        return
    found, note = pairs.tuned.find(
        model.path,
        machine(gpu=model.spec.gpu_layers != 0),
        engine(),
        lower_precision=lower_precision,
    )
    if found is not None:
        file = (model.path, model.spec)
        note = pairs.adjusted(PairFiles("", file, file, lower_precision))[0].note
    if note:
        yield Finding("warning", subject, note)
    elif found is None:
        yield Finding("ok", subject, "not tuned", again and f"fastest settings: {again}")
    else:
        yield Finding("ok", subject, "tuned on this machine")


def check_run(pairs: Pairs, model: Seen, *, lower_precision: bool) -> Iterator[Finding]:
    """Tell whether a model runs here as it is, if that was seen."""
    subject = f"{model.role} run"
    if model.path is None or model.shape is None:
        return
    run = pairs.seen_running(model.path, model.spec, lower_precision=lower_precision)
    if run is None:
        first = "not tried here yet: its first answer tries it in a process of its own"
        yield Finding("ok", subject, first)
    elif run.note:
        yield Finding("warning", subject, f"{model.spec.name} {run.note}", run.remedy)
    else:
        yield Finding("ok", subject, "was seen to run here as it is")


def planned(
    pairs: Pairs, pair: ModelPair, roles: Roles, target: Seen, drafter: Seen | None
) -> PairRuns | None:
    """Return how both will run; None if a file is not usable."""
    drafting = target if drafter is None else drafter
    if target.path is None or drafting.path is None or not (target.shape and drafting.shape):
        return None
    copy, drafts_as = None, drafting.spec
    if roles.copied:
        copy = pairs.copies.find(target.path, roles.copied)
        drafts_as = replace(drafts_as, name=f"{drafts_as.name} {roles.copied}")
    first, second = pairs.adjusted(
        PairFiles(
            pair.name,
            (target.path, target.spec),
            (copy or drafting.path, drafts_as),
            roles.lower_precision,
        )
    )
    try:
        reads = target.shape if first.path == target.path else read_shape(first.path)
        drafts = drafting.shape if second.path == drafting.path else read_shape(second.path)
    except RapidError:  # a damaged copy, which is said when it is loaded
        reads, drafts = target.shape, drafting.shape
    shared = first.runs_like(second)
    if roles.copied and copy is None:
        weights = read_format(target.path)
        shared = weights.kind == roles.copied
        if not shared:
            drafts = replace(drafts, tensor_bytes=weights.copy_bytes(roles.copied))
    return PairRuns(
        pair,
        Runs(first.spec, reads, target.window),
        Runs(second.spec, drafts, drafting.window),
        shared,
    )
