from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from rapid_cli.errors import ConfigError
from rapid_cli.evaluation.packs import Pack, read_pack
from rapid_cli.evaluation.questions import Question, question_from, question_json


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of packs below one with documents."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "keeper.txt").write_text("Edith kept the light.")
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs" / "near.txt").write_text("Near.")
    return tmp_path / "packs"


def line(**values: object) -> str:
    given = {"id": "1", "doc": "docs/keeper.txt", "question": "Who?", "answers": ["Edith"]}
    return json.dumps(given | values)


def written(folder: Path, *lines: str, name: str = "pack.jsonl") -> Path:
    path = folder / name
    path.write_text("\n".join(lines), encoding="utf-8", errors="surrogateescape")
    return path


def test_a_question_has_all_that_its_line_says(folder: Path) -> None:
    choices = {"A": "Edith", "B": "Tom"}
    path = written(
        folder,
        line(pages_1based=[3, 4]),
        line(id="2", choices=choices, answers=["B"], doc="near.txt"),
        line(id="3", answerable=False, answers=[]),
    )
    pack = read_pack(path)
    free, choice, absent = pack.questions
    assert (pack.name, pack.skipped) == ("pack", ())
    assert free == Question("pack", "1", "docs/keeper.txt", "Who?", ("Edith",), pages=(3, 4))
    assert (choice.choices, choice.answers) == (choices, ("B",))
    assert [each.kind for each in pack.questions] == ["free", "choice", "unanswerable"]
    assert not absent.answerable
    assert pack.paths["docs/keeper.txt"] == (str(folder.parent / "docs" / "keeper.txt"),)
    assert pack.paths["near.txt"] == (str(folder / "near.txt"),)
    assert [question_from(question_json(each)) for each in pack.questions] == list(pack.questions)


def test_choices_may_be_a_list_and_the_right_one_its_text(folder: Path) -> None:
    path = written(folder, line(choices=["Edith", "Tom"], answers=["Tom"]), line(id=2, answers="x"))
    listed, plain = read_pack(path).questions
    assert (listed.choices, listed.answers) == ({"A": "Edith", "B": "Tom"}, ("B",))
    assert (plain.id, plain.answers) == ("2", ("x",))


def test_a_model_is_asked_briefly_or_for_a_letter_or_as_one_wishes() -> None:
    free = Question("p", "1", "d", "Who?", ("x",))
    choice = Question("p", "1", "d", "Who?", ("A",), {"A": "Edith", "B": "Tom"})
    assert free.instruction() == "Answer with a few words."
    assert choice.instruction() == "A. Edith\nB. Tom\nAnswer with the letter alone."
    assert choice.instruction("Think first.") == "A. Edith\nB. Tom\nThink first."
    assert free.instruction("") == ""


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{", "it is no JSON"),
        ("[1]", "it is no JSON object"),
        (line(question=" "), "its 'question' is no text"),
        (line(question=None), "its 'question' is missing"),
        (line(doc="gone.txt"), "there is no document 'gone.txt'"),
        (line(doc=None), "it names no document: name it with --doc"),
        (line(answers=[]), "it has no right answer"),
        (line(answers=[{}]), "a right answer is no text"),
        (line(choices=["x"]), "its 'choices' are neither"),
        (line(choices={"A": "x", "B": "y"}), "its right answer 'Edith' is none of the choices"),
        (line(pages_1based=[0]), "its pages are not numbers from 1 on"),
        (line(), "its id '1' and question were there before"),
        ("[" * 100_000, "it is no JSON"),
        ("\udcff", "it is not text in UTF-8"),
    ],
)
def test_a_bad_line_costs_itself_and_is_told_with_its_number(
    folder: Path, bad: str, reason: str
) -> None:
    path = written(folder, line(), "", bad, line(id="9"))
    pack = read_pack(path)
    assert [each.id for each in pack.questions] == ["1", "9"]
    (told,) = pack.skipped
    assert told.startswith(f"{path}, line 3: {reason}")


def test_a_pack_without_any_question_is_an_error_that_says_why(folder: Path) -> None:
    with pytest.raises(ConfigError, match="holds no question") as caught:
        read_pack(written(folder, "{", "[]"))
    assert "line 1: it is no JSON" in caught.value.hint
    with pytest.raises(ConfigError, match="holds no question"):
        read_pack(written(folder, ""))
    with pytest.raises(ConfigError, match="there is no pack"):
        read_pack(folder / "none.jsonl")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_pack(folder)


def test_a_table_has_questions_with_several_right_answers_or_none(folder: Path) -> None:
    path = written(
        folder,
        "\ufeffQuestion,answer,pages",
        "Who?,Edith | Edith Marlow,3; 5-6",
        '"Who, and when?","Edith, in 1911",',
        "What is her dog called?,,",
        name="mine.csv",
    )
    pack = read_pack(path, ["keeper.txt", "more"])
    first, second, absent = pack.questions
    assert (first.answers, first.pages) == (("Edith", "Edith Marlow"), (3, 5, 6))
    assert (second.text, second.answers) == ("Who, and when?", ("Edith, in 1911",))
    assert (absent.kind, absent.document) == ("unanswerable", "")
    assert pack.paths == {"": ("keeper.txt", "more")}
    assert len({each.id for each in pack.questions}) == 3
    again = read_pack(written(folder, *path.read_text().split("\n")[:2], name="mine.csv"), ["k"])
    assert again.questions[0].id == first.id, "the id does not depend on the line's place"


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_table_may_be_one_of_another_separator(folder: Path, delimiter: str) -> None:
    rows = (("question", "answer", "doc", "id"), ("Who, then?", "Edith", "near.txt", "7"))
    path = written(folder, *map(delimiter.join, rows), name="mine.csv")
    (question,) = read_pack(path).questions
    assert (question.text, question.document, question.id) == ("Who, then?", "near.txt", "7")


def test_a_bad_row_costs_itself(folder: Path) -> None:
    path = written(
        folder,
        "question,answer,pages",
        "Who, then?,Edith,3,x",
        "Who?,Edith,three",
        ",Edith,",
        "When?,1911,",
        name="mine.csv",
    )
    pack = read_pack(path, ["keeper.txt"])
    assert [each.text for each in pack.questions] == ["When?"]
    assert [told.split(": ")[0][-6:] for told in pack.skipped] == ["line 2", "line 3", "line 4"]
    assert "put quotes around commas" in pack.skipped[0]


def test_a_table_needs_its_columns(folder: Path) -> None:
    with pytest.raises(ConfigError, match="no columns `question` and `answer`"):
        read_pack(written(folder, "Who?,Edith", name="mine.csv"), ["keeper.txt"])


def test_a_document_may_lie_in_a_folder_of_the_command_line(folder: Path) -> None:
    path = written(folder, line(doc="keeper.txt"))
    docs = folder.parent / "docs"
    assert read_pack(path, [str(docs)]).paths == {"keeper.txt": (str(docs / "keeper.txt"),)}
    file = str(docs / "keeper.txt")
    assert read_pack(path, ["other", file]).paths == {"keeper.txt": (file,)}


def test_a_pack_in_the_current_folder_finds_the_folder_above(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(folder, line())
    monkeypatch.chdir(folder)
    assert read_pack(Path("pack.jsonl")).paths == {"docs/keeper.txt": ("../docs/keeper.txt",)}


def test_a_limit_is_spread_over_documents_and_within_them() -> None:
    sizes = {"a": 10, "b": 2, "c": 6}
    questions = tuple(
        Question("p", f"{name}{at}", name, "?", ("x",), answerable=at % 2 == 0)
        for name, size in sizes.items()
        for at in range(size)
    )
    pack = Pack("p", questions, {})
    kept = pack.chosen(9, answerable=None).questions
    assert Counter(each.document for each in kept) == {"a": 4, "b": 2, "c": 3}
    assert [each.id for each in kept if each.document == "a"] == ["a0", "a2", "a5", "a7"]
    assert pack.chosen(9, answerable=None).questions == kept
    assert [q for q in questions if q in kept] == list(kept)
    assert pack.chosen(100, answerable=None).questions == questions
    assert all(each.answerable for each in pack.chosen(None, answerable=True).questions)
    assert len(pack.chosen(3, answerable=False).questions) == 3
