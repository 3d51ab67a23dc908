"""The HTTP adapter: payload format 2.0 in, status, headers and body out; closed without the token."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from local.aws.http_api import MAX_BODY, ApiRoute, HttpApi

TOKEN = "a-token"
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
    routes = [ApiRoute.of(key, function="arn") for key in ("ANY /api/{proxy+}", "GET /api/runs/{id}")]
    served = HttpApi(routes, function, token=TOKEN)
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


@pytest.mark.parametrize("given", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}])
def test_without_the_token_nothing_is_invoked(api: HttpApi, function: Function, given: dict[str, str]) -> None:
    assert requests.get(f"{api.url}/api/status", headers=given, timeout=5).status_code == 401
    assert function.event is None


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


def test_the_root_serves_a_page_without_a_token(api: HttpApi) -> None:
    assert "Waybill" in requests.get(f"{api.url}/", timeout=5).text
