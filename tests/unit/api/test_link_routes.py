"""The link gateway: its key made and rotated, links opened by the real handler, revoked and restored, and all of it audited."""

import json
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from tests.unit.api.conftest import DESTINATION, FIRST, SECOND, Stack, entry_id
from waybill.files import open_link
from waybill.files.domain import FileState
from waybill.files.linkstore import LinkStore
from waybill.settings import LinkStyle, environ
from waybill.telemetry import logger

BASE = "https://d111111abcdef8.cloudfront.net"
NAME = "Vertrag für Söhne.pdf"


@pytest.fixture
def gateway(stack: Stack) -> Iterator[Stack]:
    """The same stage with links of the gateway."""
    key = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
    variables = dict(environ.get())
    config = json.loads(variables["WAYBILL_CONFIG"])
    config["destination"] |= {"link_style": LinkStyle.GATEWAY, "link_base": BASE}
    token = environ.set({**variables, "WAYBILL_CONFIG": json.dumps(config), "WAYBILL_LINK_KEY": key})
    try:
        yield stack
    finally:
        environ.reset(token)


def visit(link: str, method: str = "GET", **headers: str) -> Any:
    """What CloudFront's viewer gets."""
    event = {
        "version": "2.0",
        "rawPath": link.removeprefix(BASE),
        "headers": {"cloudfront-viewer-address": "192.0.2.1:4711", **headers},
        "requestContext": {"http": {"method": method, "sourceIp": "130.176.0.1"}},
    }
    return open_link.handler(event, SimpleNamespace(aws_request_id="r-1"))


def link_of(stack: Stack, n: int, **more: str) -> str:
    return str(stack.ask("POST", "/api/links/open", {"entry_id": entry_id(n), **more}).json["url"])


def test_a_link_leads_to_a_short_lived_url_of_the_file_under_its_right_name(gateway: Stack) -> None:
    file = gateway.file(1, name=NAME)
    assert gateway.ask("POST", "/api/links/rotate").status == 201
    reply = visit(link_of(gateway, 1))
    target = urlsplit(reply["headers"]["location"])
    query = parse_qs(target.query)
    assert reply["statusCode"] == 302
    assert (target.scheme, target.netloc) == ("https", f"{DESTINATION}.s3.us-east-1.amazonaws.com")
    assert target.path == "/" + str(file.key).replace(" ", "%20")
    assert query["X-Amz-Expires"] == ["300"]
    assert "filename*=UTF-8''Vertrag%20f%C3%BCr%20S%C3%B6hne.pdf" in query["response-content-disposition"][0]
    assert (reply["headers"]["cache-control"], reply["headers"]["referrer-policy"]) == ("no-store", "no-referrer")
    assert visit(link_of(gateway, 1), "HEAD")["headers"]["location"] != reply["headers"]["location"], (
        "each method is signed for itself"
    )
    assert visit(link_of(gateway, 1), "POST")["statusCode"] == 405


def test_what_is_revoked_is_gone_at_once_and_comes_back_when_that_is_taken_back(gateway: Stack) -> None:
    gateway.file(1)
    gateway.file(2, account=SECOND)
    gateway.ask("POST", "/api/links/rotate")
    links = [link_of(gateway, 1), link_of(gateway, 2)]
    for asked, scope, of, statuses in (
        ({"entry_id": entry_id(1)[:15]}, "entry", entry_id(1), [410, 302]),
        ({"account_id": SECOND}, "account", SECOND, [302, 410]),
    ):
        done = gateway.ask("POST", "/api/links/revoke", {**asked, "reason": "sent to the wrong one"})
        assert (done.status, done.json["scope"], done.json["id"], done.json["by"]) == (200, scope, of, "ana")
        assert [visit(link)["statusCode"] for link in links] == statuses
        assert gateway.pages("/api/links") == [done.json]
        assert gateway.ask("DELETE", f"/api/links/revocations/{scope}/{of}").json == done.json
        assert [visit(link)["statusCode"] for link in links] == [302, 302]
        assert gateway.ask("DELETE", f"/api/links/revocations/{scope}/{of}").status == 404


def test_an_older_version_opens_until_it_is_revoked_and_the_current_one_cannot_be(gateway: Stack) -> None:
    gateway.file(1)
    assert [gateway.ask("POST", "/api/links/rotate").json["version"]] == [1]
    old = link_of(gateway, 1)
    gateway.ask("POST", "/api/links/rotate")
    new = link_of(gateway, 1)
    assert (old != new, visit(old)["statusCode"], visit(new)["statusCode"]) == (True, 302, 302)
    refused = gateway.ask("POST", "/api/links/revoke", {"version": 2})
    assert (refused.status, refused.json["class"]) == (409, "Conflict")
    assert gateway.ask("POST", "/api/links/revoke", {"version": 3}).status == 404
    assert gateway.ask("POST", "/api/links/revoke", {"version": 1}).status == 200
    assert (visit(old)["statusCode"], visit(new)["statusCode"]) == (410, 302)
    keys = gateway.ask("GET", "/api/links", groups="[viewer]").json["keys"]
    assert [(each["version"], each["current"], bool(each["revoked_at"])) for each in keys] == [(1, False, True), (2, True, False)]


def test_a_container_that_lives_on_learns_of_a_new_version(gateway: Stack) -> None:
    gateway.file(1)
    gateway.ask("POST", "/api/links/rotate")
    assert visit(link_of(gateway, 1))["statusCode"] == 302
    gateway.ask("POST", "/api/links/rotate")
    assert visit(link_of(gateway, 1))["statusCode"] == 302


def test_a_link_follows_an_entry_to_another_account(gateway: Stack) -> None:
    file = gateway.file(1)
    gateway.ask("POST", "/api/links/rotate")
    link = link_of(gateway, 1)
    item = gateway.ledger.get(FIRST, file.entry_id)
    assert item is not None
    assert gateway.ledger.move(item, account_id=SECOND, fence=2, run="backup-2")
    assert visit(link)["statusCode"] == 302
    gateway.ask("POST", "/api/links/revoke", {"account_id": SECOND})
    assert visit(link)["statusCode"] == 410


@pytest.mark.parametrize("state", [FileState.VERIFIED, FileState.ROLLED_BACK])
def test_a_link_opens_before_its_row_is_switched_and_after_a_rollback(gateway: Stack, state: FileState) -> None:
    gateway.file(1, state=state)
    gateway.ask("POST", "/api/links/rotate")
    assert visit(link_of(gateway, 1))["statusCode"] == 302


def test_unknown_and_forged_links_get_the_same_page(gateway: Stack) -> None:
    gateway.file(1)
    gateway.ask("POST", "/api/links/rotate")
    link = link_of(gateway, 1)
    asked = [
        f"{BASE}/",
        f"{BASE}/f/x",
        link[:-1],
        link[:-22] + "A" * 22,
        link.replace("/1.", "/7."),
        link.replace(entry_id(1), entry_id(2)),
    ]
    replies = [visit(each) for each in asked]
    assert {reply["statusCode"] for reply in replies} == {404}
    assert len({json.dumps(reply) for reply in replies}) == 1
    assert "<h1>This link leads nowhere</h1>" in replies[0]["body"]
    assert "script" not in replies[0]["body"]


def test_every_opening_is_logged_and_no_link(gateway: Stack, caplog: pytest.LogCaptureFixture) -> None:
    gateway.file(1)
    gateway.ask("POST", "/api/links/rotate")
    link = link_of(gateway, 1)
    with caplog.at_level("INFO", logger=logger.name):
        target = visit(link)["headers"]["location"]
        visit(link[:-22] + "B" * 22)
    opened, refused = (vars(record) for record in caplog.records)
    assert (opened["verdict"], opened["entry_id"], opened["viewer"]) == ("opened", entry_id(1), "192.0.2.1:4711")
    assert (refused["verdict"], refused["why"], "entry_id" in refused) == ("unknown", "forged", False)
    told = json.dumps([opened, refused], default=str)
    assert link[-22:] not in told
    assert parse_qs(urlsplit(target).query)["X-Amz-Signature"][0] not in told


def test_the_audit_tells_of_everything_and_shows_no_link(gateway: Stack) -> None:
    gateway.file(1)
    gateway.ask("POST", "/api/links/rotate")
    link = link_of(gateway, 1)
    gateway.ask("POST", "/api/links/revoke", {"entry_id": entry_id(1), "reason": "lost laptop"})
    gateway.ask("DELETE", f"/api/links/revocations/entry/{entry_id(1)}")
    records = gateway.pages("/api/audit", day="2026-11-21")
    actions = [record["action"] for record in records if record["outcome"] == "asked"]
    assert actions == [
        "POST /api/links/rotate",
        "POST /api/links/open",
        "POST /api/links/revoke",
        "DELETE /api/links/revocations/<scope>/<of>",
    ]
    assert "lost laptop" in json.dumps(records)
    assert link[-22:] not in json.dumps(records)


def test_where_the_kms_key_is_gone_people_are_told_to_come_back(gateway: Stack) -> None:
    from waybill import compose

    gateway.file(1)
    gateway.ask("POST", "/api/links/rotate")
    link = link_of(gateway, 1)
    store = LinkStore(gateway.table)
    (version,) = store.versions()
    gateway.table.delete("LINKS", "KEY#0001")
    store.add_version(replace(version, wrapped="bm8ga2V5"))
    compose.forget()
    reply = visit(link)
    assert (reply["statusCode"], reply["headers"]["retry-after"]) == (503, "30")
    assert gateway.ask("POST", "/api/links/open", {"entry_id": entry_id(1)}).json["class"] == "LinkKeyGone"


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"version": 0},
        {"version": 1, "entry_id": entry_id(1)},
        {"entry_id": "x"},
        {"account_id": FIRST, "why": "no such field"},
    ],
)
def test_a_request_that_does_not_name_just_one_thing_is_refused(gateway: Stack, wrong: dict[str, Any]) -> None:
    assert gateway.ask("POST", "/api/links/revoke", wrong).status == 422


def test_a_stage_without_the_gateway_has_nothing_to_revoke(stack: Stack) -> None:
    assert stack.ask("GET", "/api/links").json["gateway"] is False
    for method, path, body in (
        ("POST", "/api/links/rotate", None),
        ("POST", "/api/links/revoke", {"account_id": FIRST}),
        ("DELETE", f"/api/links/revocations/account/{FIRST}", None),
        ("POST", "/api/links/open", {"entry_id": entry_id(1)}),
    ):
        reply = stack.ask(method, path, body)
        assert (reply.status, reply.json["class"]) == (409, "Conflict")
