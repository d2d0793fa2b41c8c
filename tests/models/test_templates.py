"""Chat templates in a process of their own: what comes of them is kept, and is found again."""

from __future__ import annotations

import json
import os

import pytest

from rapid_cli.errors import ModelError
from rapid_cli.models.templates import rendering
from rapid_cli.models.templates.rendering import LONGEST, Request, render
from rapid_cli.models.templates.writing import LONGEST_TEXT

SAYS = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
DATED = SAYS + "{{ strftime_now('%Y') }}"
HELLO = ({"role": "user", "content": "Hello"},)


@pytest.fixture(autouse=True)
def forget():
    """Let each test, and each part of one, be a new process."""
    rendering._found.cache_clear()
    yield rendering._found.cache_clear
    rendering._found.cache_clear()


@pytest.fixture
def no_child(monkeypatch):
    """Let no process be had from now on."""

    def no_child():
        def refuse(*_, **__):
            raise OSError(11, os.strerror(11))

        monkeypatch.setattr(rendering, "Child", refuse)

    return no_child


def asked(template=SAYS, reasoning=None):
    return Request(template, "<s>", "</s>", reasoning, "Be brief.", (HELLO, HELLO * 2))


def test_a_template_runs_once_for_good(tmp_path, forget, no_child):
    first = render(asked(), tmp_path)
    assert [one.text for one in first.rendered] == [
        "<system>Be brief.<user>Hello",
        "<system>Be brief.<user>Hello<user>Hello",
    ]
    forget()
    no_child()
    assert render(asked(), tmp_path) == first
    for other in (asked(SAYS + " "), asked(reasoning=True)):
        with pytest.raises(ModelError, match="no process can be had to run it"):
            render(other, tmp_path)


def test_a_template_that_writes_the_date_runs_once_a_day(tmp_path, forget, no_child):
    first = render(asked(DATED), tmp_path)
    (file,) = tmp_path.iterdir()
    forget()
    no_child()
    assert render(asked(DATED), tmp_path) == first
    file.write_text(json.dumps(json.loads(file.read_text()) | {"day": "2020-01-01"}))
    with pytest.raises(ModelError):
        render(asked(DATED), tmp_path)


DAMAGED = [
    b"",
    b"{}",
    b"[1]",
    b"\xff",
    b'{"day": "", "rendered": [1], "switch": ""}',
    b'{"day": "", "rendered": [], "switch": ""}',
]


@pytest.mark.parametrize("damage", DAMAGED)
def test_what_is_kept_and_damaged_is_found_out_again(tmp_path, forget, damage):
    first = render(asked(), tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage)
    forget()
    assert render(asked(), tmp_path) == first
    assert b"Hello" in file.read_bytes()


def test_what_cannot_be_kept_is_used_all_the_same(tmp_path):
    (tmp_path / "folder").write_text("a file")
    assert render(asked(), tmp_path / "folder").rendered[0].text


def test_a_template_that_fails_is_not_kept(tmp_path):
    assert "no" in render(asked("{{ raise_exception('no') }}"), tmp_path).rendered[0].error
    assert list(tmp_path.iterdir()) == []


def test_a_template_sees_the_end_of_its_memory_and_of_its_text(tmp_path):
    one, _ = render(asked(SAYS + "{% set a = 'a' * 3000000000 %}"), tmp_path).rendered
    assert one.error == "it takes too much memory"
    one, _ = render(asked(SAYS + "{{ 'a' * " + str(LONGEST_TEXT) + " }}"), tmp_path).rendered
    assert "characters of a short message" in one.error
    with pytest.raises(ModelError, match="may have 1,048,576"):
        render(asked(SAYS + "x" * LONGEST), tmp_path)


def test_the_reason_that_a_template_gives_is_cut(tmp_path):
    one, _ = render(asked("{{ raise_exception('no' * 10000) }}"), tmp_path).rendered
    assert len(one.error) == 300
