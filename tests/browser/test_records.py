"""Records at the console: a file is uploaded, or dropped into the inbox; its dry run is looked at, carried out and undone; and the pages around that."""

import io
import time
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import expect

from .conftest import PATIENCE, Local, Seat, Seats
from .looking import barriers, picture

ROWS = b"Name,Phone\nUploaded by hand,0123\nUploaded as well,0456\n"


@pytest.mark.parametrize(
    ("path", "name"), [("/records/loads", "loads"), ("/records/new", "load-new"), ("/records/objects", "objects"), ("/records/mappings", "mappings")]
)  # fmt: skip
def test_the_pages_of_records_are_open_to_everybody(seats: Seats, path: str, name: str) -> None:
    seat = seats.seat()
    seat.open(path)
    assert barriers(seat.page) == []
    picture(seat.page, name)


def test_a_file_is_uploaded_and_its_dry_run_looked_at(seats: Seats, local: Local) -> None:
    operator = seats.seat("operator")
    operator.open("/records/new")
    operator.page.locator("input[type=file]").set_input_files({"name": "Account.csv", "mimeType": "text/csv", "buffer": ROWS})
    operator.page.get_by_label("Object", exact=True).fill("Account")
    operator.page.get_by_label("Key", exact=True).fill("Name")
    operator.press("Upload and dry run")
    operator.page.wait_for_url("**/runs/load-*")
    operator.rest()
    dry = local.finished(operator.page.url.rpartition("/")[2])
    assert (dry["status"], dry["dry_run"], dry["rows"]["inserted"]) == ("completed", True, 2)
    expect(operator.page.get_by_text("Completed").first).to_be_visible()
    operator.rest()
    assert barriers(operator.page) == []
    picture(operator.page, "load-dry-run")


DROPPED = b"Name,Phone\nDropped and kept,0123\nDropped and edited,0456\nDropped and gone,0789\n"


def _looked_at(seat: Seat, name: str) -> None:
    seat.rest()
    assert barriers(seat.page) == []
    picture(seat.page, name)


def _planned_by_itself(local: Local, name: str) -> str:
    """The dry run of what was dropped."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = [run["run_id"] for run in local.runs(kind="load") if run["input"] == name and run["requested_by"] == "inbox"]
        if found:
            return str(local.finished(found[0])["run_id"])
        time.sleep(0.2)
    raise AssertionError(f"nothing has planned {name}")


def _carried_out(admin: Seat, approver: Seat, *, action: str, word: str, picture_of: str) -> str:
    """Presses, confirms, and has somebody else approve it; the run that this has started, once it has ended."""
    before = admin.page.url
    admin.press(action)
    dialog = admin.page.get_by_role("dialog")
    expect(dialog.get_by_text("Org: default")).to_be_visible()
    expect(dialog.get_by_text("Sandbox", exact=True)).to_be_visible()
    dialog.get_by_label(f"To confirm, type: {word}").fill(word)
    _looked_at(admin, picture_of)
    dialog.get_by_role("button", name=action.removesuffix(" these rows")).click()
    admin.page.wait_for_url(lambda url: url != before)
    run_id = admin.page.url.rpartition("/")[2]
    approver.open(f"/runs/{run_id}")
    approver.press("Approve")
    expect(admin.page.get_by_text("Completed after")).to_be_visible()
    admin.rest()
    return run_id


def test_what_was_dropped_is_loaded_from_its_dry_run_and_undone_after_a_look_at_what_cannot_be(
    seats: Seats, local: Local
) -> None:
    local.drop("Account.csv", DROPPED)
    admin, approver = seats.seat("admin"), seats.seat("approver")
    admin.open(f"/runs/{_planned_by_itself(local, 'Account.csv')}", "Load, dry run")
    expect(admin.page.get_by_text("Would be inserted").first).to_be_visible()
    expect(admin.page.get_by_text("Account.csv, row 4", exact=True)).to_be_visible()
    load = _carried_out(admin, approver, action="Load these rows", word="load", picture_of="load-confirm")
    assert local.ask("GET", f"/runs/{load}")["rows"]["inserted"] == 3
    rows = local.salesforce("GET", "/query?q=SELECT+Id,Name+FROM+Account+WHERE+Name+LIKE+'Dropped and %25'")["records"]
    ids = {row["Name"].rpartition(" ")[2]: row["Id"] for row in rows}
    local.salesforce("PATCH", f"/sobjects/Account/{ids['edited']}", {"Phone": "by hand"})
    local.salesforce("DELETE", f"/sobjects/Account/{ids['gone']}")
    admin.press("Plan the undo")
    admin.page.wait_for_url("**/runs/undo-*")
    expect(admin.page.get_by_text("Completed after")).to_be_visible()
    expect(admin.page.get_by_text("Edited since: Phone of")).to_be_visible()
    expect(admin.page.get_by_text("Already gone: The row is not in the org")).to_be_visible()
    _looked_at(admin, "undo-dry-run")
    undo = local.ask(
        "GET", f"/runs/{_carried_out(admin, approver, action='Undo the load', word='undo', picture_of='undo-confirm')}"
    )
    assert {name: number for name, number in undo["rows"].items() if number} == {
        "total": 3,
        "deleted": 1,
        "unchanged": 1,
        "rejected": 1,
    }
    left = local.salesforce("GET", "/query?q=SELECT+Name+FROM+Account+WHERE+Name+LIKE+'Dropped and %25'")["records"]
    assert [row["Name"] for row in left] == ["Dropped and edited"]


def test_a_workbook_is_synced_by_hand_and_downloaded(seats: Seats, local: Local) -> None:
    operator = seats.seat("operator")
    page = operator.page
    operator.open("/records/sync", "Sync")
    operator.press("Sync a workbook")
    page.get_by_label("Workbook", exact=True).fill("accounts")
    page.get_by_label("Objects", exact=True).click()
    page.get_by_role("option", name="Account Account").click()
    page.keyboard.press("Escape")
    assert barriers(page) == []
    picture(page, "sync-new")
    operator.press("Start the sync")
    page.wait_for_url("**/runs/sync-*")
    expect(page.get_by_text("Completed after")).to_be_visible()
    _looked_at(operator, "sync-run")
    run = local.finished(page.url.rpartition("/")[2])
    with page.expect_download() as saved:
        operator.press("Download the workbook")
    assert saved.value.suggested_filename == "accounts.xlsx"
    book = openpyxl.load_workbook(io.BytesIO(Path(saved.value.path()).read_bytes()), read_only=True)
    assert sum(1 for row in book["Account"].iter_rows(values_only=True) if any(row)) == run["rows"]["total"] + 1
    operator.open("/records/sync", "Sync")
    expect(page.get_by_role("button", name="Download accounts as").first).to_be_visible()
    _looked_at(operator, "sync")
