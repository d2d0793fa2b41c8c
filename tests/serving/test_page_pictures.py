"""Pages of PDFs as pictures, with the words marked that an answer cites."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.support.pdfs import make_pdf
from tests.support.servers import Running, serving

KEEPER = "The lighthouse keeper was called Edith Marlow.\nShe kept the light on Gannet Rock."
QUOTE = "She kept the light on Gannet Rock."


@pytest.fixture(scope="module")
def drawing(at_home: Path):
    (at_home / "keeper.pdf").write_bytes(make_pdf(["An empty beach.", KEEPER]))
    sources = (at_home / "keeper.pdf", at_home / "ferry.md")
    with serving(at_home / "models.toml", *sources) as running:
        yield running


def test_a_page_is_drawn_with_its_quote_marked(drawing: Running) -> None:
    (source,) = drawing.post("/v1/search", {"question": "Who kept the light?", "limit": 1}).json()[
        "passages"
    ]
    asked = {"document": source["document_id"], "page": source["page"], "find": QUOTE}
    response = drawing.get("/v1/page", params={**asked, "width": 500})
    assert response.status_code == 200
    assert response.headers["content-type"] == "image/png"
    assert response.headers["x-rapid-marked"] == "true"
    assert response.content.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", response.content[16:24])
    assert (width, round(height / width, 1)) == (500, 1.3)


def test_what_is_not_there_is_not_marked(drawing: Running) -> None:
    for more in ({}, {"find": "A whale swam by the pier at noon."}):
        asked = {"document": "keeper.pdf", "page": 2, **more}
        response = drawing.get("/v1/page", params=asked)
        assert response.status_code == 200
        assert response.headers["x-rapid-marked"] == "false"


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"document": "keeper.pdf", "page": 3}, 422),
        ({"document": "ferry.md", "page": 1}, 422),
        ({"document": "keeper.pdf"}, 400),
        ({"document": "keeper.pdf", "page": "x"}, 400),
        ({"document": "keeper.pdf", "page": 10**13}, 400),
        ({"document": "nothing.pdf", "page": 1}, 404),
        ({"document": "../keeper.pdf", "page": 1}, 404),
    ],
)
def test_what_cannot_be_drawn_is_told(drawing: Running, asked, status: int) -> None:
    response = drawing.get("/v1/page", params=asked)
    assert response.status_code == status
    assert response.json()["error"]["message"]


def test_a_width_beyond_reason_is_made_reasonable(drawing: Running) -> None:
    for width in (1, 10**11):
        asked = {"document": "keeper.pdf", "page": 1, "width": width}
        assert drawing.get("/v1/page", params=asked).status_code == 200


def test_a_file_that_has_changed_is_not_shown_as_what_was_cited(drawing: Running, at_home) -> None:
    path = at_home / "keeper.pdf"
    before = path.read_bytes()
    try:
        path.write_bytes(make_pdf(["Another text."]))
        response = drawing.get("/v1/page", params={"document": "keeper.pdf", "page": 1})
        assert response.status_code == 422
        assert "has changed" in response.json()["error"]["message"]
    finally:
        path.write_bytes(before)


def test_a_passage_is_found_though_it_is_printed_otherwise(drawing: Running) -> None:
    asked = {"document": "keeper.pdf", "find": "keeper was called Edith Marlow. She kept the light"}
    found = drawing.get("/v1/passage", params=asked).json()
    assert found["text"] == "keeper was called Edith Marlow.\nShe kept the light"
    assert found["page"] == 2
    nowhere = drawing.get("/v1/passage", params={**asked, "find": "A whale swam by the pier."})
    assert nowhere.json()["text"] == ""
