"""Bulk API 2.0 for writing: jobs, their states, and their results.

A job that was closed goes on when it is asked for: first it waits in the queue, then each question finds one internal batch more
done. So a test decides how far a job is, and needs no clock.
"""

import csv
import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from local.salesforce.bulk_rows import BulkRows, Outcome
from local.salesforce.dates import stamp
from local.salesforce.errors import Fault, RequestFault
from local.salesforce.faults import Faults, Misbehaviour
from local.salesforce.ids import IdGenerator, to_18
from local.salesforce.messages import Reply, Request
from local.salesforce.org import Org
from local.salesforce.records import Records

INTERNAL_BATCH = 10_000
_OPERATIONS = {"insert", "update", "upsert", "delete", "hardDelete"}
_SETTINGS = {"object", "operation", "contentType", "lineEnding", "columnDelimiter", "externalIdFieldName", "assignmentRuleId"}
_DELIMITERS = {"COMMA": ",", "SEMICOLON": ";", "TAB": "\t", "PIPE": "|", "CARET": "^", "BACKQUOTE": "`"}
# States that a job does not leave.
DONE = {"JobComplete", "Failed", "Aborted"}


@dataclass
class Job:
    id: str
    settings: dict[str, Any]  # Any: JSON
    created: str
    state: str = "Open"
    content: bytes | None = None
    columns: list[str] = field(default_factory=list)
    # Those that are still to do are at the end.
    rows: list[list[str]] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    error: str | None = None
    # Questions after which it leaves the queue.
    queued: int = 1

    @property
    def failures(self) -> int:
        return sum(1 for outcome in self.outcomes if outcome.error is not None)


class Jobs:
    def __init__(self, org: Org, records: Records, faults: Faults) -> None:
        self._org = org
        self._records = records
        self._faults = faults
        self._lock = threading.RLock()
        self._ids = IdGenerator()
        self._jobs: dict[str, Job] = {}
        # For tests of jobs that wait for long.
        self.queue = 1

    # -- the calls ----------------------------------------------------------------------------------------------------

    def create(self, request: Request, base: str) -> Reply:
        settings = {"contentType": "CSV", "lineEnding": "LF", "columnDelimiter": "COMMA", **request.json_object()}
        unknown = settings.keys() - _SETTINGS
        if unknown:
            raise RequestFault("JSON_PARSER_ERROR", f"Unrecognized field: {sorted(unknown)}")
        sobject = self._org.sobject(str(settings.get("object")))
        if sobject is None or "data" not in sobject.apis:
            raise Fault("INVALIDENTITY", f"Unable to find object: {settings.get('object')}")
        if settings.get("operation") not in _OPERATIONS:
            raise Fault("INVALIDOPERATION", f"unknown operation: {settings.get('operation')}")
        if (settings["operation"] == "upsert") != ("externalIdFieldName" in settings):
            raise Fault("INVALIDJOB", "externalIdFieldName is required for upsert, and for nothing else")
        if settings["contentType"] != "CSV" or settings["lineEnding"] not in {"LF", "CRLF"}:
            raise Fault("INVALIDJOB", "contentType is CSV, lineEnding LF or CRLF")
        if settings["columnDelimiter"] not in _DELIMITERS:
            raise Fault("INVALIDJOB", f"unknown columnDelimiter: {settings['columnDelimiter']}")
        if "externalIdFieldName" in settings:
            self._records.matching(sobject, str(settings["externalIdFieldName"]), "")
        job = Job(self._ids.next("750"), {**settings, "object": sobject.name}, stamp(self._org.clock()), queued=self.queue)
        with self._lock:
            self._jobs[job.id] = job
        return Reply(200, self._shown(job, base))

    def upload(self, request: Request, job_id: str) -> Reply:
        with self._lock:
            job = self._found(job_id)
            if job.state != "Open":
                raise Fault("INVALIDJOBSTATE", f"Invalid State: job is {job.state}, and takes no more data")
            if job.content is not None:
                message = f"Found multiple contents for job: <{job.id}>, please 'Close' / 'Abort' / 'Delete' the current Job"
                raise Fault("INVALIDJOB", f"{message} then create a new Job and make sure you only do 'PUT' once on a given Job.")
            if not request.headers.get("content-type", "").startswith("text/csv"):
                raise Fault("INVALIDCONTENTTYPE", "the content of a job is text/csv")
            job.content = request.body
        return Reply(201)

    def change(self, request: Request, job_id: str, base: str) -> Reply:
        wanted = request.json_object().get("state")
        with self._lock:
            job = self._found(job_id)
            match wanted:
                case "UploadComplete" if job.state == "Open":
                    job.state = wanted
                    self._read(job)
                case "Aborted" if job.state not in DONE:
                    job.state = wanted
                case _:
                    raise Fault("INVALIDJOBSTATE", f"Job {job.id} is {job.state}: it cannot become {wanted}")
            return Reply(200, self._shown(job, base))

    def get(self, job_id: str, base: str) -> Reply:
        with self._lock:
            job = self._found(job_id)
            self._go_on(job, base)
            return Reply(200, self._shown(job, base, in_full=True))

    def all(self, base: str) -> Reply:
        with self._lock:
            shown = [self._shown(job, base) for job in self._jobs.values()]
        return Reply(200, {"done": True, "records": shown, "nextRecordsUrl": None})

    def delete(self, job_id: str) -> Reply:
        with self._lock:
            job = self._found(job_id)
            if job.state in {"Open", "InProgress"}:
                raise Fault("INVALIDJOBSTATE", f"Job {job.id} is {job.state}: abort it first")
            del self._jobs[job.id]
        return Reply(204)

    def results(self, job_id: str, which: str) -> Reply:
        with self._lock:
            job = self._found(job_id)
            match which.lower():
                case "successfulresults":
                    good = ([o.id, str(o.created).lower(), *o.cells] for o in job.outcomes if o.error is None)
                    return _csv(["sf__Id", "sf__Created", *job.columns], good)
                case "failedresults":
                    bad = ([o.id, o.error, *o.cells] for o in job.outcomes if o.error is not None)
                    return _csv(["sf__Id", "sf__Error", *job.columns], bad)
                case "unprocessedrecords":
                    return _csv(job.columns, iter(job.rows[len(job.outcomes) :] if job.state in DONE else ()))
                case _:
                    raise Fault("NOT_FOUND", "The requested resource does not exist")

    # -- the work -----------------------------------------------------------------------------------------------------

    def _found(self, job_id: str) -> Job:
        job = self._jobs.get(to_18(job_id[:15]) if len(job_id) in {15, 18} else "")
        if job is None:
            raise Fault("NOT_FOUND", "The requested resource does not exist")
        return job

    def _read(self, job: Job) -> None:
        """Takes the data apart. What cannot be read fails the job, not the call."""
        text = (job.content or b"").decode("utf-8-sig", "replace")
        ending = "\r\n" if job.settings["lineEnding"] == "CRLF" else "\n"
        first = text.split("\n", 1)[0]
        if "\n" in text and first.endswith("\r") != (ending == "\r\n"):
            current = job.settings["lineEnding"]
            return self._fail(
                job, f"ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is {current}"
            )
        try:
            lines = csv.reader(io.StringIO(text, newline=""), delimiter=_DELIMITERS[job.settings["columnDelimiter"]], strict=True)
            table = [line for line in lines if line]
        except csv.Error as error:
            return self._fail(job, f"InvalidBatch : Failed to parse CSV: {error}")
        job.columns, job.rows = (table[0], table[1:]) if table else ([], [])
        uneven = next((row for row in job.rows if len(row) != len(job.columns)), None)
        if uneven is not None:
            return self._fail(job, f"InvalidBatch : The number of columns is not that of the header: {len(uneven)}")
        trouble = self._rows(job).trouble(job.columns)
        return None if trouble is None else self._fail(job, f"InvalidBatch : {trouble}")

    @staticmethod
    def _fail(job: Job, message: str) -> None:
        job.state, job.error = "Failed", message

    def _go_on(self, job: Job, base: str) -> None:
        if job.state == "UploadComplete":
            job.queued -= 1
            if job.queued < 0:
                job.state = "InProgress"
        elif job.state == "InProgress":
            self._work(job, base)

    def _work(self, job: Job, base: str) -> None:
        rows, path = self._rows(job), f"{base}/jobs/ingest/{job.id}/batches"
        for cells in job.rows[len(job.outcomes) : len(job.outcomes) + INTERNAL_BATCH]:
            if self._faults.strike(Misbehaviour.FAIL_JOB, "PUT", path, sobject=str(job.settings["object"])):
                return self._fail(job, "InternalServerError : the job was given up half way")
            job.outcomes.append(rows.write(job.columns, cells, Request("PUT", path)))
        if len(job.outcomes) == len(job.rows):
            job.state = "JobComplete"
        return None

    def _rows(self, job: Job) -> BulkRows:
        sobject = self._org.schema.by_name[job.settings["object"].lower()]
        return BulkRows(self._org, self._records, sobject, job.settings["operation"], job.settings.get("externalIdFieldName"))

    def _shown(self, job: Job, base: str, *, in_full: bool = False) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": job.id,
            **{name: value for name, value in job.settings.items() if name != "assignmentRuleId"},
            "createdById": self._org.api_user_id,
            "createdDate": job.created,
            "systemModstamp": stamp(self._org.clock()),
            "state": job.state,
            "concurrencyMode": "Parallel",
            "apiVersion": float(base.rpartition("/v")[2]),
        }
        if job.state == "Open":
            shown["contentUrl"] = f"{base.lstrip('/')}/jobs/ingest/{job.id}/batches"
        if in_full:
            times = dict.fromkeys(("retries", "totalProcessingTime", "apiActiveProcessingTime", "apexProcessingTime"), 0)
            counts = {"numberRecordsProcessed": len(job.outcomes), "numberRecordsFailed": job.failures}
            shown |= {"jobType": "V2Ingest", **times, **counts}
        if job.error is not None:
            shown["errorMessage"] = job.error
        return shown


def _csv(header: list[str], rows: Iterator[list[Any]]) -> Reply:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return Reply(200, out.getvalue(), {"Content-Type": "text/csv"})
