"""What listeners are told: the three kinds of events, under the seed's names, and how far along a run is, in percent."""

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from waybill.runs.model import Context, Counts, ErrorRow, RowCounts, RowError, RunKind, RunStatus, RunView

# Characters of what went wrong; the run's errors have it whole.
LONGEST = 1_000
# A run that has stopped: nothing moves until somebody resumes it.
ENDED = frozenset({RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.REFUSED, RunStatus.PAUSED})


class EventType(StrEnum):
    PROGRESS = "operation:progress"
    COMPLETE = "operation:complete"
    ERROR = "operation:error"


class Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class Progress(Model):
    """How far a run is. `files` of a run that moves files, `rows` of one that loads records: the counts of the run view."""

    operationId: str  # noqa: N815 - the seed's name
    progress: int
    message: str
    status: RunStatus
    phase: str
    files: Counts | None = None
    rows: RowCounts | None = None


class Complete(Model):
    """A run has ended, or was paused."""

    operationId: str  # noqa: N815 - the seed's name
    status: RunStatus
    summary: Counts | RowCounts
    message: str


class Trouble(Model):
    """A file or row that has failed, is in conflict or held back; or, without an id, a step as a whole.

    `error` is the class. `more`: how many others of the same step are not told one by one.
    """

    operationId: str  # noqa: N815 - the seed's name
    error: str
    details: str
    account_id: str = ""
    entry_id: str = ""
    name: str = ""
    object: str = ""
    row: int = 0
    more: int = 0


class Event(Model):
    """`sequence` counts all events of a stage, `run_sequence` those of the run; neither has a gap."""

    sequence: int
    run_sequence: int
    type: EventType
    time: str
    run_id: str
    kind: RunKind
    data: Progress | Complete | Trouble


def progress_of(view: RunView, *, planned: int | None, least: int = 0) -> Progress:
    """`planned`: rows that units were cut of, None before. `least`: what was told before; nobody is told of a step back."""
    rows = view.kind.context is Context.RECORDS
    done, total = _done(view, planned)
    reached = 100 if view.status in ENDED else min(99, max(least, _percent(view, done=done, total=total, planned=planned)))
    so_far = f": {done:,} of {total:,} {'rows' if rows else 'files'}" if total else ""
    return Progress(
        operationId=view.run_id,
        progress=reached,
        message=f"{view.phase}{so_far}",
        status=view.status,
        phase=view.phase,
        **{"rows": view.rows} if rows else {"files": view.files},
    )


def complete_of(view: RunView) -> Complete:
    summary = view.rows if view.kind.context is Context.RECORDS else view.files
    return Complete(operationId=view.run_id, status=view.status, summary=summary, message=view.message[:LONGEST])


def trouble_of(run_id: str, row: ErrorRow | RowError, *, more: int = 0) -> Trouble:
    if isinstance(row, RowError):
        told: dict[str, Any] = {"error": row.code, "name": row.file, "object": row.object, "row": row.row}
    else:
        told = {"error": row.error_class, "account_id": row.account_id, "entry_id": row.entry_id, "name": row.name}
    return Trouble(operationId=run_id, details=row.message[:LONGEST], more=more, **told)


def _done(view: RunView, planned: int | None) -> tuple[int, int]:
    """What is dealt with in the step at hand, and of how much."""
    files, rows = view.files, view.rows
    match view.kind:
        case RunKind.LOAD | RunKind.UNDO | RunKind.SYNC:
            # What a load deletes stands beside its rows; an undo's rows are deleted themselves.
            deleted = rows.deleted if view.kind is RunKind.UNDO else 0
            done, total = rows.inserted + rows.updated + rows.unchanged + rows.rejected + rows.failed + deleted, rows.total
        case RunKind.ROLLBACK:
            done, total = files.rolled_back + files.to_restore + files.conflicts + files.failed, planned or 0
        case RunKind.CUTOVER if planned is not None:
            done, total = files.switched + files.to_switch + files.conflicts + files.failed, planned
        case _:
            done = files.copied + files.skipped + files.failed + files.held_back + files.conflicts
            total = files.total
    return min(done, total), total


# Phase -> from where to where it takes the bar: before anything can be counted, and behind it.
_PHASES = {
    "starting": 0,
    "checking readiness": 2,
    "listing accounts": 3,
    "listing files": 5,
    "reading the input": 3,
    "planning": 5,
}
_LAST = {"summing up": 96, "reading back": 96, "writing the report": 98}


def _percent(view: RunView, *, done: int, total: int, planned: int | None) -> int:
    if view.phase in _LAST:
        return _LAST[view.phase]
    first, last = 10, 95
    if view.kind is RunKind.CUTOVER:
        # Half of a cutover is its delta.
        first, last = (45, 95) if planned is not None else (5, 40)
    if view.phase in _PHASES and (view.kind is not RunKind.CUTOVER or not total):
        return _PHASES[view.phase]
    return first + (last - first) * done // total if total else first
