"""Target and drafter together: whether they share a vocabulary, and how they will run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rapid_cli.doctor.findings import Finding, failure
from rapid_cli.doctor.model import CheckedModel
from rapid_cli.errors import IncompatibleModels, RapidError
from rapid_cli.llama import check_pair, read_format, read_shape
from rapid_cli.models.memory import ModelShape
from rapid_cli.models.specs import ModelPair
from rapid_cli.session.needs import ModelRun, PairRun
from rapid_cli.session.pairs import PairFiles, Pairs, Roles
from rapid_cli.text.sizes import megabytes


def check_vocabularies(target: CheckedModel, drafter: CheckedModel) -> Finding:
    """Tell whether the drafter's tokens are the target's."""
    if target.outline is None or drafter.outline is None:
        closed = drafter if target.outline else target
        text = f"not compared, for the {closed.role} cannot be opened"
        return Finding("warning", "vocabulary", text)
    try:
        common = check_pair(target.outline.vocabulary, drafter.outline.vocabulary)
    except IncompatibleModels as error:
        return failure("vocabulary", error)
    return Finding("ok", "vocabulary", f"{common} tokens in common")


def check_own_weights(pairs: Pairs, target: CheckedModel, copied: str | None) -> Finding:
    """Tell which of the target's weights draft: its own, or a copy in the format `copied`."""
    if copied is None or target.path is None or target.shape is None:
        return Finding("ok", "drafter", "the target's own weights, loaded once")
    copy, weights = pairs.copies.find(target.path, copied), read_format(target.path)
    if copy is not None:
        made, size = "made already", copy.stat().st_size
    elif weights.kind == copied:
        text = f"the target's own weights, which are in {copied} already"
        return Finding("warning", "drafter", text, 'set drafter = "target" in models.toml')
    else:
        made, size = "made with the first answer", weights.copy_bytes(copied)
    text = f"a copy of the target in {copied}, {made}, {megabytes(size)}"
    return Finding("ok", "drafter", text)


def planned_runs(
    pairs: Pairs, pair: ModelPair, roles: Roles, target: CheckedModel, drafter: CheckedModel | None
) -> PairRun | None:
    """Return how both will run; None if a file is not usable."""
    drafting = target if drafter is None else drafter
    if target.path is None or target.shape is None:
        return None
    if drafting.path is None or drafting.shape is None:
        return None
    copy, drafts_as = None, drafting.spec
    if roles.copied:
        copy = pairs.copies.find(target.path, roles.copied)
        drafts_as = replace(drafts_as, name=f"{drafts_as.name} {roles.copied}")
    reading_file, drafting_file = (target.path, target.spec), (copy or drafting.path, drafts_as)
    files = PairFiles(pair.name, reading_file, drafting_file, roles.lower_precision)
    first, second = pairs.adjusted(files)
    reads = _shape_at(first.path, target.path, target.shape)
    drafts = _shape_at(second.path, drafting.path, drafting.shape)
    shared = first.runs_like(second)
    if roles.copied and copy is None:  # it will be made, and is smaller or larger than the file
        weights = read_format(target.path)
        shared = weights.kind == roles.copied
        if not shared:
            drafts = replace(drafts, tensor_bytes=weights.copy_bytes(roles.copied))
    reading = ModelRun(first.spec, reads, target.window)
    return PairRun(pair, reading, ModelRun(second.spec, drafts, drafting.window), shared)


def _shape_at(path: Path, checked: Path, shape: ModelShape) -> ModelShape:
    """Return the shape of the `checked` file, or of the copy at `path` that runs in its place."""
    try:
        return shape if path == checked else read_shape(path)
    except RapidError:  # a damaged copy, which is said when it is loaded
        return shape
