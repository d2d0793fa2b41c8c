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
from rapid_cli.models.templates.named import default_template
from rapid_cli.models.templates.rendering import Found, Request, render, unusable
from rapid_cli.models.templates.thoughts import THOUGHT, Around, preamble, skipped, tags
from rapid_cli.text.naming import title

INSTRUCTIONS = (
    "You answer questions about the text that the user gives you. "
    "Use only what the text says. If it does not hold the answer, say so. Be brief and exact."
)
ABSENT = "The text does not say."
REMINDER = f"If the text does not say it, answer: {ABSENT}"
"""Said at the end of a question. Models hear it better than what stands before a long text."""
OMISSION = "\n\n[...]\n\n"
# Private-use characters: no template trims or escapes them, and no template contains them.
_TEXT, _QUESTION = "\ue000text\ue001", "\ue000question\ue001"
_ANSWER, _FOLLOW_UP = "\ue000answer\ue001", "\ue000follow-up\ue001"
_USER = f"{_TEXT}\n\nQuestion: {_QUESTION}"


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
    a thought that is empty, so that it does not. `thinking` are the tags between which it may
    think; those without an end begin an answer, and are no part of it.
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
        self._found: Found | None = None
        self._reasoning = reasoning
        if template:
            template = default_template(template)
            asked = Request(template, bos, eos, reasoning, INSTRUCTIONS, _CONVERSATIONS)
            self._found = render(asked, kept)
        split = re.split(f"{_TEXT}|{_QUESTION}", self._text(0))
        if len(split) != 3:
            raise unusable("it does not repeat the message it is given")
        self._before, self._between, after = split
        around = self._around_thoughts(after)
        pairs = tags(around, template or "")
        self.preamble = preamble(after, pairs)
        self._after = after.removesuffix(self.preamble)
        self.thinking = (*skipped(around.answer, self._after, pairs), *pairs)

    @property
    def is_chat(self) -> bool:
        """Whether the model has a template, and so was taught to follow instructions."""
        return self._found is not None

    @property
    def switch(self) -> str:
        """By what the template tells the model to think, or not to; "" if it does not."""
        return self._found.switch if self._found else ""

    def unheard_reasoning(self, name: str) -> str:
        """Return a sentence if `reasoning` makes no difference to the model of this name, or ""."""
        if self._reasoning is None or self.switch:
            return ""
        said = f"reasoning = {str(self._reasoning).lower()} in models.toml changes nothing"
        if not self.is_chat:
            return f"{said}: {name} is asked in a plain format, without a chat template."
        return f"{said}: the chat template of {name} has no switch for thinking."

    @property
    def open_thought(self) -> str | None:
        """The tag that ends the thought which the answer begins with; None without a thought."""
        for opener, closer in self.thinking:
            if self.preamble.rstrip() == opener:
                return closer
        return None

    def beginning_like(self, other: PromptFormat) -> PromptFormat:
        """Return this format with the preamble of another, whose answers it is to go on with."""
        like = copy(self)
        like.preamble, like.thinking = other.preamble, other.thinking
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
        if self._found is None:
            return self._after, "\n\nQuestion: "
        split = _parts_of_two_questions(self._text(1))
        if not split:
            raise unusable("it does not repeat a conversation")
        begin, end = split
        return begin if begin.startswith(self._after) else self._after, end

    def _around_thoughts(self, prompt: str) -> Around:
        """What shows how a thought is told; `prompt` is what follows the last question."""
        if self._found is None:
            return Around("", "", "", prompt)
        _, two, thinking = (one.text for one in self._found.rendered)
        begin, _ = _parts_of_two_questions(two) or ("", "")
        split = re.split(f"{_QUESTION}|{THOUGHT}|{_ANSWER}", thinking)
        thought, closing = split[1:3] if len(split) == 4 else ("", "")
        return Around(thought, closing, begin, prompt)

    def _text(self, number: int) -> str:
        """Return what the template makes of a conversation; ModelError if it refused that."""
        if self._found is None:
            return _plain()
        rendered = self._found.rendered[number]
        if rendered.error:
            raise unusable(rendered.error)
        return rendered.text


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
_THINKING = (*_ONE_QUESTION, {"role": "assistant", "content": _ANSWER, "reasoning": THOUGHT})
_CONVERSATIONS = (_ONE_QUESTION, _TWO_QUESTIONS, _THINKING)


def _parts_of_two_questions(text: str) -> tuple[str, str] | None:
    """Return what stands before and after the answer between two questions, if it is once there."""
    split = re.split(f"{_QUESTION}|{_ANSWER}|{_FOLLOW_UP}", text)
    return (split[1], split[2]) if len(split) == 4 else None
