"""Which rule of knowledge transfer answers best, told from the distributions of both models.

    python -m tests.measurements.transfer_rules PACK... [--pair NAME] [--limit N] [--kept FILE]
        [--retrieve-tokens N] [--again]

Target and drafter read what they would read for `rapid`, and each rule writes an answer in which
every token is the most likely one by that rule. So all rules are compared on the same readings, in
a fraction of the time that `rapid eval` needs, and without chance. A second table tells what other
limits would do that decide whether the text tells at all. `--kept` is a file of what the models
said, from which an interrupted run goes on: of a new rule only that is asked which no other rule
has led to. With `--again` the target reads the passages once more, between the document and the
question.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from rapid_cli.answering.absence import MOST_ROWS
from rapid_cli.answering.answer import Origin
from rapid_cli.answering.detokenizer import may_end_sentence
from rapid_cli.answering.prefill import Contexts, PromptReader
from rapid_cli.answering.readings import Reading, Task, read_passages, read_whole
from rapid_cli.decoding.context import Tokens
from rapid_cli.decoding.drafting import ModelDrafter
from rapid_cli.decoding.sampling import Distribution, SamplingParams
from rapid_cli.decoding.verification import MEMORY, transfer
from rapid_cli.evaluation.judging import judge
from rapid_cli.evaluation.packs import Pack, read_pack
from rapid_cli.evaluation.questions import Question
from rapid_cli.models.interface import LanguageModel
from rapid_cli.models.models_file import open_models_file
from rapid_cli.models.prompts import ABSENT, REMINDER
from rapid_cli.reader import reading
from rapid_cli.session.conversation import AHEAD, SPARE_TOKENS
from rapid_cli.session.session import Session

TEMPERATURE = 0.1
LONGEST, LONGEST_LETTER = 24, 4
ROOM = 64
MOST_LIKELY = 12
"""Tokens that are kept of a distribution."""
UNLIKELY = -15.0
"""What the log-probability of all others is taken for."""
LEAST_TRIED = (0.01, 0.1, 0.3)
LIKELIER_TRIED = (0.0, 0.5, 0.8, 1.0, 1.1, 1.2, 1.5, 2.0)
PASSAGES_AGAIN = "These passages of the text may help:"


@dataclass(frozen=True)
class Opinion:
    """What a model finds most likely, at temperature 1: log-probabilities, best first."""

    entropy: float
    logs: dict[int, float]

    @classmethod
    def of(cls, chances: Distribution) -> Opinion:
        logs = np.log(np.maximum(chances.probabilities, 1e-30))
        best = np.argsort(-logs)[:MOST_LIKELY]
        entropy = -float(chances.probabilities @ logs)
        return cls(entropy, {int(chances.tokens[at]): float(logs[at]) for at in best})

    @property
    def best(self) -> int:
        return next(iter(self.logs))

    @property
    def certainty(self) -> float:
        return self.logs[self.best]

    def log(self, token: int) -> float:
        return self.logs.get(token, UNLIKELY)

    def relative(self, token: int) -> float:
        """Return the log-probability of a token less that of the likeliest one."""
        return self.log(token) - self.certainty

    def sharpened(self, also: Iterable[int] = ()) -> Distribution:
        """Return the distribution at the temperature of answers, that of other tokens included."""
        tokens = np.array(sorted({*self.logs, *also}))
        logs = np.array([self.log(token) for token in tokens])
        weights = np.exp((logs - logs.max()) / TEMPERATURE)
        return Distribution(tokens, weights / weights.sum(), int(tokens[-1]) + 1, self.certainty)


@dataclass(frozen=True)
class Past:
    """What is known at a place of an answer besides p and q.

    `larger` is how much larger the drafter is, as a logarithm, and `written` holds each token so
    far, after what both models thought there. A sentence may end with the last of them if it
    `is_closed`.
    """

    larger: float
    is_end: Callable[[int], bool]
    written: tuple[tuple[Opinion, Opinion, int], ...] = ()
    is_closed: bool = False

    def odds(self, decay: float, nats: Nats) -> float:
        """Return by how much what was written speaks for the drafter, older words less."""
        total = 0.0
        for p, q, token in self.written:
            total = decay * total + nats(q, token) - nats(p, token)
        return total


Nats = Callable[[Opinion, int], float]
Both = tuple[Opinion, Opinion]
Place = tuple[int, ...]
Rule = Callable[[Opinion, Opinion, Past], int]
"""Chooses a token by p, q and the past."""
Heard = Callable[[Opinion, Opinion, Past], bool]


def moved(eta: float, heard: Heard) -> Rule:
    """Return the rule that transfers with `eta` where the drafter is heard."""

    def rule(p: Opinion, q: Opinion, past: Past) -> int:
        if not heard(p, q, past):
            return p.best
        return transfer(p.sharpened(q.logs), q.sharpened(p.logs), eta).likeliest

    return rule


def taken(heard: Heard) -> Rule:
    """Return the rule that takes the drafter's token where the drafter is heard."""
    return lambda p, q, past: (q if heard(p, q, past) else p).best


def always(_p: Opinion, _q: Opinion, _past: Past) -> bool:
    return True


def by_entropy(leeway: float, p: Opinion, q: Opinion, past: Past) -> bool:
    return q.entropy <= p.entropy + leeway + past.larger


def by_certainty(leeway: float, p: Opinion, q: Opinion, past: Past) -> bool:
    return q.certainty >= p.certainty - leeway - past.larger


def by_past(nats: Nats, leeway: float, decay: float, p: Opinion, q: Opinion, past: Past) -> bool:
    """Tell whether the drafter is as certain, what was written being weighed as well."""
    return q.certainty + past.odds(decay, nats) >= p.certainty - leeway - past.larger


def by_past_to_go_on(
    nats: Nats, ending: float, leeway: float, p: Opinion, q: Opinion, past: Past
) -> bool:
    """Tell the same, but let the drafter be surer by `ending` nats to end within a sentence."""
    breaks_off = past.is_end(q.best) and not past.is_closed
    return by_past(nats, leeway - ending if breaks_off else leeway, MEMORY, p, q, past)


def mixture(share: float, p: Opinion, q: Opinion, _past: Past) -> int:
    def weight(token: int) -> float:
        return share * math.exp(p.log(token)) + (1 - share) * math.exp(q.log(token))

    return max(p.logs | q.logs, key=weight)


def of_both(share: float, p: Opinion, q: Opinion, _past: Past) -> int:
    return max(p.logs | q.logs, key=lambda token: share * p.log(token) + (1 - share) * q.log(token))


def weighted(p: Opinion, q: Opinion, past: Past) -> int:
    share = math.exp(-p.entropy) / (math.exp(-p.entropy) + math.exp(-q.entropy))
    return of_both(share, p, q, past)


TARGET, DRAFTER, WHOLE = "the target alone", "the drafter alone", "the likelier whole answer"
IN_USE = "certainty at most 0.1 below, favourites by 0.5, an end by 1"
RULES: dict[str, Rule] = {
    TARGET: lambda p, _q, _past: p.best,
    DRAFTER: lambda _p, q, _past: q.best,
    **{f"eta {eta}": moved(eta, always) for eta in (10, 40, 100, 200)},
    **{
        f"eta 200, entropy at most {leeway} above": moved(200, partial(by_entropy, leeway))
        for leeway in (0, 0.25, 0.5, 1)
    },
    **{
        f"eta 200, certainty at most {leeway} below": moved(200, partial(by_certainty, leeway))
        for leeway in (0, 0.1, 0.2, 0.3, 0.4, 0.7)
    },
    **{
        f"certainty at most {leeway} below, what was written by {decay}": moved(
            200, partial(by_past, Opinion.log, leeway, decay)
        )
        for leeway in (0.1, 0.3, 0.5)
        for decay in (0, 0.5, 0.8)
    },
    **{
        f"certainty at most {leeway} below, what was written by 0.5, an end by {ending}": moved(
            200, partial(by_past_to_go_on, Opinion.log, ending, leeway)
        )
        for ending in (0.5, 1, 2, math.inf)
        for leeway in (0.1, 0.3, 0.5, 0.7)
    },
    **{
        f"certainty at most {leeway} below, favourites by 0.5, an end by 1": moved(
            200, partial(by_past_to_go_on, Opinion.relative, 1, leeway)
        )
        for leeway in (0, 0.1, 0.2, 0.3, 0.5)
    },
    "the token of lower entropy": taken(partial(by_entropy, 0)),
    "the likelier token": taken(partial(by_certainty, 0)),
    **{f"product, {share} of p": partial(of_both, share) for share in (0.25, 0.5)},
    "product, weighted by entropy": weighted,
    "mixture, 0.5 of p": partial(mixture, 0.5),
}


@dataclass
class Known:
    """What the models said of one question, by what was written before.

    `absent` holds the nats that the target and the drafter give the phrase for what a text does not
    say, when they are reminded of it.
    """

    places: dict[Place, Both] = field(default_factory=dict)
    absent: tuple[float, ...] = ()

    def refuses(self, begun: Place, least: float, likelier: float) -> bool:
        """Tell whether limits would have put the phrase in the place of what begins so."""
        told = [0.0] * len(self.absent)
        for at, token in enumerate(begun):
            for number, opinion in enumerate(self.places[begun[:at]]):
                told[number] += opinion.log(token)
        doubts = [absent - nats for absent, nats in zip(self.absent, told, strict=True)]
        return min(self.absent) >= least and min(doubts) >= likelier


class Answers:
    """The answers to one question: what each rule writes after the readings of both models.

    `known` is what they said so far; `ask` tells what they say.
    """

    def __init__(
        self,
        known: Known,
        ask: Callable[[Place], Both],
        is_end: Callable[[int], bool],
        closes: Callable[[int], bool],
        longest: int,
        larger: float,
    ) -> None:
        self.known = known
        self._ask, self._is_end, self._closes = ask, is_end, closes
        self._longest, self._larger = longest, larger

    def written(self, rule: Rule) -> Place:
        """Return the tokens that a rule writes, the last one included."""
        tokens: Place = ()
        past = Past(self._larger, self._is_end)
        while len(tokens) < self._longest:
            p, q = self._both(tokens)
            token = rule(p, q, past)
            tokens += (token,)
            past = replace(
                past, written=(*past.written, (p, q, token)), is_closed=self._closes(token)
            )
            if self._is_end(token):
                break
        return tokens

    def likelier(self, *answers: Place) -> Place:
        """Return the answer to which both models together give the higher likelihood."""
        return max(answers, key=self._likelihood)

    def _likelihood(self, tokens: Place) -> float:
        return sum(
            each.log(token) for at, token in enumerate(tokens) for each in self._both(tokens[:at])
        )

    def _both(self, tokens: Place) -> Both:
        if tokens not in self.known.places:
            self.known.places[tokens] = self._ask(tokens)
        return self.known.places[tokens]


class _Reader:
    """A model with what it has read."""

    def __init__(self, reader: PromptReader, reading: Reading) -> None:
        self._reader, self._reading = reader, reading
        self._drafter = ModelDrafter(
            reader.context,
            reading.prompt.all[-1],
            sampling=SamplingParams(1.0),
            rng=np.random.default_rng(0),
        )

    def weigh(self, tokens: Place) -> Distribution:
        """Return what the model finds likely after these tokens."""
        return self._drafter.weigh(list(tokens), ())[0]

    def absent(self, phrase: Tokens) -> float:
        """Return the nats of the phrase for what a text does not say, with the reminder."""
        assert self._reading.reminded is not None
        self._drafter.rewind()
        return self._reader.log_likelihood(self._reading.reminded, phrase)


class Asking:
    """A pair of models, asked about one document after the other."""

    def __init__(self, session: Session, options: argparse.Namespace, contexts: Contexts) -> None:
        files = session.pairs.find(session.models_file.pair(options.pair))
        self._session, self._contexts, self._options = session, contexts, options
        self._pair = session.loader.load_pair(files)
        self.phrase = self._pair.target.vocabulary.tokenize(ABSENT)
        self._larger = math.log(self._pair.drafter.parameters / self._pair.target.parameters)

    def answers(self, question: Question, path: Path, known: Known) -> Iterator[tuple[str, Place]]:
        """Yield the rules with what they write; `known` grows by what models say."""
        readers: list[_Reader] = []

        def opened() -> list[_Reader]:
            if not readers:
                readers.extend(self._readers(question, path))
            return readers

        def ask(tokens: Place) -> Both:
            target, drafter = (Opinion.of(each.weigh(tokens)) for each in opened())
            return target, drafter

        longest = LONGEST_LETTER if question.choices else LONGEST
        vocabulary = self._pair.target.vocabulary
        is_end, closes = vocabulary.is_end, partial(may_end_sentence, vocabulary)
        answers = Answers(known, ask, is_end, closes, longest, self._larger)
        written = {name: answers.written(rule) for name, rule in RULES.items()}
        written[WHOLE] = answers.likelier(written[TARGET], written[DRAFTER])
        if not known.absent:
            known.absent = tuple(each.absent(self.phrase) for each in opened())
        yield from written.items()

    def _readers(self, question: Question, path: Path) -> Iterator[_Reader]:
        library, document = self._session.library, reading.read(path)
        for _ in library.add(document):
            pass
        found = library.search(question.text, [document.id], AHEAD)
        asked = f"{question.text}\n{question.instruction()}"
        wanted = self._options.retrieve_tokens
        task = Task(
            asked,
            [document],
            lambda limit: found[:limit],
            answer_room=ROOM,
            retrieve_tokens=wanted,
            reminder=REMINDER,
        )
        target, drafter = self._pair.target, self._pair.drafter
        whole = read_whole(task, target)
        short = read_passages(task, drafter, whole.prompt.text_tokens)
        if self._options.again:
            again = replace(task, question=f"{PASSAGES_AGAIN}\n\n{short.text}\n\n{asked}")
            whole = read_whole(again, target)
        yield self._reader("target", target, whole, kept_as=document.name)
        yield self._reader("drafter", drafter, short)

    def _reader(
        self, role: Origin, model: LanguageModel, planned: Reading, *, kept_as: str | None = None
    ) -> _Reader:
        opened = self._contexts.reader(role, model, length=planned.size + ROOM, rows=MOST_ROWS)
        for _ in opened.read(planned.prompt, kept_as=kept_as):
            pass
        return _Reader(opened, planned)

    def text(self, tokens: Place) -> str:
        """Return what was written as a text."""
        vocabulary = self._pair.target.vocabulary
        pieces = (vocabulary.piece(token) for token in tokens if not vocabulary.is_end(token))
        return b"".join(pieces).decode("utf-8", "replace").strip()


class Kept:
    """What models said of questions, in a file if there is one."""

    def __init__(self, file: Path | None, way: list) -> None:
        self._file, self._way = file, way
        self._known: dict[tuple[str, str], Known] = {}
        for line in file.read_text().splitlines() if file and file.exists() else []:
            said = json.loads(line)
            if said["way"] == way:
                places = dict(map(_place, said["places"]))
                self._known[said["pack"], said["id"]] = Known(places, tuple(said.get("absent", ())))

    def of(self, pack: str, identity: str) -> Known:
        known = self._known.get((pack, identity), Known())
        return replace(known, places=dict(known.places))

    def keep(self, pack: str, identity: str, known: Known) -> None:
        """Write down what is known now, if that is more than before."""
        before = self.of(pack, identity)
        grown = len(known.places) > len(before.places) or known.absent != before.absent
        if self._file and grown:
            places = [
                [place, *([round(each.entropy, 4), _rounded(each.logs)] for each in both)]
                for place, both in known.places.items()
            ]
            said = {"way": self._way, "pack": pack, "id": identity, "places": places}
            with self._file.open("a") as file:
                file.write(json.dumps({**said, "absent": known.absent}) + "\n")


def _place(said: list) -> tuple[Place, Both]:
    target, drafter = (Opinion(entropy, dict(map(tuple, logs))) for entropy, logs in said[1:])
    return tuple(said[0]), (target, drafter)


def _rounded(logs: dict[int, float]) -> list[tuple[int, float]]:
    return [(token, round(log, 4)) for token, log in logs.items()]


@dataclass(frozen=True)
class Asked:
    """A question, what each rule wrote, and whether that is right if it is given out."""

    question: Question
    known: Known
    written: dict[str, Place]
    right: dict[str, bool]


def table(asked: Sequence[Asked]) -> None:
    """Print how many answers of each rule are right, by pack and in all."""
    packs = list(dict.fromkeys(each.question.pack for each in asked))
    print("| rule |", " | ".join([*packs, "all"]), "|")
    print("|---" * (len(packs) + 2) + "|")
    for rule in [*RULES, WHOLE]:
        right = [(each.question.pack, each.right[rule]) for each in asked]
        parts = [[true for of, true in right if of == pack] for pack in packs]
        parts.append([true for _, true in right])
        cells = (f"{np.mean(part):.3f} ({len(part)})" for part in parts)
        print(f"| {rule} |", " | ".join(cells), "|")


def table_of_limits(asked: Sequence[Asked], compared: int) -> None:
    """Print what limits of absence do: to right answers, wrong ones, and where there is none.

    So many tokens of each answer are compared with the phrase.
    """
    print("| least | likelier by | right lost | wrong held back | found absent |")
    print("|---" * 5 + "|")
    for least, likelier in product(LEAST_TRIED, LIKELIER_TRIED):
        refused = [
            each
            for each in asked
            if each.known.refuses(each.written[IN_USE][:compared], math.log(least), likelier)
        ]
        lost = [each.right[IN_USE] for each in refused if each.question.answerable]
        found = len(refused) - len(lost)
        print(f"| {least} | {likelier} | {sum(lost)} | {len(lost) - sum(lost)} | {found} |")


def main() -> None:
    """Ask the questions of packs, keep what came of it, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packs", nargs="+", type=Path)
    parser.add_argument("--pair")
    parser.add_argument("--models", type=Path)
    parser.add_argument("--limit", type=int, help="ask only so many questions of each pack")
    parser.add_argument("--kept", type=Path, help="what models said before, and what they say now")
    parser.add_argument("--retrieve-tokens", type=int)
    parser.add_argument("--again", action="store_true")
    options = parser.parse_args()
    kept = Kept(options.kept, [options.pair, options.retrieve_tokens, options.again])
    asked: list[Asked] = []
    with ExitStack() as opened:
        session = opened.enter_context(Session(open_models_file(options.models)))
        contexts = Contexts(time.perf_counter, states=session.states, spare=SPARE_TOKENS)
        asking = Asking(session, options, opened.enter_context(contexts))
        for pack, question in _questions(options.packs, options.limit):
            known = kept.of(pack.name, question.id)
            path = Path(pack.paths[question.document][0])
            written = dict(asking.answers(question, path, known))
            kept.keep(pack.name, question.id, known)
            texts = {rule: asking.text(tokens) for rule, tokens in written.items()}
            right = {rule: judge(question, text, ()).right for rule, text in texts.items()}
            asked.append(Asked(question, known, written, right))
            print(f"{pack.name} {question.id}", flush=True)
    table([each for each in asked if each.question.answerable])
    table_of_limits(asked, len(asking.phrase))


def _questions(paths: list[Path], limit: int | None) -> list[tuple[Pack, Question]]:
    """Return what is asked, the questions about one document after each other."""
    packs = [read_pack(path).chosen(limit, answerable=None) for path in paths]
    found = [(pack, question) for pack in packs for question in pack.questions]
    places = {pack.paths[question.document]: at for at, (pack, question) in enumerate(found)}
    return sorted(found, key=lambda each: places[each[0].paths[each[1].document]])


if __name__ == "__main__":
    main()
