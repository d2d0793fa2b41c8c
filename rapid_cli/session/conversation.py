"""Questions to a pair of models, with the models and what they have read kept open."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
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
    """Documents to ask about, and what finds passages in them."""

    @property
    def documents(self) -> Mapping[str, Document]:
        """The documents by their ids, in the order named."""
        ...

    @property
    def library(self) -> Searchable:
        """What is searched."""
        ...


class Desk:
    """Answers questions about documents. A context manager.

    With `several` questions to come, contexts are opened with room for them. Unless it `cites`,
    sentences are not matched to passages, which takes the embedder.
    """

    def __init__(
        self, session: Session, files: PairFiles, *, several: bool = False, cites: bool = True
    ) -> None:
        self._session = session
        self._files = files
        self._cites = cites
        self._open = ExitStack()
        self._searcher = self._open.enter_context(ThreadPoolExecutor(1))
        self._contexts = self._open.enter_context(
            Contexts(
                time.perf_counter,
                states=session.states,
                spare=SPARE_TOKENS if several else 0,
            )
        )

    @cached_property
    def pair(self) -> Pair:
        """The models, loaded when they are needed."""
        return self._session.loader.load_pair(self._files)

    def ask(
        self,
        question: str,
        sources: Sources,
        options: Options,
        turns: tuple[Turn, ...] = (),
        *,
        instruction: str = "",
        started: float | None = None,
        index_seconds: float | None = None,
    ) -> Generator[Event, None, None]:
        """Answer a question about documents; `turns` were asked and answered before.

        The models read an `instruction` right after the question; it is not searched for. The
        person began to wait when the clock showed `started`, by default now, and the documents were
        read in `index_seconds` since.
        """
        started = time.perf_counter() if started is None else started
        earlier = [turn.question for turn in turns]  # a follow-up seldom names what it is about
        library, ids = sources.library, list(sources.documents)
        find = partial(library.search, question, ids, earlier=earlier)

        def search(limit: int) -> list[Passage]:
            found = begun.result()
            enough = limit <= AHEAD or len(found) < AHEAD
            return found[:limit] if enough else find(limit)

        begun = self._searcher.submit(find, AHEAD)
        try:
            seconds = Seconds(index=index_seconds, load=self._load())
            request = Request(
                f"{question}\n{instruction}" if instruction else question,
                list(sources.documents.values()),
                search,
                self.pair,
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
                        begun.result()  # raises what went wrong in the library once it is known
                    if isinstance(event, Finished):
                        result = replace(event.answer, question=question)
                        yield Finished((yield from self._cited(result, sources)))
                    else:
                        yield event
        finally:
            wait([begun])  # else it would still be in the library when the next question is asked

    def _load(self) -> float | None:
        """Load the models, and return the seconds that took; None if they were loaded before."""
        if "pair" in self.__dict__:
            return None
        before = time.perf_counter()
        self.pair  # noqa: B018 - it is loaded where it is first named
        return time.perf_counter() - before

    def _cited(self, result: Answer, sources: Sources) -> Generator[Note, None, Answer]:
        """Match the answer's sentences to passages; an answer is not lost because that fails."""
        if not self._cites:
            return result
        before = time.perf_counter()
        library, ids = sources.library, list(sources.documents)

        def search(sentence: str) -> list[Passage]:
            return library.search(sentence, ids, FURTHER, reranked=False)

        try:
            embed = self._session.embedder.embed
            for matched in match_sentences(result, sources.documents, search, embed):
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
