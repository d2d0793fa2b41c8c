"""Characters of the fonts that draw symbols instead of letters, as Unicode has them."""

from __future__ import annotations

import re

EMPTY_BOX = "☐"
TICKED_BOX = "☒"
BULLET = "•"

_GREEK = dict(
    zip(
        "abgdezhqiklmnxoprstufcywjJV",
        "αβγδεζηθικλμνξοπρστυφχψωϕϑς",
        strict=True,
    )
) | dict(zip("ABGDEZHQIKLMNXOPRSTUFCYW", "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ", strict=True))
_SYMBOL = {ord(key): value for key, value in _GREEK.items()} | {
    **{0x22: "∀", 0x24: "∃", 0x27: "∋", 0x2A: "∗", 0x2D: "−", 0x40: "≅", 0x5C: "∴", 0x5E: "⊥"},
    **{0x7E: "∼", 0xA0: "€", 0xA1: "ϒ", 0xA2: "′", 0xA3: "≤", 0xA4: "⁄", 0xA5: "∞", 0xA6: "ƒ"},
    **{0xA7: "♣", 0xA8: "♦", 0xA9: "♥", 0xAA: "♠", 0xAB: "↔", 0xAC: "←", 0xAD: "↑", 0xAE: "→"},
    **{0xAF: "↓", 0xB0: "°", 0xB1: "±", 0xB2: "″", 0xB3: "≥", 0xB4: "×", 0xB5: "∝", 0xB6: "∂"},
    **{0xB7: BULLET, 0xB8: "÷", 0xB9: "≠", 0xBA: "≡", 0xBB: "≈", 0xBC: "…", 0xBF: "↵"},
    **{0xC0: "ℵ", 0xC1: "ℑ", 0xC2: "ℜ", 0xC3: "℘", 0xC4: "⊗", 0xC5: "⊕", 0xC6: "∅", 0xC7: "∩"},
    **{0xC8: "∪", 0xC9: "⊃", 0xCA: "⊇", 0xCB: "⊄", 0xCC: "⊂", 0xCD: "⊆", 0xCE: "∈", 0xCF: "∉"},
    **{0xD0: "∠", 0xD1: "∇", 0xD2: "®", 0xD3: "©", 0xD4: "™", 0xD5: "∏", 0xD6: "√", 0xD7: "·"},
    **{0xD8: "¬", 0xD9: "∧", 0xDA: "∨", 0xDB: "⇔", 0xDC: "⇐", 0xDD: "⇑", 0xDE: "⇒", 0xDF: "⇓"},
    **{0xE0: "◊", 0xE1: "⟨", 0xE2: "®", 0xE3: "©", 0xE4: "™", 0xE5: "∑", 0xF1: "⟩", 0xF2: "∫"},
}
_BOXES = {0xA8: EMPTY_BOX, 0x6F: EMPTY_BOX, 0x71: EMPTY_BOX, 0x72: EMPTY_BOX}
_WINGDINGS = _BOXES | {
    **{0xFE: TICKED_BOX, 0xFD: TICKED_BOX, 0x78: TICKED_BOX, 0xFC: "✓", 0xFB: "✗"},
    **{0x21: "✏", 0x22: "✂", 0x26: "📖", 0x28: "☎", 0x29: "✆", 0x2A: "✉", 0x2B: "📩", 0x36: "⌛"},
    **{0x41: "✌", 0x43: "👍", 0x44: "👎", 0x45: "☜", 0x46: "☞", 0x47: "☝", 0x48: "☟", 0x49: "✋"},
    **{0x4A: "☺", 0x4B: "😐", 0x4C: "☹", 0x4D: "💣", 0x4E: "☠", 0x52: "☼", 0x54: "❄"},
    **{0x6C: "●", 0x6E: "■", 0x73: "⬧", 0x74: "⧫", 0x75: "◆", 0x76: "❖", 0x77: "⬥"},
    **{0x9E: "·", 0x9F: BULLET, 0xA1: "○", 0xA7: "▪", 0xAB: "★", 0xAC: "✶"},
    **{0xD8: "➢", 0xDC: "➲", 0xDF: "←", 0xE0: "→", 0xE1: "↑", 0xE2: "↓", 0xE7: "←", 0xE8: "→"},
    **{0xE9: "↑", 0xEA: "↓", 0xEF: "⇦", 0xF0: "⇨", 0xF1: "⇧", 0xF2: "⇩", 0xF3: "⬄"},
    **{code: chr(0x2780 + code - 0x81) for code in range(0x81, 0x8B)},
    **{code: chr(0x278A + code - 0x8C) for code in range(0x8C, 0x96)},
}
_WINGDINGS_2 = {
    **{0x50: "✓", 0x4F: "✗", **dict.fromkeys(range(0x51, 0x55), TICKED_BOX)},
    **{0x2A: EMPTY_BOX, 0xA3: EMPTY_BOX, 0x97: BULLET, 0x98: "●"},
}
_WEBDINGS = {0x61: "✓", 0x72: "✗", 0x63: EMPTY_BOX, 0x67: "■", 0x3D: "●", 0x34: "▶"}
_FONTS = {
    "symbol": _SYMBOL,
    "wingdings": _WINGDINGS,
    "wingdings 2": _WINGDINGS_2,
    "webdings": _WEBDINGS,
}
_START, _END = 0xF000, 0xF0FF  # where Word puts the characters of such fonts
_PRIVATE = re.compile("[\uf000-\uf0ff]")
_SHARED = range(0x20, 0x7F)  # where a font that is not listed here may well have letters


def symbol(code: int, font: str | None) -> str | None:
    """Return the character that a font draws for a code, None if it is not known."""
    drawn = _FONTS.get((font or "").lower())
    if drawn is None and not _START <= code <= _END:
        return chr(code) if 0x20 <= code < 0x110000 and not 0xD800 <= code < 0xE000 else None
    code = code - _START if _START <= code <= _END else code
    if drawn is None:
        return next((each[code] for each in (_SYMBOL, _WINGDINGS) if code in each), None)
    if code in drawn or code > 0xFF:
        return drawn.get(code, chr(code))
    return chr(code) if drawn is _SYMBOL and code in _SHARED else None


def needs_symbols(text: str, font: str | None) -> bool:
    """Tell whether a text is drawn as symbols, by its font or by its characters."""
    return (font or "").lower() in _FONTS or _PRIVATE.search(text) is not None
