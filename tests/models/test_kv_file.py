"""The seal of a kept state: it is read as it was written, or it is broken and says why."""

from __future__ import annotations

import pytest

from rapid_cli.models import kv_file
from rapid_cli.models.kv_file import BrokenSeal, check_state, read_seal, write_seal

STATE = bytes(range(256)) * 40
TOKENS = (0, 7, 2**31 - 1, 7)


@pytest.fixture
def path(tmp_path):
    """A sealed state."""
    path = tmp_path / "text.kv"
    path.write_bytes(STATE)
    write_seal(path, name="Größe 海.pdf", state_key="m.gguf 1", engine="llama 1", tokens=TOKENS)
    return path


def test_a_seal_is_read_as_it_was_written_and_the_state_stays_in_front(path):
    found = read_seal(path)
    assert found.tokens == TOKENS
    label = found.label
    assert (label.name, label.state_key, label.engine) == ("Größe 海.pdf", "m.gguf 1", "llama 1")
    assert (label.tokens, found.state_bytes) == (len(TOKENS), len(STATE))
    assert path.read_bytes().startswith(STATE)
    check_state(path, found)


def test_a_seal_may_be_of_nothing(tmp_path):
    path = tmp_path / "empty.kv"
    path.write_bytes(b"")
    write_seal(path, name="", state_key="", engine="", tokens=[])
    found = read_seal(path)
    assert (found.tokens, found.state_bytes) == ((), 0)
    check_state(path, found)


def test_the_checksum_is_the_same_however_large_the_blocks_are(path, monkeypatch):
    found = read_seal(path)
    monkeypatch.setattr(kv_file, "BLOCK_BYTES", 1_000)
    check_state(path, found)


def test_every_flipped_bit_behind_the_state_breaks_the_seal(path):
    content = path.read_bytes()
    for place in range(len(STATE), len(content)):
        spoilt = bytearray(content)
        spoilt[place] ^= 1 << place % 8
        path.write_bytes(spoilt)
        with pytest.raises(BrokenSeal):
            read_seal(path)


@pytest.mark.parametrize("place", [0, 1, len(STATE) // 2, len(STATE) - 1])
def test_a_flipped_bit_in_the_state_is_noticed_when_it_is_checked(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 0x80
    path.write_bytes(content)
    with pytest.raises(BrokenSeal, match="damaged"):
        check_state(path, read_seal(path))


def test_a_file_cut_short_anywhere_has_no_seal(path):
    content = path.read_bytes()
    for length in (*range(40), len(STATE), *range(len(STATE) + 1, len(content))):
        path.write_bytes(content[:length])
        with pytest.raises(BrokenSeal):
            read_seal(path)


def test_what_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_seal(tmp_path / "none.kv")
