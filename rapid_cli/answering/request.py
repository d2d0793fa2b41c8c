"""A question with all that it takes to answer it, and the passages found for it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from rapid_cli.answering.absence import MOST_ROWS
from rapid_cli.answering.answer import Options, Origin, Pair, Retrieved, Seconds
from rapid_cli.answering.prefill import Contexts, PromptReader
from rapid_cli.answering.readings import Reading, Search, Task, read_passages, with_recent_turns
from rapid_cli.decoding.context import Context
from rapid_cli.decoding.measuring import Clock, Costs, Profiles
from rapid_cli.documents import Document, Passage
from rapid_cli.models.prompts import REMINDER, Turn


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked, of which models, how, and what is timed and known on this machine.

    `search` finds passages for the question and is called no sooner than they are needed.
    `contexts` stay open: what they have read is not read again. `profiles` keeps what things cost
    on this machine. `seconds` holds what was timed before, and `started` is the clock's time when
    the person began to wait. `turns` were asked and answered before, oldest first.
    """

    question: str
    documents: Sequence[Document]
    search: Search
    pair: Pair
    options: Options
    contexts: Contexts
    profiles: Profiles
    seconds: Seconds
    started: float
    clock: Clock
    turns: tuple[Turn, ...] = ()

    @property
    def task(self) -> Task:
        """What has to fit into the models' contexts."""
        options = self.options
        return Task(
            self.question,
            self.documents,
            self._search,
            answer_room=options.max_tokens + options.longest_draft + 1,
            context_length=options.context_length,
            retrieve_tokens=options.retrieve_tokens,
            turns=self.turns,
            reminder=REMINDER if options.abstains else "",
        )

    def _search(self, limit: int) -> list[Passage]:
        """Search, and add what that takes to the seconds."""
        before = self.clock()
        found = self.search(limit)
        self.seconds.retrieve = (self.seconds.retrieve or 0.0) + self.clock() - before
        return found

    def waited(self) -> float:
        """Return the seconds that the person has waited."""
        return self.clock() - self.started

    def open(self, role: Origin, reading: Reading) -> PromptReader:
        """Open a context with room for the prompt, the answer and a draft."""
        model = self.pair.target if role == "target" else self.pair.drafter
        room = self.options.longest_draft + 1
        length = reading.size + self.options.max_tokens + room
        rows = max(room, MOST_ROWS) if reading.reminded else room
        reader = self.contexts.reader(role, model, length=length, rows=rows)
        reader.context.steady = self.options.seed is not None
        return reader

    def costs(self, key: str, context: Context, measure: Callable[[], Costs]) -> Costs:
        """Return what is known of costs at the length of `context`, or else measure and keep it."""
        known = self.profiles.get(key, len(context))
        if known is None:
            known = measure()
            self.profiles.put(key, len(context), known)
        return known


@dataclass(frozen=True, slots=True)
class TargetPlan:
    """What the target reads, and what of all that it could have read is left out."""

    reading: Reading
    document_tokens: int
    forgotten_turns: int
    truncated: bool


class Retrieval:
    """The passages that the drafter reads, chosen when they are first needed.

    They are the answer's sources, whether anything is drafted or not.
    """

    def __init__(self, request: Request, plan: TargetPlan) -> None:
        self._request = request
        self._plan = plan
        self._reading: Reading | None = None

    def reading(self) -> Generator[Retrieved, None, Reading]:
        """Return what the drafter reads; the first time its passages are told of."""
        if self._reading is None:
            task, model = self._request.task, self._request.pair.drafter
            recent = with_recent_turns(task, model)
            self._reading = read_passages(recent, model, self._plan.document_tokens)
            passages, coverage = self._reading.passages, self._plan.reading.coverage
            yield Retrieved(passages, coverage, self._plan.truncated)
        return self._reading
