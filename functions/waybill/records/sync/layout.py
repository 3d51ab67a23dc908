"""A sheet's shape: its columns, where its rows are, and what a new row takes over from the one above."""

from collections.abc import Iterator
from copy import copy

from openpyxl import Workbook
from openpyxl.formula.translate import Translator
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter, range_boundaries

from waybill.errors import InvalidInput
from waybill.records.marks import STATUS
from waybill.records.sync.book import Sheet, value_at
from waybill.records.sync.plan import ObjectPlan
from waybill.salesforce.ids import to18


def make_sheet(book: Workbook, plan: ObjectPlan) -> Sheet:
    sheet = book.create_sheet(plan.sheet)
    headers = {plan.id_column: "Id", plan.status: STATUS, **{place.column: place.header for place in plan.places}}
    for column, header in headers.items():
        sheet.cell(row=1, column=column, value=header).font = Font(bold=True)
        sheet.column_dimensions[get_column_letter(column)].width = max(12, min(40, len(header) + 2))
    sheet.freeze_panes = "C2"
    return sheet


def add_status(sheet: Sheet, plan: ObjectPlan) -> int:
    """A column for the status, behind all that is used."""
    used = (column for (_, column), cell in sheet._cells.items() if cell.value is not None)  # noqa: SLF001
    column: int = max(used) + 1
    cell = sheet.cell(row=plan.header, column=column, value=STATUS)
    cell._style = copy(sheet.cell(row=plan.header, column=plan.id_column)._style)  # noqa: SLF001
    return column


def ids(sheet: Sheet, plan: ObjectPlan, *, last: int) -> Iterator[tuple[int, str]]:
    """The rows that have an id; all others are the person's own."""
    for row in range((plan.header or 1) + 1, last + 1):
        text = value_at(sheet, row, plan.id_column)
        if isinstance(text, str) and text.strip():
            try:
                yield row, to18(text.strip())
            except InvalidInput:
                continue


def dress(sheet: Sheet, row: int, *, like: int, ours: set[int]) -> None:
    """Formats of the row `like`, and its formulas where a column is not one of `ours`."""
    for column in range(1, sheet.max_column + 1):
        model = sheet._cells.get((like, column))  # noqa: SLF001
        if model is None:
            continue
        cell = sheet.cell(row=row, column=column)
        cell._style = copy(model._style)  # noqa: SLF001
        if column not in ours and model.data_type == "f" and isinstance(model.value, str) and cell.value is None:
            cell.value = Translator(model.value, origin=model.coordinate).translate_formula(cell.coordinate)


def grow(sheet: Sheet, *, header: int, was: int, last: int) -> None:
    """An Excel table, or a filter, that ended with the data goes on to end with it."""
    for table in sheet.tables.values():
        if not table.totalsRowCount:
            table.ref = _longer(table.ref, header, was, last)
            if table.autoFilter is not None and table.autoFilter.ref:
                table.autoFilter.ref = _longer(table.autoFilter.ref, header, was, last)
    if sheet.auto_filter.ref:
        sheet.auto_filter.ref = _longer(sheet.auto_filter.ref, header, was, last)


def _longer(ref: str, header: int, was: int, last: int) -> str:
    left, top, right, bottom = range_boundaries(ref)
    if top != header or bottom != was:
        return ref
    return f"{get_column_letter(left)}{top}:{get_column_letter(right)}{last}"
