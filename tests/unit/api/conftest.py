"""The real handler on moto's table, bucket and state machines, with a Salesforce of a few rows."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import boto3
import pytest
from moto import mock_aws

from local.aws.dispatch import Dispatcher
from local.aws.transport import InProcess
from waybill import compose
from waybill.api.app import respond
from waybill.api.executions import Executions
from waybill.api.services import Services
from waybill.files.domain import NO_ACCOUNT, Entry, FileState, VerifiedBy
from waybill.files.entries import AccountActivity
from waybill.files.ledger import AccountSummary, FileItem, Ledger
from waybill.runs.model import Options, RunKind, RunRecord, RunStatus
from waybill.runs.store import RunStore
from waybill.runs.work import WorkBucket
from waybill.salesforce.client import UserInfo
from waybill.salesforce.describe import FieldDescribe, ObjectDescribe, ObjectSummary, object_summary
from waybill.salesforce.ids import to18
from waybill.salesforce.updating import RowResult
from waybill.salesforce.usage import Usage
from waybill.settings import Configuration, SalesforceSettings, SourceSettings, environ

SIGN_IN = {"authorize_url": "https://pool/authorize", "token_url": "https://pool/token", "client_id": "c", "scope": "openid"}
NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
FIRST, SECOND = to18("001000000000001"), to18("001000000000002")
SOURCE, DESTINATION, WORK, TABLE = "docs-source", "docs-destination", "waybill-work", "waybill"


def entry_id(n: int) -> str:
    return to18(f"a00{n:012d}")


@dataclass
class FakeSalesforce:
    """Entries, and what the user may do with them. Written to by `update` alone; every update is noted."""

    entries: list[Entry] = field(default_factory=list)
    urls: dict[str, str] = field(default_factory=dict)
    updates: list[Mapping[str, object]] = field(default_factory=list)
    editable: bool = True
    view_all: bool = True
    fields: tuple[str, ...] = ("Id", "Name", "URL__c", "Account__c")
    automation: Callable[[str], str] | None = None
    # Describes as Salesforce gives them, by the name in lower case.
    objects_known: dict[str, dict[str, Any]] = field(default_factory=dict)
    down: Exception | None = None

    def add(self, n: int, url: str, *, account: str = FIRST) -> str:
        self.entries.append(
            Entry(
                id=entry_id(n), account_id=account, account_name="Acme", name=f"file {n}.pdf", url=url, created=NOW, modified=NOW
            )
        )
        self.urls[entry_id(n)] = url
        return entry_id(n)

    def _asked(self) -> None:
        if self.down is not None:
            raise self.down

    # SalesforceClient, as far as the API uses it

    def user_info(self) -> UserInfo:
        self._asked()
        return UserInfo(id="005000000000001AAA", name="Migration", username="migration@example.com", organization_id="00D")

    def describe(self, sobject: str) -> ObjectDescribe:
        self._asked()
        described = {
            name.lower(): FieldDescribe(
                name, "url", length=255, nillable=True, createable=True, updateable=self.editable, referenceTo=()
            )
            for name in self.fields
        }
        return ObjectDescribe(sobject, described, updateable=self.editable, queryable=True)

    def describe_many(self, sobjects: Sequence[str]) -> list[dict[str, Any] | None]:
        self._asked()
        return [self.objects_known.get(name.lower()) for name in sobjects]

    def objects(self) -> list[ObjectSummary]:
        self._asked()
        return [object_summary(known) for known in self.objects_known.values()]

    def limits(self) -> Usage:
        self._asked()
        return Usage(100, 15_000)

    def query(self, query: str) -> Iterator[dict[str, Any]]:
        self._asked()
        if "PermissionSetAssignment" in query:
            yield {"PermissionSetId": "0PS", "PermissionSet": {"PermissionsViewAllData": self.view_all}}
        elif " FROM Account " in query:
            yield from ({"Id": account, "Name": "Named in Salesforce"} for account in (FIRST, SECOND) if account in query)

    def tooling_query(self, query: str) -> list[dict[str, Any]]:
        return []

    def update(self, sobject: str, rows: Sequence[Mapping[str, object]]) -> list[RowResult]:
        self.updates += rows
        for row in rows:
            link = str(row["URL__c"])
            self.urls[str(row["Id"])] = self.automation(link) if self.automation else link
        return [RowResult(str(row["Id"]), ok=self.editable, code="" if self.editable else "INSUFFICIENT_ACCESS") for row in rows]


@dataclass
class FakeReader:
    """EntryReader over the fake's rows."""

    salesforce: FakeSalesforce

    def accounts(self, *, after: str = "", only: Sequence[str] = ()) -> Iterator[AccountActivity]:
        self.salesforce._asked()
        ids = sorted({entry.account_id for entry in self.salesforce.entries} - {NO_ACCOUNT})
        for account in ids:
            if account > after and (not only or account in only):
                yield AccountActivity(account, sum(e.account_id == account for e in self.salesforce.entries), NOW)

    def orphans(self) -> AccountActivity | None:
        count = sum(entry.account_id == NO_ACCOUNT for entry in self.salesforce.entries)
        return AccountActivity(NO_ACCOUNT, count, NOW) if count else None

    def entries(self, *, first: str, last: str) -> Iterator[Entry]:
        return (entry for entry in self.salesforce.entries if first <= entry.account_id <= last)

    def by_id(self, ids: Sequence[str], *, more_fields: Sequence[str] = ()) -> dict[str, Mapping[str, Any]]:
        self.salesforce._asked()
        accounts = {entry.id: entry.account_id for entry in self.salesforce.entries}
        return {
            each: {"Id": each, "url": self.salesforce.urls[each], "account": accounts[each]} for each in ids if each in accounts
        }

    def account_of(self, row: Mapping[str, Any]) -> str:
        return str(row["account"])

    def url_of(self, row: Mapping[str, Any]) -> str:
        return str(row["url"])


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Stack:
    """A stage on moto, and its API."""

    machines: dict[str, str]
    salesforce: FakeSalesforce = field(default_factory=FakeSalesforce)
    s3: Any = None
    sfn: Any = None
    now: datetime = NOW
    # Tokens that somebody waits on, and those that were sent.
    waiting: set[str] = field(default_factory=set)
    woken: list[str] = field(default_factory=list)

    @cached_property
    def table(self) -> Any:
        return compose.table(TABLE)

    @property
    def store(self) -> RunStore:
        return RunStore(self.table)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.table)

    @property
    def work(self) -> WorkBucket:
        return WorkBucket(client=self.s3, bucket=WORK)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        user: str = "ana",
        groups: str | None = "[admin]",
        **claims: str,
    ) -> Reply:
        """Sends a request as API Gateway hands it over. `groups` None: the user is in none; an empty `user`: there is no token."""
        stack = self

        class ExecutionsOfTest(Executions):
            def wake(self, token: str) -> bool:
                stack.woken.append(token)
                return token in stack.waiting

        class ServicesOfTest(Services):
            executions = ExecutionsOfTest(stack.sfn)
            salesforce = stack.salesforce  # type: ignore[assignment]
            reader = FakeReader(stack.salesforce)  # type: ignore[assignment]

        url = urlsplit(path)
        given = {"sub": f"sub-of-{user}", "username": user, "token_use": "access", **claims}
        if groups is not None:
            given["cognito:groups"] = groups
        authorizer = {"authorizer": {"jwt": {"claims": given, "scopes": None}}} if user else {}
        event = {
            "version": "2.0", "routeKey": "ANY /api/{proxy+}", "rawPath": url.path, "rawQueryString": url.query,
            "headers": {"content-type": "application/json", **(headers or {})},
            "queryStringParameters": dict(parse_qsl(url.query)) or None,
            "requestContext": {"http": {"method": method, "path": url.path, "sourceIp": "192.0.2.7"}, "stage": "$default", "requestId": "r", **authorizer},
            "body": json.dumps(body) if body is not None and not isinstance(body, str) else body,
            "isBase64Encoded": False,
        }  # fmt: skip
        found = respond(event, None, build=lambda **given: ServicesOfTest(**given, now=lambda: stack.now, sleep=lambda _: None))
        return Reply(found["statusCode"], found.get("headers") or {}, found.get("body") or "")

    def pages(self, path: str, **query: object) -> list[Any]:
        """All items of a list, page by page."""
        items: list[Any] = []
        cursor: dict[str, object] = {}
        while True:
            page = self.ask("GET", f"{path}?{urlencode({**query, **cursor})}").json
            items += page["items"]
            if page["next"] is None:
                return items
            cursor = {"cursor": page["next"]}

    def run(self, run_id: str, *, status: RunStatus = RunStatus.COMPLETED, **more: Any) -> RunRecord:
        """Plants a run's record. `options` are added to the kind's own."""
        kind = RunKind(run_id.partition("-")[0])
        options = {"mode": "full" if kind is RunKind.BACKUP else "execute", **more.pop("options", {})}
        name = run_id.partition("-")[2]
        record = RunRecord(
            **{
                "run_id": run_id, "kind": kind, "options": Options(**options), "status": status, "started_at": "2026-11-21T13:00:00.000Z",
                "ended_at": None if status is RunStatus.RUNNING else "2026-11-21T13:30:00.000Z",
                "execution_arn": self.machines[kind].replace(":stateMachine:", ":execution:") + f":{name}", **more,
            }
        )  # fmt: skip
        self.store.claim(record)
        return record

    def file(self, n: int, *, account: str = FIRST, state: FileState = FileState.VERIFIED, **more: Any) -> FileItem:
        """Plants a verified file in ledger, bucket and Salesforce."""
        key = f"uploads/{account}/Acme/file {n}.pdf"
        url = f"https://{SOURCE}.s3.amazonaws.com/{n}.pdf?X-Amz-Signature=secret"
        etag = self.s3.put_object(Bucket=DESTINATION, Key=key, Body=b"x" * n)["ETag"].strip('"')
        item = FileItem(
            account_id=account, entry_id=entry_id(n), state=state, name=f"file {n}.pdf", url=url, key=key, size=n, etag=etag,
            proof=VerifiedBy.ETAG, run="backup-r1",
        )  # fmt: skip
        item = replace(item, **more)
        self.ledger.write(item)
        self.salesforce.add(n, item.new_url or item.url, account=account)
        return item

    def summary(self, account: str, *, name: str = "Acme", size: int = 0, **states: int) -> None:
        self.ledger.put_summary(AccountSummary(account, name, states=dict(states), size=size), fence=1)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        compose.use_transport(InProcess(Dispatcher()))
        s3 = boto3.client("s3")
        for bucket in (SOURCE, DESTINATION, WORK):
            s3.create_bucket(Bucket=bucket)
        _create_table()
        sfn = boto3.client("stepfunctions")
        machines = {
            kind.value: sfn.create_state_machine(
                name=f"waybill-{kind}", definition=_WAITS, roleArn="arn:aws:iam::123456789012:role/waybill"
            )["stateMachineArn"]
            for kind in RunKind
        }
        token = environ.set(_variables(machines))
        try:
            yield Stack(machines, s3=s3, sfn=sfn)
        finally:
            environ.reset(token)
            compose.use_transport(None)


_WAITS = json.dumps({"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}})


def _create_table() -> None:
    names = ("pk", "sk", "summary_bucket")
    boto3.client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "summaries",
                "KeySchema": [
                    {"AttributeName": "summary_bucket", "KeyType": "HASH"},
                    {"AttributeName": "pk", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )


def _variables(machines: dict[str, str]) -> dict[str, str]:
    config = Configuration(
        salesforce=SalesforceSettings(login_url="https://example.my.salesforce.com"), source=SourceSettings(buckets=(SOURCE,))
    )
    return {
        "WAYBILL_STAGE": "test",
        "WAYBILL_TABLE": TABLE,
        "WAYBILL_WORK_BUCKET": WORK,
        "WAYBILL_CONFIG": config.model_dump_json(),
        "WAYBILL_SALESFORCE_SECRET": "arn:aws:secretsmanager:us-east-1:123456789012:secret:salesforce",
        "WAYBILL_ORG_SECRETS": "waybill-test/orgs/",
        "WAYBILL_SECRETS_KEY": "arn:aws:kms:us-east-1:123456789012:key/of-the-stage",
        "WAYBILL_DESTINATION_BUCKET": DESTINATION,
        "WAYBILL_STATE_MACHINES": json.dumps(machines),
        "WAYBILL_SIGN_IN": json.dumps(SIGN_IN),
        "WAYBILL_LIVE_URL": "wss://live.example.com/live",
    }
