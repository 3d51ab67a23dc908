"""A run is approved by a second person: who may, what he sees, and what happens when two decide, or nobody listens."""

from typing import Any

import pytest

from tests.unit.api.conftest import FIRST, SECOND, Stack
from waybill.runs.approval import Approval, ApprovalState
from waybill.runs.loads import LoadOptions
from waybill.runs.model import Control, Counts, RowCounts, RunStatus

RUN = "cutover-r1"
WAITING = Approval(
    requested_by="ana",
    requested_subject="sub-of-ana",
    requested_at="2026-11-21T13:00:00.000Z",
    until="2026-11-24T13:00:00.000Z",
)


def waits(stack: Stack, run_id: str = RUN, *, approval: Approval = WAITING, token: str | None = "t1", **more: Any) -> None:
    """A run that waits, whose state machine has left its token."""
    record = stack.run(run_id, status=RunStatus.AWAITING_APPROVAL, approval=approval, **more)
    if token is not None:
        stack.store.record(run_id, "APPROVAL", {"token": token, "execution_arn": record.execution_arn})
        stack.waiting.add(token)


def decide(stack: Stack, verb: str = "approve", run_id: str = RUN, user: str = "beth", **more: Any) -> Any:
    body = {"reason": "not tonight"} if verb == "reject" else None
    return stack.ask("POST", f"/api/runs/{run_id}/{verb}", body, user=user, **more)


def test_another_admin_approves_and_the_run_is_woken_up(stack: Stack) -> None:
    waits(stack)
    reply = decide(stack)
    assert reply.status == 202
    assert {name: reply.json["approval"][name] for name in ("state", "requested_by", "decided_by", "decided_at")} == {
        "state": "approved", "requested_by": "ana", "decided_by": "beth", "decided_at": "2026-11-21T14:00:00.000Z",
    }  # fmt: skip
    assert stack.woken == ["t1"]
    kept = stack.store.get(RUN).approval
    assert kept is not None
    assert (kept.state, kept.decided_subject) == (ApprovalState.APPROVED, "sub-of-beth")


def test_another_admin_rejects_and_says_why(stack: Stack) -> None:
    waits(stack)
    shown = decide(stack, "reject").json["approval"]
    assert (shown["state"], shown["reason"]) == ("rejected", "not tonight")
    assert stack.woken == ["t1"]
    assert stack.ask("POST", f"/api/runs/{RUN}/reject", {"reason": "  "}, user="beth").status == 422


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_who_has_asked_decides_nothing_also_under_another_name(stack: Stack, verb: str) -> None:
    waits(stack)
    reply = decide(stack, verb, user="anabel", sub="sub-of-ana")
    assert (reply.status, reply.json["class"]) == (403, "Forbidden")
    assert (stack.store.get(RUN).approval, stack.woken) == (WAITING, [])
    assert decide(stack, verb, user="ana", sub="sub-of-another-ana").status == 202


@pytest.mark.parametrize("groups", ["[viewer]", "[operator]", None])
@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_who_is_no_admin_decides_nothing_and_the_attempt_is_audited(stack: Stack, verb: str, groups: str | None) -> None:
    waits(stack)
    assert decide(stack, verb, groups=groups).status == 403
    assert (stack.store.get(RUN).approval, stack.woken) == (WAITING, [])
    (record,) = stack.pages("/api/audit", day="2026-11-21")
    assert (record["actor"], record["action"], record["outcome"]) == ("beth", f"POST /api/runs/<run_id>/{verb}", "refused")


def test_where_nobody_knows_who_has_asked_any_admin_decides(stack: Stack) -> None:
    waits(stack, approval=WAITING.model_copy(update={"requested_by": "console", "requested_subject": ""}))
    assert decide(stack, user="ana").status == 202


def test_a_decision_is_audited_with_what_was_before_and_after(stack: Stack) -> None:
    waits(stack)
    decide(stack)
    asked, done = stack.pages("/api/audit", day="2026-11-21")
    assert '"approval": "waiting"' in asked["detail"]
    assert '"approval": "approved"' in done["detail"]
    assert (asked["actor"], done["outcome"], done["of"]) == ("beth", "202", asked["sequence"])


def test_said_again_it_wakes_the_run_again_and_changes_nothing(stack: Stack) -> None:
    """The reply was lost, or the function died between the decision and the token."""
    waits(stack)
    decide(stack)
    before = stack.store.get(RUN)
    assert decide(stack, user="cleo").status == 202
    assert stack.store.get(RUN) == before
    assert stack.woken == ["t1", "t1"]


def test_once_decided_it_stays_so(stack: Stack) -> None:
    waits(stack)
    decide(stack, "reject")
    reply = decide(stack, user="cleo")
    assert (reply.status, reply.json["class"]) == (409, "Conflict")
    assert "beth has rejected" in reply.json["detail"]


@pytest.mark.parametrize("status", [RunStatus.REFUSED, RunStatus.CANCELLED, RunStatus.FAILED])
def test_a_run_that_waits_no_longer_cannot_be_approved(stack: Stack, status: RunStatus) -> None:
    stack.run(RUN, status=status, approval=WAITING)
    assert decide(stack).status == 409
    assert stack.ask("GET", f"/api/runs/{RUN}").json["approval"]["state"] == "expired"


def test_a_run_that_needs_none_has_no_approval(stack: Stack) -> None:
    stack.run(RUN, status=RunStatus.RUNNING)
    assert decide(stack).status == 409
    assert stack.ask("GET", f"/api/runs/{RUN}").json["approval"] is None
    assert decide(stack, run_id="cutover-none").status == 404


@pytest.mark.parametrize("left", [None, "of another execution"])
def test_nothing_is_decided_before_the_run_can_be_told(stack: Stack, left: str | None) -> None:
    waits(stack, token=None)
    if left:
        stack.store.record(RUN, "APPROVAL", {"token": "old", "execution_arn": left})
    reply = decide(stack)
    assert (reply.status, "try again" in reply.json["detail"]) == (409, True)
    assert (stack.store.get(RUN).approval, stack.woken) == (WAITING, [])


def test_a_run_that_could_not_be_told_says_so_and_what_was_decided_stands(stack: Stack) -> None:
    """Its state machine has left another token by now, and is about to write it down."""
    waits(stack)
    stack.waiting.clear()
    assert decide(stack).status == 409
    stack.waiting.add("t1")
    assert decide(stack).status == 202
    kept = stack.store.get(RUN).approval
    assert kept is not None
    assert kept.state is ApprovalState.APPROVED


def test_a_run_that_waits_cannot_be_paused_or_resumed(stack: Stack) -> None:
    reply = stack.ask("POST", "/api/runs", {"kind": "cutover", "mode": "execute"}, headers={"idempotency-key": "20261121-01"})
    waits(stack, reply.json["run_id"])
    for verb in ("pause", "resume"):
        refused = stack.ask("POST", f"/api/runs/{reply.json['run_id']}/{verb}")
        assert (refused.status, "awaiting approval" in refused.json["detail"]) == (409, True)


def test_who_has_asked_may_cancel_and_the_run_is_woken_up_to_end(stack: Stack) -> None:
    reply = stack.ask("POST", "/api/runs", {"kind": "cutover", "mode": "execute"}, headers={"idempotency-key": "20261121-01"})
    run_id = reply.json["run_id"]
    waits(stack, run_id)
    assert stack.ask("POST", f"/api/runs/{run_id}/cancel").status == 202
    assert (stack.woken, stack.store.control(run_id)) == (["t1"], Control.CANCEL)
    assert stack.sfn.describe_execution(executionArn=reply.json["execution_arn"])["status"] == "RUNNING"


def test_a_run_that_has_left_no_token_yet_is_cancelled_at_once(stack: Stack) -> None:
    reply = stack.ask("POST", "/api/runs", {"kind": "cutover", "mode": "execute"}, headers={"idempotency-key": "20261121-01"})
    waits(stack, reply.json["run_id"], token=None)
    stack.ask("POST", f"/api/runs/{reply.json['run_id']}/cancel")
    assert stack.sfn.describe_execution(executionArn=reply.json["execution_arn"])["status"] == "ABORTED"


def test_who_decides_sees_the_last_dry_run_over_the_same_scope(stack: Stack) -> None:
    dry = {"mode": "dry_run", "accounts": [FIRST]}
    stack.run("cutover-older", options=dry, started_at="2026-11-20T10:00:00.000Z")
    stack.run("cutover-same", options=dry, counts=Counts(total=7, to_switch=5), started_at="2026-11-20T11:00:00.000Z")
    stack.run("cutover-failed", options=dry, status=RunStatus.FAILED, started_at="2026-11-20T12:00:00.000Z")
    stack.run("cutover-real", options={"accounts": [FIRST]}, started_at="2026-11-20T13:00:00.000Z")
    stack.run("cutover-all", options={"mode": "dry_run"}, started_at="2026-11-20T14:00:00.000Z")
    stack.run("rollback-same", options=dry, started_at="2026-11-20T15:00:00.000Z")
    waits(stack, options={"accounts": [FIRST[:15]]})
    shown = stack.ask("GET", f"/api/runs/{RUN}").json["approval"]
    assert (shown["dry_run"], shown["figures"]["to_switch"]) == ("cutover-same", 5)
    assert shown["dry_run_ended_at"] == "2026-11-21T13:30:00.000Z"


def test_what_was_gone_by_stays_also_when_a_newer_dry_run_comes(stack: Stack) -> None:
    stack.run("cutover-dry", options={"mode": "dry_run"}, counts=Counts(to_switch=5))
    waits(stack)
    decide(stack)
    stack.run("cutover-newer", options={"mode": "dry_run"}, started_at="2026-11-22T10:00:00.000Z")
    assert stack.ask("GET", f"/api/runs/{RUN}").json["approval"]["dry_run"] == "cutover-dry"


def test_where_there_is_no_dry_run_of_that_scope_none_is_shown(stack: Stack) -> None:
    stack.run("cutover-dry", options={"mode": "dry_run", "accounts": [SECOND]})
    waits(stack, options={"accounts": [FIRST]})
    shown = stack.ask("GET", f"/api/runs/{RUN}").json["approval"]
    assert (shown["dry_run"], shown["figures"]) == (None, None)
    assert decide(stack).json["approval"]["dry_run"] is None


def test_a_load_shows_the_rows_of_a_dry_run_of_the_same_upload(stack: Stack) -> None:
    load = LoadOptions(input="inbox/abcd1234/book.xlsx")
    stack.run("load-dry", options={"mode": "dry_run", "load": load}, rows=RowCounts(total=3, inserted=3))
    stack.run("load-other", options={"mode": "dry_run", "load": LoadOptions(input="inbox/other123/book.xlsx")})
    waits(stack, "load-r1", options={"load": load})
    shown = stack.ask("GET", "/api/runs/load-r1").json["approval"]
    assert (shown["dry_run"], shown["figures"]["inserted"]) == ("load-dry", 3)


def test_who_asks_is_noted_by_his_subject_and_another_may_repeat_the_request(stack: Stack) -> None:
    body, key = {"kind": "cutover", "mode": "execute"}, {"idempotency-key": "20261121-01"}
    first = stack.ask("POST", "/api/runs", body, headers=key)
    assert stack.ask("POST", "/api/runs", body, headers=key, user="beth").json["run_id"] == first.json["run_id"]
    given = stack.sfn.describe_execution(executionArn=first.json["execution_arn"])["input"]
    assert '"requested_subject": "sub-of-ana"' in given
