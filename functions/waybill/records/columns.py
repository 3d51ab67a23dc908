"""A table's columns against an object: which hold values, which lead to parents, which are keys. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field as data_field
from typing import Final

from waybill.records.keys import Header, parse_header
from waybill.records.schema import SYSTEM_FIELDS, FieldSchema, ObjectSchema
from waybill.records.values import Converter, converter

# A lookup to more objects than these, such as an event's WhatId, has to say which it means.
FEW: Final = 3


@dataclass(frozen=True, slots=True)
class ValueColumn:
    """A column whose cells go into a field as they are. `key` is the field's name in lower case."""

    header: str
    field: FieldSchema
    key: str
    convert: Converter


@dataclass(slots=True)
class Lookup:
    """All columns that lead to one parent. `plain`: header and the path behind the relationship; `composite`: header and its parts."""

    field: FieldSchema
    plain: list[tuple[str, str]] = data_field(default_factory=list)
    composite: list[tuple[str, tuple[str, ...]]] = data_field(default_factory=list)
    # Columns of ids, or of external ids.
    raw: list[str] = data_field(default_factory=list)
    # The object that a `$Type` suffix names.
    type: str = ""
    # Objects of the plan, in lower case: of a lookup that may lead to many objects, only these are looked through.
    known: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        return self.field.name.lower()

    @property
    def targets(self) -> tuple[str, ...]:
        if self.type:
            return (self.type,)
        if len(self.field.reference_to) <= FEW:
            return self.field.reference_to
        return tuple(target for target in self.field.reference_to if target.lower() in self.known)

    def paths(self) -> tuple[str, ...]:
        """The parent's paths that the columns speak of."""
        return tuple(dict.fromkeys([path for _, path in self.plain] + [part for _, parts in self.composite for part in parts]))


@dataclass(slots=True)
class Columns:
    """A table as its object sees it. `own` are composite keys of the row itself: never written."""

    values: list[ValueColumn] = data_field(default_factory=list)
    lookups: dict[str, Lookup] = data_field(default_factory=dict)
    own: list[tuple[str, tuple[str, ...]]] = data_field(default_factory=list)
    # The column of the row's id in the org that it comes from.
    id: str = ""
    unknown: list[str] = data_field(default_factory=list)
    warnings: list[str] = data_field(default_factory=list)

    def has(self, path: str) -> bool:
        """Whether any column says something of `path`."""
        relation, dot, _ = path.partition(".")
        if not dot:
            return any(column.key == path.lower() for column in self.values) or path.lower() in self.lookups
        known = next((each for each in self.lookups.values() if _leads(each, relation)), None)
        return known is not None


def _leads(lookup: Lookup, relation: str) -> bool:
    names = {lookup.field.relationship.lower(), lookup.key, lookup.key.removesuffix("id"), lookup.key.removesuffix("__c") + "__r"}
    return relation.lower() in names


def compile_columns(
    headers: Iterable[str], schema: ObjectSchema, *, leave: frozenset[str] = frozenset(), known: frozenset[str] = frozenset()
) -> Columns:
    """Sorts the headers. `leave`: fields in lower case that another job of the same object writes; `known`: objects of the plan."""
    columns = Columns()
    for text in headers:
        header = parse_header(text)
        if header.parts and not header.relation:
            columns.own.append((text, header.parts))
        elif header.relation:
            _relation(columns, header, schema, leave)
        elif header.path:
            _field(columns, header, schema, leave)
    for lookup in columns.lookups.values():
        lookup.known = known
    return columns


def _relation(columns: Columns, header: Header, schema: ObjectSchema, leave: frozenset[str]) -> None:
    field = schema.relation(header.relation)
    if field is None:
        columns.unknown.append(header.text)
        return
    if field.name.lower() in leave:
        return
    lookup = columns.lookups.setdefault(field.name.lower(), Lookup(field))
    lookup.type = header.type or lookup.type
    if header.parts:
        lookup.composite.append((header.text, header.parts))
    else:
        lookup.plain.append((header.text, header.path))


def _field(columns: Columns, header: Header, schema: ObjectSchema, leave: frozenset[str]) -> None:
    field = schema.field(header.path) or schema.relation(header.path) or schema.labels.get(header.path.lower())
    if field is None:
        columns.unknown.append(header.text)
        return
    key = field.name.lower()
    if key == "id":
        columns.id = header.text
    elif key in SYSTEM_FIELDS or field.type in ("address", "location") or (field.calculated and not field.createable):
        columns.warnings.append(f"{schema.name}.{field.name} is filled in by Salesforce: its column is left out.")
    elif key in leave:
        return
    elif field.is_reference:
        lookup = columns.lookups.setdefault(key, Lookup(field))
        lookup.type = header.type or lookup.type
        lookup.raw.append(header.text)
    elif all(column.key != key for column in columns.values):
        columns.values.append(ValueColumn(header.text, field, key, converter(field)))


def headers_by_field(columns: Columns) -> dict[str, list[str]]:
    """Field, in lower case -> the headers of the columns that say something of it."""
    found = {column.key: [column.header] for column in columns.values}
    for key, lookup in columns.lookups.items():
        found[key] = [*(text for text, _ in lookup.plain), *(text for text, _ in lookup.composite), *lookup.raw]
    return found
