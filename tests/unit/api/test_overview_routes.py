"""What the console reads: one file's waybill, searches, throughput, errors by class, settings."""

import json
from datetime import datetime
from typing import Any

import pytest

from tests.unit.api.conftest import DESTINATION, FIRST, SECOND, Stack, entry_id
from waybill.clock import iso
from waybill.errors import SalesforceUnavailable
from waybill.files.domain import FileState
from waybill.files.views import FILES_READ
from waybill.runs.model import Counts, ErrorRow, RowError, RunStatus
from waybill.runs.work import run_prefix

NEW = "https://new.example.com/1"


def steps(found: Any) -> list[tuple[str, str, str]]:
    return [(step["step"], step["run_id"], step["by"]) for step in found["steps"]]


def outcome(stack: Stack, run_id: str, unit: str, *, n: int = 1, error: str = "", **row: Any) -> None:
    """Plants the outcome of one row, as a turn of a cutover leaves it."""
    folder = run_prefix(run_id)
    if not unit.startswith("canary"):
        stack.work.put_rows(f"{folder}units/{unit.partition('-')[0]}-0000.jsonl", [{"unit": unit, "accounts": [FIRST]}])
    line = {"entry_id": entry_id(n), "account_id": FIRST, "name": "a", "old": "https://x/1", "new": NEW, **row, "class": error}
    stack.work.put_rows(f"{folder}outcomes/{unit}-000.jsonl", [line])
    stack.store.record(run_id, f"UNIT#{unit}-000", {"after": None, "outcomes": {row["outcome"]: 1}, "classes": {}, "fence": 1})


def test_a_waybill_tells_what_was_written_down(stack: Stack) -> None:
    stack.summary(FIRST, verified=1)
    stack.file(1)
    now = stack.s3.head_object(Bucket=DESTINATION, Key=f"uploads/{FIRST}/Acme/file 1.pdf")["LastModified"]
    end = iso(now).replace(iso(now)[:4], "2099")
    stack.run("backup-r1", started_at=iso(now), ended_at=end, options={"requested_by": "olga"})
    found = stack.ask("GET", f"/api/files/{entry_id(1)}").json
    assert (found["state"], found["account_id"], found["account_name"], found["link"]) == ("verified", FIRST, "Acme", "old")
    assert (found["size"], found["verified_by"], found["copied_at"]) == (1, "etag", iso(now))
    assert steps(found) == [("copied", "backup-r1", "olga"), ("verified", "backup-r1", "olga")]
    assert found["steps"][1]["detail"] == "proven by etag"
    assert "secret" not in json.dumps(found)


def test_a_waybill_has_every_switch_and_its_way_back(stack: Stack) -> None:
    stack.run("cutover-c1", options={"requested_by": "ana"}, started_at="2026-11-21T10:00:00.000Z")
    outcome(stack, "cutover-c1", "00000001-00000", outcome="done")
    stack.run("rollback-b1", options={"requested_by": "ben", "all": True}, started_at="2026-11-21T11:00:00.000Z")
    outcome(stack, "rollback-b1", "00000002-00000", outcome="done", new="https://x/1")
    stack.run("cutover-c2", options={"requested_by": "ana"}, started_at="2026-11-21T12:00:00.000Z")
    outcome(stack, "cutover-c2", "canary-00000003", outcome="conflict", error="CONFLICT", message="somebody was here")
    stack.run("cutover-dry", options={"mode": "dry_run"}, started_at="2026-11-21T13:00:00.000Z")
    outcome(stack, "cutover-dry", "00000004-00000", outcome="to_do")
    stack.file(1, state=FileState.CONFLICT, run="cutover-c2")
    found = stack.ask("GET", f"/api/files/{entry_id(1)}").json
    told = {step["run_id"]: (step["step"], step["by"], step["detail"]) for step in found["steps"] if step["run_id"]}
    assert told == {
        "cutover-c1": ("switched", "ana", f"to {NEW}"),
        "rollback-b1": ("rolled_back", "ben", "to https://x/1"),
        "cutover-c2": ("conflict", "ana", "CONFLICT: somebody was here"),
    }
    assert all(step["time"] for step in found["steps"])


def test_other_files_of_a_unit_are_not_told(stack: Stack) -> None:
    stack.run("cutover-c1")
    outcome(stack, "cutover-c1", "00000001-00000", n=2, outcome="done")
    stack.file(1)
    assert [step[0] for step in steps(stack.ask("GET", f"/api/files/{entry_id(1)}").json)] == ["copied", "verified"]


def test_a_file_that_failed_says_why(stack: Stack) -> None:
    stack.run("backup-r1")
    stack.file(1, state=FileState.SOURCE_MISSING, key=None, proof=None, error="SOURCE_MISSING", message="no such object")
    found = stack.ask("GET", f"/api/files/{entry_id(1)}").json
    assert [(step["step"], step["detail"]) for step in found["steps"]] == [("source_missing", "SOURCE_MISSING: no such object")]
    assert found["copied_at"] is None


def test_an_entry_that_is_gone_is_found_by_its_account(stack: Stack) -> None:
    stack.file(1, state=FileState.ENTRY_DELETED)
    stack.salesforce.entries.clear()
    stack.summary(FIRST, entry_deleted=1)
    missing = stack.ask("GET", f"/api/files/{entry_id(1)}")
    assert (missing.status, "name its account" in missing.json["detail"]) == (404, True)
    assert stack.ask("GET", f"/api/files/{entry_id(1)}?account_id={FIRST}").json["link"] == "gone"


def test_salesforce_need_not_answer_where_the_account_is_named(stack: Stack) -> None:
    stack.file(1)
    stack.salesforce.down = SalesforceUnavailable("down")
    assert stack.ask("GET", f"/api/files/{entry_id(1)}").status == 503
    found = stack.ask("GET", f"/api/files/{entry_id(1)[:15]}?account_id={FIRST[:15]}").json
    assert (found["link"], found["link_now"]) == ("unknown", None)


def test_an_entry_that_no_run_has_seen_says_so(stack: Stack) -> None:
    stack.salesforce.add(1, "https://x.example.com/1")
    reply = stack.ask("GET", f"/api/files/{entry_id(1)}")
    assert (reply.status, "a backup takes it in" in reply.json["detail"]) == (404, True)
    assert stack.ask("GET", "/api/files/nonsense").status == 422


def test_files_are_searched_by_name_and_id(stack: Stack) -> None:
    for n in range(1, 13):
        stack.file(n)
    stack.summary(FIRST, verified=12)
    path = f"/api/accounts/{FIRST}/files"
    assert [row["name"] for row in stack.pages(path, query="FILE 1", limit=2)] == [
        "file 1.pdf", "file 10.pdf", "file 11.pdf", "file 12.pdf",
    ]  # fmt: skip
    assert [row["entry_id"] for row in stack.pages(path, query=entry_id(7)[:15])] == [entry_id(7)]
    assert stack.pages(path, query="file 1", state="switched") == []
    assert stack.ask("GET", f"{path}?query={'x' * 101}").status == 422


def test_a_search_reads_so_much_and_then_hands_back_a_cursor(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("waybill.files.views.FILES_READ", 3)
    assert FILES_READ == 2_000
    for n in range(1, 8):
        stack.file(n)
    stack.summary(FIRST, verified=7)
    path = f"/api/accounts/{FIRST}/files?query=file 7"
    first = stack.ask("GET", path).json
    assert first["items"] == []
    assert first["next"] is not None
    assert [row["name"] for row in stack.pages(f"/api/accounts/{FIRST}/files", query="file 7")] == ["file 7.pdf"]


def test_accounts_are_searched_by_name_and_id(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("waybill.files.views.ACCOUNTS_READ", 2)
    monkeypatch.setattr("waybill.files.views.ACCOUNTS_ASKED", 2)
    stack.summary(FIRST, name="Ärzte GmbH", verified=1)
    stack.summary(SECOND, name="Acme", verified=1)
    stack.summary("001000000000009AAA", name="acme too", verified=1)
    for source in ("ledger", "org"):
        found = stack.pages("/api/accounts", query="ACME", source=source, limit=1)
        assert [row["name"] for row in found] == ["Acme", "acme too"]
    assert [row["account_id"] for row in stack.pages("/api/accounts", query="ärzte", source="ledger")] == [FIRST]
    assert [row["name"] for row in stack.pages("/api/accounts", query="0009AAA", source="ledger")] == ["acme too"]


def test_accounts_that_only_salesforce_knows_are_searched_by_their_name_there(stack: Stack) -> None:
    stack.salesforce.add(1, "https://x.example.com/1", account=FIRST)
    assert [row["account_id"] for row in stack.pages("/api/accounts", query="named in")] == [FIRST]


def test_runs_are_filtered_by_kind_and_status(stack: Stack) -> None:
    for n, (name, status) in enumerate(
        [("backup-a", RunStatus.COMPLETED), ("cutover-b", RunStatus.FAILED), ("backup-c", RunStatus.FAILED), ("backup-d", RunStatus.FAILED)]
    ):  # fmt: skip
        stack.run(name, status=status, started_at=f"2026-11-2{n}T00:00:00.000Z")
    assert [run["run_id"] for run in stack.pages("/api/runs", kind="backup", limit=1)] == ["backup-d", "backup-c", "backup-a"]
    assert [run["run_id"] for run in stack.pages("/api/runs", kind="backup", status="failed", limit=1)] == [
        "backup-d",
        "backup-c",
    ]
    assert stack.ask("GET", "/api/runs?kind=nonsense").status == 422


def line(second: str, size: int, **more: Any) -> dict[str, Any]:
    modified = f"2026-11-21T13:00:{second}.000Z"
    return {"entry_id": "e", "status": "copied", "key": "k", "etag": "e", "modified": modified, "facts": {"size": size}, **more}


def test_the_throughput_of_a_small_backup_is_told_to_the_second(stack: Stack) -> None:
    stack.run("backup-r1")
    lines = [line("01", 10), line("01", 5), line("03", 1), line("03", 9, status="failed"), line("04", 7, status="existing")]
    stack.work.put_rows(f"{run_prefix('backup-r1')}copied/00000-0000-0000-000.jsonl", lines)
    assert stack.ask("GET", "/api/runs/backup-r1/throughput").json == {
        "bucket_seconds": 1,
        "points": [
            {"time": "2026-11-21T13:00:01.000Z", "files": 2, "bytes": 15},
            {"time": "2026-11-21T13:00:02.000Z", "files": 0, "bytes": 0},
            {"time": "2026-11-21T13:00:03.000Z", "files": 1, "bytes": 1},
            {"time": "2026-11-21T13:00:04.000Z", "files": 1, "bytes": 7},
        ],
    }


def test_the_throughput_of_a_large_backup_comes_from_its_shards(stack: Stack) -> None:
    stack.run("backup-r1")
    for n in range(8):
        stack.work.put_rows(f"{run_prefix('backup-r1')}copied/00000-0000-{n:04d}-000.jsonl", [line("01", 10)])
        stack.store.record("backup-r1", f"SHARD#00000-0000-{n:04d}", {"copied": 5_000, "bytes": 7})
    found = stack.ask("GET", "/api/runs/backup-r1/throughput").json
    assert sum(point["files"] for point in found["points"]) == 40_000
    assert sum(point["bytes"] for point in found["points"]) == 56


def test_the_throughput_of_a_cutover_is_its_links(stack: Stack) -> None:
    stack.run("cutover-c1")
    outcome(stack, "cutover-c1", "00000001-00000", outcome="done")
    found = stack.ask("GET", "/api/runs/cutover-c1/throughput").json
    assert [(point["files"], point["bytes"]) for point in found["points"]] == [(1, 0)]
    assert datetime.fromisoformat(found["points"][0]["time"]).tzinfo is not None


def test_a_long_run_has_no_more_points_than_a_chart_can_show(stack: Stack) -> None:
    stack.run("backup-r1", started_at="2026-11-20T00:00:00.000Z")
    lines = [line("00", 1, modified=f"2026-11-2{day}T{hour:02d}:00:00.000Z") for day in range(1, 4) for hour in range(24)]
    stack.work.put_rows(f"{run_prefix('backup-r1')}copied/00000-0000-0000-000.jsonl", lines)
    found = stack.ask("GET", "/api/runs/backup-r1/throughput").json
    assert (found["bucket_seconds"], len(found["points"]) <= 120) == (3600, True)
    assert sum(point["files"] for point in found["points"]) == 72


def test_a_run_that_moves_no_files_has_no_throughput(stack: Stack) -> None:
    stack.run("load-l1")
    assert stack.ask("GET", "/api/runs/load-l1/throughput").json["points"] == []
    assert stack.ask("GET", "/api/runs/backup-none/throughput").status == 404


def trouble(name: str, n: int) -> ErrorRow:
    return ErrorRow(error_class=name, message="so it was", entry_id=entry_id(n), run_id="backup-r1")


def test_errors_are_grouped_by_class_with_what_to_do(stack: Stack) -> None:
    rows = tuple(trouble("SOURCE_MISSING", n) for n in range(7))
    for n, name in enumerate(("backup-r1", "backup-r2")):
        stack.run(name, started_at=f"2026-11-2{n}T00:00:00.000Z", counts=Counts(failed=9), errors=rows)
        told = {"errors_by_class": {"SOURCE_MISSING": 8 - n, "TRUNCATED": 1}}
        stack.work.put(f"{run_prefix(name)}report.json", json.dumps(told).encode())
    stack.run("backup-refused", status=RunStatus.REFUSED, started_at="2026-11-22T00:00:00.000Z")
    found = stack.ask("GET", "/api/errors").json
    assert found["runs_looked_at"] == 2
    first, second = found["classes"]
    assert (first["class"], first["count"], first["exact"], first["runs"], first["run_id"]) == (
        "SOURCE_MISSING",
        7,
        True,
        2,
        "backup-r2",
    )
    assert (len(first["sample"]), first["sample"][0]["class"]) == (5, "SOURCE_MISSING")
    assert first["what_to_do"].startswith("Ask the source's owner.")
    assert (second["class"], second["sample"]) == ("TRUNCATED", [])


def test_errors_of_a_run_that_is_at_work_are_counted_so_far(stack: Stack) -> None:
    stack.run("backup-r1", status=RunStatus.RUNNING)
    counts = dict.fromkeys(("copied", "skipped", "verified", "held_back", "conflicts", "failed", "bytes"), 0)
    stack.store.record("backup-r1", "SHARD#1", {**counts, "failed": 2, "classes": {"TRUNCATED": 2}})
    assert [(each["class"], each["count"]) for each in stack.ask("GET", "/api/errors").json["classes"]] == [("TRUNCATED", 2)]


def test_errors_of_a_load_are_those_of_its_rows(stack: Stack) -> None:
    rows = tuple(RowError(object="Product2", row=n, code="STRING_TOO_LONG", message="too long") for n in range(50))
    stack.run("load-l1", row_errors=rows)
    (found,) = stack.ask("GET", "/api/errors").json["classes"]
    assert (found["class"], found["count"], found["exact"], found["kind"]) == ("STRING_TOO_LONG", 50, False, "load")
    assert found["sample"][0]["object"] == "Product2"


def test_settings_show_the_configuration_and_no_secret(stack: Stack) -> None:
    found = stack.ask("GET", "/api/settings", groups="[viewer]").json
    assert (found["stage"], found["destination_bucket"]) == ("test", DESTINATION)
    assert found["configuration"]["salesforce"]["url_field"] == "URL__c"
    assert found["secrets"] == [{"name": "salesforce", "arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:salesforce"}]
