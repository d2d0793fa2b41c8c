"""What a benchmark tells besides its rows: the most memory, on all systems."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import psutil

from rapid_cli.bench.report import peak_memory_bytes


def test_what_is_held_counts_and_goes_on_counting_when_it_is_given_back():
    held = bytearray(50_000_000)
    most = peak_memory_bytes()
    assert most > len(held)
    del held
    assert peak_memory_bytes() >= most


def test_it_is_known_where_python_has_no_module_of_resources(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(psutil.Process, "memory_info", lambda _: SimpleNamespace(peak_wset=123))
    assert peak_memory_bytes() == 123
