"""A load that has been carried out, step by step, in an org that is a dictionary; and the undo of it, which may be killed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import cast

from waybill.records.domain import Action, Cell, Origin, Planned, PlannedRow
from waybill.records.journal import Journal, Place, RowOutcome
from waybill.records.plans import PlanFiles, StepFile
from waybill.records.schema import Child, FieldSchema, ObjectSchema
from waybill.records.undoing import UndoPlanner
from waybill.records.undone import recreated_by
from waybill.records.using import Use
from waybill.records.writing import resolve

Rows = dict[str, dict[str, Cell]]


class Killed(Exception):
    """The task is gone."""


@dataclass
class FakeOrg:
    """Rows by object and id. What names a row that is deleted is cleared, refused (`restricted`), or keeps the org from deleting it while `Status` is Active."""

    schemas: Mapping[str, ObjectSchema]
    restricted: frozenset[tuple[str, str]] = frozenset()
    rows: dict[str, Rows] = field(default_factory=dict)
    writes: list[tuple[Action, str, str]] = field(default_factory=list)
    _next: Iterator[int] = field(default_factory=lambda: count(1))

    def insert(self, sobject: str, fields: Mapping[str, Cell]) -> str:
        record = f"{sobject[:3].lower():0<3}{next(self._next):012}AAA"
        self.rows.setdefault(sobject, {})[record] = dict(fields)
        return record

    def write(self, sobject: str, action: Action, record: str | None, fields: Mapping[str, Cell]) -> RowOutcome:
        if action is Action.INSERT:
            record = self.insert(sobject, fields)
        elif record is None or record not in self.rows.get(sobject, {}):
            return RowOutcome(ok=False, id=record, code="ENTITY_IS_DELETED")
        elif action is Action.UPDATE:
            self.rows[sobject][record].update(fields)
        elif self.rows[sobject][record].get("Status") == "Active":
            return RowOutcome(ok=False, id=record, code="FIELD_INTEGRITY_EXCEPTION", message="It is active.")
        elif any((use.object, use.field) in self.restricted for use in self.uses(sobject, [record])):
            return RowOutcome(ok=False, id=record, code="DELETE_FAILED", message="It is named by others.")
        else:
            for use in list(self.uses(sobject, [record])):
                self.rows[use.object][use.child][use.field] = None
            del self.rows[sobject][record]
        self.writes.append((action, sobject, record))
        return RowOutcome(ok=True, id=record)

    def uses(self, sobject: str, ids: Sequence[str]) -> Iterator[Use]:
        for child in self.schemas[sobject].children:
            for record, row in self.rows.get(child.object, {}).items():
                if row.get(child.field) in ids:
                    yield Use(str(row[child.field]), child.object, record, child.field)

    def read(self, sobject: str, ids: Sequence[str], fields: Sequence[str]) -> Iterator[dict[str, Cell] | None]:
        found = self.rows.get(sobject, {})
        for record in ids:
            yield {name: found[record].get(name) for name in fields} if record in found else None


@dataclass
class Carried:
    """A plan of any kind, and how far it has been carried out: as PlanFiles and Journal show them."""

    org: FakeOrg
    planned: Sequence[tuple[str, Action, Sequence[PlannedRow]]]
    done: dict[Place, list[RowOutcome]] = field(default_factory=dict)

    def carry_out(self, *, killed_after: int | None = None) -> list[RowOutcome]:
        """Each row is a piece of its own. What has been done is not done again. What failed."""
        written = 0
        for place, (sobject, action, row) in self._pieces():
            if place in self.done:
                continue
            if written == killed_after:
                raise Killed
            ready, failed = resolve([row], self.ids())
            outcomes = [self.org.write(sobject, action, each.id, each.fields) for each in ready] or failed
            self.done[place] = [RowOutcome(each.ok, each.id, row.n, row.of, each.code, each.message) for each in outcomes]
            written += 1
        return [outcome for outcomes in self.done.values() for outcome in outcomes if not outcome.ok]

    def _pieces(self) -> Iterator[tuple[Place, tuple[str, Action, PlannedRow]]]:
        for step, (sobject, action, rows) in enumerate(self.planned):
            for piece, row in enumerate(rows):
                yield Place(step, piece), (sobject, action, row)

    def steps(self) -> tuple[StepFile, ...]:
        return tuple(
            StepFile(step, sobject, action, len(rows), tuple(f"{step}/{piece}" for piece in range(len(rows))), bulk=False)
            for step, (sobject, action, rows) in enumerate(self.planned)
        )

    def rows(self, key: str) -> Iterator[PlannedRow]:
        step, piece = map(int, key.split("/"))
        yield self.planned[step][2][piece]

    def places(self) -> list[Place]:
        return list(self.done)

    def outcomes(self, place: Place) -> Iterator[RowOutcome]:
        return iter(self.done[place])

    def ids(self) -> dict[int, str]:
        return {each.n: each.id for outcomes in self.done.values() for each in outcomes if each.ok and each.n and each.id}


def undo_of(load: Carried, *, recreated: Mapping[str, str] | None = None) -> Planned:
    """The plan of the load's undo, from the org as it is now."""
    return UndoPlanner(
        plan=cast("PlanFiles", load),
        journal=cast("Journal", load),
        read=load.org.read,
        describe=load.org.schemas.get,
        recreated=recreated or {},
        users=load.org.uses,
        time_is_up=lambda: False,
    ).make()


def created_again_by(undo: Carried) -> dict[str, str]:
    """Old id -> new id."""
    return recreated_by(cast("PlanFiles", undo), cast("Journal", undo))


def carried(org: FakeOrg, planned: Planned) -> Carried:
    return Carried(org, [(step.object, step.action, list(step.rows)) for step in planned.steps])


def at(row: int) -> Origin:
    return Origin("plan.csv", "", row)


def schema(
    name: str, *fields: str, parents: Mapping[str, str] | None = None, children: Mapping[str, str] | None = None
) -> ObjectSchema:
    """`parents`: lookup to object; `children`: object to the lookup by which it names this one."""
    known = [FieldSchema("Id", "id"), *(FieldSchema(each, "string", length=255) for each in fields)]
    known += [FieldSchema(lookup, "reference", reference_to=(of,)) for lookup, of in (parents or {}).items()]
    named = tuple(Child(of, lookup) for of, lookup in (children or {}).items())
    return ObjectSchema(name, {each.name.lower(): each for each in known}, children=named)
