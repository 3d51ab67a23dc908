"""The errors of the latest runs, by class: how many, an example of each, and what to do."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field

from waybill.api.advice import what_to_do
from waybill.files.reporting import report_key
from waybill.files.totals import backup_totals, switch_totals
from waybill.runs.model import ERRORS_SHOWN, Context, ErrorRow, RowError, RunKind, RunRecord, RunStatus
from waybill.runs.store import RunStore
from waybill.runs.work import WorkBucket

RUNS_LOOKED_AT = 20
SAMPLE = 5


class ErrorClassView(BaseModel):
    """A class of error, as the latest run that met it has it. `exact` False: there are at least so many. `runs`: that met it, of those looked at."""

    model_config = ConfigDict(populate_by_name=True)

    error_class: str = Field(alias="class")
    what_to_do: str
    count: int
    exact: bool
    runs: int
    run_id: str
    kind: RunKind
    at: str
    sample: list[ErrorRow | RowError]


class ErrorsView(BaseModel):
    """Classes of the latest `runs_looked_at` runs, the newest first; within a run the most frequent first."""

    runs_looked_at: int
    classes: list[ErrorClassView]


def errors_by_class(records: Sequence[RunRecord], *, store: RunStore, work: WorkBucket) -> ErrorsView:
    """`records`: newest first."""
    looked = [record for record in records if record.status is not RunStatus.REFUSED][:RUNS_LOOKED_AT]
    found: dict[str, ErrorClassView] = {}
    for record in looked:
        for name, number in _classes(record, store, work).most_common():
            known = found.get(name)
            found[name] = known.model_copy(update={"runs": known.runs + 1}) if known else _of(record, name, number)
    return ErrorsView(runs_looked_at=len(looked), classes=list(found.values()))


def _of(record: RunRecord, name: str, number: int) -> ErrorClassView:
    sample = [row for row in _rows(record) if _class(row) == name][:SAMPLE]
    return ErrorClassView(
        error_class=name,
        what_to_do=what_to_do(name),
        count=number,
        exact=record.kind.context is Context.FILES or len(record.row_errors) < ERRORS_SHOWN,
        runs=1,
        run_id=record.run_id,
        kind=record.kind,
        at=record.ended_at or record.started_at,
        sample=sample,
    )


def _classes(record: RunRecord, store: RunStore, work: WorkBucket) -> Counter[str]:
    """Of a run that moves files all are counted, by its report or, before there is one, by its results; of others the rows it shows."""
    if record.kind.context is not Context.FILES:
        return Counter(_class(row) for row in record.row_errors)
    if record.ended_at is not None and record.counts.problems == 0 and not record.errors:
        return Counter()
    report = work.get(report_key(record.run_id, "json")) if record.ended_at is not None else None
    if report is not None:
        return _counted(json.loads(report).get("errors_by_class", {}))
    if record.kind is RunKind.BACKUP:
        delta = record.options.parent is not None
        return backup_totals(store, record.run_id, dry_run=record.dry_run, delta=delta).classes
    return switch_totals(store, record, None).classes


def _counted(told: Mapping[str, int]) -> Counter[str]:
    return Counter({name: int(number) for name, number in told.items()})


def _rows(record: RunRecord) -> Iterator[ErrorRow | RowError]:
    yield from record.errors if record.kind.context is Context.FILES else record.row_errors


def _class(row: ErrorRow | RowError) -> str:
    return row.error_class if isinstance(row, ErrorRow) else row.code
