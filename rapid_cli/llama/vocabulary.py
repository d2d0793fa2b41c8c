"""A model's vocabulary: text to tokens, tokens to bytes, and whether two models share one."""

from __future__ import annotations

import ctypes

import llama_cpp

from rapid_cli.errors import IncompatibleModels, NativeError

PADDING_ROWS = 128
"""Vocabularies of one family may differ in size by rows that no token uses (Qwen2.5)."""
FIRST_COMPARED = 5
"""llama.cpp's own rule for draft models: the first few tokens are special and may differ."""


class Vocabulary:
    """The tokens of one model."""

    def __init__(self, handle: object, name: str) -> None:
        """Take llama.cpp's vocabulary pointer; it lives as long as its model."""
        self._handle = handle
        self.name = name
        self.size: int = llama_cpp.llama_vocab_n_tokens(handle)
        self.type: int = llama_cpp.llama_vocab_type(handle)
        self.bos: int = llama_cpp.llama_vocab_bos(handle)
        self.eos: int = llama_cpp.llama_vocab_eos(handle)
        self.adds_bos: bool = llama_cpp.llama_vocab_get_add_bos(handle)

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Return the tokens of `text`; only with `special` does markup in it become control tokens.

        Text from documents and people is never `special`: `<|im_end|>` in it is only text.
        """
        raw = text.encode("utf-8", "replace")
        room = len(raw) + 2
        tokens = (llama_cpp.llama_token * room)()
        count = llama_cpp.llama_tokenize(self._handle, raw, len(raw), tokens, room, False, special)
        if count < 0:
            raise NativeError(f"{self.name} cannot tokenize a text of {len(text)} characters")
        return list(tokens[:count])

    def piece(self, token: int) -> bytes:
        """Return the bytes of `token`: none for control tokens, parts of a character for others."""
        return self._piece(token, special=False)

    def text(self, token: int) -> str:
        """Return `token` as the vocabulary writes it, control tokens too."""
        return self._piece(token, special=True).decode("utf-8", "replace")

    def _piece(self, token: int, *, special: bool) -> bytes:
        room = 64
        while True:
            buffer = ctypes.create_string_buffer(room)
            count = llama_cpp.llama_token_to_piece(self._handle, token, buffer, room, 0, special)
            if count >= 0:
                return buffer.raw[:count]
            room = -count

    def is_end(self, token: int) -> bool:
        """Tell whether `token` ends an answer."""
        return bool(llama_cpp.llama_vocab_is_eog(self._handle, token))


def check_pair(target: Vocabulary, drafter: Vocabulary) -> int:
    """Return how many tokens the two have in common, or raise IncompatibleModels saying why not."""
    names = f"{drafter.name} cannot draft for {target.name}"
    hint = 'use a drafter of the target\'s own family, or self-speculation: drafter = "target"'
    for what, left, right in (
        ("kinds of tokenizer", target.type, drafter.type),
        ("begin-of-text tokens", target.bos, drafter.bos),
        ("end-of-text tokens", target.eos, drafter.eos),
    ):
        if left != right:
            raise IncompatibleModels(f"{names}: their {what} differ ({left} and {right})", hint)
    if abs(target.size - drafter.size) > PADDING_ROWS:
        sizes = f"{target.size} and {drafter.size} tokens"
        raise IncompatibleModels(f"{names}: their vocabularies have {sizes}", hint)
    common = min(target.size, drafter.size)
    for token in range(FIRST_COMPARED, common):
        if target.text(token) != drafter.text(token):
            texts = f"{target.text(token)!r} and {drafter.text(token)!r}"
            raise IncompatibleModels(f"{names}: token {token} is {texts}", hint)
    return common
