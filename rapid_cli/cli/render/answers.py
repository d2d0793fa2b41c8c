"""An answer on the terminal: its text on stdout, everything about it on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from time import monotonic

from rich.console import Console
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
from rapid_cli.cli.flow import Flow
from rapid_cli.cli.render.console import Bars, PlainConsole, tell
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

    def interrupt(self) -> None:
        """Make room for something else that is printed meanwhile."""

    def close(self) -> None:
        """Leave the screen as it should stay."""


class Thoughts:
    """What a model thinks, on stderr: as it comes, or on a terminal in lines of whole words."""

    def __init__(self, errors: Console) -> None:
        self._errors = errors
        self.flow = Flow(errors) if errors.is_terminal else None
        self._begun = False

    def add(self, text: str) -> None:
        """Write one more piece."""
        self._begun = True
        if self.flow is not None:
            self.flow.add(printable(text), THOUGHT_STYLE)
        else:
            self._errors.print(printable(text), style=THOUGHT_STYLE, end="", soft_wrap=True)

    def draw(self) -> None:
        """Show what is in work, on a terminal."""
        if self.flow is not None and self._begun:
            self.flow.draw(None)

    def end(self) -> None:
        """End the thought, if there was any."""
        if self.flow is not None:
            self.flow.close()
        elif self._begun:
            self._errors.print("\n")
        self._begun = False


class PlainAnswer(AnswerView):
    """Writes pieces to stdout as they come, for pipes and files; or all of them at the end."""

    def __init__(self, *, stream: bool, thoughts: Console | None = None) -> None:
        self._stream = stream
        self._held: list[str] = []
        self._begun = False
        self._thoughts = Thoughts(thoughts) if thoughts is not None else None

    def think(self, text: str) -> None:
        """Write it where thoughts go, if anywhere."""
        if self._thoughts is not None:
            self._thoughts.add(text)

    def show(self, piece: Piece) -> None:
        """Write the piece, or hold it back."""
        self._end_thought()
        self._begun = True
        if self._stream:
            print(printable(piece.text), end="", flush=True)
        else:
            self._held.append(printable(piece.text))

    def status(self, line: str) -> None:  # noqa: ARG002 - that is for those who see the answer
        """Show the thought in work, where that goes to a terminal."""
        if self._thoughts is not None:
            self._thoughts.draw()

    def close(self) -> None:
        """Write what was held back, and end the line if there was any answer."""
        self._end_thought()
        if self._begun:
            print("".join(self._held), flush=True)

    def _end_thought(self) -> None:
        if self._thoughts is not None:
            self._thoughts.end()


class LiveAnswer(AnswerView):
    """On a terminal: finished lines are printed, and what is in work and a status line are live.

    The answer goes to stdout, in lines that end between words; thoughts to stderr if `thinking`.
    Without `stream` nothing is shown before all of it is there.
    """

    def __init__(
        self,
        errors: Console,
        *,
        statistics: bool,
        stream: bool = True,
        thinking: bool = False,
        clock: Clock = monotonic,
    ) -> None:
        watched = errors.is_terminal and not errors.quiet
        self.is_live = stream and watched
        self._stream = stream
        self._statistics = statistics and watched
        self._answer = Flow(PlainConsole(highlight=False, markup=False, emoji=False))
        self._thoughts = Thoughts(errors) if thinking else None
        self._in_work = self._answer
        self._held: list[Piece] = []
        self._clock = clock
        self._refreshed = 0.0

    def show(self, piece: Piece) -> None:
        """Add the piece, or hold it back."""
        self._end_thought()
        if self._stream:
            self._add(piece)
        else:
            self._held.append(piece)

    def think(self, text: str) -> None:
        """Show the thought in the answer's place if that is wanted."""
        if self._thoughts is not None:
            self._answer.erase()
            self._thoughts.add(text)
            self._in_work = self._thoughts.flow or self._answer

    def status(self, line: str) -> None:
        """Show what is in work with `line` under it, not more often than eyes can follow."""
        if self._stream and self._clock() - self._refreshed >= REFRESH_SECONDS:
            self._in_work.draw(Text(printable_line(line), "dim") if self._statistics else None)
            self._refreshed = self._clock()

    def interrupt(self) -> None:
        """Erase what is in work until it is shown again."""
        self._in_work.erase()

    def close(self) -> None:
        """Erase the live part and print what is left."""
        self._end_thought()
        for piece in self._held:
            self._add(piece)
        self._answer.close()

    def _add(self, piece: Piece) -> None:
        self._answer.add(printable(piece.text), ORIGIN_STYLES[piece.origin])

    def _end_thought(self) -> None:
        if self._thoughts is not None:
            self._thoughts.end()
            self._in_work = self._answer


def answer_view(
    errors: Console, *, json: bool, stream: bool, statistics: bool, thinking: bool
) -> AnswerView:
    """Return the view that fits where stdout and stderr go."""
    if json:
        return AnswerView()
    if sys.stdout.isatty():
        return LiveAnswer(errors, statistics=statistics, stream=stream, thinking=thinking)
    return PlainAnswer(stream=stream, thoughts=errors if thinking else None)


def render_answer(events: Iterable[Event], view: AnswerView, bars: Bars, errors: Console) -> Answer:
    """Show an answer as it comes about, and return it."""
    thinking = ""
    for event in events:
        match event:
            case Retrieved(coverage=coverage, truncated=truncated):
                if note := coverage_note(coverage, truncated=truncated):
                    tell(errors, note, "yellow")
            case Note(text=text):
                view.interrupt()
                tell(errors, text, "yellow")
            case Prefilled(role=role, done=done, total=total):
                view.interrupt()
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
        errors.print(f"  [{number}] ", line, sep="")
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
            errors.print(line)
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
