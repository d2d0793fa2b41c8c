"""GGUF files that hold no language model that writes: each is called what it is."""

from __future__ import annotations

from contextlib import closing

import gguf
import numpy as np
import pytest

from rapid_cli.errors import ModelError
from rapid_cli.llama import read_shape
from tests.support.any_architecture import add_vocabulary

LAYER = "blk.0.attn_norm.weight"


def write(path, architecture, *, tensors=(LAYER,), vocabulary=True, **keys):
    """Write a file with what says of which kind it is; names of keys have __ for a dot."""
    with closing(gguf.GGUFWriter(path, architecture)) as writer:
        writer.add_block_count(1)
        writer.add_embedding_length(64)
        for name, value in keys.items():
            key = name.replace("__", ".").replace("arch.", f"{architecture}.")
            add = {bool: writer.add_bool, int: writer.add_uint32, str: writer.add_string}
            add[type(value)](key, value)
        if vocabulary:
            add_vocabulary(writer, 320)
        for name in tensors:
            writer.add_tensor(name, np.zeros(64, np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    return path


REFUSED = {
    "imatrix": (("llama",), {"general__type": "imatrix"}, "an imatrix file"),
    "adapter": (("llama",), {"general__type": "adapter"}, "a LoRA adapter"),
    "control vector": (("controlvector",), {}, "a control vector"),
    "projector": (("clip",), {"vocabulary": False}, "an mmproj file"),
    "projector of sound": (("llama",), {"general__type": "mmproj"}, "an mmproj file"),
    "diffusion": (("llada-moe",), {}, "a diffusion model"),
    "pictures": (("flux",), {"vocabulary": False}, "a diffusion model that makes pictures"),
    "pictures without a name": (
        ("",),
        {"vocabulary": False, "tensors": ("model.diffusion_model.out.2.bias",)},
        "a diffusion model that makes pictures",
    ),
    "sound": (("wavtokenizer-dec",), {"arch__pooling_type": 0}, "a model of sound"),
    "encoder-decoder": (("t5",), {}, "an encoder-decoder model"),
    "encoder of one": (("t5encoder",), {}, "a model for embeddings"),
    "BERT": (("nomic-bert",), {}, "a model for embeddings"),
    "both ways": (("llama",), {"arch__attention__causal": False}, "a model for embeddings"),
    "Qwen3-Embedding": (("qwen3",), {"arch__pooling_type": 3}, "a model for embeddings"),
    "Qwen3-Reranker": (("qwen3",), {"arch__pooling_type": 4}, "a reranker"),
    "classifier": (("llama",), {"tensors": (LAYER, "cls.output.weight")}, "a reranker"),
    "BERT that ranks": (("bert",), {"arch__pooling_type": 4}, "a reranker"),
    "vocabulary": (("llama",), {"tensors": ()}, "a vocabulary without a model"),
}
LET_IN = {
    "plain": (("llama",), {}),
    "said to be a model": (("qwen3",), {"general__type": "model"}),
    "no pooling": (("qwen3",), {"arch__pooling_type": 0}),
    "causal": (("llama",), {"arch__attention__causal": True}),
    "embedded systems": (("pangu-embedded",), {}),
    "pictures too": (("qwen3vl",), {}),
    "an architecture of tomorrow": (("qwen9",), {}),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_file_is_called_what_it_is(tmp_path, kind):
    words, keys, said = REFUSED[kind]
    path = write(tmp_path / "embed.gguf", *words, **keys)
    with pytest.raises(ModelError) as raised:
        read_shape(path)
    assert raised.value.message.startswith(f"embed is {said}")
    assert "\n" not in raised.value.message
    assert raised.value.hint.startswith(("name ", "merge "))


@pytest.mark.parametrize("kind", LET_IN)
def test_a_language_model_is_let_in(tmp_path, kind):
    words, keys = LET_IN[kind]
    assert read_shape(write(tmp_path / "model.gguf", *words, **keys)).architecture == words[0]


def test_a_part_of_a_model_names_the_first(tmp_path):
    keys = {"split__no": 1, "split__count": 3, "vocabulary": False}
    path = write(tmp_path / "big-00002-of-00003.gguf", "llama", **keys)
    with pytest.raises(ModelError, match="is part 2 of the 3 files of a model") as raised:
        read_shape(path)
    assert raised.value.hint.endswith("-00001-of-00003.gguf")


def test_the_first_part_may_be_without_tensors(tmp_path):
    keys = {"split__count": 2, "tensors": ()}
    first = write(tmp_path / "big-00001-of-00002.gguf", "llama", **keys)
    write(tmp_path / "big-00002-of-00002.gguf", "llama", split__no=1, **keys | {"tensors": [LAYER]})
    assert read_shape(first).tensor_bytes == 4 * 64


def test_the_first_part_keeps_its_name(tmp_path):
    path = write(tmp_path / "big.gguf", "llama", split__count=2)
    with pytest.raises(ModelError, match="its name is not that of the first file") as raised:
        read_shape(path)
    assert "NAME-00001-of-00002.gguf" in raised.value.hint
