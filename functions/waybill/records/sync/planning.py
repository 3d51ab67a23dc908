"""Plans a sync from the workbook and from describe: which sheet an object has, and which of its columns are kept in step."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from openpyxl import Workbook

from waybill.errors import InvalidInput
from waybill.records.keys import parse_header
from waybill.records.marks import COLUMNS, STATUS
from waybill.records.schema import ObjectSchema
from waybill.records.sync.book import Sheet, value_at
from waybill.records.sync.cells import UNSHOWN
from waybill.records.sync.memory import Memory, Remembered
from waybill.records.sync.plan import ObjectPlan, Place

_LONGEST_TITLE: Final = 31
# How far down a header may stand, under a title or a note.
_HEADER_WITHIN: Final = 10
# The id has a column of its own; who is deleted is in that of the status.
_LEFT_OUT: Final = frozenset({"id", "isdeleted"})
Describe = Callable[[str], ObjectSchema | None]


def plan_objects(
    book: Workbook | None, memory: Memory | None, schemas: Sequence[ObjectSchema], *, full: bool, describe: Describe
) -> tuple[ObjectPlan, ...]:
    """In the order of `schemas`. `describe`: of parents that a column leads to. Raises InvalidInput for a sheet without a column of ids."""
    return tuple(_incremental(_object(book, memory, schema, describe), memory, full=full) for schema in schemas)


def _object(book: Workbook | None, memory: Memory | None, schema: ObjectSchema, describe: Describe) -> ObjectPlan:
    known = memory.of(schema.name) if memory is not None else None
    sheet = _sheet_of(book, known, schema) if book is not None else None
    stamped, binned = schema.field("SystemModstamp") is not None, schema.field("IsDeleted") is not None
    if sheet is None:
        return ObjectPlan(
            schema.name, schema.label, _title(schema, book), 0, 1, 2, tuple(_all(schema)), stamped=stamped, binned=binned
        )
    header, id_column = _header(sheet, schema)
    if header == 0:
        raise InvalidInput(
            f"The sheet {sheet.title} has no column Id within its first {_HEADER_WITHIN} rows: without it no row can be told from "
            "another. Add the header, or rename the sheet and let the sync make one."
        )
    places, status = _places(sheet, header, schema, describe)
    return ObjectPlan(
        schema.name, schema.label, sheet.title, header, id_column, status, tuple(places), stamped=stamped, binned=binned
    )


def _incremental(plan: ObjectPlan, memory: Memory | None, *, full: bool) -> ObjectPlan:
    """With the watermark where all that stands before it is in the sheet: not for a column that is new."""
    known = memory.of(plan.object) if memory is not None else None
    if full or known is None or not plan.header or not plan.stamped or not set(plan.paths) <= set(known.fields):
        return plan
    return replace(plan, since=known.watermark)


def _sheet_of(book: Workbook, known: Remembered | None, schema: ObjectSchema) -> Sheet | None:
    """By the name that it had when it was synced, else by the object's name or label."""
    names = [known.sheet] if known is not None else []
    names += [schema.name, schema.name[:_LONGEST_TITLE], schema.label]
    sheets = {sheet.title.strip().lower(): sheet for sheet in book.worksheets}
    return next((sheets[name.lower()] for name in names if name and name.lower() in sheets), None)


def _title(schema: ObjectSchema, book: Workbook | None) -> str:
    title = schema.name[:_LONGEST_TITLE]
    if book is not None and title.lower() in (name.lower() for name in book.sheetnames):
        raise InvalidInput(f"The workbook has a sheet {title} that is no table: rename it.")
    return title


def _header(sheet: Sheet, schema: ObjectSchema) -> tuple[int, int]:
    """Row of the header and column of the ids; 0 where there is none."""
    for row in range(1, _HEADER_WITHIN + 1):
        for column in range(1, sheet.max_column + 1):
            text = value_at(sheet, row, column)
            if isinstance(text, str) and _is_id(text, schema):
                return row, column
    return 0, 0


def _is_id(text: str, schema: ObjectSchema) -> bool:
    word = " ".join(text.split()).lower()
    known = schema.labels.get(word)
    return word in ("id", "record id") or (known is not None and known.name.lower() == "id")


def _places(sheet: Sheet, header: int, schema: ObjectSchema, describe: Describe) -> tuple[list[Place], int]:
    """The columns whose headers are fields, or paths through a lookup; all others are the person's own. And the column of the status."""
    found: dict[str, Place] = {}
    status = 0
    for column in range(1, sheet.max_column + 1):
        text = value_at(sheet, header, column)
        if not isinstance(text, str):
            continue
        text = " ".join(text.split())
        if text == STATUS:
            status = column
        elif text not in COLUMNS:
            place = _place(column, text, schema, describe)
            if place is not None and place.path.lower() != "id":
                found.setdefault(place.path.lower(), place)
    return list(found.values()), status


def _place(column: int, text: str, schema: ObjectSchema, describe: Describe) -> Place | None:
    parsed = parse_header(text)
    if parsed.parts or parsed.type:
        return None
    prefix, owner, name = "", schema, parsed.path
    if parsed.relation:
        lookup = schema.relation(parsed.relation)
        parent = describe(lookup.reference_to[0]) if lookup is not None and len(lookup.reference_to) == 1 else None
        if lookup is None or parent is None or not lookup.relationship:
            return None
        prefix, owner = f"{lookup.relationship}.", parent
    known = owner.field(name) or (None if prefix else owner.labels.get(name.lower()))
    return Place(column, f"{prefix}{known.name}", known.type, text) if known is not None and known.type not in UNSHOWN else None


def _all(schema: ObjectSchema) -> Iterator[Place]:
    """The columns of a sheet that is made: all fields that a cell can show, the name first, what Salesforce fills in last."""
    fields = [known for known in schema.fields.values() if known.type not in UNSHOWN and known.name.lower() not in _LEFT_OUT]
    ordered = sorted(
        fields,
        key=lambda known: (known.name.lower() != "name", not (known.createable or known.updateable), known.name.lower()),
    )
    for at, known in enumerate(ordered):
        yield Place(at + 3, known.name, known.type, known.name)
