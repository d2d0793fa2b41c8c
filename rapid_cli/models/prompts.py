"""Prompt layout: instructions and text first, so that what was read can be reused; question last.

A prompt is a list of parts. Only parts that come from the model's own template are markup; what
documents and people say is plain text, whatever it looks like.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from itertools import product

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from rapid_cli.documents import Document, Passage
from rapid_cli.errors import ModelError
from rapid_cli.text.naming import title

INSTRUCTIONS = (
    "You answer questions about the text that the user gives you. "
    "Use only what the text says. If it does not hold the answer, say so. Be brief and exact."
)
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
    ) -> None:
        """Render `template` once, in Jinja's sandbox, since a GGUF file is untrusted input.

        `reasoning` tells it whether the model is to think first; None leaves that to it.
        """
        self._render = partial(_render, template or "", bos, eos, reasoning)
        self._has_template = bool(template)
        rendered = self._render(_ONE_QUESTION) if template else _plain()
        split = re.split(f"{_TEXT}|{_QUESTION}", rendered)
        if len(split) != 3:
            raise _bad_template(ValueError("it does not repeat the message it is given"))
        self._before, self._between, after = split
        found = _PREAMBLE.search(after)
        self.preamble = found[0] if found else ""
        self._after = after.removesuffix(self.preamble)

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
        if not self._has_template:
            return self._after, "\n\nQuestion: "
        rendered = self._render(_TWO_QUESTIONS)
        split = re.split(f"{_QUESTION}|{_ANSWER}|{_FOLLOW_UP}", rendered)
        if len(split) != 4:
            raise _bad_template(ValueError("it does not repeat a conversation"))
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


def _render(
    template: str, bos: str, eos: str, reasoning: bool | None, messages: Sequence[dict[str, str]]
) -> str:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = _raise
    # Templates call the switch by one of these names.
    switches = {} if reasoning is None else {"enable_thinking": reasoning, "thinking": reasoning}
    failure: Exception = ValueError("it leaves out what it is given")
    for given, said in product(_WITHOUT_AND_WITH_DATE, list(_ways_to_say(messages))):
        try:
            rendered = environment.from_string(template).render(
                messages=said,
                bos_token=bos,
                eos_token=eos,
                add_generation_prompt=True,
                **switches,
                **given,
            )
        except TemplateError as error:
            failure = error
        except Exception as error:  # a template is a program: it can fail in any way
            raise _bad_template(error) from error
        else:
            if INSTRUCTIONS in rendered:
                return rendered
    raise _bad_template(failure)


def _ways_to_say(messages: Sequence[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    """Yield the messages with the instructions as the system's, then with them in the first.

    Some templates (Gemma, Mistral) refuse or drop a system message.
    """
    first, *others = messages
    yield [{"role": "system", "content": INSTRUCTIONS}, *messages]
    yield [{"role": "user", "content": f"{INSTRUCTIONS}\n\n{first['content']}"}, *others]


def _now(layout: str) -> str:
    """Return the date for templates that insist on it; others do not get it.

    With a date in it, what was read would be of no use the next day.
    """
    return datetime.now().strftime(layout)


def _bad_template(error: Exception) -> ModelError:
    return ModelError(
        f"the model's chat template cannot be used: {error}",
        "download the model again, or use another one",
    )


def _raise(message: str) -> str:
    raise TemplateError(message)


_WITHOUT_AND_WITH_DATE: tuple[dict[str, Callable[[str], str]], ...] = ({}, {"strftime_now": _now})
