"""Answers as an evaluation records them, without any model."""

from __future__ import annotations

from typing import Any

from rapid_cli.answering.strategies import STRATEGIES
from rapid_cli.evaluation.questions import Question
from rapid_cli.evaluation.results import Record
from rapid_cli.evaluation.variants import Grid, Variant, variants
from rapid_cli.models.specs import ModelPair

MODELS = {"target": "a.gguf", "drafter": "b.gguf"}
PAIR = ModelPair("mine", "a", "b")
PLAIN, RAG, RAPID = variants(
    [PAIR], Grid([STRATEGIES[name] for name in ("long-context", "rag", "rapid")])
)


def make_question(number: int, document: str = "d", pack: str = "p", **more: Any) -> Question:
    return Question(pack, str(number), document, f"Who is {number}?", ("Edith",), **more)


def make_record(
    question: Question, variant: Variant = PLAIN, answer: str = "Edith", **more: Any
) -> Record:
    return Record(question, variant.name, variant.settings, MODELS, answer, **more)
