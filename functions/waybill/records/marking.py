"""A person's workbook with the rows that were not written: a column of reasons, and the bad cells marked, so that he can mend them where they are."""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Final

from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from waybill.records.marks import REASONS
from waybill.records.sync.book import Sheet, open_book, saved, value_at, write

_FILL: Final = PatternFill("solid", fgColor="FFC7CE")
_COLOUR: Final = "00FFC7CE"
_AUTHOR: Final = "Waybill"
_WIDTH: Final = 60


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row; `headers` of the cells that are to blame, if any are."""

    code: str
    message: str
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BadSheet:
    """A sheet: the row of its header, 1 for the first, and the faults of its rows."""

    sheet: str
    header: int
    rows: Mapping[int, Sequence[Fault]]


def marked(data: bytes, name: str, sheets: Iterable[BadSheet]) -> bytes:
    """Raises InvalidInput for a workbook that is too large, or cannot be opened."""
    opened = open_book(data, name, lossless=False)
    for each in sheets:
        if each.sheet in opened.book.sheetnames:
            _mark(opened.book[each.sheet], each)
    return saved(opened.book)


def _mark(sheet: Sheet, bad: BadSheet) -> None:
    columns = {_header(value_at(sheet, bad.header, column)): column for column in range(1, sheet.max_column + 1)}
    reasons = columns.get(REASONS) or _new_column(sheet, bad.header, max(columns.values()))
    _forget(sheet, bad.header, reasons)
    for row, faults in bad.rows.items():
        said = dict.fromkeys(f"{fault.code}: {fault.message}" for fault in faults)
        write(sheet, row, reasons, "\n".join(said))
        sheet.cell(row=row, column=reasons).alignment = Alignment(wrap_text=True, vertical="top")
        blamed: dict[int, list[str]] = {}
        for fault in faults:
            for header in fault.headers:
                if header in columns:
                    blamed.setdefault(columns[header], []).append(fault.message)
        for column, messages in blamed.items():
            cell = sheet.cell(row=row, column=column)
            cell.fill = _FILL
            cell.comment = Comment("\n".join(dict.fromkeys(messages)), _AUTHOR, width=320, height=120)


def _new_column(sheet: Sheet, header: int, last: int) -> int:
    column = last + 1
    cell = sheet.cell(row=header, column=column, value=REASONS)
    cell._style = copy(sheet.cell(row=header, column=last)._style)  # noqa: SLF001
    cell.font = Font(bold=True)
    sheet.column_dimensions[get_column_letter(column)].width = _WIDTH
    return column


def _forget(sheet: Sheet, header: int, reasons: int) -> None:
    """What an earlier load has said: a row that was mended is marked no more."""
    for (row, column), cell in list(sheet._cells.items()):  # noqa: SLF001
        if row <= header:
            continue
        if column == reasons:
            cell.value = None
        if cell.comment is not None and cell.comment.author == _AUTHOR and cell.fill.fgColor.rgb == _COLOUR:
            cell.comment, cell.fill = None, PatternFill()


def _header(value: Any) -> str:
    return " ".join(str("" if value is None else value).replace("\ufeff", "").split())
