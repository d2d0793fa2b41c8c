"""An answer on the terminal: its text on stdout, everything about it on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from time import monotonic

from rich.console import Console, Group
from rich.live import Live
from rich.style import Style
from rich.text import Text

from rapid_cli.answering.answer import (
    Answer,
    Decoded,
    Drafted,
    Event,
    Finished,
    Note,
    Piece,
    Prefilled,
    Retrieved,
    Thought,
)
from rapid_cli.api.places import Support, address, best_support, place_of
from rapid_cli.api.report import coverage_note, summary
from rapid_cli.cli.render.console import Bars
from rapid_cli.decoding.measuring import Clock
from rapid_cli.decoding.stats import DecodingStats
from rapid_cli.documents import Document, Passage
from rapid_cli.text.naming import told_name
from rapid_cli.text.printable import printable, printable_line
from rapid_cli.text.sentences import one_line
from rapid_cli.text.sizes import percentage

SOURCES_SHOWN, SENTENCE_WIDTH = 5, 64
UNSUPPORTED = "no passage supports this"
DRAFT_TITLE = "draft, not checked yet:"
REFRESH_SECONDS = 0.04
THOUGHT_STYLE = "dim"
ORIGIN_STYLES = {"drafter": "green", "target": ""}
"""Words the drafter wrote first and the target accepted are green."""


class AnswerView:
    """Shows an answer while it is written; this one nothing, for JSON comes when it is complete.

    `is_live` tells whether a person is watching.
    """

    is_live = False

    def show(self, piece: Piece) -> None:
        """Show one more piece."""

    def think(self, text: str) -> None:
        """Show one more piece of what the model thinks first, if that is wanted."""

    def status(self, line: str) -> None:
        """Show how it is going."""

    def close(self) -> None:
        """Leave the screen as it should stay."""


class PlainAnswer(AnswerView):
    """Writes pieces to stdout as they come, for pipes and files; or all of them at the end."""

    def __init__(self, *, stream: bool, thoughts: Console | None = None) -> None:
        self._stream = stream
        self._held: list[str] = []
        self._begun = False
        self._thoughts = thoughts
        self._thinking = False

    def think(self, text: str) -> None:
        """Write it where thoughts go, if anywhere."""
        if self._thoughts is not None:
            self._thoughts.print(printable(text), style=THOUGHT_STYLE, end="", soft_wrap=True)
            self._thinking = True

    def show(self, piece: Piece) -> None:
        """Write the piece, or hold it back."""
        self._end_thought()
        self._begun = True
        if self._stream:
            print(printable(piece.text), end="", flush=True)
        else:
            self._held.append(printable(piece.text))

    def close(self) -> None:
        """Write what was held back, and end the line if there was any answer."""
        self._end_thought()
        if self._begun:
            print("".join(self._held), flush=True)

    def _end_thought(self) -> None:
        if self._thinking and self._thoughts is not None:
            self._thoughts.print("\n")
        self._thinking = False


class LiveAnswer(AnswerView):
    """On a terminal: the paragraph in work and a status line are live, finished ones are printed.

    Only finished paragraphs go to stdout, and those of thoughts to stderr if `thinking`. The live
    part is erased before each, so stdout never holds anything but the answer.
    """

    is_live = True

    def __init__(
        self,
        errors: Console,
        *,
        statistics: bool,
        thinking: bool = False,
        clock: Clock = monotonic,
    ) -> None:
        self._errors = errors
        self._output = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._statistics = statistics
        self._shows_thoughts = thinking
        self._is_thought = False
        self._clock = clock
        self._refreshed = 0.0
        self._paragraph = Text()
        self._status = Text(style="dim")
        self._live: Live | None = None

    def show(self, piece: Piece) -> None:
        """Add the piece; print the paragraphs it completes."""
        if self._is_thought:
            self._print_paragraph()
            self._is_thought = False
        self._add(piece.text, ORIGIN_STYLES[piece.origin])

    def think(self, text: str) -> None:
        """Show the thought in the answer's place if that is wanted."""
        if self._shows_thoughts:
            self._is_thought = True
            self._add(text, THOUGHT_STYLE)

    def _add(self, text: str, style: str) -> None:
        first, *rest = printable(text).split("\n")
        self._paragraph.append(first, style)
        for line in rest:
            self._print_paragraph()
            self._paragraph.append(line, style)

    def status(self, line: str) -> None:
        """Show the paragraph with `line` under it, not more often than eyes can follow."""
        self._status = Text(printable_line(line), style="dim", no_wrap=True, overflow="ellipsis")
        if self._clock() - self._refreshed >= REFRESH_SECONDS:
            self._refresh()
            self._refreshed = self._clock()

    def close(self) -> None:
        """Erase the live part and print what is left."""
        self._erase()
        if self._paragraph:
            self._print_paragraph()

    def _print_paragraph(self) -> None:
        self._erase()
        console = self._errors if self._is_thought else self._output
        console.print(self._paragraph, soft_wrap=True)
        self._paragraph = Text()

    def _erase(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _refresh(self) -> None:
        width, height = self._errors.size
        lines = self._paragraph.wrap(self._errors, width)
        shown = Text("\n").join(lines[-max(height - 3, 1) :])
        status = [self._status] if self._statistics else []
        if self._live is None:
            self._live = Live(console=self._errors, transient=True, auto_refresh=False)
            self._live.start()
        self._live.update(Group(shown, *status), refresh=True)


def answer_view(
    errors: Console, *, json: bool, stream: bool, statistics: bool, thinking: bool
) -> AnswerView:
    """Return the view that fits where stdout and stderr go."""
    if json:
        return AnswerView()
    if stream and sys.stdout.isatty() and errors.is_terminal and not errors.quiet:
        return LiveAnswer(errors, statistics=statistics, thinking=thinking)
    return PlainAnswer(stream=stream, thoughts=errors if thinking else None)


def render_answer(events: Iterable[Event], view: AnswerView, bars: Bars, errors: Console) -> Answer:
    """Show an answer as it comes about, and return it."""
    thinking = ""
    for event in events:
        match event:
            case Retrieved(coverage=coverage, truncated=truncated):
                if note := coverage_note(coverage, truncated=truncated):
                    errors.print(note, style="yellow", soft_wrap=True)
            case Note(text=text):
                errors.print(printable(text), style="yellow", soft_wrap=True)
            case Prefilled(role=role, done=done, total=total):
                what = "reading the text" if role == "target" else "reading the passages"
                bars.update(what, done, total, "tokens")
            case Drafted(text=text):
                if view.is_live:
                    bars.below(DRAFT_TITLE, text)
            case Thought(text=text):
                bars.close()
                view.think(text)
                thinking = "thinking · "
            case Piece():
                bars.close()
                view.show(event)
                thinking = ""
            case Decoded(stats=stats, seconds=seconds):
                view.status(thinking + _speed(stats, seconds))
            case Finished(answer=answer):
                return answer
    raise AssertionError("an answer ended without its last event")


def _speed(stats: DecodingStats, seconds: float) -> str:
    """Return how decoding goes: what of the drafts is accepted, and how fast that is."""
    rate = stats.acceptance_rate
    accepted = "" if rate is None else f"{percentage(rate)} accepted · "
    speed = f"{stats.tokens / seconds:.1f} tok/s" if seconds else ""
    return f"{accepted}{stats.mean_acceptance_length:.1f} tokens a round · {speed}"


def render_sources(
    answer: Answer, documents: Mapping[str, Document], errors: Console, *, texts: bool
) -> None:
    """Print an answer's passages, cited ones first, and what they support; `texts`: in full."""
    if not answer.sources:
        return
    errors.print("\nSources", style="bold")
    supports = best_support(answer)
    numbers = sorted(range(1, len(answer.sources) + 1), key=lambda number: number not in supports)
    shown = numbers if texts else numbers[: max(SOURCES_SHOWN, len(supports))]
    for number in shown:
        passage = answer.sources[number - 1]
        line = _source_line(passage, documents, supports.get(number))
        errors.print(f"  [{number}] ", line, sep="", soft_wrap=not errors.is_terminal)
        if texts:
            errors.print(printable(passage.chunk.text.strip()) + "\n", style="dim")
    if len(shown) < len(numbers):
        errors.print(f"  and {len(numbers) - len(shown)} more (--show-context)")
    _render_support(answer, errors)


def _source_line(
    passage: Passage, documents: Mapping[str, Document], support: Support | None
) -> Text:
    """Return the line of a source, whose name opens its file where a terminal can do that."""
    found = place_of(passage, documents, support.part if support else None)
    line = Text().append(told_name(found.document), Style(link=address(found)))
    line.append(f", {found.told}")
    if support is not None:
        line.append(f"  “{printable_line(support.quote)}”", "dim")
    return line


def _render_support(answer: Answer, errors: Console) -> None:
    """Print the sentences with their sources; of a single one, only that it has none."""
    if len(answer.citations) > 1:
        errors.print("\nSupport", style="bold")
        for citation in answer.citations:
            words = one_line(answer.text[citation.start : citation.end])
            line = Text(f"  {printable_line(words)}")
            line.truncate(SENTENCE_WIDTH, overflow="ellipsis")
            marks = "".join(f"[{number}]" for number in citation.sources)
            line.append(f"  {marks or UNSUPPORTED}", "" if marks else "yellow")
            errors.print(line, soft_wrap=True)
    elif answer.citations and not answer.citations[0].sources:
        errors.print(f"  {UNSUPPORTED} answer", style="yellow")


def render_statistics(answer: Answer, errors: Console) -> None:
    """Print the statistics of an answer in a line."""
    errors.print(f"\n{summary(answer)}", style="dim")


def render_cut(answer: Answer, errors: Console) -> None:
    """Say so if the answer was cut at its greatest length."""
    if answer.finish_reason == "length":
        limit = answer.options.max_tokens
        errors.print(f"The answer was cut at {limit} tokens (--max-tokens).", style="yellow")
