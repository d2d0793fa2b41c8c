"""A GGUF file's sizes, read from its header: against llama.cpp's own on the same file."""

from __future__ import annotations

import resource
import struct
import time
from dataclasses import replace

import llama_cpp
import pytest

from rapid_cli.bench import synthetic
from rapid_cli.errors import ModelError
from rapid_cli.llama import read_format, read_shape
from rapid_cli.llama.metadata import read_extents


@pytest.fixture(scope="module")
def tiny_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny") / "tiny.gguf"
    synthetic.write(synthetic.SHAPES["tiny"], "Q8_0", path)
    return path


@pytest.mark.models
def test_the_shape_is_the_one_that_llama_cpp_loads(weights, starter_path):
    shape, model = read_shape(starter_path), weights.handle
    assert shape.architecture == "llama"
    assert shape.layers == llama_cpp.llama_model_n_layer(model)
    assert shape.heads == llama_cpp.llama_model_n_head(model)
    assert shape.kv_heads == (llama_cpp.llama_model_n_head_kv(model),) * shape.layers
    assert shape.embedding == llama_cpp.llama_model_n_embd(model)
    assert shape.key_length == shape.value_length == 64
    assert shape.feed_forward == 1536
    assert shape.vocabulary == weights.vocabulary.size
    assert shape.sliding_window == 0
    assert shape.context_length == weights.context_limit
    assert shape.tensor_bytes == llama_cpp.llama_model_size(model)


@pytest.mark.models
def test_a_header_is_read_in_less_than_a_fifth_of_a_second(starter_path):
    read_shape(starter_path)  # starts llama.cpp
    started = time.process_time()
    read_shape(starter_path)
    assert time.process_time() - started < 0.2


def test_a_published_shape_is_read_back(tiny_path):
    shape, wanted = read_shape(tiny_path), synthetic.SHAPES["tiny"]
    assert shape.kv_heads == (wanted.kv_heads,) * wanted.layers
    assert shape.key_length == shape.value_length == wanted.head_size
    assert shape.feed_forward == wanted.feed_forward
    assert shape.vocabulary == wanted.vocabulary
    assert shape.context_length == wanted.context
    assert 0 < tiny_path.stat().st_size - shape.tensor_bytes < 20_000


def test_only_the_header_has_to_be_there(tiny_path, tmp_path):
    whole = read_shape(tiny_path)
    content = tiny_path.read_bytes()
    short = tmp_path / "short.gguf"
    short.write_bytes(content[: len(content) - whole.tensor_bytes])
    assert read_shape(short) == whole


def test_a_file_ends_where_its_last_tensor_ends(tiny_path, tmp_path):
    size = tiny_path.stat().st_size
    assert read_extents(tiny_path) == {tiny_path: size}
    short = tmp_path / "short.gguf"
    short.write_bytes(tiny_path.read_bytes()[: size // 2])
    assert read_extents(short) == {short: size}


def text(value):
    return struct.pack("<Q", len(value.encode())) + value.encode()


def value(content):
    """Return a GGUF value: of a list a list of the kind of its first item."""
    if isinstance(content, Raw):
        return bytes(content)
    if isinstance(content, list):
        items = b"".join(value(one)[4:] for one in content)
        return (
            struct.pack("<I", 9) + value(content[0])[:4] + struct.pack("<Q", len(content)) + items
        )
    if isinstance(content, str):
        return struct.pack("<I", 8) + text(content)
    return struct.pack("<Ii", 5, content)


class Raw(bytes):
    """A GGUF value as it lies in the file."""


def unsigned(number):
    return Raw(struct.pack("<IQ", 10, number))


def write_header(path, tensors=(8,), **keys):
    """Write a GGUF file of version 3 with f32 vectors of the sizes in `tensors`, without data."""
    keys = {name.replace("__", "."): content for name, content in keys.items()}
    parts = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(keys))]
    parts += [text(name) + value(content) for name, content in keys.items()]
    offset = 0
    for number, size in enumerate(tensors):
        parts.append(text(f"t{number}") + struct.pack("<IQIQ", 1, size, 0, offset))
        offset += -(-size * 4 // 32) * 32
    path.write_bytes(b"".join(parts) + bytes(32))
    return path


MODEL = {
    "general__architecture": "odd",
    "odd__block_count": 4,
    "odd__embedding_length": 256,
    "odd__attention__head_count": 4,
    "tokenizer__ggml__tokens": ["a", "b", "c"],
}


def test_what_a_file_leaves_out_is_what_llama_cpp_takes_for_it(tmp_path):
    shape = read_shape(write_header(tmp_path / "a.gguf", **MODEL))
    assert shape.kv_heads == (4, 4, 4, 4)
    assert shape.key_length == shape.value_length == 64
    assert shape.sliding_window == 0
    assert shape.vocabulary == 3
    assert shape.tensor_bytes == 4 * 8


def test_layers_may_have_heads_of_their_own_or_use_those_of_others(tmp_path):
    keys = MODEL | {"odd__attention__head_count_kv": [4, 2, 1, 1]}
    shape = read_shape(write_header(tmp_path / "a.gguf", **keys))
    assert shape.kv_heads == (4, 2, 1, 1)
    keys |= {"odd__attention__shared_kv_layers": 2, "odd__feed_forward_length": [9, 7, 8, 8]}
    sharing = read_shape(write_header(tmp_path / "b.gguf", **keys))
    assert sharing == replace(shape, kv_heads=(4, 2, 0, 0), feed_forward=9)


def test_the_merges_of_a_tokenizer_are_counted(tmp_path):
    keys = MODEL | {"tokenizer__ggml__merges": ["a b", "b c"]}
    assert read_shape(write_header(tmp_path / "a.gguf", **keys)).merges == 2
    assert read_shape(write_header(tmp_path / "b.gguf", **MODEL)).merges == 0


def test_the_experts_that_a_token_visits_count_together(tmp_path):
    keys = MODEL | {"odd__expert_used_count": 8, "odd__expert_feed_forward_length": 96}
    assert read_shape(write_header(tmp_path / "a.gguf", **keys)).feed_forward == 768


def test_a_model_in_several_files_has_the_tensors_of_all(tmp_path):
    keys = {"split__count": 3}
    first = tmp_path / "big-00001-of-00003.gguf"
    write_header(first, [8, 8], **MODEL, **keys)
    write_header(tmp_path / "big-00002-of-00003.gguf", [16], **keys)
    with pytest.raises(ModelError, match=r"big-00003-of-00003.* cannot be read"):
        read_shape(first)
    write_header(tmp_path / "big-00003-of-00003.gguf", [32], **keys)
    assert read_shape(first).tensor_bytes == 4 * (8 + 8 + 16 + 32)
    sizes = {path.name[4:9]: extent for path, extent in read_extents(first).items()}
    assert list(sizes) == ["00001", "00002", "00003"]
    assert sizes["00003"] - sizes["00002"] == 4 * 16


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing", None, "cannot be read: No such file"),
        ("empty", b"", "is not a GGUF file"),
        ("text", b"Not a model.\n", "is not a GGUF file"),
        ("magic", b"GGUF", r"cannot be loaded: \w"),
        (
            "cut",
            b"GGUF" + struct.pack("<IQQ", 3, 1, 7) + text("general.architecture"),
            r"cannot be loaded: \w",
        ),
    ],
)
def test_a_file_that_is_no_gguf_is_one_sentence_and_a_hint(tmp_path, capfd, name, content, message):
    path = tmp_path / f"{name}.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=message) as raised:
        read_shape(path)
    assert str(path) in raised.value.message
    assert "\n" not in raised.value.message
    assert raised.value.hint
    assert capfd.readouterr() == ("", "")


def test_a_gguf_file_that_is_no_language_model_is_refused(tmp_path):
    path = write_header(tmp_path / "other.gguf", [8], general__architecture="odd")
    with pytest.raises(ModelError, match="does not describe a language model"):
        read_shape(path)


ENDLESS = [0] * 513
HOSTILE = {
    "layers without end": ({"odd__block_count": unsigned(2**32 - 1)}, "odd.block_count is 4,294"),
    "fewer layers than none": ({"odd__block_count": -1}, "odd.block_count is -1"),
    "files without end": ({"split__count": unsigned(1 << 62)}, "split.count is 4,611"),
    "files of another name": ({"split__count": unsigned(99_999)}, "split.count is 99999"),
    "fewer files than none": ({"split__count": -2}, "split.count is -2"),
    "a row of exabytes": ({"odd__embedding_length": unsigned(1 << 63)}, "odd.embedding_length is"),
    "heads without end": ({"odd__attention__head_count": unsigned(1 << 40)}, "head_count is"),
    "a head for each byte": ({"odd__attention__head_count_kv": ENDLESS}, "head_count_kv has 513"),
    "fewer heads than none": ({"odd__attention__head_count_kv": [4, -9, 4, 4]}, "is -9"),
    "a head of exabytes": ({"odd__attention__key_length": unsigned(1 << 60)}, "key_length is"),
    "other layers without end": ({"odd__attention__shared_kv_layers": 5}, "is 5, and may be"),
    "others below none": ({"odd__attention__shared_kv_layers": -(2**31)}, "is -2,147,483,648"),
    "experts without end": ({"odd__expert_used_count": unsigned(1 << 63)}, "expert_used_count is"),
    "texts without end": ({"odd__context_length": unsigned(1 << 63)}, "odd.context_length is"),
    "a long name": ({"general__architecture": "a" * 1_000_000}, "has 1,000,000 characters"),
    "a name that rings": ({"general__architecture": "odd\a"}, "architecture has 4 characters"),
    "a text longer than the file": ({"x": Raw(struct.pack("<IQ", 8, 1 << 34))}, "string length"),
    "a list longer than the file": ({"x": Raw(struct.pack("<IIQ", 9, 0, 1 << 34))}, "key-value"),
    "texts more than the file": ({"x": Raw(struct.pack("<IIQ", 9, 8, 1 << 29))}, "key-value"),
    "lists within lists": ({"x": Raw(struct.pack("<IIQ", 9, 9, 3))}, "type 9"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_header_that_claims_more_than_can_be_is_refused_at_once(tmp_path, capfd, kind):
    keys, said = HOSTILE[kind]
    path = write_header(tmp_path / "hostile.gguf", **(MODEL | keys))
    begun, peak = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError, match="cannot be loaded") as raised:
        read_shape(path)
    assert time.process_time() - begun < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 100_000, "kB"
    assert said in raised.value.message
    assert raised.value.message.startswith(str(path))
    assert "\n" not in raised.value.message
    assert raised.value.hint
    assert capfd.readouterr() == ("", "")


def test_a_number_that_is_none_counts_as_not_given(tmp_path):
    keys = {"odd__attention__head_count_kv": Raw(struct.pack("<If", 6, float("nan")))}
    shape = read_shape(write_header(tmp_path / "a.gguf", **(MODEL | keys)))
    assert shape.kv_heads == (4, 4, 4, 4)


def test_a_model_whose_layers_are_empty_has_no_format(tmp_path):
    path = write_header(tmp_path / "a.gguf", [0], **MODEL)
    path.write_bytes(path.read_bytes().replace(text("t0"), text("blk.0.t")))
    with pytest.raises(ModelError, match="holds no layers"):
        read_format(path)


@pytest.mark.parametrize("kind", [4, 5, 31, 36, 255])
def test_tensors_of_a_format_that_is_gone_are_refused(tmp_path, kind):
    path = write_header(tmp_path / "a.gguf", [32], **MODEL)
    old, new = (text("t0") + struct.pack("<IQI", 1, 32, each) for each in (0, kind))
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(ModelError, match="cannot be loaded"):
        read_shape(path)
