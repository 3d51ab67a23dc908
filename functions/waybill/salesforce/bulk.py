"""Bulk API 2.0: jobs that write or read very many rows. Nothing here waits: who holds a job's id asks how it stands.

A job that writes: create, upload once, close; ask for its state until it is done; then read its results. Its rows are written once,
however often a call is repeated: only closing sets the work off, and a job is closed once.
"""

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from waybill.errors import SalesforceError, SalesforceQuotaExhausted
from waybill.salesforce import soql
from waybill.salesforce.connection import Connection
from waybill.salesforce.faults import OrgRefusal, error_of
from waybill.salesforce.ids import to18
from waybill.salesforce.usage import Kind

if TYPE_CHECKING:
    from waybill.salesforce.transport import Download

_CSV = {"Content-Type": "text/csv; charset=UTF-8"}
_NO_MORE = "null"
# The org's bulk jobs or batches of 24 hours are used up.
_QUOTA = frozenset({"LIMIT_EXCEEDED", "EXCEEDEDQUOTA"})
# Records of a page of a query's results.
PAGE = 50_000


class JobState(StrEnum):
    OPEN = "Open"
    UPLOAD_COMPLETE = "UploadComplete"
    IN_PROGRESS = "InProgress"
    COMPLETE = "JobComplete"
    FAILED = "Failed"
    ABORTED = "Aborted"

    @property
    def done(self) -> bool:
        """It changes no more."""
        return self in {JobState.COMPLETE, JobState.FAILED, JobState.ABORTED}


class BulkOperation(StrEnum):
    INSERT = "insert"
    UPDATE = "update"
    UPSERT = "upsert"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class BulkJob:
    """A job as it stands. `processed` counts failed rows too. `error`: why the job as a whole failed."""

    id: str
    operation: str
    sobject: str
    state: JobState
    processed: int
    failed: int
    error: str


@dataclass(frozen=True, slots=True)
class BulkResult:
    """The outcome of a row. `values` are the cells as they were sent, by column; `id` is empty where nothing was inserted."""

    id: str
    ok: bool
    created: bool
    code: str
    message: str
    values: Mapping[str, str]


class BulkJobs:
    """Jobs that write. Raises what SalesforceClient raises; every call may be repeated."""

    def __init__(self, *, connection: Connection) -> None:
        self._connection = connection

    def create(self, sobject: str, operation: BulkOperation, *, external_id: str | None = None) -> BulkJob:
        """An open job. Note its id before it is closed. One that is forgotten harms nobody: Salesforce drops it after a week."""
        body = {"object": soql.name(sobject), "operation": operation.value, "contentType": "CSV", "lineEnding": "LF"}
        if external_id is not None:
            body["externalIdFieldName"] = soql.name(external_id)
        return _begun(self._connection, "jobs/ingest", body, action=f"begin a bulk job on {sobject}")

    def upload(self, job_id: str, data: bytes, *, again: bool = False) -> None:
        """The rows, as `bulk_csv.csv_parts` makes them: a job takes them once. `again`: somebody else may have sent the same."""
        trail: list[str] = []
        try:
            self._connection.attempt(
                "PUT", f"{self._path(job_id)}/batches", kind=Kind.BULK, content=data, headers=_CSV, trail=trail
            )
        except OrgRefusal as refusal:
            # An earlier try arrived although its reply was lost: a second one is refused.
            if not ((trail or again) and "multiple contents" in refusal.fault.message):
                raise error_of(refusal.fault, action="take the rows of a bulk job") from None

    def close(self, job_id: str) -> BulkJob:
        """From now on Salesforce works at it. A job that was closed already is told as it stands."""
        return self._into(job_id, JobState.UPLOAD_COMPLETE)

    def abort(self, job_id: str) -> BulkJob:
        """Rows that are written stay; the others are in `unprocessed`. A job that is done is told as it stands."""
        return self._into(job_id, JobState.ABORTED)

    def _into(self, job_id: str, state: JobState) -> BulkJob:
        try:
            reply = self._connection.attempt("PATCH", self._path(job_id), kind=Kind.BULK, body={"state": state.value})
        except OrgRefusal as refusal:
            job = self.job(job_id)
            if job.state is JobState.OPEN or not refusal.fault.code.startswith("INVALIDJOB"):
                raise error_of(refusal.fault, action=f"set a bulk job to {state.value}") from None
            return job
        return _job(reply)

    def job(self, job_id: str) -> BulkJob:
        action = "tell how a bulk job stands"
        return _job(self._connection.call("GET", self._path(job_id), kind=Kind.BULK, action=action))

    def delete(self, job_id: str) -> None:
        """Forgets a job that is done, and its results. One that is gone already is no error."""
        try:
            self._connection.attempt("DELETE", self._path(job_id), kind=Kind.BULK)
        except OrgRefusal as refusal:
            if refusal.fault.status != 404:  # noqa: PLR2004 - not found
                raise error_of(refusal.fault, action="delete a bulk job") from None

    def successful(self, job_id: str) -> Iterator[BulkResult]:
        """Rows that were written, in no order."""
        return self._results(job_id, "successfulResults")

    def failed(self, job_id: str) -> Iterator[BulkResult]:
        return self._results(job_id, "failedResults")

    def unprocessed(self, job_id: str) -> Iterator[BulkResult]:
        """Rows that a job did not come to before it failed or was aborted."""
        return self._results(job_id, "unprocessedrecords")

    def _results(self, job_id: str, which: str) -> Iterator[BulkResult]:
        with self._connection.download(
            f"{self._path(job_id)}/{which}", kind=Kind.BULK, action="give a bulk job's results"
        ) as page:
            for row in csv.DictReader(page.lines()):
                values = {name: value for name, value in row.items() if name not in {"sf__Id", "sf__Created", "sf__Error"}}
                error = row.get("sf__Error") or ""
                code, _, message = error.partition(":")
                yield BulkResult(
                    id=row.get("sf__Id") or "",
                    ok=which == "successfulResults",
                    created=row.get("sf__Created") == "true",
                    code=code,
                    message=message,
                    values=values,
                )

    @staticmethod
    def _path(job_id: str) -> str:
        return f"jobs/ingest/{to18(job_id)}"


class BulkQueries:
    """Jobs that read. Raises what SalesforceClient raises."""

    def __init__(self, *, connection: Connection) -> None:
        self._connection = connection

    def create(self, query: str, *, all_rows: bool = False) -> BulkJob:
        """A job that is under way. `all_rows` includes deleted ones. Aggregates and OFFSET are not for bulk."""
        body = {"operation": "queryAll" if all_rows else "query", "query": query}
        return _begun(self._connection, "jobs/query", body, action="begin a bulk query")

    def job(self, job_id: str) -> BulkJob:
        action = "tell how a bulk query stands"
        return _job(self._connection.call("GET", f"jobs/query/{to18(job_id)}", kind=Kind.BULK, action=action))

    def rows(self, job_id: str, *, page: int = PAGE) -> Iterator[dict[str, str]]:
        """Cells by the names of the query, page by page as they are read; null is an empty text."""
        locator: str | None = ""
        while locator is not None:
            with self.page(job_id, locator, size=page) as (reply, following):
                yield from csv.DictReader(reply.lines())
            locator = following

    @contextmanager
    def page(self, job_id: str, locator: str, *, size: int = PAGE) -> "Iterator[tuple[Download, str | None]]":
        """The page at a locator, empty for the first, as it comes; and the next one's locator, None behind the last."""
        params = {"maxRecords": str(size)} | ({"locator": locator} if locator else {})
        path, action = f"jobs/query/{to18(job_id)}/results", "give a bulk query's results"
        with self._connection.download(path, kind=Kind.BULK, action=action, params=params) as reply:
            following = reply.headers.get("Sforce-Locator") or _NO_MORE
            yield reply, None if following == _NO_MORE else following

    def abort(self, job_id: str) -> None:
        path, body = f"jobs/query/{to18(job_id)}", {"state": JobState.ABORTED.value}
        self._connection.call("PATCH", path, kind=Kind.BULK, action="abort a bulk query", body=body)


def _begun(connection: Connection, path: str, body: Mapping[str, str], *, action: str) -> BulkJob:
    try:
        return _job(connection.attempt("POST", path, kind=Kind.BULK, body=body))
    except OrgRefusal as refusal:
        error = error_of(refusal.fault, action=action)
        if refusal.fault.code in _QUOTA:
            raise SalesforceQuotaExhausted(
                f"{error} Bulk jobs have a limit of their own: resume when those of 24 hours have aged."
            ) from None
        raise error from None


def _job(reply: Mapping[str, Any]) -> BulkJob:  # Any: JSON
    try:
        return BulkJob(
            id=to18(reply["id"]),
            operation=str(reply["operation"]),
            sobject=str(reply.get("object") or ""),
            state=JobState(reply["state"]),
            processed=int(reply.get("numberRecordsProcessed") or 0),
            failed=int(reply.get("numberRecordsFailed") or 0),
            error=str(reply.get("errorMessage") or ""),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise SalesforceError(f"Salesforce tells of a bulk job what Waybill does not understand: {error!r}.") from None
