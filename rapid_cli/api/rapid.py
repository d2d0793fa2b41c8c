"""Documents and models on this machine, as programs use them; the command line is one of them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from rapid_cli.answering.answer import Event, Finished
from rapid_cli.answering.strategies import STRATEGIES
from rapid_cli.api.answers import Answered, Source, found_sources
from rapid_cli.api.choices import Choices
from rapid_cli.models.models_file import open_models_file
from rapid_cli.models.prompts import Turn
from rapid_cli.models.specs import DeviceChoice, ModelsFile
from rapid_cli.session.conversation import Desk
from rapid_cli.session.session import Session

if TYPE_CHECKING:
    from rapid_cli.library.catalog import Entry
    from rapid_cli.library.events import IndexingEvent
    from rapid_cli.library.library import Library
    from rapid_cli.library.sources import Gathered
    from rapid_cli.session.copies import Progress
    from rapid_cli.session.pairs import PairFiles

Said = tuple[str, str]
"""A question of before, and its answer."""
PASSAGES = 5
"""Passages that a search returns."""


class Rapid:
    """The library and a pair of models, opened when they are needed. A context manager.

    `models` is the path of a models.toml, by default that in force for the command line, and `pair`
    the name of a pair in it. `target` and `drafter` are GGUF files in the place of the pair's own.
    `collection` names another library than the main one. With `ocr` scanned pages are read, and
    `encoding` is that of texts which are not Unicode. `device` says where models are computed, and
    `context_length` how many tokens they may hold at most. Where only one question is asked,
    `several` is False, which saves memory. `started` is when a person began to wait for the first
    answer, by `time.perf_counter`.

    One thread uses it at a time. A question to another pair frees the models of the one before.
    Whatever a user can get wrong is raised as a RapidError.
    """

    def __init__(
        self,
        models: str | Path | ModelsFile | None = None,
        *,
        pair: str | None = None,
        target: str | Path | None = None,
        drafter: str | Path | None = None,
        collection: str | None = None,
        ocr: bool = False,
        encoding: str | None = None,
        device: DeviceChoice | None = None,
        context_length: int | None = None,
        several: bool = True,
        started: float | None = None,
    ) -> None:
        if not isinstance(models, ModelsFile):
            models = open_models_file(None if models is None else Path(models))
        self.models_file = models
        self.pair = models.pair(pair).name
        self._target = None if target is None else Path(target)
        self._drafter = None if drafter is None else Path(drafter)
        self._context_length = context_length
        self._several = several
        self._started = started
        self._files: dict[str, PairFiles] = {}
        self._desk: tuple[str, Desk] | None = None
        self.session = Session(
            models,
            collection=collection,
            ocr=ocr,
            encoding=encoding,
            device=device,
            context_length=context_length,
        )

    @property
    def library(self) -> Library:
        """The documents that are kept."""
        return self.session.library

    @property
    def pairs(self) -> list[str]:
        """The names of all pairs in models.toml, whether their files are here or not."""
        return list(self.models_file.pairs)

    @property
    def strategies(self) -> list[str]:
        """The names of all strategies."""
        return list(STRATEGIES)

    def find_models(
        self, pair: str | None = None, *, progress: Progress | None = None
    ) -> PairFiles:
        """Find the files of a pair, or ModelError; a copy that drafts is made if it is missing."""
        spec = self.models_file.pair(pair or self.pair)
        if spec.name not in self._files:
            own = spec.name == self.pair
            self._files[spec.name] = self.session.pairs.find(
                spec,
                self._target if own else None,
                self._drafter if own else None,
                progress=progress,
            )
        return self._files[spec.name]

    def add(self, *names: str | Path, stdin: BinaryIO | None = None) -> Gathered:
        """Read and index files and folders, and return what was gathered, to be asked about.

        A name may also be that of a document in the library, or "-" for `stdin`, of which nothing
        is kept. No names stand for the whole library. What cannot be read is in `skipped`;
        DocumentError if nothing is left.
        """
        from rapid_cli.library.sources import Gathered  # noqa: PLC0415 - loads the reader

        gathered = Gathered(self.library)
        try:
            for _ in self.adding(names, gathered, stdin=stdin):
                pass
            for _ in self.completing(gathered):
                pass
        except BaseException:
            gathered.close()
            raise
        return gathered

    def adding(
        self, names: Iterable[str | Path], gathered: Gathered, *, stdin: BinaryIO | None = None
    ) -> Iterator[IndexingEvent]:
        """Do as `add` does, told as events; the vectors of long texts are put off."""
        from rapid_cli.library.sources import gather  # noqa: PLC0415 - loads the reader

        return gather([str(name) for name in names], self.library, stdin or BytesIO(), gathered)

    def completing(self, gathered: Gathered) -> Iterator[IndexingEvent]:
        """Make the vectors that were put off."""
        return self.library.complete(gathered.lasting())

    def documents(self) -> list[Entry]:
        """Return what the library holds."""
        return self.library.entries()

    def remove(self, *names: str, tell: Callable[[Entry], None] | None = None) -> list[Entry]:
        """Forget documents by name, path or id, and all that is kept of them; return them.

        What is removed is told as it is. StoreError for a name that means none or several; those
        named before it are gone then.
        """
        removed: list[Entry] = []
        try:
            for name in names:
                for entry in self.library.remove(name):
                    removed.append(entry)
                    if tell:
                        tell(entry)
        finally:
            if removed:
                held = self.session.document_names()
                self.session.states.forget({entry.name for entry in removed}, held)
                self.library.erase()
        return removed

    def search(
        self, question: str, sources: Gathered | None = None, limit: int = PASSAGES
    ) -> list[Source]:
        """Return the passages for a question, best first; without `sources`, of all documents."""
        gathered = self.add() if sources is None else sources
        ids = list(gathered.documents)
        passages = gathered.library.search(question, ids, limit)
        return found_sources(question, passages, gathered.documents)

    def ask(
        self,
        question: str,
        sources: Gathered | None = None,
        choices: Choices | None = None,
        *,
        said: Sequence[Turn | Said] = (),
        instruction: str = "",
    ) -> Answered:
        """Answer a question; without `sources`, about all documents of the library.

        It may go on from what was `said` before, oldest first. The models read an `instruction`
        after the question; passages are not searched for it.
        """
        gathered = self.add() if sources is None else sources
        events = self.stream(question, gathered, choices, said=said, instruction=instruction)
        with closing(events):
            for event in events:
                if isinstance(event, Finished):
                    return Answered(event.answer, gathered.documents)
        raise AssertionError("an answer ended without its last event")

    def stream(
        self,
        question: str,
        sources: Gathered,
        choices: Choices | None = None,
        *,
        said: Sequence[Turn | Said] = (),
        instruction: str = "",
    ) -> Generator[Event, None, None]:
        """Answer a question, told as events while it comes about; the last one is Finished.

        To close the generator ends the work.
        """
        choices = choices or Choices()
        spec = self.models_file.pair(choices.pair or self.pair)
        options = choices.options(spec, self._context_length)
        desk = self._desk_for(spec.name)
        started, self._started = self._started, None
        index_seconds, sources.seconds = sources.seconds, 0.0
        return desk.ask(
            question,
            sources,
            options,
            _turns(said, desk),
            instruction=instruction,
            started=started,
            index_seconds=index_seconds or None,
        )

    def load(self, pair: str | None = None) -> None:
        """Load a pair's models now, so that the first question need not wait for them."""
        self._desk_for(pair or self.pair).pair  # noqa: B018 - it is loaded where it is named

    def remember(self, answered: Answered) -> None:
        """Put an answer into the history of `rapid history`.

        Nothing is kept of the text of documents that came by standard input.
        """
        record = answered.as_json()
        if answered.is_temporary:
            record |= {"sources": [], "citations": []}
        self.session.history.add(record)

    def close(self) -> None:
        """Close contexts, models and the library."""
        self._close_desk()
        self.session.__exit__()

    def __enter__(self) -> Rapid:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _desk_for(self, pair: str) -> Desk:
        """Return what answers with a pair's models; those of another are freed."""
        if self._desk is None or self._desk[0] != pair:
            files = self.find_models(pair)
            self._close_desk()
            self._desk = pair, Desk(self.session, files, several=self._several)
        return self._desk[1]

    def _close_desk(self) -> None:
        if self._desk is not None:
            (_, desk), self._desk = self._desk, None
            desk.__exit__()
            self.session.free_models()


def _turns(said: Sequence[Turn | Said], desk: Desk) -> tuple[Turn, ...]:
    """Return what was said before with the tokens of its answers."""
    if all(isinstance(each, Turn) for each in said):  # the models need not be loaded yet
        return tuple(each for each in said if isinstance(each, Turn))
    tokenize = desk.pair.target.vocabulary.tokenize
    return tuple(
        each if isinstance(each, Turn) else Turn(each[0], tuple(tokenize(each[1]))) for each in said
    )
