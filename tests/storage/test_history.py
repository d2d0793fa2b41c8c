from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rapid_cli.errors import StoreError
from rapid_cli.storage import sqlite
from rapid_cli.storage.history import History


def make_record(
    question: str, answer: str = "No.", documents: tuple[str, ...] = ()
) -> dict[str, object]:
    """Return what `report.answer_json` makes of an answer, as far as it matters here."""
    sources = [
        {"document": name, "path": f"/books/{name}", "page": 3, "text": f"Text of {name} – 海."}
        for name in documents
    ]
    return {
        "question": question,
        "answer": answer,
        "finish_reason": "stop",
        "strategy": "rapid",
        "pair": "starter",
        "target": "smollm2-135m",
        "drafter": None,
        "seed": 7,
        "sources": sources,
        "context": {"coverage": 0.5, "truncated": True},
        "stats": {"tokens": 3, "speedup": None, "seconds": {"total": 1.25}},
    }


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with History(tmp_path) as opened:
        yield opened


def questions(history: History, words: str | None, limit: int = 100) -> list[object]:
    return [one.record["question"] for one in history.search(words, limit)]


def test_an_answer_comes_back_as_it_was_given(history: History, tmp_path: Path) -> None:
    record = make_record("Wer ist Ahab? 🐋", "Ein „Kapitän“.\n", ("whale.pdf", "whale.pdf"))
    history.add(record)
    history.close()
    with History(tmp_path) as again:
        (found,) = again.search(None, 5)
    assert found.record == record
    assert list(found.record) == list(record)
    asked_at = datetime.fromisoformat(found.asked_at)
    assert asked_at.utcoffset() == timedelta(0)
    assert asked_at.microsecond == 0
    assert timedelta(0) <= datetime.now(UTC) - asked_at < timedelta(minutes=1)


def test_the_newest_come_first_and_no_more_than_asked_for(history: History) -> None:
    for number in range(5):
        history.add(make_record(f"whale {number}"))
    assert questions(history, None, 2) == ["whale 4", "whale 3"]
    assert questions(history, "whale", 3) == ["whale 4", "whale 3", "whale 2"]
    assert len(questions(history, "", 10**30)) == history.count() == 5


def test_all_words_must_occur_in_question_answer_or_document_names(history: History) -> None:
    history.add(make_record("Who is Ahab?", "The captain.", ("whale.pdf", "moby_dick.txt")))
    history.add(make_record("Who is Ishmael?", "A sailor.", ("whale.pdf",)))
    assert questions(history, "ahab CAPTAIN dick") == ["Who is Ahab?"]
    assert questions(history, "who whale.pdf") == ["Who is Ishmael?", "Who is Ahab?"]
    assert questions(history, "ahab sailor") == []
    assert questions(history, "Text") == [], "passages themselves are not searched"
    assert questions(history, "books") == [], "nor are paths"


def test_accents_and_case_make_no_difference(history: History) -> None:
    history.add(make_record("Où est le CAFÉ de Dvořák?"))
    for words in ("café", "cafe", "CAFE", "dvorak", "DVOŘÁK ou"):
        assert len(questions(history, words)) == 1, words


def test_only_the_last_word_may_be_a_beginning(history: History) -> None:
    history.add(make_record("Tell of the lighthouse keeper"))
    assert questions(history, "keeper light")
    assert not questions(history, "light keeper")
    history.add(make_record("Is c++ hard?"))
    assert questions(history, "c++") == ["Is c++ hard?"]
    history.add(make_record("cats"))
    assert questions(history, "c++") == ["Is c++ hard?"]
    assert questions(history, "c") == ["cats", "Is c++ hard?"]


def test_quoted_and_joined_words_are_looked_for_as_they_stand(history: History) -> None:
    history.add(make_record("Was the mother-in-law invited?"))
    history.add(make_record("In law, who is the mother?"))
    assert questions(history, "mother-in-law") == ["Was the mother-in-law invited?"]
    assert questions(history, '"mother"') == questions(history, "mother")


@pytest.mark.parametrize(
    "words",
    [
        *('"', '""', "'", "*", "a*", "AND", "OR", "NOT", "NEAR", "NEAR(a b)", "a AND", "NOT a"),
        *("(", ")", "a OR b", "question:", "question:a", "-question:a", "{a b}:c", "^a", "a + b"),
        *("c++", ":", "-", "\\", "%", ";--", "\0", "a\0b", "\udcff", "😀", "a" * 70_000),
        "word " * 3000,
    ],
)
def test_no_search_is_taken_for_syntax(history: History, words: str) -> None:
    history.add(make_record("plain"))
    assert questions(history, words) == []


def test_operators_are_words_like_all_others(history: History) -> None:
    history.add(make_record("War and Peace or not?"))
    assert questions(history, "NOT AND OR")
    assert not questions(history, "war NOT peaceful")
    assert not questions(history, "war OR whale")


@pytest.mark.parametrize("words", [None, "", "  ", "\t\n"])
def test_no_words_find_all(history: History, words: str | None) -> None:
    history.add(make_record("plain"))
    assert questions(history, words) == ["plain"]


def test_text_that_is_not_valid_unicode_is_kept_all_the_same(history: History) -> None:
    history.add(make_record("caf\udce9 or \0?", documents=("caf\udce9.txt",)))
    assert questions(history, "caf") == ["caf? or \0?"]


def test_an_answer_that_cannot_be_indexed_is_not_kept_by_half(
    history: History, tmp_path: Path
) -> None:
    history.add(make_record("first"))
    with sqlite3.connect(tmp_path / "history.sqlite3") as other:
        other.execute("DROP TABLE words")
    with pytest.raises(StoreError, match="no such table"):
        history.add(make_record("second"))
    assert history.count() == 1


def test_a_cleared_history_holds_nothing_and_leaves_no_text_on_disk(
    history: History, tmp_path: Path
) -> None:
    for number in range(50):
        history.add(make_record(f"secret {number}", "xyzzy " * 100))
    assert any(b"xyzzy" in path.read_bytes() for path in tmp_path.iterdir())
    history.close()
    full_bytes = (tmp_path / "history.sqlite3").stat().st_size
    history.clear()
    assert (tmp_path / "history.sqlite3").stat().st_size < full_bytes / 2
    assert history.count() == 0
    assert questions(history, None) == questions(history, "secret") == []
    assert not any(b"xyzzy" in path.read_bytes() for path in tmp_path.iterdir())
    history.add(make_record("afterwards"))
    assert questions(history, "afterwards") == ["afterwards"]
    assert questions(history, "secret") == []


def add_many(folder: Path, name: str, number: int, barrier: object) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    for turn in range(number):
        with History(folder) as history:
            history.add(make_record(f"{name} {turn}"))


def test_processes_that_add_at_once_lose_nothing(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(3)
    names = ("one", "two", "three")
    processes = [
        spawn.Process(target=add_many, args=(tmp_path, name, 20, barrier)) for name in names
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    with History(tmp_path) as history:
        for name in names:
            assert questions(history, name) == [f"{name} {turn}" for turn in range(19, -1, -1)]


def test_one_that_writes_is_waited_for_and_then_named(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.add(make_record("first"))
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.01)
    writer = sqlite3.connect(tmp_path / "history.sqlite3", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    with History(tmp_path) as second:
        assert questions(second, "first") == ["first"], "readers need not wait"
        with pytest.raises(StoreError, match="locked") as caught:
            second.add(make_record("second"))
    assert "another rapid" in caught.value.hint
    writer.close()


def test_one_that_is_just_making_the_file_is_waited_for(tmp_path: Path) -> None:
    other = sqlite3.connect(
        tmp_path / "history.sqlite3", isolation_level=None, check_same_thread=False
    )
    other.execute("BEGIN IMMEDIATE")
    end = threading.Timer(0.3, other.execute, ["COMMIT"])
    end.start()
    with History(tmp_path) as history:
        history.add(make_record("first"))
        assert history.count() == 1
    end.join()
    other.close()


def test_nothing_is_made_on_disk_before_use(tmp_path: Path) -> None:
    with History(tmp_path / "home"):
        pass
    assert not (tmp_path / "home").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="cannot be made") as caught:
        History(tmp_path / "file" / "home").add(make_record("lost"))
    assert str(tmp_path / "file" / "home") in caught.value.message
    assert "RAPID_HOME" in caught.value.hint


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "history.sqlite3").mkdir()
    with pytest.raises(StoreError, match="cannot be used") as caught:
        History(tmp_path).search(None, 1)
    assert "RAPID_HOME" in caught.value.hint


def test_a_corrupt_file_is_named_with_the_way_out(tmp_path: Path) -> None:
    file = tmp_path / "history.sqlite3"
    file.write_bytes(b"not a database" * 1000)
    for use in (
        lambda history: history.add(make_record("lost")),
        lambda history: history.search("lost", 1),
        lambda history: history.count(),
        lambda history: history.clear(),
    ):
        with History(tmp_path) as history, pytest.raises(StoreError, match="not a data") as caught:
            use(history)
        assert f"delete {file}" in caught.value.hint


def test_a_file_damaged_in_the_middle_is_named(history: History, tmp_path: Path) -> None:
    file = tmp_path / "history.sqlite3"
    history.add(make_record("first", "long " * 5000))
    history.close()
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    file.write_bytes(content)
    with History(tmp_path) as damaged, pytest.raises(StoreError) as caught:
        damaged.search(None, 5)
    assert f"delete {file}" in caught.value.hint


def test_an_answer_that_is_no_json_any_more_is_named(history: History, tmp_path: Path) -> None:
    history.add(make_record("first"))
    with sqlite3.connect(tmp_path / "history.sqlite3") as connection:
        connection.execute("UPDATE answers SET record = substr(record, 9)")
    with pytest.raises(StoreError, match="cannot be used"):
        history.search(None, 5)


def test_the_history_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "history.sqlite3") as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="newer") as caught:
        History(tmp_path).add(make_record("lost"))
    assert "update" in caught.value.hint
