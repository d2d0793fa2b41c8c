"""The loop: draft, let the target read the draft in one batch, verify, cut back, repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rapid_cli.decoding.context import Context, Logits
from rapid_cli.decoding.drafting import Draft, Drafter
from rapid_cli.decoding.planning import Planner
from rapid_cli.decoding.stats import Round
from rapid_cli.decoding.verification import Verdict

Verifier = Callable[[Logits, Draft], Verdict]
"""`verification.verify` with its sampling, eta and random generator filled in."""


def decode(
    target: Context,
    last: int,
    drafters: Sequence[Drafter],
    verifier: Verifier,
    planner: Planner,
    *,
    max_tokens: int,
    is_end: Callable[[int], bool],
    clock: Callable[[], float],
) -> Iterator[Round]:
    """Yield rounds of committed tokens until an end token, which is yielded, or `max_tokens`.

    Each round's plan names one of `drafters`. `target` has read its prompt except the `last`
    token of it. At each yield it has read all of the answer but its last token, so the caller
    may stop at any time.
    """
    output: list[int] = []
    while len(output) < max_tokens:
        plan = planner.plan(output)
        gamma = min(plan.gamma, max_tokens - len(output) - 1)
        started = clock()
        draft = drafters[plan.drafter](output, gamma)
        drafted = clock()
        read = len(target)
        verdict = verifier(target.extend([last, *draft.tokens], rows=len(draft) + 1), draft)
        tokens = _until_end((*draft.tokens[: verdict.accepted], verdict.token), is_end)
        target.truncate(read + len(tokens))
        output += tokens
        last = tokens[-1]
        done = Round(
            tokens,
            drafter=plan.drafter,
            planned=gamma,
            drafted=len(draft),
            accepted=min(verdict.accepted, len(tokens)),
            transferred=min(verdict.transferred, len(tokens)),
            draft_seconds=drafted - started,
            verify_seconds=clock() - drafted,
        )
        planner.observe(done)
        yield done
        if is_end(last):
            return


def _until_end(tokens: tuple[int, ...], is_end: Callable[[int], bool]) -> tuple[int, ...]:
    """Return `tokens` up to the first end token, that included."""
    ends = (position + 1 for position, token in enumerate(tokens) if is_end(token))
    return tokens[: next(ends, len(tokens))]
