"""`rapid ask`, once its command line is understood."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import typer
from rich.console import Console

from rapid_cli.cli.boundary import SKIPPED, print_error
from rapid_cli.cli.commands.choosing import Opened, open_desk
from rapid_cli.cli.commands.opening import finish_index
from rapid_cli.cli.commands.showing import Manner, error_json, print_json, show
from rapid_cli.cli.options import Choices, sources_and_question
from rapid_cli.cli.render.console import console
from rapid_cli.cli.streams import require_input, require_output
from rapid_cli.config import expanded
from rapid_cli.errors import RapidError
from rapid_cli.library.sources import STANDARD_INPUT


def run(
    words: list[str], choices: Choices, *, questions: str | None, json: bool, stream: bool
) -> None:
    """Answer the question in `words`, or each line of `questions` about all of `words`."""
    require_output()
    manner = Manner(json, stream, not choices.no_stats, choices.show_context, choices.show_thinking)
    errors = console(quiet=choices.quiet)
    if questions is None:
        sources, question = sources_and_question(words, "ask")
        with open_desk(sources, choices, errors, several=False) as opened:
            show(opened.desk.ask(question, opened.options), opened, errors, manner)
            finish_index(opened.session.library, opened.gathered, errors)
        failed = False
    else:
        asked = _lines(questions, words)
        with open_desk(words, choices, errors, several=True) as opened:
            failed = _answer_each(asked, opened, errors, manner)
    if failed or opened.gathered.skipped:
        raise typer.Exit(SKIPPED)


def _answer_each(questions: Iterator[str], opened: Opened, errors: Console, manner: Manner) -> bool:
    """Answer one question after the other; tell whether any could not be answered."""
    failed = False
    for number, question in enumerate(questions):
        if not manner.json:
            if number:
                print()
            errors.print(f"Question: {question}", style="bold")
        try:
            show(opened.desk.ask(question, opened.options), opened, errors, manner)
        except RapidError as error:
            failed = True
            print_error(error)
            if manner.json:
                print_json(error_json(question, error))
        finish_index(opened.session.library, opened.gathered, errors)
    return failed


def _lines(questions: str, sources: list[str]) -> Iterator[str]:
    """Return the questions in a file or in standard input, one a line, as they come."""
    if questions == STANDARD_INPUT:
        if STANDARD_INPUT in sources:
            raise typer.BadParameter("questions and a text cannot both come by standard input")
        require_input()
        return _stripped(sys.stdin)
    path = expanded(questions)
    try:
        return _stripped(path.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text"
        raise typer.BadParameter(f"the questions in {path} cannot be read: {reason}") from error


def _stripped(lines: Iterable[str]) -> Iterator[str]:
    return (line.strip() for line in lines if line.strip())
