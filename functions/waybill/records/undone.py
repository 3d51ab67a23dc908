"""Rows that a load has written, as an undo looks at them; and those that an undo has created again, under new ids."""

from collections.abc import Mapping
from dataclasses import dataclass

from waybill.errors import NotReady
from waybill.records.domain import Action, Cell, PlannedRow
from waybill.records.journal import Journal
from waybill.records.plans import PlanFiles
from waybill.salesforce.ids import to18


@dataclass(frozen=True, slots=True)
class Done:
    """A planned row that was carried out: the record, and what was written to it."""

    row: PlannedRow
    id: str
    written: Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Doomed:
    """An inserted row that may be deleted: as it is now, and what it is set back to before."""

    done: Done
    now: dict[str, Cell]
    first: dict[str, Cell]


def recreated_by(plan: PlanFiles, journal: Journal) -> dict[str, str]:
    """Old id -> new id of the rows that an undo has created again."""
    ids, found = journal.ids(), dict[str, str]()
    for step in plan.steps():
        if step.action is Action.INSERT:
            for key in step.pieces:
                for row in plan.rows(key):
                    if row.id is not None and row.n in ids:
                        found[to18(row.id)] = ids[row.n]
    return found


def too_large(sobject: str, row: int, *, of: int, place: str) -> NotReady:
    """A task's time was used up at a row of so many. `place`: of the load's plan."""
    return NotReady(
        f"The undo is too large to be planned at once: the time of a task was used up at row {row:,} of {of:,} of {sobject}. "
        f"Nothing was undone. What the load wrote, and what stood there before, is in its plan: {place}."
    )
