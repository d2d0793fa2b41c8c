"""The file of results: one line an answer, from which a run goes on and tables are made again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from rapid_cli.errors import ConfigError
from rapid_cli.evaluation.judging import Measures, Span, judge
from rapid_cli.evaluation.questions import Question, question_from, question_json
from rapid_cli.evaluation.variants import Settings, Variant
from rapid_cli.storage.private import as_usual


@dataclass(frozen=True, slots=True)
class Record:
    """One answer to one question by one variant, with all that the tables are made of.

    `models` are the file names of target and drafter. An `error` is why there is no answer.
    `sources` are the pages of the passages, best first. `citations` tell of each sentence that was
    marked with a source whether the first one holds the evidence.
    """

    question: Question
    variant: str
    settings: Settings
    models: Mapping[str, str]
    answer: str = ""
    error: str | None = None
    finish_reason: str | None = None
    sources: tuple[Span, ...] = ()
    citations: tuple[bool, ...] = ()
    tokens: int = 0
    drafted: int = 0
    accepted: int = 0
    document_tokens: int = 0
    restored_tokens: int = 0
    coverage: float | None = None
    device: str | None = None
    seconds: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def measures(self) -> Measures:
        """What the answer is worth; one that failed is wrong."""
        measures = judge(self.question, self.answer, self.sources)
        return replace(measures, right=False) if self.error is not None else measures

    @property
    def key(self) -> str:
        """What is the same for two answers to the same question, made in the same way."""
        return key(self.question, self.settings, self.models)


def key(question: Question, settings: Settings, models: Mapping[str, str]) -> str:
    """Return what is the same for two answers that were asked for in the same way."""
    wanted = settings["instruction"]
    asked = question.instruction(None if wanted is None else str(wanted))
    return json.dumps(
        [
            *(question.pack, question.id, question.document, question.text, asked),
            *(sorted(settings.items()), sorted(models.items())),
        ]
    )


def key_of(question: Question, variant: Variant, models: Mapping[str, str]) -> str:
    """Return the key that the answer of a variant to a question will have."""
    return key(question, variant.settings, models)


def record_json(record: Record) -> dict[str, Any]:
    """Return the object that stands for an answer in the file."""
    given = {
        name: getattr(record, name)
        for name in Record.__dataclass_fields__
        if name not in {"question", "sources"}
    }
    pages = [list(span) for span in record.sources]
    return {**question_json(record.question), **given, "sources": pages} | {
        "measures": asdict(record.measures)
    }


def record_from(value: Mapping[str, Any]) -> Record:
    """Return the answer that an object stands for; KeyError, TypeError or ValueError if none."""
    names = Record.__dataclass_fields__.keys() - {"question", "sources", "citations"}
    given = {name: value[name] for name in names}
    sources = tuple((int(first), int(last)) for first, last in value["sources"])
    citations = tuple(bool(each) for each in value["citations"])
    found = Record(question_from(value), **given, sources=sources, citations=citations)
    _ = found.key, found.seconds.keys()  # what is of the wrong kind shows here
    return found


@dataclass(frozen=True, slots=True)
class Stored:
    """The answers in a file, the newest of each key, and the numbers of lines that are none."""

    records: Mapping[str, Record]
    unreadable: Sequence[int]


def read_results(path: Path) -> Stored:
    """Return what a file of results holds; ConfigError if it cannot be read or holds none at all.

    A last line that an interruption left half written does not count.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError as error:
        raise ConfigError(f"{path} is not there", "name a file of --results") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    records: dict[str, Record] = {}
    unreadable = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = record_from(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            if number < len(lines):
                unreadable.append(number)
            continue
        records[record.key] = record
    if unreadable and not records:
        raise ConfigError(f"{path} holds no results", "name another file with --results")
    return Stored(records, unreadable)


class ResultsFile:
    """A file that takes one answer after the other, each at once; a context manager."""

    def __init__(self, path: Path) -> None:
        """Open it behind what it holds; ConfigError if it cannot be written, or is of another kind.

        What an interruption left half written at its end is removed.
        """
        self.known: Mapping[str, Record] = {}
        self.unreadable: Sequence[int] = ()
        if path.exists():
            stored = read_results(path)
            self.known, self.unreadable = stored.records, stored.unreadable
        try:
            with as_usual():
                self._file: IO[bytes] = path.open("ab")
            _end_with_a_whole_line(path, self._file)
        except OSError as error:
            message = f"{path} cannot be written: {error.strerror or error}"
            raise ConfigError(message, "name another file with --results") from error

    def add(self, record: Record) -> None:
        """Write an answer."""
        line = json.dumps(record_json(record), ensure_ascii=False)
        try:
            self._file.write(line.encode("utf-8", "surrogateescape") + b"\n")
            self._file.flush()
        except OSError as error:
            message = f"an answer cannot be written to {self._file.name}: {error.strerror}"
            raise ConfigError(message, "free some space, and start again with this file") from error

    def __enter__(self) -> ResultsFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):  # of what could not be written, which was told
            self._file.close()


def _end_with_a_whole_line(path: Path, file: IO[bytes]) -> None:
    content = path.read_bytes()
    begun = content[content.rfind(b"\n") + 1 :]
    if not begun:
        return
    try:
        record_from(json.loads(begun))
    except (ValueError, KeyError, TypeError, AttributeError):
        file.truncate(len(content) - len(begun))
    else:
        file.write(b"\n")
        file.flush()


def distinct(records: Iterable[Record]) -> list[Record]:
    """Give answers that were made in different ways different names, where they have the same.

    What differs in their settings, or their models, is added.
    """
    found = list(records)
    ways: dict[str, dict[str, Settings]] = {}
    for record in found:
        ways.setdefault(record.variant, {})[_way(record)] = {**record.settings, **record.models}
    names = {
        way: _told(name, settings, list(of_name.values()))
        for name, of_name in ways.items()
        for way, settings in of_name.items()
    }
    return [replace(record, variant=names[_way(record)]) for record in found]


def _way(record: Record) -> str:
    return json.dumps(
        [record.variant, sorted(record.settings.items()), sorted(record.models.items())]
    )


def _told(name: str, settings: Settings, others: Sequence[Settings]) -> str:
    differing = [each for each in settings if len({str(other.get(each)) for other in others}) > 1]
    return ", ".join([name, *(f"{each} {settings[each]}" for each in differing)])
