"""Mails: who wrote what to whom and when, the text, and what was attached."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header
from email.message import Message

from rapid_cli.errors import DocumentError
from rapid_cli.reader.archive import MEGABYTE
from rapid_cli.reader.cleaning import clean, one_line
from rapid_cli.reader.formats.encodings.names import known_encoding
from rapid_cli.reader.formats.html import html_lines
from rapid_cli.reader.formats.mail.marks import mails
from rapid_cli.reader.plain import Unrecognised, decode_text
from rapid_cli.reader.sections import Line

_MAX_MAIL = 64 * MEGABYTE  # its parts take a multiple of it
_MAX_PARTS = 20_000
_DEEPEST = 50
_HEADERS = ("From", "To", "Cc", "Date")
_ENCRYPTED = {"multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"}
_LOWEST = 6  # level of a heading


def mail_lines(raw: bytes, name: str) -> tuple[list[Line], tuple[str, ...]]:
    """Return the lines of a mail, or of a page that was saved as one, and warnings."""
    _check_size(raw, name)
    reader = _Reader(name)
    return list(reader.message(_parsed(raw), 1)), reader.notes


def mailbox_lines(raw: bytes, name: str) -> tuple[list[Line], tuple[str, ...]]:
    """Return the lines of the mails in a mailbox, each a section, and warnings."""
    _check_size(raw, name)
    reader = _Reader(name)
    lines: list[Line] = []
    for mail in mails(raw):
        lines += [*reader.message(_parsed(mail), 1), Line("")]
    return lines, reader.notes


def _check_size(raw: bytes, name: str) -> None:
    if len(raw) > _MAX_MAIL:
        message = f"{name} holds more than {_MAX_MAIL // MEGABYTE} MB of mail"
        raise DocumentError(message, "save it without attachments, or in parts")


def _parsed(raw: bytes) -> Message:
    return message_from_bytes(raw.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n"))


class _Reader:
    """Reads the mails of a file called `name`, and notes what was not read."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._parts = 0
        self._notes: dict[str, None] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """Warnings, each once."""
        return tuple(self._notes)

    def message(self, mail: Message, level: int) -> Iterator[Line]:
        """Yield the lines of a mail, which is a section called by its subject."""
        subject = one_line(_header(mail, "Subject"))
        is_page = _is_saved_page(mail)
        text = subject if is_page else f"Subject: {subject}" if subject else ""
        yield Line(text, min(level, _LOWEST), subject or _header(mail, "From") or "Mail")
        for header in () if is_page else _HEADERS:
            if value := _header(mail, header):
                yield Line(f"{header}: {value}")
        yield Line("")
        yield from self._part(mail, level)
        attached = [] if is_page else [one_line(each) for each in _attachments(mail)]
        if attached:
            yield from (Line(""), Line(f"Attachments: {', '.join(attached)}"))

    def _part(self, part: Message, level: int) -> Iterator[Line]:
        """Yield the lines of a part that is shown; of those to choose from, the fullest."""
        self._parts += 1
        kind = part.get_content_type()
        if self._parts > _MAX_PARTS or level > _DEEPEST:
            raise DocumentError(
                f"{self._name} has more parts than a mail has", "save it as HTML or PDF"
            )
        if kind in _ENCRYPTED:
            self._notes["what is encrypted was not read: save it decrypted"] = None
        elif kind == "message/rfc822":
            for mail in _inner(part):
                yield from (Line(""), *self.message(mail, level + 1))
        elif kind == "multipart/alternative":
            yield from self._chosen(part, level)
        elif part.is_multipart():
            inner = _inner(part)
            for each in inner[:1] if kind == "multipart/related" else inner:
                yield from self._part(each, level + 1)
        elif kind.startswith("text/") and not _file_name(part):
            yield from self._text(part, level)

    def _chosen(self, part: Message, level: int) -> list[Line]:
        """Return the plain text, unless another form of it says much more."""
        forms = [list(self._part(each, level + 1)) for each in _inner(part)]
        lengths = [sum(len(line.text.strip()) for line in form) for form in forms]
        most = max(lengths, default=0)
        full = (form for form, length in zip(forms, lengths, strict=True) if 2 * length >= most)
        return next(full, [])

    def _text(self, part: Message, level: int) -> Iterator[Line]:
        raw = part.get_payload(decode=True)
        raw = raw if isinstance(raw, bytes) else b""
        text = self._decoded(raw, part)
        if part.get_content_type() == "text/html":
            lines, _ = html_lines(text.encode("utf-8-sig"), self._name)
            for line in lines:
                lower = min(_LOWEST, level + line.level) if line.level else 0
                yield line._replace(level=lower)
        else:
            yield from map(Line, text.split("\n"))

    def _decoded(self, raw: bytes, part: Message) -> str:
        declared = known_encoding(str(part.get_param("charset") or ""))
        if declared and declared != "ascii":
            text = raw.decode(declared, "replace")
            if text.count("\ufffd") * 10 <= len(text):
                return clean(text)
        try:
            text, notes = decode_text(raw)
        except Unrecognised:
            self._notes["a part is in an encoding that is not recognised, and was left out"] = None
            return ""
        self._notes |= dict.fromkeys(notes)
        return text


def _inner(part: Message) -> list[Message]:
    """Return the parts within a part."""
    payload = part.get_payload()
    return [each for each in payload if isinstance(each, Message)] if part.is_multipart() else []


def _is_saved_page(mail: Message) -> bool:
    return "Snapshot-Content-Location" in mail or _header(mail, "From").startswith("<Saved by")


def _attachments(part: Message) -> Iterator[str]:
    """Yield the names of what is attached to a mail itself, not to those within it."""
    waiting = [part]
    while waiting:
        each = waiting.pop()
        if name := _file_name(each):
            yield name
        elif each.get_content_type() != "message/rfc822" or each is part:
            waiting += reversed(_inner(each))


def _file_name(part: Message) -> str:
    """Return what a part is called that is a file; nothing for one that is shown."""
    try:
        name = part.get_filename()
    except (LookupError, ValueError, TypeError):  # its encoding is none
        name = "?"
    return _decoded_words(name) if name else ""


def _header(mail: Message, name: str) -> str:
    """Return a header as people read it."""
    wanted = name.lower()
    value = next((value for key, value in mail.raw_items() if key.lower() == wanted), "")
    raw = str(value).encode("utf-8", "surrogateescape")
    try:
        text, _ = decode_text(raw)
    except Unrecognised:
        text = raw.decode("ascii", "replace")
    return _decoded_words(text)


def _decoded_words(text: str) -> str:
    """Return a text with the words decoded that are written as =?encoding?B?...?=."""
    try:
        pieces = decode_header(text)
    except (ValueError, MessageError):  # what is meant to be base64 is none
        pieces = [(text, None)]
    whole = "".join(
        piece if isinstance(piece, str) else _decoded_piece(piece, encoding)
        for piece, encoding in pieces
    )
    return re.sub(r"\s+", " ", clean(whole)).strip()


def _decoded_piece(raw: bytes, encoding: str | None) -> str:
    # What is not encoded comes back as the bytes of its own escapes.
    if encoding is None:
        return raw.decode("raw-unicode-escape", "replace")
    return raw.decode(known_encoding(encoding) or "utf-8", "replace")
