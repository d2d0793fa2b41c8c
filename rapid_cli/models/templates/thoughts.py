"""The tags between which a model thinks, as what its chat template writes shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

Tags = tuple[str, str]
"""What a thought begins with, and what it ends with."""
USUAL: tuple[Tags, ...] = (
    ("<think>", "</think>"),
    ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<thought>", "</thought>"),
    ("◁think▷", "◁/think▷"),
    ("<|channel>thought", "<channel|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("<|channel|>final<|message|>", ""),
)
"""For templates that say nothing of thoughts; the last is a thought left out."""
LONGEST_TAG = 100
"""Characters of a tag; a longer one is a text that says what is no tag."""
MOST_NAMES = 8
"""Tags by their names; a template has one or two."""
# Private-use characters: no template trims or escapes them, and no template contains them.
THOUGHT = "\ue000thought\ue001"
_PRIVATE = re.compile("[\ue000\ue001]")
_PIECE = re.compile(r"<[^<>\s]*>|\[[^\[\]\s]*\]|\s+|[^\s<\[]+|.")
_LAST_TAG = re.compile(r"(?:<[^<>\s]+>|\[[^\[\]\s]+\]|◁[^◁▷\s]+▷)\Z")
_TWO_TAGS = re.compile(r"(<[^<>\s]+>)\s*(<[^<>\s]+>)\Z")
_BRACKETED = re.compile(r"[<\[◁].*[>\]▷]\Z")
_NAMED = re.compile(r"</([\w:-]{0,32}(?:think|thought|reason)[\w:-]{0,32})>", re.IGNORECASE)
_MIRRORED = (
    (r"^([<\[◁])", r"\1/"),
    ("START", "END"),
    ("begin", "end"),
    ("prefix", "suffix"),
    ("open", "close"),
)
"""How the tag that closes differs from the one that opens."""


@dataclass(frozen=True, slots=True)
class Around:
    """What a template writes from a question on: to the thought, and from there to the answer.

    `answer` is what it writes to an answer without a thought, and `prompt` where the model is to
    go on. Each is "" where the template does not write that.
    """

    thought: str
    closing: str
    answer: str
    prompt: str


def tags(around: Around, source: str) -> tuple[Tags, ...]:
    """Return the tags of thoughts that a template shows, and the usual ones."""
    known: dict[str, str] = {}
    for opener, closer in (*_written(around), *_opened(around, source), *_named(source), *USUAL):
        known.setdefault(opener, closer)
    return tuple(known.items())


def preamble(prompt: str, pairs: Iterable[Tags]) -> str:
    """Return the tag, or the thought left empty, that ends a prompt; "" if there is none."""
    bare = prompt.rstrip()
    for opener, closer in pairs:
        inner = bare.removesuffix(closer).rstrip() if closer else bare
        if inner.endswith(opener):
            return prompt[len(inner) - len(opener) :]
        if bare.endswith(opener):
            return prompt[len(bare) - len(opener) :]
    return ""


def skipped(answer: str, prompt: str, pairs: Iterable[Tags]) -> tuple[Tags, ...]:
    """Return what stands between a prompt and an answer without a thought: it is not shown.

    A model for which the template writes such a mark writes it itself when it answers.
    """
    mark = answer.removeprefix(prompt).strip()
    begun = answer.startswith(prompt) and _is_tag(mark) and _BRACKETED.match(mark)
    return () if not begun or any(map(mark.startswith, dict(pairs))) else ((mark, ""),)


def _written(around: Around) -> Iterator[Tags]:
    """Yield the tags that a template writes around a thought."""
    closer, rest = _split(around.closing.strip())
    opener = _opener(around, closer) if _is_tag(closer) else ""
    if _is_tag(opener):
        yield opener, closer
        if _is_tag(rest):
            yield rest, ""


def _split(closing: str) -> Tags:
    """Return the tag that ends a thought, and the one with which the answer then begins, or ""."""
    if two := _TWO_TAGS.match(closing):
        return two[1], two[2]
    closer, _, rest = closing.partition("\n")
    return closer.strip(), rest.strip()


def _opener(around: Around, closer: str) -> str:
    """Return what stands before a thought and belongs to it; "" if that cannot be told."""
    header = _common([around.thought, around.answer, around.prompt])
    opener = around.thought.removeprefix(header).strip() if header.strip() else ""
    if opener:
        return opener
    begun = around.prompt.removeprefix(around.thought).strip()
    if around.prompt.startswith(around.thought) and begun:  # for the model alone, or it is empty
        return _last_tag(around.thought) if begun.startswith(closer) else begun
    empty = around.answer.removeprefix(header).strip().startswith(closer)
    return _last_tag(around.thought) if empty or not header.strip() else ""


def _opened(around: Around, source: str) -> Iterator[Tags]:
    """Yield the tag with which a prompt ends and answers of before do not, and its counterpart."""
    header = _common([around.answer, around.prompt])
    opener = _last_tag(around.prompt.removeprefix(header))
    for written, other in _MIRRORED:
        closer = re.sub(written, other, opener)
        if closer != opener and closer in source:
            yield opener, closer
            return


def _named(source: str) -> Iterator[Tags]:
    """Yield tags whose names say what they are for, if a template has the one that closes."""
    for name in sorted(set(_NAMED.findall(source)))[:MOST_NAMES]:
        yield f"<{name}>", f"</{name}>"


def _last_tag(text: str) -> str:
    found = _LAST_TAG.search(text.rstrip()[-LONGEST_TAG:])
    return found[0] if found else ""


def _is_tag(text: str) -> bool:
    return 0 < len(text) <= LONGEST_TAG and not _PRIVATE.search(text)


def _common(texts: Sequence[str]) -> str:
    """Return what texts begin with alike, up to a whole tag; those that are empty do not count."""
    split = [_PIECE.findall(text) for text in texts if text]
    alike = []
    for pieces in zip(*split, strict=False):
        if len(set(pieces)) > 1:
            break
        alike.append(pieces[0])
    return "".join(alike)
