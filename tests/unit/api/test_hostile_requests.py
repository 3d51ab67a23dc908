"""Requests that nobody means well with: whatever comes, the reply is a refusal in problem details, and nothing is started."""

import base64
import json
from typing import Any

import pytest

from tests.unit.api.conftest import FIRST, SECOND, Stack

DEEP = "[" * 100_000
BACKUP = {"kind": "backup", "mode": "full"}


def refused(stack: Stack, method: str, path: str, body: Any = None, **headers: str) -> int:
    """The status of a reply that must be a refusal of the caller's own doing."""
    reply = stack.ask(method, path, body, headers=headers)
    assert 400 <= reply.status < 500, (path, str(body)[:80], reply.status, reply.text[:300])
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.json["status"] == reply.status
    assert len(reply.text) < 5_000, "a refusal does not give back what was sent"
    assert stack.sfn.list_executions(stateMachineArn=stack.machines["backup"])["executions"] == []
    return reply.status


@pytest.mark.parametrize(
    "body",
    [
        DEEP, '{"kind":' * 20_000, '{"kind":"backup","mode":"full","accounts":' + DEEP, "", "null", "7", '"backup"', "[]", "{", "\x00", "{}",
        json.dumps({**BACKUP, "max_files": 0}), json.dumps({**BACKUP, "max_files": 10**40}), '{"kind":"backup","mode":"full","max_files":1e400}',
        '{"kind":"backup","mode":"full","max_files":NaN}', '{"kind":"backup","mode":"full","max_files":' + "9" * 5_000 + "}",
        json.dumps({**BACKUP, "accounts": ["' OR Id != '"]}), json.dumps({**BACKUP, "accounts": ["0" * 15 + "\n"]}),
        json.dumps({**BACKUP, "accounts": ["../../../etc/passwd"]}), json.dumps({**BACKUP, "accounts": "0" * 15}),
        json.dumps({**BACKUP, "accounts": ["001000000000001"] * 5_001}), json.dumps({**BACKUP, "requested_by": "somebody else"}),
        json.dumps({**BACKUP, "parent": {"run_id": "x", "fence": 1}}), json.dumps({**BACKUP, "resume": "backup-x"}),
        json.dumps({"kind": "rollback", "mode": "execute", "run_id": "cutover-x\n"}), json.dumps({"kind": ["backup"]}),
    ],
    ids=lambda body: str(body)[:40],
)  # fmt: skip
def test_a_body_that_is_no_request_is_refused(stack: Stack, body: str) -> None:
    refused(stack, "POST", "/api/runs", body)


def test_a_body_larger_than_any_request_is_not_even_read(stack: Stack) -> None:
    assert refused(stack, "POST", "/api/runs", json.dumps({**BACKUP, "accounts": ["x" * 2_000_000]})) == 413


@pytest.mark.parametrize(
    "path",
    [
        "/api/runs/..%2F..%2Fsecrets", "/api/runs/%00", "/api/runs/a%0Ab", "/api/runs/" + "a" * 5_000, "/api/runs/%E2%80%AE",
        "/api/accounts/%27%20OR%20Id%20!=%20%27/files", "/api/accounts/..%2F/files", "/api/accounts/00100000000000199/files",
        "/api/runs?limit=1e3", "/api/runs?limit=9" + "9" * 5_000, "/api/accounts?source=elsewhere", "/api/plan?files=-1",
        "/api/plan?files=" + "9" * 5_000, "/api/runs/backup-x/report?format=exe", "/api/runs/backup-x/report?offset=-1",
    ],
    ids=lambda path: path[:50],
)  # fmt: skip
def test_a_path_or_a_query_that_means_something_else_is_refused(stack: Stack, path: str) -> None:
    refused(stack, "GET", path)


@pytest.mark.parametrize("key", ["a" * 256, ""])
def test_an_idempotency_key_that_is_none_is_refused(stack: Stack, key: str) -> None:
    refused(stack, "POST", "/api/runs", BACKUP, **{"idempotency-key": key})


@pytest.mark.parametrize("key", ["x\r\nSet-Cookie: a=b", "\x1b[2J", "../../x", "\u202e", "arn:aws:states:::x"])
def test_an_idempotency_key_never_becomes_part_of_a_name_as_it_stands(stack: Stack, key: str) -> None:
    reply = stack.ask("POST", "/api/runs", BACKUP, headers={"idempotency-key": key})
    assert reply.status == 202
    assert reply.json["run_id"].removeprefix("backup-").isalnum()
    assert reply.headers["Location"] == f"/api/runs/{reply.json['run_id']}"


# -- cursors ------------------------------------------------------------------------------------------------------------


def forged(value: Any) -> str:
    return base64.urlsafe_b64encode(value if isinstance(value, bytes) else json.dumps(value).encode()).decode().rstrip("=")


LISTS = (
    "/api/runs",
    "/api/runs/cutover-r1/errors",
    "/api/runs/cutover-r1/accounts",
    "/api/accounts",
    f"/api/accounts/{FIRST}/files",
)
FORGED = [
    {"after": "x' OR 'a' = 'a"}, {"after": "../../x"}, {"after": "a" * 5_000}, {"after": ["x"]}, {"after": None}, {"offset": -1}, {"offset": "1"},
    {"offset": 10**30}, {"offset": True}, {"after": FIRST, "pk": "LOCK#files"}, {"pk": "SESSION#salesforce"}, {}, [], None, 7, b"[" * 6_000,
    b"\xff", b"{",
]  # fmt: skip


@pytest.mark.parametrize("path", LISTS)
def test_a_forged_cursor_is_refused_by_every_list(stack: Stack, path: str) -> None:
    stack.run("cutover-r1")
    stack.file(1)
    for value in FORGED:
        reply = stack.ask("GET", f"{path}?cursor={forged(value)}")
        assert reply.status == 422, (value, reply.text)
        assert "cursor" in reply.json["detail"]


def test_a_cursor_of_another_account_shows_nothing_that_the_path_does_not(stack: Stack) -> None:
    for n in range(1, 6):
        stack.file(n, account=FIRST if n % 2 else SECOND)
    first = stack.ask("GET", f"/api/accounts/{FIRST}/files?limit=1").json
    taken_along = stack.ask("GET", f"/api/accounts/{SECOND}/files?cursor={first['next']}").json
    own = {item["entry_id"] for item in stack.pages(f"/api/accounts/{SECOND}/files")}
    assert {item["entry_id"] for item in taken_along["items"]} <= own


def test_a_cursor_of_another_list_is_refused_or_harmless(stack: Stack) -> None:
    for n in range(3):
        stack.run(f"backup-r{n}")
        stack.file(n + 1)
    given_out = stack.ask("GET", "/api/runs?limit=1").json["next"]
    for path in LISTS[1:]:
        assert stack.ask("GET", f"{path}?cursor={given_out}").status in {404, 422}
    assert (
        stack.ask("GET", f"/api/runs?cursor={stack.ask('GET', f'/api/accounts/{FIRST}/files?limit=1').json['next']}").json[
            "items"
        ]
        == []
    )
