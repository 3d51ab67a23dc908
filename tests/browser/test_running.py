"""The buttons of a run's page: pause, resume, its report, the failed files again."""

import re
from pathlib import Path

from playwright.sync_api import expect

from .conftest import FILES, Local, Seats
from .looking import barriers, picture


def test_a_backup_is_paused_resumed_reported_and_its_failed_files_are_tried_again(seats: Seats, local: Local) -> None:
    operator = seats.seat("operator")
    page = operator.page
    with local.slow_org(2):
        operator.open("/start?kind=backup", "Plan and start")
        operator.press("Start the backup")
        page.wait_for_url("**/runs/backup-*")
        operator.press("Pause")
        expect(page.get_by_text("The run finishes what it has in hand")).to_be_visible()
    expect(page.get_by_role("button", name="Resume", exact=True)).to_be_visible()
    run_id = page.url.rpartition("/")[2]
    assert local.ask("GET", f"/runs/{run_id}")["status"] == "paused"
    operator.rest()
    assert barriers(page) == []
    picture(page, "run-paused")
    operator.press("Resume")
    expect(page.get_by_text(re.compile("^Completed after"))).to_be_visible()
    run = local.ask("GET", f"/runs/{run_id}")
    assert (run["files"]["total"], run["files"]["failed"]) == (FILES, 1)
    operator.press("Report")
    with page.expect_download() as saved:
        page.get_by_role("menuitem", name="As CSV, a line for each file or row").click()
    assert saved.value.suggested_filename == f"{run_id}.csv"
    lines = Path(saved.value.path()).read_text(encoding="utf-8").splitlines()
    assert any("gone.pdf" in line and "SOURCE_MISSING" in line for line in lines)
    operator.press("Retry the failed")
    page.wait_for_url(lambda url: run_id not in url)
    expect(page.get_by_text(re.compile("^Completed after"))).to_be_visible()
    again = local.ask("GET", f"/runs/{page.url.rpartition('/')[2]}")
    assert (again["files"]["total"], again["files"]["failed"]) == (1, 1)
