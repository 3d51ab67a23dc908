"""The orgs at the console: one is added, tried, let in by browser, removed; production is marked."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from local.salesforce.simulator import SalesforceSimulator

from .conftest import Local, Seat, Seats
from .looking import barriers, picture


@pytest.fixture
def other() -> Iterator[SalesforceSimulator]:
    """Another org, which Waybill can log in to."""
    with SalesforceSimulator(number=2) as simulator:
        yield simulator


def _form(seat: Seat, name: str, url: str) -> None:
    seat.press("New org")
    seat.page.get_by_label("Name", exact=True).fill(name)
    seat.page.get_by_label("Login address").fill(url)


def _removed(seat: Seat, name: str) -> None:
    seat.page.get_by_role("radio", name=f"Choose {name}").check()
    seat.press("Remove")
    dialog = seat.page.get_by_role("dialog", name=f"Remove {name}?")
    expect(dialog.get_by_text("Its credentials are deleted")).to_be_visible()
    dialog.get_by_role("button", name="Remove the org").click()
    expect(seat.page.get_by_text(f"{name} and its credentials are removed.")).to_be_visible()
    expect(seat.page.get_by_role("radio", name=f"Choose {name}")).to_have_count(0)


def test_an_org_is_added_tried_and_removed_and_production_is_marked(
    seats: Seats, local: Local, other: SalesforceSimulator
) -> None:
    admin = seats.seat("admin")
    page = admin.page
    admin.open("/orgs", "Orgs")
    _form(admin, "live", other.url)
    page.get_by_label("Client id (consumer key) of the connected app").fill(other.client_id)
    page.get_by_label("Client secret", exact=True).fill("wrong")
    admin.press("Log in and save")
    expect(page.get_by_text("It was not kept")).to_be_visible()
    page.get_by_label("Client secret", exact=True).fill(other.client_secret)
    page.get_by_label("Kind").click()
    page.get_by_role("option", name="Production").click()
    assert barriers(page) == []
    picture(page, "org-new", whole=True)
    admin.press("Log in and save")
    expect(page.get_by_text("live is kept: it is PRODUCTION")).to_be_visible()
    page.get_by_role("radio", name="Choose live").check()
    admin.press("Test the login")
    expect(page.get_by_text("Logged in: live is PRODUCTION")).to_be_visible()
    admin.rest()
    assert barriers(page) == []
    picture(page, "orgs")
    assert other.client_secret not in page.content()
    _removed(admin, "live")


def test_waybill_is_let_into_an_org_by_browser(seats: Seats, local: Local, other: SalesforceSimulator) -> None:
    admin = seats.seat("admin")
    admin.open("/orgs", "Orgs")
    _form(admin, "dev", other.url)
    admin.page.get_by_role("radio", name="Login by browser").check()
    admin.page.get_by_label("Client id (consumer key) of the connected app").fill(other.client_id)
    admin.page.get_by_label("Client secret, where the app asks for it").fill(other.client_secret)
    admin.press("Save")
    expect(admin.page.get_by_text("dev is kept. Now let Waybill in.")).to_be_visible()
    admin.page.get_by_role("radio", name="Choose dev").check()
    admin.press("Let Waybill in")
    expect(admin.page.get_by_text("Waybill is in dev")).to_be_visible()
    assert admin.page.url.endswith("/orgs/return"), "the code stands in no address"
    assert barriers(admin.page) == []
    assert local.ask("GET", "/config/orgs/dev")["connected"]
    admin.page.get_by_role("link", name="All orgs").click()
    admin.rest("Orgs")
    _removed(admin, "dev")
