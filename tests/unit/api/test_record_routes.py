"""Routes of records: uploads, loads and undos, and what is refused before anything is started."""

import json
from typing import Any

import pytest
import requests

from tests.unit.api.conftest import WORK, Stack
from waybill.records.domain import Origin, Planned, RowCounts, RowVerdict, Summary, Verdict
from waybill.records.standing import put_plan
from waybill.runs.inputs import SyncOptions
from waybill.runs.loads import LoadMode, LoadOptions
from waybill.runs.model import RowError, RunStatus

INPUT = "inbox/0123456789abcdef/plan.zip"


def given(stack: Stack, view: Any) -> Any:
    return json.loads(stack.sfn.describe_execution(executionArn=view["execution_arn"])["input"])


def test_an_upload_link_takes_what_was_announced_and_a_load_takes_it_in(stack: Stack) -> None:
    upload = stack.ask("POST", "/api/uploads", {"name": "Preise März.xlsx", "size": 5}).json
    assert requests.put(upload["url"], data=b"12345", headers=upload["headers"], timeout=10).status_code == 200
    assert stack.s3.get_object(Bucket=WORK, Key=upload["input"])["Body"].read() == b"12345"
    reply = stack.ask("POST", "/api/runs", {"kind": "load", "mode": "dry_run", "input": upload["input"], "write": "update"})
    assert (reply.status, reply.json["kind"], reply.json["dry_run"]) == (202, "load", True)
    assert given(stack, reply.json)["load"] == {"input": upload["input"], "write": "update", "allow_delete": False}


def test_two_uploads_of_one_name_do_not_meet(stack: Stack) -> None:
    names = {stack.ask("POST", "/api/uploads", {"name": "a.csv", "size": 1}).json["input"] for _ in range(2)}
    assert len(names) == 2


@pytest.mark.parametrize(
    "body",
    [{"name": "a/b.csv", "size": 1}, {"name": "", "size": 1}, {"name": "a.csv", "size": 0}, {"name": "a.csv", "size": 2**40}],
)
def test_an_upload_that_cannot_be_is_refused(stack: Stack, body: dict[str, Any]) -> None:
    assert stack.ask("POST", "/api/uploads", body).status == 422


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "load", "mode": "execute"},
        {"kind": "load", "mode": "execute", "input": INPUT, "retry_of": "load-1"},
        {"kind": "load", "mode": "execute", "input": "runs/load-1/job.json"},
        {"kind": "load", "mode": "execute", "input": "inbox/../../secret/a.csv"},
        {"kind": "load", "mode": "full", "input": INPUT},
        {"kind": "undo", "mode": "execute"},
    ],
)
def test_a_start_that_makes_no_sense_is_refused(stack: Stack, body: dict[str, Any]) -> None:
    assert stack.ask("POST", "/api/runs", body).status == 422


@pytest.mark.parametrize(
    ("run_id", "more", "says"),
    [
        ("load-dry", {"options": {"mode": "dry_run"}}, "was a dry run"),
        ("load-going", {"status": RunStatus.RUNNING}, "is running"),
        ("cutover-1", {}, "is no load"),
    ],
)
def test_what_cannot_be_undone_is_said_at_once(stack: Stack, run_id: str, more: dict[str, Any], says: str) -> None:
    stack.run(run_id, **more)
    reply = stack.ask("POST", "/api/runs", {"kind": "undo", "mode": "execute", "run_id": run_id})
    assert reply.status == 422
    assert says in reply.json["detail"]


def test_an_operator_may_look_and_only_an_admin_may_write(stack: Stack) -> None:
    def start(mode: str) -> int:
        return stack.ask("POST", "/api/runs", {"kind": "load", "mode": mode, "input": INPUT}, groups="[operator]").status

    assert (start("dry_run"), start("execute")) == (202, 403)


def test_a_load_shows_rows_and_no_files_and_a_backup_files_and_no_rows(stack: Stack) -> None:
    error = RowError(object="Unit", file="Unit.csv", row=3, field="Code", code="MISSING_PARENT", message="There is none.")
    options = {"load": LoadOptions(input=INPUT)}
    stack.run("load-1", options=options, row_errors=(error,))
    stack.run("backup-1")
    load, backup = (stack.ask("GET", f"/api/runs/{run_id}").json for run_id in ("load-1", "backup-1"))
    assert load["rows"]["total"] == 0
    assert load["input"] == "plan.zip"
    assert load["errors"] == [error.model_dump()]
    assert not {"files", "accounts"} & set(load)
    assert not {"rows", "objects", "input", "undoes"} & set(backup)


def test_a_load_says_what_it_was_asked_so_that_its_dry_run_can_be_carried_out_from_anywhere(stack: Stack) -> None:
    asked = LoadOptions(input=INPUT, etag="abc-2", write=LoadMode.UPDATE, external_id="Code;Type", allow_delete=True)
    stack.run("load-dry", options={"mode": "dry_run", "load": asked, "org": "uat"})
    dry = stack.ask("GET", "/api/runs/load-dry").json
    given_back = {name: value for name, value in dry["load"].items() if value is not None}
    reply = stack.ask("POST", "/api/runs", {"kind": "load", "mode": "execute", **given_back})
    assert (reply.status, dry["org"]) == (202, "uat")
    assert given(stack, reply.json)["load"] == asked.model_dump(mode="json", exclude_none=True)
    stack.run("undo-1")
    assert stack.ask("GET", "/api/runs/undo-1").json["load"] is None


def test_a_run_that_runs_shows_how_far_its_plan_is_carried_out(stack: Stack) -> None:
    stack.run("load-1", status=RunStatus.RUNNING)
    rows = RowCounts(inserted=8, updated=2, rejected=1)
    verdict = RowVerdict(Origin("Unit.csv", "", 2), "Unit", Verdict.INSERT, n=1)
    planned = Planned([], [verdict], Summary(rows, {"Unit": rows}, (), (), {}, {}))
    put_plan(planned, store=stack.store, work=stack.work, run_id="load-1", folder="a", org_time=None, bulk_from=None)
    stack.store.record("load-1", "DONE#000-0000", {"object": "Unit", "action": "insert", "ok": 5, "failed": 1})
    shown = stack.ask("GET", "/api/runs/load-1").json["rows"]
    assert {name: number for name, number in shown.items() if number} == {"total": 11, "inserted": 5, "rejected": 1, "failed": 1}


def test_an_undo_that_runs_shows_how_many_rows_are_deleted_of_how_many(stack: Stack) -> None:
    stack.run("undo-1", status=RunStatus.RUNNING)
    rows = RowCounts(deleted=8, updated=2, rejected=1)
    planned = Planned([], [], Summary(rows, {"Unit": rows}, (), (), {}, {}))
    put_plan(planned, store=stack.store, work=stack.work, run_id="undo-1", folder="a", org_time=None, bulk_from=None)
    stack.store.record("undo-1", "DONE#000-0000", {"object": "Unit", "action": "delete", "ok": 5, "failed": 0})
    shown = stack.ask("GET", "/api/runs/undo-1").json["rows"]
    assert {name: number for name, number in shown.items() if number} == {"total": 11, "deleted": 5, "rejected": 1}


@pytest.mark.parametrize("route", ["/api/runs", "/api/data/sync"])
def test_an_operator_may_sync_for_nothing_is_written_to_salesforce(stack: Stack, route: str) -> None:
    body = {"kind": "sync", "workbook": "Preise März", "objects": ["Product2"]}
    reply = stack.ask("POST", route, body, groups="[operator]")
    assert (reply.status, reply.json["kind"], reply.json["mode"]) == (202, "sync", "incremental")
    assert given(stack, reply.json)["sync"] == {"workbook": "Preise März", "objects": ["Product2"], "replace": False}
    assert stack.ask("POST", route, body, groups="[viewer]").status == 403


@pytest.mark.parametrize(
    "wrong", [{"workbook": "a/b"}, {"workbook": ".."}, {"objects": ["Product2 "]}, {"objects": ["A"] * 26}, {"mode": "execute"}]
)
def test_a_sync_that_makes_no_sense_is_refused(stack: Stack, wrong: dict[str, Any]) -> None:
    assert stack.ask("POST", "/api/runs", {"kind": "sync", "workbook": "a", "objects": ["Product2"], **wrong}).status == 422


def test_a_link_leads_to_the_workbook_that_a_run_has_left(stack: Stack) -> None:
    stack.run("sync-1", options={"mode": "full", "sync": SyncOptions(workbook="Preise März")})
    assert stack.ask("GET", "/api/runs/sync-1/workbook").status == 404
    stack.s3.put_object(Bucket=WORK, Key="runs/sync-1/workbook.xlsx", Body=b"12345")
    for reply in (
        stack.ask("GET", "/api/runs/sync-1/workbook"),
        stack.ask("POST", "/api/data/download", {"run_id": "sync-1"}, groups="[viewer]"),
    ):
        assert reply.json["name"] == "Preise März.xlsx"
        assert requests.get(reply.json["url"], timeout=10).content == b"12345"
    assert stack.ask("GET", "/api/runs/sync-1").json["workbook"] == "Preise März"
