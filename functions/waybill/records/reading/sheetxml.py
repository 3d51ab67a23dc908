"""The XML of a workbook, looked at without reading it: where its sheets are, how far their cells reach, what a cell holds."""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO, Final, cast
from xml.etree import ElementTree as ET

# What cannot be looked at; calamine says what it makes of it.
UNREADABLE: Final = (
    zipfile.BadZipFile, ET.ParseError, KeyError, OSError, RuntimeError, NotImplementedError, EOFError, ValueError
)  # fmt: skip
_RELATIONSHIPS: Final = "/relationships}id"
_LARGEST_PART: Final = 16 * 1024 * 1024
_BLOCK: Final = 1 << 20
_PREFIX: Final = re.compile(rb"<([\w.-]+:)worksheet[\s>]")
_TAG: Final = re.compile(rb"<(/?)(?:[\w.-]+:)?(row|c)(\s[^>]*?)?(/?)>")
_PLACE: Final = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]*)(\d*)["']""")
_END: Final = re.compile(rb"</(?:[\w.-]+:)?c\s*>")
_USUAL_COLUMNS: Final = 26


@dataclass(frozen=True, slots=True)
class Reach:
    """The last row and the last column, 1 for the first, that calamine makes room for; 0 of a sheet without cells."""

    rows: int
    columns: int

    @property
    def cells(self) -> int:
        return self.rows * self.columns

    def __str__(self) -> str:
        letters, rest = "", self.columns
        while rest:
            rest, letter = divmod(rest - 1, 26)
            letters = chr(65 + letter) + letters
        return f"{letters}{self.rows}"


@dataclass(frozen=True, slots=True)
class RawCell:
    """A cell that is not empty, as it stands there. `row` and `column` are 0 for the first."""

    row: int
    column: int
    attributes: bytes
    inside: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """Cells and rows as nearly all programs write them, with one prefix or none: the place in front.

    `wide`: letters beyond the 26th column; `odd`: what stands there in another form.
    """

    rows: re.Pattern[bytes]
    wide: re.Pattern[bytes]
    odd: tuple[re.Pattern[bytes], ...]

    def is_odd(self, text: bytes) -> bool:
        return any(odd.search(text) for odd in self.odd)


def form_of(start: bytes) -> Form:
    """By the beginning of the sheet."""
    found = _PREFIX.search(start)
    return _form(found[1] if found is not None else b"")


@lru_cache(maxsize=16)
def _form(prefix: bytes) -> Form:
    name = re.escape(prefix)
    # Seven digits: a cell's own row counts, and may be another than that of the row that it stands in.
    odd = [rb'<%bc(?:(?! r="[A-Z])[\s>/]| r="[A-Z]+\d{7})' % name, rb'<%brow(?! r="\d)[\s>/]' % name]
    odd += [rb"(?<!<%b):(?:c|row)\s" % re.escape(prefix[:-1]), rb"<(?:c|row)[\s>/]"] if prefix else [rb":(?:c|row)\s"]
    return Form(
        re.compile(rb'<%brow r="(\d+)"' % name),
        re.compile(rb'<%bc r="([A-Z]{2,})' % name),
        tuple(map(re.compile, odd)),
    )


def part_of(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """The archive's member that holds a sheet. Names are found as calamine finds them: in any case, with slashes of any kind."""
    members = {name.replace("\\", "/").lower(): name for name in archive.namelist()}
    book = members["xl/workbook.xml"]
    if archive.getinfo(book).file_size > _LARGEST_PART:
        return None
    root = ET.fromstring(archive.read(book))  # noqa: S314 - entities are not expanded from outside
    found = (each for each in root.iter() if each.tag.endswith("sheet") and each.get("name") == sheet)
    key = next((value for each in found for name, value in each.items() if name.endswith(_RELATIONSHIPS)), None)
    links = ET.fromstring(archive.read(members["xl/_rels/workbook.xml.rels"]))  # noqa: S314 - as above
    target = next((each.get("Target") for each in links if each.get("Id") == key), None)
    if target is None:
        return None
    path = target.replace("\\", "/").removeprefix("/").lower()
    return members.get(path if path.startswith("xl/") else f"xl/{path}")


def reach(archive: zipfile.ZipFile, part: str, *, most: int) -> Reach:
    """How far the cells of a sheet reach; at least so far, where that is no more than `most` cells: then nobody looks twice."""
    found = _reach_at_most(archive, part)
    if found is not None and found.cells <= most:
        return found
    rows = columns = 0
    for cell in raw_cells(archive, part):
        rows, columns = max(rows, cell.row + 1), max(columns, cell.column + 1)
    return Reach(rows, columns)


def _reach_at_most(archive: zipfile.ZipFile, part: str) -> Reach | None:
    """Quickly; None where cells stand there in another form than the usual one."""
    rows, wide, form = 0, {b""}, None
    with archive.open(part) as file:
        for text in _whole_tags(cast("BinaryIO", file)):
            form = form or form_of(text)
            if form.is_odd(text):
                return None
            rows = max(rows, *map(int, form.rows.findall(text)), 0)
            wide.update(form.wide.findall(text))
    return Reach(rows, max(_USUAL_COLUMNS, *map(_number, wide)))


def raw_cells(archive: zipfile.ZipFile, part: str) -> Iterator[RawCell]:
    """The cells that are not empty, in whatever form they stand. Places that are left out are counted on, as calamine does."""
    row = column = 0
    with archive.open(part) as file:
        for text in _whole_cells(cast("BinaryIO", file)):
            opened: tuple[bytes, int] | None = None
            for tag in _TAG.finditer(text):
                ends, name, attributes, alone = tag[1], tag[2], tag[3] or b"", tag[4]
                place = _PLACE.search(attributes)
                if name == b"row":
                    if not ends and place is not None and place[2]:
                        row = int(place[2]) - 1
                    if ends or alone:
                        row, column = row + 1, 0
                elif not ends:
                    if place is not None and place[1] and place[2]:
                        row, column = int(place[2]) - 1, _number(place[1]) - 1
                    opened = None if alone else (attributes, tag.end())
                    column += 1
                elif opened is not None:
                    inside = text[opened[1] : tag.start()]
                    if inside.strip():
                        yield RawCell(row, column - 1, opened[0], inside)
                    opened = None


def _number(letters: bytes) -> int:
    """1 for A; 0 for none."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _whole_tags(file: BinaryIO) -> Iterator[bytes]:
    """Blocks that cut no tag in two."""
    rest = b""
    while block := file.read(_BLOCK):
        text = rest + block
        end = text.rfind(b">") + 1
        yield text[:end]
        rest = text[end:]


def _whole_cells(file: BinaryIO) -> Iterator[bytes]:
    """Blocks that end behind a cell."""
    rest = b""
    while block := file.read(_BLOCK):
        text = rest + block
        end, found = len(text), None
        while found is None and (end := text.rfind(b"</", 0, end)) >= 0:
            found = _END.match(text, end)
        end = found.end() if found is not None else 0
        yield text[:end]
        rest = text[end:]
    yield rest
