"""Who may do what: every route with every role, and callers that are not who they say."""

import json
import re

import pytest

from tests.unit.api.conftest import SIGN_IN, Stack
from waybill.api.app import app
from waybill.api.roles import PUBLIC, ROUTES, Role, role_to_start, roles_of

ACCEPTED, FORBIDDEN = 202, 403
ROLES: tuple[Role | None, ...] = (None, *Role)
# Kind, mode -> who may start it.
STARTS = {
    ("backup", "full"): Role.OPERATOR,
    ("backup", "incremental"): Role.OPERATOR,
    ("cutover", "dry_run"): Role.OPERATOR,
    ("cutover", "execute"): Role.ADMIN,
    ("rollback", "dry_run"): Role.OPERATOR,
    ("rollback", "execute"): Role.ADMIN,
}


def asked(stack: Stack, route: str, role: Role | None) -> int:
    method, _, path = route.partition(" ")
    filled = re.sub(
        "<run_id>", "backup-none", re.sub("<account_id>", "no-account", re.sub("<entry_id>", "a00000000000000", path))
    )
    return stack.ask(method, filled, {} if method == "POST" else None, groups=f"[{role}]" if role else None).status


def test_the_table_names_every_route_of_the_api_and_no_other() -> None:
    served = {f"{method} {path}" for path, method in _routes()}
    assert served == set(ROUTES) | PUBLIC


def _routes() -> list[tuple[str, str]]:
    router = app._static_routes + app._dynamic_routes
    return [
        (route.path, method) for route in router for method in ([route.method] if isinstance(route.method, str) else route.method)
    ]


@pytest.mark.parametrize("role", ROLES)
def test_a_route_is_open_to_its_role_and_those_above(stack: Stack, role: Role | None) -> None:
    refused = {route for route in ROUTES if asked(stack, route, role) == FORBIDDEN}
    assert refused == {route for route, least in ROUTES.items() if role is None or not role.includes(least)}


@pytest.mark.parametrize("role", ROLES)
def test_who_may_start_what(stack: Stack, role: Role | None) -> None:
    started: set[tuple[str, str]] = set()
    refused: set[tuple[str, str]] = set()
    for kind, mode in STARTS:
        body = {"kind": kind, "mode": mode, **({"all": True} if kind == "rollback" else {})}
        status = stack.ask("POST", "/api/runs", body, groups=f"[{role}]" if role else "[]").status
        (started if status == ACCEPTED else refused if status == FORBIDDEN else set()).add((kind, mode))
    may = {start for start, least in STARTS.items() if role is not None and role.includes(least)}
    assert (started, refused) == (may, set(STARTS) - may)
    executions = [stack.sfn.list_executions(stateMachineArn=arn)["executions"] for arn in stack.machines.values()]
    assert sum(map(len, executions)) == len(may)


def test_a_backup_never_takes_an_admin_and_what_is_unknown_always_does() -> None:
    assert role_to_start("backup", dry_run=False) is Role.OPERATOR
    assert role_to_start("something new", dry_run=False) is Role.ADMIN


def test_without_a_token_nothing_is_told_not_even_what_there_is(stack: Stack) -> None:
    for route in (*ROUTES, "GET /api/nothing", "PUT /api/runs"):
        method, _, path = route.partition(" ")
        reply = stack.ask(method, path, user="")
        assert (route, reply.status, reply.json["class"]) == (route, 401, "Unauthenticated")


def test_an_identity_token_is_no_access_token(stack: Stack) -> None:
    assert stack.ask("GET", "/api/status", token_use="id").status == 401


def test_a_request_that_may_not_be_made_is_not_read(stack: Stack) -> None:
    assert stack.ask("DELETE", "/api/runs", groups="[operator]").status == 403
    assert stack.ask("DELETE", "/api/runs", groups="[admin]").status == 422


def test_a_path_that_only_looks_like_a_route_is_none(stack: Stack) -> None:
    for path in ("/api/runs/", "/api//runs", "/API/runs", "/api/runs/a/b/pause", "/api/accounts/x/y/files"):
        assert stack.ask("GET", path).status == 404


@pytest.mark.parametrize(
    ("claim", "roles"),
    [
        ("[admin operator]", {Role.ADMIN, Role.OPERATOR}),
        ("[viewer]", {Role.VIEWER}),
        ("[viewer us-east-1_x_Google]", {Role.VIEWER}),
        ("[Admin administrators]", set()),
        ("[]", set()),
        ("", set()),
        ("admin", set()),
        ("[admin", set()),
        ("[[admin]]", set()),
        ("[admin,operator]", set()),
        ("[admin  operator]", set()),
        ("[admin]\n", set()),
        ('["admin"]', set()),
        (["admin"], set()),
        (None, set()),
        ({"admin": True}, set()),
    ],
)
def test_groups_are_read_strictly(claim: object, roles: set[Role]) -> None:
    assert roles_of(claim) == roles


def test_who_may_not_is_told_which_role_may(stack: Stack) -> None:
    reply = stack.ask("POST", "/api/runs", {"kind": "cutover", "mode": "execute"}, groups="[operator]", user="olga")
    assert reply.json["detail"] == "This takes the role admin; olga is operator."
    assert reply.headers["Content-Type"] == "application/problem+json"


def test_everybody_can_ask_who_he_is(stack: Stack) -> None:
    reply = stack.ask("GET", "/api/me", groups="[viewer operator]", user="olga")
    assert reply.json == {"name": "olga", "subject": "sub-of-olga", "role": "operator"}


def test_where_to_log_in_is_told_to_anybody(stack: Stack) -> None:
    reply = stack.ask("GET", "/api/sign-in", user="")
    assert (reply.status, json.loads(reply.text)) == (200, SIGN_IN)
