"""Finds the handler of a REST call."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from local.salesforce import composite, describe
from local.salesforce.batches import Batches
from local.salesforce.bulk import Jobs
from local.salesforce.bulk_queries import QueryJobs
from local.salesforce.errors import Fault, not_found
from local.salesforce.faults import Faults
from local.salesforce.messages import Reply, Request
from local.salesforce.org import Org
from local.salesforce.queries import Queries
from local.salesforce.records import Records
from local.salesforce.schema import SObject

OLDEST, NEWEST = 31, 68
_BASE = re.compile(r"(/services/data/v(\d+)\.0)(?:/(.*))?", re.DOTALL)


@dataclass(frozen=True)
class Context:
    """A call, its path below the version, split and decoded, and what stands before."""

    request: Request
    base: str
    parts: list[str]


Handler = Callable[[Context], Reply]


@dataclass(frozen=True)
class Route:
    # `*` stands for any one part.
    pattern: tuple[str, ...]
    handlers: dict[str, Handler]

    def fits(self, parts: list[str]) -> bool:
        return len(parts) == len(self.pattern) and all(
            want in {"*", part} for want, part in zip(self.pattern, parts, strict=True)
        )


class RestApi:
    """`usage` gives (calls used, calls allowed)."""

    def __init__(self, org: Org, faults: Faults, usage: Callable[[], tuple[int, int]]) -> None:
        self._org = org
        self._usage = usage
        self._records = Records(org, faults)
        self._batches = Batches(org, self._records)
        self._queries = Queries(org)
        self.jobs = Jobs(org, self._records, faults)
        self._query_jobs = QueryJobs(org)
        self._routes = self._table()

    def dispatch(self, request: Request) -> Reply:
        """Raises Fault."""
        found = _BASE.fullmatch(request.path)
        if not found or not OLDEST <= int(found[2]) <= NEWEST:
            raise not_found()
        parts = [unquote(part) for part in (found[3] or "").rstrip("/").split("/") if part]
        route = next((route for route in self._routes if route.fits(parts)), None)
        if route is None:
            raise not_found()
        handler = route.handlers.get(request.method)
        if handler is None:
            allowed = ", ".join(sorted(route.handlers))
            raise Fault("METHOD_NOT_ALLOWED", f"HTTP Method '{request.method}' not allowed. Allowed are {allowed}")
        return handler(Context(request, found[1], parts))

    def is_write(self, request: Request) -> bool:
        """Whether a call asks to change records."""
        if request.method in {"GET", "HEAD"} or not _BASE.fullmatch(request.path):
            return False
        path = request.path.rstrip("/")
        if request.method == "POST" and re.search(r"/composite/sobjects/[^/]+$", path):
            return False
        if re.search(r"/jobs/query(/|$)", path):
            return False
        if request.method == "POST" and path.endswith("/composite"):
            try:
                calls = composite.sub_requests(request)
            except Fault:
                return True
            return any(self.is_write(Request(call["method"].upper(), call["url"].partition("?")[0])) for call in calls)
        return True

    def _table(self) -> list[Route]:
        def route(pattern: str, **handlers: Handler) -> Route:
            return Route(tuple(pattern.split("/")) if pattern else (), handlers)

        records, batches, queries = self._records, self._batches, self._queries
        return [
            route("", GET=self._resources),
            route("limits", GET=self._limits),
            route("limits/recordCount", GET=self._record_count),
            route("query", GET=lambda c: queries.first(c.request, c.base)),
            route("queryAll", GET=lambda c: queries.first(c.request, c.base, include_deleted=True)),
            route("query/*", GET=lambda c: queries.more(c.parts[1], c.base)),
            route("queryAll/*", GET=lambda c: queries.more(c.parts[1], c.base)),
            route("tooling/query", GET=lambda c: queries.first(c.request, c.base, api="tooling")),
            route("tooling/query/*", GET=lambda c: queries.more(c.parts[2], c.base)),
            route("sobjects", GET=lambda c: Reply(200, describe.described_globally(self._org, c.base))),
            route("sobjects/*", GET=self._about, POST=lambda c: records.create_one(c.request, self._sobject(c))),
            route("sobjects/*/describe", GET=self._describe),
            route("sobjects/*/updated", GET=lambda c: records.updated(c.request, self._sobject(c))),
            route("sobjects/*/deleted", GET=lambda c: records.deleted(c.request, self._sobject(c))),
            route(
                "sobjects/*/*",
                GET=lambda c: records.get(c.request, self._sobject(c), c.parts[2], c.base),
                PATCH=lambda c: records.update_one(c.request, self._sobject(c), c.parts[2]),
                DELETE=lambda c: records.delete_one(c.request, self._sobject(c), c.parts[2]),
            ),
            route(
                "sobjects/*/*/*",
                GET=lambda c: records.get_by(c.request, self._sobject(c), (c.parts[2], c.parts[3]), c.base),
                PATCH=lambda c: records.upsert_one(c.request, self._sobject(c), (c.parts[2], c.parts[3]), c.base),
                DELETE=lambda c: records.delete_by(c.request, self._sobject(c), (c.parts[2], c.parts[3])),
            ),
            route("composite", POST=lambda c: composite.run(self._org, c.request, self.dispatch)),
            route(
                "composite/sobjects",
                POST=lambda c: batches.create(c.request),
                PATCH=lambda c: batches.update(c.request),
                DELETE=lambda c: batches.delete(c.request),
            ),
            route("composite/sobjects/*", GET=self._retrieve_few, POST=self._retrieve),
            route("composite/sobjects/*/*", PATCH=lambda c: batches.upsert(c.request, self._sobject(c, 2), c.parts[3])),
            *self._bulk_table(route),
        ]

    def _bulk_table(self, route: Callable[..., Route]) -> list[Route]:
        jobs, queries = self.jobs, self._query_jobs
        return [
            route("jobs/ingest", GET=lambda c: jobs.all(c.base), POST=lambda c: jobs.create(c.request, c.base)),
            route(
                "jobs/ingest/*",
                GET=lambda c: jobs.get(c.parts[2], c.base),
                PATCH=lambda c: jobs.change(c.request, c.parts[2], c.base),
                DELETE=lambda c: jobs.delete(c.parts[2]),
            ),
            route("jobs/ingest/*/batches", PUT=lambda c: jobs.upload(c.request, c.parts[2])),
            route("jobs/ingest/*/*", GET=lambda c: jobs.results(c.parts[2], c.parts[3])),
            route("jobs/query", POST=lambda c: queries.create(c.request, c.base)),
            route(
                "jobs/query/*",
                GET=lambda c: queries.get(c.parts[2], c.base),
                PATCH=lambda c: queries.change(c.request, c.parts[2], c.base),
                DELETE=lambda c: queries.delete(c.parts[2]),
            ),
            route("jobs/query/*/results", GET=lambda c: queries.results(c.request, c.parts[2])),
        ]

    def _sobject(self, context: Context, at: int = 1) -> SObject:
        found = self._org.sobject(context.parts[at])
        if found is None or "data" not in found.apis:
            raise not_found()
        return found

    def _retrieve(self, context: Context) -> Reply:
        body = context.request.json_object()
        return self._batches.retrieve(self._sobject(context, 2), body.get("ids"), body.get("fields"), context.base)

    def _retrieve_few(self, context: Context) -> Reply:
        ids, fields = (context.request.query.get(name, "").split(",") for name in ("ids", "fields"))
        return self._batches.retrieve(self._sobject(context, 2), ids, fields, context.base)

    def _about(self, context: Context) -> Reply:
        sobject = self._sobject(context)
        return Reply(200, {"objectDescribe": describe.summary(self._org, sobject, context.base), "recentItems": []})

    def _describe(self, context: Context) -> Reply:
        return Reply(200, describe.described(self._org, self._sobject(context), context.base))

    def _resources(self, context: Context) -> Reply:
        names = ("composite", "jobs", "limits", "query", "queryAll", "sobjects", "tooling")
        return Reply(200, {name: f"{context.base}/{name}" for name in names})

    def _limits(self, context: Context) -> Reply:
        used, most = self._usage()
        whole = {"DailyBulkV2QueryJobs": 10_000, "DailyBulkApiBatches": 15_000, "DataStorageMB": 1_024, "FileStorageMB": 1_024}
        daily = {"DailyApiRequests": {"Max": most, "Remaining": max(0, most - used)}}
        return Reply(200, {**daily, **{name: {"Max": size, "Remaining": size} for name, size in whole.items()}})

    def _record_count(self, context: Context) -> Reply:
        wanted = context.request.query.get("sObjects", "")
        names = wanted.split(",") if wanted else [entry.name for entry in self._org.schema.objects]
        counts: list[dict[str, Any]] = []
        for name in names:
            sobject = self._org.sobject(name)
            if sobject is not None:
                counts.append({"count": len(self._org.all(sobject.name)), "name": sobject.name})
        return Reply(200, {"sObjects": counts})
