"""Sizes of files as people read them."""


def megabytes(size_bytes: float) -> str:
    """Return a size in whole megabytes, such as `1,234 MB`."""
    return f"{size_bytes / 1e6:,.0f} MB"
