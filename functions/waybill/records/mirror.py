"""The org as planning sees it: its rows, those that the plan adds, and what the input would make of both.

Rows are kept packed (marshal: a tenth of the memory of dicts), and unpacked when looked at. A row's value is what the last input row
that touches it says, else what the org holds. Lookups hold ids, or the row itself where it is still to be inserted.
"""

import marshal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import EllipsisType

from waybill.records.columns import FEW
from waybill.records.domain import Cell
from waybill.records.keys import COMPOSITE, joined
from waybill.records.room import Room
from waybill.records.schema import Among, FieldSchema, ObjectSchema, OrgReader
from waybill.records.values import comparer, id18

# A cell that says nothing.
ABSENT = ...
Value = "Cell | Row"
Key = tuple[object, ...]


class Touch:
    """An input row, typed: what it says of which fields of which row.

    `fields` are the table's, shared by all its rows. `refs`: lookup (lower case) to the parent, None where it is to be emptied;
    `pending`: lookup to the conditions on a parent that is not known yet. `problems`: field, code, message.
    """

    __slots__ = (
        "_packed",
        "changed",
        "effective",
        "fields",
        "idle",
        "job",
        "key",
        "notes",
        "pending",
        "problems",
        "refs",
        "row",
        "source_id",
        "target",
    )

    def __init__(self, job: int, row: int, fields: Mapping[str, int], values: tuple["Cell | EllipsisType", ...]) -> None:
        self.job = job
        self.row = row
        self.fields = fields
        self._packed = marshal.dumps(values)
        self.refs: dict[str, str | Row | None] = {}
        self.pending: dict[str, Mapping[str, Cell]] = {}
        self.problems: list[tuple[str, str, str]] = []
        # By which it is matched; a gap is a part that the org would fill in itself.
        self.key: Key = ()
        self.target: Row | None = None
        # Its id in the org that the file comes from.
        self.source_id = ""
        # Why it is unchanged, for the report: code and message.
        self.notes: tuple[str, str] = ("", "")
        # Whether it changes its row; one that is skipped or refused does not.
        self.effective = False
        # Whether it was found to change nothing, once all is folded; and the fields that it changes: that is asked for many times.
        self.idle = False
        self.changed: tuple[str, ...] | None = None

    @property
    def weight(self) -> int:
        """Bytes of its values."""
        return len(self._packed)

    def values(self) -> dict[str, Cell]:
        """What it says, by field in lower case; lookups apart."""
        cells = marshal.loads(self._packed)  # noqa: S302 - our own bytes
        return {name: cells[place] for name, place in self.fields.items() if cells[place] is not ABSENT}

    def says(self, field: str) -> "Cell | Row | EllipsisType":
        if field in self.refs:
            return self.refs[field]
        place = self.fields.get(field)
        if place is None:
            return ABSENT
        said: Cell | EllipsisType = marshal.loads(self._packed)[place]  # noqa: S302 - our own bytes
        return said

    def leave(self, field: str) -> None:
        """Says nothing of a field any more."""
        self.refs.pop(field, None)
        self.pending.pop(field, None)
        place = self.fields.get(field)
        if place is not None:
            cells = marshal.loads(self._packed)  # noqa: S302 - our own bytes
            self._packed = marshal.dumps((*cells[:place], ABSENT, *cells[place + 1 :]))

    def refuse(self, field: str, code: str, message: str) -> None:
        self.problems.append((field, code, message))


class Row:
    """A row that the org has (`id`), or that the plan inserts (`n`)."""

    __slots__ = ("_base", "gone", "id", "mirror", "n", "named", "touches")

    def __init__(self, mirror: "Mirror", *, row_id: str | None = None, n: int | None = None, base: bytes = b"") -> None:
        self.mirror = mirror
        self.id = row_id
        self.n = n
        self._base = base
        self.touches: list[Touch] = []
        # Deleted by the plan, or an insert that was refused.
        self.gone = False
        # Whether an input row is about it, be it without effect.
        self.named = False

    def base(self, field: str) -> Cell:
        """What the org holds, in the org's form."""
        place = self.mirror.places.get(field)
        if not self._base or place is None:
            return None
        cells = marshal.loads(self._base)  # noqa: S302 - our own bytes
        held: Cell = cells[place] if place < len(cells) else None
        return held

    def bases(self) -> tuple[Cell, ...]:
        """All that the org holds, by the mirror's places; empty for a row that is to be inserted."""
        cells: tuple[Cell, ...] = marshal.loads(self._base) if self._base else ()  # noqa: S302 - our own bytes
        return cells

    def whole(self) -> dict[str, Cell]:
        """All that was read of it, by the org's spelling."""
        return {name: self.base(key) for key, name in self.mirror.names.items()}

    def value(self, field: str, *, before: Touch | None = None) -> "Cell | Row":
        """What the field will hold; with `before`, what it holds when that input row's turn comes."""
        for touch in reversed(self.touches[: self.touches.index(before)] if before is not None else self.touches):
            said = touch.says(field)
            if not isinstance(said, EllipsisType):
                return said
        return self.base(field)

    def follow(self, path: str) -> Cell:
        """The value at the end of a path, in the form in which values compare; an id where the path ends in a lookup."""
        if path.startswith(COMPOSITE):
            return joined(self.follow(part) for part in path[len(COMPOSITE) :].split("$")) or None
        relation, dot, rest = path.partition(".")
        if not dot:
            value = self.value(path.lower())
            if isinstance(value, Row):
                return value.id or f"#{value.n}"
            return self.mirror.compare(path, value)
        field = self.mirror.relation(relation)
        if field is None:
            return None
        key = field.name.lower()
        for touch in reversed(self.touches):
            if key in touch.pending and key not in touch.refs:
                return self.mirror.world.compare(field, rest, touch.pending[key].get(rest))
        parent = self.value(key)
        if isinstance(parent, str):
            parent = self.mirror.world.by_id(field.reference_to, parent)
        if not isinstance(parent, Row):
            return None
        return parent.mirror.schema.name if rest == "Type" and len(field.reference_to) > 1 else parent.follow(rest)


class Mirror:
    """The rows of one object. `names`: field in lower case to the org's spelling, all that is read."""

    def __init__(self, world: "World", schema: ObjectSchema, fields: Iterable[str]) -> None:
        self.world = world
        self.schema = schema
        self.names: dict[str, str] = {}
        self.places: dict[str, int] = {}
        self._rows: list[Row] = []
        self._ids: dict[str, Row] = {}
        self._was_read = False
        # Which rows are needed, where not all are. To be said before they are read.
        self.among: Among | None = None
        self._comparers: dict[str, Callable[[Cell], Cell]] = {}
        self._indexes: dict[tuple[str, ...], tuple[int, dict[Key, list[Row]]]] = {}
        self._shared: dict[tuple[str, ...], tuple[str, ...]] = {}
        self.require(fields)

    @property
    def rows(self) -> list[Row]:
        """All rows, those of the org first. They are read when first asked for."""
        if not self._was_read:
            self._was_read = True
            self._read()
        return self._rows

    @property
    def ids(self) -> dict[str, Row]:
        """The org's rows by id."""
        return self._ids if self.rows or self._was_read else {}

    def require(self, fields: Iterable[str]) -> None:
        """Adds fields to what is read, if the org has them."""
        for known in map(self.schema.field, sorted(fields)):
            if known is not None and known.name.lower() not in self.names:
                self.places[known.name.lower()] = len(self.names)
                self.names[known.name.lower()] = known.name

    def _read(self) -> None:
        names = [name for name in self.names.values() if name != "Id"]
        order = list(self.names.values())
        for record in self.world.org.rows(self.schema.name, names, self.among):
            row_id = id18(str(record["Id"]))
            packed = marshal.dumps(tuple(record.get(name) for name in order))
            self.world.room.existing(len(packed))
            self._ids[row_id] = Row(self, row_id=row_id, base=packed)
        self._rows += self._ids.values()

    def relation(self, name: str) -> FieldSchema | None:
        return self.schema.relation(name)

    def compare(self, field: str, value: Cell) -> Cell:
        found = self._comparers.get(field)
        if found is None:
            found = self._comparers[field] = comparer(self.schema.field(field))
        return found(value)

    def add(self, n: int) -> Row:
        row = Row(self, n=n)
        self.rows.append(row)
        return row

    def find(self, paths: tuple[str, ...], key: Key, *, gone: bool = False) -> Sequence[Row]:
        """The rows whose `paths` have these values (in the form in which values compare), none that is gone, or only those."""
        seen, index = self._indexes.get(paths, (0, {}))
        if seen < len(self.rows):
            for row in self.rows[seen:]:
                index.setdefault(tuple(row.follow(path) for path in paths), []).append(row)
            self._indexes[paths] = (len(self.rows), index)
        return [row for row in index.get(key, ()) if row.gone is gone]

    def shared(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The same names, kept once: many rows change the same fields."""
        return self._shared.setdefault(names, names)

    def forget(self) -> None:
        """Drops what was indexed: values have changed."""
        self._indexes.clear()

    def living(self) -> Iterator[Row]:
        return (row for row in self.rows if not row.gone)


class World:
    """All objects that the plan has to do with, read when first needed. `needs`: object in lower case to fields."""

    def __init__(self, org: OrgReader, needs: Mapping[str, set[str]], room: Room) -> None:
        self.org = org
        self.room = room
        self.needs = needs
        self._schemas: dict[str, ObjectSchema | None] = {}
        self._mirrors: dict[str, Mirror] = {}

    def schema(self, sobject: str) -> ObjectSchema | None:
        key = sobject.lower()
        if key not in self._schemas:
            self._schemas[key] = self.org.describe(sobject)
        return self._schemas[key]

    def mirror(self, sobject: str) -> Mirror | None:
        """None where the org does not know the object."""
        schema = self.schema(sobject)
        if schema is None:
            return None
        key = schema.name.lower()
        if key not in self._mirrors:
            self._mirrors[key] = Mirror(self, schema, {"Id"} | self.needs.get(key, set()))
        return self._mirrors[key]

    def by_id(self, targets: Iterable[str], row_id: str) -> Row | None:
        for target in targets:
            # What the plan has nothing to do with is not read for the sake of one id.
            mirror = self.mirror(target) if target.lower() in self.needs or target.lower() in self._mirrors else None
            found = mirror.ids.get(id18(row_id)) if mirror is not None else None
            if found is not None:
                return found
        return None

    def terminal(self, field: FieldSchema, path: str, kind: str = "") -> FieldSchema | None:
        """The field at the end of a path that begins behind the lookup `field`; None where no object that it leads to knows it."""
        relation, dot, rest = path.partition(".")
        targets = (kind,) if kind else field.reference_to
        if len(targets) > FEW:
            targets = tuple(target for target in targets if target.lower() in self.needs)
        for target in targets:
            schema = self.schema(target)
            if schema is None:
                continue
            known = schema.relation(relation) if dot else schema.field(relation)
            if known is not None:
                return self.terminal(known, rest) if dot else known
        return None

    def compare(self, field: FieldSchema, path: str, value: Cell, kind: str = "") -> Cell:
        if path.startswith(COMPOSITE):
            return value
        return comparer(self.terminal(field, path, kind))(value)

    def forget(self) -> None:
        for mirror in self._mirrors.values():
            mirror.forget()
