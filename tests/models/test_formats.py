"""Formats of weights: what a file has, and what a copy in another one takes and loses."""

from __future__ import annotations

import pytest

from rapid_cli.errors import ModelError
from rapid_cli.llama import read_format
from rapid_cli.models.formats import FORMATS, WeightFormat


def of(kind, bits):
    return WeightFormat(kind.upper(), kind, bits, 1_000_000, 100_000, 5_000)


def test_the_format_of_the_starter_is_read_from_its_file(starter_path):
    found = read_format(starter_path)
    assert (found.label, found.kind) == ("Q4_1", "q4_1")
    assert 5.0 <= found.bits < 5.1  # norms are of 32 bits, and few
    assert found.layer_weights + found.other_weights == pytest.approx(134.5e6, rel=0.01)
    assert 1e6 < found.header_bytes < 3e6


def test_what_is_no_model_has_no_format(tmp_path):
    path = tmp_path / "text.gguf"
    path.write_bytes(b"Not a model.")
    with pytest.raises(ModelError, match="not a GGUF"):
        read_format(path)


@pytest.mark.parametrize(
    ("kind", "bits", "loses_in_q8_0", "loses_in_q4_0"),
    [
        ("f16", 16.0, True, True),
        ("q8_0", 8.51, False, True),
        ("q6_k", 6.56, False, True),
        ("q4_1", 5.01, False, True),
        ("q4_k", 4.7, False, True),
        ("iq4_xs", 4.25, False, True),
        ("q4_0", 4.51, False, False),
        ("q3_k", 3.5, False, False),
        ("q2_k", 2.7, False, False),
    ],
)
def test_a_copy_loses_where_its_format_is_below_that_of_the_file(
    kind, bits, loses_in_q8_0, loses_in_q4_0
):
    found = of(kind, bits)
    assert (found.loses_in("q8_0"), found.loses_in("q4_0")) == (loses_in_q8_0, loses_in_q4_0)


def test_no_copy_is_offered_in_the_format_of_the_file():
    assert of("q8_0", 8.5).copy_formats() == ("q4_0",)
    assert of("q4_0", 4.5).copy_formats() == ("q8_0",)
    assert of("q4_k", 4.7).copy_formats() == FORMATS


def test_the_embedding_counts_with_more_bits_than_the_layers():
    assert of("f16", 16).copy_bytes("q8_0") == 1_100_000 * 8.5 / 8 + 5_000
    assert of("f16", 16).copy_bytes("q4_0") == int((1_000_000 * 4.5 + 850_000) / 8) + 5_000
