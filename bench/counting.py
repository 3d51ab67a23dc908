"""Counts every request that the local stack answers, by kind, and reckons DynamoDB's units from the items' sizes."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from moto.core.request import Request

from local.aws.dispatch import Reply
from local.aws.statements import inserted
from local.stack import LocalStack
from waybill.settings import environ

Json = Any  # of AWS's protocols


@dataclass
class Counts:
    """Requests by kind, e.g. `s3 copy`, `work put`, `dynamodb put`, `write units`, `transitions`, `salesforce query`."""

    kinds: Counter[str] = field(default_factory=Counter)
    # The same as a run counts them itself: `s3 CopyObject`.
    operations: Counter[str] = field(default_factory=Counter)

    def salesforce(self) -> int:
        return sum(n for kind, n in self.kinds.items() if kind.startswith("salesforce "))


def _told_live() -> bool:
    """Whether it is who tells of the run that asks, which is no part of it."""
    return environ.get().get("AWS_LAMBDA_FUNCTION_NAME", "").endswith("-LiveEvents")


class RequestCounter:
    """Hooks of a stack's AWS that count, and the sizes of the table's items, from which units follow."""

    def __init__(self, stack: LocalStack, work_bucket: str) -> None:
        self.stack, self.work = stack, work_bucket
        self.counts = Counts()
        self._sizes: dict[str, dict[str, int]] = defaultdict(dict)

    @contextmanager
    def counting(self) -> Iterator[Counts]:
        """Counts what happens inside."""
        self.counts = Counts()
        hooks = self.stack.aws.dispatcher.hooks
        pairs = (("s3", self._s3), ("dynamodb", self._dynamodb))
        for service, hook in pairs:
            hooks[service].insert(0, hook)
        runner = self.stack.runner
        before, services = set(runner._executions), runner._services
        # Children of Distributed Maps keep their histories, which are counted.
        runner._services = replace(services, keep_children=True)
        self.stack.simulator.calls.reset()
        try:
            yield self.counts
        finally:
            runner._services = services
            for service, hook in pairs:
                hooks[service].remove(hook)
            self._step_functions(before)
            self._salesforce()

    # -- S3 -----------------------------------------------------------------------------------------------------------

    def _s3(self, request: Request) -> Reply | None:
        if _told_live():
            return None
        url = urlsplit(request.url)
        bucket = _bucket(url.netloc, url.path)
        kind = _s3_kind(request, parse_qs(url.query, keep_blank_values=True))
        # What opens a new link is a user's browser, and not the migration.
        whose = "work" if bucket == self.work else "link" if kind == "get" else "s3"
        self.counts.kinds[f"{whose} {kind}"] += 1
        if whose != "link":
            self.counts.operations[f"s3 {_s3_operation(request, url.query)}"] += 1
        return None

    # -- DynamoDB -----------------------------------------------------------------------------------------------------

    def _dynamodb(self, request: Request) -> Reply | None:
        if _told_live():
            return None
        operation = str(request.headers.get("X-Amz-Target", "")).rpartition(".")[2]
        body = json.loads(request.get_data() or b"{}")
        kinds = self.counts.kinds
        self.counts.operations[f"dynamodb {operation}"] += 1
        match operation:
            case "PutItem":
                kinds["dynamodb put"] += 1
                self._write(body["Item"])
            case "BatchExecuteStatement":
                kinds["dynamodb batch"] += 1
                for _, item in filter(None, map(inserted, body["Statements"])):
                    self._write(item)
            case "UpdateItem":
                kinds["dynamodb update"] += 1
                self._update(body["Key"])
            case "GetItem":
                kinds["dynamodb get"] += 1
                size = self._sizes[body["Key"]["pk"]["S"]].get(body["Key"]["sk"]["S"], 0)
                kinds["read units"] += max(1, -(-size // 4096))
            case "Query" if "IndexName" in body:
                kinds["dynamodb query index"] += 1
                kinds["read units"] += 1
            case "Query":
                kinds["dynamodb query"] += 1
                kinds["read units"] += max(1, -(-self._ranged(body) // 4096))
            case _:
                kinds[f"dynamodb {operation}"] += 1
        return None

    def _write(self, item: dict[str, Json]) -> None:
        """A write unit per KB of the item, and the same again where the sparse index has it too."""
        size = item_size(item)
        units = -(-size // 1024)
        self._sizes[item["pk"]["S"]][item["sk"]["S"]] = size
        self.counts.kinds["write units"] += units * (2 if "summary_bucket" in item else 1)
        if item["sk"]["S"].startswith("FILE#"):
            self.counts.kinds["file writes"] += 1
            self.counts.kinds["file bytes"] += size

    def _update(self, key: dict[str, Json]) -> None:
        """The item's size is that before the update: near enough, since only the run's own item and the lock are updated."""
        size = self._sizes[key["pk"]["S"]].get(key["sk"]["S"], 300)
        indexed = key["sk"]["S"] == "RUN"
        self.counts.kinds["write units"] += -(-size // 1024) * (2 if indexed else 1)

    def _ranged(self, body: dict[str, Json]) -> int:
        values = body["ExpressionAttributeValues"]
        of = self._sizes[values[":pk"]["S"]]
        if ":prefix" in values:
            return sum(size for sk, size in of.items() if sk.startswith(values[":prefix"]["S"]))
        if ":after" in values:
            return sum(size for sk, size in of.items() if values[":after"]["S"] <= sk <= values[":end"]["S"])
        return sum(of.values())

    # -- Step Functions and Salesforce -----------------------------------------------------------------------------------

    def _step_functions(self, before: set[str]) -> None:
        runner, kinds = self.stack.runner, self.counts.kinds
        fresh = [execution for arn, execution in runner._executions.items() if arn not in before]
        arns = {execution.arn for execution in fresh}
        for run in list(runner._map_runs.values()):
            if run.execution_arn in arns:
                fresh += list(run.kept.values())
        for execution in fresh:
            kinds["executions"] += 1
            for event in execution.history.events():
                if event["type"].endswith("StateEntered"):
                    kinds["transitions"] += 1
        self.counts.operations["stepfunctions StateTransition"] = kinds["transitions"]

    def _salesforce(self) -> None:
        for call, number in self.stack.simulator.calls.counts.items():
            kind = f"salesforce {_salesforce_kind(call.method, call.path)}"
            self.counts.kinds[kind] += number
            self.counts.operations[kind] += number


def _bucket(host: str, path: str) -> str:
    """Of virtual-hosted and of path-style addresses."""
    name, s3, _ = host.partition(".s3")
    return name if s3 else unquote(path.lstrip("/").partition("/")[0])


def _s3_kind(request: Request, query: dict[str, list[str]]) -> str:
    match request.method:
        case "GET" if "list-type" in query:
            return "list"
        case "GET" if "tagging" in query:
            return "tags"
        case "GET":
            return "get"
        case "HEAD":
            return "head"
        case "PUT" if "x-amz-copy-source" in {name.lower() for name in request.headers.keys()}:  # noqa: SIM118 - werkzeug's
            return "copy"
        case "PUT":
            return "put"
        case _:
            return "multipart"


def _s3_operation(request: Request, query: str) -> str:
    """S3's name of what is asked for."""
    given = parse_qs(query, keep_blank_values=True)
    copied = "x-amz-copy-source" in {name.lower() for name in request.headers.keys()}  # noqa: SIM118 - werkzeug's
    match request.method:
        case "GET" if "list-type" in given:
            return "ListObjectsV2"
        case "GET":
            return "GetObjectTagging" if "tagging" in given else "ListParts" if "uploadId" in given else "GetObject"
        case "PUT" if "partNumber" in given:
            return "UploadPartCopy" if copied else "UploadPart"
        case "PUT":
            return "CopyObject" if copied else "PutObject"
        case "POST":
            return "CreateMultipartUpload" if "uploads" in given else "CompleteMultipartUpload"
        case "DELETE":
            return "AbortMultipartUpload" if "uploadId" in given else "DeleteObject"
        case _:
            return "HeadObject"


def _salesforce_kind(method: str, path: str) -> str:
    if "oauth2/token" in path:
        return "login"
    if "userinfo" in path:
        return "identity"
    if "tooling" in path:
        return "tooling"
    if path.endswith("/describe"):
        return "describe"
    if "composite/sobjects/" in path:
        return "retrieve"
    if "composite" in path:
        return "composite" if method == "POST" else "update"
    return "query" if "query" in path else "limits" if "limits" in path else "other"


def item_size(item: dict[str, Json]) -> int:
    """An item's size in bytes as DynamoDB reckons it."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: dict[str, Json]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return len(content.lstrip("-").replace(".", "")) // 2 + 2
        case "BOOL" | "NULL":
            return 1
        case "L":
            return 3 + sum(1 + _value_size(each) for each in content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_size(each) for name, each in content.items())
        case _:
            return len(json.dumps(content))
