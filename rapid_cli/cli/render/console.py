"""The console that everything but the answer is written to, and progress bars on it."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType

from rich.console import Console, HighlighterType, JustifyMethod, OverflowMethod, RenderableType
from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.style import Style
from rich.text import Text

from rapid_cli.text.printable import printable, printable_line

SPARE_LINES = 4
"""A text below the bars leaves so many lines to them."""


class PlainConsole(Console):
    """A console that obeys none of the text it prints; rich itself lets escapes through."""

    def render_str(
        self,
        text: str,
        *,
        style: str | Style = "",
        justify: JustifyMethod | None = None,
        overflow: OverflowMethod | None = None,
        emoji: bool | None = None,
        markup: bool | None = None,
        highlight: bool | None = None,
        highlighter: HighlighterType | None = None,
    ) -> Text:
        """Return what is printed for a text."""
        return super().render_str(
            printable(text),
            style=style,
            justify=justify,
            overflow=overflow,
            emoji=emoji,
            markup=markup,
            highlight=highlight,
            highlighter=highlighter,
        )


def console(*, quiet: bool = False) -> Console:
    """Return the console for everything but the answer; rich honours NO_COLOR."""
    return PlainConsole(stderr=True, quiet=quiet, highlight=False, markup=False, emoji=False)


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
        task = self._task(what)
        progress = self._progress.tasks[self._progress.task_ids.index(task)]
        if done < progress.completed:  # another one of the same name begins
            self._progress.reset(task)
        rate = f"{speed:,.0f} {unit}/s" if (speed := _speed(progress)) else ""
        count = f"{done:,} {unit}" if total is None else f"{done:,}/{total:,} {unit}"
        self._progress.update(task, completed=done, total=total, count=count, rate=rate)

    def update_bytes(self, what: str, done: int, total: int) -> None:
        """Show that `done` of `total` bytes of `what` are done, in MB and their tenths a second."""
        task = self._task(what)
        progress = self._progress.tasks[self._progress.task_ids.index(task)]
        rate = f"{speed / 1e6:,.1f} MB/s" if (speed := progress.speed) else ""
        count = f"{done / 1e6:,.0f}/{total / 1e6:,.0f} MB"
        self._progress.update(task, completed=done, total=total, count=count, rate=rate)

    def wait(self, what: str) -> None:
        """Show that `what` goes on, nobody knows how long, until it is dropped."""
        self._task(what)

    def drop(self, what: str) -> None:
        """Erase one of the bars."""
        self._progress.remove_task(self._tasks.pop(what))

    def below(self, title: str, text: str) -> None:
        """Show a titled text below the bars until they are erased: its last lines if it is long."""
        width, height = self._errors.size
        lines = Text(printable(text), "italic dim").wrap(self._errors, width)
        shown = lines[-max(height - SPARE_LINES, 1) :]
        self._progress.below = Text("\n").join([Text(title, "bold dim"), *shown])
        self._progress.start()
        self._progress.refresh()

    def _task(self, what: str) -> TaskID:
        if what not in self._tasks:
            self._progress.start()
            name = printable_line(what)
            self._tasks[what] = self._progress.add_task(name, total=None, count="", rate="")
        return self._tasks[what]

    def close(self) -> None:
        """Erase the bars, and what is below them."""
        self._progress.below = None
        self._progress.stop()
        for task in self._tasks.values():
            self._progress.remove_task(task)
        self._tasks.clear()

    def __enter__(self) -> Bars:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Erase the bars."""
        self.close()


def _speed(task: Task) -> float | None:
    """Return how much is done a second: of late, or all in all where the total keeps changing."""
    elapsed = task.elapsed or 0.0
    return task.speed or (task.completed / elapsed if elapsed > 1 else None)
