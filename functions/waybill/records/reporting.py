"""A run's report: JSON for machines, a CSV with every row and what became of it, and the bad rows as the input has them."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from waybill.records.domain import Action, Cell, Verdict
from waybill.records.journal import Journal
from waybill.records.marks import ERROR_COLUMNS
from waybill.records.staging import StagedTables, find_job
from waybill.records.standing import files_of, find_plan
from waybill.records.sync.runs import SyncFiles, SyncResults, counts_of
from waybill.records.totals import FAILED, Results, RowResult, results_of
from waybill.runs.model import RowCounts, RowError, RunKind, RunRecord, RunView
from waybill.runs.store import RunStore
from waybill.runs.work import WorkBucket, run_prefix, safe_cell

COLUMNS = (*ERROR_COLUMNS, "changes")
_BUFFER = 256 * 1024
# File and sheet -> row -> the cells of what is wrong with it.
_BadRows = dict[tuple[str, str], dict[int, list[list[str]]]]


@dataclass(frozen=True, slots=True)
class Counted:
    """A run in rows. `results` is None where the run ended before it was planned."""

    rows: RowCounts
    objects: Mapping[str, RowCounts]
    results: Results | SyncResults | None
    summary: Mapping[str, Any]

    def errors(self) -> Iterator[RowError]:
        return self.results.errors() if self.results is not None else iter(())


def count_rows(record: RunRecord, *, store: RunStore, work: WorkBucket) -> Counted:
    """Gone through once: a run may have any number of rows."""
    if record.kind is RunKind.SYNC:
        return _count_sync(record.run_id, store=store, work=work)
    standing = find_plan(store, record.run_id)
    if standing is None:
        return Counted(RowCounts(), {}, None, {})
    plan = files_of(standing, work=work, run_id=record.run_id)
    journal = Journal(store=store, work=work, run_id=record.run_id)
    summary = plan.summary()
    results = results_of(plan, journal, dry_run=record.dry_run)
    rows, objects = results.count()
    # Objects of the input without a row are shown too, as 0.
    objects = {**{name: RowCounts() for name in standing.objects}, **objects}
    deleted = summary.get("deleted", {}) if record.dry_run else _deleted(journal)
    if record.kind is RunKind.LOAD and deleted:
        names = {name.lower(): name for name in objects}
        for name, number in deleted.items():
            known = names.get(name.lower(), name)
            objects[known] = objects.get(known, RowCounts()) + RowCounts(deleted=number)
        rows += RowCounts(deleted=sum(deleted.values()))
    return Counted(rows, objects, results, summary)


def _count_sync(run_id: str, *, store: RunStore, work: WorkBucket) -> Counted:
    objects, files = counts_of(store, run_id), SyncFiles(work=work, run_id=run_id)
    if objects is None:
        return Counted(RowCounts(), {}, None, {})
    return Counted(sum(objects.values(), RowCounts()), objects, SyncResults(files), files.outcome())


def _deleted(journal: Journal) -> Mapping[str, int]:
    """Rows of the org that a load has deleted, because its plan says to, by object."""
    found: Counter[str] = Counter()
    for fact in journal.facts():
        if fact["action"] == Action.DELETE:
            found[fact["object"]] += fact.get("ok", 0)
    return found


def report_key(run_id: str, form: str) -> str:
    """Where the report of a run is: `form` is json, csv, errors.csv or errors.xlsx."""
    return f"{run_prefix(run_id)}report.{form}"


def note_key(run_id: str) -> str:
    """Why there is no error workbook."""
    return f"{run_prefix(run_id)}errors-workbook.txt"


def input_of(record: RunRecord, store: RunStore) -> str:
    """The key of what a load has taken in; a retry's is that of the load that it retries. Empty where there is none."""
    options = record.options.load
    while options is not None and options.input is None and options.retry_of is not None:
        options = store.get(options.retry_of).options.load
    return (options.input or "") if options is not None else ""


def _without_workbook(record: RunRecord, counted: Counted, store: RunStore, work: WorkBucket) -> Iterator[str]:
    """A warning where an error workbook was to be expected."""
    if not counted.rows.problems or record.kind is not RunKind.LOAD or not input_of(record, store).lower().endswith(".xlsx"):
        return
    if work.head(report_key(record.run_id, "errors.xlsx")) is None:
        why = (work.get(note_key(record.run_id)) or b"").decode()
        yield f"There is no error workbook. {why or 'The run ended before it was written.'} The error CSV has all rows."


def write_reports(record: RunRecord, counted: Counted, *, store: RunStore, work: WorkBucket) -> None:
    """Of any size; only the bad rows are held in memory."""
    codes: Counter[str] = Counter()
    bad: _BadRows = {}
    with _Csv(work, report_key(record.run_id, "csv"), COLUMNS) as whole:
        for row in counted.results.rows() if counted.results is not None else ():
            cells = _cells(row)
            whole.write(cells)
            if row.outcome in {FAILED, Verdict.REJECTED}:
                codes[row.code] += 1
                origin = row.verdict.origin
                bad.setdefault((origin.file, origin.sheet), {}).setdefault(origin.row, []).append(cells[:-1])
    _write_bad(bad, work=work, run_id=record.run_id)
    report = {
        **RunView.of(record).model_dump(mode="json", by_alias=True),
        "errors_by_code": dict(codes.most_common()),
        "warnings": [
            *counted.summary.get("warnings", []),
            *_differing(work, record.run_id),
            *_without_workbook(record, counted, store, work),
        ],
        "keys": counted.summary.get("keys", {}),
        "configuration": json.loads(record.configuration or "{}"),
    }
    work.put(report_key(record.run_id, "json"), json.dumps(report, ensure_ascii=False, indent=1).encode())


def _write_bad(bad: _BadRows, *, work: WorkBucket, run_id: str) -> None:
    """Reasons first, then the row as it came: whoever mends the file has both before him. An undo has no input."""
    job = find_job(work, run_id)
    found = {(table.file, table.sheet): table for table in job.tables} if job is not None else {}
    headers = list(dict.fromkeys(header for place in bad if place in found for header in found[place].headers))
    with _Csv(work, report_key(run_id, "errors.csv"), (*ERROR_COLUMNS, *headers)) as out:
        for place, rows in bad.items():
            staged = StagedTables(work=work, run_id=run_id).rows(found[place].number) if place in found else iter(())
            for row in staged:
                given = [safe_cell(_text(row.values.get(header))) for header in headers] if row.row in rows else []
                for reasons in rows.pop(row.row, ()):
                    out.write([*reasons, *given])
            for left in rows.values():
                for reasons in left:
                    out.write(reasons)


def _text(value: Cell) -> str:
    return "" if value is None else str(value)


def _differing(work: WorkBucket, run_id: str) -> Iterator[str]:
    for key in work.keys(f"{run_prefix(run_id)}differing/"):
        for found in json.loads(work.get(key) or b"[]"):
            where = f" in {found['field']}" if found["field"] else ""
            yield (
                f"{found['rows']} rows of {found['object']} hold another value{where} than was written: "
                "automation in the org may have changed it."
            )


def _cells(row: RowResult) -> list[str]:
    origin = row.verdict.origin
    changes = "; ".join(f"{name}: {_shown(old)} -> {_shown(new)}" for name, (old, new) in row.verdict.changes.items())
    found = (
        origin.file, origin.sheet, str(origin.row), row.verdict.object, row.outcome, row.id or "",
        row.verdict.field, row.code, row.message, changes,
    )  # fmt: skip
    return [safe_cell(cell) for cell in found]


def _shown(value: object) -> str:
    return "(none)" if value is None else str(value)


class _Csv:
    """Writes a CSV piece by piece. It appears whole, or not at all."""

    def __init__(self, work: WorkBucket, key: str, header: Iterable[str]) -> None:
        self._header = header
        self._writer = work.writer(key, content_type="text/csv; charset=utf-8")
        self._buffer = io.StringIO()
        self._csv = csv.writer(self._buffer)

    def __enter__(self) -> Self:
        self._writer.__enter__()
        self.write(self._header)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._flush()
        self._writer.__exit__(kind, error, trace)

    def write(self, cells: Iterable[str]) -> None:
        self._csv.writerow(cells)
        if self._buffer.tell() > _BUFFER:
            self._flush()

    def _flush(self) -> None:
        self._writer.write(self._buffer.getvalue().encode())
        self._buffer.seek(0)
        self._buffer.truncate()
