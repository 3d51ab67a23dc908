"""Runs over HTTP: started once, shown, steered, read."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.api.conftest import FIRST, NOW, SECOND, Stack
from waybill.api.executions import Execution, Executions
from waybill.api.operate import Operator
from waybill.api.problems import Conflict
from waybill.errors import SalesforceUnavailable
from waybill.runs.model import Control, Counts, ErrorRow, RunStatus, RunView
from waybill.settings import environ

FULL = {"kind": "backup", "mode": "full"}


def start(stack: Stack, body: dict[str, Any], key: str | None = None, user: str = "ana") -> Any:
    return stack.ask("POST", "/api/runs", body, headers={"idempotency-key": key} if key else {}, user=user)


def given(stack: Stack, run_id: str) -> dict[str, Any]:
    """The input that the run's execution was started with."""
    found: dict[str, Any] = json.loads(
        stack.sfn.describe_execution(executionArn=stack.ask("GET", f"/api/runs/{run_id}").json["execution_arn"])["input"]
    )
    return found


def test_a_started_run_is_accepted_and_can_be_looked_at_before_it_has_written_anything(stack: Stack) -> None:
    reply = start(stack, FULL, key="20261121-140500-3f9a1c")
    assert reply.status == 202
    assert reply.headers["Location"] == "/api/runs/backup-20261121-140500-3f9a1c"
    assert (reply.json["run_id"], reply.json["status"], reply.json["phase"]) == (
        "backup-20261121-140500-3f9a1c",
        "running",
        "starting",
    )
    assert set(reply.json["files"]) == set(Counts.model_fields)
    assert stack.ask("GET", reply.headers["Location"]).json == reply.json


def test_options_become_the_input_of_the_execution(stack: Stack) -> None:
    stack.summary(FIRST, verified=1)
    asked = {"kind": "backup", "mode": "incremental", "accounts": [FIRST], "max_files": 5, "dry_run": True, "deep": True}
    run_id = start(stack, asked, user="beth").json["run_id"]
    assert given(stack, run_id) == {
        "mode": "incremental", "accounts": [FIRST], "max_files": 5, "dry_run": True, "deep": True,
        "requested_by": "beth",
    }  # fmt: skip
    cutover = start(stack, {"kind": "cutover", "mode": "execute", "careful": True}).json["run_id"]
    assert given(stack, cutover)["canary"] == 20
    assert given(stack, cutover)["careful"] is True


def test_the_same_key_starts_a_run_once(stack: Stack) -> None:
    first = start(stack, FULL, key="some key of a caller")
    assert start(stack, FULL, key="some key of a caller").json["run_id"] == first.json["run_id"]
    assert len(stack.sfn.list_executions(stateMachineArn=stack.machines["backup"])["executions"]) == 1


def test_the_same_key_after_the_run_has_ended_gives_that_run(stack: Stack) -> None:
    run_id = start(stack, FULL, key="20261121-140500-3f9a1c").json["run_id"]
    stack.run(run_id, counts=Counts(copied=3))
    assert start(stack, FULL, key="20261121-140500-3f9a1c").json["files"]["copied"] == 3


def test_a_key_that_started_something_else_is_a_conflict(stack: Stack) -> None:
    start(stack, FULL, key="20261121-140500-3f9a1c")
    reply = start(stack, {"kind": "backup", "mode": "incremental"}, key="20261121-140500-3f9a1c")
    assert (reply.status, reply.json["class"]) == (409, "Conflict")


def test_without_a_key_every_request_starts_a_run(stack: Stack) -> None:
    assert start(stack, FULL).json["run_id"] != start(stack, FULL).json["run_id"]


@pytest.mark.parametrize(
    "body",
    [
        None, "", "{", [], {}, {"kind": "backup"}, {"kind": "load", "mode": "full"}, {"kind": "backup", "mode": "execute"},
        FULL | {"nonsense": 1}, FULL | {"strict": True}, FULL | {"accounts": ["12"]}, FULL | {"accounts": ["0010000000000'; x"]},
        FULL | {"max_files": 0}, {"kind": "cutover", "mode": "execute", "canary": 201}, {"kind": "rollback", "mode": "execute"},
        {"kind": "rollback", "mode": "execute", "all": True, "accounts": [FIRST]}, FULL | {"requested_by": "someone else"},
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_as_problem_details_and_starts_nothing(stack: Stack, body: Any) -> None:
    reply = stack.ask("POST", "/api/runs", body)
    assert reply.status == 422
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "class"} <= set(reply.json)
    assert reply.json["class"] == "InvalidInput"
    for machine in stack.machines.values():
        assert stack.sfn.list_executions(stateMachineArn=machine)["executions"] == []


def test_an_account_that_nothing_is_known_of_is_named(stack: Stack) -> None:
    stack.summary(FIRST, verified=1)
    reply = start(stack, FULL | {"accounts": [FIRST, SECOND]})
    assert reply.status == 422
    assert SECOND in reply.json["detail"]
    assert FIRST not in reply.json["detail"]
    stack.salesforce.add(1, "https://x.example.com/1.pdf", account=SECOND)
    assert start(stack, FULL | {"accounts": [FIRST[:15], SECOND[:15]]}).status == 202


def test_accounts_are_not_checked_where_salesforce_does_not_answer(stack: Stack) -> None:
    stack.salesforce.down = SalesforceUnavailable("down")
    assert start(stack, FULL | {"accounts": [SECOND]}).status == 202


def test_only_an_executed_cutover_can_be_rolled_back_by_run(stack: Stack) -> None:
    stack.run("cutover-r1")
    stack.run("cutover-dry", options={"mode": "dry_run"})
    stack.run("backup-r1")

    def reply(run_id: str) -> Any:
        return start(stack, {"kind": "rollback", "mode": "execute", "run_id": run_id})

    runs = ("cutover-r1", "cutover-dry", "backup-r1", "cutover-none")
    assert [reply(run_id).status for run_id in runs] == [202, 422, 422, 404]
    assert "ended before it began" in reply("cutover-none").json["detail"]


def test_an_unknown_run_is_not_found(stack: Stack) -> None:
    for run_id in ("backup-none", "nonsense", "nonsense-1"):
        for method, path in (
            ("GET", ""),
            ("GET", "/accounts"),
            ("GET", "/errors"),
            ("GET", "/report"),
            ("GET", "/logs"),
            ("POST", "/pause"),
            ("POST", "/resume"),
        ):
            reply = stack.ask(method, f"/api/runs/{run_id}{path}")
            assert (path, reply.status, reply.json["class"]) == (path, 404, "NotFound")


def test_an_unknown_route_is_problem_details_too(stack: Stack) -> None:
    for method, path in (("GET", "/api/nonsense"), ("PUT", "/api/nonsense"), ("GET", "/api/runs/backup-r1/nonsense")):
        reply = stack.ask(method, path)
        assert (reply.status, reply.headers["Content-Type"]) == (404, "application/problem+json")


def test_what_breaks_says_nothing_of_itself(stack: Stack) -> None:
    stack.salesforce.down = RuntimeError("secret token 1234")
    reply = stack.ask("GET", "/api/accounts")
    assert (reply.status, reply.json["class"]) == (500, "InternalError")
    assert "secret" not in reply.text


def test_a_running_run_shows_what_its_steps_have_recorded(stack: Stack) -> None:
    run_id = start(stack, FULL, key="20261121-140500-3f9a1c").json["run_id"]
    stack.run(run_id, status=RunStatus.RUNNING, phase="copying")
    part = {
        "total": 10,
        "skipped": 1,
        "skipped_verified": 1,
        "to_copy": 9,
        "bytes_to_copy": 90,
        "to_verify": 0,
        "failed": 0,
        "held_back": 0,
        "conflicts": 0,
    }
    stack.store.record(run_id, "PACKET#00000-000", part)
    shard = {
        "copied": 4,
        "skipped": 0,
        "verified": 4,
        "held_back": 0,
        "conflicts": 0,
        "failed": 1,
        "bytes": 40,
        "classes": {},
        "errors": None,
    }
    stack.store.record(run_id, "SHARD#0", shard)
    found = stack.ask("GET", f"/api/runs/{run_id}").json
    assert (found["status"], found["phase"]) == ("running", "copying")
    assert {name: found["files"][name] for name in ("total", "copied", "skipped", "failed", "bytes")} == {
        "total": 10, "copied": 4, "skipped": 1, "failed": 1, "bytes": 40,
    }  # fmt: skip


def test_a_run_whose_execution_was_stopped_does_not_run_for_ever(stack: Stack) -> None:
    reply = start(stack, FULL, key="20261121-140500-3f9a1c").json
    stack.run(reply["run_id"], status=RunStatus.RUNNING)
    stack.sfn.stop_execution(executionArn=reply["execution_arn"])
    stopped = stack.sfn.describe_execution(executionArn=reply["execution_arn"])["stopDate"]
    stack.now = stopped + timedelta(seconds=10)
    assert stack.ask("GET", f"/api/runs/{reply['run_id']}").json["status"] == "running"
    stack.now = stopped + timedelta(seconds=200)
    found = stack.ask("GET", f"/api/runs/{reply['run_id']}").json
    assert found["status"] == "cancelled"
    assert "ABORTED" in found["message"]


def test_an_execution_that_ended_before_it_wrote_anything_is_not_shown_as_running(stack: Stack) -> None:
    reply = start(stack, FULL).json
    stack.sfn.stop_execution(executionArn=reply["execution_arn"], error="Lambda.Unknown", cause="broke")
    found = stack.ask("GET", f"/api/runs/{reply['run_id']}").json
    assert found["status"] == "cancelled"


def test_pause_and_cancel_ask_a_running_run(stack: Stack) -> None:
    for verb, control in (("pause", Control.PAUSE), ("cancel", Control.CANCEL)):
        reply = start(stack, FULL).json
        stack.run(reply["run_id"], status=RunStatus.RUNNING)
        assert stack.ask("POST", f"/api/runs/{reply['run_id']}/{verb}").status == 202
        assert stack.store.control(reply["run_id"]) is control
        assert stack.sfn.describe_execution(executionArn=reply["execution_arn"])["status"] == "RUNNING"


def test_a_second_cancel_stops_the_execution(stack: Stack) -> None:
    reply = start(stack, FULL).json
    stack.run(reply["run_id"], status=RunStatus.RUNNING)
    stack.ask("POST", f"/api/runs/{reply['run_id']}/cancel")
    stack.ask("POST", f"/api/runs/{reply['run_id']}/cancel")
    assert stack.sfn.describe_execution(executionArn=reply["execution_arn"])["status"] == "ABORTED"


def test_a_run_that_has_not_begun_is_cancelled_at_once(stack: Stack) -> None:
    reply = start(stack, FULL).json
    assert stack.ask("POST", f"/api/runs/{reply['run_id']}/cancel").json["status"] == "cancelled"


def test_a_paused_run_is_cancelled_without_an_execution(stack: Stack) -> None:
    stack.run("backup-r1", status=RunStatus.PAUSED, counts=Counts(copied=2))
    found = stack.ask("POST", "/api/runs/backup-r1/cancel").json
    assert (found["status"], found["files"]["copied"]) == ("cancelled", 2)


@pytest.mark.parametrize("status", [RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.REFUSED])
def test_what_has_ended_is_neither_paused_nor_cancelled(stack: Stack, status: RunStatus) -> None:
    stack.run("backup-r1", status=status)
    for verb in ("pause", "cancel"):
        reply = stack.ask("POST", f"/api/runs/backup-r1/{verb}")
        assert (reply.status, reply.json["class"]) == (409, "Conflict")


@pytest.mark.parametrize("status", [RunStatus.COMPLETED, RunStatus.REFUSED])
def test_what_is_done_or_was_refused_is_not_resumed(stack: Stack, status: RunStatus) -> None:
    stack.run("backup-r1", status=status)
    assert stack.ask("POST", "/api/runs/backup-r1/resume").status == 409


def test_a_running_run_is_not_resumed(stack: Stack) -> None:
    run_id = start(stack, FULL).json["run_id"]
    stack.run(run_id, status=RunStatus.RUNNING)
    assert stack.ask("POST", f"/api/runs/{run_id}/resume").status == 409


def test_a_paused_run_is_resumed_once_however_often_it_is_asked(stack: Stack) -> None:
    before = stack.run("backup-r1", status=RunStatus.PAUSED)
    # the state machine of this test takes nothing over: it is as if it were slow
    for _ in range(2):
        found = stack.ask("POST", "/api/runs/backup-r1/resume")
        assert (found.status, found.json["status"]) == (202, "running")
    executions = stack.sfn.list_executions(stateMachineArn=stack.machines["backup"])["executions"]
    assert len(executions) == 1
    assert json.loads(stack.sfn.describe_execution(executionArn=executions[0]["executionArn"])["input"]) == {
        "mode": "full", "resume": "backup-r1", "requested_by": "ana",
    }  # fmt: skip
    assert stack.store.get("backup-r1").execution_arn == before.execution_arn


def test_a_resume_that_was_refused_can_be_asked_for_again(stack: Stack) -> None:
    stack.run("backup-r1", status=RunStatus.PAUSED)
    started: list[str] = []
    for _ in range(3):
        # Twice each: a second request while the execution is alive starts no other.
        arns = {stack.ask("POST", "/api/runs/backup-r1/resume").json["execution_arn"] for _ in range(2)}
        started += arns
        stack.sfn.stop_execution(executionArn=started[-1], error="RunRefused", cause="Run cutover-r9 is at work.")
    assert len(set(started)) == 3
    executions = stack.sfn.list_executions(stateMachineArn=stack.machines["backup"])["executions"]
    assert {execution["executionArn"] for execution in executions} == set(started)
    assert stack.ask("GET", "/api/runs/backup-r1").json["status"] == "paused"


def _operator(stack: Stack, executions: Executions) -> Operator:
    return Operator(
        store=stack.store,
        executions=executions,
        machines=stack.machines,
        progress=RunView.of,
        unknown_accounts=lambda _: [],
        now=lambda: stack.now,
        sleep=lambda _: None,
    )


def _ended(arn: str) -> Execution:
    return Execution(arn, "FAILED", {}, NOW, stopped=NOW, error="RunRefused", cause="Run cutover-r9 is at work.")


def test_a_resume_that_is_refused_says_who_is_at_work(stack: Stack) -> None:
    class Refused(Executions):
        def find(self, arn: str) -> Execution:
            return _ended(arn)

    stack.run("backup-r1", status=RunStatus.PAUSED)
    with pytest.raises(Conflict, match="cutover-r9"):
        _operator(stack, Refused(stack.sfn)).resume("backup-r1", requested_by="ana")


def test_a_resume_that_ended_before_anybody_looked_was_no_refusal(stack: Stack) -> None:
    class Quick(Executions):
        """Takes the run over and ends in the very moment that it is looked at."""

        def find(self, arn: str) -> Execution:
            stack.store.resume("backup-r1", execution_arn=arn, fence=2)
            stack.store.finish(
                "backup-r1",
                execution_arn=arn,
                status=RunStatus.COMPLETED,
                ended_at="2026-11-21T14:00:00.000Z",
                message="",
                counts=Counts(copied=1),
                errors=[],
            )
            return replace(_ended(arn), status="SUCCEEDED")

    stack.run("backup-r1", status=RunStatus.PAUSED)
    found = _operator(stack, Quick(stack.sfn)).resume("backup-r1", requested_by="ana")
    assert (found.status, found.files.copied) == (RunStatus.COMPLETED, 1)


def test_the_backup_inside_a_cutover_is_resumed_with_its_cutover(stack: Stack) -> None:
    stack.run("backup-r1-delta", status=RunStatus.FAILED, options={"parent": {"run_id": "cutover-r1", "fence": 3}})
    reply = stack.ask("POST", "/api/runs/backup-r1-delta/resume")
    assert reply.status == 409
    assert "cutover-r1" in reply.json["detail"]


def test_runs_are_listed_newest_first_page_by_page(stack: Stack) -> None:
    for n in range(5):
        stack.run(f"backup-r{n}", started_at=f"2026-11-2{n}T00:00:00.000Z", options={"accounts": [FIRST]})
    assert [run["run_id"] for run in stack.pages("/api/runs", limit=2)] == [f"backup-r{n}" for n in (4, 3, 2, 1, 0)]
    assert stack.ask("GET", "/api/runs").json["items"][0]["accounts"] == []


@pytest.mark.parametrize(
    "path",
    [
        "/api/runs",
        "/api/runs/backup-r1/errors",
        "/api/runs/backup-r1/accounts",
        "/api/runs/backup-r1/logs",
        "/api/accounts",
        f"/api/accounts/{FIRST}/files",
    ],
)
@pytest.mark.parametrize("cursor", ["x", "eyJhIjoxfQ", "bnVsbA", "%00", "A" * 9000, "eyJhZnRlciI6Ii4uLy4uL3gifQ"])
def test_a_cursor_that_was_not_given_out_is_refused(stack: Stack, path: str, cursor: str) -> None:
    stack.run("backup-r1")
    stack.summary(FIRST, verified=1)
    assert stack.ask("GET", f"{path}?cursor={cursor}").status == 422


@pytest.mark.parametrize("limit", ["0", "-1", "100000", "x"])
def test_a_limit_out_of_range_is_refused(stack: Stack, limit: str) -> None:
    assert stack.ask("GET", f"/api/runs?limit={limit}").status == 422


def test_errors_are_paged_and_a_cutovers_begin_with_its_own(stack: Stack) -> None:
    stack.run("cutover-r1")
    stack.store.record("cutover-r1", "UNIT#00000-000", {"outcomes": {}, "classes": {}, "window_ms": 1})
    conflict = {
        "entry_id": "a",
        "account_id": FIRST,
        "old": "https://x/?token=abc",
        "class": "CONFLICT",
        "message": "edited",
        "outcome": "conflict",
    }
    stack.work.put_rows("runs/cutover-r1/outcomes/00000-000.jsonl", [conflict, {"entry_id": "b", "outcome": "done"}])
    rows = [
        ErrorRow(error_class="SOURCE_MISSING", message=f"{n}", run_id="backup-r1-delta").model_dump(by_alias=True)
        for n in range(4)
    ]
    stack.work.put_rows("runs/backup-r1-delta/errors/0.jsonl", rows)
    stack.store.record("backup-r1-delta", "SHARD#0", {"errors": "runs/backup-r1-delta/errors/0.jsonl"})
    found = stack.pages("/api/runs/cutover-r1/errors", limit=2)
    assert [row["class"] for row in found] == ["CONFLICT"] + ["SOURCE_MISSING"] * 4
    assert "abc" not in json.dumps(found)


def test_a_runs_accounts_are_paged(stack: Stack) -> None:
    stack.run("backup-r1")
    stack.run("cutover-r1")
    stack.summary(FIRST, verified=2, failed=1)
    listed = [{"account_id": account, "name": "Acme", "changed": 12, "complete": True} for account in (FIRST, SECOND)]
    stack.work.put_rows("runs/backup-r1/accounts/00000-000.jsonl", listed)
    stack.work.put_rows("runs/cutover-r1/units.jsonl", [{"unit": "00000", "accounts": [FIRST, SECOND]}])
    backup = stack.pages("/api/runs/backup-r1/accounts", limit=1)
    assert [row["account_id"] for row in backup] == [FIRST, SECOND]
    assert (backup[0]["files"], backup[0]["states"]) == (3, {"verified": 2, "failed": 1})
    assert [row["account_id"] for row in stack.pages("/api/runs/cutover-r1/accounts", limit=1)] == [FIRST, SECOND]


def test_a_report_comes_in_pieces_cut_between_lines(stack: Stack) -> None:
    stack.run("backup-r1")
    assert stack.ask("GET", "/api/runs/backup-r1/report").status == 404
    text = "".join(f"{n},\u00fc\U0001f600\r\n" for n in range(300_000))
    stack.work.put("runs/backup-r1/report.csv", text.encode())
    stack.work.put("runs/backup-r1/report.json", b'{"run_id": "backup-r1"}')
    found, requests = "", 0
    offset: str | None = "0"
    while offset:
        reply = stack.ask("GET", f"/api/runs/backup-r1/report?format=csv&offset={offset}")
        assert len(reply.text.encode()) < 3_000_000
        found, offset, requests = found + reply.text, reply.headers.get("Waybill-Next-Offset"), requests + 1
    assert found == text
    assert requests > 1
    assert stack.ask("GET", "/api/runs/backup-r1/report").json == {"run_id": "backup-r1"}
    assert stack.ask("GET", "/api/runs/backup-r1/report?format=exe").status == 422
    assert stack.ask("GET", "/api/runs/backup-r1/report?format=csv&offset=999999999").status == 422


def test_logs_are_the_executions_history(stack: Stack) -> None:
    run_id = start(stack, FULL).json["run_id"]
    events = stack.pages(f"/api/runs/{run_id}/logs")
    assert {"at", "level", "event", "state", "detail"} == set(events[0])
    assert "entered" in {event["event"] for event in events}


def test_cleanup_deletes_old_records_and_keeps_what_is_needed(stack: Stack) -> None:
    old: dict[str, Any] = {"started_at": "2026-01-01T00:00:00.000Z", "ended_at": "2026-01-01T01:00:00.000Z"}
    stack.run("backup-whole", **old)
    stack.run("backup-dry", options={"dry_run": True}, **old)
    stack.run("cutover-dry", options={"mode": "dry_run"}, **old)
    stack.run("cutover-real", **old)
    stack.run("backup-paused", status=RunStatus.PAUSED, **old)
    stack.run(
        "backup-young", options={"dry_run": True}, started_at="2026-11-20T00:00:00.000Z", ended_at="2026-11-20T01:00:00.000Z"
    )
    stack.store.record("backup-dry", "PACKET#0", {"total": 1})
    reply = stack.ask("DELETE", "/api/runs?older_than_days=30")
    assert reply.json == {"deleted": 2, "more": False}
    assert {record.run_id for record in stack.store.all()} == {"backup-whole", "cutover-real", "backup-paused", "backup-young"}
    assert stack.store.result("backup-dry", "PACKET#0") is None
    assert stack.ask("DELETE", "/api/runs").status == 422


def test_a_function_without_its_environment_says_what_is_missing(stack: Stack) -> None:
    token = environ.set({"WAYBILL_STAGE": "test"})
    try:
        reply = stack.ask("GET", "/api/runs")
    finally:
        environ.reset(token)
    assert (reply.status, reply.json["class"]) == (422, "ConfigurationError")
    assert "WAYBILL_TABLE" in reply.json["detail"]
