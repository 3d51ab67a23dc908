"""The frame of a task: what a call counted is kept in the run, whatever became of the call, and told as metrics."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from local.aws.dispatch import Dispatcher
from local.aws.transport import InProcess
from tests.contract.conftest import create_table
from waybill import compose
from waybill.counting import count
from waybill.errors import ServiceUnavailable
from waybill.runs.machine import CALL, CHILD, STATE
from waybill.runs.model import Options, RunKind, RunRecord, RunStatus
from waybill.runs.requests import RequestLog
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, Reply, Request, Status, task
from waybill.settings import LedgerEnvironment, environ
from waybill.table import Table

ENVIRONMENT = {
    "WAYBILL_STAGE": "test",
    "WAYBILL_TABLE": "ledger",
    "WAYBILL_WORK_BUCKET": "work",
    "WAYBILL_CONFIG": json.dumps({"source": {"buckets": ["source"]}}),
}
RUN = {"run": {"run_id": "backup-1", "kind": "backup"}}


class Context:
    aws_request_id = "1"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


class Asked(Request):
    last: bool = True
    fails: bool = False


@task(LedgerEnvironment, Asked, around=lambda asked, _: CALL + CHILD if asked.last else CALL)
def handler(_: LedgerEnvironment, asked: Asked, clock: Clock) -> Reply:
    assert not clock.time_is_up()
    count("s3 CopyObject", 5)
    if asked.fails:
        raise ServiceUnavailable("S3 is away")
    return Reply(status=Status.DONE if asked.last else Status.MORE)


def _then(_: Asked, reply: Reply) -> str:
    return "copying" if reply.status is Status.DONE else ""


@task(LedgerEnvironment, Asked, then=_then)
def leading(_: LedgerEnvironment, asked: Asked, clock: Clock) -> Reply:
    """Children follow its last call."""
    del clock
    if asked.fails:
        raise ServiceUnavailable("S3 is away")
    return Reply(status=Status.DONE if asked.last else Status.MORE)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    """The stage's table, on moto. boto3 looks for credentials in the environment."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    token = environ.set(ENVIRONMENT)
    with mock_aws():
        import boto3

        made = create_table(boto3.client("dynamodb", region_name="us-east-1"), "ledger")
        monkeypatch.setattr(compose, "table", lambda _: made)
        compose.use_transport(InProcess(Dispatcher()))
        yield made
        compose.use_transport(None)
    environ.reset(token)


def metrics(printed: str) -> dict[str, Any]:
    """The metrics of the last call."""
    lines = [json.loads(line) for line in printed.splitlines() if "TaskSeconds" in line]
    return {name: value for name, value in lines[-1].items() if name not in {"_aws", "TaskSeconds", "Kind", "Stage"}}


def test_each_call_adds_what_it_counted_to_the_run(table: Table) -> None:
    handler({**RUN, "last": False}, Context())
    handler(RUN, Context())
    assert RequestLog(table).so_far("backup-1") == {
        "s3 CopyObject": 10,
        STATE: 6,
        "dynamodb PutItem": 2,
        "dynamodb write units": 2,
        "events PutEvents": 2,
    }


def test_who_leads_to_children_says_once_what_they_do(table: Table) -> None:
    store = RunStore(table)
    store.claim(
        RunRecord(
            run_id="backup-1",
            kind=RunKind.BACKUP,
            options=Options(mode="full"),
            status=RunStatus.RUNNING,
            execution_arn="arn:1",
            fence=2,
            phase="collecting shards",
            started_at="2026-11-21T12:00:00.000Z",
        )
    )

    def phase_after(event: dict[str, Any], *, fence: int = 2) -> str:
        leading({"run": RUN["run"] | {"fence": fence}, **event}, Context())
        return store.get("backup-1").phase

    assert phase_after({"last": False}) == "collecting shards"
    with pytest.raises(ServiceUnavailable):
        phase_after({"fails": True})
    assert phase_after({}, fence=1) == "collecting shards"  # an older execution's late attempt
    assert phase_after({}) == "copying"


def test_a_call_that_failed_has_made_its_requests_all_the_same(table: Table) -> None:
    with pytest.raises(ServiceUnavailable):
        handler({**RUN, "fails": True}, Context())
    handler(RUN, Context())
    counts = RequestLog(table).so_far("backup-1")
    assert (counts["s3 CopyObject"], counts[STATE]) == (10, 5)


def test_requests_are_told_as_metrics_by_service(table: Table, capsys: pytest.CaptureFixture[str]) -> None:
    del table
    handler(RUN, Context())
    told = metrics(capsys.readouterr().out)
    assert told == {"S3Requests": [5.0], "StateTransitions": [4.0]}


def test_a_table_that_cannot_be_written_fails_no_task(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: str) -> Table:
        raise ServiceUnavailable("DynamoDB is away")

    monkeypatch.setattr(compose, "table", away)
    assert handler(RUN, Context())["status"] == "done"
    assert RequestLog(table).so_far("backup-1") == {}
