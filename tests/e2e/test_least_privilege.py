"""Each function may do what it was seen to do, and nothing else: from the synthesised template, by the calls of a whole migration."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from local.salesforce.simulator import SalesforceSimulator
from local.stack import LocalStack
from tests.e2e.ear import Ear, ended
from tests.e2e.rights import Called, Recorder, Right, allowed
from tests.e2e.scene import Scene
from waybill import compose
from waybill.table import Table

# Functions of other contexts have tests of their own.
OURS = re.compile(r"waybill\.(files\.tasks|api|live)\.")

# Rights that no call here can show, function and right as patterns, and why they are given all the same.
EXPLAINED: tuple[tuple[str, str, str], ...] = (
    (".*", r"kms:.*", "S3, DynamoDB and Secrets Manager use the key in the caller's name; moto encrypts nothing"),
    (".*", r"logs:(CreateLogStream|PutLogEvents) .*", "Lambda itself writes the function's log"),
    (".*", r"xray:.* on \*", "Lambda itself sends traces"),
    ("CopyFiles|ValidateFiles|UpdateUrls|RestoreUrls", r"s3:ListBucket .*", "makes an object that is not there a 404 and not a 403"),
    ("CopyFiles|FinishRun", r"s3:(AbortMultipartUpload|ListMultipartUploadParts) .*/uploads/\*", "of files above 5 GiB, or streamed ones that break off"),
    (".*", r"s3:AbortMultipartUpload .*/runs/\*", "of lists and reports above 8 MB that break off"),
    ("Api", r"states:SendTaskSuccess .*", "who lets a run begin sends the token that it waits on, which does not tell its machine"),
    ("LiveEvents", r"s3:ListBucket .*", "makes an object that is not there a 404 and not a 403"),
    ("Api", r"(states:.*:waybill-local-(load|undo|sync)(:\*)?|s3:PutObject .*/inbox/\*)", "runs of records have tests of their own"),
)  # fmt: skip


@pytest.fixture(scope="module")
def migration(stack: LocalStack) -> Iterator[Recorder]:
    """Everything that functions do, once: runs of each kind and mode, what operators ask, and what goes wrong."""
    scene = Scene.new(stack)
    recorder = Recorder()
    with recorder.recording(stack), new_containers(stack):
        _runs(scene)
        _operators(scene)
        _stopped(scene)
        _parked(scene)
        _approved(scene)  # last: it leaves the links switched
        _listening(scene)
        # Last: it leaves the links switched.
        _approved(scene)
        _asked_for(scene)
    yield recorder
    scene.close()


@contextmanager
def new_containers(stack: LocalStack) -> Iterator[None]:
    """Each invocation is a cold start, and the org's session is gone: every function asks for what it needs itself."""
    handler = stack.invoker._handler
    table = stack.client("dynamodb")

    def cold(spec: Any) -> Any:
        compose.forget()
        key = {"pk": {"S": "SESSION#salesforce"}, "sk": {"S": "TOKEN"}}
        Context().run(table.delete_item, TableName=stack.names.table, Key=key)  # not in the function's name
        return handler(spec)

    vars(stack.invoker)["_handler"] = cold
    try:
        yield
    finally:
        del vars(stack.invoker)["_handler"]


def _runs(scene: Scene) -> None:
    first, second = scene.account("Acme"), scene.account("Other")
    files = [*scene.files_of(first, 15), *scene.files_of(second, 3), scene.file(None, "orphan.txt")]
    bucket = scene.stack.names.source_bucket
    scene.s3.put_object_tagging(Bucket=bucket, Key=files[0].key, Tagging={"TagSet": [{"Key": "class", "Value": "a"}]})
    scene.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = scene.s3.put_object(Bucket=bucket, Key="docs/v", Body=b"an older version", Tagging="class=b")["VersionId"]
    scene.put_source("docs/v", b"a newer version")
    scene.file(first, "versioned.txt", url=f"{scene.source_url('docs/v')}?versionId={version}")
    scene.file(first, "missing.txt", None)
    scene.backup("full", dry_run=True)
    scene.backup("full")
    scene.edit(files[0], Account__c=second)
    scene.put_source(files[1].key, b"changed")
    scene.backup("incremental", deep=True)
    scene.cutover("dry_run")
    cut = scene.cutover(accounts=[first])
    scene.rollback("dry_run", run_id=cut.id)
    scene.rollback(run_id=cut.id)
    scene.cutover()
    scene.rollback(all=True)


def _operators(scene: Scene) -> None:
    """What people ask of the API, of each kind of run."""
    runs = [run["run_id"] for run in scene.call("GET", "/runs?limit=1000", expect=200)["items"]]
    accounts = [account["account_id"] for account in scene.call("GET", "/accounts", expect=200)["items"]]
    for path in (
        "/status",
        "/readiness",
        "/plan",
        "/accounts?source=ledger",
        f"/accounts/{accounts[0]}/files",
        "/me",
        "/audit?day=2026-11-21",
        "/audit/head",
    ):
        scene.call("GET", path, expect=200)
    for run in {run.partition("-")[0]: run for run in runs}.values():
        for path in ("", "/accounts", "/errors", "/report", "/logs"):
            scene.call("GET", f"/runs/{run}{path}", expect=200)
    scene.call("POST", "/check", expect=200)
    for account in accounts:
        scene.call("POST", "/verify", {"account_id": account}, expect=200)
    tables = [{"table": "Items", "object": "Account", "rules": [{"field": "Name", "column": "Item"}]}]
    scene.call("PUT", "/mappings/items", {"tables": tables}, expect=200)
    scene.call("DELETE", "/mappings/items", expect=200)
    made = scene.call("POST", "/migrations", {"name": "All", "phases": []}, expect=201)["id"]
    scene.call("DELETE", f"/migrations/{made}", expect=200)
    _orgs(scene)
    table = scene.stack.client("dynamodb")
    for item in [item for kind in ("FILE#", "SUMMARY", "RUN") for item in scene.table_items(kind)]:
        table.delete_item(TableName=scene.stack.names.table, Key={"pk": item["pk"], "sk": item["sk"]})
    cursor: str | None = None
    while True:
        page = scene.call("POST", "/rebuild", {"execute": True, **({"cursor": cursor} if cursor else {})}, expect=200)
        cursor = page["next"]
        if cursor is None:
            break
    scene.backup("full")


def _orgs(scene: Scene) -> None:
    """Another org, let in by browser, and gone again."""
    with SalesforceSimulator(number=2) as other:
        body = {"login_url": other.url, "auth": "refresh_token", "credentials": {"client_id": other.client_id}}
        scene.call("POST", "/config/orgs", {"name": "other", **body}, expect=201)
        back = {"redirect_uri": "http://localhost:8976/callback"}
        url = scene.call("POST", "/config/orgs/other/authorize", back, expect=200)["authorize_url"]
        there = urlsplit(requests.get(url, allow_redirects=False, timeout=10).headers["Location"])
        brought = {name: values[0] for name, values in parse_qs(there.query).items()}
        scene.call("POST", "/config/orgs/other/callback", brought, expect=200)
        scene.call("GET", "/config/orgs", expect=200)
        scene.call("PUT", "/config/orgs/other", {"kind": "production"}, expect=200)
        scene.call("POST", "/config/orgs/other/test", expect=200)
        scene.call("GET", "/data/objects?org=other", expect=200)
        scene.call("DELETE", "/config/orgs/other", expect=200)


def _stopped(scene: Scene) -> None:
    """A second run beside the first, which is paused and resumed; one that is stopped at once, and its lock taken over."""

    def beside(event: Any, context: Any, handler: Any) -> Any:
        if not paused:
            other = scene.start("cutover", mode="dry_run")
            scene.until(lambda: scene.show(other).status == "refused", "the second run to be refused")
            paused.append(scene.call("POST", f"/runs/{event['run']['run_id']}/pause", expect=202)["run_id"])
        return handler(event, context)

    paused: list[str] = []
    with scene.around("CollectShards", beside):
        assert scene.backup("full").status == "paused"
    scene.resume(paused[0])
    for kind, task, options in (
        ("backup", "CollectShards", {"mode": "full"}), ("cutover", "PlanUnits", {"mode": "execute"}), ("rollback", "PlanUnits", {"mode": "execute", "all": True}),
    ):  # fmt: skip
        with scene.around(task, _cancelled_twice(scene)):
            run = scene.start(kind, **options)
            scene.wait(run)
        scene.resume(run)


def _asked_for(scene: Scene) -> None:
    """Backups of what a dropped file names, one that is rejected, and one of what has failed."""
    bucket = scene.stack.deployment.functions["waybill-local-FinishRun"].environment["WAYBILL_WORK_BUCKET"]
    accounts = sorted({planted.account for planted in scene.planted.values() if planted.account})
    entries = sorted(scene.planted)[:2]
    for name, lines in (("accounts", accounts), ("entries", entries), ("bad", ["not an id 1"])):
        scene.s3.put_object(Bucket=bucket, Key=f"requests/{name}.csv", Body="\n".join(lines).encode())
        scene.settle()
    failed = scene.backup("full")
    scene.wait(scene.call("POST", f"/runs/{failed.id}/retry", {}, expect=202)["run_id"])


def _approved(scene: Scene) -> None:
    """A cutover that another administrator lets begin."""
    with scene.configured(lambda config: config.update(require_approval=["cutover"])):
        run = scene.start("cutover", mode="execute")
        scene.until(lambda: bool(scene.table_items("APPROVAL")), "the run to wait")
        token = scene.stack.pool.tokens["approver"]
        scene.call("POST", f"/runs/{run}/approve", expect=202, token=token)
        scene.wait(run)
    scene.rollback("execute", all=True)  # there is something to switch again


def _cancelled_twice(scene: Scene) -> Any:
    def around(event: Any, context: Any, handler: Any) -> Any:
        if event["run"].get("run_id", "").endswith("-delta"):
            return handler(event, context)
        for _ in range(2):
            scene.call("POST", f"/runs/{event['run']['run_id']}/cancel", expect=202)
        return handler(event, context)

    return around


def _parked(scene: Scene) -> None:
    """The org's quota is used up under each task that asks Salesforce, and every turn of a resumed cutover was begun before."""

    def spent(event: Any, context: Any, handler: Any) -> Any:
        scene.stack.simulator.api_used = 99_000
        return handler(event, context)

    for task, kind, options in (
        ("ListAccounts", "backup", {"mode": "full"}), ("ListFiles", "backup", {"mode": "full"}), ("UpdateUrls", "cutover", {"canary": 0}),
        ("RestoreUrls", "rollback", {"all": True}),
    ):  # fmt: skip
        with scene.around(task, spent):
            parked = getattr(scene, kind)(**options)
        scene.stack.simulator.api_used = 0
        assert parked.status == "paused", (task, parked.view)
        scene.resume_later(parked.id)
    old = scene.backup("incremental").id
    scene.stack.client("dynamodb").update_item(
        TableName=scene.stack.names.table, Key={"pk": {"S": f"RUN#{old}"}, "sk": {"S": "RUN"}}, UpdateExpression="SET ended_at = :then, started_at = :then",
        ExpressionAttributeValues={":then": {"S": "2020-01-01T00:00:00.000Z"}},
    )  # fmt: skip
    scene.call("DELETE", "/runs?older_than_days=1", expect=200)


def _listening(scene: Scene) -> None:
    """Somebody listens to a run; of another, API Gateway never said that he had left."""
    gone = {"pk": "LIVE#CONNECTIONS", "sk": "CONNECTION#gone", "name": "x", "role": "viewer", "expires": 2**40}
    Table(client=scene.stack.client("dynamodb"), name=scene.stack.names.table).put(gone)
    missing = scene.file(scene.account("Heard"), "missing.txt", None)
    with Ear.of(scene) as ear:
        run = scene.backup("full")
        ear.until(ended(run.id))
    assert missing.id in {heard["data"].get("entry_id") for heard in ear.heard}
    for path in ("/events?limit=5", f"/runs/{run.id}/events"):
        scene.call("GET", path, expect=200)


def of(recorder: Recorder, stack: LocalStack) -> dict[str, tuple[set[Right], set[Called]]]:
    rights = allowed(stack)
    functions = {name: spec for name, spec in stack.deployment.functions.items() if OURS.match(spec.handler)}
    return {name.removeprefix("waybill-local-"): (rights[name], recorder.called[name]) for name in functions}


def test_every_call_is_allowed(migration: Recorder, stack: LocalStack) -> None:
    assert migration.unread == []
    missing = {
        f"{name}: {call}"
        for name, (rights, calls) in of(migration, stack).items()
        for call in calls
        if not any(right.allows(call) for right in rights)
    }
    assert not missing, "\n".join(sorted(missing))


def test_nothing_is_allowed_that_is_not_called(migration: Recorder, stack: LocalStack) -> None:
    unused = {
        f"{name}: {right}"
        for name, (rights, calls) in of(migration, stack).items()
        for right in rights
        if not any(right.allows(call) for call in calls) and not _explained(name, right)
    }
    assert not unused, "\n".join(sorted(unused))


def _explained(function: str, right: Right) -> bool:
    return any(re.fullmatch(who, function) and re.fullmatch(what, str(right)) for who, what, _ in EXPLAINED)
