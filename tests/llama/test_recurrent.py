"""Models with recurrent states: after any cut or interruption the next logits are right.

All of it is judged by logits. llama.cpp's own word is no help: it says that it has cut where the
states are wrong.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import islice

import numpy as np
import pytest

from rapid_cli.decoding.drafting import Draft, ModelDrafter, no_drafter
from rapid_cli.decoding.loop import decode
from rapid_cli.decoding.measuring import draft_costs, verify_costs
from rapid_cli.decoding.planning import FixedGamma
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.decoding.verification import verify
from rapid_cli.llama import LlamaContext, RecurrentContext, Weights, open_context
from rapid_cli.llama import recurrent as recurrent_module
from rapid_cli.models.recurrence import CHECKPOINTS, SNAPSHOTS, snapshots_of
from rapid_cli.models.specs import ModelSpec
from tests.support.fakes import FakeClock
from tests.support.tiny_hybrids import ARCHITECTURES, VOCABULARY, write_hybrid

LENGTH, ROWS = 1280, 17
CLOSE = 2e-4
"""How far logits may lie apart that were computed in other batches; wrong ones differ by 0.1."""
SPEC = ModelSpec("tiny", threads=1, gpu_layers=0, flash_attention=False, k_type="f32", v_type="f32")
"""Nothing is rounded to fewer bits, so that logits of other batches are nearly the same."""
GREEDY = SamplingParams(temperature=0.0)
KINDS = ("qwen35", "lfm2", "jamba", "granitehybrid")
"""One of each kind of states: of delta nets, short convolutions, Mamba and Mamba-2."""
of_each = pytest.mark.parametrize("weights", ARCHITECTURES, indirect=True)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(each, marks=() if each in KINDS else pytest.mark.long)
        for each in ARCHITECTURES
    ],
)
def weights(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("hybrids") / f"{request.param}.gguf"
    with Weights(write_hybrid(path, request.param), SPEC) as weights:
        yield weights


@pytest.fixture
def context(weights):
    with open_context(weights, length=LENGTH, rows=ROWS) as opened:
        yield opened


@pytest.fixture
def fresh(weights):
    """Return what a context says after tokens that it reads at once, as nothing else was read."""
    with open_context(weights, length=LENGTH, rows=1) as other:

        def read(tokens):
            other.truncate(0)
            return other.extend(tokens, rows=1)[-1].copy()

        yield read


def drawn(count, seed):
    return [int(token) for token in np.random.default_rng(seed).integers(3, VOCABULARY, count)]


def require_right(context, held, fresh, seed=0):
    """Read one token more, and compare what is said with a fresh reading of all; cut it again."""
    (token,) = drawn(1, seed + len(held))
    assert len(context) == len(held)
    said = context.extend([token], rows=1)[-1].copy()
    assert np.abs(said - fresh([*held, token])).max() < CLOSE
    context.truncate(len(held))


def answer(target, last, drafter, gamma, tokens=200):
    """Decode greedily; return the tokens, and how many drafted ones were accepted and rejected."""
    verifier = partial(verify, sampling=GREEDY, eta=0.0, rng=np.random.default_rng(0))
    rounds = list(
        decode(
            target,
            last,
            [drafter],
            verifier,
            FixedGamma(gamma),
            max_tokens=tokens,
            is_end=lambda _token: False,
            clock=FakeClock(),
        )
    )
    accepted = sum(done.accepted for done in rounds)
    rejected = sum(done.drafted - done.accepted for done in rounds)
    return [token for done in rounds for token in done.tokens], accepted, rejected


class PartlyRight:
    """Drafts what is known to follow, up to a place drawn anew each time, and then something else.

    So every number of tokens is accepted, and every number cut.
    """

    def __init__(self, known, seed):
        self._known = known
        self._rng = np.random.default_rng(seed)

    def __call__(self, output, gamma):
        right = self._known[len(output) : len(output) + gamma]
        wrong_from = self._rng.integers(0, gamma + 1)
        tokens = [
            token if place < wrong_from else (token + 1) % VOCABULARY
            for place, token in enumerate(right)
        ]
        return Draft(tuple(tokens))


@of_each
def test_snapshots_are_kept_where_they_were_tried(weights, context):
    assert isinstance(context, RecurrentContext)
    architecture = weights.path.stem
    assert weights.snapshots == snapshots_of(architecture)
    assert context._snapshots == weights.snapshots  # llama.cpp can, or it would say 0


@pytest.mark.parametrize(
    ("weights", "gamma"),
    [
        *((each, SNAPSHOTS) for each in ARCHITECTURES),
        *((each, 16) for each in KINDS),
        *(pytest.param(each, 3, marks=pytest.mark.long) for each in ARCHITECTURES),
        *(
            pytest.param(each, 16, marks=pytest.mark.long)
            for each in ARCHITECTURES
            if each not in KINDS
        ),
    ],
    indirect=["weights"],
)
def test_drafted_greedy_decoding_is_plain_decoding(weights, gamma):
    prompt = drawn(300, seed=1)
    with open_context(weights, length=LENGTH, rows=ROWS) as plain:
        list(plain.read(prompt[:-1]))
        expected, _, _ = answer(plain, prompt[-1], no_drafter, 0)
    with open_context(weights, length=LENGTH, rows=ROWS) as drafted:
        list(drafted.read(prompt[:-1]))
        found, accepted, rejected = answer(
            drafted, prompt[-1], PartlyRight(expected, seed=gamma), gamma
        )
    assert found == expected
    assert min(accepted, rejected) > 50


@pytest.mark.parametrize("is_timed", [pytest.param(False, marks=pytest.mark.long), True])
def test_a_drafter_with_states_of_its_own_keeps_them_right(weights, is_timed):
    prompt = drawn(300, seed=2)
    with open_context(weights, length=LENGTH, rows=ROWS) as plain:
        list(plain.read(prompt[:-1]))
        expected, _, _ = answer(plain, prompt[-1], no_drafter, 0)
    with (
        open_context(weights, length=LENGTH, rows=ROWS) as target,
        open_context(weights, length=LENGTH, rows=ROWS) as drafter,
    ):
        list(target.read(prompt[:-1]))
        list(drafter.read(prompt[-120:-1]))
        if is_timed:
            verify_costs(target, prompt[-1], FakeClock())
            draft_costs(drafter, prompt[-1], GREEDY, FakeClock())
        rng = np.random.default_rng(3)
        writer = ModelDrafter(drafter, prompt[-1], sampling=GREEDY, rng=rng)
        found, _, rejected = answer(target, prompt[-1], writer, 6)
        # What it says at the end is what it says who has read the answer at once.
        (opinion,) = writer.weigh(found, ())
        said = [*prompt[-120:], *found]
        with open_context(weights, length=LENGTH, rows=1) as other:
            said_at_once = int(np.argmax(other.extend(said, rows=1)[-1]))
    assert found == expected
    assert rejected > 10
    assert opinion.at(np.array([said_at_once]))[0] == 1


@of_each
@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(each, marks=pytest.mark.long) for each in (2, 3))]
)
def test_any_cut_leaves_what_a_fresh_reading_would(context, fresh, seed):
    rng = np.random.default_rng(seed)
    held = drawn(40, seed)
    list(context.read(held))
    for step in range(40):
        more = drawn(int(rng.integers(1, 40)), seed=1000 * seed + step)
        match rng.integers(0, 4):
            case 0:
                list(context.read(more))
            case 1:
                for token in more[:6]:
                    context.extend([token], rows=1)
                more = more[:6]
            case _:
                more = more[:ROWS]
                context.extend(more, rows=len(more))
        held += more
        if rng.random() < 0.2:
            context.anchor()
        cut = int(rng.integers(0, min(len(held) - 1, 30)))
        context.truncate(len(held) - cut)
        del held[len(held) - cut :]
        if len(held) > 900:
            held = held[:20]
            context.truncate(20)
        require_right(context, held, fresh, seed=step)
    assert len(context._checkpoints.places) <= CHECKPOINTS


def test_cuts_one_after_the_other_are_right(context, fresh):
    held = drawn(60, seed=5)
    list(context.read(held[:40]))
    context.extend(held[40:49], rows=9)
    for length in (47, 44, 44, 41, 12, 3):
        context.truncate(length)
        require_right(context, held[:length], fresh)
    list(context.read(held[3:40]))
    context.extend(held[40:49], rows=9)
    for length in (40, 36):  # without reading anything in between
        context.truncate(length)
    require_right(context, held[:36], fresh)
    context.truncate(0)
    assert len(context) == 0
    assert np.abs(context.extend(held, rows=1)[-1] - fresh(held)).max() < CLOSE


def test_a_question_goes_back_to_where_the_text_ends(context, fresh, monkeypatch):
    """A second question reads itself alone, after however long an answer to the first."""
    text, questions = drawn(700, seed=6), [drawn(20, seed=7), drawn(20, seed=8)]
    list(context.read(text))
    context.anchor()
    list(context.read(questions[0]))
    for number in range(60):
        context.extend(drawn(6, seed=number), rows=6)
        context.truncate(len(context) - 3)
    decoded = []
    usual = LlamaContext._decode
    monkeypatch.setattr(
        LlamaContext,
        "_decode",
        lambda self, tokens, rows: (decoded.append(len(tokens)), usual(self, tokens, rows))[1],
    )
    assert context.floor <= len(text)
    context.truncate(len(text))
    list(context.read(questions[1]))
    assert sum(decoded) == len(questions[1])
    require_right(context, text + questions[1], fresh)


def test_what_was_saved_is_restored_whole(weights, context, fresh, tmp_path):
    text, path = drawn(600, seed=9), tmp_path / "state"
    list(context.read(text))
    context.save(path)
    with open_context(weights, length=LENGTH, rows=ROWS) as other:
        other.restore(path)
        assert len(other) == other.floor == len(text)
        require_right(other, text, fresh)
        for question in (drawn(30, seed=10), drawn(9, seed=11)):
            other.truncate(len(text))
            list(other.read(question))
            require_right(other, text + question, fresh)
        other.truncate(0)
        assert np.abs(other.extend(text[:50], rows=1)[-1] - fresh(text[:50])).max() < CLOSE


def test_what_is_saved_while_a_cut_waits_is_right(weights, context, fresh, tmp_path):
    text, path = drawn(100, seed=12), tmp_path / "state"
    list(context.read(text[:60]))
    context.extend(text[60:70], rows=10)
    context.truncate(63)
    context.save(path)
    require_right(context, text[:63], fresh)
    with open_context(weights, length=LENGTH, rows=ROWS) as other:
        other.restore(path)
        require_right(other, text[:63], fresh)


class Stop(BaseException):
    """What a signal's handler raises."""


def test_a_reading_that_is_interrupted_goes_on_where_it_stopped(context, fresh, monkeypatch):
    text = drawn(1200, seed=13)
    reading = context.read(text)
    (done,) = islice(reading, 1)
    asked = []

    def asks(_data):
        asked.append(None)
        return len(asked) > 20

    interruption = context._interruption
    monkeypatch.setattr(
        interruption, "callback", recurrent_module.llama_cpp.ggml_abort_callback(asks)
    )
    with pytest.raises(Stop):
        _interrupted(context, text[done : done + context.batch_size])
    assert len(asked) > 20  # it was stopped in the middle of the batch
    monkeypatch.undo()
    assert len(context) == done == context.batch_size
    context.truncate(done)
    assert not context._waiting  # nothing of it is read again
    require_right(context, text[:done], fresh)
    list(context.read(text[done:]))
    require_right(context, text, fresh)


def _interrupted(context, tokens):
    """Read as if a signal came meanwhile."""
    usual = context._decode

    def decode_and_stop(tokens, rows):
        usual(tokens, rows)
        raise Stop

    context._decode = decode_and_stop
    try:
        list(context.read(tokens))
    finally:
        del context._decode


def test_ctrl_c_right_after_a_native_call_is_no_harm(context, fresh):
    """The tokens are read then, and nobody has counted them."""
    held = drawn(80, seed=14)
    list(context.read(held))
    with pytest.raises(Stop):
        _interrupted(context, drawn(30, seed=15))
    context.truncate(len(held))
    require_right(context, held, fresh)
    context.extend(drawn(5, seed=16), rows=5)
    context.truncate(len(held))
    require_right(context, held, fresh)


def test_sixteen_snapshots_too_many_for_a_small_batch_are_none(weights):
    """llama.cpp aborts if fewer tokens are computed at once than there are snapshots."""
    spec = replace(SPEC, ubatch=4)
    with open_context(weights, length=256, rows=ROWS, spec=spec) as narrow:
        assert narrow._snapshots == 0
        held = drawn(60, seed=17)
        list(narrow.read(held[:50]))
        narrow.extend(held[50:], rows=10)
        narrow.truncate(53)
        with open_context(weights, length=256, rows=1) as other:
            expected = other.extend(held[:54], rows=1)[-1]
            assert np.abs(narrow.extend(held[53:54], rows=1)[-1] - expected).max() < CLOSE
