"""Saved mappings: which column of a table goes into which field, with constants, value maps, expressions and defaults. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Final

from waybill.errors import InvalidInput
from waybill.records.domain import Cell, Job, ObjectJob, Operation, StagedRow, Table, Tables
from waybill.records.expressions import parse
from waybill.records.schema import ObjectSchema
from waybill.records.values import is_blank, text_of

_OPERATIONS: Final = {"upsert": Operation.UPSERT, "insert": Operation.INSERT, "update": Operation.UPDATE}
_NOT_LETTERS: Final = re.compile(r"[\W_]+")
_SIMILAR: Final = 0.8


@dataclass(frozen=True, slots=True)
class Rule:
    """Where the value of one field comes from: a column, an expression, or a constant. `field` may be a path, as in a header.

    `values` replace what was found, by its text; `default` stands in for a blank.
    """

    field: str
    column: str = ""
    expression: str = ""
    constant: Cell = None
    values: Mapping[str, Cell] | None = None
    default: Cell = None


@dataclass(frozen=True, slots=True)
class TableMapping:
    """How one table is read. `table`: its sheet's name, or its file's, with or without the ending. `rest`: keep other columns."""

    table: str
    object: str
    rules: tuple[Rule, ...]
    external_id: str = ""
    operation: Operation | None = None
    rest: bool = False


@dataclass(frozen=True, slots=True)
class SavedMapping:
    """`version` counts from 1: a mapping that was saved is not changed, its next version is another."""

    name: str
    version: int
    tables: tuple[TableMapping, ...]


@dataclass(frozen=True, slots=True)
class MappedTables:
    """The tables as their mapping makes them: fields in place of headers, under the rows' own numbers."""

    tables: Tables
    readers: Mapping[int, "_Reader"]

    def rows(self, number: int) -> Iterator[StagedRow]:
        reader = self.readers.get(number)
        return self.tables.rows(number) if reader is None else (reader.row(staged) for staged in self.tables.rows(number))


def apply(mapping: SavedMapping, job: Job, tables: Tables) -> tuple[Job, MappedTables]:
    """The job and its tables by the mapping; tables that it does not speak of are left as they are, with a warning.

    Raises InvalidInput for a column that a rule wants and the table has not.
    """
    readers: dict[int, _Reader] = {}
    changed: dict[int, tuple[Table, TableMapping]] = {}
    warnings: list[str] = []
    for table in job.tables:
        found = next((each for each in mapping.tables if _is_of(each, table)), None)
        if found is None:
            warnings.append(f"{_shown(table)}: the mapping {mapping.name} does not speak of it.")
            continue
        reader = readers[table.number] = _Reader.of(found, table)
        changed[table.number] = (replace(table, headers=reader.headers), found)
    objects = tuple(_mapped(each, changed[each.table][1]) if each.table in changed else each for each in job.objects)
    named = tuple(changed[table.number][0] if table.number in changed else table for table in job.tables)
    return Job(objects, named, (*job.warnings, *warnings)), MappedTables(tables, readers)


def _is_of(mapping: TableMapping, table: Table) -> bool:
    file = table.file.rpartition("/")[2]
    names = {table.sheet.lower()} if table.sheet else {file.lower(), file.rpartition(".")[0].lower()}
    return mapping.table.strip().lower() in names


def _shown(table: Table) -> str:
    return f"{table.file}, sheet {table.sheet}" if table.sheet else table.file


def _mapped(job: ObjectJob, mapping: TableMapping) -> ObjectJob:
    key = tuple(part.strip() for part in mapping.external_id.split(";") if part.strip())
    return replace(
        job, object=mapping.object, external_id=key or job.external_id, operation=mapping.operation or job.operation, fields=()
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    makers: tuple[tuple[str, Callable[[Mapping[str, Cell]], Cell]], ...]
    kept: tuple[str, ...]

    @classmethod
    def of(cls, mapping: TableMapping, table: Table) -> "_Reader":
        headers = {header.lower(): header for header in table.headers}
        used: set[str] = set()
        makers = []
        for rule in mapping.rules:
            maker, columns = _maker(rule, headers, _shown(table))
            used |= columns
            makers.append((rule.field, maker))
        kept = tuple(header for header in table.headers if header not in used) if mapping.rest else ()
        return cls(tuple(makers), kept)

    @property
    def headers(self) -> tuple[str, ...]:
        return (*(field for field, _ in self.makers), *self.kept)

    def row(self, staged: StagedRow) -> StagedRow:
        cells = staged.values
        made = {field: maker(cells) for field, maker in self.makers}
        return StagedRow(staged.row, {**{header: cells.get(header) for header in self.kept}, **made})


def _maker(rule: Rule, headers: Mapping[str, str], table: str) -> tuple[Callable[[Mapping[str, Cell]], Cell], set[str]]:
    """What makes a field's cell, and the columns that it looks at."""
    source: Callable[[Mapping[str, Cell]], Cell]
    if rule.expression:
        source, wanted = parse(rule.expression, headers)
    elif rule.column:
        header = " ".join(rule.column.split())
        wanted = frozenset({header})
        actual = headers.get(header.lower(), header)
        source = lambda cells: cells.get(actual)  # noqa: E731 - one of three
    else:
        constant = rule.constant
        wanted = frozenset()
        source = lambda _: constant  # noqa: E731 - one of three
    missing = [header for header in wanted if header.lower() not in headers]
    if missing:
        raise InvalidInput(f"{table} has no column {missing[0]!r}, which the mapping reads into {rule.field}.")
    replaced = {text.strip().lower(): value for text, value in (rule.values or {}).items()}
    default = rule.default

    def make(cells: Mapping[str, Cell]) -> Cell:
        cell = source(cells)
        if replaced and not is_blank(cell):
            cell = replaced.get(text_of(cell).strip().lower(), cell)
        return default if default is not None and is_blank(cell) else cell

    return make, {headers[header.lower()] for header in wanted}


def from_json(raw: Mapping[str, Any]) -> SavedMapping:  # Any: JSON
    """Raises InvalidInput, naming what is wrong. Expressions are parsed, so that a mapping that is saved can be used."""
    try:
        tables = tuple(_table_from(each) for each in raw["tables"])
        mapping = SavedMapping(str(raw["name"]), int(raw.get("version", 1)), tables)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput(f"This is not a mapping: {error!r}.") from error
    if not mapping.tables:
        raise InvalidInput(f"The mapping {mapping.name} has no tables.")
    names = [table.table.strip().lower() for table in tables]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInput(f"The mapping {mapping.name} has the table {twice[0]} twice.")
    return mapping


def _table_from(raw: Mapping[str, Any]) -> TableMapping:  # Any: JSON
    named = str(raw.get("operation") or "").lower()
    if named and named not in _OPERATIONS:
        raise InvalidInput(f"{raw['table']}: the operation {named!r} is none of {', '.join(_OPERATIONS)}.")
    rules = tuple(
        Rule(
            field=str(rule["field"]),
            column=str(rule.get("column") or ""),
            expression=str(rule.get("expression") or ""),
            constant=rule.get("constant"),
            values=dict(rule["values"]) if rule.get("values") else None,
            default=rule.get("default"),
        )
        for rule in raw["rules"]
    )
    for rule in rules:
        sources = [bool(rule.column), bool(rule.expression), rule.constant is not None]
        if sum(sources) != 1:
            raise InvalidInput(f"{raw['table']}: {rule.field} needs one of column, expression and constant.")
        if rule.expression:
            parse(rule.expression)
    twice = sorted({rule.field for rule in rules if sum(other.field.lower() == rule.field.lower() for other in rules) > 1})
    if twice:
        raise InvalidInput(f"{raw['table']}: {twice[0]} is mapped twice.")
    return TableMapping(
        table=str(raw["table"]),
        object=str(raw["object"]),
        rules=rules,
        external_id=str(raw.get("external_id") or ""),
        operation=_OPERATIONS.get(named),
        rest=bool(raw.get("rest", False)),
    )


def to_json(mapping: SavedMapping) -> dict[str, Any]:  # Any: JSON
    return {
        "name": mapping.name,
        "version": mapping.version,
        "tables": [
            {
                "table": table.table,
                "object": table.object,
                "external_id": table.external_id,
                "operation": table.operation.value if table.operation else "",
                "rest": table.rest,
                "rules": [_rule_to(rule) for rule in table.rules],
            }
            for table in mapping.tables
        ],
    }


def _rule_to(rule: Rule) -> dict[str, Any]:  # Any: JSON
    told: dict[str, Any] = {
        "field": rule.field,
        "column": rule.column,
        "expression": rule.expression,
        "values": dict(rule.values or {}),
    }
    told |= {"constant": rule.constant, "default": rule.default}
    return {name: value for name, value in told.items() if value not in (None, "", {})}


def suggest(headers: Iterable[str], schema: ObjectSchema) -> dict[str, str]:
    """Header to the field that it most likely means: by API name, by label, by either without its punctuation, by likeness."""
    by_letters: dict[str, str] = {}
    for known in schema.fields.values():
        for text in (known.label, known.name.removesuffix("__c"), known.name):
            by_letters.setdefault(_letters(text), known.name)

    def alike(header: str) -> str:
        near = get_close_matches(_letters(header), by_letters, n=1, cutoff=_SIMILAR)
        return by_letters[near[0]] if near else ""

    def exact(header: str) -> str:
        known = schema.field(header) or schema.labels.get(" ".join(header.split()).lower())
        return known.name if known is not None else ""

    found: dict[str, str] = {}
    names = list(headers)
    # The surer way first, for all headers: a field is given to one of them only.
    for way in (exact, lambda header: by_letters.get(_letters(header), ""), alike):
        for header in names:
            field = "" if header in found else way(header)
            if field and field not in found.values():
                found[header] = field
    return {header: found[header] for header in names if header in found}


def _letters(text: str) -> str:
    return _NOT_LETTERS.sub("", text).lower()
