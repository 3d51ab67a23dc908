"""A run's report: JSON for machines, CSV for spreadsheets, and the old values for Data Loader."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from waybill.counting import by_service
from waybill.errors import WorkDamaged
from waybill.files.switching import Outcome, old_value
from waybill.files.totals import Totals, errors_of, outcome_rows
from waybill.files.turns import read_plan
from waybill.files.urls import mask
from waybill.runs.model import Counts, ErrorRow, Options, RunKind, RunRecord, RunView
from waybill.runs.store import RunStore
from waybill.runs.work import Row, WorkBucket, run_prefix, safe_cell

_SWITCHED = {Outcome.DONE, Outcome.ALREADY}
_COLUMNS = ("entry_id", "account_id", "name", "old", "new", "outcome", "class", "message", "checksum")


def report_key(run_id: str, form: str) -> str:
    """Where the report of a run is: `form` is json or csv."""
    return f"{run_prefix(run_id)}report.{form}"


def rollback_key(run_id: str) -> str:
    return f"{run_prefix(run_id)}rollback.csv"


def write_report(record: RunRecord, *, totals: Totals, requests: Mapping[str, float], work: WorkBucket) -> None:
    """Writes report.json. `requests`: by kind."""
    report = {
        **RunView.of(record, requests=by_service(requests)).model_dump(mode="json", by_alias=True),
        "errors_by_class": dict(totals.classes.most_common()),
        "widest_window_ms": totals.widest_window_ms,
        "configuration": json.loads(record.configuration or "{}"),
    }
    work.put(report_key(record.run_id, "json"), json.dumps(report, ensure_ascii=False, indent=1).encode())


def write_tables(record: RunRecord, *, store: RunStore, work: WorkBucket, url_field: str) -> None:
    """Writes report.csv and, for a cutover that switched, rollback.csv. Of any size, with bounded memory."""
    _write_csv(work, report_key(record.run_id, "csv"), _COLUMNS, _cells(record, store, work))
    if record.kind is RunKind.CUTOVER and not record.dry_run:
        # Whole and untouched: Data Loader writes these values back as they are. Only URLs that name a file were ever switched.
        old = old_values(work, record.run_id)
        _write_csv(work, rollback_key(record.run_id), ("Id", url_field), old)


def old_values(work: WorkBucket, run_id: str) -> Iterator[list[str]]:
    """Id and old value of each row that was written, or may have been: of a turn that broke off, all that it had planned."""
    plans = f"{run_prefix(run_id)}plans/"
    for key in work.keys(plans):
        turn = key.removeprefix(plans)
        outcomes = {row["entry_id"]: row for row in work.rows(f"{run_prefix(run_id)}outcomes/{turn}")}
        for row in read_plan(work, key)[1]:
            came_to = outcomes.get(row.file.entry_id)
            if not outcomes or (came_to is not None and _written(came_to)):
                yield [row.file.entry_id, old_value(row)]


def _written(row: Row) -> bool:
    return row["outcome"] in _SWITCHED or row.get("class") in {"CHANGED_AFTERWARDS", "LEDGER_CHANGED"}


def _cells(record: RunRecord, store: RunStore, work: WorkBucket) -> Iterator[list[str]]:
    """Every old and new link and what became of it; for a backup what went wrong; all values masked and safe for a spreadsheet."""
    if record.kind is not RunKind.BACKUP:
        for row in outcome_rows(store, work, record.run_id):
            yield _line(row)
        return
    for error in errors_of(store, work, record.run_id):
        yield _line({**error.model_dump(by_alias=True), "old": error.url, "outcome": Outcome.FAILED})


def _line(row: Row) -> list[str]:
    shown = {**row, "old": mask(str(row.get("old", ""))), "new": mask(str(row.get("new", "")))}
    return [safe_cell(str(shown.get(column, ""))) for column in _COLUMNS]


def _write_csv(work: WorkBucket, key: str, header: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    with work.writer(key, content_type="text/csv; charset=utf-8") as out:
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        writer.writerow(header)
        for row in rows:
            writer.writerow(row)
            if buffer.tell() > 256 * 1024:
                out.write(buffer.getvalue().encode())
                buffer.seek(0)
                buffer.truncate()
        out.write(buffer.getvalue().encode())


def record_of(report: Mapping[str, Any]) -> RunRecord:
    """A run's record from its report. Raises WorkDamaged."""
    try:
        return RunRecord(
            run_id=report["run_id"],
            kind=report["kind"],
            options=Options(
                mode=report["mode"],
                dry_run=report["dry_run"] and report["mode"] != "dry_run",
                accounts=tuple(report.get("accounts", ())),
                requested_by=report["requested_by"],
            ),
            status=report["status"],
            execution_arn=report["execution_arn"],
            phase=report["phase"],
            started_at=report["started_at"],
            ended_at=report["ended_at"],
            message=report["message"],
            counts=Counts.model_validate(report["files"]),
            errors=tuple(ErrorRow.model_validate(row) for row in _listed(report["errors"])),
            configuration=json.dumps(report.get("configuration", {})),
        )
    except (KeyError, TypeError, ValidationError) as error:
        raise WorkDamaged(f"The report of {report.get('run_id')} is not what Waybill wrote there.") from error


def _listed(rows: Any) -> Iterable[Any]:
    return rows if isinstance(rows, list) else ()
