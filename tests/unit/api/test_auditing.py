"""What the API writes down: before it is done, by whom, and what came of it."""

import json
from typing import Any

import pytest

from tests.unit.api.conftest import Stack
from waybill.api.auditing import short
from waybill.runs.model import RunStatus

FULL = {"kind": "backup", "mode": "full"}


def audited(stack: Stack) -> list[dict[str, Any]]:
    records = stack.pages("/api/audit", day="2026-11-21")
    return [{**record, "detail": json.loads(record["detail"])} for record in records]


def test_a_start_is_written_down_before_and_after(stack: Stack) -> None:
    run_id = stack.ask("POST", "/api/runs", FULL, user="olga", groups="[operator]").json["run_id"]
    asked, done = audited(stack)
    assert (asked["actor"], asked["role"], asked["source"], asked["action"]) == (
        "olga",
        "operator",
        "192.0.2.7",
        "POST /api/runs",
    )
    assert (asked["outcome"], asked["detail"]["request"], asked["detail"]["before"]) == ("asked", FULL, None)
    assert (done["outcome"], done["of"], done["detail"]["reply"]["run_id"]) == ("202", asked["sequence"], run_id)


def test_steering_a_run_shows_its_state_before_and_after(stack: Stack) -> None:
    stack.run("backup-r1", status=RunStatus.RUNNING)
    stack.ask("POST", "/api/runs/backup-r1/pause")
    asked, done = audited(stack)
    assert (asked["action"], asked["resource"]) == ("POST /api/runs/<run_id>/pause", "/api/runs/backup-r1/pause")
    assert asked["detail"]["before"]["control"] is None
    assert done["detail"]["after"]["control"] == "pause"


def test_who_tried_what_he_may_not_is_written_down(stack: Stack) -> None:
    stack.ask("DELETE", "/api/runs?older_than_days=30", user="olga", groups="[operator]")
    stack.ask("POST", "/api/runs", {"kind": "cutover", "mode": "execute"}, user="olga", groups="[operator]")
    refused, asked, done = audited(stack)
    assert (refused["action"], refused["outcome"]) == ("DELETE /api/runs", "refused")
    assert (asked["outcome"], done["outcome"], done["detail"]["reply"]["class"]) == ("asked", "403", "Forbidden")


def test_reading_leaves_no_trace(stack: Stack) -> None:
    stack.ask("GET", "/api/status")
    stack.ask("GET", "/api/status", groups=None)
    stack.ask("POST", "/api/verify", {"account_id": "no-account"})
    assert audited(stack) == []
    assert stack.ask("GET", "/api/audit/head").json["sequence"] == 0


def test_a_request_that_fails_is_written_down_with_its_status(stack: Stack) -> None:
    stack.ask("POST", "/api/runs", {"kind": "backup"})
    asked, done = audited(stack)
    assert (asked["outcome"], done["outcome"], done["detail"]["reply"]["class"]) == ("asked", "422", "InvalidInput")


def test_what_cannot_be_written_down_is_not_done(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    head = {"pk": "AUDIT", "sk": "HEAD", "sequence": 7, "hash": "h", "at": "2026-11-21T15:00:00.000Z", "first_day": "2026-11-21"}
    stack.table.put(head)
    # A record stands where the next one belongs: the chain cannot go on.
    stack.table.put({"pk": "AUDIT#2026-11-21", "sk": f"{head['at']}#{8:012d}"})
    reply = stack.ask("POST", "/api/runs", FULL)
    assert (reply.status, reply.json["class"]) == (503, "ServiceUnavailable")
    assert stack.sfn.list_executions(stateMachineArn=stack.machines["backup"])["executions"] == []


def test_a_day_that_is_none_is_refused(stack: Stack) -> None:
    for day in ("today", "2026-11-21%23", "2026-1-1", "٢٠٢٦-11-21", ""):
        assert stack.ask("GET", f"/api/audit?day={day}").status == 422


def test_long_requests_are_cut_to_what_a_person_reads() -> None:
    assert short({"a": [1] * 25, "b": "x" * 400, "c": {"d": {"e": {"f": 1}}}, "g": None, "h": True}) == {
        "a": [1] * 20 + ["... 5 more"],
        "b": "x" * 300 + "...",
        "c": {"d": {"e": "..."}},
        "g": None,
        "h": True,
    }
