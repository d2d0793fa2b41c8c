"""Prepared sets: documents, questions and the passages found for them, to be answered elsewhere.

A set is one file of JSON lines. Where it is answered nothing is read, embedded or searched, so a
machine needs little more than numpy and llama.cpp.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from rapid_cli.answering.readings import SHORT_CHUNK
from rapid_cli.documents import Chunk, Document, Page, Passage
from rapid_cli.errors import ConfigError, DocumentError
from rapid_cli.evaluation.packs import Pack
from rapid_cli.evaluation.questions import Question, question_from, question_json
from rapid_cli.session.conversation import AHEAD, Sources
from rapid_cli.storage.partial import partial_path
from rapid_cli.storage.private import as_usual

FORMAT = "rapid evaluation set"
VERSION = 1
LONGEST_CONTEXT = 32_768
"""A text that does not fit the context is read in passages: by default so many tokens of them."""

Line = dict[str, Any]


def deepest(retrieve_tokens: Iterable[int], context_length: int | None) -> int:
    """Return how many passages a question may need, of the shortest, with these settings."""
    return max((*retrieve_tokens, context_length or LONGEST_CONTEXT)) // SHORT_CHUNK + 1


def prepare(
    path: Path,
    packs: Sequence[Pack],
    open_sources: Callable[[tuple[str, ...]], AbstractContextManager[Sources]],
    depth: int,
) -> Iterator[Question]:
    """Write a set with up to `depth` passages for each question, whole or not at all.

    Yields each question that is ready. ConfigError if the file cannot be written.
    """
    partial = partial_path(path)
    try:
        with as_usual(), partial.open("w", encoding="utf-8") as file:
            _write(file, {"format": FORMAT, "version": VERSION})
            for number, (paths, questions) in enumerate(_by_paths(packs).items()):
                yield from _prepare_group(file, number, questions, open_sources(paths), depth)
        partial.replace(path)
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror or error}"
        raise ConfigError(message, "name another file with --prepare") from error
    finally:
        with suppress(OSError):
            partial.unlink()


def _by_paths(packs: Sequence[Pack]) -> dict[tuple[str, ...], list[Question]]:
    groups: dict[tuple[str, ...], list[Question]] = {}
    for pack in packs:
        for question in pack.questions:
            groups.setdefault(pack.paths[question.document], []).append(question)
    return groups


def _prepare_group(
    file: IO[str],
    number: int,
    questions: Sequence[Question],
    opened: AbstractContextManager[Sources],
    depth: int,
) -> Iterator[Question]:
    """Write documents and the questions about them; or why the documents cannot be read."""
    try:
        with opened as sources:
            documents = [_document_json(each) for each in sources.documents.values()]
            _write(file, {"sources": number, "documents": documents})
            for question in questions:
                rankings = _rankings(question, sources, depth)
                _write(file, {"of": number, **question_json(question), "rankings": rankings})
                yield question
    except DocumentError as error:
        failure = {"message": error.message, "hint": error.hint}
        _write(file, {"sources": number, "documents": [], "error": failure})
        for question in questions:
            _write(file, {"of": number, **question_json(question), "rankings": []})
            yield question


def _rankings(question: Question, sources: Sources, depth: int) -> list[Line]:
    """Return the passages as answering searches for them: at first a few, then all it may need."""
    ids = list(sources.documents)
    rankings = []
    for limit in sorted({AHEAD, max(depth, AHEAD)}):
        found = sources.library.search(question.text, ids, limit)
        passages = [_passage_json(each, ids) for each in found]
        rankings.append({"limit": limit, "passages": passages})
        if len(found) < limit:
            break
    return rankings


def _write(file: IO[str], line: Line) -> None:
    file.write(json.dumps(line) + "\n")


def _document_json(document: Document) -> Line:
    return {
        "id": document.id,
        "name": document.name,
        "paged": document.paged,
        "pages": [[page.label, page.text] for page in document.pages],
    }


def _document_from(value: Line) -> Document:
    pages = [
        Page(number, label, text) for number, (label, text) in enumerate(value["pages"], start=1)
    ]
    name = str(value["name"])
    return Document(str(value["id"]), name, name, tuple(pages), bool(value["paged"]))


def _passage_json(passage: Passage, ids: Sequence[str]) -> list[Any]:
    chunk = passage.chunk
    place = (chunk.index, chunk.start, chunk.end, chunk.first_page, chunk.last_page)
    scores = (passage.score, passage.similarity, passage.lexical, passage.named)
    return [ids.index(chunk.document_id), *place, *scores]


def _passage_from(value: Sequence[Any], documents: Sequence[Document]) -> Passage:
    number, index, start, end, first, last, *scores = value
    document = documents[number]
    text = document.text[start:end]
    return Passage(Chunk(document.id, index, text, start, end, first, last), *scores)


@dataclass(slots=True)
class PreparedSources:
    """Documents of a set, and the passages found for the questions about them."""

    documents: Mapping[str, Document]
    error: DocumentError | None = None
    rankings: dict[str, list[Line]] = field(default_factory=dict)

    @property
    def library(self) -> PreparedSources:
        """Itself: what was found is found again."""
        return self

    def search(
        self,
        question: str,
        document_ids: Sequence[str],  # noqa: ARG002 - it is searchable
        limit: int,
        *,
        earlier: Sequence[str] = (),  # noqa: ARG002 - it is searchable
        reranked: bool = True,  # noqa: ARG002 - it is searchable
    ) -> list[Passage]:
        """Return what was found for a question of the set; ConfigError if more is asked for."""
        documents = list(self.documents.values())
        rankings = self.rankings[question]
        enough = [each for each in rankings if each["limit"] >= limit]
        chosen = (enough or rankings[-1:])[0]
        found = [_passage_from(each, documents) for each in chosen["passages"]]
        if not enough and len(found) == chosen["limit"]:
            raise ConfigError(
                f"the set holds {len(found)} passages for a question, and {limit} may be needed",
                "prepare it again with these --retrieve-tokens and this --context-length",
            )
        return found[:limit]


@dataclass(frozen=True, slots=True)
class PreparedSet:
    """The packs of a set, and what their questions are about, by number."""

    packs: Sequence[Pack]
    sources: Mapping[str, PreparedSources]

    @contextmanager
    def open(self, paths: tuple[str, ...]) -> Iterator[PreparedSources]:
        """Return what a pack's path stands for; DocumentError if it could not be read."""
        found = self.sources[paths[0]]
        if found.error is not None:
            raise found.error
        yield found


def is_prepared(path: Path) -> bool:
    """Tell whether a file is a prepared set, by its first line."""
    try:
        with path.open("rb") as file:
            head = file.readline(200)
        value = json.loads(head)
    except (OSError, ValueError):
        return False
    return isinstance(value, dict) and value.get("format") == FORMAT


def read_prepared(path: Path) -> PreparedSet:
    """Return a set; ConfigError if it is damaged, or of another version."""
    sources: dict[str, PreparedSources] = {}
    packs: dict[str, Pack] = {}
    number = 0
    try:
        with path.open(encoding="utf-8") as file:
            for number, text in enumerate(file, start=1):
                line = json.loads(text)
                if number == 1:
                    _require_version(path, line)
                elif "sources" in line:
                    sources[str(line["sources"])] = _sources_from(line)
                else:
                    _add(line, packs, sources)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        message = f"{path}, line {number}: it is not as --prepare writes it"
        raise ConfigError(message, "prepare it again") from error
    if not packs:
        raise ConfigError(f"{path} holds no question", "prepare it again")
    return PreparedSet(list(packs.values()), sources)


def _require_version(path: Path, line: Line) -> None:
    if line["version"] != VERSION:
        message = f"{path} was prepared by another version of rapid"
        raise ConfigError(message, "prepare it again with this one")


def _sources_from(line: Line) -> PreparedSources:
    documents = [_document_from(each) for each in line["documents"]]
    failure = line.get("error")
    error = DocumentError(failure["message"], failure["hint"]) if failure else None
    return PreparedSources({each.id: each for each in documents}, error)


def _add(line: Line, packs: dict[str, Pack], sources: Mapping[str, PreparedSources]) -> None:
    """Put a question into its pack, and its passages to what it is about."""
    question, number = question_from(line), str(line["of"])
    sources[number].rankings[question.text] = line["rankings"]
    known = packs.get(question.pack, Pack(question.pack, (), {}))
    packs[question.pack] = replace(
        known,
        questions=(*known.questions, question),
        paths={**known.paths, question.document: (number,)},
    )
