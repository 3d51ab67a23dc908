"""The key of an input row: where each part of the plan's external id is to be found in the table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from waybill.records.columns import Columns, Lookup
from waybill.records.domain import Cell
from waybill.records.keys import COMPOSITE, joined_cell, split_key
from waybill.records.matching import token_of
from waybill.records.mirror import ABSENT, Key, Mirror, Row, Touch
from waybill.records.resolving import Conditions
from waybill.records.values import comparer, id18, is_blank, is_null, text_of

Cells = Mapping[str, Cell]
Said = Mapping[str, Conditions | None]
Source = Callable[[Touch, Cells, Said], object]


@dataclass(frozen=True, slots=True)
class RowKey:
    """How rows of a table are matched. `paths` are those of the org's rows, `sources` the same parts of an input row's."""

    paths: tuple[str, ...]
    sources: tuple[Source, ...]
    # Parts of the external id that the table has no column for.
    missing: tuple[str, ...] = ()

    def of(self, touch: Touch, cells: Cells, said: Said) -> Key:
        return tuple(source(touch, cells, said) for source in self.sources)


def row_key(
    leaves: tuple[str, ...], columns: Columns, mirror: Mirror, *, deferred: frozenset[str], shifting: frozenset[str], own: bool
) -> RowKey:
    """The parts that the table has; all its columns where it has none of them, so that a second load finds what the first wrote.

    `own`: take parts from composite keys of the row itself too. They are never written: a row that is inserted would not be found by
    them.
    """
    found: dict[str, Source] = _whole(leaves, columns) if own else {}
    if found:
        return RowKey(tuple(found), tuple(found.values()))
    missing: list[str] = []
    for leaf in leaves:
        parts = _leaf(leaf, columns, mirror, deferred) or (_own(leaf, columns, mirror) if own else {})
        found |= parts
        if not parts:
            missing.append(leaf)
    if not found:
        for lookup in columns.lookups.values():
            if lookup.key not in shifting:
                found |= _lookup(lookup, mirror, deferred)
        for column in columns.values:
            if column.key not in shifting:
                found |= _leaf(column.key, columns, mirror, deferred)
    return RowKey(tuple(found), tuple(found.values()), tuple(missing))


def _leaf(leaf: str, columns: Columns, mirror: Mirror, deferred: frozenset[str]) -> dict[str, Source]:
    relation, dot, rest = leaf.partition(".")
    if not dot:
        key = leaf.lower()
        if key == "id" and columns.id:
            return {"Id": lambda _touch, cells, _said: id18(text_of(cells.get(columns.id)).strip()) or None}
        if key in columns.lookups:
            return _lookup(columns.lookups[key], mirror, deferred)
        if any(column.key == key for column in columns.values):
            return {leaf: _plain(key, mirror)}
        return {}
    field = mirror.relation(relation)
    lookup = columns.lookups.get(field.name.lower()) if field is not None else None
    return {} if lookup is None else {leaf: _behind(lookup, rest, mirror)}


def _plain(key: str, mirror: Mirror) -> Source:
    known = mirror.schema.field(key)
    compare = comparer(known)
    # What the org fills in itself cannot be compared with nothing.
    gap = known is not None and (known.defaulted or key == "currencyisocode") and known.type != "boolean"

    def source(touch: Touch, _cells: Cells, _said: Said) -> object:
        value = touch.says(key)
        if value is ABSENT:
            return ABSENT if gap else compare(None)
        return compare(value) if not isinstance(value, Row) else token_of(value)

    return source


def _lookup(lookup: Lookup, mirror: Mirror, deferred: frozenset[str]) -> dict[str, Source]:
    """A lookup as part of a key: the parent itself, or what is said of it where it is not known yet."""
    if lookup.key not in deferred or not lookup.paths():
        key = lookup.key
        return {lookup.field.name: lambda touch, _cells, _said: None if (said := touch.says(key)) is ABSENT else token_of(said)}
    relation = lookup.field.relationship or lookup.field.name.removesuffix("Id")
    return {f"{relation}.{path}": _behind(lookup, path, mirror) for path in lookup.paths()}


def _behind(lookup: Lookup, path: str, mirror: Mirror) -> Source:
    """The value of a parent's path: as the parent has it, or as the cells say it where the parent is not known yet."""
    known = mirror.world.terminal(lookup.field, path, lookup.type)
    compare, told, key = comparer(known), path in lookup.paths(), lookup.key

    def source(touch: Touch, _cells: Cells, said: Said) -> object:
        parent = touch.refs.get(key)
        if isinstance(parent, str):
            parent = mirror.world.by_id(lookup.targets, parent)
        if isinstance(parent, Row):
            return parent.follow(path)
        conditions = said.get(key)
        return compare(conditions[path]) if told and conditions and path in conditions else None

    return source


def _whole(leaves: tuple[str, ...], columns: Columns) -> dict[str, Source]:
    """A composite key that is all that a table has of the external id, whatever nulls it leaves out."""
    if any(columns.has(leaf) for leaf in leaves):
        return {}
    header, parts = next(((header, parts) for header, parts in columns.own if set(leaves) <= set(parts)), ("", ()))
    if not header:
        return {}
    return {COMPOSITE + "$".join(parts): lambda _touch, cells, _said: joined_cell(cells.get(header)) or None}


def _own(leaf: str, columns: Columns, mirror: Mirror) -> dict[str, Source]:
    """From a composite key of the row itself."""
    column = next(((header, parts) for header, parts in columns.own if leaf in parts), None)
    if column is None:
        return {}
    header, parts = column
    relation, dot, rest = leaf.partition(".")
    field = mirror.relation(relation) if dot else None
    known = mirror.world.terminal(field, rest) if field is not None else mirror.schema.field(leaf)
    compare = comparer(known)

    def source(_touch: Touch, cells: Cells, _said: Said) -> object:
        pieces = split_key(cells.get(header), parts)
        return compare(pieces[leaf]) if pieces is not None else None

    return {leaf: source}


def hints_for(lookup: Lookup, columns: Columns, cells: Cells) -> Conditions:
    """What composite keys of the row itself say of a parent: it may decide between several, and is never written."""
    names = {lookup.field.relationship.lower(), lookup.key.removesuffix("id")}
    found: dict[str, Cell] = {}
    for header, parts in columns.own:
        cell = cells.get(header)
        pieces = None if is_blank(cell) or is_null(cell) else split_key(cell, parts)
        for part, value in (pieces or {}).items():
            relation, dot, rest = part.partition(".")
            if dot and relation.lower() in names and value is not None:
                found.setdefault(rest, value)
    return found
