"""RTF: the text of a document, its headings, tables and notes, without a tree.

A group is a state that is put back at its end; destinations that are no text are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from rapid_cli.reader.cleaning import one_line
from rapid_cli.reader.formats.encodings.names import known_encoding
from rapid_cli.reader.sections import Line

_TOKEN = re.compile(
    rb"\\(?:([a-zA-Z]{1,32})(-?\d{1,10})? ?|'([0-9a-fA-F]{2})|(.))|([{}])|[\r\n]+|([^\\{}\r\n]+)",
    re.DOTALL,
)
_DEEPEST = 1_000
_LOWEST = 6  # level of a heading
_DROPPED = frozenset(
    re.findall(
        r"\w+",
        "colortbl info pict object objdata themedata colorschememapping latentstyles datastore"
        " listtable listoverridetable rsidtbl generator xmlnstbl fldinst filetbl revtbl"
        " bkmkstart bkmkend pgdsctbl header headerl headerr headerf footer footerl footerr footerf"
        " nonshppict shpinst sp sn sv template operator author title subject keywords comment"
        " doccomm private1 wgrffmtfilter mmathPr pgptbl atnid atnref atnicn atrfstart atrfend",
    )
)
_SIGNS = {
    "emdash": "—",
    "endash": "–",
    "lquote": "‘",
    "rquote": "’",
    "ldblquote": "“",
    "rdblquote": "”",
    "bullet": "•",
    "tab": "\t",
    "emspace": " ",
    "enspace": " ",
    "qmspace": " ",
}
_BREAKS = {"par", "line", "sect", "page"}
_NOTES = {"footnote": "note", "annotation": "comment"}
# Windows' numbers for the alphabets of fonts, with their code pages.
_CHARSETS = {
    0: "cp1252",
    77: "mac_roman",
    128: "cp932",
    129: "cp949",
    134: "gb18030",
    136: "big5hkscs",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
}


@dataclass(frozen=True, slots=True)
class _State:
    """What holds until the end of a group."""

    place: str = "text"  # or fonttbl, stylesheet, a kind of note, or nothing for what is dropped
    encoding: str = "cp1252"
    skip: int = 1  # how many characters stand for one of Unicode
    raised: str = ""
    hidden: bool = False


def rtf_lines(raw: bytes, name: str) -> tuple[list[Line], tuple[str, ...]]:  # noqa: ARG001
    """Return the lines of a document without its pictures, headers and footers."""
    reader = _Reader()
    place = 0
    while token := _TOKEN.search(raw, place):
        reader.take(token)
        place = token.end() + reader.passed_over
    return list(reader.lines()), ()


class _Reader:
    """Takes the tokens of a file one after the other."""

    def __init__(self) -> None:
        self._state = _State()
        self._outer: list[_State] = []
        self._encoding = "cp1252"
        self._lines: list[Line] = []
        self._pieces: list[str] = []
        self._bytes = bytearray()
        self._cells: list[str] = []
        self._skip = 0  # characters that only repeat one of Unicode
        self.passed_over = 0  # bytes after the last token that are no text
        self._fonts: dict[int, str] = {}
        self._font = 0
        self._styles: dict[int, int] = {}
        self._style = 0
        self._style_name = ""
        self._level = 0
        self._begins = False
        self._optional = False
        self._notes: list[str] = []
        self._in_table = False
        self._raised = ""  # of the text written last

    def take(self, token: re.Match[bytes]) -> None:
        """Take a token."""
        self.passed_over = 0
        word, number, code, sign, brace, plain = token.groups()
        if code is not None:
            self._byte(int(code, 16))
        elif plain is not None:
            self._plain(plain)
        elif word is not None:
            self._flush()
            self._control(word.decode("ascii"), None if number is None else int(number))
            if word == b"bin" and number:
                self.passed_over = max(0, int(number))
        elif brace is not None:
            self._flush()
            self._open() if brace == b"{" else self._close()
        elif sign is not None:
            self._sign(sign)

    def lines(self) -> Iterator[Line]:
        """Yield all lines, after the last token."""
        self._flush()
        self._end_line()
        self._end_row()
        yield from self._lines

    def _open(self) -> None:
        if len(self._outer) >= _DEEPEST:
            raise ValueError("it is nested too deeply")
        self._outer.append(self._state)
        self._begins = True

    def _close(self) -> None:
        ended = self._state
        if self._outer:
            self._state = self._outer.pop()
        if ended.place in _NOTES.values() and self._state.place != ended.place:
            self._end_note(ended.place)
        self._begins = self._optional = False

    def _sign(self, sign: bytes) -> None:
        match sign:
            case b"*":
                self._optional = True
            case b"~":
                self._write("\u00a0")
            case b"_":
                self._write("-")
            case b"{" | b"}" | b"\\":
                self._plain(sign)
            case b"\n" | b"\r":
                self._control("par", None)

    def _byte(self, code: int) -> None:
        if self._skip:
            self._skip -= 1
        else:
            self._bytes.append(code)

    def _plain(self, text: bytes) -> None:
        self._begins = False
        if self._skip:
            skipped = min(self._skip, len(text))
            self._skip -= skipped
            text = text[skipped:]
        self._bytes += text

    def _flush(self) -> None:
        """Decode the bytes so far, of which a letter may take several."""
        if self._bytes:
            text = self._bytes.decode(self._state.encoding, "replace")
            self._bytes.clear()
            self._write(text)

    def _write(self, text: str) -> None:
        match self._state.place:
            case "stylesheet":
                self._style_name = (self._style_name + text)[-200:]
                if self._style_name.endswith(";"):
                    self._name_style(self._style_name[:-1].strip().lower())
                    self._style_name = ""
            case "text" if not self._state.hidden:
                self._pieces += [self._raising(text), text]
            case "note" | "comment":
                self._notes.append(text)

    def _raising(self, text: str) -> str:
        """Return the sign before text that is raised or lowered, where that begins."""
        raised = self._state.raised if text.strip() else ""
        begins = raised and raised != self._raised
        self._raised = raised
        return {"super": "^", "sub": "_"}[raised] if begins and text[0].isalnum() else ""

    def _name_style(self, name: str) -> None:
        heading = re.match(r"heading (\d)\b", name)
        if heading or name == "title":
            self._styles[self._style] = int(heading[1]) if heading else 1

    def _control(self, word: str, number: int | None) -> None:
        begins, optional = self._begins, self._optional
        self._begins = self._optional = False
        if begins and self._destination(word, optional=optional):
            return
        if word in _SIGNS:
            self._write(_SIGNS[word])
        elif word in _BREAKS:
            self._end_line()
        elif word == "u" and number is not None:
            self._write(chr(number % 0x10000))
            self._skip = self._state.skip
        else:
            self._format(word, number)
            self._structure(word, number or 0)

    def _destination(self, word: str, *, optional: bool) -> bool:
        """Enter a destination if the word is one; tell whether nothing else is to be done."""
        if word in _NOTES:
            self._state = replace(self._state, place=_NOTES[word], hidden=False)
        elif word in {"fonttbl", "stylesheet"}:
            self._state = replace(self._state, place=word)
        elif word in {"listtext", "pntext", "shptxt", "fldrslt", "shp", "result"}:
            return True
        elif word in _DROPPED or (optional and word not in {"shppict", "cs", "ud", "upr"}):
            if optional and self._state.place == "stylesheet":
                return True
            self._state = replace(self._state, place="")
        else:
            return False
        return True

    def _format(self, word: str, number: int | None) -> None:
        """Change how what follows is read."""
        match word:
            case "ansicpg":
                self._encoding = known_encoding(f"cp{number}") or "cp1252"
                self._state = replace(self._state, encoding=self._encoding)
            case "mac":
                self._encoding = "mac_roman"
                self._state = replace(self._state, encoding="mac_roman")
            case "uc":
                self._state = replace(self._state, skip=max(0, min(number or 0, 20)))
            case "f":
                self._font = number or 0
                encoding = self._fonts.get(self._font, self._encoding)
                self._state = replace(self._state, encoding=encoding)
            case "fcharset" if self._state.place == "fonttbl":
                if charset := _CHARSETS.get(number or 0):
                    self._fonts[self._font] = charset
            case "v":
                self._state = replace(self._state, hidden=number != 0)
            case "plain":
                self._raise("")
                self._state = replace(self._state, hidden=False)
            case "super" | "sub":
                self._raise("" if number == 0 else word)
            case "nosupersub":
                self._raise("")
            case "up" | "dn":
                self._raise({"up": "super", "dn": "sub"}[word] if number != 0 else "")

    def _raise(self, how: str) -> None:
        self._state = replace(self._state, raised=how)

    def _structure(self, word: str, number: int) -> None:
        """Go on with the text as a word says that stands for no letters."""
        match word:
            case "s":
                self._style = number
                self._level = self._styles.get(number, 0) or self._level
            case "outlinelevel":
                self._level = number + 1 if 0 <= number < _LOWEST else 0
            case "pard":
                self._level, self._in_table = 0, False
            case "intbl":
                self._in_table = True
            case "cell" | "nestcell":
                self._cells.append(self._line())
            case "row" | "nestrow":
                self._end_row()

    def _line(self) -> str:
        text = " ".join("".join(self._pieces).split())
        self._pieces.clear()
        return text

    def _end_line(self) -> None:
        if self._state.place != "text":
            self._write(" ")
            return
        if self._in_table:
            self._pieces.append(" ")
            return
        text = self._line()
        level = min(self._level, _LOWEST)
        if text and level and len(text) <= 300:
            self._lines.append(Line(text, level, one_line(text)))
        else:
            self._lines.append(Line(text))

    def _end_row(self) -> None:
        if rest := self._line():
            self._cells.append(rest)
        if any(self._cells):
            self._lines.append(Line(" | ".join(self._cells)))
        self._cells.clear()

    def _end_note(self, kind: str) -> None:
        text = " ".join("".join(self._notes).split())
        self._notes.clear()
        if text:
            self._write(f" [{kind}: {text}]")
