"""Logging in: the browser's round trip with PKCE, tokens that are kept and renewed, and the three users of the local stack."""

import base64
import hashlib
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import requests

from cli.client import ApiClient
from cli.errors import CommandError
from cli.home import Home
from cli.login import CALLBACK, log_in
from cli.tokens import Login, LoginAuth, TokenStore, ask_pool
from tests.unit.cli.conftest import FakeApi, Run

POOL = "https://pool.example.com/oauth2"
SIGN_IN = {"authorize_url": f"{POOL}/authorize", "token_url": f"{POOL}/token", "client_id": "the-client", "scope": "openid"}
WHERE = "abc123.execute-api.eu-west-1.amazonaws.com"
TOKENS = {"access_token": "first", "refresh_token": "again", "expires_in": 3600}


class Pool:
    """Remembers the forms that it is sent."""

    def __init__(self, reply: Mapping[str, Any] | Exception) -> None:
        self.reply = reply
        self.forms: list[Mapping[str, str]] = []

    def __call__(self, url: str, form: Mapping[str, str]) -> dict[str, Any]:
        assert url == SIGN_IN["token_url"]
        self.forms.append(form)
        if isinstance(self.reply, Exception):
            raise self.reply
        return dict(self.reply)


class Browser:
    """Logs in at once, and comes back with `answer`; what the command asked for stays in `asked`."""

    def __init__(self, *answers: dict[str, str]) -> None:
        self.answers = answers
        self.asked: dict[str, str] = {}
        self.pages: list[int] = []

    def __call__(self, url: str) -> None:
        assert url.startswith(f"{SIGN_IN['authorize_url']}?")
        self.asked = dict(parse_qsl(urlsplit(url).query))
        threading.Thread(target=self._return, daemon=True).start()

    def _return(self) -> None:
        for answer in self.answers:
            query = urlencode({"state": self.asked["state"], **answer})
            self.pages.append(requests.get(f"{CALLBACK.replace('localhost', '127.0.0.1')}?{query}", timeout=10).status_code)


@pytest.fixture
def client(api: FakeApi, home: Path) -> ApiClient:
    api.on("GET", "/sign-in", SIGN_IN)
    return ApiClient.connect(api.url, Home(home), anonymous=True)


@pytest.mark.xdist_group("login")  # one port, which the user pool knows
def test_the_browser_comes_back_with_a_code_that_only_this_command_can_use(client: ApiClient) -> None:
    pool, browser = Pool(TOKENS), Browser({"code": "for another", "state": "another"}, {"code": "the-code"})
    login = log_in(client, show=browser, ask=pool, now=lambda: 1000.0)
    assert login == Login("first", "again", expires_at=4600.0, token_url=SIGN_IN["token_url"], client_id="the-client")
    (form,) = pool.forms
    assert (form["code"], form["redirect_uri"], form["grant_type"]) == ("the-code", CALLBACK, "authorization_code")
    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
    assert browser.asked["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert (browser.asked["code_challenge_method"], browser.asked["response_type"]) == ("S256", "code")


@pytest.mark.xdist_group("login")
def test_a_refused_login_says_why(client: ApiClient) -> None:
    with pytest.raises(CommandError, match="refused: access_denied"):
        log_in(client, show=Browser({"error": "access_denied"}), ask=Pool(TOKENS), now=lambda: 0.0)


@pytest.mark.xdist_group("login")
def test_nobody_is_waited_for_forever(client: ApiClient) -> None:
    times = iter([0.0, 301.0])
    with pytest.raises(CommandError, match="Nobody logged in"):
        log_in(client, show=lambda _: None, ask=Pool(TOKENS), now=lambda: next(times))


def test_tokens_are_sent_and_kept_for_their_owner_only(tmp_path: Path) -> None:
    store = TokenStore(Home(tmp_path))
    store.keep(WHERE, Login("first", "again", expires_at=4e9, token_url=SIGN_IN["token_url"], client_id="c"))
    assert (tmp_path / "login.json").stat().st_mode & 0o777 == 0o600
    client = ApiClient.connect(f"https://{WHERE}", Home(tmp_path))
    auth = client._session.auth
    assert isinstance(auth, LoginAuth)
    assert _sent(auth) == "Bearer first"
    other = "https://other.example.com"
    with pytest.raises(CommandError, match="not logged in to other"):
        ApiClient.connect(other, Home(tmp_path))


def _sent(auth: LoginAuth) -> str:
    return auth(requests.Request("GET", f"https://{WHERE}/api/me").prepare()).headers["Authorization"]


def test_a_token_is_renewed_before_it_runs_out(tmp_path: Path) -> None:
    store, pool, now = TokenStore(Home(tmp_path)), Pool({"access_token": "second", "expires_in": 3600}), [0.0]
    login = Login("first", "again", expires_at=3600.0, token_url=SIGN_IN["token_url"], client_id="c")
    auth = LoginAuth(store, WHERE, login, ask=pool, now=lambda: now[0])
    assert (_sent(auth), pool.forms) == ("Bearer first", [])
    now[0] = 3550.0
    assert _sent(auth) == "Bearer second"
    assert pool.forms == [{"grant_type": "refresh_token", "client_id": "c", "refresh_token": "again"}]
    kept = store.login(WHERE)
    assert kept is not None
    assert (kept.access_token, kept.refresh_token, kept.expires_at) == ("second", "again", 7150.0)


def test_where_it_cannot_be_renewed_one_logs_in_again(tmp_path: Path) -> None:
    login = Login("first", "again", expires_at=0.0, token_url=SIGN_IN["token_url"], client_id="c")
    auth = LoginAuth(TokenStore(Home(tmp_path)), WHERE, login, ask=Pool(CommandError("revoked")), now=lambda: 10.0)
    with pytest.raises(CommandError, match="no longer logged in"):
        _sent(auth)


def test_nothing_is_sent_in_the_open() -> None:
    with pytest.raises(CommandError, match="no https URL"):
        ask_pool("http://pool.example.com/token", {"refresh_token": "secret"})


def test_on_the_local_stack_one_is_who_one_says(run: Run, api: FakeApi, home: Path) -> None:
    tokens = {"viewer": "v", "operator": "o", "admin": "a"}
    (home / "local.json").write_text(json.dumps({"api": {"url": api.url, "token": "a", "tokens": tokens}}))
    api.on("GET", "/me", {"name": "somebody", "role": "viewer", "subject": "s"})

    def sent() -> str:
        return api.asked[-1].headers["authorization"]

    run("whoami")
    assert sent() == "Bearer a"
    assert "somebody (viewer) at http://127.0.0.1" in run("login", "--as", "viewer").out
    assert sent() == "Bearer v"
    run("whoami")
    assert sent() == "Bearer v"
    assert run("logout", "--json").json == {"logged_out": True}
    run("whoami")
    assert sent() == "Bearer a"


def test_a_role_is_played_on_the_local_stack_only(run: Run) -> None:
    done = run("login", "--as", "viewer", "--api", f"https://{WHERE}")
    assert (done.code, "local stack" in done.err) == (2, True)


def test_a_file_of_tokens_that_is_broken_is_as_good_as_none(tmp_path: Path) -> None:
    for text in ("{", "[]", json.dumps({WHERE: {"token_url": "x"}}), json.dumps({WHERE: 7})):
        (tmp_path / "login.json").write_text(text)
        assert TokenStore(Home(tmp_path)).login(WHERE) is None


@pytest.mark.xdist_group("login")
def test_the_address_of_the_page_holds_no_secret(client: ApiClient) -> None:
    shown: list[str] = []
    times = iter([0.0, 301.0])
    with pytest.raises(CommandError):
        log_in(client, show=shown.append, ask=Pool(TOKENS), now=lambda: next(times))
    assert set(parse_qs(urlsplit(shown[0]).query)) == {
        "response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method",
    }  # fmt: skip
