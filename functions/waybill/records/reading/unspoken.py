"""Cells of a workbook that calamine gives as blank though they are not: errors, and formulas that were never calculated."""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from waybill.records.values import UNCALCULATED

# Column (0 for A) to what the cell would say.
Unspoken = Mapping[int, str]

_RELATIONSHIPS: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_CELL: Final = re.compile(rb'<c r="([A-Z]+)(\d+)"([^>]*)>(.*?)</c>', re.DOTALL)
_VALUE: Final = re.compile(rb"<v>([^<]+)</v>")
_LARGEST_PART: Final = 16 * 1024 * 1024
_BLOCK: Final = 4 * 1024 * 1024
# A formula whose result is an empty text is blank indeed.
_TEXT_RESULT: Final = b't="str"'
_ERROR, _FORMULA, _ENDS_EMPTY = b't="e"', b"<f", (b"</f></c>", b"<v/></c>", b"<v></v></c>", b"<v /></c>", b"/></c>")


def unspoken_cells(path: Path, sheet: str) -> dict[int, dict[int, str]]:
    """By row (1 for the first). Nothing for a file that is no .xlsx, or of another make: calamine reads those all the same."""
    try:
        with zipfile.ZipFile(path) as archive:
            part = _part(archive, sheet)
            return _scan(archive, part) if part else {}
    except (zipfile.BadZipFile, ET.ParseError, KeyError, OSError, RuntimeError, NotImplementedError, EOFError):
        return {}


def _part(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """The archive's member that holds a sheet."""
    if archive.getinfo("xl/workbook.xml").file_size > _LARGEST_PART:
        return None
    book = ET.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314 - entities are not expanded from outside
    key = next(
        (each.get(_RELATIONSHIPS) for each in book.iter() if each.tag.endswith("}sheet") and each.get("name") == sheet), None
    )
    links = ET.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314 - as above
    target = next((each.get("Target") for each in links if each.get("Id") == key), None)
    return None if target is None else target.removeprefix("/") if target.startswith("/") else f"xl/{target}"


def _scan(archive: zipfile.ZipFile, part: str) -> dict[int, dict[int, str]]:
    found: dict[int, dict[int, str]] = {}
    rest = b""
    with archive.open(part) as file:
        while block := file.read(_BLOCK):
            text = rest + block
            end = text.rfind(b"</c>") + 4
            _take(text[:end], found)
            rest = text[end:]
    return found


def _take(text: bytes, found: dict[int, dict[int, str]]) -> None:
    if _ERROR not in text and not (_FORMULA in text and any(end in text for end in _ENDS_EMPTY)):
        return
    for column, row, attributes, inside in _CELL.findall(text):
        value = _VALUE.search(inside)
        if _ERROR in attributes:
            found.setdefault(int(row), {})[_place(column)] = (value[1] if value else b"#VALUE!").decode()
        elif _FORMULA in inside and value is None and _TEXT_RESULT not in attributes:
            found.setdefault(int(row), {})[_place(column)] = UNCALCULATED


def _place(letters: bytes) -> int:
    place = 0
    for letter in letters:
        place = place * 26 + letter - 64
    return place - 1
