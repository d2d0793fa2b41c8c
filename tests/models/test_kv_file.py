"""The footer of a state: it is read as it was written, or it is unusable and says why."""

from __future__ import annotations

import pytest

from rapid_cli.models.caching.kv_file import UnusableState, check_state, read_footer, write_footer

STATE = bytes(range(256)) * 40
TOKENS = (0, 7, 2**31 - 1, 7)


@pytest.fixture
def path(tmp_path):
    """A state with its footer."""
    path = tmp_path / "text.kv"
    path.write_bytes(STATE)
    write_footer(path, name="Größe 海.pdf", state_key="m.gguf 1", engine="llama 1", tokens=TOKENS)
    return path


def test_a_footer_is_read_as_it_was_written_and_the_state_stays_in_front(path):
    found = read_footer(path)
    assert found.tokens == TOKENS
    assert (found.name, found.state_key, found.engine) == ("Größe 海.pdf", "m.gguf 1", "llama 1")
    assert found.state_bytes == len(STATE)
    assert path.read_bytes().startswith(STATE)
    check_state(path, found)


def test_a_footer_may_be_of_nothing(tmp_path):
    path = tmp_path / "empty.kv"
    path.write_bytes(b"")
    write_footer(path, name="", state_key="", engine="", tokens=[])
    found = read_footer(path)
    assert (found.tokens, found.state_bytes) == ((), 0)
    check_state(path, found)


def test_the_checksum_is_the_same_however_large_the_blocks_are(path):
    check_state(path, read_footer(path), block_bytes=1_000)


def test_every_flipped_bit_behind_the_state_is_noticed(path):
    content = path.read_bytes()
    for place in range(len(STATE), len(content)):
        spoilt = bytearray(content)
        spoilt[place] ^= 1 << place % 8
        path.write_bytes(spoilt)
        with pytest.raises(UnusableState):
            read_footer(path)


@pytest.mark.parametrize("place", [0, 1, len(STATE) // 2, len(STATE) - 1])
def test_a_flipped_bit_in_the_state_is_noticed_when_it_is_checked(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 0x80
    path.write_bytes(content)
    with pytest.raises(UnusableState, match="damaged"):
        check_state(path, read_footer(path))


def test_a_file_cut_short_anywhere_has_no_footer(path):
    content = path.read_bytes()
    for length in (*range(40), len(STATE), *range(len(STATE) + 1, len(content))):
        path.write_bytes(content[:length])
        with pytest.raises(UnusableState):
            read_footer(path)


def test_what_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_footer(tmp_path / "none.kv")
