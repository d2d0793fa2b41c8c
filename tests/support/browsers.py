"""A real browser for tests of the page, where there is one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL = 'pip install ".[browser]", and Chromium as your system has it'


@contextmanager
def chromium() -> Iterator[Any]:
    """Run Chromium without a window; the test is skipped where that cannot be."""
    api = pytest.importorskip("playwright.sync_api", reason=f"there is no playwright: {INSTALL}")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"there is no Chromium: {INSTALL}")
    with api.sync_playwright() as playwright:
        # Within a container Chromium's own sandbox often cannot be had; the pages are ours.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()
