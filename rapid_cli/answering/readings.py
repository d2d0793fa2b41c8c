"""Planning what each model reads: the whole text where it fits, its best passages where not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rapid_cli.documents import STDIN, Document, Passage
from rapid_cli.errors import ContextFull
from rapid_cli.models.interface import (
    LanguageModel,
    PromptTokens,
    other_question,
    tokenize_prompt,
)
from rapid_cli.models.prompts import Turn, document_text, passages_text
from rapid_cli.retrieval.passages import about_budget, drafter_budget, joined, whole_sentences
from rapid_cli.retrieval.ranking import similar_enough
from rapid_cli.text.naming import title

Search = Callable[[int], list[Passage]]
"""Returns up to so many passages for the question at hand, best first."""

SMALLEST_TEXT = 32
"""A context with less room than this for the text answers nothing."""
SHORT_CHUNK = 32
"""Tokens of a short chunk: a budget divided by it is as many passages as can be needed."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one model reads before it answers.

    `reminded` is the prompt whose question ends with what to answer if the text does not tell.
    """

    prompt: PromptTokens
    text: str
    coverage: float
    passages: tuple[Passage, ...] = ()
    reminded: PromptTokens | None = None

    @property
    def size(self) -> int:
        """The tokens of the longer prompt."""
        return max(len(self.prompt), len(self.reminded or ()))

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole text, and so the same for every question."""
        return not self.passages


@dataclass(frozen=True, slots=True)
class Task:
    """A question about documents, and how much room its answer needs.

    `answer_room` counts the tokens kept free in each context: the answer and one draft. With a
    `reminder` the question is put a second time, with these words after it.
    """

    question: str
    documents: Sequence[Document]
    search: Search
    answer_room: int
    context_length: int | None = None
    retrieve_tokens: int | None = None
    turns: tuple[Turn, ...] = ()
    reminder: str = ""

    @property
    def title(self) -> str:
        """What the documents are called together."""
        names = ", ".join(document.name for document in self.documents[:3])
        more = len(self.documents) - 3
        return f"{names} and {more} more" if more > 0 else names

    @property
    def is_temporary(self) -> bool:
        """Whether any of it came by standard input, of which nothing is kept."""
        return any(document.path.startswith(STDIN) for document in self.documents)


def with_recent_turns(task: Task, model: LanguageModel) -> Task:
    """Drop the oldest turns until the rest leaves room for the text.

    That is the whole text if it fits at all, and otherwise half of the context for passages.
    """
    alone = replace(task, turns=())
    if not task.turns:
        return task
    room, text = _room(task, model), read_whole(alone, model).prompt.text_tokens
    needed = text if text + _overhead(alone, model) <= room else room // 2
    while task.turns and _overhead(task, model) + needed > room:
        task = replace(task, turns=task.turns[1:])
    return task


def read_whole(task: Task, model: LanguageModel) -> Reading:
    """Plan reading the documents whole, whether that fits or not."""
    return _reading(document_text(task.documents), task, model)


def fits(reading: Reading, task: Task, model: LanguageModel) -> bool:
    """Tell whether the model's context holds `reading` and an answer."""
    return reading.size <= _room(task, model)


def require_room(task: Task, model: LanguageModel) -> None:
    """Raise ContextFull if the model's context leaves no room for any text."""
    _text_room(task, model)


def read_what_fits(task: Task, model: LanguageModel) -> Reading:
    """Plan reading as many of the best passages as the context holds."""
    budget = _text_room(task, model)
    return _read_passages(task, model, budget, task.search(budget // SHORT_CHUNK + 1))


def read_passages(task: Task, model: LanguageModel, document_tokens: int) -> Reading:
    """Plan reading the passages that are similar to the question, a small part of the text."""
    budget = min(_wanted(task, document_tokens), _text_room(task, model))
    found = similar_enough(task.search(budget // SHORT_CHUNK + 1))
    return _read_passages(task, model, budget, found)


def is_short(task: Task, document_tokens: int) -> bool:
    """Tell whether the passages would be the whole text."""
    return document_tokens <= _wanted(task, document_tokens)


def _wanted(task: Task, document_tokens: int) -> int:
    """Return how many tokens of passages are wanted."""
    return task.retrieve_tokens or drafter_budget(document_tokens)


def _read_passages(task: Task, model: LanguageModel, budget: int, found: list[Passage]) -> Reading:
    names = {document.id: title(document.name) for document in task.documents}
    documents = {document.id: document for document in task.documents}
    limit = _room(task, model)
    ranked = about_budget(found, budget, lambda text: len(model.vocabulary.tokenize(text)))
    while True:
        whole = whole_sentences(ranked, documents)
        pieces = joined(whole, names)
        read = sum(len(piece.chunk.text) for piece in pieces)
        reading = _reading(passages_text(pieces, names), task, model, tuple(whole), read)
        # Headings and gap marks are not in the budget: drop the last few passages for them.
        if reading.size <= limit or len(ranked) <= 1:
            break
        ranked.pop()
    if reading.size > limit:
        raise _too_small(task, model)
    return reading


def _reading(
    text: str,
    task: Task,
    model: LanguageModel,
    passages: tuple[Passage, ...] = (),
    read: int = 0,
) -> Reading:
    prompt = tokenize_prompt(model.format.prompt(text, task.question, task.turns), model.vocabulary)
    reminded = _reminded(prompt, task, model)
    if not passages:
        return Reading(prompt, text, coverage=1.0, reminded=reminded)
    total = sum(len(document.text) for document in task.documents)
    return Reading(prompt, text, coverage=read / total, passages=passages, reminded=reminded)


def _reminded(prompt: PromptTokens, task: Task, model: LanguageModel) -> PromptTokens | None:
    """Return the prompt with the reminder, for a model that was taught to follow it."""
    if not task.reminder or not model.format.is_chat:
        return None
    asked = model.format.prompt("", f"{task.question}\n{task.reminder}", task.turns)
    return other_question(prompt, asked, model.vocabulary)


def _room(task: Task, model: LanguageModel) -> int:
    """Return how many tokens a prompt may have."""
    return _limit(task, model) - task.answer_room


def _limit(task: Task, model: LanguageModel) -> int:
    if task.context_length is None:
        return model.context_limit
    if task.context_length > model.context_limit:
        raise ContextFull(
            f"{model.name} reads at most {model.context_limit} tokens, not {task.context_length}",
            "give a shorter --context-length, or use a model made for longer texts",
        )
    return task.context_length


def _overhead(task: Task, model: LanguageModel) -> int:
    return _reading("", task, model).size


def _text_room(task: Task, model: LanguageModel) -> int:
    room = _room(task, model) - _overhead(task, model)
    if room < SMALLEST_TEXT:
        raise _too_small(task, model)
    return room


def _too_small(task: Task, model: LanguageModel) -> ContextFull:
    return ContextFull(
        f"a context of {_limit(task, model)} tokens leaves no room for the text beside the "
        f"question and an answer of up to {task.answer_room} tokens",
        "give a longer --context-length, a smaller --max-tokens or a shorter question",
    )
