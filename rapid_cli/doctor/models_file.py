"""Checks of models.toml and of the models that it names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rapid_cli.doctor.examination import Examination
from rapid_cli.doctor.findings import Finding, NotChecked, counted, ok_unless
from rapid_cli.models import hub
from rapid_cli.models.memory import GIB
from rapid_cli.models.specs import SELF, ModelPair, ModelsFile

if TYPE_CHECKING:
    from rapid_cli.session.needs import PairRun

SHORT = 8192
"""A longest context below this is worth a warning: a chapter fits into it, a book does not."""
MORE = "`rapid models check` tells more"


def check_models_file(examination: Examination) -> Finding:
    """Read the models.toml in force."""
    found = examination.load_models_file()
    counts = f"{counted(len(found.models), 'model')}, {counted(len(found.pairs), 'pair')}"
    where = " (in the current folder)" if found.of_project else ""
    return Finding("ok", "models.toml", f"{found.source.absolute()}{where}: {counts}")


def check_default_pair(examination: Examination) -> Finding:
    """Check the pair that answers where nobody names another, as `rapid models check` does."""
    models_file = examination.models_file
    pair = models_file.pair(None)
    specs = [models_file.model(name) for name in pair.models]
    target, *_ = [hub.locate(spec.location, spec.name) for spec in specs]
    examination.require_engine()
    from rapid_cli.doctor.pair import check  # noqa: PLC0415 - loads a native library

    checked = check(examination.session.pairs, pair)
    for finding in checked.findings:
        if finding.verdict == "failure":
            return replace(finding, subject="pair", hint=finding.hint or MORE)
    assert checked.runs is not None, "both files were found"
    text = f"{pair.name}: {specs[0].name} {_drafts(examination, pair, target)}"
    if specs[0].rpc:
        return Finding("ok", "pair", f"{text}, on other machines")
    return _judge_room(text, checked.runs)


def _judge_room(text: str, runs: PairRun) -> Finding:
    """Tell how long a context of a pair fits the memory."""
    from rapid_cli.doctor.memory import longest_context  # noqa: PLC0415 - loads a native library

    fitting, memory = longest_context(runs)
    others = 0 if runs.shared else runs.drafter.shape.tensor_bytes
    text += f"; {(runs.target.shape.tensor_bytes + others) / GIB:.1f} GiB of weights"
    if not fitting:
        text += f" do not fit the {memory} with even a short context"
        return Finding("failure", "pair", text, f"free memory, or use a smaller model: {MORE}")
    text += f" and a context of {fitting:,} tokens fit the {memory}"
    return ok_unless(fitting < min(runs.target.limit, SHORT), "pair", text, MORE)


def _drafts(examination: Examination, pair: ModelPair, path: Path) -> str:
    """Tell what drafts for the target that lies at `path`."""
    if pair.drafter == SELF:
        return "drafts for itself"
    if pair.drafter_format is None:
        return f"with {pair.drafter} as drafter"
    copy = examination.session.pairs.copies.find(path, pair.drafter_format)
    when = "" if copy else ", made at the first question"
    return f"with a copy in {pair.drafter_format} as drafter{when}"


def check_other_pairs(examination: Examination) -> Finding:
    """Tell which of the other pairs could be used as they are."""
    models_file = examination.models_file
    others = [pair for name, pair in models_file.pairs.items() if name != models_file.default_pair]
    if not others:
        return Finding("ok", "other pairs", "models.toml names none")
    missing = {pair.name: _missing(models_file, pair) for pair in others}
    here = [name for name, lacking in missing.items() if not lacking]
    parts = [f"{len(here)} of {len(others)} are here" + (f": {', '.join(here)}" if here else "")]
    for pair in others:
        lacking = missing[pair.name]
        if 0 < len(lacking) < len(pair.models):
            parts.append(f"{pair.name} lacks {', '.join(lacking)}")
    if any(missing.values()):
        parts.append("`rapid models pull NAME` brings one")
    return Finding("ok", "other pairs", "; ".join(parts))


def _missing(models_file: ModelsFile, pair: ModelPair) -> list[str]:
    """Return the names of the models of a pair that are not here."""
    return [name for name in pair.models if hub.find(models_file.model(name).location) is None]


def check_tuning(examination: Examination) -> Finding:
    """Tell whether the model that answers was tuned on this machine."""
    models_file = examination.models_file
    pair = models_file.pair(None)
    spec = models_file.model(pair.target)
    path = hub.find(spec.location)
    if path is None:
        raise NotChecked(f"{spec.name} is not here")
    if not spec.tuned:
        return Finding("ok", "tuning", f"models.toml forbids it for {spec.name}")
    examination.require_engine()
    from rapid_cli.doctor.model import tuning  # noqa: PLC0415 - loads a native library

    pairs = examination.session.pairs
    is_tuned, note = tuning(pairs, path, spec, lower_precision=pair.lower_precision)
    if is_tuned:
        return Finding("ok", "tuning", f"{spec.name} runs as it was tuned on this machine")
    if note:
        return Finding("warning", "tuning", note.rstrip("."), "rapid models tune")
    faster = "`rapid models tune` finds what is fastest, in minutes"
    return Finding("ok", "tuning", f"{spec.name} was not tuned yet: {faster}")
