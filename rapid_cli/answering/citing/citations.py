"""Which passages support which sentence of an answer, and by which of their words."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import chain, repeat
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from rapid_cli.documents import Passage
from rapid_cli.text.language import CLAIM_STOP_WORDS, HANGUL, NUMBERS, UNSPACED
from rapid_cli.text.sentences import one_line, passage_sentences, sentences

Embed = Callable[[Sequence[str]], NDArray[np.float32]]

SUPPORTED = 0.64
"""The least support that counts; `tests/measurements/citing.py` measures it."""
MOST_SOURCES = 3
QUOTE_CHARACTERS = 200
ENOUGH_TERMS = 4
"""A sentence with fewer terms, such as "In 1815.", says something only with its question."""
WINDOWS_OF_PASSAGE, WINDOWS_OF_SENTENCE = 2, 6
"""So many places are compared by their vectors."""
NUMBER, NAME, WORD = 3, 2, 1
"""How much a term weighs."""
DOUBT = 0.8
"""What support is multiplied by if the first word of a sentence is missing: it may be a name."""

_UNSPACED = UNSPACED + HANGUL
_TERM = re.compile(
    rf"(?P<number>\d+(?:[.,]\d+)*)|(?P<unspaced>[{_UNSPACED}]+)|[^\W\d_{_UNSPACED}]+"
)
_PIECE = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]{{1,40}}")
_SUFFIX = re.compile(r"(?<=...)(?:ies|ing|ed|es|ly|[sey])$")
_LONGEST_STEM = 7
_MARKS = re.compile(r"^\W*(?:\d{1,3}|[^\W\d_])[.)][*_]*\s+|\[\d{1,3}(?:[,;–-]\s?\d{1,3})*\]")
_BROKEN = re.compile(r"\b([^\W\d_]+)[-\u2010\u00ad]\n\s*([^\W\d_A-Z]+)")
_SILENT = re.compile(r"^#{1,6}\s|[:：?？؟][*_)\s]*$")
_OPENING = re.compile(r"\W*([^\W\d_]+)\s+([^\W\d_])")
_NUMBER_WORDS = {word: str(number) for word, number in NUMBERS.items() if number > 1} | {
    **{"hundred": "100", "thousand": "1000"},
    **{"million": "million", "billion": "billion", "trillion": "trillion"},
}


@dataclass(frozen=True, slots=True)
class Citation:
    """A sentence of an answer, `text[start:end]`, and what supports it.

    `sources` are the 1-based numbers of passages, best first, with a quote of each, and the part of
    its text with the sentence that tells most; there are none if nothing supports it. `support` is
    that of the best, in 0..1.
    """

    start: int
    end: int
    sources: tuple[int, ...] = ()
    support: float = 0.0
    quotes: tuple[str, ...] = ()
    parts: tuple[tuple[int, int], ...] = ()

    @property
    def quoted(self) -> Iterator[tuple[int, str, tuple[int, int] | None]]:
        """The sources, each with its quote and the part of it, if that is known."""
        return zip(self.sources, self.quotes, self.parts or repeat(None), strict=False)


@dataclass(frozen=True, slots=True)
class _Claim:
    """A sentence and the weights of its terms; a passage without a `vital` one hardly supports it.

    `text` is what its vector is made of.
    """

    start: int
    end: int
    text: str
    weights: dict[str, int]
    vital: frozenset[str]
    numbers: frozenset[str]
    doubtful: frozenset[str]

    def fidelity(self, terms: Mapping[str, int]) -> float:
        """Return what support is multiplied by: 0 if a number is missing, 1 if nothing vital is."""
        if not self.numbers <= terms.keys():
            return 0.0
        share = len(self.vital & terms.keys()) / len(self.vital) if self.vital else 1.0
        doubt = 1.0 if self.doubtful <= terms.keys() else DOUBT
        return doubt * share**4

    def support(self, terms: Mapping[str, int], similarity: float) -> float:
        """Return how well a place with these terms, of this similarity in -1..1, supports it."""
        shared = sum(weight for term, weight in self.weights.items() if term in terms)
        overlap = shared / sum(self.weights.values())
        return self.fidelity(terms) * (overlap + max(similarity, 0.0)) / 2


@dataclass(frozen=True, slots=True)
class _Window:
    """One sentence of the passage numbered `source`, or two in a row."""

    source: int
    parts: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    terms: Mapping[str, int]

    def telling(self, claim: _Claim) -> tuple[int, int]:
        """Return where in the passage the sentence stands that has most of a claim's terms."""
        told = [
            sum(claim.weights.get(term, 0) for term in weighted_terms(part)) for part in self.parts
        ]
        return self.spans[told.index(max(told))]


def cite(
    text: str,
    passages: Sequence[Passage],
    embed: Embed,
    *,
    question: str = "",
    least: float = SUPPORTED,
) -> list[Citation]:
    """Match the sentences of an answer to the passages that support them, in one call of `embed`.

    A sentence that claims nothing has no citation: one without a term, such as "Yes.", a heading,
    a question, and one that announces what follows by a colon. `embed` returns a unit vector a row.
    """
    windows = [list(_windows(n, passage.chunk.text)) for n, passage in enumerate(passages, 1)]
    ordinary = {term for each in chain(*windows) for term, w in each.terms.items() if w == WORD}
    found = (_claim(text, span, question, ordinary) for span in sentences(text))
    places = [(claim, _places(claim, windows, least)) for claim in found if claim]
    wanted = list(dict.fromkeys(one for place in places for one in _texts(*place)))
    vectors = dict(zip(wanted, embed(wanted), strict=True)) if wanted else {}
    return [_cited(claim, near, vectors, least) for claim, near in places]


def _claim(text: str, span: tuple[int, int], question: str, ordinary: Set[str]) -> _Claim | None:
    """Return what a sentence claims, or None if that is nothing; no `ordinary` word is a name."""
    if _SILENT.search(text[slice(*span)]):
        return None
    said = one_line(_MARKS.sub(" ", text[slice(*span)]))
    doubtful = _first_word(said) - ordinary
    weights = {
        term: WORD if weight == NAME and (term in ordinary or term in doubtful) else weight
        for term, weight in weighted_terms(said).items()
    }
    if not weights:
        return None
    vital = frozenset(term for term, weight in weights.items() if weight > WORD)
    numbers = frozenset(term for term, weight in weights.items() if weight == NUMBER)
    if question and len(weights) < ENOUGH_TERMS:
        vital, weights = frozenset(weights), weighted_terms(question) | weights
        said = f"{question} {said}"
    return _Claim(*span, said, weights, vital, numbers, doubtful)


def _first_word(said: str) -> frozenset[str]:
    """Return the first term if it may have its capital only from where it stands."""
    opening = _OPENING.match(said)
    if opening is None or not opening[1].istitle() or not opening[2].islower():
        return frozenset()
    return frozenset(weighted_terms(opening[1]))


def weighted_terms(text: str) -> dict[str, int]:
    """Return the numbers, names and stems of words in `text`, with their weights."""
    terms: dict[str, int] = {}
    for found in _TERM.finditer(normalize("NFKC", text)):
        word = found[0].casefold()
        if found["number"] or word in _NUMBER_WORDS:
            terms[_NUMBER_WORDS.get(word, word.replace(",", ""))] = NUMBER
        elif found["unspaced"]:
            pairs = (word[at : at + 2] for at in range(max(len(word) - 1, 1)))
            terms |= dict.fromkeys(pairs, WORD)
        elif len(word) > 1 and word not in CLAIM_STOP_WORDS:
            stem = _SUFFIX.sub("", word)[:_LONGEST_STEM]
            terms[stem] = min(terms.get(stem, NAME), NAME if found[0][0].isupper() else WORD)
    return terms


def _windows(source: int, text: str) -> Iterator[_Window]:
    """Yield the sentences of a passage, none twice, each followed by itself and the next."""
    first: dict[str, tuple[int, int]] = {}
    for start, end in passage_sentences(text):
        first.setdefault(text[start:end], (start, end))
    parts, spans = tuple(first), tuple(first.values())
    terms = [weighted_terms(_unbroken(part)) for part in parts]
    for at in range(len(parts)):
        yield _Window(source, parts[at : at + 1], spans[at : at + 1], terms[at])
        if at + 1 < len(parts):
            both = terms[at] | terms[at + 1]
            yield _Window(source, parts[at : at + 2], spans[at : at + 2], both)


def _unbroken(text: str) -> str:
    """Return `text` on one line, and after it, whole, the words that ends of lines part in it."""
    return " ".join([one_line(text), *map("".join, _BROKEN.findall(text))])


def _places(claim: _Claim, windows: Iterable[Sequence[_Window]], least: float) -> list[_Window]:
    """Return the windows that may support a claim, were their vectors equal to its own."""
    places: list[tuple[float, _Window]] = []
    for of_passage in windows:
        bounds = [(claim.support(window.terms, 1.0), window) for window in of_passage]
        near = [(bound, window) for bound, window in bounds if bound >= least]
        places += sorted(near, key=_best_and_shortest)[:WINDOWS_OF_PASSAGE]
    return [window for _, window in sorted(places, key=_best_and_shortest)[:WINDOWS_OF_SENTENCE]]


def _best_and_shortest(bounded: tuple[float, _Window]) -> tuple[float, int]:
    return -bounded[0], len(bounded[1].parts)


def _texts(claim: _Claim, near: Iterable[_Window]) -> list[str]:
    """Return the texts whose vectors tell how alike a claim and the windows are."""
    parts = [part for window in near for part in window.parts]
    return [claim.text, *parts] if parts else []


def _cited(
    claim: _Claim,
    near: Iterable[_Window],
    vectors: Mapping[str, NDArray[np.float32]],
    least: float,
) -> Citation:
    """Return a claim with the passages of those windows that do support it."""
    best: dict[int, tuple[float, _Window]] = {}
    for window in near:
        vector = np.sum([vectors[part] for part in window.parts], axis=0)
        similarity = float(vector @ vectors[claim.text]) / (float(np.linalg.norm(vector)) or 1.0)
        support = claim.support(window.terms, similarity)
        if support >= least and (window.source not in best or support > best[window.source][0]):
            best[window.source] = support, window
    found = sorted(best.values(), key=_best_and_shortest)[:MOST_SOURCES]
    quotes = tuple(quote(claim.text, " ".join(window.parts)) for _, window in found)
    sources = tuple(window.source for _, window in found)
    places = tuple(window.telling(claim) for _, window in found)
    support = found[0][0] if found else 0.0
    return Citation(claim.start, claim.end, sources, support, quotes, places)


def quote(sentence: str, text: str) -> str:
    """Return the stretch of `text` with most of the sentence's terms, on one line.

    It has at most QUOTE_CHARACTERS, whole words, and dots where it is cut.
    """
    text = one_line(text)
    if len(text) <= QUOTE_CHARACTERS:
        return text
    wanted = weighted_terms(sentence)
    pieces = [match.span() for match in _PIECE.finditer(text)]
    ends = [end for _, end in pieces]
    terms = [wanted.keys() & weighted_terms(text[start:end]) for start, end in pieces]
    # Two characters are for the dots at both ends.
    reach = [bisect_right(ends, start + QUOTE_CHARACTERS - 2) for start, _ in pieces]

    shared = (set().union(*terms[at : reach[at]]) for at in range(reach.index(len(pieces)) + 1))
    told = [sum(wanted[term] for term in each) for each in shared]
    best = [at for at, weight in enumerate(told) if weight == max(told)]
    first = best[len(best) // 2]  # with some words before and after
    start, end = pieces[first][0], ends[reach[first] - 1]
    return "…" * (start > 0) + text[start:end] + "…" * (end < len(text))
