"""EPUB: the chapters of a book in reading order."""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from itertools import chain
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from lxml import etree

from rapid_cli.errors import DocumentError
from rapid_cli.reader.archive import MEGABYTE, Archive
from rapid_cli.reader.formats.epub.notes import Call, Calls, Note, with_notes
from rapid_cli.reader.formats.epub.pages import CallWriter, NoteWriter
from rapid_cli.reader.formats.html.page import written
from rapid_cli.reader.plain import is_binary
from rapid_cli.reader.sections import Line

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_PAGE_TYPES = ("application/xhtml+xml", "text/html")
_PAGE_SUFFIXES = (".xhtml", ".html", ".htm")
_MAX_XML = 10 * MEGABYTE  # of a list of chapters; its tree takes twenty times as much
_REPACK = "open it in an e-book reader such as calibre, and convert it to EPUB again"

_OPS = "{http://www.idpf.org/2007/ops}"
_MOST_KEPT = 50 * MEGABYTE  # of pages; in a larger book the notes stay where they are
_SHORT = 200  # characters; so few before a heading belong to it


class _Entry(NamedTuple):
    """What the table of contents calls a file, or a place in it if that has a name."""

    title: str
    place: str = ""


_UNNAMED = [_Entry("")]


def epub_lines(raw: bytes, name: str) -> tuple[list[Line], tuple[str, ...]]:
    """Return the lines of a book, each file of it a section at least, and warnings."""
    archive = Archive(BytesIO(raw), name)
    archive.check()
    base = _package(archive, name)
    package = _parse(archive.read(base))
    chapters = list(dict.fromkeys(_chapters(package, base)))
    if not chapters:
        raise DocumentError(f"{name} is an EPUB that lists no chapters", _REPACK)
    _check_rights(archive, chapters, name)
    entries = _contents(archive, package, base)
    book = _Book(archive, name)
    for chapter in chapters:
        book.add(chapter, entries.get(chapter, []) if entries else _UNNAMED)
    lines = book.lines()
    if book.is_empty:
        raise DocumentError(f"{name} is an EPUB whose chapters are missing or damaged", _REPACK)
    return lines, tuple(book.warnings())


@dataclass(slots=True)
class _Chapter:
    """A file of a book: its lines, and the headings that the contents give to places in it."""

    member: str
    entries: list[_Entry]
    lines: list[Line] = field(default_factory=list)
    titles: dict[str, str] | None = None
    is_headed: bool = False


class _Book:
    """The chapters of a book one after the other, and then its notes where these are called."""

    def __init__(self, archive: Archive, name: str) -> None:
        self._archive = archive
        self._name = name
        # Names are written in another case here than there by systems that do not mind.
        self._members = {member.lower(): member for member in archive.names()}
        self._members |= {member: member for member in archive.names()}
        self._chapters: list[_Chapter] = []
        self._pages: dict[str, bytes] = {}
        self._left = _MOST_KEPT  # bytes of pages that are kept for their notes
        self._calls = Calls()
        self._notes: dict[str, Note] = {}
        self._listed, self._missing, self._damaged, self._without_notes = 0, 0, 0, 0

    @property
    def is_empty(self) -> bool:
        """Whether there is no chapter that can be read."""
        return self._listed == self._missing + self._damaged

    def warnings(self) -> Iterator[str]:
        """Yield sentences on what is not read."""
        for count, what in ((self._missing, "missing"), (self._damaged, "damaged")):
            if count:
                verb = "is" if count == 1 else "are"
                yield f"{count} of its {self._listed} chapters {verb} {what}"
        if self._without_notes:
            which = "1 file" if self._without_notes == 1 else f"{self._without_notes} files"
            yield f"{which} with notes cannot be read"

    def add(self, path: str, entries: list[_Entry]) -> None:
        """Add a chapter, with what the contents say of it."""
        self._listed += 1
        member = self._member(path)
        page = _page(self._archive, member) if member else None
        if member is None:
            self._missing += 1
        elif page is None:
            self._damaged += 1
        else:
            self._keep(member, page)
            self._chapters.append(self._chapter(member, page, entries))

    def lines(self) -> list[Line]:
        """Return the lines of all chapters, with the notes where these are called."""
        called = self._calls.by_file() if self._left >= 0 else {}
        for chapter in self._chapters:
            if chapter.member in called:
                page, places = self._pages[chapter.member], called[chapter.member]
                chapter.lines = self._without(page, chapter.member, places, chapter.titles)
        read = {chapter.member for chapter in self._chapters}
        for member in called.keys() - read:
            self._read_notes(member, called[member])
        lines = chain.from_iterable(map(_chapter_lines, self._chapters))
        return list(with_notes(list(lines), self._notes))

    def _member(self, path: str) -> str | None:
        return self._members.get(path) or self._members.get(path.lower())

    def _keep(self, member: str, page: bytes) -> None:
        self._left -= len(page)
        if self._left >= 0:
            self._pages[member] = page
        else:
            self._pages.clear()

    def _chapter(self, member: str, page: bytes, entries: list[_Entry]) -> _Chapter:
        lines = self._written(page, member)
        places = {entry.place: entry.title for entry in entries if entry.place}
        is_headed = any(line.level for line in lines)
        if is_headed or not places:
            return _Chapter(member, entries, lines, None, is_headed)
        return _Chapter(member, entries, self._written(page, member, places), places)

    def _written(
        self, page: bytes, member: str, titles: dict[str, str] | None = None
    ) -> list[Line]:
        writer = CallWriter(self._calls, partial(self._target, member), titles)
        return written(page, self._name, writer)[0]

    def _without(
        self,
        page: bytes,
        member: str,
        called: Mapping[str, Call],
        titles: dict[str, str] | None = None,
    ) -> list[Line]:
        """Return the lines of a page without the notes that are called there, and keep these."""
        writer = NoteWriter(self._calls, partial(self._target, member), called, titles)
        lines, _ = written(page, self._name, writer)
        self._notes |= writer.notes
        return lines

    def _read_notes(self, member: str, called: Mapping[str, Call]) -> None:
        """Take only the notes that are called from a file that is no chapter."""
        if not member.lower().endswith(_PAGE_SUFFIXES):
            return
        page = _page(self._archive, member)
        if page is None:
            self._without_notes += 1
        else:
            self._without(page, member, called)

    def _target(self, base: str, address: str) -> str:
        """Return the key of the place to which an address in a file leads, if it is in the book."""
        try:
            parts = urlsplit(address)
        except ValueError:  # it is no address
            return ""
        if parts.scheme or parts.netloc or not parts.fragment:
            return ""
        member = self._member(_path(base, parts.path)) if parts.path else base
        return f"{member}#{unquote(parts.fragment)}" if member else ""


def _page(archive: Archive, member: str) -> bytes | None:
    """Return a member that is a page, None if it is damaged or none."""
    try:
        page = archive.read(member)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError):
        return None
    return None if is_binary(page) else page


def _package(archive: Archive, name: str) -> str:
    """Return the member that lists the others."""
    if _CONTAINER not in archive:
        raise DocumentError(f"{name} is an EPUB without {_CONTAINER}", _REPACK)
    packages = _elements(_parse(archive.read(_CONTAINER)), "rootfile")
    found = next((path for each in packages if (path := each.get("full-path")) in archive), None)
    if found is None:
        raise DocumentError(f"{name} is an EPUB without a list of its chapters", _REPACK)
    return str(found)


def _chapters(package: etree._Element, base: str) -> Iterator[str]:
    items = {item.get("id"): item for item in _elements(package, "item")}
    for reference in _elements(package, "itemref"):
        item = items.get(reference.get("idref"))
        if item is None:
            continue
        path = _path(base, item.get("href") or "")
        is_page = item.get("media-type") in _PAGE_TYPES
        if is_page or path.lower().endswith(_PAGE_SUFFIXES):
            yield path


def _check_rights(archive: Archive, chapters: list[str], name: str) -> None:
    """Raise DocumentError if chapters are encrypted; fonts often are, and are not needed."""
    if _ENCRYPTION not in archive:
        return
    references = _elements(_parse(archive.read(_ENCRYPTION)), "CipherReference")
    if {_path("", each.get("URI") or "") for each in references} & set(chapters):
        raise DocumentError(f"{name} is locked by copy protection", "get a copy without it")


def _contents(archive: Archive, package: etree._Element, base: str) -> dict[str, list[_Entry]]:
    """Return the entries of the table of contents for each file that it names, in its order."""
    items = filter(_is_contents, _elements(package, "item"))
    found = [path for item in items if (path := _path(base, item.get("href") or "")) in archive]
    entries: dict[str, dict[str, _Entry]] = {}
    for contents in dict.fromkeys(found):
        page = _page(archive, contents)
        with suppress(ValueError):  # without it the book has no titles, but is a book
            for href, title in _links(_parse(page or b"")):
                entry = _Entry(title, unquote(urlsplit(href).fragment))
                entries.setdefault(_path(contents, href), {}).setdefault(entry.place, entry)
    return {path: list(named.values()) for path, named in entries.items()}


def _links(contents: etree._Element) -> Iterator[tuple[str, str]]:
    """Yield the link and the title of each entry, of the older kind of contents and the newer."""
    for point in _elements(contents, "navPoint"):
        text, content = (
            next(_elements(point, "text"), None),
            next(_elements(point, "content"), None),
        )
        if text is not None and content is not None:
            yield content.get("src") or "", text.text or ""
    for part in _tables_of_contents(contents):
        for link in _elements(part, "a"):
            yield link.get("href") or "", "".join(link.itertext())


def _tables_of_contents(contents: etree._Element) -> list[etree._Element]:
    """Return what lists the chapters, and not the landmarks, the printed pages or the figures."""
    purposes = {nav: _purposes(nav) for nav in _elements(contents, "nav")}
    chosen = [nav for nav, said in purposes.items() if said & {"toc", "doc-toc"}]
    unsaid = [nav for nav, said in purposes.items() if not said]
    return chosen or unsaid or ([] if purposes else [contents])


def _purposes(nav: etree._Element) -> set[str]:
    # Without its declaration the prefix is a part of the name.
    kind = nav.get(f"{_OPS}type") or nav.get("epub:type") or ""
    return set(f"{kind} {nav.get('role') or ''}".split())


def _is_contents(item: etree._Element) -> bool:
    newer = "nav" in (item.get("properties") or "").split()
    return newer or item.get("media-type") == "application/x-dtbncx+xml"


def _chapter_lines(chapter: _Chapter) -> Iterator[Line]:
    """Yield the lines of a file; without entries it goes on with what came before it."""
    lines, entries = chapter.lines, chapter.entries
    yield Line("")
    if entries and (not entries[0].place or not any(line.level for line in lines)):
        said = chapter.is_headed and _say_it_themselves(lines, entries[0].title)
        yield Line("", 1, "" if said else entries[0].title)
    yield from lines


def _say_it_themselves(lines: list[Line], title: str) -> bool:
    """Tell whether the headings of a file say better than its title in the contents what it is."""
    first = next(at for at, line in enumerate(lines) if line.level)
    if sum(len(line.text) for line in lines[:first]) >= _SHORT:
        return False
    wanted = _letters(title)
    headings = [_letters(line.title) for line in lines if line.level]
    return lines[first].level == 1 or any(each in wanted or wanted in each for each in headings)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()


def _parse(raw: bytes) -> etree._Element:
    if len(raw) > _MAX_XML:
        raise ValueError("a part of it is larger than the list of a book's chapters")
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(raw, parser)
    except etree.XMLSyntaxError:  # it is empty
        root = None
    if root is None:
        raise ValueError("a part of it is no XML")
    return root


def _elements(root: etree._Element, name: str) -> Iterator[etree._Element]:
    found: Iterator[etree._Element] = root.iter(f"{{*}}{name}")
    return found


def _path(base: str, href: str) -> str:
    path = unquote(urlsplit(href).path)
    return posixpath.normpath(posixpath.join(posixpath.dirname(base), path)).lstrip("/")
