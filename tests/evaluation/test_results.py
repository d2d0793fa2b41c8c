from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rapid_cli.errors import ConfigError
from rapid_cli.evaluation.results import (
    ResultsFile,
    distinct,
    key,
    read_results,
    record_from,
    record_json,
)
from tests.support.evaluations import MODELS, PLAIN, RAPID, make_question, make_record


def filled(path: Path, count: int = 3) -> list:
    records = [make_record(make_question(number)) for number in range(count)]
    with ResultsFile(path) as results:
        for record in records:
            results.add(record)
    return records


def test_a_record_comes_back_as_it_was() -> None:
    record = make_record(
        make_question(1, choices={"A": "Edith", "B": "Tom"}, pages=(3,)),
        RAPID,
        answer="A\n“é” \udc80",
        finish_reason="stop",
        sources=((1, 2), (3, 3)),
        citations=(True, False),
        tokens=5,
        drafted=4,
        accepted=3,
        document_tokens=100,
        restored_tokens=50,
        coverage=0.5,
        device="a CPU",
        seconds={"total": 1.5, "index": None},
    )
    told = json.loads(json.dumps(record_json(record)))
    assert record_from(told) == record
    assert told["measures"]["evidence"] is True
    assert told["settings"]["strategy"] == "rapid"


def test_a_file_holds_what_was_added_at_once(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with ResultsFile(path) as results:
        record = make_record(make_question(1))
        results.add(record)
        assert list(read_results(path).records.values()) == [record]


def test_a_file_is_gone_on_with_and_the_newest_answer_counts(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    records = filled(path)
    with ResultsFile(path) as results:
        assert list(results.known) == [each.key for each in records]
        results.add(replace(records[0], answer="Tom"))
    assert [each.answer for each in read_results(path).records.values()] == [
        "Tom",
        "Edith",
        "Edith",
    ]


@pytest.mark.parametrize("cut", [1, 40, 400])
def test_a_half_written_last_line_is_ignored_and_written_over(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "results.jsonl"
    records = filled(path)
    path.write_bytes(path.read_bytes()[:-cut])
    whole = records if cut == 1 else records[:-1]
    assert list(read_results(path).records.values()) == whole
    assert read_results(path).unreadable == []
    with ResultsFile(path) as results:
        results.add(records[-1])
    assert list(read_results(path).records.values()) == records
    assert read_results(path).unreadable == []


def test_lines_that_are_no_answers_are_told_by_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    filled(path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "{}", "x", *lines[1:], ""]))
    stored = read_results(path)
    assert len(stored.records) == 3
    assert stored.unreadable == [2, 3]


def test_a_file_of_another_kind_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("one\ntwo\n")
    with pytest.raises(ConfigError, match="holds no results"):
        ResultsFile(path)
    assert path.read_text() == "one\ntwo\n"
    with pytest.raises(ConfigError, match="is not there"):
        read_results(tmp_path / "none")
    with pytest.raises(ConfigError, match="cannot be"):
        ResultsFile(tmp_path)
    with pytest.raises(ConfigError, match="cannot be written"):
        ResultsFile(tmp_path / "no" / "folder")


def test_an_answer_is_the_same_only_with_the_same_question_settings_and_models() -> None:
    question = make_question(1)
    known = key(question, PLAIN.settings, MODELS)
    assert known == make_record(question).key
    others = [
        key(replace(question, text="Who?"), PLAIN.settings, MODELS),
        key(replace(question, choices={"A": "Edith"}), PLAIN.settings, MODELS),
        key(question, RAPID.settings, MODELS),
        key(question, PLAIN.settings | {"max_tokens": 64}, MODELS),
        key(question, PLAIN.settings, MODELS | {"target": "c.gguf"}),
        key(question, PLAIN.settings | {"instruction": "Think."}, MODELS),
    ]
    assert known not in others
    assert key(replace(question, answers=("Tom",)), PLAIN.settings, MODELS) == known


def test_what_failed_is_wrong_even_where_saying_nothing_would_be_right() -> None:
    absent = make_question(1, answerable=False)
    record = make_record(absent, answer="The text does not say.")
    assert record.measures.right
    assert not replace(record, error="the context is full").measures.right


def test_names_that_mean_several_things_get_what_tells_them_apart() -> None:
    question = make_question(1)
    records = [
        make_record(question, RAPID),
        make_record(make_question(2), RAPID),
        replace(make_record(question, RAPID), settings=RAPID.settings | {"eta": 40.0}),
        make_record(question, PLAIN),
    ]
    names = [each.variant for each in distinct(records)]
    assert names == ["rapid, eta 200.0", "rapid, eta 200.0", "rapid, eta 40.0", "long-context"]
