"""Prompt layout: instructions and text first, so that what was read can be reused; question last.

A prompt is a list of parts. Only parts that come from the model's own template are markup; what
documents and people say is plain text, whatever it looks like.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rapid_cli.documents import Document, Passage
from rapid_cli.models.templates.rendering import Rendered, Request, render, unusable
from rapid_cli.text.naming import title

INSTRUCTIONS = (
    "You answer questions about the text that the user gives you. "
    "Use only what the text says. If it does not hold the answer, say so. Be brief and exact."
)
ABSENT = "The text does not say."
REMINDER = f"If the text does not say it, answer: {ABSENT}"
"""Said at the end of a question. Models hear it better than what stands before a long text."""
OMISSION = "\n\n[...]\n\n"
THINKING = (
    ("<think>", "</think>"),
    ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<seed:think>", "</seed:think>"),
    ("<thought>", "</thought>"),
    ("◁think▷", "◁/think▷"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("<|channel|>final<|message|>", ""),
)
"""The tags between which models think before they answer; the last is a thought left out."""
# Private-use characters: no template trims or escapes them, and no template contains them.
_TEXT, _QUESTION = "\ue000text\ue001", "\ue000question\ue001"
_ANSWER, _FOLLOW_UP = "\ue000answer\ue001", "\ue000follow-up\ue001"
_USER = f"{_TEXT}\n\nQuestion: {_QUESTION}"
_PREAMBLE = re.compile(
    "|".join(rf"{re.escape(begin)}\s*({re.escape(end)}\s*)?$" for begin, end in THINKING)
)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a prompt; `markup` is tokenized with the model's control tokens."""

    text: str
    markup: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """A question of before, and the tokens of its answer."""

    question: str
    answer: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is read once for a text (`context`), and what the conversation about it adds.

    Answers of before are tokens already, so that a cache which has read them still fits.
    """

    context: tuple[Part, ...]
    question: tuple[Part | tuple[int, ...], ...]


class PromptFormat:
    """The way one model wants to be asked: its chat template, or a plain format without one.

    `preamble` is what a template lets the answer begin with: a tag after which the model thinks, or
    a thought that is empty, so that it does not.
    """

    def __init__(
        self,
        template: str | None,
        *,
        bos: str = "",
        eos: str = "",
        reasoning: bool | None = None,
        kept: Path | None = None,
    ) -> None:
        """Render `template` in a process of its own, since a GGUF file is untrusted input.

        `reasoning` tells it whether the model is to think first; None leaves that to it. What comes
        of it is kept in the folder `kept`, so that it need not be rendered again.
        """
        self._rendered: tuple[Rendered, ...] | None = None
        rendered = _plain()
        if template:
            asked = Request(template, bos, eos, reasoning, INSTRUCTIONS, _CONVERSATIONS)
            self._rendered = render(asked, kept)
            rendered = _text(self._rendered[0])
        split = re.split(f"{_TEXT}|{_QUESTION}", rendered)
        if len(split) != 3:
            raise unusable("it does not repeat the message it is given")
        self._before, self._between, after = split
        found = _PREAMBLE.search(after)
        self.preamble = found[0] if found else ""
        self._after = after.removesuffix(self.preamble)

    @property
    def is_chat(self) -> bool:
        """Whether the model has a template, and so was taught to follow instructions."""
        return self._rendered is not None

    @property
    def open_thought(self) -> str | None:
        """The tag that ends the thought which the answer begins with; None without a thought."""
        for opener, closer in THINKING:
            if self.preamble.rstrip() == opener:
                return closer
        return None

    def beginning_like(self, other: PromptFormat) -> PromptFormat:
        """Return this format with the preamble of another, whose answers it is to go on with."""
        like = copy(self)
        like.preamble = other.preamble
        return like

    def prompt(self, text: str, question: str, turns: Sequence[Turn] = ()) -> Prompt:
        """Lay out `text`, what was asked and answered before, and `question`."""
        parts: list[Part | tuple[int, ...]] = []
        opening = self._between
        for turn in turns:
            begin, end = self._around_answers
            # The thought that led to an answer is not told again, but an empty one is, so that
            # what was read still fits.
            if self.preamble and not self.open_thought:
                begin = self._after + self.preamble
            parts += [*self._asked(opening, turn.question, begin), turn.answer]
            opening = end
        parts += self._asked(opening, question, self._after + self.preamble)
        return Prompt((Part(self._before, markup=True), Part(text, markup=False)), tuple(parts))

    def _asked(self, opening: str, question: str, answering: str) -> list[Part]:
        return [
            Part(opening, markup=True),
            Part(question, markup=False),
            Part(answering, markup=True),
        ]

    @cached_property
    def _around_answers(self) -> tuple[str, str]:
        """What stands between a question of before and its answer, and from there to the next."""
        if self._rendered is None:
            return self._after, "\n\nQuestion: "
        split = re.split(f"{_QUESTION}|{_ANSWER}|{_FOLLOW_UP}", _text(self._rendered[1]))
        if len(split) != 4:
            raise unusable("it does not repeat a conversation")
        _, begin, end, _ = split
        return begin if begin.startswith(self._after) else self._after, end


def document_text(documents: Iterable[Document]) -> str:
    """Return whole documents as one text, each under its name when there are several."""
    texts = [(title(document.name), document.text) for document in documents]
    if len(texts) == 1:
        return texts[0][1]
    return "\n\n".join(f"# {name}\n\n{text}" for name, text in texts)


def passages_text(passages: Iterable[Passage], names: dict[str, str]) -> str:
    """Return passages in the order given; gaps are marked, and documents named if several."""
    pieces: list[str] = []
    previous: Passage | None = None
    for passage in passages:
        chunk = passage.chunk
        same = previous is not None and previous.chunk.document_id == chunk.document_id
        adjoining = same and previous is not None and previous.chunk.end == chunk.start
        if previous is not None and not adjoining:
            pieces.append(OMISSION)
        if not same and len(names) > 1:
            pieces.append(f"# {names[chunk.document_id]}\n\n")
        pieces.append(chunk.text if adjoining else chunk.text.lstrip())
        previous = passage
    return "".join(pieces).rstrip()


def _plain() -> str:
    return f"{INSTRUCTIONS}\n\n{_TEXT}\n\nQuestion: {_QUESTION}\nAnswer:"


_ONE_QUESTION = ({"role": "user", "content": _USER},)
_TWO_QUESTIONS = (
    *_ONE_QUESTION,
    {"role": "assistant", "content": _ANSWER},
    {"role": "user", "content": f"Question: {_FOLLOW_UP}"},
)
_CONVERSATIONS = (_ONE_QUESTION, _TWO_QUESTIONS)


def _text(rendered: Rendered) -> str:
    """Return what a template makes of a conversation; ModelError if it refused that."""
    if rendered.error:
        raise unusable(rendered.error)
    return rendered.text
