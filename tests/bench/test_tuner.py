"""Tuning a model whose every way to run has a known cost: the fastest is found, and in time."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest

from rapid_cli.bench.budget import MOST_SECONDS
from rapid_cli.bench.materials import built_in_text
from rapid_cli.bench.trials import Comparison
from rapid_cli.bench.tuner import LENGTHS, PIECE, Tuner
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.errors import ModelError
from rapid_cli.models.specs import ModelSpec
from tests.support.fakes import FakeClock, MarkovContext, random_logits

VOCABULARY = 7
LOGITS = random_logits(VOCABULARY, 1)
SPEC = ModelSpec("m", path="m.gguf", flash_attention=False, k_type="q8_0")
BATCH = 512


class Slow(MarkovContext):
    """Costs what its model says, by the settings it runs with."""

    batch_size = BATCH

    def __init__(self, model, spec):
        super().__init__(model.logits, [])
        self._model, self.spec = model, spec

    def extend(self, tokens, *, rows):
        self._model.bench.pass_time(self._model.format, self.spec, len(self), len(tokens))
        return super().extend(tokens, rows=rows)

    def read(self, tokens):
        for start in range(0, len(tokens), BATCH):
            piece = tokens[start : start + BATCH]
            self._model.bench.pass_time(self._model.format, self.spec, len(self), len(piece))
            self.tokens += piece
            yield start + len(piece)


class Model:
    """Weights in a format; at most one is loaded at a time."""

    context_limit, offloaded = 8192, False

    def __init__(self, bench, settings):
        self.bench, self.format = bench, settings.format
        self.fingerprint = f"{settings}"
        self.may_fuse = bench.may_fuse
        self.vocabulary = self
        self.adds_bos, self.bos = True, 1
        self.logits = LOGITS

    def tokenize(self, text):
        return [ord(letter) % VOCABULARY for letter in text]

    @contextmanager
    def open(self, *, length, rows, spec):
        if (spec.k_type, spec.v_type) in self.bench.refused:
            raise ModelError("no such cache here")
        yield Slow(self, spec)


class Bench:
    """Loads models; `factors` of a token's time by what a setting is."""

    def __init__(self, *, seconds=0.002, refused=(), may_fuse=True, missing=(), **factors):
        self.clock, self.seconds, self.factors = FakeClock(), seconds, factors
        self.refused, self.may_fuse, self.missing = refused, may_fuse, missing
        self.loaded, self.tried = 0, set()

    @contextmanager
    def load(self, settings):
        if settings.format in self.missing:
            raise ModelError(f"no memory for {settings.format}")
        assert self.loaded == 0, "two sets of weights in memory"
        self.loaded += 1
        yield Model(self, settings)
        self.loaded -= 1

    def pass_time(self, format_name, spec, length, count):
        ways = {
            "format": format_name,
            "attention": (spec.flash_attention, spec.k_type, spec.v_type),
            "threads": spec.threads,
            "ubatch": spec.ubatch,
        }
        self.tried.add((format_name, *ways["attention"], spec.threads, spec.ubatch))
        factor = 1.0
        for name, way in ways.items():
            if name == "attention":  # which costs more the more there is to attend to
                factor *= 1 + length / 2048 * self.factors.get(name, {}).get(way, 1.0)
            else:
                factor *= self.factors.get(name, {}).get(way, 1.0)
        self.clock.now += 0.004 + self.seconds * factor * count

    def tune(self, **more):
        options = {
            "formats": {"q8_0": False, "q4_0": True},
            "lower_precision": False,
            "threads": 8,
            "seconds": None,
        } | more
        tuner = Tuner(
            SPEC,
            self.load,
            text=built_in_text(),
            sampling=SamplingParams(0.1),
            clock=self.clock,
            **options,
        )
        events, stages = tuner.run(), []
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                return end.value, {stage.name: stage for stage in stages}
            if isinstance(event, Comparison):
                stages.append(event)
            else:
                assert 0 < event.done <= event.total


FACTORS = {
    "format": {"q8_0": 0.6, "q4_0": 0.5},
    "attention": {(True, "q8_0", "q8_0"): 0.4},
    "threads": {4: 0.8, 6: 0.95},
    "ubatch": {128: 0.9},
}


def test_the_fastest_of_everything_is_found():
    found, stages = Bench(**FACTORS).tune()
    settings = found.settings
    assert settings.format == "q8_0"
    assert (settings.flash_attention, settings.k_type, settings.v_type) == (True, "q8_0", "q8_0")
    assert (settings.threads, settings.ubatch) == (4, 128)
    assert list(stages) == ["weights", "attention", "threads", "ubatch"]
    assert stages["attention"].length == 2048
    assert found.fingerprint == f"{settings}"


def test_fewer_bits_are_chosen_only_where_they_are_allowed():
    assert Bench(**FACTORS).tune(lower_precision=True)[0].settings.format == "q4_0"
    _, stages = Bench(**FACTORS).tune()
    trials = {each.settings.format: each for each in stages["weights"].trials}
    assert [trials[name].allowed for name in (None, "q8_0", "q4_0")] == [True, True, False]
    assert trials["q4_0"].speed.objective < trials["q8_0"].speed.objective
    assert {each.perplexity for each in trials.values()} == {trials[None].perplexity}
    assert trials[None].perplexity > 1


def test_where_everything_costs_the_same_nothing_changes():
    found, _ = Bench().tune()
    assert found.settings.applied(SPEC) == SPEC
    assert found.settings.format is None


def test_no_grid_is_searched():
    bench = Bench(**FACTORS)
    bench.tune()
    assert len(bench.tried) <= 3 + 4 + 3 + 3


def test_what_cannot_be_opened_or_loaded_is_left_out_with_the_reason():
    bench = Bench(**FACTORS, refused={("q8_0", "q8_0")}, missing={"q8_0"})
    found, stages = bench.tune()
    assert found.settings.format is None
    assert stages["weights"].trials[1].note == "no memory for q8_0"
    assert stages["weights"].trials[1].speed is None
    assert "no such cache here" in [each.note for each in stages["attention"].trials]
    assert found.settings.flash_attention is False


def test_a_model_that_cannot_be_run_at_all_is_an_error():
    with pytest.raises(ModelError, match="no memory for None"):
        Bench(missing={None, "q8_0", "q4_0"}).tune()


def test_flash_attention_is_not_tried_where_it_is_not_as_good():
    bench = Bench(**FACTORS, may_fuse=False)
    found, _ = bench.tune()
    assert found.settings.flash_attention is False
    assert not any(flash for _, flash, *_ in bench.tried)


def test_costs_are_those_of_the_chosen_settings_at_all_lengths():
    found, _ = Bench(**FACTORS).tune()
    assert tuple(found.verify_costs) == tuple(found.draft_costs) == LENGTHS
    for length, costs in found.verify_costs.items():
        token = 0.002 * 0.6 * 0.8 * 0.9 * (1 + length / 2048 * 0.4)
        assert costs[8] == pytest.approx(0.004 + 8 * token)
    assert np.all(np.diff([found.draft_costs[length][4] for length in LENGTHS]) > 0)


@pytest.mark.parametrize(
    ("token_seconds", "limit"), [(0.002, 75), (0.004, 130), (0.03, 1.6 * MOST_SECONDS)]
)
def test_the_time_it_takes_depends_on_the_model_and_has_an_end(token_seconds, limit):
    bench = Bench(seconds=token_seconds)
    found, stages = bench.tune()
    assert bench.clock.now < limit
    assert min(found.verify_costs) == 1024
    assert stages["attention"].length >= 2 * PIECE


def test_who_is_much_slower_all_the_time_falls_out_early_but_never_what_is_in_use():
    slow, bench = (True, "q8_0", "q8_0"), Bench(attention={(True, "q8_0", "q8_0"): 9.0})
    _, stages = bench.tune()
    trials = stages["attention"].trials
    left_out = [each for each in trials if each.note == "much slower"]
    assert [(each.settings.flash_attention, each.settings.v_type) for each in left_out] == [
        (True, "q8_0")
    ]
    in_use = (False, "q8_0", "f16")
    _, stages = Bench(attention={in_use: 9.0, slow: 8.9}).tune()
    first, *others = stages["attention"].trials
    assert first.speed is not None
    assert stages["attention"].chosen in others


def test_a_person_may_say_how_long_it_may_take():
    bench = Bench(seconds=0.004)
    found, stages = bench.tune(seconds=10.0)
    assert bench.clock.now < 35
    assert stages["attention"].length == 2 * PIECE
    assert list(found.verify_costs) == [1024]
    much = Bench(seconds=0.004)
    found, stages = much.tune(seconds=200.0)
    assert stages["attention"].length == 2048
    assert tuple(found.verify_costs) == LENGTHS
