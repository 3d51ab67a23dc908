"""Writes the error workbook of a load whose input was one: the person's own, with the rows marked that were not written."""

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from waybill import compose
from waybill.errors import InvalidInput
from waybill.records.domain import Verdict
from waybill.records.marking import BadSheet, Fault, marked
from waybill.records.reading.workbooks import Workbook
from waybill.records.reporting import count_rows, input_of, note_key, report_key
from waybill.records.staging import find_job
from waybill.records.sync.target import CONTENT_TYPE
from waybill.records.totals import FAILED, RowResult
from waybill.runs.model import RunContext
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, Reply, Request, task
from waybill.runs.work import WorkBucket
from waybill.settings import LedgerEnvironment

# Sheet -> row -> what is wrong with it.
_Bad = dict[str, dict[int, list[Fault]]]


class ErrorsRequest(Request):
    run: RunContext


@task(LedgerEnvironment, ErrorsRequest)
def handler(environment: LedgerEnvironment, request: ErrorsRequest, _: Clock) -> Reply:
    store, work = compose.runs(environment), compose.work(environment)
    store.enter(request.run.run_id, "marking bad rows")
    return write_errors(request.run, store=store, work=work)


def write_errors(run: RunContext, *, store: RunStore, work: WorkBucket) -> Reply:
    """None is written for another input than an .xlsx file, or without bad rows. One that cannot be is noted, for the report: the error CSV has all."""
    record = store.get(run.run_id)
    key = input_of(record, store)
    if not key.lower().endswith(".xlsx"):
        return Reply()
    counted = count_rows(record, store=store, work=work)
    if counted.results is None or not counted.rows.problems:
        return Reply()
    bad = _bad_rows(counted.results.rows(), _headers(run.run_id, counted.summary, work))
    name = key.rpartition("/")[2]
    try:
        data = _input(work, key)
        body = marked(data, name, _sheets(data, name, bad))
    except InvalidInput as error:
        work.put(note_key(run.run_id), str(error).encode(), content_type="text/plain; charset=utf-8")
        return Reply()
    work.put(report_key(run.run_id, "errors.xlsx"), body, content_type=CONTENT_TYPE)
    return Reply()


def _input(work: WorkBucket, key: str) -> bytes:
    data = work.get(key)
    if data is None:
        raise InvalidInput("The input is not in the work bucket any more.")
    return data


def _headers(run_id: str, summary: Mapping[str, Any], work: WorkBucket) -> dict[str, Mapping[str, list[str]]]:
    """Sheet -> field, in lower case -> headers."""
    job, by_number = find_job(work, run_id), summary.get("headers", {})
    return {table.sheet: by_number.get(str(table.number), {}) for table in job.tables} if job is not None else {}


def _bad_rows(rows: Iterable[RowResult], headers: Mapping[str, Mapping[str, list[str]]]) -> _Bad:
    bad: _Bad = {}
    for row in rows:
        if row.outcome not in {FAILED, Verdict.REJECTED}:
            continue
        verdict, origin = row.verdict, row.verdict.origin
        known = headers.get(origin.sheet, {})
        problems = (
            [(verdict.field, row.code, row.message), *verdict.more]
            if row.outcome == Verdict.REJECTED
            else [("", row.code, row.message)]
        )
        faults = bad.setdefault(origin.sheet, {}).setdefault(origin.row, [])
        faults += [Fault(code, message, (*known.get(field.lower(), ()), field)) for field, code, message in problems]
    return bad


def _sheets(data: bytes, name: str, bad: _Bad) -> list[BadSheet]:
    """With the rows of their headers, by the rule by which the load has found them."""
    with tempfile.TemporaryDirectory(prefix="waybill-") as scratch:
        path = Path(scratch, "input.xlsx")
        path.write_bytes(data)
        tables, _ = Workbook(path, name).tables()
    return [BadSheet(table.name, table.header, bad[table.name]) for table in tables if table.name in bad]
