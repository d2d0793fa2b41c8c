"""Numbers of bytes in the units that people use."""

from __future__ import annotations


def megabytes(size_bytes: float) -> str:
    """Return a size in whole megabytes of a million bytes."""
    return f"{size_bytes / 1e6:,.0f} MB"
