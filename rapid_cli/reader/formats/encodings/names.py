"""Names of encodings, as people, mails and pages give them."""

from __future__ import annotations

import codecs
from difflib import get_close_matches
from encodings.aliases import aliases

from rapid_cli.errors import DocumentError
from rapid_cli.reader.formats.encodings.letters import CANDIDATES

# These are no encodings of texts, or take time that grows with the square of their length.
_OF_NO_TEXT = {
    *("idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "utf-7"),
    *("mbcs", "oem"),
}
# What is meant by the names of older encodings, which the newer ones include.
_MEANT = {
    "iso8859-1": "cp1252",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso2022_jp": "iso2022_jp_ext",
}
_TITLES = {each.title.lower(): each.encoding for each in CANDIDATES}
_EXAMPLES = "Windows-1251, Shift-JIS, GB18030, Big5, EUC-KR, KOI8-R or UTF-16LE"


def known_encoding(name: str) -> str | None:
    """Return the name that Python has for an encoding of texts, None if it has none."""
    try:
        found = codecs.lookup(_TITLES.get(name.strip().lower(), name.strip())).name
        "".encode(found)
    except (LookupError, UnicodeError, ValueError):
        return None
    return None if found in _OF_NO_TEXT else _MEANT.get(found, found)


def encoding_named(name: str) -> str:
    """Return what Python calls the encoding that a user names; DocumentError if there is none."""
    if found := known_encoding(name):
        return found
    near = get_close_matches(name.lower(), [*_TITLES, *aliases], n=1)
    hint = f"did you mean {near[0]}?" if near else f"some are {_EXAMPLES}"
    raise DocumentError(f"there is no encoding {name!r}", hint)
