"""How mails and mailboxes are told from texts: by the lines at their beginning."""

from __future__ import annotations

import re
from typing import Final

MAIL: Final = "mail"
MAILBOX: Final = "mailbox"
MAIL_SUFFIXES = {".eml", ".mht", ".mhtml", ".mbox"}

_SEPARATOR = re.compile(rb"From \S+ .{0,40}\d\d:\d\d(:\d\d)?.{0,20}\d{4}")
_HEADER = re.compile(rb"([A-Za-z][A-Za-z0-9-]{1,60}):[ \t]?")
_OF_MAILS = {b"from", b"to", b"subject", b"date", b"received", b"return-path", b"delivered-to"}
# Nobody writes these by hand, as the others in a memo.
_BY_PROGRAMS = {b"mime-version", b"message-id", b"received", b"return-path", b"dkim-signature"}


def mail_kind(head: bytes, suffix: str) -> str | None:
    """Return MAIL or MAILBOX for the head of a file, None for what is neither."""
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    first, _, rest = head.partition(b"\n")
    if _SEPARATOR.match(first) and _HEADER.match(rest.removeprefix(b">")):
        return MAILBOX
    names = _header_names(head)
    if not names:
        return None
    is_called_so = suffix in MAIL_SUFFIXES
    is_mail = names & _BY_PROGRAMS and len(names & (_OF_MAILS | _BY_PROGRAMS)) >= 3
    return MAIL if is_called_so or (is_mail and b"\n\n" in head.replace(b"\r", b"")) else None


def mails(raw: bytes) -> list[bytes]:
    """Return the mails of a mailbox, each without the line before it."""
    starts = [match.start() for match in re.finditer(rb"^From ", raw, re.MULTILINE)]
    starts = [start for start in starts if _separates(raw, start)]
    ends = [*starts[1:], len(raw)]
    found = (raw[start:end].partition(b"\n")[2] for start, end in zip(starts, ends, strict=True))
    return [re.sub(rb"(?m)^>(>*From )", rb"\1", mail) for mail in found]


def _separates(raw: bytes, start: int) -> bool:
    """Tell whether a line that begins with From is between two mails."""
    before = raw[max(0, start - 2) : start].replace(b"\r", b"")
    follows_blank = (
        start == 0 or before in {b"\n", b"\n\n"} or raw[start - 4 : start] == b"\r\n\r\n"
    )
    return follows_blank and _SEPARATOR.match(raw, start, start + 200) is not None


def _header_names(head: bytes) -> set[bytes]:
    """Return the names of the headers at the beginning, none if other lines are among them."""
    names: set[bytes] = set()
    for line in head.split(b"\n")[:200]:
        if not line.strip():
            break
        header = _HEADER.match(line)
        if header:
            names.add(header[1].lower())
        elif not (names and line[:1] in {b" ", b"\t"}):
            return set()
    return names
