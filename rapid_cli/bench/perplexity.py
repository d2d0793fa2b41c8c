"""How well a model predicts a text: what a copy of its weights has lost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rapid_cli.decoding.context import Context, Tokens


def perplexity(context: Context, tokens: Tokens, *, rows: int) -> float:
    """Return exp of the mean negative log-likelihood of `tokens` but the first, `rows` at a time.

    `context` is empty, and has read all but the last token afterwards.
    """
    total = 0.0
    for start in range(0, len(tokens) - 1, rows):
        piece = tokens[start : min(start + rows, len(tokens) - 1)]
        following = tokens[start + 1 : start + 1 + len(piece)]
        total += negative_log_likelihood(context.extend(piece, rows=len(piece)), following)
    return float(np.exp(total / (len(tokens) - 1)))


def negative_log_likelihood(logits: NDArray[np.floating], tokens: Tokens) -> float:
    """Return the sum of -log p over `tokens`, each of which follows its row of `logits`."""
    shifted = np.asarray(logits, np.float32) - logits.max(axis=1, keepdims=True)
    chosen = shifted[np.arange(len(tokens)), np.asarray(tokens)]
    return float(np.log(np.exp(shifted).sum(axis=1)).sum() - chosen.sum())
