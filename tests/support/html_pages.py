"""What is read of pieces of HTML."""

from __future__ import annotations

from tests.support.books import read


def text_of(html: str) -> str:
    """Return the text of the body of a page."""
    return read(f"<!DOCTYPE html><body>{html}".encode(), "page.html").text
