"""Orgs as planning asks for them, and who carries a plan out on them in the plainest way."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local.salesforce.describe import described
from local.salesforce.errors import Fault
from local.salesforce.org import Org
from local.salesforce.schema_files import load_schema
from waybill.records.domain import Action, Cell, Planned, PlannedRow
from waybill.records.schema import Among, FieldSchema, ObjectSchema, object_schema


def _needed(among: Among | None) -> Callable[[Mapping[str, Cell]], bool]:
    """No row more than is said to be needed is given: a plan made without the others is what one made with all has to be."""
    if among is None:
        return lambda row: True
    values = {value.lower() for value in among.values}
    return lambda row: str(row.get(among.field)).lower() in values


class Carrier(ABC):
    """Carries plans out step by step, row by row."""

    @abstractmethod
    def insert(self, sobject: str, values: Mapping[str, Cell]) -> str: ...

    @abstractmethod
    def update(self, sobject: str, row_id: str, values: Mapping[str, Cell]) -> None: ...

    @abstractmethod
    def delete(self, sobject: str, row_id: str) -> None: ...

    def carry_out(self, planned: Planned) -> list[tuple[PlannedRow, str]]:
        """The rows that the org refused, with its reason."""
        ids: dict[int, str] = {}
        refused: list[tuple[PlannedRow, str]] = []
        for step in planned.steps:
            rows = list(step.rows)
            assert len(rows) == step.count, (step.object, step.action, len(rows), step.count)
            for row in rows:
                try:
                    self._write(step.object, step.action, row, ids)
                except (Fault, KeyError) as fault:
                    refused.append((row, repr(fault)))
        return refused

    def _write(self, sobject: str, action: Action, row: PlannedRow, ids: dict[int, str]) -> None:
        values = {**row.fields, **{name: ids[n] for name, n in row.refs.items()}}
        target = row.id or (ids[row.of] if row.of is not None else "")
        match action:
            case Action.INSERT:
                assert row.n is not None
                ids[row.n] = self.insert(sobject, values)
            case Action.UPDATE:
                self.update(sobject, target, values)
            case Action.DELETE:
                self.delete(sobject, target)


@dataclass
class PlainOrg(Carrier):
    """The simulated org without HTTP: its rules hold."""

    org: Org = field(default_factory=Org)
    schemas: dict[str, ObjectSchema | None] = field(default_factory=dict)

    @classmethod
    def with_schema(cls, path: Path) -> "PlainOrg":
        return cls(Org(schema=load_schema(path)))

    def describe(self, sobject: str) -> ObjectSchema | None:
        name = sobject.lower()
        if name not in self.schemas:
            found = self.org.sobject(sobject)
            self.schemas[name] = None if found is None else object_schema(described(self.org, found, "/services/data/v66.0"))
        return self.schemas[name]

    def rows(self, sobject: str, fields: Sequence[str], among: Among | None = None) -> Iterator[Mapping[str, Cell]]:
        for record in filter(_needed(among), self.org.all(self._name(sobject))):
            yield {"Id": record["Id"], **{name: record.get(name) for name in fields}}

    def count(self, sobject: str) -> int:
        found = self.org.sobject(sobject)
        return 0 if found is None else len(self.org.all(found.name))

    def insert(self, sobject: str, values: Mapping[str, Cell]) -> str:
        return self.org.insert(self._name(sobject), values)

    def update(self, sobject: str, row_id: str, values: Mapping[str, Cell]) -> None:
        self.org.update(self._name(sobject), row_id, values)

    def delete(self, sobject: str, row_id: str) -> None:
        self.org.delete(self._name(sobject), row_id)

    def _name(self, sobject: str) -> str:
        found = self.org.sobject(sobject)
        assert found is not None, sobject
        return found.name


class FakeOrg(Carrier):
    """Objects made of a few fields, rows in a dict. It refuses nothing. `reads`: objects that were read, in order."""

    def __init__(self, *objects: ObjectSchema) -> None:
        self.objects = {each.name.lower(): each for each in objects}
        self.data: dict[str, dict[str, dict[str, Cell]]] = {name: {} for name in self.objects}
        self.reads: list[str] = []

    def describe(self, sobject: str) -> ObjectSchema | None:
        return self.objects.get(sobject.lower())

    def rows(self, sobject: str, fields: Sequence[str], among: Among | None = None) -> Iterator[Mapping[str, Cell]]:
        self.reads.append(sobject)
        needed = _needed(among)
        for row_id, row in self.data[sobject.lower()].items():
            if needed({"Id": row_id, **row}):
                yield {"Id": row_id, **{name: row.get(name) for name in fields}}

    def insert(self, sobject: str, values: Mapping[str, Cell]) -> str:
        table = self.data[sobject.lower()]
        row_id = f"a{sorted(self.data).index(sobject.lower()):02}{len(table) + 1:012}AAA"
        for name, value in values.items():
            target = self.objects[sobject.lower()].field(name)
            assert target is not None, f"{sobject}.{name}"
            if target.is_reference and value is not None:
                assert any(value in self.data[each.lower()] for each in target.reference_to), f"{sobject}.{name} = {value}"
        table[row_id] = dict(values)
        return row_id

    def update(self, sobject: str, row_id: str, values: Mapping[str, Cell]) -> None:
        self.data[sobject.lower()][row_id].update(values)

    def delete(self, sobject: str, row_id: str) -> None:
        del self.data[sobject.lower()][row_id]

    def all(self, sobject: str, *fields: str) -> list[tuple[Cell, ...]]:
        """The rows' fields, sorted as texts."""
        return sorted((tuple(row.get(name) for name in fields) for row in self.data[sobject.lower()].values()), key=str)


def an_object(name: str, *fields: FieldSchema | str) -> ObjectSchema:
    """With Id, Name and these fields; a text is a text field."""
    made = [each if isinstance(each, FieldSchema) else FieldSchema(each) for each in fields]
    known = {
        each.name.lower(): each
        for each in [FieldSchema("Id", "id", createable=False, updateable=False), FieldSchema("Name"), *made]
    }
    return ObjectSchema(name, known)


def lookup(name: str, *targets: str, **more: bool) -> FieldSchema:
    return FieldSchema(name, "reference", reference_to=targets, **more)  # type: ignore[arg-type]
