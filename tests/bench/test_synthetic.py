"""Synthetic models through real llama.cpp: sizes, sameness, and what is left after a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from gguf import GGUFReader

from rapid_cli.bench import synthetic
from rapid_cli.bench.synthetic import FORMATS, SHAPES, file_bytes, shape_named, write
from rapid_cli.errors import ConfigError
from rapid_cli.llama import LlamaContext, Weights, check_pair, read_shape
from rapid_cli.models.specs import ModelSpec
from tests.support.repository import REPOSITORY

pytestmark = pytest.mark.slow

gguf = pytest.importorskip("gguf")

TINY = SHAPES["tiny"]
TINY_SHAPES = {
    "llama": TINY,
    "qwen2": replace(TINY, name="tiny-qwen", architecture="qwen2"),
    "tied": replace(TINY, name="tiny-tied", tied_embeddings=True),
}
ENVIRONMENT = os.environ | {"PYTHONPATH": str(REPOSITORY)}
PROMPT = [1, 75, 108, 300, 511, 75]


def load(path):
    return Weights(path, ModelSpec("x", path=str(path)))


def written(folder, shape, format_name, **options):
    path = folder / f"{shape.name}-{format_name}.gguf"
    write(shape, format_name, path, **options)
    return path


def logits_of(path):
    """Return the logits after each token of PROMPT."""
    with load(path) as weights, LlamaContext(weights, length=256, rows=len(PROMPT)) as context:
        return context.extend(PROMPT, rows=len(PROMPT)).copy()


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("shape", TINY_SHAPES.values(), ids=TINY_SHAPES)
def test_a_written_model_loads_and_decodes(tmp_path, shape, format_name):
    path = written(tmp_path, shape, format_name)
    with load(path) as weights:
        assert weights.vocabulary.size == shape.vocabulary
        assert weights.context_limit == shape.context
        assert weights.chat_template is None
        assert read_shape(path).architecture == shape.architecture
    name = GGUFReader(path).fields["general.name"].contents()
    assert name == f"synthetic {shape.name} {format_name}"
    logits = logits_of(path)
    assert logits.shape == (len(PROMPT), shape.vocabulary)
    assert np.isfinite(logits).all()
    assert np.ptp(logits, axis=1).min() > 0.3  # not all the same number
    assert not np.allclose(logits[1], logits[-1])  # the same token after another text


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("shape", TINY_SHAPES.values(), ids=TINY_SHAPES)
def test_a_file_is_as_large_as_foretold(tmp_path, shape, format_name):
    size = written(tmp_path, shape, format_name).stat().st_size
    assert size == pytest.approx(file_bytes(shape, format_name), rel=0.02)


@pytest.mark.parametrize(
    ("name", "gigabytes"),
    [
        ("llama-3.1-8b", (16.06, 8.54, 4.6)),
        ("llama-3.2-3b", (6.43, 3.42, 1.81)),
        ("llama-3.2-1b", (2.48, 1.32, 0.70)),
        ("qwen2.5-7b", (15.24, 8.10, 4.29)),
        ("qwen2.5-1.5b", (3.09, 1.65, 0.87)),
        ("qwen2.5-0.5b", (0.99, 0.53, 0.28)),
    ],
)
def test_published_shapes_have_their_published_sizes(name, gigabytes):
    for format_name, expected in zip(FORMATS, gigabytes, strict=True):
        assert file_bytes(shape_named(name), format_name) == pytest.approx(expected * 1e9, rel=0.03)


def test_formats_of_one_shape_hold_the_same_weights_and_vocabulary(tmp_path):
    paths = [written(tmp_path, TINY, format_name) for format_name in FORMATS]
    exact, *rounded = [logits_of(path).ravel() for path in paths]
    closeness = [np.corrcoef(exact, other)[0, 1] for other in rounded]
    assert closeness[0] > 0.999
    assert closeness[1] > 0.95
    with load(paths[0]) as target, load(paths[2]) as drafter:
        assert check_pair(target.vocabulary, drafter.vocabulary) == TINY.vocabulary


def test_the_norms_are_constant_the_biases_zeros_and_the_matrices_small(tmp_path):
    reader = gguf.GGUFReader(written(tmp_path, TINY_SHAPES["qwen2"], "F16"))
    for tensor in reader.tensors:
        if tensor.name.endswith(".bias"):
            assert not tensor.data.any(), tensor.name
        elif tensor.name.endswith("norm.weight"):
            last = tensor.name == "output_norm.weight"
            assert (tensor.data == (4 if last else 1)).all(), tensor.name
        else:
            assert tensor.data.std() == pytest.approx(0.02, rel=0.1), tensor.name
            assert abs(tensor.data.mean()) < 0.002, tensor.name


def test_matrices_are_not_copies_of_each_other(tmp_path):
    reader = gguf.GGUFReader(written(tmp_path, TINY, "F16"))
    layers = [t.data for t in reader.tensors if t.name.endswith(("ffn_up.weight", "gate.weight"))]
    beginnings = {layer[0, :8].tobytes() for layer in layers}
    assert len(beginnings) == len(layers) == 4


def test_the_tokenizer_writes_any_text_as_bytes(tmp_path):
    with load(written(tmp_path, TINY, "Q4_0")) as weights:
        vocabulary = weights.vocabulary
        text = "t000300 </s>\nZürich 漢字 👩‍👩‍👧"
        tokens = vocabulary.tokenize(text)
        assert b"".join(map(vocabulary.piece, tokens)) == text.encode()
        assert [token for token in range(TINY.vocabulary) if vocabulary.is_end(token)] == [2]


def test_the_seed_decides_every_byte(tmp_path):
    first, again = tmp_path / "first.gguf", tmp_path / "again.gguf"
    for path in (first, again):
        write(TINY, "Q8_0", path, seed=3)
    assert first.read_bytes() == again.read_bytes()
    write(TINY, "Q8_0", again, seed=4)
    assert first.read_bytes() != again.read_bytes()


def test_progress_rises_to_the_whole(tmp_path):
    seen = []
    path = written(tmp_path, TINY, "F16", progress=lambda done, total: seen.append((done, total)))
    done, totals = zip(*seen, strict=True)
    assert list(done) == sorted(set(done))
    assert set(totals) == {done[-1]}
    assert 0.9 < done[-1] / path.stat().st_size < 1


def test_an_unknown_shape_is_an_error_with_a_suggestion():
    with pytest.raises(ConfigError, match=r"no model shape 'llama-3\.1-8B'") as raised:
        shape_named("llama-3.1-8B")
    assert raised.value.hint == "did you mean 'llama-3.1-8b'?"


def test_a_full_disk_is_an_error_before_anything_is_written(tmp_path, monkeypatch):
    usage = synthetic.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(
        synthetic.shutil, "disk_usage", lambda _: usage._replace(free=12_340_000_000)
    )
    with pytest.raises(ConfigError, match=r"needs 16\.1 GB, and 12\.3 GB of the disk") as raised:
        written(tmp_path, SHAPES["llama-3.1-8b"], "F16")
    assert raised.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_while_writing_leaves_no_file(tmp_path):
    def fill(done, total):
        raise OSError(28, "No space left on device")

    with pytest.raises(ConfigError, match="cannot be written: No space left on device"):
        written(tmp_path, TINY, "F16", progress=fill)
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_leaves_no_file_and_keeps_the_old_one(tmp_path):
    def interrupt(done, total):
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        written(tmp_path, TINY, "Q4_0", progress=interrupt)
    assert list(tmp_path.iterdir()) == []
    path = written(tmp_path, TINY, "Q4_0")
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        written(tmp_path, TINY, "Q4_0", seed=9, progress=interrupt)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"")
    for folder, reason in ((tmp_path / "missing", "No such file"), (file, "Not a directory")):
        with pytest.raises(ConfigError, match=f"cannot be written: {reason}"):
            written(folder, TINY, "F16")


def test_without_gguf_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(ConfigError, match="gguf is missing") as raised:
        written(tmp_path, TINY, "F16")
    assert 'pip install "rapid-cli[bench]"' in raised.value.hint


def test_importing_the_module_does_not_import_gguf():
    program = "import sys, rapid_cli.bench.synthetic; raise SystemExit('gguf' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], env=ENVIRONMENT, check=True, timeout=60)


@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
def test_memory_does_not_hold_the_file(tmp_path):
    path = tmp_path / "large.gguf"
    program = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from rapid_cli.bench.synthetic import SHAPES, write\n"
        "write(SHAPES['llama-3.2-1b'], 'Q4_0', Path(sys.argv[1]))\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(peak if sys.platform == 'darwin' else peak * 1024)\n"
    )
    # A shell in between: a process counts the peak of the one that it was forked from as its own.
    command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", program, str(path)]
    try:
        peak = int(subprocess.check_output(command, env=ENVIRONMENT, timeout=120))
        assert path.stat().st_size == pytest.approx(0.698e9, rel=0.01)
    finally:
        path.unlink(missing_ok=True)
    assert peak < 600e6
