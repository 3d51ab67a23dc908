"""Cells of a workbook that calamine gives as blank though they are not: errors, and formulas that were never calculated."""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from waybill.records.reading.sheetxml import UNREADABLE, form_of, part_of, raw_cells
from waybill.records.values import UNCALCULATED

# Column (0 for A) to what the cell would say.
Unspoken = Mapping[int, str]

_CELL: Final = re.compile(rb'<(?:[\w.-]+:)?c r="([A-Z]+)(\d+)"([^>]*)(?<!/)>(.*?)</(?:[\w.-]+:)?c>', re.DOTALL)
_VALUE: Final = re.compile(rb"<(?:[\w.-]+:)?v(?:\s[^>]*)?>([^<]+)</")
_BLOCK: Final = 4 * 1024 * 1024
# A formula whose result is an empty text is blank indeed.
_TEXT_RESULT: Final = re.compile(rb"""\st\s*=\s*["']str["']""")
_ERROR: Final = re.compile(rb"""\st\s*=\s*["']e["']""")
_FORMULA: Final = re.compile(rb"<(?:[\w.-]+:)?f[\s/>]")


def unspoken_cells(path: Path, sheet: str) -> dict[int, dict[int, str]]:
    """By row (1 for the first). Nothing for a file that is no .xlsx, or of another make: calamine reads those all the same."""
    try:
        with zipfile.ZipFile(path) as archive:
            part = part_of(archive, sheet)
            if part is None:
                return {}
            usual = _scan(archive, part)
            return usual if usual is not None else _scan_slowly(archive, part)
    except UNREADABLE:
        return {}


def _scan(archive: zipfile.ZipFile, part: str) -> dict[int, dict[int, str]] | None:
    """None where cells stand there in another form than the usual one."""
    found: dict[int, dict[int, str]] = {}
    rest, form = b"", None
    with archive.open(part) as file:
        while block := file.read(_BLOCK):
            text = rest + block
            end = text.rfind(b"c>") + 2
            form = form or form_of(text)
            if form.is_odd(text[:end]):
                return None
            _take(text[:end], found)
            rest = text[end:]
    return found


def _scan_slowly(archive: zipfile.ZipFile, part: str) -> dict[int, dict[int, str]]:
    found: dict[int, dict[int, str]] = {}
    for cell in raw_cells(archive, part):
        said = _said(cell.attributes, cell.inside)
        if said:
            found.setdefault(cell.row + 1, {})[cell.column] = said
    return found


def _take(text: bytes, found: dict[int, dict[int, str]]) -> None:
    if _ERROR.search(text) is None and _FORMULA.search(text) is None:
        return
    for column, row, attributes, inside in _CELL.findall(text):
        said = _said(attributes, inside)
        if said:
            found.setdefault(int(row), {})[_place(column)] = said


def _said(attributes: bytes, inside: bytes) -> str:
    """What calamine keeps to itself; empty for a cell of which it tells all."""
    if _ERROR.search(attributes) is not None:
        value = _VALUE.search(inside)
        return value[1].decode(errors="replace") if value else "#VALUE!"
    if _FORMULA.search(inside) is None or _VALUE.search(inside) is not None or _TEXT_RESULT.search(attributes) is not None:
        return ""
    return UNCALCULATED


def _place(letters: bytes) -> int:
    place = 0
    for letter in letters:
        place = place * 26 + letter - 64
    return place - 1
