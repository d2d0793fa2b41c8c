"""The page as `rapid serve` itself serves it, with a real model, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving.test_page import Tab
from tests.support.browsers import chromium
from tests.support.pdfs import make_pdf
from tests.support.servers import serving

pytestmark = pytest.mark.models

TOKEN = "nobody guesses this one"
HOSTILE = "<img src=x onerror=window.hurt=1>"
NAME = f"{HOSTILE}.pdf"
QUESTION = "When does the ferry leave?"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


def test_it_answers_and_shows_pages_and_passages_of_hostile_documents_too(
    browser: Any, at_home: Path
) -> None:
    pdf = at_home / NAME
    pdf.write_bytes(make_pdf(["Arrivals of the day", f"The ferry leaves at nine. {HOSTILE}"]))
    text = at_home / "notes.md"
    text.write_text(f"# {HOSTILE}\n\n{HOSTILE} The ferry takes twelve passengers.\n")
    with serving(at_home / "models.toml", pdf, text, token=TOKEN) as running:
        tab = Tab(browser.new_page(), running.url)
        tab.page.set_default_timeout(60_000)
        tab.open()
        tab.page.fill("#token", TOKEN)
        tab.page.keyboard.press("Enter")
        tab.wait("#sources-count:has-text('2 documents')")
        assert tab.wrong.pop().startswith("Failed to load resource")  # without the token
        tab.ask()
        tab.done()
        assert tab.text(".answer")
        assert "tok/s" in tab.text(".statistics")
        sources = tab.page.query_selector_all(".source")
        for source in sources:
            source.click()
            if NAME in source.inner_text():
                tab.wait("#beside img")
                assert tab.page.evaluate("document.querySelector('#beside img').naturalWidth > 300")
            else:
                tab.wait("#beside .passage:has-text('twelve passengers')")
        shown = {source.inner_text().partition(",")[0].partition(" ")[2] for source in sources}
        assert shown == {NAME, "notes.md"}
        assert tab.page.evaluate("window.hurt") is None
        assert tab.wrong == []
        assert all(url.startswith((running.url, f"blob:{running.url}")) for url in tab.requested)
        assert not any("token" in line.lower() for line in running.log)
        tab.page.close()
