"""Text that comes on a terminal: its lines end between words, whatever becomes of the window."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from fcntl import ioctl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from rich.console import Console
from rich.text import Text

from rapid_cli.cli.flow import SETTLED, Flow
from rapid_cli.text.wrapping import cells, lines
from tests.support.screens import Glass, Screen
from tests.text.test_wrapping import PARAGRAPH, is_end_of_word, word_at

STORY = (
    "The keeper of the light was called Edith Marlow. She kept a silver whistle on a cord, and "
    "the harbour board gave it to her for the embargo. "
    "港口委员会给了她一个银哨子。「灯塔」很古老。 "
    "ผู้ดูแลประภาคารชื่ออีดิธ มาร์โลว์ The rest is silence."
)


class Window:
    """A flow of text on a screen."""

    def __init__(self, width: int, height: int = 24, *, reflows: bool = True) -> None:
        self.screen = Screen(width, height, reflows=reflows)
        self.file = Glass(self.screen)
        options = {"color_system": None, "legacy_windows": False, "_environ": {}}
        self.console = Console(
            file=self.file, force_terminal=True, width=width, height=height, **options
        )
        self.flow = Flow(self.console)

    def resize(self, width: int) -> None:
        self.console.width = width
        self.screen.resize(width)

    def write(self, text: str, *, size: int = 3) -> list[str]:
        """Write a text in pieces, drawn after each; return the rows that are seen in the end."""
        for start in range(0, len(text), size):
            self.flow.add(text[start : start + size], "")
            self.flow.draw(Text("12 tok/s"))
        self.flow.close()
        return self.screen.seen()


def wrapped(text: str, width: int) -> list[str]:
    """Return the rows of a whole text."""
    return [
        each[start:end].rstrip()
        for each in text.expandtabs(8).split("\n")
        for start, end in lines(each, width)
    ]


@pytest.mark.parametrize("width", [11, 20, 40, 80, 120])
def test_what_stays_is_the_whole_text_in_lines_of_whole_words(width):
    assert Window(width).write(STORY) == [*wrapped(STORY, width), ""]


def test_words_are_not_torn_while_they_come_either():
    window = Window(30)
    for letter in STORY[:130]:
        window.flow.add(letter, "")
        window.flow.draw(None)
        rows = [row for row in window.screen.seen() if row]
        assert rows == wrapped(window_text(window, STORY), 30)


def window_text(window: Window, story: str) -> str:
    """Return as much of a story as was written."""
    shown = "".join("".join(window.screen.seen()).split())
    place = 0
    for place, _ in enumerate(story):
        if "".join(story[:place].split()) == shown:
            break
    return story[:place]


def test_only_lines_that_can_still_change_are_drawn_again():
    window = Window(40, height=5)
    window.write(STORY * 40)
    assert window.screen.seen() == [*wrapped(STORY * 40, 40), ""]


@pytest.mark.parametrize("height", [2, 3, 4])
@pytest.mark.parametrize("width", range(1, 11))
def test_a_tiny_window_loses_nothing(width, height):
    text = "A keeper 灯塔。\n\n  x = 1"
    window = Window(width, height)
    window.write(text, size=1)
    assert "".join(window.screen.seen()).replace(" ", "") == "".join(text.split())
    assert window.screen.cursor_shown


@pytest.mark.parametrize("reflows", [True, False])
@pytest.mark.parametrize("widths", [(120, 80), (80, 120), (40, 17, 60, 25), (90, 12)])
def test_a_window_that_changes_loses_and_doubles_nothing(widths, reflows):
    window = Window(widths[0], reflows=reflows)
    written = STORY + "\n" + STORY
    for number, letter in enumerate(written):
        if number % 35 == 34:
            window.resize(widths[(number // 35) % len(widths)])
        window.flow.add(letter, "")
        window.flow.draw(Text("12 tok/s"))
    window.flow.close()
    seen = "".join("".join(window.screen.copied()).split())
    whole = "".join(written.split())
    if reflows:
        assert seen == whole
    else:  # such a terminal itself cuts off what stands beyond the edge, and nothing else is lost
        assert len(seen) <= len(whole)
        assert is_part(seen, whole)
    assert not any("tok/s" in row for row in window.screen.seen())


def is_part(some_of: str, whole: str) -> bool:
    """Tell whether letters of a text were left out, and none added."""
    letters = iter(whole)
    return all(letter in letters for letter in some_of)


TEXT = some.lists(PARAGRAPH, min_size=1, max_size=4).map("\n".join)
TABBED = some.tuples(TEXT, some.booleans()).map(
    lambda t: t[0].replace("  ", "\t") if t[1] else t[0]
)


@given(TABBED, some.integers(1, 90), some.integers(2, 9), some.integers(3, 9))
@settings(max_examples=60, deadline=None)
def test_any_text_is_shown_once_and_in_whole_words(text, width, height, size):
    window = Window(width, height)
    window.write(text, size=size)
    assert_shown(text, window.screen.copied(), width)


@given(TABBED, some.lists(some.integers(1, 90), min_size=2, max_size=6), some.integers(3, 9))
@settings(max_examples=60, deadline=None)
def test_any_text_survives_any_change_of_the_window(text, widths, size):
    window = Window(widths[0])
    for number, start in enumerate(range(0, len(text), size)):
        window.flow.add(text[start : start + size], "")
        window.flow.draw(Text("12 tok/s"))
        if number % 5 == 4:
            window.resize(widths[number // 5 % len(widths)])
    window.flow.close()
    assert_shown(text, window.screen.copied(), min(widths))


def assert_shown(text: str, copied: list[str], width: int) -> None:
    """Check that lines are a text, and that none ends in a word that fits into `width`."""
    place = 0
    text = re.sub(r"[\t\n]", " ", text.rstrip())
    for line in copied:
        for letter in line:
            if letter.isspace():
                continue
            while text[place].isspace():
                place += 1
            assert letter == text[place]
            place += 1
        if 0 < place < len(text) and not is_end_of_word(text, place):
            assert cells(word_at(text, place)) > width, (line, text[place:])
    assert place == len(text)


def test_a_word_wider_than_the_window_is_copied_in_one_piece():
    path = "/usr/lib/python3/dist-packages/a/long/path/to/a/file.txt"
    window = Window(30)
    seen = window.write(f"Look into {path} for it.")
    assert max(map(len, seen)) <= 30
    assert window.screen.copied() == ["Look into", f"{path} for", "it.", ""]


def test_the_line_of_status_is_cut_and_not_wrapped():
    window = Window(20)
    window.flow.add("It was", "")
    window.flow.draw(Text("12 tokens a round · 80 tok/s"))
    assert window.screen.seen() == ["It was", "12 tokens a round ·…"]


def test_what_is_erased_makes_room_and_comes_again():
    window = Window(40)
    window.flow.add("It was", "")
    window.flow.draw(Text("12 tok/s"))
    window.flow.erase()
    window.console.print("a note")
    window.flow.add(" Ann.", "")
    window.flow.close()
    assert window.screen.seen() == ["a note", "It was Ann.", ""]


def test_a_terminal_without_movements_gets_finished_lines_alone():
    screen = Screen(80)
    console = Console(file=Glass(screen), force_terminal=True, _environ={"TERM": "dumb"})
    flow = Flow(console)
    for word in re.findall(r"\S+\s*", STORY):
        flow.add(word, "")
        flow.draw(Text("12 tok/s"))
    flow.close()
    assert "\x1b" not in console.file.getvalue()
    assert screen.seen() == [*wrapped(STORY, 80), ""]


def test_colours_stay_where_they_were():
    file = io.StringIO()
    flow = Flow(
        Console(file=file, force_terminal=True, width=12, color_system="standard", _environ={})
    )
    flow.add("the keeper ", "")
    flow.add("Edith Marlow", "green")
    flow.close()
    assert file.getvalue() == "the keeper\n\x1b[32mEdith Marlow\x1b[0m\n"


def test_a_line_waits_until_what_follows_cannot_move_its_end():
    window = Window(20)
    window.flow.add("x" * 10 + " " + "y" * 10 + " " + "z" * (SETTLED - 12), "")
    window.flow.draw(None)
    assert window.file.getvalue().count("x" * 10) == 1
    window.flow.draw(None)
    assert window.file.getvalue().count("x" * 10) == 2, "it was drawn, and not printed"
    window.flow.add("z", "")
    window.flow.draw(None)
    window.flow.draw(None)
    assert window.file.getvalue().count("x" * 10) == 3, "it was printed"


PROGRAM = """
import sys, time
from rapid_cli.answering.answer import Decoded, Finished, Piece, Thought
from rapid_cli.cli.render.answers import answer_view, render_answer
from rapid_cli.cli.render.console import Bars, console
from rapid_cli.decoding.stats import DecodingStats, Round

stats = DecodingStats()
stats.add(Round((1, 2), 0, 1, 1, 1, 0.1, 0.1))
text, options = sys.argv[1], dict.fromkeys(sys.argv[2:], True)

def events():
    for start in range(0, len(text), 4):
        if "rests" in options and start == len(text) // 8 * 4:
            time.sleep(0.5)
        yield (Thought(text[start:start + 4]) if "think" in options else
               Piece(text[start:start + 4], "drafter" if start % 8 else "target"))
        yield Decoded(stats, 1.0)
        time.sleep(0.005)
    yield Finished(None)

errors = console(quiet="quiet" in options)
view = answer_view(errors, json=False, stream="held" not in options, statistics=True,
                   thinking="think" in options)
render_answer(events(), view, Bars(errors), errors)
view.close()
"""


def in_a_window(width: int, *words: str, narrower: int = 0, errors_too: bool = True) -> Screen:
    """Run a program that shows an answer in a window, made narrower midway; return its screen."""
    process, terminal = pty.fork()
    if process == 0:  # pragma: no cover - the child
        set_size(1, width)
        if not errors_too:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        kept = {
            name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")
        }
        more = {"TERM": "xterm-256color", "PYTHONPATH": os.pathsep.join(sys.path)}
        os.execve(sys.executable, [sys.executable, "-c", PROGRAM, *words], kept | more)
    screen, written = Screen(width), b""
    try:
        while select.select([terminal], [], [], 60)[0]:
            try:
                data = os.read(terminal, 65536)
            except OSError:  # so Linux says that the other end is closed
                break
            if not data:
                break
            written += data
            text = written.decode("utf-8", "ignore")
            written = written[len(text.encode()) :]
            screen.feed(text.replace("\r\n", "\n"))
            if narrower and screen.width != narrower and idle(terminal):
                set_size(terminal, narrower)
                screen.resize(narrower)
    finally:
        os.close(terminal)
        _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 0, screen.seen()
    return screen


def set_size(terminal: int, width: int) -> None:
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))


def idle(terminal: int) -> bool:
    """Tell whether nothing comes for a while, as midway through an answer."""
    return not select.select([terminal], [], [], 0.3)[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "option"),
    [(9, ""), (33, ""), (120, ""), (33, "held"), (33, "quiet"), (33, "think")],
)
def test_an_answer_in_a_real_terminal_has_whole_words(width, option):
    screen = in_a_window(width, STORY, option)
    whole = wrapped(STORY, width)
    assert screen.copied()[: len(whole)] == whole
    assert not "".join(screen.copied()[len(whole) :])
    assert screen.cursor_shown


@pytest.mark.slow
def test_an_answer_has_whole_words_where_stderr_goes_elsewhere():
    screen = in_a_window(40, STORY, errors_too=False)
    assert screen.copied() == [*wrapped(STORY, 40), ""]


@pytest.mark.slow
@pytest.mark.parametrize(("width", "narrower"), [(100, 40), (40, 100), (60, 7)])
def test_a_real_window_may_change_midway(width, narrower):
    screen = in_a_window(width, STORY, "rests", narrower=narrower)
    assert screen.width == narrower
    assert_shown(STORY, screen.copied(), min(width, narrower))


@pytest.mark.slow
def test_in_a_pipe_an_answer_is_byte_for_byte_what_the_model_wrote():
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "20"}
    written = f"  {STORY * 5}\n\n\tx = 1   \n"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, written],
        env=environment,
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == f"{written}\n".encode()
