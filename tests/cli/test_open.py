"""`rapid open`: pages and passages that answers cite, shown by whatever there is to show them."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from rapid_cli.cli.render.pictures import KEPT_SECONDS, part_shown
from rapid_cli.documents import PagePicture
from rapid_cli.storage.history import History
from tests.support.marked_pages import from_file, share_painted, text_within
from tests.support.pdfs import make_pdf, make_scanned_pdf
from tests.support.rapid import COMMAND, environment
from tests.support.rapid import rapid as run_rapid

pytestmark = pytest.mark.slow

KEEPER = (
    "The lighthouse keeper was called Edith Marlow. She kept\n"
    "the light on Gannet Rock for forty-one years.\n"
    "The harbour board gave her a silver whistle for it."
)
QUOTE = "She kept the light on Gannet Rock for forty-one years."
NOTES = "# Budget\n\nThe team met.\n\nIt decided on 4,000 euros for travel.\n\n# Next\n\nMore.\n"
DECIDED = "It decided on 4,000 euros for travel."
SILENT = {"DISPLAY": "", "WAYLAND_DISPLAY": "", "NO_COLOR": "1"}
"""The surroundings of a machine without a desktop."""
SIXEL = b"\x1bP"
PLACEHOLDER = "\U0010eeee".encode()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.pdf"
    path.write_bytes(make_pdf(["Title", KEEPER]))
    return path


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "notes.md"
    path.write_text(NOTES)
    return path


@pytest.fixture
def rapid(home: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `rapid open` where no program is installed but those that a test puts into a folder."""
    programs = tmp_path / "programs"
    programs.mkdir()

    def run(*words: object, **more: str) -> subprocess.CompletedProcess[str]:
        return run_rapid("open", *words, home=home, **{"PATH": str(programs)} | SILENT | more)

    return run


def source(file: Path, page: int | None, text: str, **more: object) -> dict[str, object]:
    return {
        "document": file.name,
        "document_id": hashlib.sha256(file.read_bytes()).hexdigest(),
        "path": str(file),
        "page": page,
        "last_page": page,
        "page_label": None,
        "section": None,
        "score": 0.5,
        "text": text,
    } | more


def sentence(number: int, quote: str, page: int | None, **more: object) -> dict[str, object]:
    known = {"quote": quote, "page": page, "last_page": page, "page_label": None, "section": None}
    place = known | more
    return {"start": 0, "end": 9, "sources": [number], "support": 0.8, "places": [place]}


def remember(home: Path, sources: list[object], citations: list[object], **more: object) -> None:
    record = {"question": "Who?", "answer": "Edith.", "absent": False, "strategy": "rapid"}
    with History(home) as history:
        history.add(record | {"sources": sources, "citations": citations} | more)


def marked(file: Path, picture: Path, number: int) -> str:
    """Return what stands in the marks of a picture that was written, told by their colour."""
    image = Image.open(picture).convert("RGB")
    if not share_painted(from_file(picture)):
        return ""
    rows: dict[int, list[int]] = {}
    for at, (red, green, blue) in enumerate(image.getdata()):
        if red > 200 and green > 160 and blue < 120:
            rows.setdefault(at // image.width, []).append(at % image.width)
    marks, ends = [], sorted(rows)
    starts = [row for row in ends if row - 1 not in rows]
    for start in starts:
        end = next(row for row in ends if row >= start and row + 1 not in rows)
        across = [x for row in range(start, end + 1) for x in rows[row]]
        marks.append((min(across), start, max(across), end))
    return text_within(
        file.read_bytes(), number, PagePicture(b"", *image.size, tuple(marks), True, 1)
    )


# Sources of answers


def test_the_sentence_that_an_answer_cites_is_marked_on_its_page(rapid, home, book, tmp_path):
    remember(home, [source(book, 1, "Title"), source(book, 2, KEEPER)], [sentence(2, QUOTE, 2)])
    done = rapid("2", "--output", tmp_path / "page.png")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"book.pdf, page 2: “{QUOTE}”\nwritten to {tmp_path / 'page.png'}\n"
    # The frames of two lines touch, so that both are seen as one mark.
    assert "kept" in marked(book, tmp_path / "page.png", 2)
    assert "Title" not in marked(book, tmp_path / "page.png", 2)
    assert "silver whistle" not in marked(book, tmp_path / "page.png", 2)


def test_without_a_number_it_is_the_first_source_that_is_cited(rapid, home, book, tmp_path):
    remember(home, [source(book, 1, "Title"), source(book, 2, KEEPER)], [sentence(2, QUOTE, 2)])
    assert rapid("--output", tmp_path / "page.png").stderr.startswith("book.pdf, page 2: ")


def test_a_source_that_no_sentence_cites_is_marked_whole(rapid, home, book, tmp_path):
    remember(home, [source(book, 1, "Title"), source(book, 2, KEEPER)], [sentence(2, QUOTE, 2)])
    done = rapid("1", "--output", tmp_path / "page.png")
    assert done.stderr.startswith("book.pdf, page 1: marked is the passage, as no sentence")
    assert marked(book, tmp_path / "page.png", 1) == "Title"


def test_earlier_answers_can_be_chosen(rapid, home, book, notes, tmp_path):
    remember(home, [source(book, 2, KEEPER)], [sentence(1, QUOTE, 2)])
    remember(home, [source(notes, None, DECIDED)], [sentence(1, DECIDED, None)])
    done = rapid("1", "--answer", "2", "--output", tmp_path / "page.png")
    assert done.stderr.startswith("book.pdf, page 2: ")
    third = rapid("1", "--answer", "3")
    assert third.returncode == 1
    assert third.stderr == (
        "rapid: there is no answer 3\n  the history has 2 answers: 1 is the newest\n"
    )


def test_what_is_no_source_is_a_sentence_and_a_hint(rapid, home, book):
    empty = rapid("3")
    assert (empty.returncode, empty.stdout) == (1, "")
    assert empty.stderr.startswith("rapid: the history is empty, so there is no source to open\n  ")
    remember(home, [source(book, 2, KEEPER)], [])
    assert rapid("3").stderr == "rapid: the answer has no source 3\n  it has source 1 alone\n"
    assert rapid("0").stderr.startswith("rapid: the answer has no source 0\n")
    assert "does not exist" in rapid("9" * 200).stderr, "no source has such a number"
    remember(home, [], [])
    assert "of what came by standard input nothing is kept" in rapid("1").stderr


def test_a_file_that_is_another_one_gone_or_elsewhere_is_told(rapid, home, book, notes):
    shared = source(book, 2, KEEPER, path="shared:bob-1f:/home/bob/book.pdf")
    piped = source(book, None, KEEPER, path="stdin:0123456789ab")
    sources = [source(book, 2, KEEPER), source(notes, None, DECIDED), shared, piped]
    remember(home, sources, [])
    book.write_bytes(make_pdf(["Title", "Another keeper"]))
    notes.write_text("Nothing was decided.")
    for number, name in ((1, "book.pdf"), (2, "notes.md")):
        changed = rapid(number)
        assert (changed.returncode, changed.stdout) == (1, "")
        assert f"rapid: {name} has changed since it was read\n  ask again" in changed.stderr
    book.unlink()
    gone = rapid("1")
    assert gone.stderr == f"rapid: book.pdf is gone\n  it was read from {book}\n"
    assert "is a file of another machine" in rapid("3").stderr
    assert "came by standard input" in rapid("4").stderr


# Files


def test_words_of_a_file_are_found_on_their_page(rapid, book, tmp_path):
    done = rapid(book, "--find", "Gannet Rock", "--output", tmp_path / "page.png")
    assert done.stderr.startswith("book.pdf, page 2: “Gannet Rock”\n")
    assert marked(book, tmp_path / "page.png", 2) == "Gannet Rock"
    done = rapid(book, "--page", 1, "--find", "Gannet Rock", "--output", tmp_path / "page.png")
    assert done.returncode == 0
    assert "book.pdf, page 1: nothing is marked, not found on the page: “Gannet" in done.stderr
    assert marked(book, tmp_path / "page.png", 1) == ""
    assert rapid(book, "--output", tmp_path / "page.png").stderr.startswith("book.pdf, page 1\n")


def test_what_a_file_does_not_have_is_told_with_what_it_has(rapid, book, notes, tmp_path):
    missing = rapid(book, "--find", "a golden trumpet")
    assert "rapid: book.pdf does not have the words “a golden trumpet”\n  " in missing.stderr
    assert "rapid: book.pdf has 2 pages, and no page 12\n" in rapid(book, "--page", 12).stderr
    assert "rapid: notes.md has no pages to show\n" in rapid(notes, "--page", 1).stderr
    assert "nothing.pdf does not exist" in rapid(tmp_path / "nothing.pdf").stderr


def test_a_scan_is_shown_and_that_nothing_is_marked_is_said(rapid, tmp_path):
    (tmp_path / "scan.pdf").write_bytes(make_scanned_pdf(2))
    target = tmp_path / "page.png"
    words = (tmp_path / "scan.pdf", "--page", 2, "--find", QUOTE, "--output", target)
    done = rapid(*words)
    assert done.returncode == 0
    assert "scan.pdf, page 2: nothing is marked, the page is a picture without" in done.stderr
    assert target.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("3", "--page", "2"), "--page and --find go with a file"),
        (("--find", "x"), "--page and --find go with a file"),
        (("book.pdf", "--answer", "2"), "--answer goes with the number of a source"),
        (("book.pdf", "--page", "0"), "than or equal to 1"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(rapid, words, said):
    done = rapid(*words)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())


def test_a_document_of_the_library_is_opened_by_its_name(rapid, home, furnish, book, tmp_path):
    furnish(home, runs=False)
    assert run_rapid("index", book, home=home).returncode == 0
    words = ("book.pdf", "--find", "Gannet Rock", "--output", tmp_path / "page.png")
    assert rapid(*words).stderr.startswith("book.pdf, page 2: ")
    book.write_bytes(make_pdf(["Another"]))
    assert "book.pdf has changed since it was read" in rapid(*words).stderr
    assert "book.pdf has changed" in rapid("book.pdf", "--page", "1").stderr
    assert rapid(book, *words[1:3]).returncode == 1, "by its path it is what it is now"


# Where a picture goes


def test_a_picture_is_a_file_of_the_user_or_none(rapid, book, tmp_path):
    assert rapid(book, "--output", tmp_path / "page.PNG").returncode == 0
    for name, said in (("page.jpg", "is no .png"), ("no/page.png", "does not exist")):
        done = rapid(book, "--output", tmp_path / name)
        assert (done.returncode, done.stdout) == (1, "")
        assert said in done.stderr
        assert not (tmp_path / name).exists()


def test_without_a_viewer_the_path_of_a_private_file_is_printed(rapid, home, book):
    done = rapid(book, "--page", 2)
    (path,) = map(Path, done.stdout.splitlines())
    assert path.is_relative_to(home / "cache")
    assert Image.open(BytesIO(path.read_bytes())).format == "PNG"
    assert path.stat().st_mode & 0o077 == 0
    assert "--output" in done.stderr


def test_the_viewer_of_the_system_shows_it(rapid, book, tmp_path):
    viewer = tmp_path / "programs" / "xdg-open"
    viewer.write_text(f'#!/bin/sh\necho "$1" > {tmp_path / "shown"}\n')
    viewer.chmod(0o755)
    unseen = rapid(book, "--page", 2)
    assert unseen.stdout, "there is no desktop"
    done = rapid(book, "--page", 2, DISPLAY=":7")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.endswith("shown by xdg-open\n")
    assert Path((tmp_path / "shown").read_text().strip()).read_bytes().startswith(b"\x89PNG")
    viewer.write_text("#!/bin/sh\nexit 3\n")
    failed = rapid(book, "--page", 2, DISPLAY=":7")
    assert failed.returncode == 0
    assert Path(failed.stdout.strip()).exists()


def test_old_pictures_are_cleaned_away_and_removing_documents_removes_all(rapid, home, book):
    first = Path(rapid(book, "--page", 1).stdout.strip())
    second = Path(rapid(book, "--page", 2).stdout.strip())
    assert first.exists()
    os.utime(first, (time.time() - KEPT_SECONDS - 60,) * 2)
    assert Path(rapid(book, "--page", 2).stdout.strip()) == second
    assert not first.exists()
    run_rapid("remove", "nothing-like-it", home=home)
    assert not second.exists()


def test_names_of_documents_lead_out_of_no_folder(rapid, home, tmp_path):
    odd = tmp_path / "a b;$(x) ..pdf"
    odd.write_bytes(make_pdf(["Title"]))
    path = Path(rapid(odd, "--page", 1).stdout.strip())
    assert path.parent == home / "cache" / "pages"
    assert path.name == "a_b_x_..pdf-page-1.png"


# Texts without pages


def test_a_passage_is_printed_with_its_surroundings_and_the_mark_in_words(rapid, home, notes):
    cites = sentence(1, DECIDED, None, section="Budget")
    remember(home, [source(notes, None, DECIDED, section="Budget – Next")], [cites])
    done = rapid("1")
    assert done.returncode == 0
    assert done.stderr == f"notes.md, “Budget”: “{DECIDED}”\n"
    assert ">>>It decided on 4,000 euros for travel.<<<" in done.stdout
    assert done.stdout.startswith("# Budget\n\nThe team met.")
    assert done.stdout.endswith("More.\n")
    refused = rapid("1", "--output", "page.png")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "notes.md has no pages, so there is no picture of it\n  leave out" in refused.stderr


def test_what_a_terminal_would_obey_is_made_visible(rapid, tmp_path):
    path = tmp_path / "odd.txt"
    path.write_text("Red \x1b[31malert\x1b[0m, said Ann.\n")
    done = rapid(path, "--find", "said Ann")
    assert "\x1b" not in done.stdout
    assert ">>>said Ann<<<" in done.stdout


# Terminals


class Terminal:
    """A terminal in which a command runs, and what it answers when it is asked."""

    def __init__(self, home: Path, *words: object, rows: int = 50, typed: str = "", **more: str):
        self.shown = b""
        usual = {"TERM": "xterm-256color", "PATH": os.defpath, "DISPLAY": "", "WAYLAND_DISPLAY": ""}
        variables = environment(home, **usual | more)
        for name in ("KITTY_WINDOW_ID", "TMUX", "STY", "PAGER", "LESS"):
            if name not in more:
                variables.pop(name, None)
        self._process, self._master = pty.fork()
        if self._process == 0:
            os.execve(COMMAND[0], [*COMMAND, "open", *map(str, words)], variables)
        fcntl.ioctl(
            self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 120, 1200, rows * 20)
        )
        os.write(self._master, typed.encode())

    def run(self, answers: dict[bytes, bytes], *, late: float = 0.0) -> tuple[int, bytes]:
        """Answer what is asked, once each; return the exit code and all that was shown."""
        waiting, end = dict(answers), time.monotonic() + 60
        while time.monotonic() < end:
            if not select.select([self._master], [], [], 0.1)[0]:
                continue
            try:
                read = os.read(self._master, 65536)
            except OSError:
                break
            if not read:
                break
            self.shown += read
            for question, answer in tuple(waiting.items()):
                if question in self.shown:
                    del waiting[question]
                    time.sleep(late)
                    os.write(self._master, answer)
        _, status = os.waitpid(self._process, 0)
        os.close(self._master)
        return os.waitstatus_to_exitcode(status), self.shown


def test_a_terminal_that_shows_sixels_shows_the_page(home, book):
    terminal = Terminal(home, book, "--page", 2, "--find", QUOTE)
    code, shown = terminal.run({b"\x1b[c": b"\x1b[?62;4;22c"})
    assert code == 0
    assert SIXEL in shown
    assert b"[?62" not in shown, "its answer is not shown as typed"
    assert b".png" not in shown


def test_a_terminal_with_few_rows_shows_the_part_around_the_mark_and_says_so(home, book):
    terminal = Terminal(home, book, "--page", 2, "--find", QUOTE, rows=24)
    code, shown = terminal.run({b"\x1b[c": b"\x1b[?62;4;22c"})
    assert code == 0
    assert SIXEL in shown
    assert b"This is the part that fits; --output writes the whole page." in shown


def test_kitty_shows_the_page(home, book):
    terminal = Terminal(home, book, "--page", 2, TERM="xterm-kitty")
    code, shown = terminal.run({b"\x1b_G": b"\x1b_Gi=1;OK\x1b\\"})
    assert code == 0
    assert PLACEHOLDER in shown
    assert b"\x1b[c" not in shown


@pytest.mark.parametrize(
    "answers", [{b"\x1b[c": b"\x1b[?62;22c"}, {}], ids=["without sixels", "that never answers"]
)
def test_a_terminal_that_shows_no_pictures_gets_the_path_of_one(home, book, answers):
    code, shown = Terminal(home, book, "--page", 2).run(answers)
    assert code == 0
    assert b"book.pdf-page-2.png" in shown.replace(b"\r\n", b"")
    assert SIXEL not in shown
    assert b"\x1b_G" not in shown, "some would print that question"


def test_an_answer_that_comes_late_is_not_taken_for_typed(home, book):
    terminal = Terminal(home, book, "--page", 2)
    code, shown = terminal.run({b"\x1b[c": b"\x1b[?62;4c"}, late=0.25)
    assert code == 0
    assert b"[?62" not in shown


@pytest.mark.parametrize("more", [{"typed": "ls\n"}, {"TERM": "dumb"}], ids=["typed ahead", "dumb"])
def test_a_terminal_is_not_asked_where_the_answer_might_be_lost(home, book, more):
    code, shown = Terminal(home, book, "--page", 2, **more).run({})
    assert code == 0
    assert b"\x1b[c" not in shown
    assert b"book.pdf-page-2.png" in shown.replace(b"\r\n", b"")


def test_on_a_terminal_a_passage_is_coloured_and_paged(home, notes, tmp_path):
    words = (notes, "--find", "4,000 euros")
    _, shown = Terminal(home, *words, PAGER="cat").run({})
    assert b"\x1b[" in shown
    assert b">>>" not in shown
    assert b"4,000 euros" in shown
    _, shown = Terminal(home, *words, PAGER=f"sh -c 'cat > {tmp_path / 'paged'}'").run({})
    assert b"It decided" not in shown
    assert "It decided" in (tmp_path / "paged").read_text()
    _, shown = Terminal(home, *words, PAGER="no-such-pager", NO_COLOR="1").run({})
    assert b"It decided" in shown


def picture(marks: tuple[tuple[int, int, int, int], ...]) -> PagePicture:
    return PagePicture(b"", 1000, 1300, marks, True, 1)


def test_what_is_marked_is_shown_where_a_terminal_has_few_rows() -> None:
    marks = ((100, 800, 900, 830), (100, 830, 400, 860))
    assert part_shown(picture(marks), 120, 60) == (0, 1300)
    first, last = part_shown(picture(marks), 100, 24)
    assert last - first == 420
    assert (first + last) / 2 == pytest.approx(830, abs=1)
    assert part_shown(picture(()), 100, 24) == (0, 420)
    assert part_shown(picture(((0, 1280, 900, 1300),)), 100, 24) == (880, 1300)
    assert part_shown(picture(((0, 200, 900, 1250),)), 100, 24)[0] == 200
    assert part_shown(picture(()), 20, 24) == (0, 1300)
    assert part_shown(picture(()), 0, 0)[0] == 0
