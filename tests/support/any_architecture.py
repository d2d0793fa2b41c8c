"""Tiny GGUF files of whatever architecture: llama.cpp itself says what a file still lacks.

`python -m tests.support.any_architecture PATH ARCHITECTURE` writes one. It begins with sizes that
most architectures know, lets llama.cpp open the file, and adds or changes what its error names: a
key, a tensor, a shape. Where llama.cpp ends the process, the file at which it does stays. What is
printed is the last error, or nothing where the model can be opened.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import gguf
import numpy as np

from tests.support.repository import REPOSITORY

ARCHITECTURES = sorted(gguf.MODEL_ARCH_NAMES.values())
WIDTH, WORDS, MOST_ROUNDS = 64, 320, 400
SIZES: dict[str, object] = {
    "block_count": 2,
    "context_length": 1024,
    "embedding_length": WIDTH,
    "feed_forward_length": 128,
    "attention.head_count": 2,
    "attention.head_count_kv": 1,
    "attention.key_length": 32,
    "attention.value_length": 32,
    "attention.key_length_mla": 48,
    "attention.value_length_mla": 32,
    "attention.layer_norm_rms_epsilon": 1e-5,
    "attention.layer_norm_epsilon": 1e-5,
    "rope.dimension_count": 16,
    "expert_count": 4,
    "expert_used_count": 2,
    "expert_feed_forward_length": 32,
    "ssm.inner_size": 2 * WIDTH,
    "ssm.state_size": 16,
    "ssm.time_step_rank": 4,
    "ssm.group_count": 1,
    "ssm.conv_kernel": 4,
    "posnet.block_count": 1,
    "convnext.block_count": 1,
}
USUAL = 4
"""What a key is set to of which nothing is known."""


class Tiny:
    """A file in the making."""

    def __init__(self, architecture: str) -> None:
        self.architecture = architecture
        self.keys = {f"{architecture}.{name}": value for name, value in SIZES.items()}
        self.keys["tokenizer.ggml.token_type_count"] = 2
        self.tensors: dict[str, tuple[int, ...]] = {"token_embd.weight": (WORDS, WIDTH)}

    def write(self, path: Path) -> None:
        with closing(gguf.GGUFWriter(path, self.architecture)) as writer:
            for key, value in self.keys.items():
                _add(writer, key, value)
            add_vocabulary(writer, WORDS)
            draw = np.random.default_rng(0)
            for name, sizes in self.tensors.items():
                writer.add_tensor(name, (draw.standard_normal(sizes) / 20).astype(np.float32))
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()

    def mend(self, error: str) -> bool:
        """Do what an error asks for; tell whether it is one of those that are understood."""
        for pattern, change in self._changes().items():
            if found := re.search(pattern, error):
                change(found)
                return True
        return False

    def _changes(self) -> dict[str, Callable[[re.Match[str]], None]]:
        return {
            r"tensor '(\S+)' not found": self._add_tensor,
            r"tensor '(\S+)' has wrong shape; expected ([\d, ]+), got": self._shape_tensor,
            r"array key not found in model: (\S+)": self._add_list,
            r"key not found in model: (\S+)": self._add_key,
            r"key (\S+) has wrong type \S+ but expected type (\S+)": self._retype_key,
            r"invalid n_rot: \d+, expected (\d+)": self._rotate,
        }

    def _add_tensor(self, found: re.Match[str]) -> None:
        self.tensors[found[1]] = (1,)

    def _shape_tensor(self, found: re.Match[str]) -> None:
        sizes = [int(size) for size in found[2].split(",")]
        while len(sizes) > 1 and sizes[-1] == 1:
            sizes.pop()
        self.tensors[found[1]] = tuple(reversed(sizes))

    def _rotate(self, found: re.Match[str]) -> None:
        self.keys[f"{self.architecture}.rope.dimension_count"] = int(found[1])

    def _add_list(self, found: re.Match[str]) -> None:
        self.keys[found[1]] = [USUAL] * 4

    def _add_key(self, found: re.Match[str]) -> None:
        self.keys[found[1]] = USUAL

    def _retype_key(self, found: re.Match[str]) -> None:
        of_type = {"str": "x", "f32": 1.0, "bool": True, "i32": [USUAL] * 4}
        self.keys[found[1]] = of_type.get(found[2], USUAL)


def add_vocabulary(writer: gguf.GGUFWriter, words: int) -> None:
    known = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁"]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(known + [f"t{number}" for number in range(len(known), words)])
    writer.add_token_types([2, 3, 3, *[6] * 256] + [1] * (words - 259))


def _add(writer: gguf.GGUFWriter, key: str, value: object) -> None:
    match value:
        case bool():
            writer.add_bool(key, value)
        case int():
            writer.add_uint32(key, value)
        case float():
            writer.add_float32(key, value)
        case str():
            writer.add_string(key, value)
        case list():
            kinds = gguf.GGUFValueType
            writer.add_key_value(key, value, kinds.ARRAY, sub_type=kinds.INT32)


def write_any(path: Path, architecture: str) -> str:
    """Write a file in a process of its own; return what llama.cpp still says of it, if anything."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.any_architecture", path, architecture],
        cwd=REPOSITORY,
        env=os.environ | {"GGML_NO_BACKTRACE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout.strip() or done.stderr.strip()


def main() -> None:
    from rapid_cli.errors import RapidError
    from rapid_cli.llama import Outline

    path, architecture = Path(sys.argv[1]), sys.argv[2]
    tiny, said = Tiny(architecture), ""
    for _ in range(MOST_ROUNDS):
        tiny.write(path)
        try:
            Outline(path, architecture).close()
        except RapidError as error:
            before, said = said, error.message
        else:
            return
        if said == before or not tiny.mend(said):
            break
    print(said)


if __name__ == "__main__":
    main()
