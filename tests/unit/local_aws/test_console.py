"""The console on loopback: built files, pages of its router, and tokens for itself alone."""

import json
import os
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests

from local.aws.http_api import HttpApi
from local.aws.pool import JwtAuthorizer, LocalPool
from local.console import CONFIG, SESSION, Console, owner_of

ISSUER, CLIENT = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_1", "waybill-client"
POOL = LocalPool(ISSUER, CLIENT, groups=("viewer", "operator", "admin"))
HOST = "127.0.0.1:8080"
PEER = ("127.0.0.1", 50_000)
OWN = {"Host": HOST, "Origin": f"http://{HOST}", "Content-Type": "application/json"}


@pytest.fixture
def console(tmp_path: Path) -> Console:
    built = tmp_path / "dist"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text("<title>Waybill</title>")
    (built / "assets" / "index-1.js").write_text("start()")
    (tmp_path / "secret.txt").write_text("not built")
    return Console(POOL, built, owner=Owner(os.getuid()))


@dataclass(frozen=True)
class Owner:
    """Says this of every connection."""

    uid: int | None

    def __call__(self, _peer: tuple[str, int]) -> int | None:
        return self.uid


def get(console: Console, path: str) -> tuple[int, Any, bytes]:
    return console.answer("GET", path, header=lambda _name: None, body=b"", peer=PEER)


def ask(console: Console, body: bytes, **changes: str) -> tuple[int, Any, bytes]:
    return console.answer("POST", SESSION, header=(OWN | changes).get, body=body, peer=PEER)


def test_a_page_is_the_consoles_whatever_its_path(console: Console) -> None:
    for path in ("/", "/runs", "/accounts/001000000000001AAA"):
        status, headers, body = get(console, path)
        assert (status, body) == (200, b"<title>Waybill</title>")
        assert headers["cache-control"] == "no-cache"


def test_built_files_are_kept_by_browsers_and_missing_ones_are_missing(console: Console) -> None:
    status, headers, body = get(console, "/assets/index-1.js")
    assert (status, headers["content-type"], body) == (200, "text/javascript", b"start()")
    assert "immutable" in headers["cache-control"]
    assert get(console, "/assets/index-0.js")[0] == 404


def test_nothing_beside_the_built_files_is_served(console: Console) -> None:
    for path in ("/../secret.txt", "/assets/../../secret.txt", "//etc/passwd", "/assets/../../dist/../secret.txt"):
        assert b"not built" not in get(console, path)[2]
        assert b"root:" not in get(console, path)[2]


def test_pages_forbid_code_of_others_and_frames(console: Console) -> None:
    policy = get(console, "/")[1]["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "${" not in policy


def test_a_console_that_was_not_built_says_how(tmp_path: Path) -> None:
    status, _, body = get(Console(POOL, tmp_path), "/")
    assert status == 200
    assert b"make console" in body


def test_the_console_is_given_the_token_of_whom_it_is_to_be(console: Console) -> None:
    for user, groups in (("viewer", "[viewer]"), ("approver", "[admin]")):
        status, headers, body = ask(console, json.dumps({"as": user}).encode())
        assert (status, headers["cache-control"]) == (200, "no-store")
        claims = POOL.claims(json.loads(body)["access_token"], JwtAuthorizer(ISSUER, (CLIENT,)))
        assert claims is not None
        assert (claims["username"], claims["cognito:groups"]) == (user, groups)


def test_other_sites_are_given_no_token(console: Console) -> None:
    body = b'{"as": "admin"}'
    assert ask(console, body, Origin="http://evil.example")[0] == 403
    assert ask(console, body, Origin="null")[0] == 403
    assert ask(console, body, **{"Content-Type": "text/plain"})[0] == 403, "a form of another site needs no permission to be sent"
    assert console.answer("GET", SESSION, header=OWN.get, body=b"", peer=PEER)[0] == 403


def test_other_users_of_the_machine_are_given_no_token(console: Console) -> None:
    for owner, status in ((os.getuid(), 200), (None, 200), (os.getuid() + 1, 403), (-1, 403)):
        assert ask(replace(console, owner=Owner(owner)), b'{"as": "admin"}')[0] == status


def test_the_owner_of_a_connection_is_told_by_the_system(tmp_path: Path) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    with listening, socket.create_connection(listening.getsockname()) as client:
        mine = os.getuid() if Path("/proc/net/tcp").is_file() else None
        assert owner_of(client.getsockname()) == mine
    assert owner_of(PEER, tmp_path) is None, "a system that does not say"
    (tmp_path / "tcp").write_text("head\n 0: 0100007F:C350 0100007F:1F90 01 0:0 0:0 0 1234 0 99 1\n")
    assert owner_of(PEER, tmp_path) == 1234
    assert owner_of(("127.0.0.1", 1), tmp_path) == -1


@pytest.mark.parametrize("body", [b"", b"[]", b'{"as": "root"}', b'{"as": ["admin"]}', b"\xff"])
def test_nobody_else_can_be_played(console: Console, body: bytes) -> None:
    assert ask(console, body)[0] == 422


def test_the_server_leaves_to_the_console_what_is_not_the_apis(console: Console) -> None:
    api = HttpApi([], lambda _arn, _event: {}, pool=POOL, site=console.answer)
    api.start()
    try:
        assert requests.get(f"{api.url}/runs", timeout=5).text == "<title>Waybill</title>"
        assert requests.get(f"{api.url}{CONFIG}", timeout=5).json() == {"api": "/api", "sign_in": "local"}
        assert requests.get(f"{api.url}/api/runs", timeout=5).status_code == 404
        assert requests.get(f"{api.url}/runs", headers={"Host": "evil.example"}, timeout=5).status_code == 403
        assert requests.post(f"{api.url}{SESSION}", json={"as": "admin"}, timeout=5).status_code == 403
    finally:
        api.stop()
