"""Pairs as they are found and loaded: tuned, copied, shared, and always with a word on it."""

from __future__ import annotations

import shutil
from collections import namedtuple
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import llama_cpp
import pytest

from rapid_cli.llama import engine, machine
from rapid_cli.machine.processor import available_cpus
from rapid_cli.machine.stamps import FileStamp
from rapid_cli.models.hub.parts import stamp_of
from rapid_cli.models.models_file import load_models_file
from rapid_cli.session.copies import Copies
from rapid_cli.session.session import Session
from rapid_cli.session.tuned import RunSettings, Tuned

pytestmark = pytest.mark.models
Usage = namedtuple("Usage", "total used free")
SETTINGS = RunSettings(
    flash_attention=True, k_type="q8_0", v_type="q8_0", threads=1, ubatch=64, format=None
)
FILE = """
[default]
pair = "self"
embedder = "none"
[models.starter]
path = "{path}"
threads = 2
{more}
[pairs.self]
target = "starter"
[pairs.low]
target = "starter"
lower_precision = true
[pairs.copied]
target = "starter"
drafter = "target:q4_0"
[pairs.low-copied]
target = "starter"
drafter = "target:q4_0"
lower_precision = true
[embedders.none]
path = "none"
"""


@pytest.fixture(scope="session")
def starter_path(shallow_path):
    """The first layers are loaded, copied and shared as the whole model is."""
    return shallow_path


@pytest.fixture(scope="module")
def library(tmp_path_factory, starter_path):
    """A folder with copies of the starter, which tests link to."""
    folder = tmp_path_factory.mktemp("copies")
    for name in ("q8_0", "q4_0"):
        Copies(folder).make(starter_path, name)
    return folder


@pytest.fixture
def open_session(tmp_path, starter_path, familiar_home, repack):
    """Return sessions with a models.toml with the starter."""
    with ExitStack() as opened:

        def open_session(more="", *, untuned=False):
            path = tmp_path / "models.toml"
            more = f"repack = {str(repack).lower()}\n{more}"
            path.write_text(FILE.format(path=starter_path, more=more))
            return opened.enter_context(Session(load_models_file(path), untuned=untuned))

        yield open_session


def with_copies(session: Session, library: Path) -> None:
    shutil.copytree(
        library, session.copies._folder, copy_function=lambda a, b: Path(b).hardlink_to(a)
    )


def tune(session, path, settings=SETTINGS, **more):
    tuned = Tuned(str(path), stamp_of(path), machine(), engine(), False, settings)
    session.tuned.put(replace(tuned, **more))


def load(session, name="self"):
    return session.loader.load_pair(session.pairs.find(session.models_file.pair(name)))


def test_a_pair_is_loaded_once_and_another_beside_it(open_session):
    session = open_session()
    pair = load(session)
    assert load(session) is pair
    assert load(session, "low") is not pair


def test_tuned_settings_reach_the_context(open_session, starter_path):
    session = open_session()
    tune(session, starter_path)
    model = load(session).target
    with model.open(length=600, rows=4) as context:
        assert llama_cpp.llama_n_ubatch(context._handle) == 64
        assert llama_cpp.llama_n_threads(context._handle) == 1
        assert llama_cpp.llama_n_batch(context._handle) == 512
        assert "flash_attention=True v=q8_0" in context.state_key
        assert context.state_key.endswith("k=q8_0 ubatch=64")
        assert context.note == ""
        list(context.read(range(100, 300)))
        quantized = context.cache_bytes
    untuned = load(open_session("ubatch = 128", untuned=True)).target
    with untuned.open(length=600, rows=4) as context:
        assert llama_cpp.llama_n_ubatch(context._handle) == 512
        assert llama_cpp.llama_n_threads(context._handle) == available_cpus()
        assert context.state_key.endswith("k=f16")
        list(context.read(range(100, 300)))
        assert quantized < 0.6 * context.cache_bytes


def test_costs_of_one_way_to_run_do_not_count_for_another(open_session, starter_path):
    session = open_session()
    before = load(session).target.fingerprint
    tune(session, starter_path)
    tuned = load(open_session()).target.fingerprint
    tune(session, starter_path, replace(SETTINGS, ubatch=128))
    assert len({before, tuned, load(open_session()).target.fingerprint}) == 3


def test_without_tuning_a_model_runs_as_models_toml_says(open_session):
    session = open_session('k_type = "q8_0"\nflash_attention = false\nubatch = 128')
    with load(session).target.open(length=600, rows=4) as context:
        assert llama_cpp.llama_n_ubatch(context._handle) == 128
        assert "flash_attention=False v=f16 swa_full=True" in context.state_key
        assert context.state_key.endswith("k=q8_0 ubatch=128")
        assert context.note == ""


def test_tuned_false_forbids_what_tuning_chose(open_session, starter_path):
    session = open_session("tuned = false")
    tune(session, starter_path)
    with load(session).target.open(length=600, rows=4) as context:
        assert context.state_key.endswith("k=f16")
        assert context.note == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"machine": "PDP-11; 1 threads"}, "on another machine (PDP-11; 1 threads)"),
        ({"engine": "llama-cpp-python 0.0.1"}, "with llama-cpp-python 0.0.1, and this is"),
        ({"file": FileStamp("SmolLM2-135M-Instruct.Q4_1.gguf", 1, 2, "3")}, "its file was another"),
        ({"file": FileStamp("SmolLM2-135M-Instruct.Q4_1.gguf", 1, 2)}, "by an earlier rapid"),
    ],
)
def test_what_was_tuned_elsewhere_is_not_used_and_the_first_context_says_so(
    open_session, starter_path, change, said
):
    session = open_session()
    tune(session, starter_path, **change)
    pair = load(session)
    assert pair.target is pair.drafter
    with pair.target.open(length=256, rows=1) as context:
        assert said in context.note
        assert "rapid models tune" in context.note
        assert context.state_key.endswith("k=f16")
    with pair.drafter.open(length=256, rows=1) as context:
        assert context.note == "", "once is enough"


def test_the_chosen_copy_is_loaded_once_for_both(open_session, library, starter_path):
    session = open_session()
    with_copies(session, library)
    tune(session, starter_path, replace(SETTINGS, format="q8_0"))
    pair = load(session)
    assert pair.target is pair.drafter
    assert pair.target._weights.path == session.copies.find(starter_path, "q8_0")
    assert pair.target.name == "starter"


def test_a_chosen_copy_that_is_gone_is_replaced_by_the_file_with_a_word(open_session, starter_path):
    session = open_session()
    tune(session, starter_path, replace(SETTINGS, format="q8_0"))
    model = load(session).target
    assert model._weights.path == starter_path
    with model.open(length=600, rows=1) as context:
        assert "in q8_0 that tuning chose is gone" in context.note
        assert llama_cpp.llama_n_ubatch(context._handle) == 64


def test_lower_precision_is_for_the_pair_that_allows_it(open_session, library, starter_path):
    session = open_session()
    with_copies(session, library)
    lower = replace(SETTINGS, format="q4_0")
    tune(session, starter_path, lower, lower_precision=True)
    assert load(session).target._weights.path == starter_path
    assert load(session, "low").target._weights.path == session.copies.find(starter_path, "q4_0")
    files = session.pairs.find_target(session.models_file.pair("low"))
    target = session.loader.load_target(files)
    assert target._weights.path == session.copies.find(starter_path, "q4_0")


def test_a_drafter_of_lower_precision_is_made_once_of_the_file_itself(open_session, starter_path):
    session, told = open_session(), []
    spec = session.models_file.pair("copied")
    files = session.pairs.find(spec, progress=lambda *each: told.append(each))
    path, drafter = files.drafter
    assert path == session.copies.find(starter_path, "q4_0")
    assert drafter.name == "starter q4_0"
    assert told[0][0] == f"{starter_path.stem} in q4_0"
    assert "made now" in files.note
    made_at = path.stat().st_mtime_ns
    again = session.pairs.find(spec)
    assert (again.drafter, again.note) == (files.drafter, "")
    assert path.stat().st_mtime_ns == made_at
    pair = session.loader.load_pair(files)
    assert pair.target is not pair.drafter
    assert pair.target._weights.path == starter_path
    with pair.drafter.open(length=256, rows=1) as context:
        assert context.note.startswith(files.note)


def test_such_a_drafter_runs_as_its_target_was_tuned_but_stays_what_it_is(
    open_session, library, starter_path
):
    session = open_session()
    with_copies(session, library)
    tune(session, starter_path, replace(SETTINGS, format="q8_0"))
    pair = load(session, "copied")
    assert pair.target._weights.path == session.copies.find(starter_path, "q8_0")
    assert pair.drafter._weights.path == session.copies.find(starter_path, "q4_0")
    with pair.drafter.open(length=600, rows=4) as context:
        assert llama_cpp.llama_n_ubatch(context._handle) == 64


def test_a_drafter_that_is_what_tuning_chose_for_the_target_is_loaded_once(
    open_session, library, starter_path
):
    session = open_session()
    with_copies(session, library)
    tune(session, starter_path, replace(SETTINGS, format="q4_0"))  # of a file of fewer bits
    pair = load(session, "copied")
    assert pair.target is pair.drafter


def test_a_copy_drafts_as_the_target_was_tuned_where_fewer_bits_were_allowed(
    open_session, library, starter_path
):
    session = open_session()
    with_copies(session, library)
    tune(session, starter_path, replace(SETTINGS, format="q8_0"), lower_precision=True)
    with load(session, "low-copied").drafter.open(length=600, rows=4) as context:
        assert llama_cpp.llama_n_ubatch(context._handle) == 64
    tune(session, starter_path, replace(SETTINGS, format="q4_0"), lower_precision=True)
    pair = load(open_session(), "low-copied")
    assert pair.target is pair.drafter, "one copy, once in memory"


def test_without_room_for_a_copy_the_target_drafts_with_its_own_weights_and_says_so(
    open_session, starter_path, monkeypatch
):
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: Usage(0, 0, 1_000_000))
    pair = load(open_session(), "copied")
    assert pair.target is pair.drafter
    with pair.target.open(length=256, rows=1) as context:
        assert context.note.startswith("The target drafts with its own weights: a copy of Smol")
        assert "the disk has 1 MB left" in context.note


def test_a_target_named_on_the_command_line_drafts_for_itself(open_session, starter_path):
    session = open_session()
    files = session.pairs.find(session.models_file.pair("copied"), starter_path)
    assert files.drafter == files.target
    assert not files.lower_precision
