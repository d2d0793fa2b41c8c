"""From tokens to text: what a model thinks apart from what it answers, which may end at a stop."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from rapid_cli.answering.answer import Origin, Piece, Thought
from rapid_cli.models.interface import LanguageModel, Tokenizer
from rapid_cli.text.sentences import may_end


@dataclass(slots=True)
class _Held:
    """A token whose text is not given out yet, or not all of it; or what the last ones left."""

    token: int | None
    text: str
    origin: Origin


class AnswerText:
    """The text of one answer, as its tokens come.

    A character may span tokens, and leading space is dropped. Text is held back as long as it may
    be the beginning of a tag or a stop; a stop and what follows it are left out. `text` and
    `thinking` are what was given out, `tokens` those of the text, and `is_complete` tells that it
    has come to a stop or an end token.
    """

    def __init__(self, model: LanguageModel) -> None:
        """Begin where the prompt of `model` ends, which may be within a thought."""
        self.text = ""
        self.thinking = ""
        self.tokens: list[int] = []
        self.is_complete = False
        self._vocabulary = model.vocabulary
        self._stops = model.stop
        self._tags = model.format.thinking
        self._closer = model.format.open_thought
        self._begun = False
        self._stopped = False
        self._held: deque[_Held] = deque()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._marks = _hidden_marks(model.vocabulary, [*chain(*self._tags), *model.stop])

    def add(self, token: int, origin: Origin) -> list[Piece | Thought]:
        """Return what can be given out now that `token` has come."""
        if self._vocabulary.is_end(token):
            self.is_complete = True
            return []
        raw = self._vocabulary.piece(token) or self._marks.get(token, b"")
        self._held.append(_Held(token, self._decoder.decode(raw), origin))
        return list(self._released(final=False))

    def end(self) -> list[Piece | Thought]:
        """Return what was held back, and what an unfinished character leaves."""
        if rest := self._decoder.decode(b"", final=True):
            self._held.append(_Held(None, rest, "target"))
        return list(self._released(final=True))

    def _released(self, *, final: bool) -> Iterator[Piece | Thought]:
        if self._closer is not None:
            yield from self._thought(self._closer, final=final)
        if self._closer is None and not self._begun:
            self._begin(final=final)
            if self._closer is not None:  # a thought has begun in what is held
                yield from self._released(final=final)
        if self._begun and not self._stopped:
            yield from self._answer(final=final)

    def _thought(self, closer: str, *, final: bool) -> Iterator[Thought]:
        text = self._held_text()
        end = text.find(closer)
        count = end if end >= 0 else len(text) - (0 if final else _overlap(text, [closer]))
        for part, _ in self._take(count):
            self.thinking += part
            yield Thought(part)
        if end >= 0:
            self._take(len(closer))
            self._closer = None
        self.tokens.clear()

    def _begin(self, *, final: bool) -> None:
        """Skip space; see whether a thought begins, or the answer."""
        text = self._held_text()
        self._take(len(text) - len(text.lstrip()))
        text = text.lstrip()
        for opener, closer in self._tags:
            if text.startswith(opener):
                self._take(len(opener))
                self.tokens.clear()
                self._closer = closer
                return
        undecided = any(opener.startswith(text) for opener, _ in self._tags)
        self._begun = bool(text) and (final or not undecided)

    def _answer(self, *, final: bool) -> Iterator[Piece]:
        text = self._held_text()
        ends = [end for end in map(text.find, self._stops) if end >= 0]
        kept = 0 if final else _overlap(text, self._stops)
        for part, origin in self._take(min(ends, default=len(text) - kept)):
            self.text += part
            yield Piece(part, origin)
        if ends:
            self._stopped = self.is_complete = True
            self._held.clear()

    def _held_text(self) -> str:
        return "".join(held.text for held in self._held)

    def _take(self, count: int) -> list[tuple[str, Origin]]:
        """Take the first `count` characters out of what is held; whole tokens have come."""
        taken: list[tuple[str, Origin]] = []
        while self._held and (count > 0 or not self._held[0].text):
            head = self._held[0]
            part, head.text = head.text[:count], head.text[count:]
            count -= len(part)
            if part:
                taken.append((part, head.origin))
            if not head.text:
                self._held.popleft()
                self.tokens += [] if head.token is None else [head.token]
        return taken


def answer_text(tokens: Iterable[int], model: LanguageModel) -> str:
    """Return the text of an answer's tokens, without its end, thoughts and half a character."""
    answer = AnswerText(model)
    for token in tokens:
        answer.add(token, "drafter")
    return answer.text.strip()


def may_end_sentence(vocabulary: Tokenizer, token: int) -> bool:
    """Tell whether a sentence of an answer may end with a token."""
    return may_end(vocabulary.piece(token).decode("utf-8", "replace"))


def _hidden_marks(vocabulary: Tokenizer, marks: Iterable[str]) -> dict[int, bytes]:
    """Return the texts of control tokens in marks, since `piece` tells none."""
    hidden = {}
    for mark in marks:
        for token in vocabulary.tokenize(mark, special=True):
            text = vocabulary.text(token)
            if not vocabulary.piece(token) and text in mark:
                hidden[token] = text.encode()
    return hidden


def _overlap(text: str, marks: Sequence[str]) -> int:
    """Return how many characters at the end of `text` may begin one of `marks`."""
    lengths = (
        length
        for mark in marks
        for length in range(min(len(mark) - 1, len(text)), 0, -1)
        if text.endswith(mark[:length])
    )
    return max(lengths, default=0)
