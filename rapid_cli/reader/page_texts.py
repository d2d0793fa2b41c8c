"""What a PDF reader finds on the pages of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(slots=True)
class PageTexts:
    """The text of each page, "" where there is none, None where it is damaged; their labels."""

    texts: list[str | None]
    labels: Sequence[str | None]
