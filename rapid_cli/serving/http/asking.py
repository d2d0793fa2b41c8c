"""A question of a client, and what it is told while the answer comes about."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from typing import NamedTuple

from rapid_cli.answering.answer import (
    Decoded,
    Drafted,
    Event,
    Finished,
    Note,
    Piece,
    Prefilled,
    Retrieved,
    Thought,
)
from rapid_cli.api.answers import Answered
from rapid_cli.api.choices import Choices
from rapid_cli.api.rapid import Rapid, Said
from rapid_cli.api.report import Json, coverage_note
from rapid_cli.documents import Document
from rapid_cli.models.specs import ModelsFile
from rapid_cli.serving.http.errors import Refused
from rapid_cli.serving.http.subjects import Subjects
from rapid_cli.serving.worker import Work
from rapid_cli.session.offers import is_here


class Told(NamedTuple):
    """What a client is told: the name of an event, and what it says."""

    name: str
    data: Json


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and how; `sources` are names of documents, None stands for the default."""

    text: str
    sources: tuple[str, ...] | None = None
    choices: Choices = field(default_factory=Choices)
    said: tuple[Said, ...] = ()
    instruction: str = ""


def answering(question: Question, subjects: Subjects) -> Work[Told]:
    """Return the work of answering a question; the last thing that it tells is `answer`."""

    def work(rapid: Rapid) -> Generator[Told, None, None]:
        gathered = subjects.chosen(rapid, question.sources)
        events = rapid.stream(
            question.text,
            gathered,
            question.choices,
            said=question.said,
            instruction=question.instruction,
        )
        with closing(events):
            for event in events:
                yield _told(event, gathered.documents)

    return work


def _told(event: Event, documents: dict[str, Document]) -> Told:
    match event:
        case Prefilled(role=role, done=done, total=total):
            told = Told("progress", {"role": role, "done": done, "total": total})
        case Retrieved(coverage=coverage, truncated=truncated):
            note = coverage_note(coverage, truncated=truncated)
            told = Told("retrieved", {"coverage": round(coverage, 4), "note": note})
        case Note(text=text):
            told = Told("note", {"text": text})
        case Drafted(text=text):
            told = Told("draft", {"text": text})
        case Thought(text=text):
            told = Told("thought", {"text": text})
        case Piece(text=text, origin=origin):
            told = Told("piece", {"text": text, "origin": origin})
        case Decoded():
            told = Told("statistics", _statistics(event))
        case Finished(answer=answer):
            told = Told("answer", Answered(answer, documents).as_json())
    return told


def _statistics(event: Decoded) -> Json:
    """Return how decoding goes; the counts go on while this is told, so they are taken now."""
    stats, seconds = event.stats, event.seconds
    return {
        "tokens": stats.tokens,
        "drafted": stats.drafted,
        "accepted": stats.accepted,
        "mean_acceptance_length": stats.mean_acceptance_length,
        "seconds": round(seconds, 4),
        "tokens_per_second": round(stats.tokens / seconds, 4) if seconds else None,
    }


def require_pair(name: str, models_file: ModelsFile, default: str) -> None:
    """Refuse a pair that is not known, or whose files are not here; the `default` is."""
    if name == default:
        return
    if name not in models_file.pairs:
        known = ", ".join(pairs_here(models_file, default))
        message, hint = f"there is no model {name[:100]!r}", f"known are: {known}"
        raise Refused(404, message, hint, param="model", code="model_not_found")
    if not is_here(models_file, models_file.pairs[name]):
        message, hint = f"the files of {name} are not here", f"`rapid models pull {name}` gets them"
        raise Refused(404, message, hint, param="model", code="model_not_found")


def pairs_here(models_file: ModelsFile, default: str) -> list[str]:
    """Return the names of the pairs that can answer, the default first."""
    others = [
        name
        for name, pair in models_file.pairs.items()
        if name != default and is_here(models_file, pair)
    ]
    return [default, *others]
