"""Each way to log in, and what is said when it fails."""

import warnings
from collections.abc import Mapping

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local.salesforce.simulator import SalesforceSimulator
from tests.unit.salesforce.conftest import Waits
from tests.unit.salesforce.scripted import Answer, ScriptedOrg
from waybill.errors import ConfigurationError, SalesforceLoginFailed, SalesforceQuotaExhausted, SalesforceUnavailable
from waybill.salesforce.auth import _arguments, fingerprint
from waybill.salesforce.client import SalesforceClient
from waybill.salesforce.connect import connect
from waybill.salesforce.token_cache import MemoryTokenCache
from waybill.settings import AuthFlow, SalesforceSettings

CANARY = "canary-7d1f"


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*form).decode()


def client_of(url: str, flow: AuthFlow, secret: Mapping[str, str], *, version: str = "66.0") -> SalesforceClient:
    settings = SalesforceSettings(login_url=url, auth=flow, api_version=version)
    return connect(settings, secret, cache=MemoryTokenCache(), sleep=Waits(), random=lambda: 0.0)


def test_client_credentials(simulator: SalesforceSimulator) -> None:
    secret = {"client_id": simulator.client_id, "client_secret": simulator.client_secret}
    assert client_of(simulator.url, AuthFlow.CLIENT_CREDENTIALS, secret).limits().limit == simulator.api_limit


@pytest.mark.parametrize("line_break", ["\n", "\\n"])
def test_jwt_bearer(simulator: SalesforceSimulator, key: rsa.RSAPrivateKey, line_break: str) -> None:
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    simulator.set_public_key(public.decode())
    secret = {
        "client_id": simulator.client_id,
        "username": simulator.sessions.username,
        "private_key": pem(key).replace("\n", line_break),
    }
    assert client_of(simulator.url, AuthFlow.JWT_BEARER, secret).limits().limit == simulator.api_limit


@pytest.mark.parametrize("with_token", [True, False])
@pytest.mark.parametrize("version", ["66.0", "59.0"])
def test_soap_where_the_org_still_has_it(simulator: SalesforceSimulator, *, with_token: bool, version: str) -> None:
    simulator.sessions.password = "a<b>&'c"
    token = {"security_token": simulator.sessions.security_token} if with_token else {}
    secret = {"username": simulator.sessions.username, "password": "a<b>&'c", **token}
    assert client_of(simulator.url, AuthFlow.SOAP_PASSWORD, secret, version=version).limits().limit == simulator.api_limit


def test_wrong_client_secret_says_what_to_check(simulator: SalesforceSimulator) -> None:
    client = client_of(simulator.url, AuthFlow.CLIENT_CREDENTIALS, {"client_id": simulator.client_id, "client_secret": CANARY})
    with pytest.raises(SalesforceLoginFailed, match=r"invalid_client: .*Check client_secret") as caught:
        client.limits()
    assert CANARY not in str(caught.value)
    assert client.calls == {"login": 1}


def test_an_unapproved_user_is_told_so_and_the_library_does_not_warn(
    simulator: SalesforceSimulator, key: rsa.RSAPrivateKey
) -> None:
    secret = {"client_id": simulator.client_id, "username": "other@example.com", "private_key": pem(key)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(SalesforceLoginFailed, match=r"user hasn't approved this consumer.*connected app is approved"):
            client_of(simulator.url, AuthFlow.JWT_BEARER, secret).limits()


def test_a_wrong_password_is_told(simulator: SalesforceSimulator) -> None:
    secret = {"username": simulator.sessions.username, "password": CANARY, "security_token": CANARY}
    client = client_of(simulator.url, AuthFlow.SOAP_PASSWORD, secret)
    with pytest.raises(
        SalesforceLoginFailed, match=r"INVALID_LOGIN: Invalid username, password.*security_token in the secret"
    ) as caught:
        client.limits()
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "private_key", [f"{CANARY} no key at all", "", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
)
def test_a_key_that_is_none_is_reported_without_it(private_key: str, scripted: ScriptedOrg) -> None:
    secret = {"client_id": "app", "username": "u", "private_key": private_key}
    with pytest.raises((SalesforceLoginFailed, ConfigurationError), match="private_key") as caught:
        client_of(scripted.url, AuthFlow.JWT_BEARER, secret).limits()
    assert CANARY not in str(caught.value)
    assert scripted.logins == []


@pytest.mark.parametrize("flow", AuthFlow)
def test_an_incomplete_secret_names_what_is_missing(flow: AuthFlow, scripted: ScriptedOrg) -> None:
    missing = {"jwt_bearer": "client_id, username, private_key", "client_credentials": "client_id, client_secret"}
    missing["refresh_token"] = "client_id, refresh_token"
    with pytest.raises(ConfigurationError, match=missing.get(flow.value, "username, password")):
        client_of(scripted.url, flow, {}).limits()


def test_client_credentials_need_the_orgs_own_address() -> None:
    with pytest.raises(ConfigurationError, match="own address as login_url"):
        _arguments(SalesforceSettings(auth=AuthFlow.CLIENT_CREDENTIALS), {"client_id": "a", "client_secret": "b"})


@pytest.mark.parametrize(
    ("login_url", "audience", "sent_to"),
    [
        ("https://login.salesforce.com", "login", "login"),
        ("https://test.salesforce.com", "test", "test"),
        ("https://acme.my.salesforce.com", "login", "acme.my"),
        ("https://acme--dev.sandbox.my.salesforce.com", "test", "acme--dev.sandbox.my"),
    ],
)
def test_a_jwt_is_addressed_to_the_login_host(login_url: str, audience: str, sent_to: str) -> None:
    given = _arguments(SalesforceSettings(login_url=login_url), {"client_id": "a", "username": "u", "private_key": "k"})
    assert (given["domain"], given["instance_url"]) == (audience, sent_to)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {"token_type": "Bearer"}),
        Answer(200, {"access_token": CANARY}),
        Answer(200, {"access_token": "", "instance_url": "https://x.my.salesforce.com"}),
        Answer(200, [CANARY]),
        Answer(401, {"error": "invalid_client", "error_description": f"bad secret {CANARY}"}),
        Answer(400, {"error": "invalid_grant"}),
    ],
)
def test_a_login_without_a_token_failed(answer: Answer, scripted: ScriptedOrg) -> None:
    scripted.login_answer = answer
    client = client_of(scripted.url, AuthFlow.CLIENT_CREDENTIALS, {"client_id": "app", "client_secret": CANARY})
    with pytest.raises(SalesforceLoginFailed) as caught:
        client.limits()
    assert CANARY not in repr(caught.value)
    assert len(scripted.logins) == 1


def soap_fault(code: str, message: str) -> Answer:
    fault = f"<sf:exceptionCode>{code}</sf:exceptionCode><sf:exceptionMessage>{message}</sf:exceptionMessage>"
    envelope = f'<soapenv:Envelope xmlns:soapenv="s" xmlns:sf="f"><soapenv:Body>{fault}</soapenv:Body></soapenv:Envelope>'
    return Answer(500, envelope.encode(), {"Content-Type": "text/xml"})


def test_a_soap_fault_that_quotes_the_password_is_told_without_it(scripted: ScriptedOrg) -> None:
    scripted.login_answer = soap_fault("INVALID_LOGIN", f"wrong: {CANARY}")
    client = client_of(scripted.url, AuthFlow.SOAP_PASSWORD, {"username": "u", "password": CANARY})
    with pytest.raises(SalesforceLoginFailed, match=r"INVALID_LOGIN: wrong: \*\*\*\."):
        client.limits()


def test_a_login_is_repeated_when_the_trouble_may_pass(scripted: ScriptedOrg) -> None:
    scripted.login_answer = Answer(503, b"<html>down</html>", {"Content-Type": "text/html"})
    client = client_of(scripted.url, AuthFlow.CLIENT_CREDENTIALS, {"client_id": "app", "client_secret": CANARY})
    with pytest.raises(SalesforceUnavailable, match="login call after 5 tries"):
        client.limits()


def test_a_login_beyond_the_quota_parks_the_run(scripted: ScriptedOrg) -> None:
    scripted.login_answer = soap_fault("REQUEST_LIMIT_EXCEEDED", "over")
    client = client_of(scripted.url, AuthFlow.SOAP_PASSWORD, {"username": "u", "password": CANARY})
    with pytest.raises(SalesforceQuotaExhausted, match="REQUEST_LIMIT_EXCEEDED: over"):
        client.limits()


def test_a_fingerprint_tells_logins_apart_and_holds_no_secret() -> None:
    settings = SalesforceSettings()
    one = fingerprint(settings, {"client_id": "a", "username": "u", "private_key": "k"})
    assert one == fingerprint(settings, {"client_id": "a", "username": "u", "private_key": "another"})
    others = [
        fingerprint(settings, {"client_id": "a", "username": "v"}),
        fingerprint(settings, {"client_id": "b", "username": "u"}),
        fingerprint(SalesforceSettings(login_url="https://test.salesforce.com"), {"client_id": "a", "username": "u"}),
        fingerprint(SalesforceSettings(auth=AuthFlow.SOAP_PASSWORD), {"client_id": "a", "username": "u"}),
    ]
    assert len({one, *others}) == 5
