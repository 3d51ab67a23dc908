"""Starting, following and steering runs from the command line."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from cli.app import FILE_COUNTS
from tests.unit.cli.conftest import Clock, FakeApi, Run

View = Callable[..., dict[str, Any]]


def test_backup_prints_one_json_object_with_every_count(run: Run, api: FakeApi, run_view: View) -> None:
    api.on("POST", "/runs", (202, run_view(status="running")))
    api.on("GET", "/runs/backup-r1", run_view(status="running"), run_view(files={"total": 3, "copied": 3, "verified": 3}))
    done = run("backup", "--full", "--wait", "--json")
    assert done.code == 0
    assert {"run_id", "kind", "status", "files", "errors"} <= set(done.json)
    assert set(done.json["files"]) == set(FILE_COUNTS)
    assert done.json["files"]["copied"] == 3
    assert done.json["files"]["switched"] == 0


@pytest.mark.parametrize(
    ("status", "files", "errors", "code"),
    [
        ("completed", {"copied": 5}, [], 0),
        ("completed", {"copied": 5, "failed": 1}, [], 1),
        ("completed", {"switched": 5, "held_back": 1}, [], 1),
        ("completed", {"rolled_back": 5, "conflicts": 1}, [], 1),
        ("completed", {"copied": 5}, [{"class": "PacketFailed", "message": "one packet was not listed"}], 1),
        ("refused", {}, [], 2),
        ("failed", {}, [], 3),
        ("cancelled", {}, [], 3),
        ("paused", {}, [], 3),
    ],
)
def test_the_exit_code_says_how_the_run_ended(
    run: Run, api: FakeApi, run_view: View, status: str, files: dict[str, int], errors: list[Any], code: int
) -> None:
    api.on("POST", "/runs", (202, run_view(status="running")))
    api.on("GET", "/runs/backup-r1", run_view(status=status, files=files, errors=errors))
    assert run("backup", "--full", "--wait", "--json").code == code
    assert run("backup", "--full", "--wait").code == code


def test_options_become_the_body_of_the_request(run: Run, api: FakeApi, run_view: View) -> None:
    api.on("POST", "/runs", (202, run_view(status="running")))
    account = "0013D00000AbcDefQAX"[:18]
    run("backup", "--incremental", "--account", account, "--max-files", "7", "--dry-run", "--deep")
    run("cutover", "--execute", "--strict", "--careful", "--canary", "0", "--allow-private-links")
    run("rollback", "--dry-run", "--run", "cutover-r1")
    run("rollback", "--execute", "--all")
    first, second, third, fourth = [asked.body for asked in api.requests("POST", "/runs")]
    assert first == {
        "kind": "backup",
        "mode": "incremental",
        "accounts": [account],
        "max_files": 7,
        "dry_run": True,
        "deep": True,
    }
    assert second == {
        "kind": "cutover", "mode": "execute", "accounts": [], "strict": True, "careful": True, "canary": 0, "allow_private_links": True,
    }  # fmt: skip
    assert third == {"kind": "rollback", "mode": "dry_run", "accounts": [], "all": False, "run_id": "cutover-r1"}
    assert fourth == {"kind": "rollback", "mode": "execute", "accounts": [], "all": True}


def test_without_wait_the_command_says_how_to_follow_the_run(run: Run, api: FakeApi, run_view: View) -> None:
    api.on("POST", "/runs", (202, run_view(status="running")))
    done = run("backup", "--full")
    assert done.code == 0
    assert "waybill runs show backup-r1 --wait" in done.out


def test_the_token_of_local_json_is_sent(run: Run, api: FakeApi, run_view: View) -> None:
    api.on("GET", "/runs/backup-r1", run_view())
    run("runs", "show", "backup-r1")
    assert api.asked[0].headers["authorization"] == "Bearer local-token"


def test_a_lost_reply_to_a_start_is_asked_for_again_under_the_same_key(run: Run, api: FakeApi, run_view: View) -> None:
    api.on("POST", "/runs", None, (503, {}), (202, run_view(status="running")))
    assert run("backup", "--full").code == 0
    keys = {asked.headers["idempotency-key"] for asked in api.requests("POST", "/runs")}
    assert len(api.requests("POST", "/runs")) == 3
    assert len(keys) == 1
    assert re.fullmatch(r"20261121-140500-[0-9a-f]{6}", keys.pop())


def test_two_starts_have_two_keys(run: Run, api: FakeApi, run_view: View) -> None:
    api.on("POST", "/runs", (202, run_view(status="running")))
    run("backup", "--full")
    run("backup", "--full")
    assert len({asked.headers["idempotency-key"] for asked in api.asked}) == 2


@pytest.mark.parametrize(
    "words",
    [
        ["backup"],
        ["backup", "--full", "--incremental"],
        ["backup", "--full", "--account", "12"],
        ["backup", "--full", "--max-files", "0"],
        ["backup", "--full", "--no-such-option"],
        ["cutover"],
        ["cutover", "--dry-run", "--execute"],
        ["cutover", "--execute", "--canary", "201"],
        ["rollback", "--execute"],
        ["rollback", "--all"],
        ["rollback", "--execute", "--all", "--run", "cutover-r1"],
    ],
)
def test_wrong_use_is_one_json_object_of_the_runs_shape_and_starts_nothing(run: Run, api: FakeApi, words: list[str]) -> None:
    done = run(*words, "--json")
    assert done.code == 2
    assert done.json["error"]["class"] == "WrongUse"
    assert done.json["error"]["message"]
    assert done.json["kind"] == words[0]
    assert done.json["status"] == "not_started"
    assert set(done.json["files"].values()) == {0}
    assert api.asked == []


@pytest.mark.parametrize(
    "words", [["nonsense"], ["status", "--nonsense"], [], ["runs"], ["runs", "show"], ["plan", "--files", "many"]]
)
def test_wrong_use_of_other_commands_is_one_json_object_too(run: Run, words: list[str]) -> None:
    done = run("--json", *words)
    assert done.code == 2
    assert set(done.json) == {"error"}


def test_wrong_use_says_so_to_people_on_standard_error(run: Run) -> None:
    done = run("backup")
    assert (done.code, done.out) == (2, "")
    assert "Say --full or --incremental." in done.err
    assert "waybill backup --help" in done.err


def test_a_problem_of_the_api_is_shown_in_its_own_words(run: Run, api: FakeApi) -> None:
    api.on(
        "POST",
        "/runs",
        (
            422,
            {
                "title": "Unprocessable",
                "detail": "No entry of account 001 exists.",
                "class": "InvalidInput",
                "hint": "Look it up.",
            },
        ),
    )
    done = run("backup", "--full", "--json")
    assert done.code == 2
    assert done.json["error"] == {"class": "InvalidInput", "message": "No entry of account 001 exists.", "hint": "Look it up."}


def test_a_failing_api_is_no_wrong_use(run: Run, api: FakeApi) -> None:
    api.on("GET", "/runs/backup-r1", (500, {"title": "Internal Server Error", "detail": "It broke.", "class": "InternalError"}))
    assert run("runs", "show", "backup-r1", "--json").code == 3


def test_a_passing_failure_while_waiting_is_waited_out(run: Run, api: FakeApi, run_view: View) -> None:
    api.on("POST", "/runs", (202, run_view(status="running")))
    api.on("GET", "/runs/backup-r1", *[(500, {"detail": "broken"})] * 3, None, run_view(files={"copied": 1}))
    done = run("backup", "--full", "--wait", "--json")
    assert done.code == 0
    assert done.json["files"]["copied"] == 1


def test_losing_sight_of_a_run_names_the_run(run: Run, api: FakeApi, run_view: View) -> None:
    api.on("POST", "/runs", (202, run_view(status="running")))
    api.on("GET", "/runs/backup-r1", (500, {"detail": "broken"}))
    done = run("backup", "--full", "--wait", "--json")
    assert done.code == 3
    assert (done.json["run_id"], done.json["status"]) == ("backup-r1", "unknown")
    assert "waybill runs show backup-r1 --wait" in done.json["error"]["hint"]


def test_ctrl_c_while_waiting_leaves_the_run_alone_and_says_how_to_follow_it(run: Run, api: FakeApi, run_view: View) -> None:
    class Impatient(Clock):
        def sleep(self, seconds: float) -> None:
            raise KeyboardInterrupt

    api.on("POST", "/runs", (202, run_view(status="running")))
    api.on("GET", "/runs/backup-r1", run_view(status="running"))
    done = run("backup", "--full", "--wait", clock=Impatient())
    assert done.code == 130
    assert "Run backup-r1 goes on" in done.err
    assert "waybill runs show backup-r1 --wait" in done.err
    assert {asked.method for asked in api.asked} == {"POST", "GET"}
    assert len(api.requests("POST", "/runs")) == 1
    as_json = run("backup", "--full", "--wait", "--json", clock=Impatient())
    assert as_json.json["run_id"] == "backup-r1"


def test_plain_lines_show_phases_and_counts_without_repeating_themselves(run: Run, api: FakeApi, run_view: View) -> None:
    api.on("POST", "/runs", (202, run_view(status="running")))
    half = run_view(status="running", files={"total": 2000, "copied": 1000})
    api.on(
        "GET",
        "/runs/backup-r1",
        run_view(status="running", phase="listing"),
        half,
        half,
        half,
        run_view(files={"total": 2000, "copied": 2000}),
    )
    out = run("backup", "--full", "--wait").out
    assert out.count("listing") == 1
    assert out.count("copying: 1,000 of 2,000 files") == 1
    assert "2,000  copied" in out


def test_a_run_that_has_ended_shows_its_requests_by_service(run: Run, api: FakeApi, run_view: View) -> None:
    requests = {"dynamodb": {"PutItem": 1000, "write units": 1004}, "s3": {"CopyObject": 1000, "ListObjectsV2": 3}}
    api.on("GET", "/runs/backup-r1", run_view(requests=requests))
    out = run("runs", "show", "backup-r1").out
    assert "1,003  S3: 1,000 CopyObject, 3 ListObjectsV2" in out
    assert "1,000  DynamoDB: 1,000 PutItem, 1,004 write units" in out
    assert run("runs", "show", "backup-r1", "--json").json["requests"] == requests


def test_names_from_outside_cannot_command_the_terminal(run: Run, api: FakeApi, run_view: View) -> None:
    evil = "\x1b[2J\x1b]0;owned\x07[bold red]x[/]\u202etxt"
    error = {"class": "SourceMissing", "message": evil, "entry_id": "a0x", "name": evil, "account_id": "001"}
    api.on("GET", "/runs/backup-r1", run_view(files={"failed": 1}, errors=[error]))
    out = run("runs", "show", "backup-r1").out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "[bold red]" in out.replace("\n", "")


def test_a_script_without_terminal_is_not_asked(run: Run, api: FakeApi, run_view: View) -> None:
    api.on("POST", "/runs", (202, run_view("cutover-r1", status="running")))
    assert run("cutover", "--execute").code == 0
    assert run("rollback", "--execute", "--all", "--json").code == 0
    assert len(api.asked) == 2


@pytest.mark.parametrize(("answer", "started"), [("n\n", 0), ("\n", 0), ("y\n", 1)])
def test_a_person_is_asked_before_salesforce_is_written_to(
    run: Run, api: FakeApi, run_view: View, monkeypatch: pytest.MonkeyPatch, answer: str, started: int
) -> None:
    # click's runner replaces standard input by one that is no terminal: say that it is one
    monkeypatch.setattr("cli.migrate.stdin_is_terminal", lambda: True)
    api.on("POST", "/runs", (202, run_view("cutover-r1", status="running")))
    own = {"name": "default", "production": True, "organization": "", "login_url": "https://login.salesforce.com"}
    api.on("GET", "/config/orgs/default", own)
    done = run("cutover", "--execute", stdin=answer)
    assert "Switch the URLs of all accounts in the PRODUCTION org default (https://login.salesforce.com)?" in done.out
    assert len(api.requests("POST", "/runs")) == started
    assert done.code == (0 if started else 2)


def test_a_dry_run_and_yes_ask_nothing(run: Run, api: FakeApi, run_view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.migrate.stdin_is_terminal", lambda: True)
    api.on("POST", "/runs", (202, run_view("cutover-r1", status="running")))
    run("cutover", "--dry-run")
    run("cutover", "--execute", "--yes")
    run("rollback", "--dry-run", "--all")
    assert len(api.asked) == 3


def test_runs_list_follows_the_cursor_to_the_limit(run: Run, api: FakeApi, run_view: View) -> None:
    api.on(
        "GET", "/runs",
        {"items": [run_view("backup-r3"), run_view("backup-r2")], "next": "c1"},
        {"items": [run_view("backup-r1")], "next": None},
    )  # fmt: skip
    done = run("runs", "list", "--json")
    assert [item["run_id"] for item in done.json["runs"]] == ["backup-r3", "backup-r2", "backup-r1"]
    assert api.asked[1].query["cursor"] == "c1"
    assert "backup-r1  " in run("runs", "list", "--limit", "1").out


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel"])
def test_runs_are_steered(run: Run, api: FakeApi, run_view: View, verb: str) -> None:
    api.on("POST", f"/runs/backup-r1/{verb}", (202, run_view(status="running")))
    done = run("runs", verb, "backup-r1", "--json")
    assert (done.code, done.json["run_id"]) == (0, "backup-r1")
    assert f"{verb}" in run("runs", verb, "--help").out


def test_an_unknown_run_is_wrong_use(run: Run) -> None:
    done = run("runs", "show", "backup-nope", "--json")
    assert (done.code, done.json["error"]["class"]) == (2, "NotFound")


@pytest.mark.parametrize("run_id", ["../status", "a b", "x?y", ""])
def test_a_run_id_cannot_change_the_path(run: Run, api: FakeApi, run_id: str) -> None:
    assert run("runs", "show", run_id, "--json").code == 2
    assert api.asked == []


def test_logs_show_the_history_and_the_error_rows(run: Run, api: FakeApi) -> None:
    events = [
        {"at": "2026-11-21T14:05:00Z", "level": "info", "event": "entered", "state": "ListAccounts"},
        {
            "at": "2026-11-21T14:05:09Z",
            "level": "error",
            "event": "failed",
            "state": "ListAccounts",
            "detail": "SalesforceLoginFailed",
        },
    ]
    api.on("GET", "/runs/backup-r1/logs", {"items": events, "next": None})
    api.on("GET", "/runs/backup-r1/errors", {"items": [{"class": "SourceMissing", "message": "gone"}], "next": None})
    assert run("runs", "logs", "backup-r1", "--json").json["logs"] == events
    only = run("runs", "logs", "backup-r1", "--errors", "--json").json
    assert [event["level"] for event in only["logs"]] == ["error"]
    assert only["errors"] == [{"class": "SourceMissing", "message": "gone"}]
    assert "SalesforceLoginFailed" in run("runs", "logs", "backup-r1").out


def test_a_runs_accounts_are_shown_with_what_the_ledger_has_of_them(run: Run, api: FakeApi, run_view: View) -> None:
    api.on("GET", "/runs/backup-r1", run_view())
    account = {"account_id": "001000000000001AAA", "name": "Acme", "files": 3, "states": {"verified": 2, "source_missing": 1}}
    api.on("GET", "/runs/backup-r1/accounts", {"items": [account], "next": None})
    shown = run("runs", "show", "backup-r1", "--accounts").out
    assert "Acme" in shown
    assert "1 source missing, 2 verified" in shown
