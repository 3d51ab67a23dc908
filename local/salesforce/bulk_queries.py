"""Bulk API 2.0 for reading: a query whose result is fetched in pages of CSV, by a locator."""

import base64
import binascii
import csv
import io
import threading
from dataclasses import dataclass
from typing import Any

from local.salesforce import evaluate
from local.salesforce import soql_ast as ast
from local.salesforce.bulk import DONE
from local.salesforce.dates import stamp
from local.salesforce.errors import Fault, RequestFault
from local.salesforce.ids import IdGenerator, to_18
from local.salesforce.messages import Reply, Request
from local.salesforce.org import Org
from local.salesforce.soql import parse

_PAGE = 50_000


@dataclass
class QueryJob:
    id: str
    settings: dict[str, Any]  # Any: JSON
    created: str
    columns: list[list[str]]
    result: evaluate.Result
    state: str = "UploadComplete"


class QueryJobs:
    """A job sees the records as they are when it is created; it is done when it has been asked for twice."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._lock = threading.Lock()
        self._ids = IdGenerator()
        self._jobs: dict[str, QueryJob] = {}

    def create(self, request: Request, base: str) -> Reply:
        given = request.json_object()
        unknown = given.keys() - {"operation", "query", "contentType", "lineEnding", "columnDelimiter"}
        if unknown or given.get("operation") not in {"query", "queryAll"} or not isinstance(given.get("query"), str):
            raise RequestFault("JSON_PARSER_ERROR", "a query job has operation (query or queryAll) and query")
        query = parse(given["query"])
        if query.offset or query.group_by or any(isinstance(item, ast.Aggregate) for item in query.items):
            raise Fault("API_ERROR", "Aggregates, GROUP BY and OFFSET are not supported in a bulk query")
        columns = [list(item.path) for item in query.items if isinstance(item, ast.FieldRef)]
        own = {query.sobject.lower(), (query.alias or query.sobject).lower()}
        columns = [path[1:] if len(path) > 1 and path[0].lower() in own else path for path in columns]
        result = evaluate.run(self._org, given["query"], include_deleted=given["operation"] == "queryAll")
        settings = {"lineEnding": "LF", "columnDelimiter": "COMMA", **given, "object": result.sobject, "contentType": "CSV"}
        job = QueryJob(self._ids.next("750"), settings, stamp(self._org.clock()), columns, result)
        with self._lock:
            self._jobs[job.id] = job
        return Reply(200, self._shown(job, base))

    def get(self, job_id: str, base: str) -> Reply:
        job = self._found(job_id)
        with self._lock:
            reply = self._shown(job, base)
            job.state = {"UploadComplete": "InProgress", "InProgress": "JobComplete"}.get(job.state, job.state)
        return Reply(200, {**reply, "jobType": "V2Query", "retries": 0, "totalProcessingTime": 0})

    def change(self, request: Request, job_id: str, base: str) -> Reply:
        job = self._found(job_id)
        if request.json_object().get("state") != "Aborted" or job.state in DONE:
            raise Fault("INVALIDJOBSTATE", f"Job {job.id} is {job.state}: it can be aborted while it is under way")
        job.state = "Aborted"
        return Reply(200, self._shown(job, base))

    def delete(self, job_id: str) -> Reply:
        job = self._found(job_id)
        if job.state not in DONE:
            raise Fault("INVALIDJOBSTATE", f"Job {job.id} is {job.state}: abort it first")
        with self._lock:
            del self._jobs[job.id]
        return Reply(204)

    def results(self, request: Request, job_id: str) -> Reply:
        job = self._found(job_id)
        if job.state != "JobComplete":
            raise Fault("INVALIDJOBSTATE", f"Job {job.id} is {job.state}: it has no results")
        start, most = _start(request.query.get("locator", "")), _most(request.query.get("maxRecords", str(_PAGE)))
        rows = job.result.rows[start : start + most]
        end = start + len(rows)
        out = io.StringIO()
        writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(".".join(path) for path in job.columns)
        with self._org.lock:
            for row in rows:
                shown = job.result.render(row, "")
                writer.writerow(_cell(shown, path) for path in job.columns)
        more = base64.b64encode(str(end).encode()).decode() if end < len(job.result.rows) else "null"
        headers = {"Content-Type": "text/csv", "Sforce-NumberOfRecords": str(len(rows)), "Sforce-Locator": more}
        return Reply(200, out.getvalue(), headers)

    def _found(self, job_id: str) -> QueryJob:
        with self._lock:
            job = self._jobs.get(to_18(job_id[:15]) if len(job_id) in {15, 18} else "")
        if job is None:
            raise Fault("NOT_FOUND", "The requested resource does not exist")
        return job

    def _shown(self, job: QueryJob, base: str) -> dict[str, Any]:
        done = job.state == "JobComplete"
        return {
            "id": job.id,
            **{name: value for name, value in job.settings.items() if name != "query"},
            "createdById": self._org.api_user_id,
            "createdDate": job.created,
            "systemModstamp": stamp(self._org.clock()),
            "state": job.state,
            "concurrencyMode": "Parallel",
            "apiVersion": float(base.rpartition("/v")[2]),
            **({"numberRecordsProcessed": len(job.result.rows)} if done else {}),
        }


def _start(locator: str) -> int:
    try:
        return int(base64.b64decode(locator, validate=True)) if locator else 0
    except (ValueError, binascii.Error):
        raise Fault("INVALID_QUERY_LOCATOR", f"not a locator: {locator}") from None


def _most(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise Fault("INVALID_QUERY_OPTIONS", f"maxRecords is a number above 0, not {text}")
    return int(text)


def _cell(row: Any, path: list[str]) -> str:  # Any: JSON
    value = row
    for name in path:
        value = None if value is None else next((inner for key, inner in value.items() if key.lower() == name.lower()), None)
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
