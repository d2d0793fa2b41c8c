"""A thread that works on documents and models for many clients, who take turns."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, closing, suppress
from typing import Any, Generic, Self, TypeVar

from rapid_cli.api.rapid import Rapid
from rapid_cli.errors import RapidError
from rapid_cli.machine.stopping import stopped_by

MOST_WAITING = 16
"""So many pieces of work may wait by default."""

T = TypeVar("T")
Work = Callable[[Rapid], Generator[T, None, None]]
"""Work that tells what becomes of it, on a Rapid that nobody else uses meanwhile."""


class Busy(RapidError):
    """So much work waits already that no more is taken."""


class Ended(RapidError):
    """The worker is ending, and with it what waits for it."""


class Job(Generic[T]):
    """Work that was handed over, for the event loop in which it was."""

    def __init__(self, work: Work[T]) -> None:
        self._work = work
        self._cancelled = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._told: asyncio.Queue[T | BaseException | None] = asyncio.Queue()
        self._begun = asyncio.Event()
        self._failure: BaseException | None = None
        self._is_done = False

    async def begin(self, seconds: float) -> None:
        """Wait for the first thing that is told, but not longer; raise what went wrong until then.

        The work then ends if the wait does.
        """
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._begun.wait()
            if self._failure is not None:
                raise self._failure
        except BaseException:
            self.cancel()
            raise

    async def events(self) -> AsyncGenerator[T, None]:
        """Yield what the work tells until it is done, and raise what goes wrong in it.

        If the iteration is left, the work ends.
        """
        async with aclosing(self.patient_events(None)) as events:
            async for event in events:
                if event is not None:
                    yield event

    async def patient_events(self, patience: float | None) -> AsyncGenerator[T | None, None]:
        """Yield as `events` does, and None whenever nothing is told for `patience` seconds."""
        try:
            while True:
                try:
                    async with asyncio.timeout(patience):
                        told = await self._told.get()
                except TimeoutError:
                    yield None
                    continue
                if told is None:
                    return
                if isinstance(told, BaseException):
                    raise told
                yield told
        finally:
            self.cancel()

    async def result(self) -> T:
        """Return the last thing that the work tells."""
        last: list[T] = []
        async with aclosing(self.events()) as events:
            async for event in events:
                last[:] = [event]
        (result,) = last
        return result

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody waits for it any more."""
        return self._cancelled.is_set()

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to wait for any more."""
        return self._is_done or self.is_cancelled

    def cancel(self) -> None:
        """End the work before its next event, and native calls that take long in it."""
        self._cancelled.set()

    def run(self, rapid: Rapid) -> None:
        """Do the work; this is for the worker's thread."""
        try:
            with stopped_by(self._cancelled.is_set), closing(self._work(rapid)) as events:
                for event in events:
                    if self.is_cancelled:
                        return
                    self._tell(event)
            self._end(None)
        except BaseException as error:  # it is for whoever waits, and the thread goes on
            self._end(error)

    def refuse(self, error: Exception) -> None:
        """Say that the work is not done, and why."""
        self.cancel()
        self._tell(error)

    def _end(self, told: BaseException | None) -> None:
        self._is_done = True
        self._tell(told)

    def _tell(self, told: T | BaseException | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(self._put, told)

    def _put(self, told: T | BaseException | None) -> None:
        if isinstance(told, BaseException):
            self._failure = told
        self._told.put_nowait(told)
        self._begun.set()


class Worker:
    """Does one piece of work at a time in a thread of its own. A context manager.

    Each client's work is done in the order it came, and clients take turns, so that many questions
    of one do not keep another waiting for long. `most_waiting` pieces may wait. Nobody else may use
    `rapid` meanwhile.
    """

    def __init__(self, rapid: Rapid, *, most_waiting: int = MOST_WAITING) -> None:
        self._rapid = rapid
        self._most_waiting = most_waiting
        self._waiting: dict[str, deque[Job[Any]]] = {}
        self._current: Job[Any] | None = None
        self._changed = threading.Condition()
        self._is_ending = False
        self._thread = threading.Thread(target=self._work, name="rapid worker")

    @property
    def waiting(self) -> int:
        """How many pieces of work wait for their turn."""
        with self._changed:
            self._forget_cancelled()
            return self._count()

    @property
    def is_busy(self) -> bool:
        """Whether something is in work for which somebody waits."""
        current = self._current
        return current is not None and not current.is_over

    def submit(self, client: str, work: Work[T]) -> Job[T]:
        """Hand over work of a client, within an event loop; Busy if too much waits already."""
        job = Job(work)
        with self._changed:
            if self._is_ending:
                raise Ended("the server is ending", "ask again when it runs")
            self._forget_cancelled()
            if self._count() + self.is_busy > self._most_waiting:
                raise Busy(f"{self._count()} questions wait already", "ask again later")
            self._waiting.setdefault(client, deque()).append(job)
            self._changed.notify()
        return job

    def end(self) -> None:
        """End the work in hand, refuse what waits, and take no more; `join` waits for that."""
        with self._changed:
            self._is_ending = True
            jobs = [job for each in self._waiting.values() for job in each]
            self._waiting.clear()
            if self._current is not None:
                jobs.append(self._current)
            self._changed.notify()
        for job in jobs:
            job.refuse(Ended("the server ended", "ask again when it runs"))

    def join(self, seconds: float | None = None) -> bool:
        """Wait until the thread has ended, or for so many seconds; tell whether it has."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def start(self) -> None:
        """Begin to work; once `end` was called this is of no use any more."""
        self._thread.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, and wait for that."""
        self.end()
        self.join()

    def _count(self) -> int:
        return sum(map(len, self._waiting.values()))

    def _forget_cancelled(self) -> None:
        """Leave out what nobody waits for, so that who comes and goes takes no room."""
        for client, jobs in list(self._waiting.items()):
            left = deque(job for job in jobs if not job.is_cancelled)
            if left:
                self._waiting[client] = left
            else:
                del self._waiting[client]

    def _work(self) -> None:
        while (job := self._next()) is not None:
            if not job.is_cancelled:
                job.run(self._rapid)

    def _next(self) -> Job[Any] | None:
        """Wait for the next piece of work, and return it; None at the end."""
        with self._changed:
            self._current = None
            self._changed.wait_for(lambda: self._waiting or self._is_ending)
            if self._is_ending:
                return None
            client = next(iter(self._waiting))
            jobs = self._waiting.pop(client)
            self._current = jobs.popleft()
            if jobs:  # the client's turn comes again after those of all others
                self._waiting[client] = jobs
            return self._current
