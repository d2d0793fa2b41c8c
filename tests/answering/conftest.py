from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest


@pytest.fixture
def no_thread_is_left() -> Iterator[None]:
    """See at the end that as many threads run as before."""
    before = threading.active_count()
    yield
    assert threading.active_count() == before
