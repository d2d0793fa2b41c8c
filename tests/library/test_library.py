from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from rapid_cli.documents import Document
from rapid_cli.errors import DocumentError, StoreError
from rapid_cli.library import indexing, search
from rapid_cli.library import library as library_module
from rapid_cli.library.catalog import Catalog
from rapid_cli.library.events import Embedded, FileDone, FileStarted, PagesRead, Pending
from rapid_cli.library.library import Library
from rapid_cli.library.vectors.store import Store
from rapid_cli.reader import reading
from rapid_cli.reader.workers import Extractor
from rapid_cli.retrieval.embedder import Embedder
from tests.support.libraries import OpenLibrary, WordEmbedder, assert_sound, index, opened, write
from tests.support.pdfs import make_pdf
from tests.support.repository import REPOSITORY

pytestmark = pytest.mark.slow


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in ("apple", "banana", "cherry"):
        write(folder / f"{name}.txt", name)
    return folder


@pytest.fixture
def library(home: Path) -> Iterator[OpenLibrary]:
    with opened(home) as library:
        yield library


def test_a_folder_is_indexed_once(library: OpenLibrary, docs: Path) -> None:
    assert index(library, docs) == {"new": ["apple.txt", "banana.txt", "cherry.txt"]}
    embedded = library.embedder.embedded
    assert embedded == sum(library.stored().values()) > 3
    assert index(library, docs) == {"unchanged": ["apple.txt", "banana.txt", "cherry.txt"]}
    assert library.embedder.embedded == embedded
    assert_sound(library)


def test_an_unchanged_file_is_not_even_parsed(
    library: OpenLibrary, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (docs / "book.pdf").write_bytes(make_pdf(["Call me Ishmael.", ""]))
    (first,) = [e for e in indexing.index(library, [docs / "book.pdf"]) if isinstance(e, FileDone)]
    monkeypatch.setattr(reading, "read", None)
    (again,) = [e for e in indexing.index(library, [docs / "book.pdf"]) if isinstance(e, FileDone)]
    assert (first.state, again.state) == ("new", "unchanged")
    assert "page 2" in " ".join(first.warnings)
    held = library.held(docs / "book.pdf")
    assert held
    known = library.read_again(docs / "book.pdf", held)
    monkeypatch.undo()
    assert known == reading.read(docs / "book.pdf")


def test_the_events_tell_how_far_the_indexing_is(library: OpenLibrary, docs: Path) -> None:
    shutil.rmtree(docs)
    docs.mkdir()
    write(docs / "long.txt", "apple", sentences=150)
    write(docs / "short.txt", "banana", sentences=1)
    long, short = str(docs / "long.txt"), str(docs / "short.txt")
    assert list(indexing.index(library, [docs])) == [
        FileStarted(long, 1, 2),
        PagesRead(1),
        Embedded(64, 150),
        Embedded(128, 150),
        Embedded(150, 150),
        FileDone(long, "new", ()),
        FileStarted(short, 2, 2),
        PagesRead(2),
        Embedded(1, 1),
        FileDone(short, "new", ()),
    ]
    assert_sound(library)


def test_a_changed_file_replaces_its_old_chunks(library: OpenLibrary, docs: Path) -> None:
    index(library, docs)
    write(docs / "apple.txt", "apricot", sentences=2)
    assert index(library, docs)["updated"] == ["apple.txt"]
    assert "apricot" in library.get(reading.read(docs / "apple.txt").id).text
    assert not any("apple" in text for text in library.texts())
    assert_sound(library)


def test_adding_a_changed_document_replaces_its_old_chunks(
    library: OpenLibrary, docs: Path
) -> None:
    list(library.add(reading.read(docs / "apple.txt")))
    write(docs / "apple.txt", "apricot", sentences=2)
    document = reading.read(docs / "apple.txt")
    assert library.state(document) == "updated"
    assert list(library.add(document)) == [Embedded(2, 2)]
    assert list(library.add(document)) == []
    assert library.stored() == {document.id: 2}


def test_the_same_content_under_two_paths_is_embedded_once(
    library: OpenLibrary, docs: Path
) -> None:
    index(library, docs)
    embedded = library.embedder.embedded
    shutil.copy(docs / "apple.txt", docs / "copy.txt")
    assert index(library, docs)["new"] == ["copy.txt"]
    assert library.embedder.embedded == embedded
    assert len(library.entries()) == 4
    write(docs / "apple.txt", "apricot")
    index(library, docs)
    assert {"apple", "apricot"} <= {word for text in library.texts() for word in text.split()}
    assert_sound(library)


def test_a_moved_file_is_not_embedded_again(library: OpenLibrary, docs: Path) -> None:
    index(library, docs)
    embedded = library.embedder.embedded
    (docs / "apple.txt").rename(docs / "zebra.txt")
    outcome = index(library, docs)
    assert (outcome["moved"], "removed" in outcome) == (["zebra.txt"], False)
    assert library.embedder.embedded == embedded
    assert_sound(library)


def test_what_is_gone_from_a_folder_is_removed(
    library: OpenLibrary, docs: Path, home: Path
) -> None:
    beside = docs.parent / "docs beside"
    shutil.copytree(docs, beside)
    write(beside / "apple.txt", "apricot")
    index(library, docs, beside)
    (docs / "apple.txt").unlink()
    (beside / "apple.txt").unlink()
    assert index(library, docs)["removed"] == ["apple.txt"]
    assert any("apricot" in text for text in library.texts()), "that folder was not indexed"
    assert_sound(library)


def test_the_last_document_of_a_folder_can_go_too(library: OpenLibrary, docs: Path) -> None:
    index(library, docs)
    for path in docs.iterdir():
        path.unlink()
    assert len(index(library, docs)["removed"]) == 3
    assert library.entries() == []
    assert library.stored() == {}
    with pytest.raises(DocumentError, match="no documents"):
        index(library, docs)


def test_a_folder_given_as_a_link_or_a_relative_path_is_the_same(
    library: OpenLibrary, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(library, docs)
    (docs.parent / "link").symlink_to(docs)
    assert len(index(library, docs.parent / "link", docs)["unchanged"]) == 3
    monkeypatch.chdir(docs.parent)
    (docs / "apple.txt").unlink()
    assert index(library, Path("docs"), Path("docs"))["removed"] == ["apple.txt"]


def test_a_file_name_that_is_not_unicode_is_kept(library: OpenLibrary, docs: Path) -> None:
    try:
        shutil.copy(docs / "apple.txt", os.fsencode(docs) + b"/caf\xe9.txt")
    except OSError:
        pytest.skip("this file system has no such names")
    write(docs / "apple.txt", "apricot")
    index(library, docs)
    embedded = library.embedder.embedded
    for _ in range(2):
        assert list(index(library, docs)) == ["unchanged"]
    assert library.embedder.embedded == embedded
    assert len(library.entries()) == 4


def test_a_bad_file_costs_only_itself(library: OpenLibrary, docs: Path) -> None:
    (docs / "bad.pdf").write_bytes(b"%PDF-1.7 and then nothing")
    (docs / "empty.txt").write_text("")
    outcome = index(library, docs)
    assert outcome["skipped"] == ["bad.pdf", "empty.txt"]
    assert outcome["new"] == ["apple.txt", "banana.txt", "cherry.txt"]


def test_a_file_that_turned_bad_keeps_what_was_read_of_it(library: OpenLibrary, docs: Path) -> None:
    index(library, docs)
    (docs / "apple.txt").write_text("")
    assert index(library, docs)["skipped"] == ["apple.txt"]
    assert len(library.entries()) == 3


def test_a_missing_path_is_skipped_among_others_and_an_error_alone(
    library: OpenLibrary, docs: Path
) -> None:
    empty = docs.parent / "empty"
    empty.mkdir()
    outcome = index(library, docs / "missing.txt", empty, docs)
    assert outcome["skipped"] == ["missing.txt", "empty"]
    assert len(outcome["new"]) == 3
    for path in (docs / "missing.txt", empty):
        with pytest.raises(DocumentError):
            index(library, path)


@pytest.mark.parametrize("batches", [1, 2, 3])
def test_an_interrupted_document_is_completed_by_the_next_run(
    home: Path, docs: Path, monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    monkeypatch.setattr(library_module, "WRITE_CHUNKS", 64)
    write(docs / "long.txt", "lemon", sentences=150)
    document = reading.read(docs / "long.txt")
    with opened(home) as library:
        running = library.add(document)
        assert len(list(islice(running, batches))) == batches
        running.close()
        assert library.state(document) == "updated"
        assert library.search("lemon", [document.id], 1), "its words are there"
        assert sum(library.stored().values()) == 64 * (batches - 1)
    with opened(home) as library:
        index(library, docs)
        assert_sound(library)


KILLED_AT = [(Catalog, "put"), (Catalog, "orphans"), (Store, "remove"), (Catalog, "forget")]


@pytest.mark.parametrize(("owner", "method"), KILLED_AT)
def test_a_run_killed_around_the_catalog_row_is_completed_by_the_next(
    home: Path, docs: Path, monkeypatch: pytest.MonkeyPatch, owner: type, method: str
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with opened(home) as library:
        index(library, docs)
        old = reading.read(docs / "apple.txt")
        write(docs / "apple.txt", "apricot")
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(owner, method, interrupt)
            index(library, docs)
        if method == "put":
            assert library.search("apple", [old.id], 1), "the old text stays until then"
    with opened(home) as library:
        index(library, docs)
        assert_sound(library)
        assert not any("apple" in text for text in library.texts())


def test_a_file_that_went_back_to_its_old_text_in_between_is_found(
    library: OpenLibrary, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(library, docs)
    write(docs / "apple.txt", "apricot")
    with monkeypatch.context() as patch:
        patch.setattr(Library, "sweep", lambda self: None)
        index(library, docs)
    write(docs / "apple.txt", "apple")
    index(library, docs)
    assert any("apple" in text for text in library.texts())
    assert_sound(library)


def test_only_questions_are_embedded_as_questions(library: OpenLibrary, docs: Path) -> None:
    index(library, docs)
    assert library.embedder.asked == []
    library.search("apple", [entry.document_id for entry in library.entries()], 1)
    assert library.embedder.asked == ["apple"]


OTHERS = [
    (WordEmbedder("syllables", 32), r"embedder 'words'.*'syllables'"),
    (WordEmbedder(prompt="passage: "), "prompt ''.*'passage: '"),
]


@pytest.mark.parametrize(("other", "named"), OTHERS)
def test_another_embedder_is_refused_with_the_way_out(
    home: Path, docs: Path, other: WordEmbedder, named: str
) -> None:
    with opened(home) as library:
        index(library, docs)
        ids = [entry.document_id for entry in library.entries()]
    with opened(home, other) as library:
        write(docs / "other.txt", "other")
        document = reading.read(docs / "other.txt")
        attempts = (
            lambda: index(library, docs),
            lambda: list(library.add(document)),
            lambda: library.search("apple", ids, 1),
        )
        for attempt in attempts:
            with pytest.raises(StoreError, match=named) as caught:
                attempt()
            assert "rapid index --rebuild" in caught.value.hint
        assert library.embedder.embedded <= 1, "only a question may have been embedded"


@pytest.mark.parametrize("other", [other for other, _ in OTHERS])
def test_a_rebuild_mends_a_library_of_another_embedder(
    home: Path, docs: Path, other: WordEmbedder
) -> None:
    with opened(home) as library:
        index(library, docs)
    (docs / "apple.txt").unlink()  # a rebuild needs no files
    with opened(home, other) as library:
        done = [event for event in library.rebuild() if isinstance(event, FileDone)]
        assert [event.state for event in done] == ["updated"] * 3
        assert_sound(library)
        ids = [entry.document_id for entry in library.entries()]
        assert "banana" in library.search("banana", ids, 1)[0].chunk.text


def test_what_an_interrupted_rebuild_left_can_be_searched_by_words(home: Path, docs: Path) -> None:
    with opened(home) as library:
        index(library, docs)
        ids = [entry.document_id for entry in library.entries()]
        next(library.rebuild())
        assert library.search("fact", ids, 50) == []
        assert list(library.prepare(ids)) == []
        assert library.pending(ids) == Pending(3, 15)
        found = library.search("fact", ids, 50)
        assert {passage.chunk.document_id for passage in found} == set(ids)
        assert {passage.similarity for passage in found} == {None}


def test_an_interrupted_rebuild_goes_on_where_it_was(home: Path, docs: Path) -> None:
    with opened(home) as library:
        index(library, docs)
        ids = [entry.document_id for entry in library.entries()]
    with opened(home, WordEmbedder("syllables", 32)) as library:
        running = library.rebuild()
        next(event for event in running if isinstance(event, FileDone))
        running.close()
    with opened(home, WordEmbedder("syllables", 32)) as library:
        assert len([event for event in library.rebuild() if isinstance(event, FileDone)]) == 2
        assert_sound(library)
        assert len(library.search("apple", ids, 1)) == 1
        assert len([event for event in library.rebuild() if isinstance(event, FileDone)]) == 3


def test_indexing_also_mends_what_an_interrupted_rebuild_left(home: Path, docs: Path) -> None:
    with opened(home) as library:
        index(library, docs)
        next(library.rebuild())
        assert index(library, docs) == {"updated": ["apple.txt", "banana.txt", "cherry.txt"]}
        assert_sound(library)


def test_an_exact_search_finds_what_the_store_finds(
    home: Path, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(home) as library:
        index(library, docs)
        ids = [entry.document_id for entry in library.entries()]
        exactly = library.search("a fact about apples", ids, 100)
        monkeypatch.setattr(search, "EXACT_CHUNKS", 0)
        stored = library.search("a fact about apples", ids, 100)
    assert len(exactly) == len(stored) > 1
    there = {one.chunk: one for one in stored}
    assert {one.chunk for one in exactly} == there.keys()
    for one in exactly:
        assert one.similarity == pytest.approx(there[one.chunk].similarity, abs=1e-5)
        assert one.lexical == there[one.chunk].lexical


def test_an_exact_search_does_without_the_store(home: Path, docs: Path) -> None:
    with opened(home) as library:
        index(library, docs)
        ids = [entry.document_id for entry in library.entries()]
    shutil.rmtree(home / "chroma")
    with opened(home) as library:
        assert library.search("apple", ids[:1], 1)[0].chunk.document_id == ids[0]
        assert not (home / "chroma").exists()


def test_a_question_finds_its_passage_in_the_documents_asked(
    library: OpenLibrary, docs: Path
) -> None:
    index(library, docs)
    ids = {entry.name: entry.document_id for entry in library.entries()}
    everything = list(ids.values())
    (best,) = library.search("cherry fact number 3", everything, 1)
    assert best.chunk.document_id == ids["cherry.txt"]
    assert "cherry has fact number 3" in best.chunk.text
    found = library.search("cherry", [ids["apple.txt"]], 100)
    assert {passage.chunk.document_id for passage in found} == {ids["apple.txt"]}
    assert len(found) == library.stored()[ids["apple.txt"]]


def test_a_page_that_a_question_names_is_found(library: OpenLibrary, docs: Path) -> None:
    texts = [f"Entry {number} of the log." for number in range(1, 41)]
    (docs / "log.pdf").write_bytes(make_pdf([*texts[:16], "Nobody wrote that day.", *texts[16:]]))
    index(library, docs)
    ids = {entry.name: entry.document_id for entry in library.entries()}
    first, *others = library.search("Which entry stands on page 17?", [ids["log.pdf"]], 10)
    assert (first.chunk.first_page, first.named) == (17, True)
    assert not any(each.named for each in others)
    unnamed = library.search("Which entry stands there?", [ids["log.pdf"]], 10)
    assert 17 not in {each.chunk.first_page for each in unnamed}
    among_texts = library.search("What is on page 1?", [ids["apple.txt"]], 10)
    assert not any(each.named for each in among_texts), "a text has no pages"


def texts_found(library: OpenLibrary, question: str, name: str, earlier: tuple[str, ...] = ()):
    ids = {entry.name: entry.document_id for entry in library.entries()}
    found = library.search(question, [ids[name]], 100, earlier=earlier)
    return [passage.chunk.text.strip() for passage in found]


@pytest.mark.parametrize(
    "asked", ["What says section 4.2.1?", "§ 4.2.1", "And E-4711?", "$1,250.00"]
)
def test_a_chunk_that_holds_the_very_term_is_found_first(
    library: OpenLibrary, docs: Path, asked: str
) -> None:
    numbers = [f"{a}.{b}.{c}" for a in range(1, 6) for b in range(1, 5) for c in range(1, 4)]
    rules = [f"{number} This says section by section." for number in numbers]
    more = ["Errors like E-4712 end all, says it.", "Errors like E-4711 end all, says it."]
    sums = [
        "It cost 11,250.00 euros in all.",
        "It cost 1,250.00 euros in all.",
        "4.2.1.1 It says so.",
    ]
    (docs / "rules.txt").write_text("\n\n".join([*rules, *more, *sums]))
    index(library, docs)
    first = texts_found(library, asked, "rules.txt")[0]
    wanted = {"4.2.1": "4.2.1 This", "E-4711": "E-4711", "1,250": " 1,250.00"}
    assert next(text for term, text in wanted.items() if term in asked) in first


def test_a_words_worth_depends_on_the_documents_searched_alone(
    library: OpenLibrary, docs: Path
) -> None:
    lines = [f"The ship had mast {n}." for n in range(20)] + ["A whale and a ship came."]
    (docs / "ships.txt").write_text("\n\n".join(lines))
    index(library, docs)
    ids = {entry.name: entry.document_id for entry in library.entries()}
    before = library.search("whale ship", [ids["ships.txt"]], 30)
    for n in range(4):
        (docs / f"whales{n}.txt").write_text("\n\n".join(f"whale {k} whale" for k in range(60)))
    index(library, docs)
    after = library.search("whale ship", [ids["ships.txt"]], 30)
    assert before == after
    assert "whale" in max(after, key=lambda passage: passage.lexical or 0).chunk.text


def test_a_follow_up_is_searched_for_with_all_the_questions_before_it(
    library: OpenLibrary, docs: Path
) -> None:
    works = ("tyres", "windscreen", "battery", "brakes")
    cars = ("Alba", "Borea", "Corvo", "Iris", "Lupo")
    records = [
        f"The {work} of the {car} cost {len(car)}{n}."
        for n, work in enumerate(works)
        for car in cars
    ]
    (docs / "garage.txt").write_text("\n\n".join([*records, "The mayor opened it."]))
    index(library, docs)
    earlier = ("What do the tyres of the Iris cost?", "And the windscreen?")
    assert (
        "windscreen of the Iris" in texts_found(library, earlier[1], "garage.txt", earlier[:1])[0]
    )
    assert (
        "battery of the Iris" in texts_found(library, "And the battery?", "garage.txt", earlier)[0]
    )
    other = texts_found(
        library, "And that of the Lupo?", "garage.txt", (*earlier, "And the battery?")
    )
    assert "battery of the Lupo" in other[0]
    assert "mayor" in texts_found(library, "Who was the mayor?", "garage.txt", earlier)[0]


def test_records_that_differ_in_a_number_are_all_found_before_what_is_repeated(
    library: OpenLibrary, docs: Path
) -> None:
    records = [f"Car {n} costs {n}01 euros to mend." for n in range(20)]
    (docs / "cars.txt").write_text("\n\n".join([*records, *["Cars cost euros to mend."] * 5]))
    index(library, docs)
    found = texts_found(library, "Which car costs the least to mend?", "cars.txt")
    assert set(found) == {*records, "Cars cost euros to mend."}
    assert found[-4:] == ["Cars cost euros to mend."] * 4


def test_a_measure_is_found_where_a_report_has_its_parts(library: OpenLibrary, docs: Path) -> None:
    talk = [f"Working on capital idea {n} is fun." for n in range(30)]
    (docs / "report.txt").write_text(
        "\n\n".join([*talk, "Total current assets 9, total current liabilities 7."])
    )
    index(library, docs)
    assert "Total current" in " ".join(
        texts_found(library, "What is the working capital?", "report.txt")[:3]
    )


def test_two_processes_may_index_at_once(home: Path, docs: Path) -> None:
    program = """
import sys
from pathlib import Path
from tests.support.libraries import index, opened
with opened(Path(sys.argv[1])) as library:
    index(library, Path(sys.argv[2]))
"""
    folders = [docs, docs.parent / "more"]
    folders[1].mkdir()
    for folder in folders:
        for number in range(3):
            write(folder / f"{number}.txt", f"{folder.name}{number}", sentences=500)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(home), str(folder)],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )
        for folder in folders
    ]
    assert [process.wait() for process in running] == [0, 0]
    with opened(home) as library:
        assert_sound(library)
        assert len(library.entries()) == 9
        for entry in library.entries():
            assert len(library.search("fact", [entry.document_id], 600)) == entry.chunks


def test_text_from_a_pipe_is_kept_and_never_gone_from_disk(
    library: OpenLibrary, docs: Path
) -> None:
    document = reading.read_bytes(b"Piped words.", name="stdin", path="stdin:12ab")
    assert library.state(document) == "new"
    assert list(library.add(document)) == [Embedded(1, 1)]
    assert library.state(document) == "unchanged"
    index(library, docs)
    assert library.get(document.id) == document
    assert library.remove("stdin:12ab")[0].document_id == document.id


def test_below_tells_a_folder_from_one_whose_name_begins_alike(library: OpenLibrary) -> None:
    for path in ("/docs/a.txt", "/docs/deep/b.txt", "/docs2/c.txt", "stdin:/docs/d"):
        library.enter(reading.read_bytes(path.encode(), name="a.txt", path=path))
    assert library.below(Path("/docs")) == ["/docs/a.txt", "/docs/deep/b.txt"]


def test_the_path_of_a_document_is_stored_resolved(library: OpenLibrary, docs: Path) -> None:
    (docs / "link.txt").symlink_to(docs / "apple.txt")
    document: Document = reading.read(docs / "link.txt")
    list(library.add(document))
    (entry,) = library.entries()
    assert (entry.path, entry.name) == (str((docs / "apple.txt").resolve()), "link.txt")


def test_a_document_is_removed_by_path_name_or_id(
    library: OpenLibrary, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(library, docs)
    monkeypatch.chdir(docs)
    cherry = reading.read(docs / "cherry.txt").id
    assert [entry.name for entry in library.remove("./apple.txt")] == ["apple.txt"]
    monkeypatch.chdir("/")
    assert [entry.name for entry in library.remove("banana.txt")] == ["banana.txt"]
    assert [entry.name for entry in library.remove(cherry[:8])] == ["cherry.txt"]
    assert library.entries() == []
    assert library.stored() == {}


def test_one_path_of_two_can_be_removed(library: OpenLibrary, docs: Path) -> None:
    shutil.copy(docs / "apple.txt", docs / "copy.txt")
    index(library, docs)
    library.remove(str(docs / "copy.txt"))
    assert len(library.entries()) == 3
    assert_sound(library)


def test_a_name_that_nothing_has_is_an_error_with_near_names(
    library: OpenLibrary, docs: Path
) -> None:
    index(library, docs)
    with pytest.raises(StoreError, match=r"'aple\.txt'") as caught:
        library.remove("aple.txt")
    assert "apple.txt" in caught.value.hint
    with pytest.raises(StoreError) as caught:
        library.remove("something else")
    assert "rapid list" in caught.value.hint


def test_a_name_that_several_documents_have_removes_none(library: OpenLibrary, docs: Path) -> None:
    (docs / "deep").mkdir()
    write(docs / "deep" / "apple.txt", "apricot")
    index(library, docs)
    with pytest.raises(StoreError) as caught:
        library.remove("apple.txt")
    assert str(docs / "apple.txt") in caught.value.message
    assert str(docs / "deep" / "apple.txt") in caught.value.message
    assert len(library.entries()) == 4


def test_a_document_that_is_not_there_is_a_store_error(library: OpenLibrary) -> None:
    with pytest.raises(StoreError, match="no document"):
        library.get("0" * 64)


def test_an_unusable_home_is_a_store_error(tmp_path: Path, docs: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with opened(tmp_path / "file") as library, pytest.raises(StoreError) as caught:
        index(library, docs)
    assert "RAPID_HOME" in caught.value.hint


def test_the_real_embedder_finds_what_a_question_means(
    home: Path, docs: Path, embedder: Embedder
) -> None:
    (docs / "whale.txt").write_text(
        "The captain hunted a huge white sperm animal of the sea. " * 40
    )
    with Catalog(home) as catalog, Store(home) as store, Extractor() as extractor:
        library = Library(catalog, store, embedder, extractor)
        assert index(library, docs)["new"] == ["apple.txt", "banana.txt", "cherry.txt", "whale.txt"]
        ids = [entry.document_id for entry in library.entries()]
        best = library.search("Who chased Moby Dick across the ocean?", ids, 3)[0]
        assert "captain" in best.chunk.text
        assert best.similarity is not None
        assert 0.2 < best.similarity <= 1
