from __future__ import annotations

import random
import time
import tracemalloc

import pytest

from tests.support.books import labels, read, refusal

LONG = "word " * 60


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"],
)
def test_unicode_text_is_read_in_every_common_encoding(encoding: str) -> None:
    text = "Grüße, the code is 7431.\nΚαλημέρα 😀 and some more plain words to look at.\n"
    document = read(text.encode(encoding), "notes.txt")
    assert document.text == text
    assert document.warnings == ()


def test_a_big_endian_mark_is_honoured() -> None:
    assert read(b"\xfe\xff" + "日本語".encode("utf-16-be"), "notes.txt").text == "日本語"


def test_russian_in_utf16_without_a_mark_is_recognised() -> None:
    text = "Это обычный русский текст, в котором есть пробелы.\n" * 3
    assert read(text.encode("utf-16-le"), "notes.txt").text == text


def test_windows_text_is_read_with_a_warning() -> None:
    document = read("naïve “café” – déjà vu".encode("cp1252"), "notes.txt")
    assert document.text == "naïve “café” – déjà vu"
    assert "Windows-1252" in document.warnings[0]


def test_windows_text_with_a_pair_of_bytes_that_could_be_utf8_is_still_windows_text() -> None:
    text = "Déjà vu: the café wrote “Ã©” where it meant “é”"
    assert read(text.encode("cp1252"), "notes.txt").text == text


def test_one_bad_byte_does_not_garble_the_other_letters() -> None:
    document = read("Ελληνικά ".encode() * 20 + b"\xff end", "notes.txt")
    assert document.text == "Ελληνικά " * 20 + "\ufffd end"
    assert document.warnings[0].startswith("1 unreadable")


def test_a_utf16_file_that_breaks_off_inside_a_character_is_read() -> None:
    document = read("some plain text".encode("utf-16")[:-1], "notes.txt")
    assert document.text == "some plain tex\ufffd"


def test_line_ends_become_newlines_and_nul_bytes_vanish() -> None:
    assert read(b"one\r\ntwo\rthree\0\0\0 four", "notes.txt").text == "one\ntwo\nthree four"


def test_a_stray_nul_in_a_short_text_is_not_taken_for_utf16() -> None:
    assert read(b"ab\0c", "notes.txt").text == "abc"


def test_a_text_has_one_page_and_no_page_numbers() -> None:
    document = read(b"text\n\n\ntext", "notes.txt")
    assert [(page.number, page.label) for page in document.pages] == [(1, None)]
    assert not document.paged


@pytest.mark.parametrize("raw", [b"", b" \n\t\r\n ", b"\0", b"\xef\xbb\xbf\n"])
def test_a_file_without_text_is_refused(raw: bytes) -> None:
    refusal(raw, "notes.txt")


def test_letters_that_fit_no_encoding_take_no_memory_each() -> None:
    raw = b"\xff" * 2_000_000
    tracemalloc.start()
    try:
        read(raw, "notes.txt")
        assert tracemalloc.get_traced_memory()[1] < 15 * len(raw)
    finally:
        tracemalloc.stop()


def test_headings_in_plain_text_make_no_sections() -> None:
    assert labels(read(f"# One\n{LONG}\n# Two\n".encode(), "notes.txt")) == [None]


def test_lines_in_other_encodings_than_the_rest_are_read() -> None:
    raw = "Grüße in UTF-8\n".encode() + "“naïve” – déjà vu\n".encode("cp1252") + "日本語\n".encode()
    document = read(raw, "notes.txt")
    assert document.text == "Grüße in UTF-8\n“naïve” – déjà vu\n日本語\n"
    assert document.warnings == (
        "some lines are not UTF-8; they were read as Windows-1252, which --encoding changes",
    )


def test_characters_written_in_two_halves_are_joined_and_lone_halves_counted() -> None:
    document = read(b"a \xed\xa0\xbd\xed\xb8\x80 and \xed\xa0\x80", "notes.txt")
    assert document.text == "a 😀 and \ufffd"
    assert document.warnings == ("1 unreadable characters were replaced by \ufffd",)


def test_a_text_that_goes_on_as_something_else_is_refused() -> None:
    raw = b"plain words " * 6_000 + random.Random(1).randbytes(300_000)
    assert "begins as text and goes on as something else" in refusal(raw, "notes.txt").message


def test_zeros_at_the_end_of_a_log_do_no_harm() -> None:
    assert read(b"plain words " * 6_000 + b"\0" * 300_000, "a.log").text == "plain words " * 6_000


@pytest.mark.parametrize("blank", [" ", "\n", "\n \t"])
def test_vast_blanks_are_shortened_and_others_kept(blank: str) -> None:
    kept = "one" + blank * 600 + "two"
    vast = "one" + blank * 1_000_000 + "two"
    assert read(kept.encode(), "notes.txt").text == kept
    text = read(vast.encode(), "notes.txt").text
    assert text == "one" + (blank * 2_000)[:2_000] + "two"


def test_many_long_blanks_take_no_time() -> None:
    text = ("x" + " " * 1_999) * 5_000
    began = time.monotonic()
    assert read(text.encode(), "notes.txt").text == text
    assert time.monotonic() - began < 5
