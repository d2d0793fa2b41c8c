"""Numbers of bytes, and shares, in the units that people use."""

from __future__ import annotations


def megabytes(size_bytes: float) -> str:
    """Return a size in whole megabytes of a million bytes."""
    return f"{size_bytes / 1e6:,.0f} MB"


def percentage(share: float) -> str:
    """Return a share in whole per cent, but a little is not rounded to nothing, nor most to all."""
    if 0 < share < 0.01:
        return f"{100 * share:.1g}%"
    return f"{share if share >= 1 else min(share, 0.99):.0%}"
