"""Logging in, with simple-salesforce itself and by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceMalformedRequest


def key_pair() -> tuple[str, str]:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    secret = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    public = (
        private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    )
    return secret, public


def by_client_credentials(salesforce: Any, session: requests.Session) -> Any:  # Any: objects are attributes made on demand
    return Salesforce(
        consumer_key=salesforce.client_id,
        consumer_secret=salesforce.client_secret,
        domain="waybill.my",
        version="66.0",
        session=session,
    )


def test_simple_salesforce_works_after_a_login_by_client_credentials(salesforce: Any, session: requests.Session) -> None:
    org = by_client_credentials(salesforce, session)
    created = org.Account.create({"Name": "Acme"})
    org.DocListEntry__c.create({"Name": "a.pdf", "Account__c": created["id"]})
    assert org.Account.update(created["id"], {"Phone": "1"}) == 204
    assert org.Account.upsert("Legacy_Id__c/x1", {"Name": "by key"}) == 201
    assert org.Account.get_by_custom_id("Legacy_Id__c", "x1")["Name"] == "by key"
    assert [row["Name"] for row in org.query_all("SELECT Name FROM Account ORDER BY Name")["records"]] == ["Acme", "by key"]
    assert {entry["name"] for entry in org.describe()["sobjects"]} >= {"Account", "DocListEntry__c", "User"}
    assert any(field["name"] == "URL__c" for field in org.DocListEntry__c.describe()["fields"])
    start, end = datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)
    assert len(org.Account.updated(start, end)["ids"]) == 2
    assert org.api_usage["api-usage"].total == 100_000
    assert org.is_sandbox() is True
    assert (
        org.restful("composite/sobjects/Account", method="POST", json={"ids": [created["id"]], "fields": ["Phone"]})[0]["Phone"]
        == "1"
    )
    assert org.oauth2("userinfo")["preferred_username"] == "waybill@example.com"
    assert org.toolingexecute("query/?q=SELECT+Id+FROM+ApexTrigger")["size"] == 0
    with pytest.raises(SalesforceMalformedRequest, match="MALFORMED_QUERY"):
        org.query("SELECT nonsense")
    assert org.Account.delete(created["id"]) == 204


def test_simple_salesforce_follows_the_pages_of_a_long_result(salesforce: Any, session: requests.Session) -> None:
    for number in range(2_005):
        salesforce.org.insert("Account", {"Name": f"{number}"})
    org = by_client_credentials(salesforce, session)
    assert sum(1 for _ in org.query_all_iter("SELECT Id FROM Account")) == 2_005


def test_a_jwt_is_accepted_only_with_the_right_signature(salesforce: Any, session: requests.Session) -> None:
    (private, public), (other, _) = key_pair(), key_pair()
    salesforce.set_public_key(public)
    about: dict[str, Any] = {
        "username": "waybill@example.com",
        "consumer_key": salesforce.client_id,
        "session": session,
        "version": "66.0",
    }
    org: Any = Salesforce(privatekey=private, **about)
    assert org.query("SELECT COUNT() FROM Account")["totalSize"] == 0
    with pytest.raises(SalesforceAuthenticationFailed, match="invalid assertion"):
        Salesforce(**{**about, "privatekey": other})
    with (
        pytest.warns(UserWarning, match="self-authorize"),
        pytest.raises(SalesforceAuthenticationFailed, match="hasn't approved"),
    ):
        Salesforce(**{**about, "privatekey": private, "username": "nobody@example.com"})


def test_an_expired_jwt_is_refused(salesforce: Any, client: Any) -> None:
    private, public = key_pair()
    salesforce.set_public_key(public)
    claims = {"iss": salesforce.client_id, "sub": "waybill@example.com", "aud": "https://login.salesforce.com"}
    # Long ago by any clock.
    assertion = jwt.encode({**claims, "exp": datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=3)}, private, algorithm="RS256")
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
    reply = client.call("POST", "/services/oauth2/token", data=form)
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "client_credentials", "client_secret": "wrong"}, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": "wrong"}, "invalid_client_id"),
        ({"grant_type": "password", "username": "u", "password": "p"}, "unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "nonsense"}, "invalid_grant"),
    ],
)
def test_a_wrong_login_is_refused_by_name(salesforce: Any, client: Any, form: dict[str, str], error: str) -> None:
    known = {"client_id": salesforce.client_id, "client_secret": salesforce.client_secret}
    reply = client.call("POST", "/services/oauth2/token", data={**known, **form})
    assert (reply.status_code, reply.json()["error"]) == (400, error)


def test_a_token_names_where_the_org_is(salesforce: Any, client: Any) -> None:
    form = {"grant_type": "client_credentials", "client_id": salesforce.client_id, "client_secret": salesforce.client_secret}
    body = client.call("POST", "/services/oauth2/token", data=form).json()
    assert body.keys() >= {"access_token", "instance_url", "id", "token_type", "issued_at", "signature"}
    assert (body["instance_url"], body["token_type"]) == (salesforce.url, "Bearer")


def test_soap_login_works_until_version_65(salesforce: Any, session: requests.Session) -> None:
    about: dict[str, Any] = {
        "username": "waybill@example.com",
        "password": "simulator-password",
        "security_token": "simulatortoken",
        "session": session,
    }
    org: Any = Salesforce(**about, version="64.0")
    assert org.query("SELECT COUNT() FROM Account")["totalSize"] == 0
    with pytest.raises(SalesforceAuthenticationFailed, match="INVALID_OPERATION"):
        Salesforce(**about, version="65.0")
    with pytest.raises(SalesforceAuthenticationFailed, match="INVALID_LOGIN"):
        Salesforce(**{**about, "password": "wrong"}, version="64.0")


def test_no_call_is_answered_without_a_session(salesforce: Any, client: Any) -> None:
    client.http.headers["Authorization"] = "Bearer nonsense"
    reply = client.call("GET", "limits/")
    assert (reply.status_code, reply.json()) == (
        401,
        [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}],
    )
