"""One question of a pack, with its right answers, and how it is put to a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["free", "choice", "unanswerable"]

FEW_WORDS = "Answer with a few words."
LETTER_ALONE = "Answer with the letter alone."


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a document, and what is right: texts, or letters where there are choices.

    `document` is what the pack calls the document, empty where the question is about all that the
    command line names. `pages` are those, counted from 1, on which the evidence stands, if known.
    """

    pack: str
    id: str
    document: str
    text: str
    answers: tuple[str, ...] = ()
    choices: Mapping[str, str] = field(default_factory=dict)
    answerable: bool = True
    pages: tuple[int, ...] = ()

    @property
    def kind(self) -> Kind:
        """What its answer is measured by."""
        if not self.answerable:
            return "unanswerable"
        return "choice" if self.choices else "free"

    def instruction(self, wanted: str | None = None) -> str:
        """Return what a model reads after the question: choices, and how to answer.

        `wanted` takes the place of the usual words on how to answer.
        """
        usual = LETTER_ALONE if self.choices else FEW_WORDS
        lines = [f"{letter}. {text}" for letter, text in self.choices.items()]
        lines.append(usual if wanted is None else wanted)
        return "\n".join(line for line in lines if line)


def question_json(question: Question) -> dict[str, Any]:
    """Return a question as the object that files of results and prepared sets keep."""
    return {
        "pack": question.pack,
        "id": question.id,
        "document": question.document,
        "question": question.text,
        "answers": list(question.answers),
        "choices": dict(question.choices) or None,
        "answerable": question.answerable,
        "pages": list(question.pages) or None,
    }


def question_from(value: Mapping[str, Any]) -> Question:
    """Return the question that `question_json` made an object of; KeyError or TypeError if none."""
    return Question(
        pack=str(value["pack"]),
        id=str(value["id"]),
        document=str(value["document"]),
        text=str(value["question"]),
        answers=tuple(map(str, value["answers"])),
        choices=dict(value["choices"] or {}),
        answerable=bool(value["answerable"]),
        pages=tuple(map(int, value["pages"] or ())),
    )
