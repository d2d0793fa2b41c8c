"""Tests of text that a terminal shows and does not obey."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rapid_cli.storage.history import History
from rapid_cli.text.printable import printable, printable_json, printable_line

SAFE = "".join(map(chr, range(0x20, 0x7F)))
DECEIVING = [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029, 0xFEFF, 0xE0041]


def test_plain_text_lines_and_tabs_stay_as_they_are():
    text = f"{SAFE}\n\tnaïve café, 漢字, Ελληνικά\u00a0…\n"
    assert printable(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "می\u200cخواهم",  # Persian needs its non-joiner
        "👩\u200d🚀 ❤\ufe0f",  # and emoji their joiners and variants
        "葛\U000e0100",
        "ע\u200f(a)\u200e",
    ],
)
def test_what_scripts_and_emoji_are_written_with_stays(text):
    assert printable(text) == text == printable_line(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "␛[31mred"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("secret\b\b\bpublic\r", "secret␈␈␈public␍"),
        ("\x7f", "␡"),
        ("\x9b31m", "<U+009B>31m"),
        ("file\u202egnp.exe", "file<U+202E>gnp.exe"),
        ("a\u2028b", "a<U+2028>b"),
        ("hi\U000e0041", "hi<U+E0041>"),
        ("half \ud83d, name \udcff", "half \ufffd, name \ufffd"),
    ],
)
def test_what_a_terminal_would_obey_is_seen_instead(text, shown):
    assert printable(text) == shown == printable_line(text)


def test_no_control_is_left_of_all_unicode():
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    left = {char for char in printable(everything) if unicodedata.category(char) in {"Cc", "Cs"}}
    assert left == {"\n", "\t"}
    assert not {chr(code) for code in DECEIVING} & set(printable(everything))
    line = printable_line(everything)
    assert not [char for char in line if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}]


def test_a_line_stays_one_line():
    assert printable_line("a\nb\tc\r\nd") == "a␊b␉c␍␊d"


def test_lines_that_end_as_on_windows_end_plainly():
    assert printable("one\r\ntwo\r\n") == "one\ntwo\n"


@given(some.text(some.characters(), max_size=40))
def test_what_is_shown_can_be_written_and_is_shown_as_it_is(text):
    shown = printable(text)
    assert shown.encode().decode() == shown == printable(shown)
    assert len(printable_line(text).splitlines()) <= 1


@given(some.lists(some.text("a\x1b[m\u202e\n\r\t", max_size=4)))
def test_pieces_of_an_answer_are_shown_as_the_whole(pieces):
    whole = "".join(piece.replace("\r", "\b") for piece in pieces)
    assert "".join(printable(piece.replace("\r", "\b")) for piece in pieces) == printable(whole)


def test_a_long_text_takes_no_time():
    text = "A line of a book, naïve and long.\n" * 100_000
    began = time.perf_counter()
    assert printable(text) == text
    assert time.perf_counter() - began < 1


def rapid(*words, home, **more):
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "rapid_cli", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        env=os.environ | {"RAPID_HOME": str(home)} | more,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("list", "a\u202eb\x1b[31m\nc"),
        ("a\u202eb\x1b[31m",),
        ("--a\u202eb\x1b[31m",),
        ("ask", "note.txt", "Why?", "--gamma", "a\u202eb\x1b[31m"),
        ("remove", "a\u202eb\x1b[31m"),
        ("index", "/missing\u202e\x1b[31m"),
    ],
)
def test_mistakes_on_the_command_line_are_shown_and_not_obeyed(words, tmp_path):
    ended = rapid(*words, home=tmp_path)
    assert ended.returncode in {1, 2}
    assert ended.stdout == b""
    said = ended.stderr.decode()
    assert not {"\x1b", "\u202e"} & set(said)
    assert "202" in said, "what was meant is seen"


def test_what_an_output_has_no_letters_for_is_no_error(tmp_path):
    with History(tmp_path) as history:
        record = {"question": "Größe?", "answer": "naïve 海", "strategy": "rag"}
        history.add(record | {"sources": [], "stats": {}})
    ended = rapid("history", home=tmp_path, PYTHONIOENCODING="ascii")
    assert (ended.returncode, b"na?ve" in ended.stdout) == (0, True), ended.stderr.decode()


def test_json_holds_all_of_unicode_and_no_character_that_a_terminal_obeys():
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    line = printable_json({everything: [everything]})
    assert json.loads(line.encode()) == json.loads(json.dumps({everything: [everything]}))
    assert printable_line(line) == line
    assert not set("\u00ad\u061c\u180e\u200b\u200e\u200f") & set(line)


def test_what_words_are_written_with_stays_readable_in_json():
    text = "naïve 漢字 می\u200cخواهم 👩\u200d🚀"
    assert printable_json(text) == f'"{text}"'


def test_json_is_escaped_as_json_escapes():
    text = "a\x9b\u202e\U000e0041\ud83d"
    assert printable_json(text) == r'"a\u009b\u202e\udb40\udc41\ud83d"'
