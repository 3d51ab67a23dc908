"""`waybill runs approve` and `reject`, and what people see of a run that waits."""

import json
from typing import Any

from tests.unit.cli.conftest import FakeApi, Run

WAITING = {
    "state": "waiting", "requested_by": "ana", "requested_at": "2026-11-21T13:00:00Z", "until": "2026-11-24T13:00:00Z", "decided_by": "",
    "decided_at": None, "reason": "", "dry_run": "cutover-dry", "dry_run_ended_at": "2026-11-21T12:00:00Z", "figures": {"total": 9, "to_switch": 7, "failed": 0},
}  # fmt: skip


def view(**more: Any) -> dict[str, Any]:
    return {
        "run_id": "cutover-1", "kind": "cutover", "mode": "execute", "status": "awaiting_approval", "phase": "waiting for approval", "message": "",
        "dry_run": False, "started_at": "2026-11-21T13:00:00Z", "ended_at": None, "requested_by": "ana", "accounts": [], "execution_arn": "arn", "files": {},
        "errors": [], "approval": WAITING, **more,
    }  # fmt: skip


def test_a_run_that_waits_shows_by_what_it_is_decided_and_how(run: Run, api: FakeApi) -> None:
    api.on("GET", "/runs/cutover-1", view())
    done = run("runs", "show", "cutover-1")
    assert done.code == 0
    for words in ("waits for an approval", "Asked for by ana", "cutover-dry", "7 to switch", "waybill runs approve cutover-1"):
        assert words in done.out
    assert "0 failed" not in done.out


def test_where_there_is_no_dry_run_that_is_said(run: Run, api: FakeApi) -> None:
    api.on("GET", "/runs/cutover-1", view(approval={**WAITING, "dry_run": None, "figures": None}))
    assert "There is no dry run of this scope" in run("runs", "show", "cutover-1").out


def test_who_waits_for_it_is_told_that_another_decides(run: Run, api: FakeApi) -> None:
    approved = {**WAITING, "state": "approved", "decided_by": "beth", "decided_at": "2026-11-21T14:00:00Z"}
    api.on("GET", "/runs/cutover-1", view(), view(), view(status="completed", approval=approved))
    done = run("runs", "show", "cutover-1", "--wait")
    assert "waiting for another administrator: waybill runs approve cutover-1" in done.out + done.err
    assert "approved by beth" in done.out


def test_approve_and_reject_say_what_was_decided(run: Run, api: FakeApi) -> None:
    api.on("POST", "/runs/cutover-1/approve", (202, view()))
    api.on("POST", "/runs/cutover-1/reject", (202, view()))
    assert "is approved and begins" in run("runs", "approve", "cutover-1").out
    assert "is rejected: nothing was done" in run("runs", "reject", "cutover-1", "--reason", "not on a Friday").out
    (asked,) = api.requests("POST", "/runs/cutover-1/reject")
    assert asked.body == {"reason": "not on a Friday"}
    assert json.loads(run("runs", "approve", "cutover-1", "--json").out)["approval"]["state"] == "waiting"


def test_reject_needs_a_reason(run: Run, api: FakeApi) -> None:
    assert run("runs", "reject", "cutover-1").code == 2
    assert api.asked == []


def test_a_rejected_run_tells_who_and_why(run: Run, api: FakeApi) -> None:
    rejected = {
        **WAITING,
        "state": "rejected",
        "decided_by": "beth",
        "decided_at": "2026-11-21T14:00:00Z",
        "reason": "not tonight",
    }
    api.on("GET", "/runs/cutover-1", view(status="refused", approval=rejected, message="Rejected by beth: not tonight"))
    done = run("runs", "show", "cutover-1")
    assert (done.code, "rejected by beth at 2026-11-21 14:00 UTC: not tonight" in done.out.replace("\n", " ")) == (2, True)
