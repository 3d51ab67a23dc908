"""Connections to orgs: logged in to before they are kept, their secrets kept apart, and a browser's way in that is good once."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import requests

from local.salesforce.simulator import SalesforceSimulator
from tests.unit.api.conftest import Reply, Stack
from waybill.runs.model import RunStatus
from waybill.settings import environ

ORGS = "/api/config/orgs"
CALLBACK = "http://localhost:8976/callback"
LOAD = {"kind": "load", "mode": "dry_run", "input": "inbox/0123456789abcdef/plan.zip"}


@pytest.fixture
def org(stack: Stack) -> Iterator[SalesforceSimulator]:
    """The stage's own org is a simulator, so that others may be; this is another one."""
    config = json.loads(environ.get()["WAYBILL_CONFIG"])
    config["salesforce"]["login_url"] = "http://127.0.0.1:1"
    token = environ.set({**environ.get(), "WAYBILL_CONFIG": json.dumps(config)})
    with SalesforceSimulator() as simulator:
        yield simulator
    environ.reset(token)


def body(org: SalesforceSimulator, name: str = "uat", **changed: Any) -> dict[str, Any]:
    credentials = {"client_id": org.client_id, "client_secret": org.client_secret}
    return {"name": name, "login_url": org.url, "auth": "client_credentials", "credentials": credentials, **changed}


def by_browser(org: SalesforceSimulator, stack: Stack, **changed: Any) -> dict[str, Any]:
    """Adds an org that waits for a browser; the URL for it, taken apart."""
    given = {"auth": "refresh_token", "credentials": {"client_id": org.client_id}, **changed}
    assert stack.ask("POST", ORGS, body(org, **given)).json["connected"] is False
    return begun(stack)


def begun(stack: Stack) -> dict[str, Any]:
    reply = stack.ask("POST", f"{ORGS}/uat/authorize", {"redirect_uri": CALLBACK})
    assert reply.status == 200, reply.text
    back = urlsplit(requests.get(reply.json["authorize_url"], allow_redirects=False, timeout=10).headers["Location"])
    return {name: values[0] for name, values in parse_qs(back.query).items()}


def kept() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        boto3.client("secretsmanager").get_secret_value(SecretId="waybill-test/orgs/uat/login")["SecretString"]
    )
    return found


def everything(stack: Stack) -> str:
    """What the table and the replies to a viewer hold."""
    items = boto3.client("dynamodb").scan(TableName="waybill")["Items"]
    return json.dumps(items) + stack.ask("GET", ORGS, groups="[viewer]").text + stack.ask("GET", "/api/audit?day=2026-11-21").text


def test_an_org_is_logged_in_to_and_says_what_it_is(stack: Stack, org: SalesforceSimulator) -> None:
    reply = stack.ask("POST", ORGS, body(org))
    assert (reply.status, reply.headers["Location"]) == (201, f"{ORGS}/uat")
    own, uat = stack.ask("GET", ORGS, groups="[viewer]").json["items"]
    assert (own["name"], own["own"]) == ("default", True)
    assert uat == stack.ask("GET", f"{ORGS}/uat").json == reply.json
    told = {"kind": "sandbox", "production": False, "connected": True, "organization": "Waybill Simulator", "saved_by": "ana"}
    assert uat | told == uat
    assert uat["organization_id"] == org.org.organization_id


def test_no_secret_is_in_the_table_in_a_reply_or_in_the_audit(stack: Stack, org: SalesforceSimulator) -> None:
    org.sessions.client_secret = "CANARY-client-secret"
    back = by_browser(org, stack, credentials={"client_id": org.client_id, "client_secret": "CANARY-client-secret"})
    assert stack.ask("POST", f"{ORGS}/uat/callback", back).status == 200
    secrets = [*kept().values(), *back.values()]
    assert kept()["client_secret"] == "CANARY-client-secret"
    told = everything(stack)
    assert [secret for secret in secrets if secret in told and secret != org.client_id] == []
    assert '"POST /api/config/orgs"' in told


def test_an_org_that_cannot_be_logged_in_to_is_not_kept(stack: Stack, org: SalesforceSimulator) -> None:
    wrong = body(org, credentials={"client_id": org.client_id, "client_secret": "CANARY-wrong"})
    reply = stack.ask("POST", ORGS, wrong)
    assert (reply.status, reply.json["class"]) == (422, "SalesforceLoginFailed")
    assert "CANARY" not in reply.text
    assert [each["name"] for each in stack.ask("GET", ORGS).json["items"]] == ["default"]
    assert boto3.client("secretsmanager").list_secrets()["SecretList"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "UAT"},
        {"name": "default"},
        {"login_url": "https://login.example.com"},
        {"login_url": "http://login.salesforce.com"},
        {"login_url": "https://me:pass@login.salesforce.com"},
        {"login_url": "http://169.254.169.254"},
        {"login_url": "ftp://login.salesforce.com"},
        {"auth": "guessing"},
        {"auth": "jwt_bearer"},
        {"auth": "refresh_token", "credentials": {}},
        {"credentials": {"client_id": "a", "colour": "red"}},
        {"kind": "production?"},
    ],
)
def test_what_is_no_org_is_refused(stack: Stack, org: SalesforceSimulator, wrong: dict[str, Any]) -> None:
    assert stack.ask("POST", ORGS, body(org, **wrong)).status == 422
    assert len(org.calls) == 0


def test_credentials_are_sent_to_salesforce_only(stack: Stack) -> None:
    """A stage whose own org is a real one sends nothing to this machine."""
    with SalesforceSimulator() as simulator:
        reply = stack.ask("POST", ORGS, body(simulator))
        assert (reply.status, len(simulator.calls)) == (422, 0)
    assert "no address of Salesforce" in reply.json["detail"]


def test_an_org_that_is_none_of_test_is_never_taken_for_one(stack: Stack, org: SalesforceSimulator) -> None:
    row = org.org.table("Organization").get(org.org.organization_id[:15])
    assert row is not None
    row.update(IsSandbox=False, OrganizationType="Enterprise Edition")
    reply = stack.ask("POST", ORGS, body(org, kind="sandbox"))
    assert (reply.status, "says that it is none" in reply.text) == (422, True)
    assert stack.ask("POST", ORGS, body(org)).json["production"] is True


def test_what_was_declared_production_stays_so(stack: Stack, org: SalesforceSimulator) -> None:
    assert stack.ask("POST", ORGS, body(org, kind="production")).json["production"] is True
    assert stack.ask("POST", f"{ORGS}/uat/test").json["production"] is True
    assert stack.ask("PUT", f"{ORGS}/uat", {"kind": "sandbox"}).json["production"] is False


def test_the_org_behind_a_name_stays_the_same(stack: Stack, org: SalesforceSimulator) -> None:
    stack.ask("POST", ORGS, body(org))
    with SalesforceSimulator(number=2) as other:
        given = body(other)
        del given["name"]
        reply = stack.ask("PUT", f"{ORGS}/uat", given)
    assert (reply.status, "add it under a name of its own" in reply.text) == (422, True)
    assert kept()["client_secret"] == org.client_secret
    assert stack.ask("GET", f"{ORGS}/uat").json["login_url"] == org.url


def test_new_credentials_are_tried_and_kept(stack: Stack, org: SalesforceSimulator) -> None:
    stack.ask("POST", ORGS, body(org))
    org.sessions.client_secret = "another"
    wrong = {"credentials": {"client_id": org.client_id, "client_secret": "a third"}}
    assert stack.ask("PUT", f"{ORGS}/uat", wrong).status == 422
    right = {"credentials": {"client_id": org.client_id, "client_secret": "another"}}
    assert stack.ask("PUT", f"{ORGS}/uat", right).status == 200
    assert kept()["client_secret"] == "another"


def test_an_org_is_there_once_and_gone_with_its_secret(stack: Stack, org: SalesforceSimulator) -> None:
    assert [stack.ask("POST", ORGS, body(org)).status for _ in range(2)] == [201, 409]
    assert stack.ask("DELETE", f"{ORGS}/uat").json == {"removed": "uat"}
    assert boto3.client("secretsmanager").list_secrets()["SecretList"] == []
    statuses = [stack.ask(method, f"{ORGS}/uat").status for method in ("GET", "DELETE")]
    assert statuses == [404, 404]
    assert stack.ask("POST", ORGS, body(org)).status == 201


def test_the_stages_own_org_is_not_changed_here(stack: Stack) -> None:
    replies = [
        stack.ask("PUT", f"{ORGS}/default", {}),
        stack.ask("DELETE", f"{ORGS}/default"),
        stack.ask("POST", f"{ORGS}/default/authorize", {"redirect_uri": CALLBACK}),
    ]
    assert [reply.status for reply in replies] == [422, 422, 422]


@pytest.mark.parametrize("status", [RunStatus.RUNNING, RunStatus.PAUSED])
def test_an_org_that_a_run_is_at_stays(stack: Stack, org: SalesforceSimulator, status: RunStatus) -> None:
    stack.ask("POST", ORGS, body(org))
    stack.run("load-1", status=status, options={"load": {"input": LOAD["input"]}, "org": "uat"})
    replies = [stack.ask("DELETE", f"{ORGS}/uat"), stack.ask("PUT", f"{ORGS}/uat", {"kind": "production"})]
    assert [(reply.status, "load-1" in reply.text) for reply in replies] == [(409, True)] * 2


# -- the browser's way in --------------------------------------------------------------------------------------------------


def ended(stack: Stack, back: dict[str, Any], **more: Any) -> Reply:
    return stack.ask("POST", f"{ORGS}/uat/callback", back, **more)


def test_a_person_lets_waybill_in_by_browser_once(stack: Stack, org: SalesforceSimulator) -> None:
    back = by_browser(org, stack)
    assert stack.ask("POST", "/api/runs", {**LOAD, "org": "uat"}).status == 422
    done = ended(stack, back)
    assert (done.status, done.json["connected"], done.json["organization_id"]) == (200, True, org.org.organization_id)
    assert set(kept()) == {"client_id", "refresh_token"}
    assert ended(stack, back).status == 422
    assert stack.ask("POST", f"{ORGS}/uat/test").status == 200
    assert stack.ask("POST", "/api/runs", {**LOAD, "org": "uat"}).status == 202


def test_what_another_user_began_is_not_ended_by_this_one(stack: Stack, org: SalesforceSimulator) -> None:
    back = by_browser(org, stack)
    assert ended(stack, back, user="bob").status == 422
    assert ended(stack, {**back, "state": "x"}).status == 422
    assert ended(stack, back).status == 200


def test_an_authorisation_ends_after_ten_minutes_and_with_the_next(stack: Stack, org: SalesforceSimulator) -> None:
    first = by_browser(org, stack)
    second = begun(stack)
    assert ended(stack, first).status == 422
    stack.now = stack.now.replace(minute=stack.now.minute + 11)
    assert ended(stack, second).status == 422


def test_a_code_that_the_org_does_not_know_leaves_what_was(stack: Stack, org: SalesforceSimulator) -> None:
    ended(stack, by_browser(org, stack))
    before = kept()["refresh_token"]
    reply = ended(stack, {**begun(stack), "code": "CANARY-code"})
    assert (reply.status, "CANARY" in reply.text) == (422, False)
    assert kept()["refresh_token"] == before
    assert stack.ask("POST", f"{ORGS}/uat/test").json["connected"] is True


@pytest.mark.parametrize(
    "uri", ["http://example.com/back", "https://me@example.com/back", "https://example.com/back#x", "javascript:1"]
)
def test_a_browser_is_sent_back_to_a_safe_place_only(stack: Stack, org: SalesforceSimulator, uri: str) -> None:
    by_browser(org, stack)
    assert stack.ask("POST", f"{ORGS}/uat/authorize", {"redirect_uri": uri}).status == 422


def test_an_org_that_needs_no_browser_begins_nothing(stack: Stack, org: SalesforceSimulator) -> None:
    stack.ask("POST", ORGS, body(org))
    assert stack.ask("POST", f"{ORGS}/uat/authorize", {"redirect_uri": CALLBACK}).status == 422


# -- loads -----------------------------------------------------------------------------------------------------------------


def test_a_load_names_its_org(stack: Stack, org: SalesforceSimulator) -> None:
    stack.ask("POST", ORGS, body(org))
    view = stack.ask("POST", "/api/runs", {**LOAD, "org": "uat"}, headers={"Idempotency-Key": "load-to-uat"})
    assert view.status == 202
    (execution,) = stack.sfn.list_executions(stateMachineArn=stack.machines["load"])["executions"]
    given = json.loads(stack.sfn.describe_execution(executionArn=execution["executionArn"])["input"])
    assert (given["org"], given["load"]) == ("uat", {"input": LOAD["input"], "allow_delete": False})


@pytest.mark.parametrize("route", ["/api/runs", "/api/data/sync"])
def test_a_sync_reads_the_org_that_it_names_once_waybill_was_let_in(stack: Stack, org: SalesforceSimulator, route: str) -> None:
    wanted = {"kind": "sync", "workbook": "prices", "objects": ["Product2"], "org": "uat"}
    assert stack.ask("POST", route, wanted).status == 404
    back = by_browser(org, stack)
    refused = stack.ask("POST", route, wanted)
    assert (refused.status, "waybill orgs login uat" in refused.text) == (422, True)
    ended(stack, back)
    begun = stack.ask("POST", route, wanted, headers={"Idempotency-Key": "sync-of-uat"})
    assert (begun.status, begun.json["org"]) == (202, "uat")
    (execution,) = stack.sfn.list_executions(stateMachineArn=stack.machines["sync"])["executions"]
    given = json.loads(stack.sfn.describe_execution(executionArn=execution["executionArn"])["input"])
    assert (given["org"], given["sync"]) == ("uat", {"workbook": "prices", "objects": ["Product2"], "replace": False})


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"org": "nowhere"}, 404),
        ({"from_org": "nowhere"}, 404),
        ({"from_org": "default"}, 422),
        ({"org": "uat", "from_org": "uat"}, 422),
        ({"org": "default"}, 202),
        ({"org": "default", "from_org": "uat"}, 202),
        ({"org": "No Name"}, 422),
    ],
)
def test_orgs_that_do_not_go_together_are_refused(
    stack: Stack, org: SalesforceSimulator, more: dict[str, Any], status: int
) -> None:
    stack.ask("POST", ORGS, body(org))
    assert stack.ask("POST", "/api/runs", {**LOAD, **more}).status == status
