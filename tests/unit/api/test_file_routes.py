"""Status, readiness, accounts, check, plan and verify over HTTP."""

import json
from dataclasses import replace

import pytest

from tests.unit.api.conftest import DESTINATION, FIRST, SECOND, SOURCE, Stack, entry_id
from waybill.errors import SalesforceLoginFailed, SalesforceQuotaExhausted, SalesforceUnavailable
from waybill.files.domain import NO_ACCOUNT, FileState
from waybill.files.ledger import FileItem
from waybill.runs.model import Counts, RunStatus


def test_status_adds_up_all_accounts(stack: Stack) -> None:
    stack.summary(FIRST, size=100, verified=3, failed=1, entry_deleted=5)
    stack.summary(SECOND, size=50, switched=4)
    found = stack.ask("GET", "/api/status").json
    assert set(found) == {"files", "accounts", "phases", "readiness"}
    assert (
        found["files"] | {"total": 8, "verified": 3, "switched": 4, "failed": 1, "entry_deleted": 5, "bytes": 150}
        == found["files"]
    )
    assert found["files"]["success_rate"] == 0.875
    assert (found["accounts"]["total"], found["accounts"]["complete"]) == (2, 1)
    assert [account["account_id"] for account in found["accounts"]["top"]] == [FIRST, SECOND]


def test_status_of_an_empty_stage_is_zeros(stack: Stack) -> None:
    found = stack.ask("GET", "/api/status").json
    assert (found["files"]["total"], found["accounts"]["total"], found["phases"]) == (0, 0, {})
    assert found["readiness"]["ready"] is False


def test_status_names_the_last_run_of_each_kind(stack: Stack) -> None:
    stack.summary(FIRST, verified=3)
    stack.run("backup-r1", started_at="2026-11-20T00:00:00.000Z")
    stack.run("backup-r2", started_at="2026-11-21T00:00:00.000Z", counts=Counts(copied=3))
    stack.run("backup-r3", status=RunStatus.REFUSED, started_at="2026-11-22T00:00:00.000Z")
    stack.run("backup-r4-delta", started_at="2026-11-22T00:00:00.000Z", options={"parent": {"run_id": "cutover-r4", "fence": 1}})
    found = stack.ask("GET", "/api/status").json
    assert set(found["phases"]) == {"backup"}
    assert (found["phases"]["backup"]["run_id"], found["phases"]["backup"]["files"]["copied"]) == ("backup-r2", 3)
    assert (found["readiness"]["ready"], found["readiness"]["unverified"]) == (True, 0)


def test_accounts_join_salesforce_and_the_ledger(stack: Stack) -> None:
    stack.summary(FIRST, verified=2, size=10)
    for n in (1, 2, 3):
        stack.salesforce.add(n, "https://x.example.com/1", account=FIRST)
    stack.salesforce.add(4, "https://x.example.com/1", account=SECOND)
    stack.salesforce.add(5, "https://x.example.com/1", account=NO_ACCOUNT)
    found = stack.pages("/api/accounts", limit=2)
    assert [(row["account_id"], row["name"], row["entries"], row["files"]) for row in found] == [
        (FIRST, "Acme", 3, 2),
        (SECOND, "Named in Salesforce", 1, 0),
        (NO_ACCOUNT, "", 1, 0),
    ]
    assert found[0]["states"] == {"verified": 2}


def test_accounts_of_the_ledger_alone_need_no_salesforce(stack: Stack) -> None:
    stack.salesforce.down = SalesforceUnavailable("down")
    for account in (SECOND, FIRST, NO_ACCOUNT):
        stack.summary(account, verified=1)
    stack.summary("001000000000009AAA", entry_deleted=1)
    found = stack.pages("/api/accounts", source="ledger", limit=1)
    assert [row["account_id"] for row in found] == [FIRST, SECOND, NO_ACCOUNT]
    assert stack.ask("GET", "/api/accounts").status == 503


@pytest.mark.parametrize(
    ("error", "status"),
    [(SalesforceLoginFailed("no"), 422), (SalesforceQuotaExhausted("no"), 429), (SalesforceUnavailable("no"), 503)],
)
def test_trouble_with_salesforce_has_a_status_and_a_hint(stack: Stack, error: Exception, status: int) -> None:
    stack.salesforce.down = error
    reply = stack.ask("GET", "/api/accounts")
    assert (reply.status, reply.json["class"]) == (status, type(error).__name__)
    assert reply.json["hint"]


def test_an_accounts_files_are_paged_and_filtered_and_masked(stack: Stack) -> None:
    for n in range(1, 6):
        stack.file(n, state=FileState.VERIFIED if n % 2 else FileState.SWITCHED)
    stack.summary(FIRST, verified=3, switched=2)
    path = f"/api/accounts/{FIRST}/files"
    found = stack.pages(path, limit=2)
    assert [row["entry_id"] for row in found] == [entry_id(n) for n in range(1, 6)]
    assert "secret" not in json.dumps(found)
    assert found[0]["verified_by"] == "etag"
    switched = stack.pages(path, limit=1, state="switched")
    assert [row["entry_id"] for row in switched] == [entry_id(2), entry_id(4)]
    assert stack.ask("GET", f"{path}?state=nonsense").status == 422


@pytest.mark.parametrize(
    ("account", "status"), [(SECOND, 404), ("nonsense", 422), ("00100000000000A", 404), ("001000000000002ZZZ", 422)]
)
def test_files_of_an_unknown_account_are_not_found(stack: Stack, account: str, status: int) -> None:
    assert stack.ask("GET", f"/api/accounts/{account}/files").status == status


def test_an_account_may_be_named_by_15_characters(stack: Stack) -> None:
    stack.file(1)
    stack.summary(FIRST, verified=1)
    assert len(stack.pages(f"/api/accounts/{FIRST[:15]}/files")) == 1


def test_verify_finds_nothing_where_all_agree(stack: Stack) -> None:
    for n in (1, 2):
        stack.file(n)
    stack.file(3, state=FileState.SWITCHED, new_url="https://new.example.com/3")
    stack.summary(FIRST, verified=2, switched=1)
    assert stack.ask("POST", "/api/verify", {"account_id": FIRST}).json == {"checked": 3, "mismatches": [], "next": None}


def test_verify_names_every_kind_of_difference(stack: Stack) -> None:
    for n in range(1, 7):
        stack.file(n)
    stack.file(7, state=FileState.SWITCHED, new_url="https://new.example.com/7")
    stack.summary(FIRST, verified=6, switched=1)
    for n in range(50, 53):
        stack.salesforce.add(n, "https://x.example.com/new")
    stack.s3.delete_object(Bucket=DESTINATION, Key=f"uploads/{FIRST}/Acme/file 1.pdf")
    stack.s3.put_object(Bucket=DESTINATION, Key=f"uploads/{FIRST}/Acme/file 2.pdf", Body=b"another")
    stack.s3.put_object(Bucket=DESTINATION, Key=f"uploads/{FIRST}/Acme/file 3.pdf", Body=b"abc")
    stack.salesforce.urls[entry_id(4)] = "https://edited.example.com/?token=abc"
    stack.salesforce.urls[entry_id(7)] = "https://old.example.com/7"
    stack.salesforce.entries = [
        replace(entry, account_id=SECOND) if entry.id == entry_id(6) else entry
        for entry in stack.salesforce.entries
        if entry.id != entry_id(5)
    ]
    reply = stack.ask("POST", "/api/verify", {"account_id": FIRST})
    assert reply.json["checked"] == 7
    assert sorted((row["class"], row["entry_id"]) for row in reply.json["mismatches"]) == sorted(
        [
            ("entries_unknown", ""),
            ("object_missing", entry_id(1)),
            ("object_changed", entry_id(2)),
            ("object_changed", entry_id(3)),
            ("link_differs", entry_id(4)),
            ("entry_gone", entry_id(5)),
            ("entry_moved", entry_id(6)),
            ("link_differs", entry_id(7)),
        ]
    )
    assert "abc" not in json.dumps([row for row in reply.json["mismatches"] if row["class"] == "link_differs"])


def test_verify_goes_through_a_large_account_page_by_page(stack: Stack) -> None:
    for n in range(1, 503):
        stack.ledger.write(
            FileItem(
                account_id=FIRST, entry_id=entry_id(n), state=FileState.EXCLUDED, name=f"{n}.exe", url="https://x.example.com/1"
            )
        )
    stack.summary(FIRST, excluded=502)
    first = stack.ask("POST", "/api/verify", {"account_id": FIRST}).json
    assert first["next"]
    assert stack.ask("POST", "/api/verify", {"account_id": FIRST, "cursor": first["next"]}).json["next"] is None


def test_verify_writes_nothing(stack: Stack) -> None:
    stack.file(1)
    stack.summary(FIRST, verified=1)
    stack.ask("POST", "/api/verify", {"account_id": FIRST})
    assert stack.salesforce.updates == []


def checks(stack: Stack) -> dict[str, bool | None]:
    return {check["name"]: check["ok"] for check in stack.ask("POST", "/api/check").json["checks"]}


def planted(stack: Stack) -> Stack:
    stack.s3.put_object(Bucket=SOURCE, Key="1.pdf", Body=b"abc")
    stack.salesforce.add(1, f"https://{SOURCE}.s3.amazonaws.com/1.pdf")
    return stack


def test_check_passes_where_all_is_in_place_and_writes_one_row_back_as_it_is(stack: Stack) -> None:
    planted(stack)
    before = dict(stack.salesforce.urls)
    found = stack.ask("POST", "/api/check").json
    assert found["ok"] is True
    states = {check["name"]: check["ok"] for check in found["checks"]}
    assert states.pop(f"Destination {DESTINATION}: can be written") is None  # nothing was copied yet
    assert set(states.values()) == {True}
    assert len(stack.salesforce.updates) == 1
    assert stack.salesforce.urls == before


def test_check_leaves_the_buckets_as_they_are(stack: Stack) -> None:
    planted(stack)
    stack.ask("POST", "/api/check")
    assert stack.s3.list_objects_v2(Bucket=DESTINATION)["KeyCount"] == 0
    assert stack.s3.list_objects_v2(Bucket=SOURCE)["KeyCount"] == 1


def test_check_with_refused_credentials_still_looks_at_the_buckets(stack: Stack) -> None:
    stack.salesforce.down = SalesforceLoginFailed("invalid_client: check the secret")
    reply = stack.ask("POST", "/api/check").json
    assert reply["ok"] is False
    (log_in,) = [check for check in reply["checks"] if check["name"].startswith("Salesforce")]
    assert (log_in["ok"], log_in["detail"]) == (False, "invalid_client: check the secret")
    assert log_in["fix"]
    assert len(reply["checks"]) > 4


def test_check_says_what_is_missing_and_what_to_do(stack: Stack) -> None:
    planted(stack)
    stack.salesforce.editable = stack.salesforce.view_all = False
    found = checks(stack)
    assert found["Salesforce: link field can be edited"] is False
    assert found["Salesforce: all records seen"] is False
    assert found["Salesforce: one harmless update"] is False
    stack.salesforce.fields = ("Id", "Name")
    reply = stack.ask("POST", "/api/check").json
    assert reply["ok"] is False
    fields = next(check for check in reply["checks"] if check["name"] == "Salesforce: object and fields")
    assert "URL__c, Account__c" in fields["detail"]
    assert "permission set" in fields["fix"]


def test_check_notices_automation_that_changes_what_is_written(stack: Stack) -> None:
    planted(stack)
    stack.salesforce.automation = str.upper
    assert checks(stack)["Salesforce: one harmless update"] is False


def test_check_names_a_bucket_that_is_not_there(stack: Stack) -> None:
    planted(stack)
    stack.s3.delete_bucket(Bucket=DESTINATION)
    reply = stack.ask("POST", "/api/check").json
    assert reply["ok"] is False
    assert {check["name"] for check in reply["checks"] if check["ok"] is False} == {f"Destination {DESTINATION}: can be read"}


def test_readiness_shows_blockers_and_warnings(stack: Stack) -> None:
    found = stack.ask("GET", "/api/readiness").json
    assert found["ready"] is False
    backup = next(check for check in found["checks"] if check["name"] == "backup")
    assert (backup["ok"], backup["blocking"]) == (False, True)
    stack.summary(FIRST, verified=1)
    stack.run("backup-r1")
    assert stack.ask("GET", "/api/readiness").json["ready"] is True
    assert stack.salesforce.updates == []


def test_plan_from_the_org_counts_and_samples(stack: Stack) -> None:
    planted(stack)
    stack.salesforce.add(2, "https://elsewhere.s3.amazonaws.com/2.docx", account=SECOND)
    stack.salesforce.add(3, "nonsense", account=SECOND)
    stack.salesforce.add(4, f"https://{DESTINATION}.s3.us-east-1.amazonaws.com/uploads/x/y/4.pdf", account=SECOND)
    found = stack.ask("GET", "/api/plan").json
    scope = found["scope"]
    assert (scope["files"], scope["accounts"], scope["sample"]) == (4, 2, 4)
    assert scope["bytes"] == 12  # one size of 3 bytes known, of 4 files
    assert scope["unknown_buckets"] == {"elsewhere": 1}
    assert (scope["unusable"], scope["already_switched"]) == (1, 1)
    assert {"seconds", "cost_usd", "salesforce_calls", "bottleneck", "requests", "cost_by_service"} <= set(found["backup"])
    assert set(found["backup"]) == set(found["cutover"])
    assert any("not configured as a source" in note for note in found["notes"])


def test_plan_of_an_empty_org_is_small(stack: Stack) -> None:
    found = stack.ask("GET", "/api/plan").json
    assert (found["scope"]["files"], found["scope"]["accounts"]) == (0, 0)
    assert found["backup"]["cost_usd"] < 0.01


def test_plan_what_if_asks_nobody(stack: Stack) -> None:
    stack.salesforce.down = SalesforceUnavailable("down")
    found = stack.ask("GET", "/api/plan?files=1000000&accounts=20000").json
    assert (found["scope"]["files"], found["scope"]["accounts"]) == (1_000_000, 20_000)
    assert stack.ask("GET", "/api/plan?files=0").status == 422
    assert stack.ask("GET", "/api/plan?files=5&accounts=6").status == 422
