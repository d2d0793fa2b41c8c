"""The page that `rapid serve` shows, in a real browser, answered by a script."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.browsers import chromium
from tests.support.page_servers import (
    Event,
    Script,
    answer,
    citation,
    passage,
    serving,
    source,
)

pytestmark = pytest.mark.slow

QUESTION = "When does the ferry leave?"
NINE = {"quote": "The ferry leaves at nine.", "page": 7, "last_page": 7, "page_label": "v"}
TWELVE = {"quote": "…twelve passengers. Dogs", "page": None, "last_page": None, "page_label": None}
PLACES = [{**NINE, "section": None}, {**TWELVE, "section": "Ferries"}]
NOTES = "It takes\ntwelve  passengers. Dogs are carried."
TEXT = "𝓣he ferry leaves at nine. It takes twelve passengers. Tea is served. Is that all?"
ANSWER = answer(
    TEXT,
    sources=[
        passage("timetable.pdf", page=7, last_page=7),
        passage("notes.md", section="Ferries", text=NOTES),
        passage("timetable.pdf", page=2, last_page=3),
    ],
    citations=[
        citation(0, 25, (1, PLACES[0])),
        citation(26, 53, (2, PLACES[1]), (1, PLACES[0])),
        citation(54, 68),
    ],
)
READ: list[Event] = [
    ("progress", {"role": "drafter", "done": 100, "total": 300}),
    ("retrieved", {"coverage": 0.44, "note": "It read the 44% that is most like the question."}),
    ("draft", {"text": "The ferry might"}),
    ("progress", {"role": "target", "done": 512, "total": 5087}),
]
WRITTEN: list[Event] = [
    *(("piece", {"text": f"{word} ", "origin": "target"}) for word in TEXT.split()),
    ("statistics", {"tokens": 12, "tokens_per_second": 20.0}),
    ("answer", ANSWER),
]
SOURCES = [source("timetable.pdf", pages=12), source("notes.md")]
AROUND = {"before": "Of the sound.\n\n", "text": NOTES, "after": "\n\nNo more."}
HOSTILE = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script></p>"\'&amp;`${hurt}`'


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


class Tab:
    """A page in a tab, and all that went wrong in it or was requested by it."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.address = address
        self.wrong: list[str] = []
        self.requested: list[str] = []
        page.set_default_timeout(15_000)
        page.on("console", lambda said: self.wrong.append(said.text))
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("request", lambda request: self.requested.append(request.url))

    def open(self) -> None:
        self.page.goto(self.address)
        self.page.wait_for_selector("#documents li, #locked[open]", state="attached")

    def ask(self, question: str = QUESTION) -> None:
        self.page.fill("#question", question)
        self.page.keyboard.press("Enter")

    def wait(self, selector: str) -> Any:
        return self.page.wait_for_selector(selector)

    def done(self) -> None:
        self.wait("#talk > li:last-child:not(.is-running) .statistics:not(:empty)")

    def text(self, selector: str) -> str:
        return str(self.page.inner_text(selector))

    def focus(self) -> str:
        """Return what has the focus, in words."""
        found = "document.activeElement.id || document.activeElement.ariaLabel"
        return str(self.page.evaluate(f"{found} || document.activeElement.textContent"))


@contextmanager
def tab(browser: Any, script: Script, **how: Any) -> Iterator[Tab]:
    """Open the page; at the end nothing went wrong, and nothing was requested elsewhere."""
    with serving(script) as address:
        page = browser.new_page(**how)
        try:
            opened = Tab(page, address)
            opened.open()
            yield opened
            for url in opened.requested:
                assert url.startswith((f"{address}/", f"blob:{address}/")), url
            assert opened.wrong == []
        finally:
            page.close()


def scripted(*events: Event, **fields: Any) -> Script:
    told = events or (*READ, *WRITTEN)
    return Script(**{"sources": SOURCES, "events": told, "passage": AROUND, **fields})


def test_an_answer_is_streamed_marked_and_shown_beside_the_page_that_it_cites(
    browser: Any,
) -> None:
    script = scripted(*READ, ("wait", 1.0), *WRITTEN[:4], ("wait", 1.0), *WRITTEN[4:])
    with tab(browser, script) as opened:
        opened.ask()
        opened.wait("text=reading the text: 512 of 5,087 tokens")
        assert opened.page.get_attribute("progress", "max") == "5087"
        assert opened.text(".draft") == "The ferry might"
        assert opened.text(".notes") == "It read the 44% that is most like the question."
        opened.wait(".answer:has-text('𝓣he ferry leaves at')")
        assert opened.page.query_selector(".draft") is None
        opened.done()
        assert script.asked == [{"question": QUESTION, "said": [], "stream": True}]
        supported = [each.inner_text() for each in opened.page.query_selector_all(".supported")]
        first, second = (each.replace("\u2060", "") for each in supported)
        assert first == "𝓣he ferry leaves at nine.[1]"
        assert second == "It takes twelve passengers.[2][1]"
        assert opened.text(".unsupported").startswith("Tea is served.?")
        assert opened.text(".answer").endswith("Is that all?")
        marks = [
            each.get_attribute("aria-label") for each in opened.page.query_selector_all(".mark")
        ]
        assert marks == [
            "Source 1: timetable.pdf, page 7 (printed v)",
            "Source 2: notes.md, “Ferries”",
            "Source 1: timetable.pdf, page 7 (printed v)",
        ]
        sources = [each.inner_text() for each in opened.page.query_selector_all(".sources li")]
        assert sources[0].startswith("[1] timetable.pdf, page 7 (printed v)\n")
        assert "The ferry leaves at nine." in sources[0]
        assert sources[2] == "[3] timetable.pdf, pages 2–3"
        assert opened.text(".statistics") == (
            "rapid: 15 tokens · 20.0 tok/s · 1.50x plain decoding · 75% of 12 drafted accepted · "
            "2.5 tokens a round · first token after 1.3 s · a processor"
        )
        opened.wait("#beside img")
        looked = script.looked[0]
        assert (looked["document"], looked["page"]) == ("id-of-timetable.pdf", "7")
        assert looked["find"] == NINE["quote"]
        assert opened.page.get_attribute("#beside img", "alt") == (
            "Page 7 of timetable.pdf, with the cited words marked"
        )
        assert opened.page.evaluate("document.querySelector('#beside img').naturalWidth") == 60
        opened.page.click("#before")
        opened.wait("#beside-title:has-text('timetable.pdf, page 6')")
        opened.wait("#beside img[alt^='Page 6']")
        opened.page.click("#after")
        opened.wait("#beside-title:has-text('timetable.pdf, page 7 (printed v)')")
        opened.wait("#beside img[alt^='Page 7']")
        pages = [(each["page"], each.get("find")) for each in script.looked]
        assert pages == [("7", NINE["quote"]), ("6", None), ("7", NINE["quote"])]
        opened.page.click(".mark >> nth=1")
        assert opened.wait("#beside mark").inner_text() == "twelve  passengers. Dogs"
        assert not opened.page.is_visible("#before")
        assert opened.text(".passage").startswith("Of the sound.")
        assert "notes.md, “Ferries”" in opened.text("#beside-title")


def test_follow_ups_send_what_was_said_and_a_new_conversation_does_not(browser: Any) -> None:
    script = scripted()
    with tab(browser, script) as opened:
        opened.ask()
        opened.done()
        opened.ask("And who may come along?")
        opened.wait("#talk > li:nth-child(2):not(.is-running) .sources")
        assert script.asked[1]["said"] == [[QUESTION, TEXT]]
        opened.page.click("#anew")
        assert opened.page.query_selector_all("#talk > li") == []
        assert not opened.page.is_visible("#beside")
        opened.ask("Again?")
        opened.done()
        assert script.asked[2]["said"] == []


def test_the_documents_that_are_asked_can_be_chosen(browser: Any) -> None:
    many = [source(f"report {number}.pdf", pages=number) for number in range(1, 301)]
    script = scripted(sources=[*many, *SOURCES, SOURCES[0]])
    with tab(browser, script) as opened:
        assert opened.text("#sources-count") == "302 documents"
        opened.page.click("#sources-count")
        assert len(opened.page.query_selector_all("#documents li")) == 200
        assert "and 102 more" in opened.text("#documents-note")
        opened.page.click("#none")
        assert opened.text("#sources-count") == "0 of 302 documents"
        assert opened.page.is_disabled("#send")
        opened.page.fill("#filter", "NOTES")
        opened.page.check("#documents input")
        opened.page.keyboard.press("Escape")
        assert not opened.page.is_visible("#documents")
        opened.ask()
        opened.done()
        assert script.asked[0]["sources"] == ["id-of-notes.md"]


def test_all_is_reached_with_the_keyboard_alone(browser: Any) -> None:
    script = scripted(*READ, ("wait", 0.3), *WRITTEN)
    with tab(browser, script) as opened:
        press = opened.page.keyboard.press
        assert opened.focus() == "question"
        opened.page.keyboard.type("When?")
        press("Shift+Enter")
        opened.page.keyboard.type("And where?")
        press("Enter")
        opened.done()
        assert script.asked[0]["question"] == "When?\nAnd where?"
        assert opened.focus() == "question"
        opened.wait("#beside img")
        press("Escape")
        assert not opened.page.is_visible("#beside")
        seen = []
        for _ in range(8):
            press("Shift+Tab")
            seen.append(opened.focus())
        assert "Source 2: notes.md, “Ferries”" in seen
        assert "[3] timetable.pdf, pages 2–3" in seen
        opened.page.focus(".mark >> nth=1")
        press("Enter")
        opened.wait("#beside mark")
        ring = opened.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert ring == "solid"
        press("Escape")
        assert opened.focus() == "Source 2: notes.md, “Ferries”"
        opened.page.focus("#sources-count")
        press("Enter")
        press("Tab")
        assert opened.focus() == "all"
        press("Escape")
        assert opened.focus() == "sources-count"


def test_escape_and_the_button_stop_an_answer_and_the_server_learns_of_it(browser: Any) -> None:
    endless = (
        *READ,
        *WRITTEN[:2],
        *[("wait", 0.05), ("piece", {"text": "on ", "origin": "x"})] * 400,
    )
    for stop in ("Escape", "button"):
        script = scripted(*endless)
        with tab(browser, script) as opened:
            opened.ask()
            opened.wait(".answer:has-text('on on')")
            assert opened.text("#send") == "Stop"
            if stop == "button":
                opened.page.click("#send")
            else:
                opened.page.keyboard.press("Escape")
            opened.wait(".notes:has-text('Stopped.')")
            assert opened.text("#send") == "Ask"
            assert "on on" in opened.text(".answer")
            assert script.left.wait(5.0)
            script.events = WRITTEN
            opened.ask("And now?")
            opened.wait("#talk > li:nth-child(2) .sources")
            assert script.asked[1]["said"] == []


def test_text_of_documents_and_models_is_never_markup(browser: Any) -> None:
    place = {"quote": HOSTILE, "page": None, "last_page": None, "page_label": HOSTILE}
    places = {**place, "section": HOSTILE}
    told = answer(
        f"{HOSTILE} {HOSTILE}",
        sources=[
            passage(HOSTILE, text=f"{HOSTILE} and so on", section=HOSTILE),
            passage(HOSTILE, page=1, last_page=1, page_label=HOSTILE),
        ],
        citations=[citation(0, len(HOSTILE), (1, places)), citation(len(HOSTILE) + 1, 200)],
        strategy=HOSTILE,
    )
    told["stats"]["device"] = HOSTILE
    events: list[Event] = [
        ("retrieved", {"coverage": 0.5, "note": HOSTILE}),
        *((name, {"text": HOSTILE}) for name in ("note", "thought", "draft")),
        ("piece", {"text": HOSTILE, "origin": "target"}),
        ("answer", told),
    ]
    around = {"before": HOSTILE, "text": f"{HOSTILE} and so on", "after": HOSTILE}
    script = scripted(*events, sources=[source(HOSTILE)], passage=around)
    with tab(browser, script) as opened:
        opened.ask(HOSTILE)
        opened.wait("#beside mark")
        assert opened.text("#beside mark") == HOSTILE
        opened.page.click(".source >> nth=1")
        opened.wait("#beside img")
        assert opened.page.evaluate("window.hurt") is None
        inner = opened.page.query_selector_all("#desk img, #desk script, header img, header script")
        assert len(inner) == 1  # the picture of the page
        script.events = [("error", {"error": {"message": HOSTILE}})]
        opened.ask("Again?")
        assert HOSTILE in opened.wait(".error").inner_text()
        assert opened.page.evaluate("window.hurt") is None


def test_what_the_policy_forbids_is_not_done_even_if_it_is_wanted(browser: Any) -> None:
    with serving(scripted()) as address:
        page = browser.new_page()
        said: list[str] = []
        page.on("console", lambda line: said.append(line.text))
        page.goto(address)
        page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), "
            "{textContent: 'window.hurt = 1'}))"
        )
        assert page.evaluate("window.hurt") is None
        assert "Content Security Policy" in said[0]
        page.close()


def test_a_token_is_asked_for_kept_in_the_tab_and_sent_with_everything(browser: Any) -> None:
    script = scripted(token="a token of some length")
    with serving(script) as address:
        page = browser.new_page()
        opened = Tab(page, address)
        opened.open()
        assert opened.focus() == "token"
        page.keyboard.press("Escape")
        assert page.is_visible("#locked")
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        opened.wait("text=The token is wrong.")
        page.keyboard.type(script.token)
        page.keyboard.press("Enter")
        page.wait_for_selector("#locked", state="hidden")
        page.wait_for_selector("#sources-count:has-text('2 documents')")
        opened.ask()
        opened.done()
        opened.wait("#beside img")
        assert page.evaluate("sessionStorage.length + localStorage.length") == 1
        assert script.token not in "".join(opened.requested)
        page.reload()
        page.wait_for_selector("#sources-count:has-text('2 documents')")
        assert not page.is_visible("#locked")
        page.close()


def test_a_page_that_cannot_be_drawn_is_shown_as_text_with_the_reason(browser: Any) -> None:
    script = scripted(has_pages=False)
    script.passage = {"before": "Before. ", "text": "The ferry leaves at nine.", "after": " After."}
    with serving(script) as address:
        page = browser.new_page()
        opened = Tab(page, address)
        opened.open()
        opened.ask()
        opened.wait("#beside mark")
        assert opened.text("#beside mark") == "The ferry leaves at nine."
        assert "The file is gone." in opened.text("#beside-content")
        page.close()


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([("error", {"error": {"message": "the text is too long"}})], "The text is too long."),
        ([("error", {"message": "no", "hint": "ask less"})], "No: ask less."),
        ([("progress", {"role": "target", "done": 1, "total": 2})], "The server broke off."),
    ],
)
def test_what_goes_wrong_is_said_in_the_place_of_the_answer(
    browser: Any, events: list[Event], said: str
) -> None:
    with tab(browser, scripted(*events)) as opened:
        opened.ask()
        assert opened.wait(".error").inner_text() == said
        assert opened.text("#status") == said


def test_who_waits_is_told_how_many_others_do(browser: Any) -> None:
    script = scripted(("comment", "3 wait"), ("wait", 1.0), ("comment", "0 wait"), ("wait", 1.0))
    with tab(browser, script) as opened:
        opened.ask()
        opened.wait(".progress:has-text('waiting, as 3 questions wait')")
        opened.wait(".progress:has-text('working …')")


def test_an_empty_library_is_told_with_what_to_do(browser: Any) -> None:
    with serving(scripted(sources=[])) as address:
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector("#welcome:has-text('There are no documents yet.')")
        assert page.is_disabled("#send")
        page.close()


def test_a_reader_of_the_screen_is_told_what_matters(browser: Any) -> None:
    script = scripted(*READ, ("wait", 0.5), *WRITTEN[:2], ("wait", 0.5), *WRITTEN)
    with tab(browser, script) as opened:
        assert opened.page.get_attribute("#status", "role") == "status"
        opened.ask()
        opened.wait("#status:has-text('reading the text.')")
        opened.wait("#status:has-text('writing.')")
        opened.wait(f"#status:has-text({json.dumps(TEXT[-12:])})")
        nameless = opened.page.evaluate(
            "[...document.querySelectorAll('button, input, textarea')].filter(each => "
            "!each.textContent.trim() && !each.ariaLabel && !each.labels?.length)"
            ".map(each => each.outerHTML)"
        )
        assert nameless == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_the_light_and_in_the_dark(browser: Any, scheme: str) -> None:
    with tab(browser, scripted(), color_scheme=scheme) as opened:
        opened.ask()
        opened.done()
        for selector in ("body", "h2", ".answer", ".statistics", ".source", ".hint", ".mark"):
            assert contrast(opened, selector) >= 4.5, selector


def contrast(opened: Tab, selector: str) -> float:
    """Return the contrast of an element's text with what is behind it."""
    ink, *papers = opened.page.eval_on_selector(
        f"#talk > li {selector}" if selector != "body" else "body",
        """each => {
            const colours = [getComputedStyle(each).color];
            for (; each; each = each.parentElement)
                colours.push(getComputedStyle(each).backgroundColor);
            return colours;
        }""",
    )
    paper = next(each for each in papers if each != "rgba(0, 0, 0, 0)")
    lights = sorted(map(_luminance, (ink, paper)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _luminance(colour: str) -> float:
    parts = [float(each) / 255 for each in colour.strip("rgb()").split(",")[:3]]
    red, green, blue = (
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_narrow_window_shows_all_of_it_and_the_cited_page_over_it(browser: Any) -> None:
    with tab(browser, scripted(), viewport={"width": 340, "height": 640}) as opened:
        opened.ask()
        opened.done()
        assert not opened.page.is_visible("#beside")
        wide = "document.documentElement.scrollWidth - window.innerWidth"
        assert opened.page.evaluate(wide) <= 0
        opened.page.click(".mark >> nth=0")
        opened.wait("#beside img")
        assert opened.focus() == "beside-title"
        assert opened.page.evaluate(wide) <= 0
        opened.page.keyboard.press("Escape")
        assert opened.focus() == "Source 1: timetable.pdf, page 7 (printed v)"
