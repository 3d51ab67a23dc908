"""A migration in the browser, from the log-in to the rollback; every page on the way looked at by axe, and pictured."""

import re

from playwright.sync_api import Page, expect

from .conftest import FILES, Local, Seat, Seats
from .looking import barriers, picture

# Every text that the progress has shown.
_WATCH = """() => { window.seen = new Set(); setInterval(() => {
  const found = /([\\d,]+) of ([\\d,]+) files/.exec(document.body.innerText); if (found) window.seen.add(found[1]); }, 50) }"""


def look(seat: Seat, name: str, *, whole: bool = False) -> None:
    seat.rest()
    picture(seat.page, name, whole=whole)
    assert barriers(seat.page) == []


def ended(page: Page) -> str:
    """The run of this page, once it has ended well."""
    expect(page.get_by_text(re.compile("^(Completed|Failed|Refused) after"))).to_be_visible()
    expect(page.get_by_text(re.compile("^Completed after"))).to_be_visible()
    return page.url.rpartition("/")[2]


def back_up(seat: Seat) -> None:
    page = seat.page
    seat.open("/start?kind=backup", "Plan and start")
    expect(page.get_by_text("Time, estimated")).to_be_visible()
    look(seat, "start-backup", whole=True)
    page.evaluate(_WATCH)
    seat.press("Start the backup")
    page.wait_for_url("**/runs/backup-*")
    seat.rest("Full backup")
    page.wait_for_function("() => window.seen.size > 1")
    picture(page, "run-live")
    ended(page)
    assert page.evaluate("() => window.seen.size") > 2, "it was followed while it ran"


def rehearse(seat: Seat) -> str:
    seat.open("/start?kind=cutover&mode=dry_run", "Plan and start")
    seat.press("Start the dry run")
    seat.page.wait_for_url("**/runs/cutover-*")
    run_id = ended(seat.page)
    look(seat, "run-dry-run")
    return run_id


def cut_over(seat: Seat) -> str:
    page = seat.page
    seat.open("/start?kind=cutover&mode=execute", "Plan and start")
    expect(page.get_by_text("Last dry run")).to_be_visible()
    expect(page.get_by_text("Every check that could keep")).to_be_visible()
    look(seat, "start-cutover", whole=True)
    seat.press("Start the cutover")
    dialog = page.get_by_role("dialog")
    sure = dialog.get_by_role("button", name="Start the cutover")
    expect(sure).to_be_disabled()
    dialog.get_by_label("To confirm, type: cut over").fill("cut over")
    picture(page, "confirm")
    assert barriers(page) == []
    sure.click()
    page.wait_for_url("**/runs/cutover-*")
    expect(page.get_by_text("You have asked for this run")).to_be_visible()
    assert page.get_by_role("button", name="Approve").count() == 0, "nobody approves what he has asked for"
    return page.url.rpartition("/")[2]


def approve(seat: Seat, run_id: str, *, name: str = "") -> None:
    page = seat.page
    seat.open(f"/runs/{run_id}")
    expect(page.get_by_text("Awaiting approval").first).to_be_visible()
    if name:
        expect(page.get_by_text("Would be switched")).to_be_visible()
        look(seat, name, whole=True)
    seat.press("Approve")


def waybill_of_a_file(seat: Seat, local: Local) -> None:
    page = seat.page
    seat.open("/accounts", "Accounts and files")
    look(seat, "accounts")
    page.get_by_label("Find an account by name").fill("acme")
    page.get_by_role("link", name="Acme Corporation").first.click()
    seat.rest("Files of")
    look(seat, "files")
    page.locator("main tbody a").first.click()
    page.wait_for_url("**/files/*")
    seat.rest()
    expect(page.get_by_text("New link, in Salesforce now")).to_be_visible()
    for step in ("Copied", "Verified", "Switched"):
        expect(page.locator("ol.steps").get_by_text(step, exact=True)).to_be_visible()
    look(seat, "file", whole=True)
    entry = page.url.rpartition("/")[2]
    new_url = local.ask("GET", f"/files/{entry}")["new_url"]
    assert local.web.get(new_url, timeout=60).ok, "the new link opens"


def roll_back(seat: Seat, cutover: str, other: Seat) -> None:
    page = seat.page
    seat.open(f"/start?kind=rollback&mode=execute&run={cutover}", "Plan and start")
    seat.press("Start the rollback")
    page.get_by_label("To confirm, type: roll back").fill("roll back")
    page.get_by_role("dialog").get_by_role("button", name="Start the rollback").click()
    page.wait_for_url("**/runs/rollback-*")
    run_id = page.url.rpartition("/")[2]
    approve(other, run_id)
    ended(page)
    look(seat, "run-rollback")


def look_around(seat: Seat) -> None:
    for path, heading, name in (
        ("/", "Overview", "overview"),
        ("/runs", "Runs", "runs"),
        ("/readiness", "Readiness", "readiness"),
        ("/errors", "Errors", "errors"),
        ("/audit", "Audit", "audit"),
        ("/settings", "Settings", "settings"),
    ):
        seat.open(path, heading)
        if name == "audit":
            seat.press("Verify the chain")
            expect(seat.page.get_by_text("The chain is whole")).to_be_visible()
        if name == "settings":
            seat.press("Test the connections")
            expect(seat.page.get_by_text("Salesforce and S3 are in place.")).to_be_visible()
        if name == "overview":
            expect(seat.page.get_by_text("Files per second").first).to_be_visible()
        look(seat, name, whole=name == "overview")


def test_a_migration_from_the_log_in_to_the_rollback(seats: Seats, local: Local) -> None:
    admin = seats.seat("admin")
    admin.open("/", "Overview")
    expect(admin.page.get_by_role("button", name="Logged in as admin, admin")).to_be_visible()
    look(admin, "overview-empty")
    back_up(admin)
    rehearse(admin)
    cutover = cut_over(admin)
    approver = seats.seat("approver")
    approve(approver, cutover, name="approval")
    ended(admin.page)
    waybill_of_a_file(admin, local)
    look_around(admin)
    roll_back(admin, cutover, approver)
    done = local.runs(kind="rollback")[0]["files"]
    assert done["rolled_back"] == local.ask("GET", f"/runs/{cutover}")["files"]["switched"] > FILES * 0.9
