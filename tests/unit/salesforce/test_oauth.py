"""The authorisation flow: a browser's way there and back, the code, the refresh token, and what is said when it fails."""

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from local.salesforce.simulator import SalesforceSimulator
from tests.unit.salesforce.conftest import Waits
from tests.unit.salesforce.scripted import Answer, ScriptedOrg
from waybill.errors import InvalidInput, SalesforceLoginFailed, SalesforceUnavailable
from waybill.salesforce.auth import authorize, fingerprint
from waybill.salesforce.client import SalesforceClient
from waybill.salesforce.connect import connect
from waybill.salesforce.oauth import Grant, authorize_url
from waybill.salesforce.patience import Patience
from waybill.salesforce.token_cache import MemoryTokenCache
from waybill.salesforce.transport import SalesforceSession
from waybill.salesforce.usage import Meter
from waybill.settings import AuthFlow, SalesforceSettings

VERIFIER = "canary-verifier-" + "v" * 43
BACK = "https://waybill.example.com/back"


def settings_of(url: str) -> SalesforceSettings:
    return SalesforceSettings(login_url=url, auth=AuthFlow.REFRESH_TOKEN)


@pytest.fixture
def session(simulator: SalesforceSimulator) -> Iterator[SalesforceSession]:
    with session_of(simulator.url) as made:
        yield made


def session_of(url: str) -> SalesforceSession:
    patience = Patience(sleep=Waits(), random=lambda: 0.0)
    return SalesforceSession(login_url=url, meter=Meter(monotonic=lambda: 0.0), patience=patience)


def client_of(simulator: SalesforceSimulator, secret: Mapping[str, str]) -> SalesforceClient:
    return connect(settings_of(simulator.url), secret, cache=MemoryTokenCache(), sleep=Waits(), random=lambda: 0.0)


def code_of(simulator: SalesforceSimulator, *, client_id: str = "") -> str:
    """What the browser brings back."""
    url = authorize_url(
        simulator.url, client_id=client_id or simulator.client_id, redirect_uri=BACK, state="s 1&", verifier=VERIFIER
    )
    answer = requests.get(url, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["Location"])
    assert f"{back.scheme}://{back.netloc}{back.path}" == BACK
    assert parse_qs(back.query)["state"] == ["s 1&"]
    return parse_qs(back.query)["code"][0]


def grant_of(simulator: SalesforceSimulator, session: SalesforceSession, code: str, **other: str) -> Grant:
    secret = {"client_id": simulator.client_id, "client_secret": simulator.client_secret}
    given = {"verifier": VERIFIER, "redirect_uri": BACK, **other}
    return authorize(settings_of(simulator.url), secret, code=code, session=session, **given)


@pytest.mark.parametrize("with_secret", [True, False])
def test_a_person_lets_waybill_in_and_it_comes_back_by_itself(
    simulator: SalesforceSimulator, session: SalesforceSession, *, with_secret: bool
) -> None:
    grant = grant_of(simulator, session, code_of(simulator))
    secret = {"client_id": simulator.client_id, "refresh_token": grant.refresh_token}
    if with_secret:
        secret["client_secret"] = simulator.client_secret
    client = client_of(simulator, secret)
    assert client.limits().limit == simulator.api_limit
    simulator.sessions.expire_all()
    assert client.limits().limit == simulator.api_limit
    assert client.calls["login"] == 2


def test_a_refresh_token_that_was_revoked_asks_for_a_new_authorisation(
    simulator: SalesforceSimulator, session: SalesforceSession
) -> None:
    token = grant_of(simulator, session, code_of(simulator)).refresh_token
    assert requests.post(f"{simulator.url}/services/oauth2/revoke", data={"token": token}, timeout=10).status_code == 200
    with pytest.raises(SalesforceLoginFailed, match="needs a new authorisation") as caught:
        client_of(simulator, {"client_id": simulator.client_id, "refresh_token": token}).limits()
    assert token not in str(caught.value)


@pytest.mark.parametrize("other", [{"verifier": "w" * 43}, {"redirect_uri": "https://elsewhere.example.com"}])
def test_a_code_in_other_hands_is_worth_nothing_and_is_good_once(
    simulator: SalesforceSimulator, session: SalesforceSession, other: dict[str, str]
) -> None:
    code = code_of(simulator)
    with pytest.raises(SalesforceLoginFailed, match="invalid_grant"):
        grant_of(simulator, session, code, **other)
    with pytest.raises(SalesforceLoginFailed, match="invalid_grant") as caught:
        grant_of(simulator, session, code)
    assert code not in str(caught.value)


def test_the_call_with_a_code_is_not_repeated(scripted: ScriptedOrg) -> None:
    scripted.login_answer = Answer(drop=True)
    secret = {"client_id": "app"}
    with session_of(scripted.url) as session, pytest.raises(SalesforceUnavailable):
        authorize(settings_of(scripted.url), secret, code="c", verifier=VERIFIER, redirect_uri=BACK, session=session)
    assert len(scripted.logins) == 1


@pytest.mark.parametrize("body", [{"access_token": "a", "instance_url": "https://a.my.salesforce.com"}, {}, [], b"<html/>"])
def test_a_reply_without_a_refresh_token_is_no_grant(body: object, scripted: ScriptedOrg) -> None:
    scripted.login_answer = Answer(body=body)
    with session_of(scripted.url) as session, pytest.raises((SalesforceLoginFailed, SalesforceUnavailable)):
        authorize(
            settings_of(scripted.url), {"client_id": "app"}, code="c", verifier=VERIFIER, redirect_uri=BACK, session=session
        )


def test_tokens_of_two_users_are_told_apart_although_nothing_else_differs() -> None:
    one, other = (fingerprint(settings_of("https://a.example.com"), {"client_id": "c", "refresh_token": token}) for token in "ab")
    assert one != other
    assert "secret" not in repr(Grant("secret-a", "https://x", "secret-b"))


def test_an_authorisation_needs_a_state_and_a_long_verifier() -> None:
    for state, verifier in (("", VERIFIER), ("s", "short")):
        with pytest.raises(InvalidInput):
            authorize_url("https://login.salesforce.com", client_id="c", redirect_uri=BACK, state=state, verifier=verifier)


def test_an_app_that_the_org_does_not_know_is_refused(simulator: SalesforceSimulator) -> None:
    url = authorize_url(simulator.url, client_id="other", redirect_uri=BACK, state="s", verifier=VERIFIER)
    assert requests.get(url, allow_redirects=False, timeout=10).status_code == 400
