"""The sentences of an answer, and the passages that support them."""

from __future__ import annotations

import random
import textwrap
import time

import numpy as np
import pytest

from rapid_cli.answering.citing.citations import (
    MOST_SOURCES,
    QUOTE_CHARACTERS,
    SUPPORTED,
    cite,
    quote,
)
from rapid_cli.documents import Chunk, Passage
from rapid_cli.text.sentences import may_end, one_line, sentences, whole

LIGHTHOUSE = (
    "The lighthouse on Gull Rock was built in 1874 after three ships had been lost in one winter. "
    "Its first keeper, Ann Marlow, lived there for 31 years and kept a log of every storm. "
    "The lamp burned colza oil until it was replaced by paraffin."
)
HARBOUR = (
    "Fishing boats return to the harbour before noon. The market sells herring, crab and eel.\n"
    "Every spring the council repairs the quay, which the tides damage. In 1902 a railway\n"
    "reached the town, and the herring went to London by train."
)
GARDEN = "Roses need sun. Prune them in March, and feed them with compost twice a year."


def passages(*texts):
    return [
        Passage(Chunk("b", number, text, 0, len(text), 1, 1), 0.5)
        for number, text in enumerate(texts)
    ]


def alike(texts):
    """Embed all texts as the same vector: only their words tell them apart."""
    return np.ones((len(texts), 1), dtype=np.float32)


def split(text):
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("It rained. We left!  Why?", ["It rained.", "We left!", "Why?"]),
        ("Mr. Day met Dr. Fry, e.g. at St. Ives. Then home.", 2),
        ("J. K. Rowling and the U.S. Army agree. So do I.", 2),
        ("It rose 3.5 percent to 1.204 in Jan. 1990. See p. 12 or fig. 3. Done.", 3),
        ("The answer is no. Then it ended at 5 p.m. The rest is known.", 3),
        ('"Stop!" he said. (It had begun.) Go.', ['"Stop!" he said.', "(It had begun.)", "Go."]),
        ("Acme Inc. makes it, etc. and so on... and on. Well... Yes.", 3),
        ("Steps:\n1. Open it. Then close.\n- two\n  b) three", 5),
        ("1. First one. 2. Second one.", ["1. First one.", "2. Second one."]),
        ("东京是首都。它很大！对吗？是。", ["东京是首都。", "它很大！", "对吗？", "是。"]),
        ("مرحبا؟ نعم.", ["مرحبا؟", "نعم."]),
        ("Run `a. B! C` now. Then stop.", ["Run `a. B! C` now.", "Then stop."]),
        ("So:\n```py\na. B\n\nc! D\n```\nYes.", ["So:", "```py\na. B\n\nc! D\n```", "Yes."]),
        ("```\nnever. Closed\n\nx", ["```\nnever. Closed\n\nx"]),
        ("**Bold.** Next.", ["**Bold.**", "Next."]),
        ("no full stop", ["no full stop"]),
        (" \n\t ", []),
        ("", []),
    ],
)  # fmt: skip
def test_an_answer_is_cut_into_its_sentences(text, parts):
    found = split(text)
    assert (found if isinstance(parts, list) else len(found)) == parts


LONG = "The keeper of the lighthouse on Gull Rock in those years was"
JAPANESE = "灯台は三隻の船がひと冬のうちに失われた後に海の岩の上に"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("A trace tree is a tree-like data structure that contains a tree of", "traces."),
        (LONG, "Ann Marlow."),
        (LONG, "31 years old."),
        (LONG, "(as the log says) Ann."),
        ("They met Mrs. Fry when she came to the island with Dr.", "Marlow."),
        ("The lamp burned colza oil", "until it was replaced."),
        ("It was Ann Marlow, as the log of that year says on p.", "12."),
        ("- three ships had been lost and", "  then it was built"),
        ("1. Three ships had been lost, and", "then it was built."),
        ("Answer: a lighthouse, which stands on a rock in the", "sea."),
        (JAPANESE, "建てられた。"),
        (f"{LONG}  ", "Ann."),
        (f"{LONG}\r", "Ann."),
    ],
)  # fmt: skip
def test_a_line_that_was_broken_for_its_width_goes_on_with_the_next(before, after):
    text = f"{before}\n{after}"
    assert split(f"It rained.\n{text}\n\nYes.") == ["It rained.", text, "Yes."]


@pytest.mark.parametrize(
    "lines",
    [
        ["- three ships had been lost that winter off the coast", "- two of them had sails"],
        ["1. Three ships had been lost that winter off the coast", "2) two of them had sails"],
        ["a) three ships had been lost that winter off the coast", "b) two of them had sails"],
        ["(iii) three ships were lost that winter off the coast", "(iv) two of them had sails"],
        ["１、灯台は三隻の船がひと冬のうちに失われた後に建てられた", "2、菜種油"],
        [LONG, "• Ann", "– Eve", "+ Joan", "* Mary"],
        [LONG, "# Keepers"],
        ["## The lighthouse on Gull Rock and the keepers it had", "they lived there"],
        [LONG, "> quoted"],
        [LONG, "---", "they lived there"],
        [LONG, "**Her name:** Ann"],
        ["**The lighthouse on Gull Rock and the keepers it had**", "they lived there"],
        ["| Ann Marlow, first keeper of the lighthouse | 1874 |", "| Eve Harding | 1905 |"],
        ["Ann Marlow, the first keeper of the lighthouse | 1874", "none | 1905"],
        ["Ann Marlow, the first keeper of the lighthouse on Gull Rock\t1874", "none\t1905"],
        ["These are all the keepers the lighthouse on Gull Rock had:", "ann and eve"],
        ["**These are the keepers the lighthouse on Gull Rock had:**", "ann and eve"],
        [LONG, "", "ann and eve"],
        [LONG, " \t", "ann and eve"],
        [LONG, "```", "ann", "```", "and eve"],
        [f"{LONG} Ann.", "Eve came later"],
        [f"{LONG} Ann.", "eve came later"],
        [f"{LONG} Ann?", "no one knows"],
        ["Question:  Who is Ann", "The keeper"],
        [LONG, "Question: who is it", "Answer: Ann"],
        ["name: Ann", "age: 31"],
        ["Ann Marlow", "12 Quay Road", "Gull Rock"],
        ["red", "green", "blue"],
        ["Rough winds do shake the darling buds of May,", "And summer's lease hath all", "Of it"],
        ["床前明月光，", "疑是地上霜", "举头望明月"],
    ],
)
def test_a_line_that_ends_by_itself_does_not_go_on(lines):
    joined = "\n".join(lines).replace("```\nann\n```", "```ann```")
    whole = [part.replace("```\nann\n```", "```ann```") for part in split("\n".join(lines))]
    assert whole == [line for line in joined.split("\n") if line.strip()]


@pytest.mark.parametrize("width", [60, 72, 100])
def test_a_wrapped_answer_has_the_sentences_of_one_that_is_not(width):
    answer = f"{LIGHTHOUSE} {' '.join(HARBOUR.split())} {GARDEN}"
    wrapped = textwrap.fill(answer, width)
    assert wrapped.count("\n") > 4
    assert [one_line(part) for part in split(wrapped)] == split(answer)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (" a tree of \n  traces. ", "a tree of traces."),
        ("灯台は、\n 失われた\nAnn", "灯台は、失われた Ann"),
        ("등대는\n바위에", "등대는 바위에"),
        ("", ""),
    ],
)
def test_a_sentence_of_several_lines_is_shown_on_one(text, line):
    assert one_line(text) == line


@pytest.mark.parametrize(
    "piece", [".", "?", '."', ".**", ").", ".\n\n", "\n", "。", "。」", "؟", "Inc. "]
)
def test_a_sentence_may_end_with_a_stop_what_closes_behind_it_and_a_line(piece):
    assert may_end(piece)


@pytest.mark.parametrize(
    "piece", ["", " ", " of", ",", " -", "3.5", "\n- ", ".com", "：", "\ufffd"]
)
def test_a_sentence_does_not_end_with_a_word(piece):
    assert not may_end(piece)


def test_nothing_of_an_answer_is_lost_between_sentences():
    rng = random.Random(3)
    alphabet = [*'aB1.。!?…\n \t`*-("”) :|#>', "```\n", "e.g. ", "Dr. ", "国", "3.5 ", "\r\n"]
    alphabet += ["\u2028", "so it was that ", "国" * 24]
    for _ in range(500):
        text = "".join(rng.choices(alphabet, k=60))
        spans = sentences(text)
        places = [at for start, end in spans for at in range(start, end)]
        assert places == sorted(set(places)), "spans are in order and apart"
        assert all(text[start:end].strip() == text[start:end] for start, end in spans)
        assert {at for at, one in enumerate(text) if not one.isspace()} <= set(places), repr(text)


@pytest.mark.parametrize(
    "piece", [".", "。", ". ", "a.", "A. ", "`", "```\n", "\n ", "国", "'.", "1,"]
)
def test_hostile_text_takes_no_longer_than_other_text(piece):
    text = piece * (20_000 // len(piece))
    started = time.perf_counter()
    sentences(text)
    one_line(text)
    cite(text[:2000], passages(text[:2000]), alike)
    quote(text[:50], text[:2000])
    assert time.perf_counter() - started < 2


def test_each_sentence_cites_the_passage_that_says_it(embedder):
    answer = (
        "Ann Marlow was the first keeper of the lighthouse. After a railway reached the town in "
        "1902, herring was sent to London by train. The pope visited the garden in June."
    )
    found = cite(answer, passages(GARDEN, LIGHTHOUSE, HARBOUR), embedder.embed)
    assert [answer[one.start : one.end] for one in found] == split(answer)
    assert [one.sources for one in found] == [(2,), (3,), ()]
    assert all(one.support >= SUPPORTED for one in found[:2])
    assert "Its first keeper, Ann Marlow, lived there for 31 years" in found[0].quotes[0]
    assert "herring went to London by train." in found[1].quotes[0]
    assert (found[2].support, found[2].quotes) == (0.0, ())


@pytest.mark.parametrize(
    ("claim", "supported"),
    [
        ("The lighthouse on Gull Rock was built in 1874.", True),
        ("The lighthouse on Gull Rock was built in 1875.", False),
        ("The lighthouse on Gull Rock was built in 1874 [1].", True),
        ("The lighthouse on Gull Rock was built in 1874 [1, 12].", True),
        ("2. The lighthouse on Gull Rock was built in 1874.", True),
        ("**2.** The lighthouse on Gull Rock was built in 1874.", True),
        ("Ann Marlow kept the log for 31 years.", True),
        ("Ann Marlow kept the log for 32 years.", False),
        ("Eve Harding kept the log for 31 years.", False),
        ("The lighthouse on Gull Rock was built after 3 ships were lost.", True),
        ("The lighthouse on Gull Rock was built after four ships were lost.", False),
        ("The lighthouse on Gull Rock was built after thirteen ships were lost.", False),
        ("The lighthouse on Gull Rock was built after a million ships were lost.", False),
        ("Lamps there burned colza oil until replaced by paraffin.", True),
        ("The lamp was painted red by sailors from Norway.", False),
    ],
)
def test_another_number_or_name_is_not_supported(claim, supported, embedder):
    (found,) = cite(claim, passages(LIGHTHOUSE), embedder.embed)
    assert bool(found.sources) == supported, found.support


def test_one_other_name_among_many_is_not_supported():
    said = "Ann, Eve, Joan, Mary, Ruth, Jane, Rose and Lucy kept the light"
    texts = [f"In those years {said} on the rock."]
    named = [f"It was {said}.", f"It was {said.replace('Ruth', 'Agnes')}."]
    assert [cite(claim, passages(*texts), alike)[0].sources for claim in named] == [(1,), ()]


def test_a_sentence_of_two_lines_is_one_claim(embedder):
    answer = (
        "The lighthouse on Gull Rock was built in 1874, after three ships had been lost in one\n"
        "winter.\n\nWho kept it?"
    )
    (found,) = cite(answer, passages(GARDEN, LIGHTHOUSE), embedder.embed)
    assert answer[found.start : found.end] == answer.partition("\n\n")[0]
    assert found.sources == (2,)


def test_words_that_lines_of_a_passage_part_are_known_whole():
    parted = "The lighthouse was kept by Marl-\nowe, who wrote of hur\u00ad\nricanes and storms."
    (found,) = cite("Marlowe wrote of hurricanes.", passages(parted), alike)
    assert found.sources == (1,)
    assert found.support == 1.0


def test_a_number_counts_where_the_rest_is_said_and_not_elsewhere_in_the_passage(embedder):
    claims = "The lamp burned colza oil until 1874. The lamp burned colza oil."
    away, plain = cite(claims, passages(LIGHTHOUSE), embedder.embed)
    assert (away.sources, plain.sources) == ((), (1,))


@pytest.mark.parametrize(
    ("answer", "sources"),
    [("1874.", (1,)), ("In 1902.", ()), ("After a war", ()), ("In winter.", (1,))],
)
def test_a_short_answer_is_understood_with_its_question(answer, sources, embedder):
    question = "When was the lighthouse on Gull Rock built?"
    (found,) = cite(answer, passages(LIGHTHOUSE, HARBOUR), embedder.embed, question=question)
    assert found.sources == sources


@pytest.mark.parametrize(
    "silent",
    [
        *("Yes.", "Sure!", "Here they are:", "**Here they are:**", "---", "?"),
        *("# The Keepers", "## 1. The Keepers", "Question: What do roses need?", "他是谁？"),
    ],
)
def test_a_sentence_that_claims_nothing_is_not_cited(silent):
    answer = f"{silent}\nRoses need sun."
    (found,) = cite(answer, passages(GARDEN), alike)
    assert answer[found.start : found.end] == "Roses need sun."


def test_the_best_passages_come_first_and_are_few(embedder):
    worse = "Roses and lavender need sun, water and much patience in the first year."
    texts = [worse, HARBOUR, "Roses need the sun.", worse + " ", worse + "\n"]
    (found,) = cite("Roses need sun.", passages(*texts), embedder.embed, question="What?")
    assert found.sources[0] == 3
    assert len(found.sources) == len(found.quotes) == MOST_SOURCES
    assert 2 not in found.sources


def test_similarity_decides_between_places_with_the_same_words():
    def embed(texts):
        far = [text.startswith("Dogs chase") for text in texts]
        return np.array([[0.0, 1.0] if one else [1.0, 0.0] for one in far], dtype=np.float32)

    (found,) = cite("Cats chase hungry dogs.", passages("Dogs chase hungry cats."), embed)
    assert found.sources == ()
    (found,) = cite("Cats chase hungry dogs.", passages("Hungry dogs chase cats."), embed)
    assert found.sources == (1,)


def test_another_first_word_of_a_sentence_is_forgiven_as_it_may_be_no_name(embedder):
    said = "Local boats return to the harbour before noon."
    named = "Boats return to Local Haven before noon."
    found = [cite(claim, passages(HARBOUR), embedder.embed)[0].sources for claim in (said, named)]
    assert found == [(1,), ()]


def test_a_word_with_a_capital_is_no_name_if_the_passages_write_it_small():
    texts = ["Most old sailors fear the fog at sea.", "Ask the fishermen."]
    claim = "The Fishermen fear the old fog at sea."
    (with_both,) = cite(claim, passages(*texts), alike)
    (without,) = cite(claim, passages(texts[0]), alike)
    assert (with_both.sources, without.sources) == ((1,), ())


def test_claims_in_scripts_without_spaces_are_matched():
    texts = ["京都は古い都です。東京は日本の首都で、人口が多い。", "花は春に咲く。"]
    found = cite("日本の首都は東京です。花は秋に枯れた。", passages(*texts), alike)
    assert [one.sources for one in found] == [(1,), ()]
    assert "首都" in found[0].quotes[0]


def test_a_citation_knows_where_in_its_passage_the_telling_sentence_stands():
    sections = "## Music\n\nThe piano is played after five.\n\n## Dogs\n\nDogs wait in the yard."
    (found,) = cite("Dogs wait in the yard.", passages(sections), alike)
    ((start, end),) = found.parts
    assert sections[start:end] == "Dogs wait in the yard."
    assert list(found.quoted) == [(1, found.quotes[0], (start, end))]


def test_lines_of_a_passage_may_break_within_a_sentence_and_tables_are_cut(embedder):
    table = "\n".join(f"Item {n} costs {n * 7} crowns" for n in range(1, 60))
    (found,) = cite("Item 31 costs 217 crowns.", passages(table), embedder.embed)
    assert found.sources == (1,)
    assert len(found.quotes[0]) <= QUOTE_CHARACTERS
    assert "Item 31 costs 217 crowns" in found.quotes[0]


def test_few_texts_are_embedded_all_at_once():
    calls = []

    def embed(texts):
        calls.append(list(texts))
        return alike(texts)

    many = [f"{GARDEN} Line {n} of {n * 3} more." for n in range(40)] + [LIGHTHOUSE]
    cite("Ann Marlow lived there for 31 years.", passages(*many), embed)
    assert len(calls) == 1
    assert len(calls[0]) == len(set(calls[0])) <= 5


@pytest.mark.parametrize(
    ("answer", "texts"), [("The sea is red.", []), ("", [GARDEN]), ("Moons orbit Mars.", [GARDEN])]
)
def test_nothing_is_embedded_where_no_words_are_shared(answer, texts):
    found = cite(answer, passages(*texts), lambda _: pytest.fail("not needed"))
    assert [one.sources for one in found] == [()] * len(split(answer))


def test_an_answer_of_ten_sentences_is_matched_well_under_a_second_of_embedding(embedder):
    rng = random.Random(5)
    words = LIGHTHOUSE.replace(".", "").split() + HARBOUR.replace(".", "").split()
    texts = [
        " ".join(" ".join(rng.choices(words, k=14)).capitalize() + "." for _ in range(18))
        for _ in range(6)
    ]
    answer = " ".join(split(text)[number] for number, text in enumerate(texts + texts[:4]))
    embedded = []

    def embed(batch):
        embedded.extend(batch)
        return embedder.embed(batch)

    found = cite(answer, passages(*texts), embed)
    assert [one.sources[0] for one in found] == [1, 2, 3, 4, 5, 6, 1, 2, 3, 4]
    assert len(embedded) <= 60, "of 118"


def test_a_short_place_is_quoted_whole_on_one_line():
    assert quote("sun", " Roses\n  need sun. ") == "Roses need sun."


def test_a_long_place_is_quoted_where_it_says_the_same_with_whole_words():
    filler = "and then nothing much happened on the island for weeks "
    text = filler * 8 + "until Ann Marlow lit the lamp in 1874 " + filler * 8
    said = quote("Ann Marlow lit the lamp in 1874.", text)
    assert said.startswith("…")
    assert said.endswith("…")
    assert "Ann Marlow lit the lamp in 1874" in said
    assert QUOTE_CHARACTERS - 20 < len(said) <= QUOTE_CHARACTERS
    assert set(said.strip("…").split()) <= set(text.split())


def test_a_quote_of_the_beginning_or_the_end_has_dots_on_one_side_only():
    filler = " word" * 100
    assert quote("Ann Marlow", "Ann Marlow" + filler).startswith("Ann Marlow word")
    assert quote("Ann Marlow", filler + " Ann Marlow").endswith("word Ann Marlow")


def test_a_word_longer_than_a_quote_is_cut():
    said = quote("x", "x" * 1000)
    assert said.endswith("x…")
    assert len(said) <= QUOTE_CHARACTERS


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("It is done. It was lo", "It is done. "),
        ("It is done.", "It is done."),
        ("He said “no.”", "He said “no.”"),
        ("**It is done.**", "**It is done.**"),
        ("終わった。まだ", "終わった。"),
        ("Never ended", ""),
        ("See:\n```\nx = 1\n```", "See:\n```\nx = 1\n```"),
        ("", ""),
    ],
)
def test_a_last_sentence_without_an_end_is_no_part_of_the_whole(text, kept):
    assert whole(text) == kept
