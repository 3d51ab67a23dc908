"""Records at the console: a file is uploaded, and its dry run looked at; and the pages around that."""

import pytest
from playwright.sync_api import expect

from .conftest import Local, Seats
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
