"""The console that everything but the answer is written to, and progress bars on it."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


def console(*, quiet: bool = False) -> Console:
    """Return the console for everything but the answer; rich honours NO_COLOR."""
    return Console(stderr=True, quiet=quiet, highlight=False, markup=False, emoji=False)


class Bars:
    """Progress bars on stderr, present while something is counted; none where nobody looks."""

    def __init__(self, errors: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[unit]}"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
            console=errors,
            transient=True,
            disable=not errors.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def update(self, what: str, done: int, total: int, unit: str) -> None:
        """Show that `done` of `total` units of `what` are done."""
        if what not in self._tasks:
            self._progress.start()
            self._tasks[what] = self._progress.add_task(what, total=total, unit=unit, rate="")
        task = self._tasks[what]
        speed = self._progress.tasks[self._progress.task_ids.index(task)].speed
        rate = f"{speed:.0f} {unit}/s" if speed else ""
        self._progress.update(task, completed=done, total=total, rate=rate)

    def close(self) -> None:
        """Erase the bars."""
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
