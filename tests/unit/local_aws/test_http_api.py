"""The HTTP adapter: payload format 2.0 in, status, headers and body out; closed without the token."""

import base64
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import requests

from local.aws.cors import Cors
from local.aws.http_api import MAX_BODY, ApiRoute, HttpApi
from local.aws.pool import JwtAuthorizer, LocalPool
from local.console import Console

ISSUER, CLIENT = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_1", "waybill-client"
AUTHORIZER = JwtAuthorizer(ISSUER, (CLIENT,))
POOL = LocalPool(ISSUER, CLIENT, groups=("viewer", "admin"))
TOKEN = POOL.tokens["admin"]
AUTHORISED = {"Authorization": f"Bearer {TOKEN}"}


class Function:
    """Remembers its event and answers what it is told."""

    def __init__(self) -> None:
        self.event: Any = None
        self.reply: Any = {"statusCode": 200, "body": "{}"}

    def __call__(self, _arn: str, event: Any) -> Any:
        self.event = event
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply


@pytest.fixture
def function() -> Function:
    return Function()


@pytest.fixture
def api(function: Function) -> Iterator[HttpApi]:
    routes = [
        ApiRoute.of(key, function="arn", authorizer=None if key == "GET /api/open" else AUTHORIZER)
        for key in ("ANY /api/{proxy+}", "GET /api/runs/{id}", "GET /api/open")
    ]
    served = HttpApi(routes, function, pool=POOL)
    served.start()
    yield served
    served.stop()


def test_a_request_becomes_an_event_of_payload_format_2(api: HttpApi, function: Function) -> None:
    headers = {**AUTHORISED, "X-Two": "a", "Cookie": "c=1; d=2", "Idempotency-Key": "k"}
    requests.post(f"{api.url}/api/runs?x=1&x=2&y=%20z", json={"kind": "backup"}, headers=headers, timeout=5)

    event = function.event
    assert (event["version"], event["routeKey"], event["rawPath"], event["rawQueryString"]) == (
        "2.0",
        "ANY /api/{proxy+}",
        "/api/runs",
        "x=1&x=2&y=%20z",
    )
    assert event["queryStringParameters"] == {"x": "1,2", "y": " z"}
    assert event["pathParameters"] == {"proxy": "runs"}
    assert event["cookies"] == ["c=1", "d=2"]
    assert (event["headers"]["idempotency-key"], event["body"], event["isBase64Encoded"]) == ("k", '{"kind": "backup"}', False)
    assert event["requestContext"]["http"]["method"] == "POST"
    assert TOKEN not in str(event)


def test_the_most_specific_route_is_taken(api: HttpApi, function: Function) -> None:
    requests.get(f"{api.url}/api/runs/backup-1", headers=AUTHORISED, timeout=5)

    assert (function.event["routeKey"], function.event["pathParameters"]) == ("GET /api/runs/{id}", {"id": "backup-1"})


def test_bytes_travel_in_base64_both_ways(api: HttpApi, function: Function) -> None:
    function.reply = {
        "statusCode": 201,
        "headers": {"content-type": "image/png"},
        "body": base64.b64encode(b"\x89PNG").decode(),
        "isBase64Encoded": True,
    }

    reply = requests.post(f"{api.url}/api/x", data=b"\x00\xff", headers={**AUTHORISED, "Content-Type": "image/png"}, timeout=5)

    assert (function.event["isBase64Encoded"], base64.b64decode(function.event["body"])) == (True, b"\x00\xff")
    assert (reply.status_code, reply.headers["content-type"], reply.content) == (201, "image/png", b"\x89PNG")


def test_cookies_and_headers_of_the_reply_arrive(api: HttpApi, function: Function) -> None:
    function.reply = {"statusCode": 204, "headers": {"X-Id": "7"}, "cookies": ["a=1", "b=2"]}

    reply = requests.get(f"{api.url}/api/x", headers=AUTHORISED, timeout=5)

    assert (reply.status_code, reply.headers["x-id"], reply.cookies.get_dict()) == (204, "7", {"a": "1", "b": "2"})


def _tampered(token: str) -> str:
    """The same signature under other claims."""
    head, claims, signature = token.split(".")
    changed = base64.urlsafe_b64decode(claims + "==").replace(b"viewer", b"admin")
    return ".".join((head, base64.urlsafe_b64encode(changed).rstrip(b"=").decode(), signature))


BAD_TOKENS = {
    "missing": "",
    "no token at all": "wrong",
    "expired": POOL.token("ana", ["admin"], lifetime=-1),
    "not yet valid": POOL.token("ana", ["admin"], nbf=2**40),
    "without an end": POOL.token("ana", ["admin"], exp=None),
    "of another key": LocalPool(ISSUER, CLIENT, groups=()).token("ana", ["admin"]),
    "of another pool": POOL.token("ana", ["admin"], iss=f"{ISSUER}2"),
    "of another client": POOL.token("ana", ["admin"], client_id="other"),
    "for another audience": POOL.token("ana", ["admin"], aud="other"),
    "tampered with": _tampered(POOL.token("ana", ["viewer"])),
    "unsigned": jwt.encode({"iss": ISSUER, "client_id": CLIENT, "exp": 2**40}, "", algorithm="none"),
    "signed with a shared word": jwt.encode({"iss": ISSUER, "client_id": CLIENT, "exp": 2**40}, "s" * 32, algorithm="HS256"),
}


@pytest.mark.parametrize("fault", BAD_TOKENS)
def test_a_token_that_is_not_the_pools_own_reaches_no_function(api: HttpApi, function: Function, fault: str) -> None:
    token = BAD_TOKENS[fault]
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    assert requests.get(f"{api.url}/api/status", headers=headers, timeout=5).status_code == 401
    assert function.event is None


def test_a_token_needs_its_scheme(api: HttpApi, function: Function) -> None:
    assert requests.get(f"{api.url}/api/status", headers={"Authorization": f"Basic {TOKEN}"}, timeout=5).status_code == 401
    assert function.event is None


def test_claims_arrive_as_api_gateway_writes_them(api: HttpApi, function: Function) -> None:
    token = POOL.token("ana", ["admin", "operator"])
    requests.get(f"{api.url}/api/status", headers={"Authorization": f"Bearer {token}"}, timeout=5)
    claims = function.event["requestContext"]["authorizer"]["jwt"]["claims"]
    assert (claims["cognito:groups"], claims["username"], claims["token_use"]) == ("[admin operator]", "ana", "access")
    assert all(isinstance(value, str) for value in claims.values())


def test_an_open_route_asks_for_no_token_and_hears_no_claims(api: HttpApi, function: Function) -> None:
    assert requests.get(f"{api.url}/api/open", headers=AUTHORISED, timeout=5).status_code == 200
    assert "authorizer" not in function.event["requestContext"]


def test_a_page_from_elsewhere_that_names_this_machine_is_refused(api: HttpApi) -> None:
    assert requests.get(f"{api.url}/api/x", headers={**AUTHORISED, "Host": "evil.example.com"}, timeout=5).status_code == 403


def test_a_path_that_the_template_does_not_route_is_404(api: HttpApi) -> None:
    assert requests.get(f"{api.url}/other", headers=AUTHORISED, timeout=5).status_code == 404


def test_a_body_over_the_limit_is_refused_unread(api: HttpApi, function: Function) -> None:
    reply = requests.post(f"{api.url}/api/x", headers={**AUTHORISED, "Content-Length": str(MAX_BODY + 1)}, timeout=5)

    assert (reply.status_code, function.event) == (413, None)


def test_a_function_that_fails_is_a_500(api: HttpApi, function: Function) -> None:
    function.reply = RuntimeError("broken")

    reply = requests.get(f"{api.url}/api/x", headers=AUTHORISED, timeout=5)

    assert (reply.status_code, reply.headers["content-type"]) == (500, "application/problem+json")


@pytest.mark.parametrize(
    ("headers", "path", "status", "name"),
    [
        ({}, "/api/x", 401, "Unauthenticated"),
        (AUTHORISED, "/other", 404, "NotFound"),
        ({"Host": "evil"}, "/api/x", 403, "Forbidden"),
    ],
)
def test_what_is_refused_before_the_function_is_problem_details_too(
    api: HttpApi, headers: dict[str, str], path: str, status: int, name: str
) -> None:
    reply = requests.get(f"{api.url}{path}", headers=headers, timeout=5)
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json")
    assert (reply.json()["class"], reply.json()["status"], bool(reply.json()["title"])) == (name, status, True)
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)


CONSOLE = "https://console.example.com"
CORS = Cors.of(
    {
        "AllowOrigins": [CONSOLE],
        "AllowMethods": ["GET", "POST"],
        "AllowHeaders": ["authorization"],
        "ExposeHeaders": ["location"],
        "MaxAge": 600,
    }
)


def test_a_browser_at_the_console_is_told_what_it_may_send(api: HttpApi, function: Function) -> None:
    api.cors = CORS
    asked = {"Origin": CONSOLE, "Access-Control-Request-Method": "POST"}
    reply = requests.options(f"{api.url}/api/runs", headers=asked, timeout=5)
    assert (reply.status_code, reply.headers["access-control-allow-origin"]) == (204, CONSOLE)
    assert reply.headers["access-control-allow-methods"] == "GET,POST"
    assert reply.headers["access-control-allow-headers"] == "authorization"
    assert (reply.headers["access-control-max-age"], function.event) == ("600", None)


def test_a_reply_may_be_read_by_the_console_and_by_no_other_page(api: HttpApi) -> None:
    api.cors = CORS
    for origin in (CONSOLE, "https://evil.example.com", "null", f"{CONSOLE}.evil.com"):
        reply = requests.get(f"{api.url}/api/runs", headers={**AUTHORISED, "Origin": origin}, timeout=5)
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        preflight = requests.options(f"{api.url}/api/runs", headers=asked, timeout=5)
        allowed = [each.headers.get("access-control-allow-origin") for each in (reply, preflight)]
        assert allowed == ([CONSOLE, CONSOLE] if origin == CONSOLE else [None, None])
        assert reply.headers.get("access-control-expose-headers") == ("location" if origin == CONSOLE else None)
        assert "access-control-allow-credentials" not in reply.headers


def test_without_a_configuration_no_other_origin_may_read_anything(api: HttpApi) -> None:
    reply = requests.get(f"{api.url}/api/runs", headers={**AUTHORISED, "Origin": CONSOLE}, timeout=5)
    assert not [name for name in reply.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("given", [{"AllowOrigins": ["*"]}, {"AllowOrigins": [CONSOLE], "AllowCredentials": True}])
def test_a_cors_configuration_that_is_not_known_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="CorsConfiguration"):
        Cors.of(given)


def test_the_root_serves_a_page_without_a_token(api: HttpApi) -> None:
    api.site = Console(POOL).answer
    assert "Waybill" in requests.get(f"{api.url}/", timeout=5).text
