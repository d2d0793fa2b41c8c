"""Messages on a terminal and in a pipe: sentences end their lines between words, or nowhere."""

from __future__ import annotations

import io

import pytest
from rich.text import Text

from rapid_cli.cli.boundary import print_error
from rapid_cli.cli.render.console import PlainConsole, say, tell
from rapid_cli.errors import RapidError
from tests.cli.test_render_answers import stdout_on_a_screen
from tests.support.screens import Glass, Screen

SENTENCE = "The harbour board gave her a silver whistle for the embargo of that year."
LINES = ["The harbour board gave her a silver", "whistle for the embargo of that year."]
INSTALL = (
    'CMAKE_ARGS="-DGGML_CUDA=on" pip install --force-reinstall --no-cache-dir llama-cpp-python'
)


def on_a_screen(width=40):
    screen = Screen(width)
    options = {"highlight": False, "markup": False, "emoji": False, "color_system": None}
    return screen, PlainConsole(file=Glass(screen), force_terminal=True, width=width, **options)


def in_a_pipe():
    return PlainConsole(file=io.StringIO(), width=40, highlight=False, markup=False, emoji=False)


@pytest.mark.parametrize("text", [SENTENCE, Text(SENTENCE, "dim")], ids=["str", "Text"])
def test_what_is_printed_ends_its_lines_between_words_on_a_terminal_alone(text):
    screen, errors = on_a_screen()
    errors.print(text, style="bold")
    assert screen.seen() == [*LINES, ""]
    errors = in_a_pipe()
    errors.print(text)
    assert errors.file.getvalue() == f"{SENTENCE}\n"


def test_what_is_printed_in_parts_is_one_text():
    screen, errors = on_a_screen(12)
    errors.print("  [1] ", Text("a book.pdf, page 3"), sep="")
    errors.print("a\n\n  b")
    assert screen.seen() == ["  [1] a", "book.pdf,", "page 3", "a", "", "  b", ""]


def test_a_message_is_in_lines_of_whole_words():
    screen, errors = on_a_screen()
    tell(errors, SENTENCE, "yellow")
    assert screen.seen() == [*LINES, ""]
    errors = in_a_pipe()
    tell(errors, SENTENCE)
    assert errors.file.getvalue() == f"{SENTENCE}\n"


@pytest.mark.parametrize(
    "command",
    [
        INSTALL,
        'pip install "rapid-cli[starter]"',
        "rapid models pull my-model",
        "`rapid index --rebuild`",
    ],
)
def test_a_command_can_be_copied_from_any_window(command):
    for width in range(5, 120):
        screen, errors = on_a_screen(width)
        tell(errors, f"  it is built without it, so do this now: {command}")
        assert any(command in line for line in screen.copied()), width


def test_a_path_with_spaces_can_be_copied_too():
    path = "/home/ann/my documents/the whale of nantucket.pdf"
    for width in range(5, 80):
        screen, errors = on_a_screen(width)
        tell(errors, f"removed {path}: the file is gone", whole=path)
        assert any(path in line for line in screen.copied()), width


def test_errors_and_hints_have_whole_words(monkeypatch):
    screen = Screen(60)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", Glass(screen))
    print_error(RapidError(SENTENCE, f"{SENTENCE} Or this: {INSTALL}"))
    assert screen.copied() == [
        "rapid: The harbour board gave her a silver whistle for the",
        "embargo of that year.",
        "  The harbour board gave her a silver whistle for the",
        "embargo of that year. Or this:",
        INSTALL,
        "",
    ]


def test_what_is_said_on_stdout_is_whole_there_too(monkeypatch, capsys):
    say(f"{SENTENCE}\tx")
    assert capsys.readouterr().out == f"{SENTENCE}\tx\n"
    screen = stdout_on_a_screen(monkeypatch)
    say(SENTENCE)
    say(
        "/my own path is trusted, as long as it stays as it is now.",
        whole="/my own path is trusted",
    )
    assert screen.seen() == [
        "The harbour board gave her a silver whistle for the embargo",
        "of that year.",
        "/my own path is trusted, as long as it stays as it is now.",
        "",
    ]
