"""The links of the gateway at the console, where the stage has one: this one has none, and the replies are those that one gives."""

from typing import Any

from playwright.sync_api import Route, expect

from .conftest import Seats
from .looking import barriers, picture

ENTRY = "a0X5e000001AbCdEAK"
AT = "2026-11-21T14:00:00.000Z"


def _key(version: int, *, current: bool) -> dict[str, Any]:
    return {"version": version, "made_at": AT, "made_by": "ana", "current": current, "revoked_at": None}


class Gateway:
    """What the API would say, and what it was asked."""

    def __init__(self) -> None:
        self.keys = [_key(1, current=False), _key(2, current=True)]
        self.revoked: list[dict[str, Any]] = []
        self.asked: list[tuple[str, str, Any]] = []

    def answer(self, route: Route) -> None:
        request = route.request
        path = request.url.rpartition("/api/links")[2].partition("?")[0]
        if request.method != "GET":
            self.asked.append((request.method, path, request.post_data_json if request.post_data else None))
        match request.method, path:
            case "POST", "/rotate":
                self.keys = [*({**key, "current": False} for key in self.keys), _key(3, current=True)]
                route.fulfill(status=201, json=self.keys[-1])
            case "POST", "/revoke":
                body: dict[str, Any] = request.post_data_json or {}
                scope = "version" if "version" in body else "entry"
                of = str(body["version"]) if scope == "version" else body["entry_id"]
                self.revoked.append({"scope": scope, "id": of, "at": AT, "by": "admin", "reason": body.get("reason", "")})
                route.fulfill(json=self.revoked[-1])
            case "DELETE", _:
                route.fulfill(json=self.revoked.pop())
            case _:
                view = {"gateway": True, "base": "https://files.example", "keys": self.keys, "items": self.revoked, "next": None}
                route.fulfill(json=view)


def _with_gateway(route: Route) -> None:
    reply = route.fetch()
    settings = reply.json()
    settings["configuration"]["destination"]["link_style"] = "gateway"
    route.fulfill(response=reply, json=settings)


def test_the_key_is_rotated_and_links_are_revoked_where_there_is_a_gateway(seats: Seats) -> None:
    admin, gateway = seats.seat("admin"), Gateway()
    page = admin.page
    admin.open("/settings", "Settings")
    assert page.get_by_role("link", name="Links").count() == 0
    page.route("**/api/settings", _with_gateway)
    page.route("**/api/links**", gateway.answer)
    page.route("**/api/links/**", gateway.answer)
    admin.open("/settings", "Settings")
    page.get_by_role("link", name="Links").click()
    admin.rest("Links")
    admin.press("New version of the key")
    admin.press("Make it")
    expect(page.get_by_text("Version 3 is the current one")).to_be_visible()
    page.get_by_label("Id", exact=True).fill(ENTRY)
    page.get_by_label("Why").fill("sent to the wrong customer")
    admin.press("Revoke the links")
    admin.press("Revoke them")
    expect(page.get_by_role("link", name=f"File of entry {ENTRY}")).to_be_visible()
    admin.rest("Links")
    assert barriers(page) == []
    picture(page, "links", whole=True)
    admin.press(f"Take it back: entry {ENTRY}")
    expect(page.get_by_text("Nothing is revoked")).to_be_visible()
    admin.press("Revoke version 1")
    page.get_by_label("To confirm, type: revoke").fill("revoke")
    admin.press("Revoke it")
    expect(page.get_by_text("Version 1 of the key")).to_be_visible()
    assert gateway.asked == [
        ("POST", "/rotate", None),
        ("POST", "/revoke", {"entry_id": ENTRY, "reason": "sent to the wrong customer"}),
        ("DELETE", f"/revocations/entry/{ENTRY}", None),
        ("POST", "/revoke", {"version": 1, "reason": ""}),
    ]
