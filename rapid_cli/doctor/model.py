"""One model of a pair: whether it is here, whole, of a kind that can run, and how it is asked."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rapid_cli.doctor.findings import Finding
from rapid_cli.errors import ModelError, RapidError
from rapid_cli.llama import Outline, may_fuse, read_extents, read_format, read_shape, will_offload
from rapid_cli.models.memory import ModelShape
from rapid_cli.models.prompts import PromptFormat, Turn
from rapid_cli.models.specs import ModelSpec

Find = Callable[[ModelSpec], tuple[Path, ModelSpec]]


@dataclass(slots=True)
class Seen:
    """What is known of a model; None is what could not be found, read or opened.

    `outline` serves only while the pair is checked.
    """

    role: str
    spec: ModelSpec
    path: Path | None = None
    shape: ModelShape | None = None
    outline: Outline | None = None

    @property
    def window(self) -> int:
        """Tokens that a sliding window reaches back; 0 without one."""
        if self.outline is not None:
            return self.outline.window
        return self.shape.sliding_window if self.shape else 0

    @property
    def trained(self) -> int:
        """The tokens it was trained on; 0 where the file does not say."""
        if self.outline is not None:
            return self.outline.context_limit
        return self.shape.context_length if self.shape else 0

    @property
    def made_for(self) -> int:
        """The most tokens it can make sense of, scaled as models.toml says."""
        return self.spec.scaled(self.trained)

    @property
    def context_limit(self) -> int:
        """The most tokens it may read here."""
        return self.spec.context_length or self.made_for


def check_model(
    role: str, spec: ModelSpec, find: Find, opened: ExitStack
) -> Generator[Finding, None, Seen]:
    """Check what concerns one model alone; its outline stays open with `opened`."""
    seen = Seen(role, spec)
    try:
        path, _ = find(spec)
        seen.path = path
        shape, whole = read_shape(path), _check_extents(role, spec, path)
        seen.shape = shape
    except RapidError as error:
        yield _failure(f"{role} file", error)
        return seen
    yield whole
    if whole.verdict == "ok":
        try:
            seen.outline = opened.enter_context(Outline(path, spec.name))
        except ModelError as error:
            yield _failure(f"{role} architecture", error)
        else:
            yield _architecture(seen, shape)
            yield from _template(seen, seen.outline)
    yield _context(seen)
    return seen


def _failure(subject: str, error: RapidError) -> Finding:
    return Finding("failure", subject, error.message, error.hint)


def _check_extents(role: str, spec: ModelSpec, path: Path) -> Finding:
    """Compare the sizes of a model's files with what their headers say; ModelError for no GGUF."""
    extents, label = read_extents(path), read_format(path).label
    sizes = {file: file.stat().st_size for file in extents}
    for file, needed in extents.items():
        if sizes[file] < needed:
            return Finding(
                "failure",
                f"{role} file",
                f"{file} is truncated: it has {sizes[file]:,} of {needed:,} bytes",
                "download the file again",
            )
    megabytes = sum(sizes.values()) / 1e6
    return Finding("ok", f"{role} file", f"{spec.name}: {path}, {megabytes:,.0f} MB in {label}")


def _architecture(seen: Seen, shape: ModelShape) -> Finding:
    said = f"{shape.architecture}, {shape.layers} layers"
    if seen.window:
        offloaded = will_offload(seen.spec)
        fused = may_fuse(seen.window, offloaded=offloaded)
        slow = "" if fused else ", and flash attention is off on the CPU"
        said += f"; for its window of {seen.window} tokens the cache is of full size{slow}"
    return Finding("ok", f"{seen.role} architecture", said)


def _template(seen: Seen, outline: Outline) -> Iterator[Finding]:
    """Check that the chat template renders, the one that models.toml gives or the file's own."""
    subject, given = f"{seen.role} template", seen.spec.chat_template
    template = given or outline.chat_template
    if not template:
        yield Finding(
            "warning",
            subject,
            f"{seen.spec.name} has no chat template: it is asked in a plain format",
            'a model made for chat needs one: chat_template = "FILE" in models.toml',
        )
        return
    words = outline.vocabulary
    bos, eos = (words.text(token) if token >= 0 else "" for token in (words.bos, words.eos))
    try:
        asked = PromptFormat(template, bos=bos, eos=eos)
    except ModelError as error:
        yield _failure(subject, error)
        return
    try:
        asked.prompt("a text", "a question", (Turn("an earlier one", ()),))
    except ModelError as error:
        yield Finding(
            "warning", subject, f"for one question only: {error.message}", "`rapid chat` needs more"
        )
        return
    whose = "the one of models.toml" if given else "its own"
    yield Finding("ok", subject, f"{whose} works")


def _context(seen: Seen) -> Finding:
    """Check that models.toml gives a model no longer context than it can make sense of."""
    spec, subject = seen.spec, f"{seen.role} context"
    if not seen.trained:
        return Finding("ok", subject, "the file does not say how long texts may be")
    said = f"trained on {seen.trained} tokens"
    if spec.rope_scaling and spec.rope_factor:
        said += f", scaled {spec.rope_factor:g} times ({spec.rope_scaling}) to {seen.made_for}"
    if spec.context_length is None:
        return Finding("ok", subject, said)
    said = f"{spec.context_length} tokens by models.toml, {said}"
    if spec.context_length <= seen.made_for:
        return Finding("ok", subject, said)
    return Finding(
        "warning",
        subject,
        f"{said}: beyond that answers get worse",
        f"set context_length = {seen.made_for}, or scale it with rope_scaling and rope_factor",
    )
