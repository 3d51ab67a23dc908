"""Rows against what describe says of their fields: types, lengths, pick lists, what is required and what may be written."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import EllipsisType

from waybill.records.columns import ValueColumn
from waybill.records.domain import Cell, StagedRow
from waybill.records.mirror import ABSENT, Row, Touch
from waybill.records.readers import Reader, reader
from waybill.records.schema import FieldSchema, ObjectSchema
from waybill.records.values import BadValue, comparer


@dataclass(frozen=True, slots=True)
class RowTyper:
    """Makes typed rows of the cells of one table."""

    job: int
    headers: Sequence[str]
    readers: Sequence[Reader]
    names: Sequence[str]
    fields: Mapping[str, int]

    def touch(self, staged: StagedRow) -> Touch:
        """The row, typed, with a problem for each cell that its field cannot hold."""
        cell_of = staged.values.get
        try:
            return Touch(self.job, staged.row, self.fields, tuple([read(cell_of(name)) for name, read in self._pairs()]))
        except BadValue:
            return self._troubled(staged)

    def _pairs(self) -> Iterable[tuple[str, Reader]]:
        return zip(self.headers, self.readers, strict=True)

    def _troubled(self, staged: StagedRow) -> Touch:
        problems: list[tuple[str, str, str]] = []
        values: list[Cell | EllipsisType] = []
        for place, (header, read) in enumerate(self._pairs()):
            try:
                values.append(read(staged.values.get(header)))
            except BadValue as bad:
                values.append(ABSENT)
                problems.append((self.names[place], bad.code, str(bad)))
        touch = Touch(self.job, staged.row, self.fields, tuple(values))
        touch.problems += problems
        return touch


def typer(job: int, columns: Sequence[ValueColumn], *, truncate: bool) -> RowTyper:
    """`truncate`: cut texts that are too long, as SFDMU's allowFieldTruncation asks for."""
    return RowTyper(
        job,
        [column.header for column in columns],
        [reader(column, truncate=truncate) for column in columns],
        [column.field.name for column in columns],
        {column.key: place for place, column in enumerate(columns)},
    )


def check_insert(touch: Touch, schema: ObjectSchema, required: Sequence[FieldSchema]) -> tuple[str, ...]:
    """Refuses what cannot be inserted so; the fields (lower case) that are left out because they hold the value by themselves."""
    if not schema.createable:
        touch.refuse("", "NOT_CREATEABLE", f"The user may not create rows of {schema.name}.")
        return ()
    said: dict[str, Cell | Row] = {**touch.values(), **touch.refs}
    for field in required:
        if said.get(field.name.lower()) is None and field.name.lower() not in touch.pending:
            touch.refuse(field.name, "REQUIRED_FIELD_MISSING", f"{field.name} must have a value.")
    left_out: list[str] = []
    for key, value in said.items():
        known = schema.field(key)
        if known is None or known.createable:
            continue
        if (
            known.calculated
            or known.compound
            or comparer(known)(value if not isinstance(value, Row) else "row") in (None, False, "false")
        ):
            left_out.append(key)
        else:
            touch.refuse(
                known.name, "NOT_CREATEABLE", f"{known.name} cannot be given a value when a row is created: leave its cell empty."
            )
    return tuple(left_out)


def check_update(touch: Touch, row: Row) -> tuple[str, ...]:
    """Refuses changes that may not be made; the fields (lower case) that are left out because nobody writes them."""
    schema = row.mirror.schema
    left_out: list[str] = []
    for key, value in {**touch.values(), **touch.refs}.items():
        known = schema.field(key)
        free = known is None or (known.updateable and not known.calculated and schema.updateable)
        if known is None or (free and (value is not None or known.nillable)) or same(row, key, value):
            continue
        if value is None and not known.nillable and known.type != "boolean":
            touch.refuse(known.name, "REQUIRED_FIELD_MISSING", f"{known.name} cannot be emptied.")
        elif known.calculated or known.compound:
            left_out.append(key)
        elif not known.updateable:
            touch.refuse(known.name, "NOT_UPDATEABLE", f"{known.name} cannot be changed once the row is there.")
        elif not schema.updateable:
            touch.refuse(known.name, "NOT_UPDATEABLE", f"The user may not change rows of {schema.name}.")
    return tuple(left_out)


def same(row: Row, field: str, value: "Cell | Row") -> bool:
    """Whether the row holds this value now."""
    have = row.value(field)
    if isinstance(value, Row) or isinstance(have, Row):
        return have is value or (isinstance(value, Row) and value.id is not None and have == value.id)
    return row.mirror.compare(field, have) == row.mirror.compare(field, value)
