"""Findings are printed one a line, with what to do below."""

from __future__ import annotations

import io

import pytest

from rapid_cli.cli.render.console import PlainConsole
from rapid_cli.cli.render.findings import print_findings
from rapid_cli.doctor.findings import Finding

FINDINGS = (
    Finding("ok", "memory", "8 GiB are free"),
    Finding("warning", "disk", "1 GB is free", "free some disk"),
    Finding("failure", "target", "it is not here", "download it"),
)


def printed(findings=FINDINGS, encoding="utf-8", **options):
    """Return the lines that are printed in an encoding."""
    written = io.BytesIO()
    file = io.TextIOWrapper(written, encoding=encoding)
    print_findings(findings, PlainConsole(file=file, highlight=False, **options))
    file.flush()
    return written.getvalue().decode(encoding).splitlines()


def test_each_finding_is_a_line_and_its_hint_stands_indented_below():
    assert printed() == [
        "✓ memory  8 GiB are free",
        "! disk    1 GB is free",
        "          free some disk",
        "✗ target  it is not here",
        "          download it",
    ]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_an_encoding_without_the_marks_gets_words(encoding):
    assert printed(encoding=encoding) == [
        "ok      memory  8 GiB are free",
        "warning disk    1 GB is free",
        "                free some disk",
        "failure target  it is not here",
        "                download it",
    ]


def test_a_long_finding_stays_one_line():
    assert len(printed([Finding("ok", "a", "long " * 100)], width=40)) == 1


def test_nothing_that_a_terminal_would_obey_gets_through():
    hostile = Finding("warning", "na\x1b[2Jme", "te\nxt [red]as it is[/red]", "hi\rnt")
    said = printed([hostile], markup=False)
    assert [line.strip() for line in said] == [
        "! na␛[2Jme  te␊xt [red]as it is[/red]",
        "hi␍nt",
    ]


def test_no_findings_print_nothing():
    assert printed([]) == []


def test_findings_go_to_stdout_unless_told_otherwise(capsys):
    print_findings(FINDINGS[:1])
    said = capsys.readouterr()
    assert said.out.split() == ["✓", "memory", "8", "GiB", "are", "free"]
    assert said.err == ""
