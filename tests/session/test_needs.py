"""Loading, `models check` and the doctor judge by one estimate, on one memory and on two."""

from __future__ import annotations

import pytest

from rapid_cli import llama
from rapid_cli.doctor import memory
from rapid_cli.doctor.examination import Examination
from rapid_cli.doctor.models_file import check_default_pair
from rapid_cli.doctor.pair import check
from rapid_cli.errors import ModelError
from rapid_cli.llama import read_shape
from rapid_cli.llama import weights as weights_module
from rapid_cli.llama.devices import GPU, ComputeDevice
from rapid_cli.models.memory import GIB, MARGIN, fits
from rapid_cli.models.models_file import load_models_file
from rapid_cli.session import fitting
from rapid_cli.session.needs import DRAFT_ROWS, ModelRun, PairRun
from rapid_cli.session.session import Session
from tests.support.tiny_models import write_tiny

pytestmark = pytest.mark.slow

LENGTH = 8192
FILE = """
[default]
pair = "two"
embedder = "none"
[models.reader]
path = "{reader}"
[models.writer]
path = "{writer}"
k_type = "f32"
v_type = "f32"
[pairs.two]
target = "reader"
drafter = "writer"
retrieve_tokens = 6000
[embedders.none]
path = "none"
"""


class Machine:
    """A computer that may have a GPU; what is loaded takes nothing of their memory."""

    def __init__(self):
        self.free_bytes = {False: 64 * GIB, True: 64 * GIB}

    def free_memory(self, gpu):
        return self.free_bytes[gpu]


@pytest.fixture
def computer(monkeypatch):
    computer = Machine()
    for module in (fitting, memory, llama):
        monkeypatch.setattr(module, "free_memory", computer.free_memory)
    return computer


@pytest.fixture
def gpu(monkeypatch):
    toys = (ComputeDevice(1, GPU, "Toy 100"),)
    monkeypatch.setattr(weights_module, "accelerators", lambda: toys)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return [write_tiny(folder / f"{name}.gguf", context=LENGTH) for name in ("reader", "writer")]


@pytest.fixture
def models_file(tmp_path, files, familiar_home):
    path = tmp_path / "models.toml"
    path.write_text(FILE.format(reader=files[0], writer=files[1]))
    return path


@pytest.fixture
def session(models_file):
    with Session(load_models_file(models_file), context_length=LENGTH) as session:
        yield session


@pytest.fixture
def runs(session, files):
    """How the pair runs where layers may lie anywhere."""
    two = session.models_file.pair("two")
    target, drafter = (
        ModelRun(session.models_file.model(name), read_shape(path), 0)
        for name, path in zip(("reader", "writer"), files, strict=True)
    )
    return PairRun(two, target, drafter, shared=False)


def load(session):
    return session.loader.load_pair(session.pairs.find(session.models_file.pair("two")))


def checked(session):
    """Return what `models check` finds of memory for LENGTH."""
    (at,) = check(session.pairs, session.models_file.pair("two")).memory
    assert at.context == LENGTH
    return at


def told_by_the_doctor(models_file):
    with Examination(models_file) as examination:
        return check_default_pair(examination).text


def least_free(computer, model, length):
    """Return the fewest free bytes with which loading opens a context of this length."""
    low, high = 0, GIB
    while low < high:
        computer.free_bytes[False] = (low + high) // 2
        try:
            model._memory.fitting(
                model._weights, model._shape, model._weights.spec, length=length, rows=DRAFT_ROWS
            )
        except ModelError:
            low = computer.free_bytes[False] + 1
        else:
            high = computer.free_bytes[False]
    computer.free_bytes[False] = 64 * GIB
    return low


def test_loading_the_check_and_the_doctor_need_the_same(computer, session, models_file, runs):
    needed = checked(session).needed_bytes
    pair = load(session)
    pair.target._memory._smaller_cache = False
    drafting = runs.drafter_length(LENGTH)
    of_target = least_free(computer, pair.target, LENGTH)
    of_drafter = least_free(computer, pair.drafter, drafting)
    weights = pair.target._memory._loaded[False]
    assert of_target + of_drafter - weights * (1 + MARGIN) == pytest.approx(needed, abs=4)
    computer.free_bytes[False] = needed + 1
    assert checked(session).fits
    assert "a context of 8,192 tokens fit the memory" in told_by_the_doctor(models_file)
    computer.free_bytes[False] = needed - 1
    assert not checked(session).fits
    assert "a context of 7,936 tokens fit the memory" in told_by_the_doctor(models_file)


def test_a_pair_that_only_the_drafters_context_makes_too_large_is_refused_by_all(
    computer, session, models_file, runs
):
    target = runs.target.need(LENGTH, runs.rows, gpu=False)
    both = runs.need(LENGTH, gpu=False)
    without_context = both.weights_bytes + target.without_weights().total_bytes
    free = int(without_context * (1 + MARGIN)) + GIB // 1000
    assert not fits(both, free)
    pair = load(session)
    pair.target._memory._smaller_cache = False
    computer.free_bytes[False] = free
    assert not checked(session).fits
    assert "of 8,192 tokens" not in told_by_the_doctor(models_file)
    with pair.target.open(length=LENGTH, rows=DRAFT_ROWS):
        computer.free_bytes[False] = free - target.without_weights().total_bytes
        with pytest.raises(ModelError, match="writer with a context of 6768 tokens needs"):
            pair.drafter.open(length=runs.drafter_length(LENGTH), rows=DRAFT_ROWS)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 1.2])
def test_layers_are_counted_for_the_gpu_as_loading_puts_them_there(
    computer, gpu, session, runs, share
):
    everything = runs.need(LENGTH, gpu=True)
    computer.free_bytes[True] = int(share * everything.total_bytes * (1 + MARGIN))
    placed = runs.placed(LENGTH, computer.free_bytes[True])
    pair = load(session)
    assert placed.target.gpu_layers == pair.target._weights.gpu_layers
    assert placed.drafter.gpu_layers == pair.drafter._weights.gpu_layers
    assert fits(placed.need(LENGTH, gpu=True), computer.free_bytes[True])
    assert checked(session).fits, "what the GPU does not hold is computed by the CPU"


def test_what_the_gpu_leaves_to_the_cpu_must_fit_there(computer, gpu, session, models_file, runs):
    on_cpu = runs.placed(LENGTH, 0).need(LENGTH, gpu=False)
    computer.free_bytes = {True: 0, False: on_cpu.total_bytes}  # no margin is left
    at = checked(session)
    assert (at.fits, at.free_bytes) == (False, computer.free_bytes[False])
    assert "of 8,192 tokens" not in told_by_the_doctor(models_file)
    computer.free_bytes[True] = 64 * GIB
    assert checked(session).fits
    assert "a context of 8,192 tokens fit the GPU memory" in told_by_the_doctor(models_file)


def test_a_window_is_computed_without_fused_attention_where_any_layer_is_on_the_cpu(gpu, runs):
    sliding = ModelRun(runs.target.spec, runs.target.shape, 512)
    assert sliding.flash_attention is None
    assert sliding.with_layers(1).flash_attention is False
    assert sliding.with_layers(0).flash_attention is False
    fused, other = (each.need(LENGTH, 1, gpu=True) for each in (sliding, sliding.with_layers(2)))
    assert fused.compute_bytes < other.compute_bytes
