"""`rapid ask`, once its command line is understood."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import typer

from rapid_cli.cli.boundary import SKIPPED
from rapid_cli.cli.commands.opening import Answering, open_answering, sources_and_question
from rapid_cli.cli.options.answering import AskOptions
from rapid_cli.cli.streams import require_input, require_output
from rapid_cli.config import expanded
from rapid_cli.errors import RapidError
from rapid_cli.library.sources import STANDARD_INPUT


def run(options: AskOptions) -> None:
    """Answer the question among the words, or each line of `questions` about all of the words."""
    require_output()
    words = options.words or []
    if options.questions is None:
        sources, question = sources_and_question(words, "ask")
        with open_answering(sources, options, several=False) as answering:
            answering.ask(question)
            answering.finish_index()
        failed = False
    else:
        questions = _lines(options.questions, words)
        with open_answering(words, options, several=True) as answering:
            failed = _answer_each(questions, answering)
    if failed or answering.gathered.skipped:
        raise typer.Exit(SKIPPED)


def _answer_each(questions: Iterator[str], answering: Answering) -> bool:
    """Answer one question after the other; tell whether any could not be answered."""
    failed = False
    for number, question in enumerate(questions):
        if not answering.chosen.json:
            if number:
                print()
            answering.errors.print(f"Question: {question}", style="bold")
        try:
            answering.ask(question)
        except RapidError as error:
            failed = True
            answering.tell_failure(question, error)
        answering.finish_index()
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
