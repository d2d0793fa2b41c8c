"""Which rule of knowledge transfer answers best, told from the distributions of both models.

    python -m tests.measurements.transfer_rules PACK... [--pair NAME] [--limit N] [--kept FILE]
        [--retrieve-tokens N] [--again]

Target and drafter read what they would read for `rapid`, and each rule writes an answer in which
every token is the most likely one by that rule. So all rules are compared on the same readings, in
a fraction of the time that `rapid eval` needs, and without chance. `--kept` is a file of what the
models said, from which an interrupted run goes on: of a new rule only that is asked which no other
rule has led to. With `--again` the target reads the passages once more, between the document and
the question.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from rapid_cli.answering.prefill import Contexts
from rapid_cli.answering.readings import Task, read_passages, read_whole
from rapid_cli.decoding.drafting import ModelDrafter
from rapid_cli.decoding.sampling import Distribution, SamplingParams
from rapid_cli.decoding.verification import transfer
from rapid_cli.evaluation.judging import judge
from rapid_cli.evaluation.packs import Pack, read_pack
from rapid_cli.evaluation.questions import Question
from rapid_cli.models.models_file import open_models_file
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

    def sharpened(self, also: Iterable[int] = ()) -> Distribution:
        """Return the distribution at the temperature of answers, that of other tokens included."""
        tokens = np.array(sorted({*self.logs, *also}))
        logs = np.array([self.log(token) for token in tokens])
        weights = np.exp((logs - logs.max()) / TEMPERATURE)
        return Distribution(tokens, weights / weights.sum(), int(tokens[-1]) + 1, self.certainty)


Both = tuple[Opinion, Opinion]
Place = tuple[int, ...]
Rule = Callable[[Opinion, Opinion, float], int]
"""Chooses a token by p, q and how much larger the drafter is, as a logarithm."""
Heard = Callable[[Opinion, Opinion, float], bool]


def moved(eta: float, heard: Heard) -> Rule:
    """Return the rule that transfers with `eta` where the drafter is heard."""

    def rule(p: Opinion, q: Opinion, larger: float) -> int:
        if not heard(p, q, larger):
            return p.best
        return transfer(p.sharpened(q.logs), q.sharpened(p.logs), eta).likeliest

    return rule


def taken(heard: Heard) -> Rule:
    """Return the rule that takes the drafter's token where the drafter is heard."""
    return lambda p, q, larger: (q if heard(p, q, larger) else p).best


def always(_p: Opinion, _q: Opinion, _larger: float) -> bool:
    return True


def by_entropy(leeway: float, p: Opinion, q: Opinion, larger: float) -> bool:
    return q.entropy <= p.entropy + leeway + larger


def by_certainty(leeway: float, p: Opinion, q: Opinion, larger: float) -> bool:
    return q.certainty >= p.certainty - leeway - larger


def mixture(share: float, p: Opinion, q: Opinion, _larger: float) -> int:
    def weight(token: int) -> float:
        return share * math.exp(p.log(token)) + (1 - share) * math.exp(q.log(token))

    return max(p.logs | q.logs, key=weight)


def product(share: float, p: Opinion, q: Opinion, _larger: float) -> int:
    return max(p.logs | q.logs, key=lambda token: share * p.log(token) + (1 - share) * q.log(token))


def weighted(p: Opinion, q: Opinion, larger: float) -> int:
    share = math.exp(-p.entropy) / (math.exp(-p.entropy) + math.exp(-q.entropy))
    return product(share, p, q, larger)


TARGET, DRAFTER, WHOLE = "the target alone", "the drafter alone", "the likelier whole answer"
RULES: dict[str, Rule] = {
    TARGET: lambda p, _q, _larger: p.best,
    DRAFTER: lambda _p, q, _larger: q.best,
    **{f"eta {eta}": moved(eta, always) for eta in (10, 40, 100, 200)},
    **{
        f"eta 200, entropy at most {leeway} above": moved(200, partial(by_entropy, leeway))
        for leeway in (0, 0.25, 0.5, 1)
    },
    **{
        f"eta 200, certainty at most {leeway} below": moved(200, partial(by_certainty, leeway))
        for leeway in (0, 0.1, 0.2, 0.3, 0.4, 0.7)
    },
    "the token of lower entropy": taken(partial(by_entropy, 0)),
    "the likelier token": taken(partial(by_certainty, 0)),
    **{f"product, {share} of p": partial(product, share) for share in (0.25, 0.5)},
    "product, weighted by entropy": weighted,
    "mixture, 0.5 of p": partial(mixture, 0.5),
}


class Answers:
    """The answers to one question: what each rule writes after the readings of both models.

    `known` is what they said so far, by what was written before; `ask` tells what they say.
    """

    def __init__(
        self,
        known: dict[Place, Both],
        ask: Callable[[Place], Both],
        is_end: Callable[[int], bool],
        longest: int,
        larger: float,
    ) -> None:
        self.known = known
        self._ask, self._is_end = ask, is_end
        self._longest, self._larger = longest, larger

    def written(self, rule: Rule) -> Place:
        """Return the tokens that a rule writes, the last one included."""
        tokens: Place = ()
        while len(tokens) < self._longest:
            tokens += (rule(*self._both(tokens), self._larger),)
            if self._is_end(tokens[-1]):
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
        if tokens not in self.known:
            self.known[tokens] = self._ask(tokens)
        return self.known[tokens]


class Asking:
    """A pair of models, asked about one document after the other."""

    def __init__(self, session: Session, options: argparse.Namespace, contexts: Contexts) -> None:
        files = session.pairs.find(session.models_file.pair(options.pair))
        self._session, self._contexts, self._options = session, contexts, options
        self._pair = session.loader.load_pair(files)
        self._larger = math.log(self._pair.drafter.parameters / self._pair.target.parameters)

    def answers(
        self, question: Question, path: Path, known: dict[Place, Both]
    ) -> Iterator[tuple[str, str]]:
        """Yield the rules with the texts that they write; `known` grows by what models say."""
        readers: list[ModelDrafter] = []

        def ask(tokens: Place) -> Both:
            if not readers:
                readers.extend(self._readers(question, path))
            target, drafter = (Opinion.of(each.weigh(list(tokens), ())[0]) for each in readers)
            return target, drafter

        longest = LONGEST_LETTER if question.choices else LONGEST
        is_end = self._pair.target.vocabulary.is_end
        answers = Answers(known, ask, is_end, longest, self._larger)
        written = {name: answers.written(rule) for name, rule in RULES.items()}
        written[WHOLE] = answers.likelier(written[TARGET], written[DRAFTER])
        for name, tokens in written.items():
            yield name, self._text(tokens)

    def _readers(self, question: Question, path: Path) -> Iterator[ModelDrafter]:
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
        )
        target, drafter = self._pair.target, self._pair.drafter
        whole = read_whole(task, target)
        short = read_passages(task, drafter, whole.prompt.text_tokens)
        if self._options.again:
            again = replace(task, question=f"{PASSAGES_AGAIN}\n\n{short.text}\n\n{asked}")
            whole = read_whole(again, target)
        yield self._reader("target", target, whole, kept_as=document.name)
        yield self._reader("drafter", drafter, short)

    def _reader(self, role, model, planned, *, kept_as: str | None = None) -> ModelDrafter:
        prompt = planned.prompt
        opened = self._contexts.reader(role, model, length=len(prompt) + ROOM, rows=2)
        for _ in opened.read(prompt, kept_as=kept_as):
            pass
        rng = np.random.default_rng(0)
        own = SamplingParams(1.0)
        return ModelDrafter(opened.context, prompt.all[-1], sampling=own, rng=rng)

    def _text(self, tokens: Place) -> str:
        vocabulary = self._pair.target.vocabulary
        pieces = (vocabulary.piece(token) for token in tokens if not vocabulary.is_end(token))
        return b"".join(pieces).decode("utf-8", "replace").strip()


class Kept:
    """What models said of questions, in a file if there is one."""

    def __init__(self, file: Path | None, way: list) -> None:
        self._file, self._way = file, way
        self._known: dict[tuple[str, str], dict[Place, Both]] = {}
        for line in file.read_text().splitlines() if file and file.exists() else []:
            said = json.loads(line)
            if said["way"] == way:
                self._known[said["pack"], said["id"]] = dict(map(_place, said["places"]))

    def of(self, pack: str, identity: str) -> dict[Place, Both]:
        return dict(self._known.get((pack, identity), {}))

    def keep(self, pack: str, identity: str, known: dict[Place, Both]) -> None:
        """Write down what is known now, if that is more than before."""
        if self._file and len(known) > len(self.of(pack, identity)):
            places = [
                [place, *([round(each.entropy, 4), _rounded(each.logs)] for each in both)]
                for place, both in known.items()
            ]
            said = {"way": self._way, "pack": pack, "id": identity, "places": places}
            with self._file.open("a") as file:
                file.write(json.dumps(said) + "\n")


def _place(said: list) -> tuple[Place, Both]:
    target, drafter = (Opinion(entropy, dict(map(tuple, logs))) for entropy, logs in said[1:])
    return tuple(said[0]), (target, drafter)


def _rounded(logs: dict[int, float]) -> list[tuple[int, float]]:
    return [(token, round(log, 4)) for token, log in logs.items()]


def table(right: dict[str, dict[str, list[bool]]]) -> None:
    """Print how many answers of each rule are right, by pack and in all."""
    packs = list(next(iter(right.values())))
    print("| rule |", " | ".join([*packs, "all"]), "|")
    print("|---" * (len(packs) + 2) + "|")
    for rule, by_pack in right.items():
        parts = [*by_pack.values(), [each for part in by_pack.values() for each in part]]
        cells = (f"{np.mean(part):.3f} ({len(part)})" for part in parts)
        print(f"| {rule} |", " | ".join(cells), "|")


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
    right: dict[str, dict[str, list[bool]]] = {rule: {} for rule in [*RULES, WHOLE]}
    with ExitStack() as opened:
        session = opened.enter_context(Session(open_models_file(options.models)))
        contexts = Contexts(time.perf_counter, states=session.states, spare=SPARE_TOKENS)
        asking = Asking(session, options, opened.enter_context(contexts))
        for pack, question in _questions(options.packs, options.limit):
            known = kept.of(pack.name, question.id)
            path = Path(pack.paths[question.document][0])
            for rule, text in asking.answers(question, path, known):
                by_pack = right[rule].setdefault(pack.name, [])
                by_pack.append(judge(question, text, ()).right)
            kept.keep(pack.name, question.id, known)
            print(f"{pack.name} {question.id}", flush=True)
    table(right)


def _questions(paths: list[Path], limit: int | None) -> Iterator[tuple[Pack, Question]]:
    for path in paths:
        pack = read_pack(path)
        for question in pack.questions[:limit]:
            if question.answerable:
                yield pack, question


if __name__ == "__main__":
    main()
