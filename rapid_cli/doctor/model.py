"""One model of a pair: whether its file is whole, llama.cpp can run it, and how it will run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rapid_cli.doctor.findings import Finding, failure
from rapid_cli.errors import ModelError, RapidError
from rapid_cli.llama import (
    Outline,
    Vocabulary,
    engine,
    machine,
    may_fuse,
    read_format,
    read_shape,
    require_whole,
    will_offload,
)
from rapid_cli.models.memory import ModelShape
from rapid_cli.models.prompts import PromptFormat, Turn
from rapid_cli.models.specs import ModelSpec
from rapid_cli.preflight.preflight import require_opens
from rapid_cli.session.pairs import PairFiles, Pairs
from rapid_cli.text.sizes import megabytes


@dataclass(slots=True)
class CheckedModel:
    """A model in its role, and what was found of it; None is what could not be found or opened.

    It was `trained` on so many tokens, and a sliding `window` reaches so many back; 0 is not known,
    or none. The vocabulary of `outline` serves only while the pair is checked.
    """

    role: str
    spec: ModelSpec
    path: Path | None = None
    shape: ModelShape | None = None
    outline: Outline | None = None
    trained: int = 0
    window: int = 0
    findings: list[Finding] = field(default_factory=list)


def check_model(
    pairs: Pairs,
    opened: ExitStack,
    role: str,
    spec: ModelSpec,
    *,
    lower_precision: bool,
    again: str,
) -> CheckedModel:
    """Check what concerns one model alone; its outline stays open with `opened`.

    `again` is the command that tunes it, or nothing where there is none.
    """
    model = CheckedModel(role, spec)
    try:
        path, _ = pairs.find_model(spec)
        model.path = path
        shape, whole = read_shape(path), _check_extents(role, spec, path)
    except RapidError as error:
        model.findings.append(failure(f"{role} file", error))
        return model
    model.shape = shape
    model.trained, model.window = shape.context_length, shape.sliding_window
    model.findings.append(whole)
    if whole.verdict == "ok":
        model.findings += _check_outline(model, path, shape, opened)
    model.findings += (
        _check_context(model),
        _check_tuning(model, path, pairs, lower_precision=lower_precision, again=again),
        _check_run(model, path, pairs, lower_precision=lower_precision),
    )
    return model


def _check_extents(role: str, spec: ModelSpec, path: Path) -> Finding:
    """Compare the sizes of a model's files with what their headers say; ModelError for no GGUF."""
    label = read_format(path).label
    try:
        size = require_whole(path)
    except ModelError as error:
        return failure(f"{role} file", error)
    return Finding("ok", f"{role} file", f"{spec.name}: {path}, {megabytes(size)} in {label}")


def _check_outline(
    model: CheckedModel, path: Path, shape: ModelShape, opened: ExitStack
) -> Iterator[Finding]:
    """Let llama.cpp open a model without its weights, and check what it says of it."""
    try:
        require_opens(path, model.spec.name)
        outline = opened.enter_context(Outline(path, model.spec.name))
    except ModelError as error:
        yield failure(f"{model.role} architecture", error)
        return
    model.outline = outline
    model.trained, model.window = outline.context_limit, outline.window
    yield _check_architecture(model, shape)
    yield _check_template(model, outline)


def _check_architecture(model: CheckedModel, shape: ModelShape) -> Finding:
    said = f"{shape.architecture}, {shape.layers} layers"
    if model.window:
        fused = may_fuse(model.window, offloaded=will_offload(model.spec))
        slow = "" if fused else ", and flash attention is off on the CPU"
        said += f"; for its window of {model.window} tokens the cache is of full size{slow}"
    return Finding("ok", f"{model.role} architecture", said)


def _check_template(model: CheckedModel, outline: Outline) -> Finding:
    """Check the chat template, the one that models.toml gives or the file's own."""
    subject, given = f"{model.role} template", model.spec.chat_template
    if given == "":
        return Finding("ok", subject, "none, as models.toml says: it is asked in a plain format")
    template = given or outline.chat_template
    if not template:
        text = f"{model.spec.name} has no chat template: it is asked in a plain format"
        hint = 'a model made for chat needs one: chat_template = "FILE" in models.toml'
        return Finding("warning", subject, text, hint)
    whose = "the one of models.toml" if given else "its own"
    return _try_template(model, template, outline.vocabulary, whose)


def _try_template(model: CheckedModel, template: str, words: Vocabulary, whose: str) -> Finding:
    """Check that it renders questions and a conversation, and does what models.toml asks."""
    subject = f"{model.role} template"
    bos, eos = (words.text(token) if token >= 0 else "" for token in (words.bos, words.eos))
    try:
        asked = PromptFormat(template, bos=bos, eos=eos, reasoning=model.spec.reasoning)
    except ModelError as error:
        return failure(subject, error)
    try:
        asked.prompt("a text", "a question", (Turn("an earlier one", ()),))
    except ModelError as error:
        text = f"for one question only: {error.message}"
        return Finding("warning", subject, text, "`rapid chat` needs more")
    if unheard := asked.unheard_reasoning(model.spec.name):
        return Finding("warning", subject, unheard, "leave reasoning out, or give a chat_template")
    return Finding("ok", subject, f"{whose} works")


def _check_context(model: CheckedModel) -> Finding:
    """Check that models.toml gives a model no longer context than it can make sense of."""
    spec, subject = model.spec, f"{model.role} context"
    if not model.trained:
        return Finding("ok", subject, "the file does not say how long texts may be")
    said, most = f"trained on {model.trained} tokens", spec.scaled(model.trained)
    if spec.rope_scaling and spec.rope_factor:
        said += f", scaled {spec.rope_factor:g} times ({spec.rope_scaling}) to {most}"
    if spec.context_length is None:
        return Finding("ok", subject, said)
    said = f"{spec.context_length} tokens by models.toml, {said}"
    if spec.context_length <= most:
        return Finding("ok", subject, said)
    hint = f"set context_length = {most}, or scale it with rope_scaling and rope_factor"
    return Finding("warning", subject, f"{said}: beyond that answers get worse", hint)


def _check_tuning(
    model: CheckedModel, path: Path, pairs: Pairs, *, lower_precision: bool, again: str
) -> Finding:
    """Tell whether a model runs as it was tuned here."""
    subject = f"{model.role} tuning"
    if not model.spec.tuned:
        return Finding("ok", subject, "models.toml forbids it")
    is_tuned, note = tuning(pairs, path, model.spec, lower_precision=lower_precision)
    if is_tuned:
        return Finding("ok", subject, "tuned on this machine")
    hint = again and f"fastest settings: {again}"
    return Finding("warning", subject, note) if note else Finding("ok", subject, "not tuned", hint)


def tuning(pairs: Pairs, path: Path, spec: ModelSpec, *, lower_precision: bool) -> tuple[bool, str]:
    """Tell whether a file runs as it was tuned on this machine; if it was and does not, say why."""
    here = machine(gpu=spec.gpu_layers != 0)
    found, note = pairs.tuned.find(path, here, engine(), lower_precision=lower_precision)
    if found is not None:
        file = (path, spec)
        note = pairs.adjusted(PairFiles("", file, file, lower_precision))[0].note
    return found is not None and not note, note


def _check_run(model: CheckedModel, path: Path, pairs: Pairs, *, lower_precision: bool) -> Finding:
    """Tell whether a model runs here as it is, if that was seen."""
    subject = f"{model.role} run"
    run = pairs.seen_running(path, model.spec, lower_precision=lower_precision)
    if run is None:
        first = "not tried here yet: its first answer tries it in a process of its own"
        return Finding("ok", subject, first)
    if run.note:
        return Finding("warning", subject, f"{model.spec.name} {run.note}", run.remedy)
    return Finding("ok", subject, "was seen to run here as it is")
