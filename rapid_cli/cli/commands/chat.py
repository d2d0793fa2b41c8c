"""`rapid chat`, once its command line is understood."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import typer

from rapid_cli.answering.answer import Answer
from rapid_cli.answering.strategies import strategy_named
from rapid_cli.api.cited import cited
from rapid_cli.api.report import answer_json, conversation_markdown
from rapid_cli.cli.boundary import SKIPPED, print_error
from rapid_cli.cli.commands.open import is_source_number, show
from rapid_cli.cli.commands.opening import Answering, open_answering
from rapid_cli.cli.options.answering import ChatOptions
from rapid_cli.cli.render.answers import render_sources, render_statistics
from rapid_cli.cli.streams import require_input, require_output
from rapid_cli.config import expanded, home
from rapid_cli.errors import ConfigError, RapidError
from rapid_cli.library.sources import STANDARD_INPUT
from rapid_cli.models.prompts import Turn
from rapid_cli.storage.history import TYPED_LINES
from rapid_cli.storage.private import as_usual

COMMAND = "/"


@dataclass(slots=True)
class Chat:
    """A conversation: what was said, and what answers the next question."""

    answering: Answering
    turns: tuple[Turn, ...] = ()
    answers: list[Answer] = field(default_factory=list)
    saved: set[Path] = field(default_factory=set)
    over: bool = False

    def say(self, line: str) -> None:
        """Answer a question, or obey a command."""
        if not line.startswith(COMMAND):
            self._ask(line)
            return
        name, _, argument = line.partition(" ")
        if name not in COMMANDS:
            raise ConfigError(f"there is no command {name}", "/help lists them")
        COMMANDS[name][1](self, argument.strip())

    def tell(self, text: str, style: str = "") -> None:
        """Print a word on the conversation beside its answers."""
        self.answering.errors.print(text, style=style)

    def last(self) -> Answer:
        """Return the last answer; ConfigError if there is none."""
        if not self.answers:
            raise ConfigError("nothing was answered yet", "ask something first")
        return self.answers[-1]

    def _ask(self, question: str) -> None:
        result = self.answering.ask(question, self.turns)
        turn = Turn(question, tuple(result.tokens))
        self.turns = (*self.turns[result.forgotten_turns :], turn)
        self.answers.append(result)
        self._finish_index()

    def _finish_index(self) -> None:
        try:
            self.answering.finish_index()
        except KeyboardInterrupt:
            if not sys.stdin.isatty():
                raise
            self.tell("The rest is indexed after the next answer.", style="yellow")


def run(options: ChatOptions) -> None:
    """Answer questions until there are no more."""
    sources = options.sources or []
    if STANDARD_INPUT in sources:
        raise typer.BadParameter("chat takes its questions from standard input: name a file")
    require_input()
    require_output()
    typed = sys.stdin.isatty()
    with open_answering(sources, options, several=True) as answering:
        lines = _typed(answering) if typed else map(str.strip, sys.stdin)
        failed = _talk(Chat(answering), lines, typed=typed)
    if answering.gathered.skipped or (failed and not typed):
        raise typer.Exit(SKIPPED)


def _talk(chat: Chat, lines: Iterable[str], *, typed: bool) -> bool:
    """Say lines until one ends the chat; tell whether any could not be answered."""
    failed = False
    for line in lines:
        failed |= bool(line) and not _say(chat, line, typed=typed)
        if chat.over:
            break
    return failed


def _say(chat: Chat, line: str, *, typed: bool) -> bool:
    """Say a line; what goes wrong ends neither the chat nor, if typed, does Ctrl-C."""
    try:
        chat.say(line)
    except RapidError as error:
        if line.startswith(COMMAND):
            print_error(error)
        else:
            chat.answering.tell_failure(line, error)
        return False
    except KeyboardInterrupt:
        if not typed:
            raise
        chat.tell("Stopped; the question is left out of the conversation.", style="yellow")
    return True


def _typed(answering: Answering) -> Iterator[str]:
    """Yield the lines that a person types, until Ctrl-D."""
    from prompt_toolkit import PromptSession  # noqa: PLC0415 - not for pipes
    from prompt_toolkit.history import FileHistory, InMemoryHistory  # noqa: PLC0415

    kept = answering.keeps_history
    history = FileHistory(str(home() / TYPED_LINES)) if kept else InMemoryHistory()
    session: PromptSession[str] = PromptSession(history=history)
    errors = answering.errors
    errors.print("Ask away. /help lists the commands, Ctrl-D ends the chat.", style="dim")
    while True:
        try:
            yield session.prompt("\n> ").strip()
        except KeyboardInterrupt:
            errors.print("Ctrl-D or /quit ends the chat.", style="dim")
        except EOFError:
            return


def _show_sources(chat: Chat, _argument: str) -> None:
    answering = chat.answering
    render_sources(chat.last(), answering.gathered.documents, answering.errors, texts=True)


def _open(chat: Chat, number: str) -> None:
    answering, answer = chat.answering, chat.last()
    if number and not is_source_number(number):
        raise ConfigError(f"/open {number} is no source", "give its number, such as /open 2")
    record = answer_json(answer, answering.gathered.documents)
    show(cited(record, int(number) if number else None), answering.rapid.library, answering.errors)


def _show_statistics(chat: Chat, _argument: str) -> None:
    render_statistics(chat.last(), chat.answering.errors)


def _choose_strategy(chat: Chat, name: str) -> None:
    if name:
        strategy = strategy_named(name).name
        chat.answering.choices = replace(chat.answering.choices, strategy=strategy)
    chat.tell(f"The strategy is {chat.answering.choices.strategy}.")


def _save(chat: Chat, name: str) -> None:
    chat.last()
    path = expanded(name)
    if not name:
        raise ConfigError("/save needs the name of a file", "such as /save talk.md")
    if path.exists() and path not in chat.saved:
        raise ConfigError(f"{path} exists already", "give another name")
    text = conversation_markdown(chat.answers, chat.answering.gathered.documents)
    try:
        with as_usual():
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}", "give another") from error
    chat.saved.add(path)
    count = len(chat.answers)
    chat.tell(f"Saved {count} answer{'' if count == 1 else 's'} to {path}.")


def _help(chat: Chat, _argument: str) -> None:
    for name, (meaning, _) in COMMANDS.items():
        chat.tell(f"  {name:<16}{meaning}")


def _quit(chat: Chat, _argument: str) -> None:
    chat.over = True


COMMANDS: dict[str, tuple[str, Callable[[Chat, str], None]]] = {
    "/sources": ("the passages of the last answer, in full", _show_sources),
    "/open": ("the page of the first cited source, or of one by its number", _open),
    "/stats": ("the statistics of the last answer", _show_statistics),
    "/strategy": ("the strategy, or with a name another one", _choose_strategy),
    "/save": ("write the conversation to a Markdown file", _save),
    "/help": ("this list", _help),
    "/quit": ("end the chat; so does Ctrl-D", _quit),
}
