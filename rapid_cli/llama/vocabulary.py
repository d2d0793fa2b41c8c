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

    def entry(self, token: int) -> tuple[bytes, int]:
        """Return what the file says of `token`; in one kind of tokenizer it decides the text."""
        handle = self._handle
        return (
            llama_cpp.llama_vocab_get_text(handle, token),
            llama_cpp.llama_vocab_get_attr(handle, token),
        )

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
    differences = [
        f"their {what} differ ({left} and {right})"
        for what, left, right in (
            ("kinds of tokenizer", target.type, drafter.type),
            ("begin-of-text tokens", target.bos, drafter.bos),
            ("end-of-text tokens", target.eos, drafter.eos),
        )
        if left != right
    ]
    if abs(target.size - drafter.size) > PADDING_ROWS:
        differences.append(f"their vocabularies have {target.size} and {drafter.size} tokens")
    token = _first_difference(target, drafter)
    if token is not None:
        texts = f"{target.text(token)!r} and {drafter.text(token)!r}"
        first = f"the first differing token is {token}:" if differences else f"token {token} is"
        differences.append(f"{first} {texts}")
    if differences:
        # The first says enough, and a token what it means in practice.
        said = ", and ".join(dict.fromkeys((differences[0], differences[-1])))
        raise IncompatibleModels(
            f"{drafter.name} cannot draft for {target.name}: {said}",
            'use a drafter of the target\'s own family, or self-speculation: drafter = "target"',
        )
    return min(target.size, drafter.size)


def _first_difference(target: Vocabulary, drafter: Vocabulary) -> int | None:
    """Return the first token that both have and that is not the same text; None if all are."""
    alike = target.type == drafter.type
    for token in range(FIRST_COMPARED, min(target.size, drafter.size)):
        if alike and target.entry(token) == drafter.entry(token):
            continue
        if target.text(token) != drafter.text(token):
            return token
    return None
