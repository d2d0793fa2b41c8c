"""Which rule of knowledge transfer answers best, told from the distributions of both models.

    python -m tests.measurements.transfer_rules PACK... [--pair NAME] [--limit N] [--kept FILE]
        [--retrieve-tokens N] [--again]

Target and drafter read what they would read for `rapid`, and each rule writes an answer in which
every token is the most likely one by that rule. So all rules are compared on the same readings, in
a fraction of the time that `rapid eval` needs, and without chance. `--kept` is a file of answers,
from which an interrupted run goes on. With `--again` the target reads the passages once more,
between the document and the question.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
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
PASSAGES_AGAIN = "These passages of the text may help:"
Reader = Callable[[list[int]], Distribution]
"""Returns a model's own distribution, at temperature 1, of the token after an answer so far."""
Rule = Callable[[Distribution, Distribution, float], int]
"""Chooses a token by p, q and the trust in the drafter."""


def sharpened(chances: Distribution) -> Distribution:
    """Return a distribution at the temperature of answers."""
    weights = (chances.probabilities / chances.confidence) ** (1 / TEMPERATURE)
    return Distribution(chances.tokens, weights / weights.sum(), chances.size, chances.entropy)


def moved(eta: float, within: Callable[[Distribution, Distribution, float], bool]) -> Rule:
    """Return the rule that transfers with `eta` where the drafter is heard."""

    def rule(p: Distribution, q: Distribution, trust: float) -> int:
        if not within(p, q, trust):
            return p.likeliest
        return transfer(sharpened(p), sharpened(q), eta).likeliest

    return rule


def always(_p: Distribution, _q: Distribution, _trust: float) -> bool:
    return True


def as_sure(p: Distribution, q: Distribution, trust: float) -> bool:
    return q.entropy <= p.entropy + trust


def mixture(share: float, p: Distribution, q: Distribution, _trust: float) -> int:
    return int((share * dense(p) + (1 - share) * dense(q)).argmax())


def product(share: float, p: Distribution, q: Distribution, _trust: float) -> int:
    logs = [np.log(np.maximum(dense(each), 1e-30)) for each in (p, q)]
    return int((share * logs[0] + (1 - share) * logs[1]).argmax())


def by_entropy(p: Distribution, q: Distribution, trust: float) -> int:
    share = np.exp(-p.entropy) / (np.exp(-p.entropy) + np.exp(-q.entropy))
    return product(float(share), p, q, trust)


def dense(chances: Distribution) -> np.ndarray:
    return chances.at(np.arange(chances.size))


RULES: dict[str, Rule] = {
    "the target alone": lambda p, _q, _trust: p.likeliest,
    "the drafter alone": lambda _p, q, _trust: q.likeliest,
    **{f"eta {eta}": moved(eta, always) for eta in (10, 20, 40, 100, 200)},
    **{f"eta {eta}, if as sure": moved(eta, as_sure) for eta in (40, 100, 200)},
    "the surer one": lambda p, q, trust: (q if as_sure(p, q, trust) else p).likeliest,
    "the likelier token": lambda p, q, _: (q if q.confidence >= p.confidence else p).likeliest,
    **{f"product, {share} of p": partial(product, share) for share in (0.25, 0.5, 0.75)},
    "product, weighted by entropy": by_entropy,
    **{f"mixture, {share} of p": partial(mixture, share) for share in (0.3, 0.5)},
}
WHOLE = "the likelier whole answer"


class Answers:
    """The answers to one question: what each rule writes after the readings of both models."""

    def __init__(self, target: Reader, drafter: Reader, trust: float, ends, longest: int) -> None:
        self._known: dict[tuple[int, ...], tuple[Distribution, Distribution]] = {}
        self._target, self._drafter = target, drafter
        self._trust, self._ends, self._longest = trust, ends, longest

    def written(self, rule: Rule) -> list[int]:
        """Return the tokens that a rule writes, the last one included."""
        tokens: list[int] = []
        while len(tokens) < self._longest:
            tokens.append(rule(*self._both(tokens), self._trust))
            if self._ends(tokens[-1]):
                break
        return tokens

    def likelier(self, answers: list[list[int]]) -> list[int]:
        """Return the answer to which both models together give the higher likelihood."""
        return max(answers, key=self._likelihood)

    def _likelihood(self, tokens: list[int]) -> float:
        pairs = (self._both(tokens[:place]) for place in range(len(tokens)))
        chances = [
            [each.of(token) for each in both] for token, both in zip(tokens, pairs, strict=True)
        ]
        return float(np.log(np.maximum(chances, 1e-30)).sum())

    def _both(self, tokens: list[int]) -> tuple[Distribution, Distribution]:
        key = tuple(tokens)
        if key not in self._known:
            self._known[key] = self._target(tokens), self._drafter(tokens)
        return self._known[key]


class Asking:
    """A pair of models, asked about one document after the other."""

    def __init__(self, session: Session, options: argparse.Namespace, contexts: Contexts) -> None:
        files = session.pairs.find(session.models_file.pair(options.pair))
        self._session, self._contexts, self._options = session, contexts, options
        self.pair = session.loader.load_pair(files)

    def answers(self, question: Question, path: Path) -> Iterator[tuple[str, str]]:
        """Yield the rules with the texts that they write."""
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
        target, drafter = self.pair.target, self.pair.drafter
        whole = read_whole(task, target)
        short = read_passages(task, drafter, whole.prompt.text_tokens)
        if self._options.again:
            again = replace(task, question=f"{PASSAGES_AGAIN}\n\n{short.text}\n\n{asked}")
            whole = read_whole(again, target)
        readers = [
            self._reader("target", target, whole, kept_as=document.name),
            self._reader("drafter", drafter, short),
        ]
        longest = LONGEST_LETTER if question.choices else LONGEST
        written = Answers(*readers, self.pair.trust, target.vocabulary.is_end, longest)
        for name, rule in RULES.items():
            yield name, self._text(written.written(rule))
        alone = [written.written(RULES[name]) for name in list(RULES)[:2]]
        yield WHOLE, self._text(written.likelier(alone))

    def _reader(self, role, model, planned, *, kept_as: str | None = None) -> Reader:
        prompt = planned.prompt
        opened = self._contexts.reader(role, model, length=len(prompt) + ROOM, rows=2)
        for _ in opened.read(prompt, kept_as=kept_as):
            pass
        sampling = SamplingParams(1.0)
        rng = np.random.default_rng(0)
        model_drafter = ModelDrafter(opened.context, prompt.all[-1], sampling=sampling, rng=rng)
        return lambda tokens: model_drafter.weigh(tokens, ())[0]

    def _text(self, tokens: list[int]) -> str:
        vocabulary = self.pair.target.vocabulary
        pieces = (vocabulary.piece(token) for token in tokens if not vocabulary.is_end(token))
        return b"".join(pieces).decode("utf-8", "replace").strip()


def table(lines: list[dict]) -> None:
    """Print how many answers of each rule are right, by pack and in all."""
    packs = [*dict.fromkeys(line["pack"] for line in lines), ""]
    print("| rule |", " | ".join(f"{pack or 'all'}" for pack in packs), "|")
    print("|---" * (len(packs) + 1) + "|")
    for rule in [*RULES, WHOLE]:
        cells = []
        for pack in packs:
            right = [line["right"][rule] for line in lines if pack in ("", line["pack"])]
            cells.append(f"{np.mean(right):.3f} ({len(right)})")
        print(f"| {rule} |", " | ".join(cells), "|")


def main() -> None:
    """Ask the questions of packs, keep what came of it, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packs", nargs="+", type=Path)
    parser.add_argument("--pair")
    parser.add_argument("--models", type=Path)
    parser.add_argument("--limit", type=int, help="ask only so many questions of each pack")
    parser.add_argument("--kept", type=Path, help="answers of before, and those to come")
    parser.add_argument("--retrieve-tokens", type=int)
    parser.add_argument("--again", action="store_true")
    options = parser.parse_args()
    way = [options.pair, options.retrieve_tokens, options.again]
    lines: list[dict] = []
    if options.kept and options.kept.exists():
        lines = [json.loads(line) for line in options.kept.read_text().splitlines()]
    known = {(line["pack"], line["id"]) for line in lines if line["way"] == way}
    with ExitStack() as opened:
        session = opened.enter_context(Session(open_models_file(options.models)))
        contexts = Contexts(time.perf_counter, states=session.states, spare=SPARE_TOKENS)
        asking = Asking(session, options, opened.enter_context(contexts))
        for pack, question in _questions(options.packs, options.limit):
            if (pack.name, question.id) in known or not question.answerable:
                continue
            texts = dict(asking.answers(question, Path(pack.paths[question.document][0])))
            right = {name: judge(question, text, ()).right for name, text in texts.items()}
            lines.append(
                {"way": way, "pack": pack.name, "id": question.id}
                | {"right": right, "answers": texts}
            )
            if options.kept:
                with options.kept.open("a") as file:
                    file.write(json.dumps(lines[-1]) + "\n")
            print(f"{pack.name} {question.id}: {len(lines)}", flush=True)
        table([line for line in lines if line["way"] == way])


def _questions(paths: list[Path], limit: int | None) -> Iterator[tuple[Pack, Question]]:
    for path in paths:
        pack = read_pack(path)
        for question in pack.questions[:limit]:
            yield pack, question


if __name__ == "__main__":
    main()
