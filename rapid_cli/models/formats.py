"""The formats that copies of weights are made in: how large copies are, and what they lose."""

from __future__ import annotations

from dataclasses import dataclass

FORMATS = ("q8_0", "q4_0")
"""The formats that llama.cpp rearranges for many CPUs, which makes them fast there."""

_BITS = {"q8_0": 8.5, "q4_0": 4.5}
_LOSES_FROM = {"q8_0": 8.6, "q4_0": 4.0}
"""A file of so many bits a weight or more loses some: q4_0 is the poorest format of four bits."""
_EMBEDDING_BITS = 8.5
"""The most that llama.cpp gives a weight of the embedding in a copy of few bits."""


@dataclass(frozen=True, slots=True)
class WeightFormat:
    """The format of a GGUF file: what people call it, and that of most weights in its layers.

    `bits` is the mean of a weight in the layers, `other_weights` counts those outside of them, and
    `header_bytes` counts all but the tensors.
    """

    label: str
    kind: str
    bits: float
    layer_weights: int
    other_weights: int
    header_bytes: int

    def copy_bytes(self, format_name: str) -> int:
        """Estimate the bytes of a copy in another format, erring on the large side."""
        bits = self.layer_weights * _BITS[format_name] + self.other_weights * _EMBEDDING_BITS
        return int(bits / 8) + self.header_bytes

    def loses_in(self, format_name: str) -> bool:
        """Tell whether a copy in a format is of lower precision than the file."""
        return format_name != self.kind and self.bits >= _LOSES_FROM[format_name]

    def copy_formats(self) -> tuple[str, ...]:
        """Return the formats that a copy can be made in: all but the file's own."""
        return tuple(name for name in FORMATS if name != self.kind)
