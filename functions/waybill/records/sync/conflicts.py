"""Cells that a person and Salesforce have both changed: shown on a sheet of their own with both values, and marked where they stand."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.formatting.formatting import ConditionalFormattingList
from openpyxl.formatting.rule import FormulaRule
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from waybill.records.marks import CONFLICTS
from waybill.records.sync.book import Sheet, write
from waybill.records.sync.cells import shown

HEADERS: Final = ("Object", "Id", "Row", "Field", "In the workbook", "In Salesforce", "Found", "Decision")
_WIDTHS: Final = (22, 22, 8, 24, 32, 32, 22, 14)
_AUTHOR: Final = "Waybill"
_BEGINS, _REST = "Waybill: ", "\n-----\n"
# True, and nobody else's: by it our own rules are known again.
_OURS: Final = 'N("waybill")=0'
_FILL: Final = PatternFill("solid", bgColor="FFC7CE", fgColor="FFC7CE")
_HOW: Final = (
    "Choose workbook: the cell stays as it is, until Salesforce changes once more. Choose salesforce: the next sync writes what stands there. "
    "Where the cell has been made to say what Salesforce says, nothing is left to decide."
)


class Decision(StrEnum):
    WORKBOOK = "workbook"
    SALESFORCE = "salesforce"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A cell. `theirs`: Salesforce's value as a cell; `found`: the day."""

    object: str
    id: str
    path: str
    theirs: Any
    found: str
    decision: Decision | None = None
    # As they stood when the sheet was written.
    row: int = 0
    mine: Any = None


def read_conflicts(book: Workbook) -> Iterator[Conflict]:
    """What the sheet says; lines that a person has damaged say nothing."""
    if CONFLICTS not in book.sheetnames:
        return
    for line in book[CONFLICTS].iter_rows(min_row=2, max_col=len(HEADERS), values_only=True):
        sobject, record, row, path, mine, theirs, found, decision = line
        if all(isinstance(each, str) and each for each in (sobject, record, path)):
            word = str(decision or "").strip().lower()
            made = next((each for each in Decision if word and each.value.startswith(word)), None)
            yield Conflict(
                str(sobject),
                str(record),
                str(path),
                theirs,
                str(found or ""),
                made,
                row=row if isinstance(row, int) else 0,
                mine=mine,
            )


def write_conflicts(book: Workbook, rows: Sequence[tuple[Conflict, int, object]]) -> None:
    """In place of the sheet before; none where nothing is to be decided. `rows`: with the row in its sheet, and what stands there."""
    at = book.sheetnames.index(CONFLICTS) if CONFLICTS in book.sheetnames else None
    if at is not None:
        book.remove(book[CONFLICTS])
    if not rows:
        return
    sheet = book.create_sheet(CONFLICTS, at)
    for column, (header, width) in enumerate(zip(HEADERS, _WIDTHS, strict=True), 1):
        cell = sheet.cell(row=1, column=column, value=header)
        cell.font = Font(bold=True)
        sheet.column_dimensions[get_column_letter(column)].width = width
    sheet.cell(row=1, column=len(HEADERS)).comment = Comment(_HOW, _AUTHOR, width=320, height=160)
    for number, (conflict, row, mine) in enumerate(rows, 2):
        cells = (conflict.object, conflict.id, row, conflict.path, mine, conflict.theirs, conflict.found, conflict.decision or "")
        for column, value in enumerate(cells, 1):
            write(sheet, number, column, value if value != "" else None)
    choice = DataValidation(type="list", formula1=f'"{",".join(Decision)}"', allow_blank=True, showErrorMessage=True)
    choice.add(f"{get_column_letter(len(HEADERS))}2:{get_column_letter(len(HEADERS))}{len(rows) + 1}")
    sheet.add_data_validation(choice)
    sheet.freeze_panes = "A2"


def explain(cell: Any, conflict: Conflict, mine: object) -> None:
    """A comment on the cell; what a person has said there stays behind it."""
    text = (
        f"{_BEGINS}here {shown(mine)}, in Salesforce {shown(conflict.theirs)}, both changed since the last sync (found {conflict.found}). "
        f"The workbook's stays. Decide on the sheet {CONFLICTS}."
    )
    own = _own(cell)
    cell.comment = Comment(f"{text}{_REST}{own}" if own else text, _AUTHOR, width=320, height=140)


def explain_no_more(cell: Any) -> None:
    if cell.comment is not None and cell.comment.text.startswith(_BEGINS):
        own = _own(cell)
        cell.comment = Comment(own, _AUTHOR) if own else None


def _own(cell: Any) -> str:
    """What a person's comment says."""
    text = cell.comment.text if cell.comment is not None else ""
    return text.partition(_REST)[2] if text.startswith(_BEGINS) else text


def mark(sheet: Sheet, cells: Iterable[str], *, header: int, status: str, last: str) -> None:
    """Colours by rules and not by formats, which are the person's: cells in conflict, and rows whose status says that they are deleted.

    `status`: the letter of its column; `last`: that of the last one.
    """
    kept = ConditionalFormattingList()
    for found in sheet.conditional_formatting:
        for rule in found.rules:
            if not any(str(formula).startswith((_OURS, f"AND({_OURS}")) for formula in rule.formula):
                kept.add(str(found.sqref), rule)
    places = " ".join(cells)
    if places:
        kept.add(places, FormulaRule(formula=[_OURS], fill=_FILL, font=Font(color="9C0006")))
    first = header + 1
    gone = f'AND({_OURS},LEFT(${status}{first},7)="deleted")'
    kept.add(f"A{first}:{last}1048576", FormulaRule(formula=[gone], font=Font(strike=True, color="808080")))
    sheet.conditional_formatting = kept


def by_object(conflicts: Iterable[Conflict]) -> dict[str, dict[tuple[str, str], Conflict]]:
    """Object in lower case -> id and path -> the conflict."""
    found: dict[str, dict[tuple[str, str], Conflict]] = {}
    for each in conflicts:
        found.setdefault(each.object.lower(), {})[each.id, each.path] = each
    return found
