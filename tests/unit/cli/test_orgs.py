"""`waybill orgs`, and the org that every confirmation names."""

import io
import json
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click
import pytest
import requests

import cli.migrate
import cli.orgs
from cli.login import CALLBACK
from cli.orgs import credentials_in
from tests.unit.cli.conftest import FakeApi, Run

UAT: dict[str, Any] = {
    "name": "uat", "own": False, "kind": "sandbox", "production": False, "login_url": "https://acme--uat.sandbox.my.salesforce.com", "auth": "client_credentials",
    "api_version": "66.0", "connected": True, "organization_id": "00D000000000001AAA", "organization": "Acme", "tested_at": "2026-11-21T14:00:00.000Z",
    "saved_at": "2026-11-21T14:00:00.000Z", "saved_by": "ana",
}  # fmt: skip
OWN = {**UAT, "name": "default", "own": True, "kind": "production", "production": True, "organization": "", "login_url": "https://acme.my.salesforce.com", "tested_at": ""}  # fmt: skip
CREDENTIALS = {"client_id": "app", "client_secret": "CANARY-secret"}


def test_orgs_are_listed_and_production_is_marked(run: Run, api: FakeApi) -> None:
    waiting = {**UAT, "name": "dev", "connected": False, "organization": "", "tested_at": ""}
    api.on("GET", "/config/orgs", {"items": [OWN, UAT, waiting], "next": None})
    assert run("orgs", "list", "--json").json == {"orgs": [OWN, UAT, waiting]}
    page = run("orgs", "list").out
    assert [word in page for word in ("PRODUCTION", "uat", "Acme", "nobody has let Waybill in yet")] == [True] * 4


def test_credentials_come_from_a_file_and_are_not_shown(run: Run, api: FakeApi, tmp_path: Path) -> None:
    api.on("POST", "/config/orgs", (201, UAT))
    file = tmp_path / "uat.json"
    file.write_text(json.dumps(CREDENTIALS))
    words = ("--login-url", UAT["login_url"], "--auth", "client_credentials", "--credentials", str(file))
    done = run("orgs", "add", "uat", *words)
    given = {"name": "uat", "login_url": UAT["login_url"], "auth": "client_credentials", "credentials": CREDENTIALS}
    assert api.requests("POST", "/config/orgs")[0].body == given
    assert ("uat is a sandbox" in done.out, "CANARY" in done.out) == (True, False)


def test_credentials_may_come_from_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(CREDENTIALS)))
    assert credentials_in(Path("-")) == CREDENTIALS


def test_an_org_is_changed_on_purpose_only(run: Run, api: FakeApi, tmp_path: Path) -> None:
    api.on("PUT", "/config/orgs/uat", {**UAT, "kind": "production", "production": True})
    file = tmp_path / "uat.json"
    file.write_text(json.dumps(CREDENTIALS))
    words = ("--login-url", UAT["login_url"], "--auth", "client_credentials", "--credentials", str(file), "--kind", "production")
    done = run("orgs", "add", "uat", "--replace", *words)
    assert api.requests("PUT", "/config/orgs/uat")[0].body["kind"] == "production"
    assert "uat is PRODUCTION" in done.out


@pytest.mark.parametrize("text", ["{", "[1]", ""])
def test_a_file_without_credentials_is_not_sent(run: Run, api: FakeApi, tmp_path: Path, text: str) -> None:
    file = tmp_path / "uat.json"
    file.write_text(text)
    done = run(
        "orgs",
        "add",
        "uat",
        "--login-url",
        "https://x.my.salesforce.com",
        "--auth",
        "jwt_bearer",
        "--credentials",
        str(file),
        "--json",
    )
    assert (done.code, done.json["error"]["class"], api.asked) == (2, "NoCredentials", [])


def test_an_org_is_tested_and_removed(run: Run, api: FakeApi) -> None:
    api.on("POST", "/config/orgs/uat/test", UAT)
    api.on("DELETE", "/config/orgs/uat", {"removed": "uat"})
    assert "uat is a sandbox, Acme" in run("orgs", "test", "uat").out
    assert run("orgs", "remove", "uat", "--json").json == {"removed": "uat"}
    assert run("orgs", "remove", "No Org", "--json").code == 2


@pytest.mark.xdist_group("login")  # one port, which the connected app knows
def test_a_browser_lets_waybill_in(run: Run, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://acme.my.salesforce.com/services/oauth2/authorize?" + urlencode({"state": "the state", "client_id": "app"})
    api.on("POST", "/config/orgs/uat/authorize", {"authorize_url": url, "expires_in": 600})
    api.on("POST", "/config/orgs/uat/callback", UAT)

    def browser(given: str, *, no_browser: bool) -> None:
        back = f"{CALLBACK.replace('localhost', '127.0.0.1')}?{urlencode({'state': 'the state', 'code': 'CANARY-code'})}"
        assert given == url
        threading.Thread(target=lambda: requests.get(back, timeout=10), daemon=True).start()

    monkeypatch.setattr(cli.orgs, "open_page", browser)
    done = run("orgs", "login", "uat")
    assert api.requests("POST", "/config/orgs/uat/authorize")[0].body == {"redirect_uri": CALLBACK}
    assert api.requests("POST", "/config/orgs/uat/callback")[0].body == {"state": "the state", "code": "CANARY-code"}
    assert ("uat is a sandbox" in done.out, "CANARY" in done.out) == (True, False)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> list[str]:
    """What a person at a terminal is asked; he says no."""
    questions: list[str] = []

    def no(question: str, **_: Any) -> bool:
        questions.append(question)
        return False

    monkeypatch.setattr(cli.migrate, "stdin_is_terminal", lambda: True)
    monkeypatch.setattr(click, "confirm", no)
    api.on("GET", "/config/orgs/default", OWN)
    api.on("GET", "/config/orgs/uat", UAT)
    api.on("GET", "/runs/load-1", {"run_id": "load-1", "kind": "load", "org": "uat"})
    return questions


@pytest.mark.parametrize(
    ("words", "question"),
    [
        (("load", "{file}", "--execute"), "Load plan.csv into the PRODUCTION org default (https://acme.my.salesforce.com)?"),
        (("load", "{file}", "--execute", "--org", "uat"), "Load plan.csv into the sandbox uat (Acme)?"),
        (("load", "{file}", "--execute", "--org", "uat", "--from-org", "default", "--allow-delete"), "Load plan.csv with the rows of default into the sandbox uat (Acme), and delete what it says?"),
        (("undo", "--run", "load-1", "--execute"), "Undo load-1 in the sandbox uat (Acme)?"),
        (("retry", "--run", "load-1", "--execute"), "Load the failed rows of load-1 into the sandbox uat (Acme)?"),
        (("cutover", "--execute"), "Switch the URLs of all accounts in the PRODUCTION org default (https://acme.my.salesforce.com)?"),
        (("rollback", "--execute", "--all"), "Restore the old URLs in the PRODUCTION org default (https://acme.my.salesforce.com)?"),
        (("orgs", "remove", "uat"), "Remove the sandbox uat (Acme) and its credentials?"),
    ],
)  # fmt: skip
def test_every_confirmation_names_the_org(
    run: Run, api: FakeApi, asked: list[str], tmp_path: Path, words: tuple[str, ...], question: str
) -> None:
    file = tmp_path / "plan.csv"
    file.write_text("Name\nA\n")
    done = run(*(word.replace("{file}", str(file)) for word in words))
    assert (done.code, asked) == (2, [question])
    assert [each.method for each in api.asked if each.method != "GET"] == []
