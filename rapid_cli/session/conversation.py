"""Questions to a pair of models about the same documents, with models and contexts kept open."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Protocol

from rapid_cli.answering.answer import Answer, Event, Finished, Note, Options, Pair, Seconds
from rapid_cli.answering.citing.attribution import match_sentences
from rapid_cli.answering.pipeline import answer
from rapid_cli.answering.prefill import Contexts
from rapid_cli.answering.request import Request
from rapid_cli.documents import Document, Passage
from rapid_cli.errors import RapidError
from rapid_cli.models.prompts import Turn
from rapid_cli.session.session import Session

if TYPE_CHECKING:
    from rapid_cli.session.pairs import PairFiles  # loads a native library

AHEAD = 130
"""Passages searched for while the models load: as many as most drafters have room for."""
FURTHER = 3
"""Passages searched for a sentence of the answer that none of those it was given supports."""
SPARE_TOKENS = 2048
"""Room in the contexts for the turns of a conversation."""


class Searchable(Protocol):
    """What finds passages in documents."""

    def search(
        self,
        question: str,
        document_ids: Sequence[str],
        limit: int,
        *,
        earlier: Sequence[str] = (),
        reranked: bool = True,
    ) -> list[Passage]:
        """Return up to `limit` passages of these documents, best first.

        The question may go on from `earlier` ones, oldest first.
        """
        ...


class Sources(Protocol):
    """Documents to ask about, and what finds passages in them; `piped` if some came by stdin."""

    @property
    def documents(self) -> Mapping[str, Document]:
        """The documents by their ids, in the order named."""
        ...

    @property
    def library(self) -> Searchable:
        """What is searched."""
        ...

    @property
    def piped(self) -> bool:
        """Whether nothing of it may be kept."""
        ...


class Desk:
    """Answers questions about documents. A context manager.

    `started` is when the person began to wait for the first answer. With `several` questions to
    come, contexts are opened with room for them. What was piped in is in no prefix cache. Unless it
    `cites`, sentences are not matched to passages, which takes the embedder.
    """

    def __init__(
        self,
        session: Session,
        files: PairFiles,
        gathered: Sources,
        *,
        started: float,
        index_seconds: float,
        several: bool = False,
        cites: bool = True,
    ) -> None:
        self._session = session
        self._files = files
        self._gathered = gathered
        self._cites = cites
        self._started: float | None = started
        self._seconds = Seconds(index=index_seconds)
        self._open = ExitStack()
        self._searcher = self._open.enter_context(ThreadPoolExecutor(1))
        self._contexts = self._open.enter_context(
            Contexts(
                time.perf_counter,
                states=None if gathered.piped else session.states,
                spare=SPARE_TOKENS if several else 0,
            )
        )

    @cached_property
    def pair(self) -> Pair:
        """The models, loaded when they are needed."""
        before = time.perf_counter()
        pair = self._session.loader.load_pair(self._files)
        self._seconds.load = time.perf_counter() - before
        return pair

    def ask(
        self,
        question: str,
        options: Options,
        turns: tuple[Turn, ...] = (),
        *,
        instruction: str = "",
    ) -> Generator[Event, None, None]:
        """Answer a question; `turns` were asked and answered before.

        The models read an `instruction` right after the question; it is not searched for.
        """
        started, self._started = self._started or time.perf_counter(), None
        earlier = [turn.question for turn in turns]  # a follow-up seldom names what it is about
        library, ids = self._gathered.library, list(self._gathered.documents)
        find = partial(library.search, question, ids, earlier=earlier)
        begun = self._searcher.submit(find, AHEAD)

        def search(limit: int) -> list[Passage]:
            found = begun.result()
            enough = limit <= AHEAD or len(found) < AHEAD
            return found[:limit] if enough else find(limit)

        pair, seconds, self._seconds = self.pair, self._seconds, Seconds()
        request = Request(
            f"{question}\n{instruction}" if instruction else question,
            list(self._gathered.documents.values()),
            search,
            pair,
            options,
            contexts=self._contexts,
            profiles=self._session.profiles,
            seconds=seconds,
            started=started,
            clock=time.perf_counter,
            turns=turns,
        )
        with closing(answer(request)) as events:
            for event in events:
                if begun.done():
                    begun.result()  # raises what went wrong in the library as soon as it is known
                if isinstance(event, Finished):
                    result = replace(event.answer, question=question)
                    cited = (yield from self._cited(result)) if self._cites else result
                    yield Finished(cited)
                else:
                    yield event

    def _cited(self, result: Answer) -> Generator[Note, None, Answer]:
        """Match the answer's sentences to passages; an answer is not lost because that fails."""
        before = time.perf_counter()
        library, ids = self._gathered.library, list(self._gathered.documents)

        def search(sentence: str) -> list[Passage]:
            return library.search(sentence, ids, FURTHER, reranked=False)

        try:
            embed = self._session.embedder.embed
            for matched in match_sentences(result, self._gathered.documents, search, embed):
                result = matched
        except RapidError as error:
            yield Note(f"Sentences were not matched to passages: {error.message}.")
        if result.seconds.total is not None:
            result.seconds.total += time.perf_counter() - before
        return result

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
