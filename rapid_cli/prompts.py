"""Prompt layout: instructions and text first, so that what was read can be reused; question last.

A prompt is a list of parts. Only parts that come from the model's own template are markup; what
documents and people say is plain text, whatever it looks like.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from rapid_cli.documents import Document, Passage
from rapid_cli.errors import ModelError

INSTRUCTIONS = (
    "You answer questions about the text that the user gives you. "
    "Use only what the text says. If it does not hold the answer, say so. Be brief and exact."
)
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
    """The way one model wants to be asked: its chat template, or a plain format without one."""

    def __init__(self, template: str | None, *, bos: str = "", eos: str = "") -> None:
        """Render `template` once, in Jinja's sandbox, since a GGUF file is untrusted input."""
        self._template, self._bos, self._eos = template, bos, eos
        rendered = _render(template, bos, eos, _ONE_QUESTION) if template else _plain()
        split = re.split(f"{_TEXT}|{_QUESTION}", rendered)
        if len(split) != 3:
            raise _bad_template(ValueError("it does not repeat the message it is given"))
        self._before, self._between, self._after = split

    def prompt(self, text: str, question: str, turns: Sequence[Turn] = ()) -> Prompt:
        """Lay out `text`, what was asked and answered before, and `question`."""
        parts: list[Part | tuple[int, ...]] = []
        opening = self._between
        for turn in turns:
            parts += [*self._asked(opening, turn.question), turn.answer]
            opening = self._between_turns
        parts += self._asked(opening, question)
        return Prompt((Part(self._before, markup=True), Part(text, markup=False)), tuple(parts))

    def _asked(self, opening: str, question: str) -> list[Part]:
        return [
            Part(opening, markup=True),
            Part(question, markup=False),
            Part(self._after, markup=True),
        ]

    @cached_property
    def _between_turns(self) -> str:
        """What stands between an answer and the next question."""
        if self._template is None:
            return "\n\nQuestion: "
        rendered = _render(self._template, self._bos, self._eos, _TWO_QUESTIONS)
        split = re.split(f"{_ANSWER}|{_FOLLOW_UP}", rendered)
        if len(split) != 3:
            raise _bad_template(ValueError("it does not repeat a conversation"))
        return split[1]


def document_text(documents: Iterable[Document]) -> str:
    """Return whole documents as one text, each under its name when there are several."""
    texts = [(document.name, document.text) for document in documents]
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


def _render(template: str, bos: str, eos: str, messages: Sequence[dict[str, str]]) -> str:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = _raise
    system = {"role": "system", "content": INSTRUCTIONS}
    # Some templates (Gemma, Mistral) refuse or drop a system message: the instructions go first
    # in the user's instead.
    first, *others = messages
    merged = {"role": "user", "content": f"{INSTRUCTIONS}\n\n{first['content']}"}
    failure: Exception = ValueError("it leaves out what it is given")
    for said in ([system, *messages], [merged, *others]):
        try:
            rendered = environment.from_string(template).render(
                messages=said, bos_token=bos, eos_token=eos, add_generation_prompt=True
            )
        except TemplateError as error:
            failure = error
        except Exception as error:  # a template is a program: it can fail in any way
            raise _bad_template(error) from error
        else:
            if INSTRUCTIONS in rendered:
                return rendered
    raise _bad_template(failure)


def _bad_template(error: Exception) -> ModelError:
    return ModelError(
        f"the model's chat template cannot be used: {error}",
        "download the model again, or use another one",
    )


def _raise(message: str) -> str:
    raise TemplateError(message)
