"""Showing an answer and putting it into the history, for all commands that answer."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

from rich.console import Console

from rapid_cli.answering.answer import Answer, Event
from rapid_cli.cli.commands.choosing import Opened
from rapid_cli.cli.render.answers import (
    answer_view,
    render_answer,
    render_cut,
    render_sources,
    render_statistics,
)
from rapid_cli.cli.render.console import Bars
from rapid_cli.cli.render.report import Json, answer_json
from rapid_cli.errors import RapidError, StoreError


@dataclass(frozen=True, slots=True)
class Manner:
    """How answers are shown."""

    json: bool = False
    stream: bool = True
    statistics: bool = True
    texts: bool = False
    thinking: bool = False


def show(
    events: Generator[Event, None, None], opened: Opened, errors: Console, manner: Manner
) -> Answer:
    """Show an answer as it comes about, then what it rests on; and remember it."""
    view = answer_view(
        errors,
        json=manner.json,
        stream=manner.stream,
        statistics=manner.statistics,
        thinking=manner.thinking,
    )
    documents = opened.gathered.documents
    with closing(events), Bars(errors) as bars, closing(view):
        result = render_answer(events, view, bars, errors)
    record = answer_json(result, documents)
    if manner.json:
        print_json(record)
    else:
        render_cut(result, errors)
        render_sources(result, documents, errors, texts=manner.texts)
        if manner.statistics:
            render_statistics(result, errors)
    if opened.log:
        _remember(record, opened, errors)
    return result


def print_json(record: Json) -> None:
    """Print one object on one line, at once."""
    print(jsonlib.dumps(record, ensure_ascii=False), flush=True)


def error_json(question: str, error: RapidError) -> Json:
    """Return the object that stands for a question that could not be answered."""
    return {"question": question, "error": {"message": error.message, "hint": error.hint}}


def _remember(record: Json, opened: Opened, errors: Console) -> None:
    """Put an answer into the history, without the text of what came by standard input."""
    if opened.gathered.temporary:
        record = record | {"sources": []}
    try:
        opened.session.history.add(record)
    except StoreError as error:
        text = f"The answer is not in the history: {error.message}."
        errors.print(text, style="yellow", soft_wrap=True)
