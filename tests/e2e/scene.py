"""What a scenario works with: a customer's org and buckets on the local stack, runs through the HTTP API, and mishaps on demand."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from types import ModuleType
from typing import Any, Self
from urllib.parse import quote

import requests
from moto.core.request import Request

from cli.results import exit_code_of
from local.aws.dispatch import Reply
from local.salesforce.permissions import Permissions
from local.stack import LocalStack
from local.stepfunctions.errors import LambdaFailure
from waybill import compose
from waybill.files.domain import FileState
from waybill.files.ledger import FileItem, Ledger
from waybill.table import Table

Json = Any  # JSON of the API, of handlers and of reports
Handler = Callable[[Json, Any], Json]
# Wraps a function: given event, context and the real handler.
Around = Callable[[Json, Any, Handler], Json]
PATIENCE = 120.0  # seconds; generous, for nothing here depends on how fast a machine is
ENTRY = "DocListEntry__c"

_hooks = ModuleType("waybill_e2e_hooks")
sys.modules[_hooks.__name__] = _hooks
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Planted:
    """An entry as it was planted. `body` is None where its object does not exist."""

    id: str
    account: str | None
    name: str
    url: str
    key: str
    body: bytes | None


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run that has ended, as the API shows it."""

    view: Mapping[str, Json]

    @property
    def id(self) -> str:
        return str(self.view["run_id"])

    @property
    def status(self) -> str:
        return str(self.view["status"])

    @property
    def message(self) -> str:
        return str(self.view["message"])

    @property
    def files(self) -> Mapping[str, int]:
        """The counts that are not 0."""
        return {name: number for name, number in self.view["files"].items() if number and name != "bytes"}

    @property
    def exit_code(self) -> int:
        """What the command would end with."""
        return int(exit_code_of(self.view))

    @property
    def errors(self) -> Mapping[str, str]:
        """Class of the error by entry id, or by account id where there is no entry."""
        return {row["entry_id"] or row["account_id"]: row["class"] for row in self.view["errors"]}

    def error_of(self, planted: Planted) -> str:
        """What the run says of an entry: class and message."""
        return next(f"{row['class']}: {row['message']}" for row in self.view["errors"] if row["entry_id"] == planted.id)


@dataclass(frozen=True)
class Outcome:
    """Where a migration stands: what two ways to the same end are compared by. Entries are named, for their ids differ."""

    links: Mapping[str, str]
    ledger: Mapping[str, tuple[str, str | None, int | None, str | None]]
    objects: Mapping[str, bytes]


@dataclass
class Scene:
    """One customer. `new()` makes it anew: empty buckets, ledger and org, nothing misbehaving."""

    stack: LocalStack
    web: requests.Session = field(default_factory=requests.Session)
    # Every entry that was planted, by id.
    planted: dict[str, Planted] = field(default_factory=dict)
    # Execution by run, of the runs started here.
    executions: dict[str, str] = field(default_factory=dict)

    # -- the customer's data ------------------------------------------------------------------------------------------

    @property
    def org(self) -> Any:
        return self.stack.simulator.org

    @staticmethod
    def number() -> int:
        """One that no other scene of this process has."""
        return next(_numbers)

    def account(self, name: str = "Acme Corporation") -> str:
        return str(self.org.insert("Account", {"Name": name}))

    def file(
        self, account: str | None, name: str, body: bytes | None = b"", *, key: str | None = None, url: str | None = None
    ) -> Planted:
        """An entry with its object. An empty `body` is made up; None: the object is missing. `url`: just that, and no object."""
        number = len(self.planted)
        key = key or f"docs/{number}/{name or 'unnamed'}"
        content = f"the content of {name}, number {number}".encode() if body == b"" else body
        link = self.source_url(key) if url is None else url
        if content is not None and url is None:
            self.put_source(key, content)
        fields = {"Name": name, "URL__c": link, "Account__c": account}
        entry = self.org.insert(ENTRY, {field: value for field, value in fields.items() if value})
        planted = Planted(entry, account, name, link, key, None if url is not None else content)
        self.planted[entry] = planted
        return planted

    def files_of(self, account: str | None, number: int, *, stem: str = "file") -> list[Planted]:
        return [self.file(account, f"{stem} {n}.txt") for n in range(number)]

    def source_url(self, key: str) -> str:
        return f"https://{self.stack.names.source_bucket}.s3.amazonaws.com/{quote(key)}"

    def put_source(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.stack.names.source_bucket, Key=key, Body=body)

    def edit(self, planted: Planted, **fields: str) -> None:
        """An administrator changes the entry in Salesforce."""
        self.org.update(ENTRY, planted.id, fields)

    # -- looking ------------------------------------------------------------------------------------------------------

    @property
    def s3(self) -> Any:
        return self.stack.client("s3")

    @property
    def ledger(self) -> Ledger:
        return Ledger(Table(client=self.stack.client("dynamodb"), name=self.stack.names.table))

    def item(self, planted: Planted, account: str | None = None) -> FileItem:
        """The ledger's item of an entry, in the account that it was planted in or the one given."""
        item = self.ledger.get(account or planted.account or "no-account", planted.id)
        assert item is not None, f"the ledger does not know {planted.name!r} there"
        return item

    def items(self) -> dict[str, FileItem]:
        """The whole ledger by entry id. Fails where an entry has two items."""
        found: dict[str, FileItem] = {}
        for item in self.table_items("FILE#"):
            entry = item["sk"]["S"].removeprefix("FILE#")
            assert entry not in found, f"{entry} has two items"
            file = self.ledger.get(item["pk"]["S"].removeprefix("ACCOUNT#"), entry)
            assert file is not None
            found[entry] = file
        return found

    def table_items(self, prefix: str) -> list[Json]:
        """Raw items whose sort key begins so."""
        pages = self.stack.client("dynamodb").get_paginator("scan").paginate(TableName=self.stack.names.table)
        return [item for page in pages for item in page["Items"] if item["sk"]["S"].startswith(prefix)]

    def url(self, planted: Planted) -> str:
        row = self.org.get(ENTRY, planted.id)
        assert row is not None, f"{planted.name!r} is gone"
        return str(row.get("URL__c") or "")

    def urls(self) -> dict[str, str]:
        """Every entry's link, by id."""
        return {str(row["Id"]): str(row.get("URL__c") or "") for row in self.org.all(ENTRY)}

    def objects(self) -> dict[str, tuple[str, str]]:
        """The destination: ETag and time of each key."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.stack.names.destination_bucket)
        return {
            entry["Key"]: (entry["ETag"], entry["LastModified"].isoformat())
            for page in pages
            for entry in page.get("Contents", [])
        }

    def stored(self, key: str | None) -> bytes:
        assert key is not None
        body: bytes = self.s3.get_object(Bucket=self.stack.names.destination_bucket, Key=key)["Body"].read()
        return body

    def opened(self, url: str) -> bytes:
        """What a user gets who opens the link."""
        reply = requests.get(url, timeout=60)
        assert reply.status_code == 200, f"{url}: HTTP {reply.status_code}"
        return reply.content

    def is_new(self, url: str) -> bool:
        return url.startswith(f"{self.stack.aws.url}/{self.stack.names.destination_bucket}/")

    def outcome(self) -> Outcome:
        """Everything that must come out the same."""
        places = {account: f"account {n}" for n, account in enumerate(sorted(str(row["Id"]) for row in self.org.all("Account")))}

        def named(text: str) -> str:
            for account, place in places.items():
                text = text.replace(account, place)
            return text

        links, ledger = {}, {}
        items = self.items()
        for planted in self.planted.values():
            file = items[planted.id]
            links[planted.name] = "old" if self.url(planted) == planted.url else named(self.url(planted))
            ledger[planted.name] = (file.state.value, named(file.key or ""), file.size, named(file.new_url or ""))
        return Outcome(links, ledger, {named(key): self.stored(key) for key in self.objects()})

    def report(self, run: RunResult, name: str) -> str:
        """A file of the run in the work bucket, e.g. `report.json`."""
        work = self.stack.deployment.functions["waybill-local-FinishRun"].environment["WAYBILL_WORK_BUCKET"]
        body: bytes = self.s3.get_object(Bucket=work, Key=f"runs/{run.id}/{name}")["Body"].read()
        return body.decode()

    @property
    def salesforce_writes(self) -> list[str]:
        """The writing calls that Salesforce has had since the scene began or since `forget_calls`."""
        return [f"{call.method} {call.path}" for call in self.stack.simulator.calls.writes]

    def forget_calls(self) -> None:
        self.stack.simulator.calls.reset()

    # -- runs ---------------------------------------------------------------------------------------------------------

    def call(self, method: str, path: str, body: Json = None, *, expect: int, token: str | None = None) -> Json:
        """A call of the HTTP API, by the administrator unless another's token is given."""
        reply = self.web.request(
            method,
            f"{self.stack.api.url}/api{path}",
            json=body,
            headers={"Authorization": f"Bearer {token or self.stack.token}"},
            timeout=60,
        )
        assert reply.status_code == expect, reply.text
        return reply.json()

    def start(self, kind: str, **options: Json) -> str:
        """The id of a run just started."""
        return self._noted(self.call("POST", "/runs", {"kind": kind, **options}, expect=202))

    def _noted(self, view: Json) -> str:
        self.executions[view["run_id"]] = view["execution_arn"]
        return str(view["run_id"])

    def show(self, run_id: str) -> RunResult:
        return RunResult(self.call("GET", f"/runs/{run_id}", expect=200))

    def wait(self, run_id: str) -> RunResult:
        """The run once it stands still, with all that its end has set in motion."""
        if run_id in self.executions:
            self.stack.runner.wait(self.executions[run_id], PATIENCE)
        self.until(lambda: self.show(run_id).status != "running", f"{run_id} to end")
        self.settle()
        return self.show(run_id)

    def backup(self, mode: str = "full", **options: Json) -> RunResult:
        return self.wait(self.start("backup", mode=mode, **options))

    def cutover(self, mode: str = "execute", **options: Json) -> RunResult:
        return self.wait(self.start("cutover", mode=mode, **options))

    def rollback(self, mode: str = "execute", **options: Json) -> RunResult:
        return self.wait(self.start("rollback", mode=mode, **options))

    def resume(self, run_id: str) -> RunResult:
        return self.wait(self._noted(self.call("POST", f"/runs/{run_id}/resume", expect=202)))

    def resume_later(self, run_id: str) -> RunResult:
        """The run resumed by new containers, which do not remember what the old ones knew of the org's quota."""
        compose.forget()
        return self.resume(run_id)

    def until(self, holds: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > end:
                raise TimeoutError(f"waited for {what}")
            time.sleep(0.02)

    def settle(self) -> None:
        """Until nothing runs any more: executions, functions, events."""

        def still() -> bool:
            executions = list(self.stack.runner._executions.values())
            return all(execution.done.is_set() for execution in executions) and not self.stack.invoker._running

        self.until(lambda: still() and self.stack.bus.drain(PATIENCE) and still(), "the stack to be still")

    # -- mishaps ------------------------------------------------------------------------------------------------------

    @contextmanager
    def around(self, function: str, wrapper: Around) -> Iterator[None]:
        """Puts `wrapper` around a function's handler, as the deployment of another handler would."""
        functions = _functions(self.stack)
        name = f"waybill-local-{function}"
        spec = functions[name]
        module, _, attribute = spec.handler.rpartition(".")
        hook = f"around_{next(_numbers)}"

        def handler(event: Json, context: Any) -> Json:
            return wrapper(event, context, getattr(sys.modules[module], attribute))

        __import__(module)
        setattr(_hooks, hook, handler)
        functions[name] = replace(spec, handler=f"{_hooks.__name__}.{hook}")
        try:
            yield
        finally:
            functions[name] = spec

    @contextmanager
    def configured(self, change: Callable[[dict[str, Json]], object], **variables: str) -> Iterator[None]:
        """The functions' configuration, and their other variables, changed as a deployment would."""
        functions = _functions(self.stack)
        before = dict(functions)
        for name, spec in before.items():
            config = json.loads(spec.environment["WAYBILL_CONFIG"])
            change(config)
            given = {variable: value for variable, value in variables.items() if variable in spec.environment}
            environment = {**spec.environment, "WAYBILL_CONFIG": json.dumps(config), **given}
            functions[name] = replace(spec, environment=environment)
        try:
            yield
        finally:
            functions.update(before)

    @contextmanager
    def small(self, *, shard: int = 500, packet: int = 5_000, unit: int = 2_000) -> Iterator[None]:
        """Work cut into small pieces, so that a few files make many of them."""

        def change(config: dict[str, Json]) -> None:
            config["migration"] |= {"shard_size": shard, "packet_size": packet, "unit_size": unit}

        with self.configured(change):
            yield

    @contextmanager
    def before_aws(self, service: str, matches: Callable[[Request], bool], action: Callable[[], object]) -> Iterator[None]:
        """Does something once, directly before AWS answers the first request that matches."""
        pending = [action]

        def hook(request: Request) -> Reply | None:
            if pending and matches(request):
                pending.pop()()
            return None

        self.stack.aws.dispatcher.hooks[service].insert(0, hook)
        try:
            yield
        finally:
            self.stack.aws.dispatcher.hooks[service].remove(hook)
        assert not pending, "the moment that was waited for never came"

    @contextmanager
    def between_reading_and_writing(self, action: Callable[[], object], *, task: str = "UpdateUrls") -> Iterator[None]:
        """Does something once, when a switching task has read its rows and is about to write them: it asks for the lock then."""
        inside: list[str] = []

        def noted(event: Json, context: Any, handler: Handler) -> Json:
            inside.append(task)
            try:
                return handler(event, context)
            finally:
                inside.pop()

        moment = self.before_aws("dynamodb", lambda request: bool(inside) and _asks_for_lock(request), action)
        with self.around(task, noted), moment:
            yield

    # -- between scenarios --------------------------------------------------------------------------------------------

    @classmethod
    def new(cls, stack: LocalStack) -> Self:
        scene = cls(stack)
        scene.settle()
        compose.forget()
        scene._empty_aws()
        scene._empty_salesforce()
        return scene

    def _empty_aws(self) -> None:
        table = self.stack.client("dynamodb")
        for item in self.table_items(""):
            table.delete_item(TableName=self.stack.names.table, Key={"pk": item["pk"], "sk": item["sk"]})
        for bucket in self.s3.list_buckets()["Buckets"]:
            for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=bucket["Name"]):
                versions = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
                if versions:
                    keys = [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in versions]
                    self.s3.delete_objects(Bucket=bucket["Name"], Delete={"Objects": keys, "Quiet": True})

    def _empty_salesforce(self) -> None:
        simulator, org = self.stack.simulator, self.org
        simulator.faults.clear()
        simulator.calls.reset()
        simulator.api_used, simulator.api_limit = 0, 100_000
        vars(org.permissions).update(vars(Permissions()))
        org.automation.triggers.clear()
        org.automation.rules.clear()
        for sobject in (ENTRY, "Account", "ApexTrigger", "ValidationRule", "FlowDefinitionView"):
            for row in list(org.table(sobject).rows()):
                org.table(sobject).remove(str(row["Id"])[:15])

    def close(self) -> None:
        self.web.close()


def _functions(stack: LocalStack) -> dict[str, Any]:
    functions = stack.invoker.functions
    assert isinstance(functions, dict)
    return functions


def _asks_for_lock(request: Request) -> bool:
    target = str(request.headers.get("X-Amz-Target", ""))
    return target.endswith(".GetItem") and b"LOCK#files" in request.get_data()


def dies(error: str = "Extension.Crash") -> LambdaFailure:
    """What Step Functions learns of a process that is gone; by this name, nobody tries again."""
    return LambdaFailure(error, "RequestId: 1 Error: Runtime exited with error: signal: killed")


def states(files: Mapping[str, FileItem], planted: Sequence[Planted]) -> list[FileState]:
    return [files[one.id].state for one in planted]
