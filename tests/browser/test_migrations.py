"""A migration at the console: begun with its phases, a run added to a task, changed, deleted."""

from playwright.sync_api import expect

from .conftest import Local, Seats
from .looking import barriers, picture


def test_a_migration_is_begun_followed_by_its_runs_changed_and_deleted(seats: Seats, backed_up: Local) -> None:
    admin = seats.seat("admin")
    page = admin.page
    admin.open("/migrations", "Migrations")
    admin.press("New migration")
    page.get_by_label("Name", exact=True).fill("Spring")
    admin.press("Add a phase")
    page.get_by_role("textbox", name="Name of phase 4").fill("Hand over")
    assert barriers(page) == []
    picture(page, "migration-new", whole=True)
    admin.press("Save")
    page.wait_for_url("**/migrations/*")
    admin.rest("Spring")
    admin.press("Add a run to Load the records")
    page.get_by_role("dialog").get_by_label("Run", exact=True).click()
    page.get_by_role("option", name="Full backup").first.click()
    admin.press("Add the run")
    expect(page.get_by_role("link", name="Backup")).to_be_visible()
    admin.rest("Spring")
    assert barriers(page) == []
    picture(page, "migration")
    admin.press("Change")
    expect(page.get_by_role("button", name="Remove phase 2")).to_be_disabled()
    page.get_by_role("textbox", name="Task 1 of phase 2").fill("Copy the files")
    admin.press("Save")
    expect(page.get_by_text("Copy the files")).to_be_visible()
    (made,) = backed_up.ask("GET", "/migrations")["items"]
    assert [[len(task["runs"]) for task in phase["tasks"]] for phase in made["phases"]] == [[0, 0], [1], [0], []]
    admin.open("/migrations", "Migrations")
    expect(page.get_by_text("1 of 4: Prepare")).to_be_visible()
    assert barriers(page) == []
    picture(page, "migrations")
    page.get_by_role("link", name="Spring").click()
    admin.press("Delete")
    admin.press("Delete the migration")
    expect(page.get_by_text("No migrations yet")).to_be_visible()
