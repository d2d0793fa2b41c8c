"""Consoles whose lines end between words on a terminal, and progress bars on them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from rapid_cli.text.printable import printable, printable_line
from rapid_cli.text.sizes import megabytes
from rapid_cli.text.wrapping import Span, lines, rows

SPARE_LINES = 4
"""A text below the bars leaves so many lines to them."""


_COMMAND = re.compile(
    r"`[^`]+`|rapid models \w+(?: \S+)?"
    r'|(?:CMAKE_ARGS="[^"]*" )?pip install (?:--force-reinstall.*|"[^"]*"|\S+)'
)
"""A command as messages write it."""


class PlainConsole(Console):
    """A console that obeys none of the text it prints; rich itself lets escapes through.

    On a terminal the lines of a text end between words. In a pipe they end where the text says.
    """

    def render_str(self, text: str, **options: Any) -> Text:
        """Return what is printed for a text."""
        return super().render_str(printable(text), **options)

    def print(self, *objects: Any, sep: str = " ", **options: Any) -> None:
        """Print texts in lines that end between words, and anything else as rich does."""
        if objects and all(isinstance(each, str | Text) for each in objects):
            texts = (self.render_str(one) if isinstance(one, str) else one for one in objects)
            text = Text(sep).join(texts)
            left = options.get("soft_wrap") or not self.is_terminal
            objects = (text if left else wrapped(text, self.width),)
            options["soft_wrap"] = True
        super().print(*objects, sep=sep, **options)


def wrapped(text: Text, width: int, whole: Sequence[str] = ()) -> Text:
    """Return a text with an end of line where the next word does not fit, but none in `whole`."""
    text = text.copy()
    text.expand_tabs()
    return Text("\n").join(
        paragraph[start:end]
        for paragraph in text.split(allow_blank=True)
        for start, end in lines(paragraph.plain, width, _spans(paragraph.plain, whole))
    )


def _spans(text: str, parts: Sequence[str]) -> list[Span]:
    """Return where these parts of a text begin and end."""
    return [found.span() for part in parts if part for found in re.finditer(re.escape(part), text)]


def message(text: Text, to: Console, whole: str = "") -> Text:
    """Return a message in the lines that it takes there.

    A path, which is `whole`, and commands stay in one piece, so that they can be copied.
    """
    if not to.is_terminal:
        return text
    return wrapped(text, to.width, (whole, *_COMMAND.findall(text.plain)))


def console(*, quiet: bool = False) -> Console:
    """Return the console for everything but the answer; rich honours NO_COLOR."""
    return PlainConsole(stderr=True, quiet=quiet, highlight=False, markup=False, emoji=False)


def tell(errors: Console, text: str, style: str = "", *, whole: str = "") -> None:
    """Print a message, however long and whatever the names in it hold; none ends its line."""
    told = message(Text(printable_line(text)), errors, printable_line(whole))
    errors.print(told, style=style, soft_wrap=True)


def say(text: str, *, whole: str = "") -> None:
    """Print text on stdout: as it is, or on a terminal in lines that end between words.

    What is `whole`, a path, stays in one piece.
    """
    if not sys.stdout.isatty():
        print(printable(text))
        return
    output = PlainConsole(highlight=False, markup=False, emoji=False)
    output.print(wrapped(Text(printable(text)), output.width, (whole,)), soft_wrap=True)


class _Progress(Progress):
    """Bars, and a text below them."""

    below: Text | None = None

    def get_renderables(self) -> Iterable[RenderableType]:
        """Return what is drawn."""
        yield from super().get_renderables()
        if self.below is not None:
            yield self.below


class Bars:
    """Progress bars on stderr, present while something is counted; none where nobody looks."""

    def __init__(self, errors: Console) -> None:
        self._errors = errors
        self._progress = _Progress(
            # File names may look like markup.
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[count]}"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
            console=errors,
            transient=True,
            disable=not errors.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def update(self, what: str, done: int, total: int | None, unit: str) -> None:
        """Show that `done` of `total` units of `what` are done; None is a total nobody knows."""
        bar = self._bar(what)
        if done < bar.completed:  # another one of the same name begins
            self._progress.reset(bar.id)
        rate = f"{speed:,.0f} {unit}/s" if (speed := _speed(bar)) else ""
        count = f"{done:,} {unit}" if total is None else f"{done:,}/{total:,} {unit}"
        self._progress.update(bar.id, completed=done, total=total, count=count, rate=rate)

    def update_bytes(self, what: str, done: int, total: int) -> None:
        """Show that `done` of `total` bytes of `what` are done, in MB and their tenths a second."""
        bar = self._bar(what)
        rate = f"{bar.speed / 1e6:,.1f} MB/s" if bar.speed else ""
        count = f"{done / 1e6:,.0f}/{megabytes(total)}"
        self._progress.update(bar.id, completed=done, total=total, count=count, rate=rate)

    def wait(self, what: str) -> None:
        """Show that `what` goes on, nobody knows how long, until it is dropped."""
        self._bar(what)

    def drop(self, what: str) -> None:
        """Erase one of the bars."""
        self._progress.remove_task(self._tasks.pop(what))

    def below(self, title: str, text: str) -> None:
        """Show a titled text below the bars until they are erased: its last lines if it is long."""
        width, height = self._errors.size
        draft = [
            Text(paragraph[start:end], "italic dim")
            for paragraph in printable(text).expandtabs().split("\n")
            for start, end in rows(paragraph, width)
        ]
        shown = draft[-max(height - SPARE_LINES, 1) :]
        self._progress.below = Text("\n").join([Text(title, "bold dim"), *shown])
        self._progress.start()
        self._progress.refresh()

    def _bar(self, what: str) -> Task:
        """Return the bar of a thing, which is drawn from now on."""
        if what not in self._tasks:
            self._progress.start()
            name = printable_line(what)
            self._tasks[what] = self._progress.add_task(name, total=None, count="", rate="")
        return self._progress.tasks[self._progress.task_ids.index(self._tasks[what])]

    def close(self) -> None:
        """Erase the bars, and what is below them."""
        self._progress.below = None
        self._progress.stop()
        for what in tuple(self._tasks):
            self.drop(what)

    def __enter__(self) -> Bars:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Erase the bars."""
        self.close()


def _speed(task: Task) -> float | None:
    """Return how much is done a second: of late, or all in all where the total keeps changing."""
    elapsed = task.elapsed or 0.0
    return task.speed or (task.completed / elapsed if elapsed > 1 else None)
