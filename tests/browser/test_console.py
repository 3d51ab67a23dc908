"""What holds for the console whatever the migration's state: size, roles, log-in by the user pool, long lists, the dark look."""

import contextlib
import gzip
import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Error, Route, expect

from .conftest import BUILT, Local, Seats, _there
from .looking import barriers, picture

FIRST_LOAD = 400_000  # bytes, compressed
PAGES = (
    "/",
    "/start",
    "/runs",
    "/accounts",
    "/readiness",
    "/errors",
    "/migrations",
    "/records/sync",
    "/orgs",
    "/audit",
    "/settings",
)


def _first_load() -> list[Path]:
    """The files without which the overview is not there."""
    _there("the console is not built (`make console`)", BUILT.is_file())
    manifest = json.loads((BUILT.parent / ".vite" / "manifest.json").read_text())
    wanted, found = ["index.html", "src/pages/Overview.tsx"], set[str]()
    while wanted:
        piece = manifest[wanted.pop()]
        if piece["file"] not in found:
            found.update([piece["file"], *piece.get("css", [])])
            wanted.extend(piece.get("imports", []))
    return [BUILT.parent / name for name in found] + [BUILT]


def test_the_first_load_is_small() -> None:
    size = sum(len(gzip.compress(path.read_bytes(), 9)) for path in _first_load())
    assert 100_000 < size <= FIRST_LOAD


def test_a_viewer_sees_no_button_that_he_may_not_press(seats: Seats, backed_up: Local) -> None:
    viewer = seats.seat("viewer")
    run_id = backed_up.runs(kind="backup")[0]["run_id"]
    for path in (*PAGES, f"/runs/{run_id}"):
        viewer.open(path)
        buttons = viewer.page.locator("main button:visible")
        names = [button.inner_text() or button.get_attribute("aria-label") or "" for button in buttons.all()]
        assert not [
            name for name in names if re.search(r"start|pause|resume|cancel|approve|reject|retry|test", name, re.IGNORECASE)
        ]
        for button in buttons.all():
            if button.is_visible() and button.is_enabled():
                with contextlib.suppress(Error):  # what an earlier click has opened may be in its place
                    button.click(timeout=1_000, force=True)
                viewer.page.keyboard.press("Escape")
        assert viewer.refused == [], path


def test_an_operator_may_rehearse_a_cutover_and_not_execute_it(seats: Seats, local: Local) -> None:
    operator = seats.seat("operator")
    operator.open("/start?kind=cutover", "Plan and start")
    expect(operator.page.get_by_role("radio", name="Dry run")).to_be_visible()
    assert operator.page.get_by_role("radio", name="Execute").count() == 0
    assert operator.page.get_by_role("button", name="Start the dry run").is_enabled()
    assert barriers(operator.page) == []


def test_the_user_pool_logs_in_with_a_code_and_leaves_no_token_in_an_address(seats: Seats, local: Local) -> None:
    seat = seats.seat()
    page, pool = seat.page, "https://pool.example"
    asked: list[dict[str, list[str]]] = []
    visited: list[str] = []
    page.on("framenavigated", lambda frame: visited.append(frame.url))

    def authorize(route: Route) -> None:
        given = parse_qs(urlsplit(route.request.url).query)
        asked.append(given)
        back = f"{given['redirect_uri'][0]}?code=the-code&state={given['state'][0]}"
        route.fulfill(status=302, headers={"location": back})

    def token(route: Route) -> None:
        asked.append(parse_qs(route.request.post_data or ""))
        reply = {"access_token": local.where["api"]["tokens"]["operator"], "refresh_token": "again", "expires_in": 3600}
        route.fulfill(json=reply, headers={"access-control-allow-origin": "*"})

    def sign_in(route: Route) -> None:
        told = {"authorize_url": f"{pool}/authorize", "token_url": f"{local.url}/pool-token", "client_id": "c", "scope": "openid"}
        route.fulfill(json=told)

    page.route("**/config.json", lambda route: route.fulfill(json={"api": "/api", "sign_in": "pool"}))
    page.route("**/api/sign-in", sign_in)
    page.route(f"{pool}/authorize**", authorize)
    page.route("**/pool-token", token)
    seat.open("/runs", "Runs")
    expect(page.get_by_role("button", name="Logged in as operator, operator")).to_be_visible()
    assert urlsplit(page.url).path == "/runs", "back where the user wanted to go"
    assert (asked[0]["code_challenge_method"], asked[0]["response_type"]) == (["S256"], ["code"])
    assert asked[1]["code"] == ["the-code"]
    assert len(asked[1]["code_verifier"][0]) >= 43
    assert not [url for url in [*visited, page.url] if "eyJ" in url or "again" in url]


def test_a_hundred_thousand_files_are_scrolled_and_searched_without_loading_them_all(seats: Seats, local: Local) -> None:
    seat = seats.seat("viewer")
    asked: list[dict[str, list[str]]] = []

    def files(route: Route) -> None:
        given = parse_qs(urlsplit(route.request.url).query)
        asked.append(given)
        start = int(given.get("cursor", ["0"])[0])
        numbers = range(start, min(start + int(given["limit"][0]), 100_000))
        name = "invoice" if "query" in given else "file"
        items = [
            {"entry_id": f"a00{n:015d}", "account_id": "001000000000001AAA", "name": f"{name}-{n}.pdf", "state": "verified",
             "url": "https://example.com/f", "key": None, "new_url": None, "size": n, "verified_by": None, "error": None,
             "message": None, "run_id": ""}
            for n in numbers
        ]  # fmt: skip
        route.fulfill(json={"items": items, "next": str(numbers.stop) if numbers.stop < 100_000 else None})

    page = seat.page
    page.route("**/api/accounts/001000000000001AAA/files**", files)
    seat.open("/accounts/001000000000001AAA", "Files of")
    expect(page.get_by_role("link", name="file-0.pdf")).to_be_visible()
    page.get_by_role("button", name=re.compile("next page", re.IGNORECASE)).click()
    expect(page.get_by_role("link", name="file-50.pdf")).to_be_visible()
    assert page.locator("main tbody tr").count() == 50
    page.get_by_label("Find a file by name").fill("invoice")
    expect(page.get_by_role("link", name="invoice-0.pdf")).to_be_visible()
    assert [each.get("query") for each in asked][-1] == ["invoice"]
    assert len(asked) <= 4, "a search is asked once typing rests, and a page once it is looked at"


@pytest.mark.parametrize("path", PAGES)
def test_the_dark_look_has_no_barrier_either(seats: Seats, backed_up: Local, path: str) -> None:
    seat = seats.seat(dark=True)
    seat.open(path)
    assert "awsui-dark-mode" in (seat.page.locator("body").get_attribute("class") or "")
    assert barriers(seat.page) == []
    if path == "/":
        picture(seat.page, "overview-dark")


def test_the_keyboard_reaches_the_pages_and_the_button(seats: Seats, local: Local) -> None:
    seat = seats.seat()
    seat.open("/", "Overview")
    page = seat.page
    page.get_by_role("link", name="Plan and start").focus()
    page.keyboard.press("Enter")
    seat.rest("Plan and start")
    assert page.evaluate("() => document.activeElement.className") == "page", "the page that has come is where one goes on"
    reached = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("() => document.activeElement.innerText || document.activeElement.value || ''"))
    assert "Start the backup" in reached
