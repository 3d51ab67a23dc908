"""status, check, accounts, plan, verify: what they ask and what they show."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import FakeApi, Run

ACCOUNT = {
    "account_id": "0013D00000AbcDefQA",
    "name": "=cmd|'/c calc'!A1",
    "entries": 4,
    "files": 4,
    "bytes": 2048,
    "states": {"verified": 3, "failed": 1},
}


@pytest.fixture
def standing(api: FakeApi, run_view: Callable[..., dict[str, Any]]) -> FakeApi:
    """An API of a migration after its first backup."""
    last = run_view("backup-r1", files={"total": 4, "failed": 1})
    api.on(
        "GET", "/status",
        {"files": {"total": 4, "verified": 3, "failed": 1, "bytes": 2048}, "accounts": {"total": 1}, "phases": {"backup": last}, "readiness": {"ready": False}},
    )  # fmt: skip
    api.on("GET", "/accounts", {"items": [ACCOUNT], "next": None})
    checks = [
        {"name": "all files verified", "ok": False, "detail": "1 is not", "fix": "Run a backup."},
        {"name": "quota", "ok": None, "detail": "unknown"},
    ]
    api.on("GET", "/readiness", {"ready": False, "checks": checks})
    api.on("GET", "/runs", {"items": [run_view("backup-r2"), last], "next": None})
    api.on(
        "GET",
        "/runs/backup-r1/errors",
        {"items": [{"class": "SourceMissing", "message": "gone.pdf is not there", "name": "gone.pdf"}], "next": None},
    )
    return api


def test_status_is_four_things(run: Run, standing: FakeApi) -> None:
    done = run("status", "--json")
    assert (done.code, set(done.json)) == (0, {"files", "accounts", "phases", "readiness"})
    assert done.json["files"]["total"] == 4
    assert [asked.path for asked in standing.asked] == ["/status"]


def test_status_of_an_empty_stack_says_where_to_begin(run: Run, api: FakeApi) -> None:
    api.on("GET", "/status", {"files": {"total": 0}, "accounts": {"total": 0}, "phases": {}, "readiness": {}})
    assert "waybill backup --full --wait" in run("status").out


def test_each_option_of_status_shows_its_own_part(run: Run, standing: FakeApi) -> None:
    overview = run("status", "--overview").out
    assert "copied and verified" in overview
    assert "Not ready for the cutover" in overview
    accounts = run("status", "--accounts").out
    assert "0013D00000AbcDefQA" in accounts
    assert "2.0 KB" in accounts
    assert "copied and verified" not in accounts
    assert "Run a backup." in run("status", "--readiness").out
    errors = run("status", "--errors").out
    assert "SourceMissing 1" in errors
    assert "gone.pdf is not there" in errors
    everything = run("status", "--all").out
    for part in ("copied and verified", "0013D00000AbcDefQA", "Run a backup.", "SourceMissing 1"):
        assert part in everything


def test_recent_errors_are_limited_and_newest_first(run: Run, standing: FakeApi, run_view: Callable[..., dict[str, Any]]) -> None:
    standing.on(
        "GET",
        "/runs",
        {"items": [run_view("backup-r3", files={"failed": 2}), run_view("backup-r1", files={"failed": 1})], "next": None},
    )
    standing.on("GET", "/runs/backup-r3/errors", {"items": [{"class": "Late"}, {"class": "Later"}], "next": None})
    assert [row["class"] for row in run("status", "--recent-errors", "3", "--json").json["errors"]] == [
        "Late",
        "Later",
        "SourceMissing",
    ]
    assert len(run("status", "--recent-errors", "1", "--json").json["errors"]) == 1


def test_status_exports_everything_as_json(run: Run, standing: FakeApi, tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    assert run("status", "--export", str(target)).code == 0
    saved = json.loads(target.read_text(encoding="utf-8"))
    assert {"files", "accounts", "phases", "readiness", "errors"} <= set(saved)
    assert saved["accounts"]["items"][0]["verified"] == 3


def test_an_exported_table_holds_no_formula(run: Run, standing: FakeApi, tmp_path: Path) -> None:
    target = tmp_path / "accounts.csv"
    run("status", "--export", str(target))
    (row,) = csv.DictReader(target.read_text(encoding="utf-8").splitlines())
    assert row["name"] == "'=cmd|'/c calc'!A1"
    assert (row["account_id"], row["verified"], row["switched"]) == ("0013D00000AbcDefQA", "3", "")


def test_an_export_that_cannot_be_written_is_a_clear_error(run: Run, standing: FakeApi, tmp_path: Path) -> None:
    done = run("status", "--export", str(tmp_path / "no" / "folder.json"), "--json")
    assert (done.code, done.json["error"]["class"]) == (2, "CannotWrite")


def test_cleanup_deletes_old_run_records(run: Run, standing: FakeApi) -> None:
    standing.on("DELETE", "/runs", {"deleted": 5, "more": True}, {"deleted": 2, "more": False})
    done = run("status", "--cleanup-days", "30")
    assert "7 run records deleted." in done.out
    assert standing.asked[0].query == {"older_than_days": "30"}


def test_check_ends_with_2_while_something_is_to_be_fixed(run: Run, api: FakeApi) -> None:
    good = {"name": "log in", "ok": True, "detail": "as migration@example.com"}
    api.on("POST", "/check", {"checks": [good, {"name": "View All", "ok": None, "detail": "unknown", "fix": ""}]})
    done = run("check", "--json")
    assert (done.code, done.json["ok"]) == (0, True)
    api.on("POST", "/check", {"checks": [good, {"name": "View All", "ok": False, "detail": "missing", "fix": "Grant View All."}]})
    done = run("check")
    assert done.code == 2
    assert "Grant View All." in done.out
    assert "1 thing to fix." in done.out


def test_a_warning_is_nothing_that_must_be_fixed(run: Run, api: FakeApi) -> None:
    warning = {"name": "View All", "ok": False, "detail": "missing", "fix": "Grant View All.", "blocking": False}
    api.on("POST", "/check", {"checks": [warning]})
    done = run("check")
    assert done.code == 0
    assert "Grant View All." in done.out


def test_accounts_show_entries_files_and_states(run: Run, standing: FakeApi) -> None:
    found = run("accounts", "--json").json["accounts"]
    assert found[0]["entries"] == 4
    assert found[0]["verified"] == 3
    assert "=cmd|'/c calc'!A1" in run("accounts").out


PLAN = {
    "scope": {
        "files": 1_000_000,
        "accounts": 20_000,
        "bytes": 3 * 1024**4,
        "sample": 2000,
        "extensions": {".pdf": 1500},
        "unknown_buckets": {"other": 3},
    },
    "backup": {"seconds": 5400, "cost_usd": 7.5, "salesforce_calls": 520, "bottleneck": "S3 requests"},
    "cutover": {"seconds": 900, "cost_usd": 0.004, "salesforce_calls": 2600, "bottleneck": "Salesforce"},
}


def test_plan_shows_scope_time_cost_and_calls(run: Run, api: FakeApi) -> None:
    api.on("GET", "/plan", PLAN)
    out = run("plan").out
    for part in (
        "1,000,000 files in 20,000 accounts",
        "about 3.0 TB",
        "1 h 30 min",
        "$7.50",
        "under $0.01",
        "2,600",
        "other 3",
        ".pdf 1,500",
    ):
        assert part in out
    assert run("plan", "--json").json == PLAN
    assert api.asked[0].query == {}


def test_plan_asks_what_if(run: Run, api: FakeApi) -> None:
    api.on("GET", "/plan", PLAN)
    run("plan", "--files", "500", "--accounts", "7")
    assert api.asked[0].query == {"files": "500", "accounts": "7"}


@pytest.mark.parametrize(
    "words", [["--accounts", "5"], ["--from-org", "--files", "5"], ["--files", "5", "--accounts", "6"], ["--files", "0"]]
)
def test_plan_refuses_what_makes_no_sense(run: Run, api: FakeApi, words: list[str]) -> None:
    assert run("plan", *words, "--json").code == 2
    assert api.asked == []


def test_verify_goes_through_all_accounts_and_pages(run: Run, standing: FakeApi) -> None:
    standing.on(
        "POST", "/verify", {"checked": 500, "mismatches": [], "next": "c"}, {"checked": 4, "mismatches": [], "next": None}
    )
    done = run("verify", "--json")
    assert (done.code, done.json) == (0, {"checked": 504, "accounts": 1, "mismatches": []})
    assert [asked.body for asked in standing.requests("POST", "/verify")] == [
        {"account_id": "0013D00000AbcDefQA"},
        {"account_id": "0013D00000AbcDefQA", "cursor": "c"},
    ]


def test_verify_ends_with_1_where_anything_differs(run: Run, api: FakeApi) -> None:
    mismatch = {
        "class": "object_missing",
        "account_id": "001000000000001",
        "entry_id": "a0x",
        "message": "The bucket has no such object.",
    }
    api.on("POST", "/verify", {"checked": 2, "mismatches": [mismatch], "next": None})
    done = run("verify", "--account", "001000000000001")
    assert done.code == 1
    assert "The bucket has no such object." in done.out
    assert "agree" not in done.out


def test_a_report_is_saved_as_csv_or_json(
    run: Run, api: FakeApi, run_view: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    api.on("GET", "/runs/cutover-r1", run_view("cutover-r1"))
    api.on("GET", "/runs/cutover-r1/report", (200, "entry_id,old_url,new_url\r\nü,1,2\r\n"))
    run("runs", "show", "cutover-r1", "--report", str(tmp_path / "r.csv"))
    assert (tmp_path / "r.csv").read_bytes().decode() == "entry_id,old_url,new_url\r\nü,1,2\r\n"
    assert api.asked[-1].query == {"format": "csv"}
    api.on("GET", "/runs/cutover-r1/report", {"run_id": "cutover-r1"})
    run("runs", "show", "cutover-r1", "--report", str(tmp_path / "r.json"))
    assert json.loads((tmp_path / "r.json").read_text()) == {"run_id": "cutover-r1"}


def test_a_large_report_comes_in_pieces(run: Run, api: FakeApi, run_view: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    api.on("GET", "/runs/cutover-r1", run_view("cutover-r1"))
    api.on("GET", "/runs/cutover-r1/report", (200, "a,b\r\n", {"Waybill-Next-Offset": "5"}), (200, "c,d\r\n"))
    assert run("runs", "show", "cutover-r1", "--report", str(tmp_path / "r.csv")).code == 0
    assert (tmp_path / "r.csv").read_bytes() == b"a,b\r\nc,d\r\n"
    assert api.asked[-1].query == {"format": "csv", "offset": "5"}


def test_a_report_that_breaks_off_leaves_no_file(
    run: Run, api: FakeApi, run_view: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    api.on("GET", "/runs/cutover-r1", run_view("cutover-r1"))
    api.on("GET", "/runs/cutover-r1/report", (200, "a,b\r\n", {"Waybill-Next-Offset": "5"}), (500, {"detail": "broke"}))
    folder = tmp_path / "reports"
    folder.mkdir()
    assert run("runs", "show", "cutover-r1", "--report", str(folder / "r.csv")).code == 3
    assert list(folder.iterdir()) == []


def test_what_several_runs_met_alike_is_shown_once(run: Run, standing: FakeApi, run_view: Callable[..., dict[str, Any]]) -> None:
    runs = [run_view("cutover-r2", files={"held_back": 1}), run_view("backup-r1", files={"failed": 1})]
    standing.on("GET", "/runs", {"items": runs, "next": None})
    row = {"class": "SourceMissing", "message": "gone.pdf is not there", "name": "gone.pdf"}
    standing.on("GET", "/runs/cutover-r2/errors", {"items": [row, row | {"message": "another"}], "next": None})
    assert [row["message"] for row in run("status", "--errors", "--json").json["errors"]] == ["gone.pdf is not there", "another"]
