"""The worker, with work that is made for the test: no models, no documents."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from typing import cast

import pytest

from rapid_cli.api.rapid import Rapid
from rapid_cli.machine.stopping import wish
from rapid_cli.serving.worker import Busy, Ended, Worker

NO_RAPID = cast(Rapid, None)


def saying(*words: str):
    def work(_: Rapid) -> Generator[str, None, None]:
        yield from words

    return work


class Held:
    """Work that goes on until it is let go, and tells what became of it."""

    def __init__(self) -> None:
        self.began, self.go, self.over = threading.Event(), threading.Event(), threading.Event()
        self.stopped = False

    def __call__(self, _: Rapid) -> Generator[str, None, None]:
        try:
            self.began.set()
            yield "began"
            while not self.go.wait(0.01):
                if wish()():
                    self.stopped = True
                    return
            yield "went on"
        finally:
            self.over.set()


def test_what_work_tells_comes_in_order_and_the_last_is_its_result() -> None:
    async def ask() -> tuple[list[str], str]:
        told = [each async for each in worker.submit("a", saying("one", "two")).events()]
        return told, await worker.submit("a", saying("three", "four")).result()

    with Worker(NO_RAPID) as worker:
        assert asyncio.run(ask()) == (["one", "two"], "four")


def test_an_error_is_raised_where_it_is_waited_for_and_the_thread_goes_on() -> None:
    class Odd(BaseException):
        pass

    def failing(_: Rapid) -> Generator[str, None, None]:
        yield "so far"
        raise Odd

    async def ask() -> str:
        job = worker.submit("a", failing)
        with pytest.raises(Odd):
            await job.result()
        return await worker.submit("a", saying("fine")).result()

    with Worker(NO_RAPID) as worker:
        assert asyncio.run(ask()) == "fine"


def test_clients_take_turns_whoever_came_first_with_many() -> None:
    order: list[str] = []

    def noting(name: str):
        def work(_: Rapid) -> Generator[str, None, None]:
            order.append(name)
            yield name

        return work

    async def ask() -> None:
        held = Held()
        first = worker.submit("a", held)
        await first.begin(10)
        jobs = [worker.submit(name[0], noting(name)) for name in ("a1", "a2", "a3", "b1", "c1")]
        jobs.append(worker.submit("b", noting("b2")))
        held.go.set()
        for job in (first, *jobs):
            await job.result()

    with Worker(NO_RAPID) as worker:
        asyncio.run(ask())
    assert order == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_more_than_may_wait_is_refused_and_what_is_given_up_makes_room() -> None:
    async def ask() -> None:
        held = Held()
        first = worker.submit("a", held)
        await first.begin(10)
        waiting = [worker.submit("a", saying("x")) for _ in range(2)]
        with pytest.raises(Busy, match="2 questions wait already"):
            worker.submit("b", saying("y"))
        waiting[0].cancel()
        assert worker.waiting == 1
        last = worker.submit("b", saying("y"))
        held.go.set()
        assert await last.result() == "y"

    with Worker(NO_RAPID, most_waiting=2) as worker:
        asyncio.run(ask())


def test_with_no_room_to_wait_one_question_at_a_time_is_answered() -> None:
    async def ask() -> None:
        for _ in range(50):
            held = Held()
            first = worker.submit("a", held)
            with pytest.raises(Busy):
                worker.submit("b", saying("y"))
            held.go.set()
            await first.result()

    with Worker(NO_RAPID, most_waiting=0) as worker:
        asyncio.run(ask())


@pytest.mark.parametrize("leaves", ["before its turn", "in the middle"])
def test_work_ends_when_nobody_waits_for_it(leaves: str) -> None:
    async def ask() -> None:
        held, other = Held(), Held()
        first = worker.submit("a", other)
        job = worker.submit("a", held)
        if leaves == "in the middle":
            other.go.set()
            await asyncio.to_thread(held.began.wait, 10)
        waiter = asyncio.create_task(job.result())
        await asyncio.sleep(0.01)
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
        assert job.is_cancelled
        other.go.set()
        await first.result()
        assert await worker.submit("a", saying("next")).result() == "next"
        assert held.began.is_set() == (leaves == "in the middle")
        assert held.stopped == held.began.is_set()

    with Worker(NO_RAPID) as worker:
        asyncio.run(ask())


def test_long_silence_is_told_and_nothing_is_lost_over_it() -> None:
    async def ask() -> list[str | None]:
        held = Held()
        told: list[str | None] = []
        async for each in worker.submit("a", held).patient_events(0.02):
            told.append(each)
            if told.count(None) == 2:
                held.go.set()
        return told

    with Worker(NO_RAPID) as worker:
        told = asyncio.run(ask())
    assert [each for each in told if each] == ["began", "went on"]
    assert told.count(None) >= 2


def test_the_end_stops_what_goes_on_and_refuses_what_waits_and_what_comes() -> None:
    async def ask() -> None:
        held = Held()
        current, waiting = worker.submit("a", held), worker.submit("b", saying("x"))
        await asyncio.to_thread(held.began.wait, 10)
        worker.end()
        for job in (current, waiting):
            with pytest.raises(Ended):
                await job.result()
        with pytest.raises(Ended):
            worker.submit("a", saying("x"))
        assert await asyncio.to_thread(worker.join, 10)
        assert held.stopped

    with Worker(NO_RAPID) as worker:
        asyncio.run(ask())
