"""`waybill links`: what is asked, and what people and scripts see."""

from typing import Any

import pytest

from tests.unit.cli.conftest import FakeApi, Run

ENTRY, ACCOUNT = "a0X5e000001AbCdEAK", "0015e000003XyZwAAK"
KEYS = [
    {"version": 1, "made_at": "2026-11-20T14:00:00.000Z", "made_by": "ana", "current": False, "revoked_at": None},
    {"version": 2, "made_at": "2026-11-21T14:00:00.000Z", "made_by": "ana", "current": True, "revoked_at": None},
]
REVOKED: dict[str, Any] = {"scope": "entry", "id": ENTRY, "at": "2026-11-21T14:00:00.000Z", "by": "ana", "reason": "lost laptop"}
PAGE = {"gateway": True, "base": "https://links.example.com", "keys": KEYS, "items": [REVOKED], "next": None}


def test_versions_and_revocations_are_listed(run: Run, api: FakeApi) -> None:
    api.on("GET", "/links", PAGE)
    assert run("links", "list", "--json").json == {"gateway": True, "base": PAGE["base"], "keys": KEYS, "revoked": [REVOKED]}
    page = run("links", "list").out
    for text in ("links.example.com", "current", "opens", ENTRY, "lost laptop"):
        assert text in page
    api.on("GET", "/links", {**PAGE, "gateway": False, "base": None, "keys": [], "items": []})
    assert "not the gateway's" in run("links", "list").out


def test_the_key_is_rotated_and_what_comes_next_is_said(run: Run, api: FakeApi) -> None:
    api.on("POST", "/links/rotate", KEYS[1])
    assert "waybill cutover --execute" in run("links", "rotate", "--yes").out


@pytest.mark.parametrize(
    ("words", "body"),
    [
        (("--entry", ENTRY), {"entry_id": ENTRY}),
        (("--account", ACCOUNT, "--reason", "why"), {"account_id": ACCOUNT, "reason": "why"}),
        (("--version", "1"), {"version": 1}),
    ],
)
def test_what_is_named_is_revoked(run: Run, api: FakeApi, words: tuple[str, ...], body: dict[str, Any]) -> None:
    api.on("POST", "/links/revoke", REVOKED)
    assert run("links", "revoke", *words, "--yes", "--json").json == REVOKED
    assert api.requests("POST", "/links/revoke")[0].body == body


@pytest.mark.parametrize("words", [(), ("--entry", ENTRY, "--version", "1"), ("--entry", "x"), ("--version", "0")])
def test_just_one_thing_is_revoked_or_restored_at_a_time(run: Run, api: FakeApi, words: tuple[str, ...]) -> None:
    assert [run("links", what, *words).code for what in ("revoke", "restore")] == [2, 2]
    assert api.asked == []


def test_a_revocation_is_taken_back(run: Run, api: FakeApi) -> None:
    api.on("DELETE", f"/links/revocations/entry/{ENTRY}", REVOKED)
    assert "open again" in run("links", "restore", "--entry", ENTRY).out


def test_a_link_is_printed_and_whether_it_opens(run: Run, api: FakeApi) -> None:
    link = {"entry_id": ENTRY, "account_id": ACCOUNT, "name": "a.pdf", "url": "https://links.example.com/f/x", "why": ""}
    api.on("POST", "/links/open", {**link, "verdict": "opened"})
    done = run("links", "open", ENTRY)
    assert (done.code, done.out.strip()) == (0, link["url"])
    api.on("POST", "/links/open", {**link, "verdict": "revoked", "why": "file revoked"})
    done = run("links", "open", ENTRY, "--account", ACCOUNT)
    assert (done.code, "file revoked" in done.out) == (1, True)
