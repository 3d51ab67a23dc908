"""Writes planned rows of one object: collections, rows of one parent together, locked rows again in ever smaller calls."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from waybill.errors import SalesforceUnavailable
from waybill.records.domain import Action, Cell, PlannedRow
from waybill.records.journal import RowOutcome
from waybill.salesforce.batching import NOT_SENT, RowResult

PARENT_FAILED = "PARENT_FAILED"
# Codes of a row to delete that is not there any more: that is what was wanted.
_GONE = frozenset({"ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "NOT_FOUND"})


class Org(Protocol):
    """What is needed of Salesforce; results are in the order of the rows. An insert is never repeated by itself."""

    def insert(self, sobject: str, rows: Sequence[Mapping[str, object]]) -> list[RowResult]: ...

    def update(self, sobject: str, rows: Sequence[Mapping[str, object]]) -> list[RowResult]: ...

    def delete(self, sobject: str, ids: Sequence[str]) -> list[RowResult]: ...


@dataclass(frozen=True, slots=True)
class Ready:
    """A planned row whose references have their ids. `id`: of the row to update or delete."""

    row: PlannedRow
    fields: Mapping[str, Cell]
    id: str | None = None


def resolve(rows: Iterable[PlannedRow], ids: Mapping[int, str]) -> tuple[list[Ready], list[RowOutcome]]:
    """The rows that can be written, and the outcomes of those that need a row which was not inserted."""
    ready, failed = list[Ready](), list[RowOutcome]()
    for row in rows:
        missing = [field for field, n in row.refs.items() if n not in ids]
        record = row.id if row.of is None else ids.get(row.of)
        if missing:
            names = ", ".join(missing)
            failed.append(_failed(row, record, PARENT_FAILED, f"The row that {names} refers to was not inserted: see its error."))
        elif row.of is not None and record is None:
            failed.append(_failed(row, None, PARENT_FAILED, "The row itself was not inserted: see its error."))
        else:
            ready.append(Ready(row, {**row.fields, **{field: ids[n] for field, n in row.refs.items()}}, record))
    return ready, failed


def write(org: Org, sobject: str, action: Action, rows: Sequence[Ready]) -> list[RowOutcome]:
    """Carries out one action for all rows. Raises where a call as a whole fails: what it did then is to be looked for."""
    together = sorted(rows, key=_parent)
    match action:
        case Action.INSERT:
            results = org.insert(sobject, [ready.fields for ready in together])
            if lost := [result for result in results if result.unknown or result.code == NOT_SENT]:
                raise SalesforceUnavailable(
                    f"Of {len(lost)} rows of {sobject} it is not known whether they were inserted. {lost[0].message}"
                )
            return [
                RowOutcome(ok=result.ok, id=result.id or None, n=ready.row.n, code=result.code, message=result.message)
                for ready, result in zip(together, results, strict=True)
            ]
        case Action.UPDATE:
            return [outcome for turn in _turns(together) for outcome in _update(org, sobject, turn)]
        case Action.DELETE:
            results = org.delete(sobject, [str(ready.id) for ready in together])
            return [_deleted(ready, result) for ready, result in zip(together, results, strict=True)]


def _update(org: Org, sobject: str, rows: Sequence[Ready]) -> list[RowOutcome]:
    results = org.update(sobject, [{"Id": ready.id, **ready.fields} for ready in rows])
    return [
        RowOutcome(ok=result.ok, id=ready.id, of=ready.row.of, code=result.code, message=result.message)
        for ready, result in zip(rows, results, strict=True)
    ]


def _turns(rows: Sequence[Ready]) -> list[list[Ready]]:
    """A call may name a record once: what comes to the same record again waits for the next turn."""
    turns: list[list[Ready]] = []
    seen: dict[str, int] = {}
    for ready in rows:
        turn = seen.get(str(ready.id), 0)
        seen[str(ready.id)] = turn + 1
        if turn == len(turns):
            turns.append([])
        turns[turn].append(ready)
    return turns


def _deleted(ready: Ready, result: RowResult) -> RowOutcome:
    gone = not result.ok and result.code in _GONE
    if result.ok or gone:
        return RowOutcome(ok=True, id=ready.id, of=ready.row.of)
    return RowOutcome(ok=False, id=ready.id, of=ready.row.of, code=result.code, message=result.message)


def _failed(row: PlannedRow, record: str | None, code: str, message: str) -> RowOutcome:
    return RowOutcome(ok=False, id=record, n=row.n, of=row.of, code=code, message=message)


def _parent(ready: Ready) -> str:
    """Rows that lock the same parent stand together: calls at once for one parent wait for each other's lock."""
    ids = [str(value) for field, value in sorted(ready.fields.items()) if field.endswith("Id") and value]
    return ids[0] if ids else ""
