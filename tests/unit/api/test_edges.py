"""What holds for every reply, and requests that are none of a route's."""

from typing import Any

import pytest

from tests.unit.api.conftest import Stack
from waybill.api import run_routes
from waybill.api.app import GUARDS, MAX_BODY
from waybill.audit import Head

FULL = {"kind": "backup", "mode": "full"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/status", 200),
        ("GET", "/api/sign-in", 200),
        ("POST", "/api/runs", 202),
        ("GET", "/api/nonsense", 404),
        ("GET", "/api/runs?limit=0", 422),
    ],
)
def test_every_reply_is_guarded(stack: Stack, method: str, path: str, status: int) -> None:
    reply = stack.ask(method, path, FULL if method == "POST" else None)
    assert (reply.status, {name: reply.headers.get(name) for name in GUARDS}) == (status, GUARDS)


def test_a_reply_without_a_token_is_guarded_and_says_how_to_ask(stack: Stack) -> None:
    reply = stack.ask("GET", "/api/status", user="")
    assert (reply.status, reply.headers["WWW-Authenticate"], reply.headers["Cache-Control"]) == (401, "Bearer", "no-store")


def test_a_path_that_takes_other_methods_names_them(stack: Stack) -> None:
    reply = stack.ask("PUT", "/api/runs")
    assert (reply.status, reply.headers["Allow"], reply.json["class"]) == (405, "DELETE, GET, POST", "MethodNotAllowed")
    assert reply.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_body_that_is_no_json_is_refused_by_its_type(stack: Stack, kind: str) -> None:
    reply = stack.ask("POST", "/api/runs", FULL, headers={"content-type": kind})
    assert (reply.status, "application/json" in reply.json["detail"]) == (415, True)


def test_json_with_a_charset_is_json(stack: Stack) -> None:
    assert stack.ask("POST", "/api/runs", FULL, headers={"content-type": "Application/JSON; charset=utf-8"}).status == 202


def test_a_body_that_is_too_large_is_refused(stack: Stack) -> None:
    reply = stack.ask("POST", "/api/runs", " " * (MAX_BODY + 1))
    assert (reply.status, reply.headers["Content-Type"]) == (413, "application/problem+json")


def test_a_reply_that_is_not_what_its_route_says_is_a_fault_of_ours(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_routes, "runs_page", lambda *_args, **_given: {"items": "nonsense"})
    reply = stack.ask("GET", "/api/runs")
    assert (reply.status, reply.json["class"], "nonsense" in reply.text) == (500, "InternalError", False)


def test_what_breaks_before_a_route_is_asked_is_problem_details_too(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: object) -> Head:
        raise RuntimeError("secret token 1234")

    monkeypatch.setattr("waybill.api.auditing.Audit.head", broken)
    reply: Any = stack.ask("POST", "/api/runs", FULL)
    assert (reply.status, reply.json["class"], "1234" in reply.text) == (500, "InternalError", False)
