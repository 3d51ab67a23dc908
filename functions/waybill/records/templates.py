"""A workbook to fill in: a sheet per object, a column per field, pick lists as lists to choose from."""

import io
from collections.abc import Sequence
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.datavalidation import DataValidation

from waybill.errors import InvalidInput
from waybill.records.schema import SYSTEM_FIELDS, FieldSchema, ObjectSchema, relationship_of

_LONGEST_TITLE: Final = 31
_LISTS: Final = "Lists"
# As far down as a choice is offered.
_LAST_ROW: Final = 10_000
_REQUIRED: Final = PatternFill("solid", fgColor="FFF2CC")
_EXPLAINED: Final = {
    "boolean": "true or false",
    "date": "a date",
    "datetime": "a date and a time, in UTC",
    "multipicklist": "values joined by ;",
}


def template(objects: Sequence[ObjectSchema]) -> bytes:
    """An .xlsx whose headers `waybill load` understands. Raises InvalidInput for a name that no sheet can have."""
    book = Workbook()
    book.remove(book.worksheets[0])
    lists = _Lists(book)
    for schema in objects:
        if len(schema.name) > _LONGEST_TITLE:
            raise InvalidInput(f"{schema.name} is too long for a sheet's name: load it from a CSV file.")
        _sheet(book, schema, lists)
    lists.finish()
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def headers(schema: ObjectSchema) -> list[tuple[str, FieldSchema]]:
    """The columns of an object, those that an insert needs first: what can be written, lookups by the parent's name."""
    known = [
        field
        for field in schema.fields.values()
        if field.createable
        and not field.calculated
        and field.name.lower() not in SYSTEM_FIELDS
        and field.type not in ("address", "location")
    ]
    ordered = sorted(
        known,
        key=lambda field: (not field.required, not field.external_id, field.name.lower() != "name", field.label or field.name),
    )
    return [(_header(field), field) for field in ordered]


def _header(field: FieldSchema) -> str:
    if not field.is_reference or not field.reference_to:
        return field.name
    relationship = field.relationship or relationship_of(field.name)
    kind = f"${field.reference_to[-1]}" if len(field.reference_to) > 1 else ""
    return f"{relationship}{kind}.Name"


def _sheet(book: Workbook, schema: ObjectSchema, lists: "_Lists") -> None:
    sheet = book.create_sheet(schema.name)
    for place, (header, field) in enumerate(headers(schema), 1):
        cell = sheet.cell(row=1, column=place, value=header)
        cell.font = Font(bold=True)
        cell.comment = Comment(_told(field), "Waybill")
        if field.required:
            cell.fill = _REQUIRED
        letter = get_column_letter(place)
        sheet.column_dimensions[letter].width = max(12, len(header) + 2)
        choice = lists.choice(schema, field)
        if choice is not None:
            sheet.add_data_validation(choice)
            choice.add(f"{letter}2:{letter}{_LAST_ROW}")
    sheet.freeze_panes = "A2"


def _told(field: FieldSchema) -> str:
    parts = [field.label or field.name, "required" if field.required else "may be empty"]
    if field.is_reference:
        parts.append(f"the name of a {' or '.join(field.reference_to[:3])}; or {field.name} with its id")
    parts.append(
        _EXPLAINED.get(
            field.type, f"at most {field.length} characters" if field.length and not field.is_reference else field.type
        )
    )
    return "\n".join(parts)


class _Lists:
    """Values to choose from, on a hidden sheet: in the cell's own rule there is room for 255 characters only."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._sheet = book.create_sheet(_LISTS)
        self._count = 0

    def choice(self, schema: ObjectSchema, field: FieldSchema) -> Any:  # Any: openpyxl has no types
        """None for a field that is no pick list."""
        values = ["true", "false"] if field.type == "boolean" else sorted(field.picklist) if field.type == "picklist" else []
        if not values:
            return None
        self._count += 1
        letter = get_column_letter(self._count)
        self._sheet.cell(row=1, column=self._count, value=f"{schema.name}.{field.name}")
        for row, value in enumerate(values, 2):
            self._sheet.cell(row=row, column=self._count, value=value)
        name = f"list_{self._count}"
        self._book.defined_names[name] = DefinedName(name, attr_text=f"{_LISTS}!${letter}$2:${letter}${len(values) + 1}")
        strict = field.restricted or field.type == "boolean"
        return DataValidation(type="list", formula1=f"={name}", allow_blank=True, showErrorMessage=strict)

    def finish(self) -> None:
        self._book.move_sheet(self._sheet, offset=len(self._book.sheetnames))
        self._sheet.sheet_state = "hidden"
        if not self._count:
            self._book.remove(self._sheet)
