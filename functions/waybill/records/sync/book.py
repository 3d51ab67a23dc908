"""A person's workbook, opened so that all of it can be kept: by openpyxl, and only where openpyxl keeps what is in it."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from openpyxl import Workbook, load_workbook

from waybill.errors import InvalidInput
from waybill.records.reading.archives import check_sizes

Sheet = Any  # openpyxl has no types
# Unpacked XML of a workbook that is opened whole, in bytes.
LARGEST: Final = 160 * 1024 * 1024
# Parts that openpyxl does not write again, by what people call them.
_LOST: Final[Mapping[str, str]] = {
    r"xl/threadedComments/": "threaded comments",
    r"xl/(slicers|slicerCaches)/": "slicers",
    r"xl/(timelines|timelineCaches)/": "timelines",
    r"xl/(ctrlProps|activeX)/": "form controls",
    r"xl/(connections\.xml|queryTables/)": "queries to other sources",
    r"xl/diagrams/": "SmartArt",
    r"xl/media/": "pictures",
    r"xl/model/": "a data model",
    r".*vbaProject\.bin$": "macros",
}
_INSIDE: Final[Mapping[bytes, str]] = {
    b"sparklineGroup": "sparklines",
    b"x14:conditionalFormatting": "newer conditional formats (icon sets, data bars)",
    b"x14:dataValidation": "validations that refer to another sheet",
    b":sp>": "shapes",
    b":cxnSp>": "shapes",
}
_LOOKED_INTO: Final = re.compile(r"xl/(worksheets/[^/]+\.xml|drawings/[^/]+\.xml)$")
_REWRITTEN: Final[Mapping[str, str]] = {r"xl/charts/": "Charts", r"xl/pivotTables/": "Pivot tables"}
_CHUNK: Final = 1 << 20


@dataclass(slots=True)
class Opened:
    """`warnings`: what is written anew and may look different then."""

    book: Workbook
    warnings: list[str] = field(default_factory=list)


def open_book(data: bytes, name: str, *, lossless: bool) -> Opened:
    """Raises InvalidInput for what is no .xlsx, is damaged or a bomb; with `lossless` also for one of which openpyxl would lose a part."""
    names, lost = _looked_at(data, name)
    if lost and lossless:
        raise InvalidInput(
            f"{name} holds {', '.join(lost)}, which would be lost when it is written. Keep them in another workbook, "
            "which refers to this one."
        )
    try:
        book = load_workbook(io.BytesIO(data), keep_links=True)
    except Exception as error:
        # What openpyxl says of a damaged workbook is whatever it stumbled over: KeyError, TypeError, an XML parser's own.
        raise InvalidInput(f"{name} cannot be edited: {type(error).__name__}: {error}. Open it in Excel and save it.") from error
    warnings = [f"{name} holds {', '.join(lost)}, which are not in the copy."] if lost else []
    warnings += [
        f"{what} of {name} are written anew, and may look different."
        for pattern, what in _REWRITTEN.items()
        if any(re.match(pattern, each) for each in names)
    ]
    return Opened(book, warnings)


def _looked_at(data: bytes, name: str) -> tuple[list[str], list[str]]:
    """The names of its parts, and what of them would be lost."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            check_sizes(infos, name)
            size = sum(info.file_size for info in infos)
            lost = sorted(set(_losses(archive))) if size <= LARGEST else []
    except (zipfile.BadZipFile, zlib.error, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        raise InvalidInput(f"{name} is not an .xlsx workbook that can be opened: {error}.") from error
    if size > LARGEST:
        raise InvalidInput(f"{name} unpacks to more than {LARGEST >> 20} MB: it is too large to be edited.")
    return [info.filename for info in infos], lost


def saved(book: Workbook) -> bytes:
    """Its formulas have no values until a spreadsheet program opens it, which is told to compute them."""
    book.calculation.fullCalcOnLoad = True
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _losses(archive: zipfile.ZipFile) -> Iterator[str]:
    for name in archive.namelist():
        yield from (what for pattern, what in _LOST.items() if re.match(pattern, name))
        if not _LOOKED_INTO.match(name):
            continue
        with archive.open(name) as part:
            before = b""
            while chunk := part.read(_CHUNK):
                text = before + chunk
                yield from (what for mark, what in _INSIDE.items() if mark in text)
                before = chunk[-64:]


def last_row(sheet: Sheet) -> int:
    """The last row that holds a value; 0 where none does. Rows that are only formatted do not count."""
    return max((row for (row, _), cell in sheet._cells.items() if cell.value is not None), default=0)  # noqa: SLF001


def value_at(sheet: Sheet, row: int, column: int) -> Any:
    """A cell's value; looking does not make the cell, as openpyxl's own access does."""
    cell = sheet._cells.get((row, column))  # noqa: SLF001
    return None if cell is None else cell.value


def is_formula(sheet: Sheet, row: int, column: int) -> bool:
    cell = sheet._cells.get((row, column))  # noqa: SLF001
    return cell is not None and cell.data_type == "f"


def write(sheet: Sheet, row: int, column: int, value: Any) -> None:
    """A value of Salesforce. A text is a text: nothing that begins with = + - @ is computed, nor once somebody has been in the cell."""
    cell = sheet.cell(row=row, column=column)
    cell.value = value
    if isinstance(value, str):
        cell.data_type = "s"
        computes = value[:1] in ("=", "+", "-", "@", "\t", "\r", "\n")
        if computes != bool(cell.quotePrefix):
            cell.quotePrefix = computes
