"""Copies of weights, made by the real llama.cpp: whole or not there, and never in the source."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple

import numpy as np
import pytest

from rapid_cli.bench.materials import built_in_text
from rapid_cli.bench.perplexity import perplexity
from rapid_cli.errors import ModelError
from rapid_cli.llama import LlamaContext, Weights, read_format
from rapid_cli.models.hub.parts import stamp_of
from rapid_cli.models.specs import ModelSpec
from rapid_cli.session.copies import Copies
from rapid_cli.session.tuned import RunSettings, Tuned, TunedModels
from rapid_cli.storage.partial import SPARE_BYTES
from tests.support.repository import REPOSITORY
from tests.support.tiny_models import write_tiny

pytestmark = pytest.mark.models
Usage = namedtuple("Usage", "total used free")


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def made(starter_path, tmp_path_factory):
    """A folder with the starter in both formats, and what was told meanwhile."""
    folder, told = tmp_path_factory.mktemp("copies") / "weights", []
    copies = Copies(folder)
    for name in ("q8_0", "q4_0"):
        copies.make(starter_path, name, lambda _name, done, total: told.append((done, total)))
    return copies, told


def opened(path):
    return Weights(path, ModelSpec("copy", path=str(path), threads=1, flash_attention=False))


@pytest.fixture(scope="module")
def measured(made, starter_path):
    """Logits after a text, and perplexity of it, of the starter and both of its copies."""
    found = {}
    paths = {name: made[0].find(starter_path, name) for name in ("q8_0", "q4_0")}
    for name, path in {"source": starter_path, **paths}.items():
        with opened(path) as weights, LlamaContext(weights, length=256, rows=32) as context:
            tokens = weights.vocabulary.tokenize(built_in_text()[:2000])[:201]
            surprise = perplexity(context, tokens, rows=32)
            found[name] = context.extend(tokens[-1:], rows=1)[0].copy(), surprise
    return found


def test_a_copy_is_in_its_format_and_about_as_large_as_was_said(made, starter_path):
    copies, told = made
    for name in ("q8_0", "q4_0"):
        path = copies.find(starter_path, name)
        assert read_format(path).kind == name
        expected = read_format(starter_path).copy_bytes(name)
        assert 0.85 * expected < path.stat().st_size <= 1.02 * expected
    assert told[0][0] == 0
    assert all(0 <= done <= 1.02 * total for done, total in told)


def test_a_copy_in_eight_bits_says_the_same(measured):
    (logits, surprise), (copied, copied_surprise) = measured["source"], measured["q8_0"]
    assert 0 < float(np.sqrt(np.mean((logits - copied) ** 2))) < 0.5
    assert copied_surprise == pytest.approx(surprise, rel=0.05)


def test_a_copy_in_four_bits_says_nearly_the_same(measured):
    (logits, surprise), (copied, copied_surprise) = measured["source"], measured["q4_0"]
    assert float(np.sqrt(np.mean((logits - copied) ** 2))) < 2
    assert surprise < copied_surprise < 1.4 * surprise


def test_copies_are_listed_with_what_they_are_of(made, starter_path):
    entries = made[0].entries()
    assert [(each.source, each.format, each.stale) for each in entries] == [
        (starter_path, "q4_0", False),
        (starter_path, "q8_0", False),
    ]
    for each in entries:
        assert each.size_bytes == each.path.stat().st_size
        assert made[0].source_of(each.path) == starter_path
    assert made[0].source_of(starter_path) is None


def test_the_source_is_left_alone(made, starter_path, tmp_path):
    source = tmp_path / "mine.gguf"
    shutil.copy(starter_path, source)
    before = digest(source), source.stat()
    Copies(tmp_path / "weights").make(source, "q8_0")
    assert (digest(source), source.stat().st_mtime_ns) == (before[0], before[1].st_mtime_ns)
    assert [path.name for path in tmp_path.iterdir()].count("mine.gguf") == 1


def test_a_copy_of_a_file_that_changed_or_went_is_stale_and_not_found(made, starter_path, tmp_path):
    source = tmp_path / "mine.gguf"
    shutil.copy(starter_path, source)
    copies = Copies(tmp_path / "weights")
    path = copies.make(source, "q4_0")
    assert copies.find(source, "q4_0") == path
    assert copies.find(source, "q8_0") is None
    os.utime(source, ns=(1, 1))
    assert copies.find(source, "q4_0") is None
    assert [each.stale for each in copies.entries()] == [True]
    source.unlink()
    assert copies.find(source, "q4_0") is None
    assert [each.stale for each in copies.entries()] == [True]
    size = path.stat().st_size
    assert copies.clear() == size
    assert list((tmp_path / "weights").iterdir()) == []


def twins(folder):
    """Write two models of one name, size and time that differ in a weight in their middle."""
    one, other = (folder / each / "model.gguf" for each in ("one", "other"))
    for path in (one, other):
        path.parent.mkdir()
        write_tiny(path)
    content = bytearray(other.read_bytes())
    content[-20_001] ^= 1
    other.write_bytes(content)
    for path in (one, other):
        os.utime(path, ns=(10**18, 10**18))
    return one, other


def test_models_of_one_name_size_and_time_share_nothing(tmp_path):
    one, other = twins(tmp_path)
    assert (one.stat().st_size, one.stat().st_mtime_ns) == (
        other.stat().st_size,
        other.stat().st_mtime_ns,
    )
    copies = Copies(tmp_path / "weights")
    copies.make(one, "q4_0")
    assert copies.find(other, "q4_0") is None
    assert copies.make(other, "q4_0") != copies.find(one, "q4_0")
    with opened(one) as first, opened(other) as second:
        assert first.fingerprint != second.fingerprint
        assert first.state_key_of(first.spec) != second.state_key_of(second.spec)
    tuned = TunedModels(tmp_path / "tuned")
    settings = RunSettings.of(ModelSpec("m", path="p"))
    tuned.put(Tuned(str(one), stamp_of(one), "here", "llama", False, settings))
    assert tuned.find(one, "here", "llama", lower_precision=False)[0]
    assert tuned.find(other, "here", "llama", lower_precision=False) == (None, "")


def test_a_copied_model_with_its_time_is_the_same_model(tmp_path):
    one, _ = twins(tmp_path)
    copies = Copies(tmp_path / "weights")
    made = copies.make(one, "q4_0")
    (tmp_path / "elsewhere").mkdir()
    moved = shutil.copy2(one, tmp_path / "elsewhere" / one.name)
    assert copies.find(moved, "q4_0") == made


def test_a_copy_whose_note_is_gone_is_stale(tmp_path):
    (tmp_path / "what-q8_0-1.gguf").write_bytes(b"GGUF")
    (entry,) = Copies(tmp_path).entries()
    assert (entry.source, entry.stale) == (None, True)


def test_a_file_that_cannot_be_copied_leaves_nothing_behind(starter_path, tmp_path):
    source, copies = tmp_path / "cut.gguf", Copies(tmp_path / "weights")
    source.write_bytes(starter_path.read_bytes()[:30_000_000])
    with pytest.raises(ModelError, match=r"cut\.gguf cannot be written in the format q8_0: ."):
        copies.make(source, "q8_0")
    assert list((tmp_path / "weights").iterdir()) == []
    assert source.stat().st_size == 30_000_000


def test_a_full_disk_is_noticed_before_anything_is_written(starter_path, tmp_path, monkeypatch):
    needed = read_format(starter_path).copy_bytes("q8_0") + SPARE_BYTES
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: Usage(0, 0, needed - 1))
    copies = Copies(tmp_path / "weights")
    with pytest.raises(ModelError, match=r"takes \d+ MB, and the disk has \d+ MB left"):
        copies.make(starter_path, "q8_0")
    assert list((tmp_path / "weights").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_sentence(starter_path, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ModelError, match="cannot be written"):
        Copies(tmp_path / "file" / "weights").make(starter_path, "q8_0")


def test_an_interruption_ends_the_work_and_leaves_nothing(starter_path, tmp_path):
    def interrupted(_name, done, _total):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Copies(tmp_path / "weights").make(starter_path, "q8_0", interrupted)
    assert list((tmp_path / "weights").iterdir()) == []


def test_what_a_killed_process_left_is_swept_by_the_next(starter_path, tmp_path):
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from rapid_cli.session.copies import Copies\n"
        "def kill(name, done, total):\n"
        "    if done:\n"
        "        os.kill(os.getpid(), 9)\n"
        "Copies(Path(sys.argv[1])).make(Path(sys.argv[2]), 'q8_0', kill)\n"
    )
    folder = tmp_path / "weights"
    command = [sys.executable, "-c", program, str(folder), str(starter_path)]
    done = subprocess.run(command, check=False, timeout=60, cwd=REPOSITORY)
    assert done.returncode == -signal.SIGKILL
    time.sleep(2)  # the worker, which nobody ends, writes on
    assert [path.suffix for path in folder.iterdir()] == [".partial"]
    copies = Copies(folder)
    assert copies.entries() == []
    path = copies.make(starter_path, "q4_0")
    assert sorted(folder.iterdir()) == [path, path.with_suffix(".json")]
    assert json.loads(path.with_suffix(".json").read_text())["format"] == "q4_0"
