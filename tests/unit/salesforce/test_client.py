"""Reading: describe, queries, retrieve, limits, the user; the quota guard; and which error each refusal becomes."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from local.salesforce.simulator import SalesforceSimulator
from tests.unit.salesforce.conftest import connected
from tests.unit.salesforce.scripted import Answer, ScriptedOrg
from waybill.errors import (
    InvalidInput,
    SalesforceDenied,
    SalesforceError,
    SalesforceLoginFailed,
    SalesforceQueryTooLarge,
    SalesforceQuotaExhausted,
    SalesforceRequestInvalid,
    SalesforceUnavailable,
)
from waybill.salesforce import soql
from waybill.salesforce.client import SalesforceClient, Usage

MakeClient = Callable[..., SalesforceClient]


def accounts(simulator: SalesforceSimulator, count: int) -> list[str]:
    return [simulator.org.insert("Account", {"Name": f"Account {n}"}) for n in range(count)]


def test_an_object_is_described_whatever_the_case_of_its_fields(client: SalesforceClient) -> None:
    described = client.describe("DocListEntry__c")
    url = described.field("url__C")
    assert url is not None
    assert (url.name, url.type, url.length, url.updateable) == ("URL__c", "url", 255, True)
    account = described.field("Account__c")
    assert account is not None
    assert account.referenceTo == ("Account",)
    assert described.field("Nothing__c") is None
    assert (described.name, described.updateable, described.queryable) == ("DocListEntry__c", True, True)


def test_a_hidden_field_is_missing_and_a_hidden_object_is_denied(
    simulator: SalesforceSimulator, client: SalesforceClient
) -> None:
    simulator.org.permissions.hidden_fields = {"DocListEntry__c.URL__c"}
    assert client.describe("DocListEntry__c").field("URL__c") is None
    with pytest.raises(SalesforceDenied, match=r"no object Nothing__c.*NOT_FOUND"):
        client.describe("Nothing__c")


def test_a_query_follows_its_pages_only_as_they_are_read(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    ids = accounts(simulator, 4_100)
    rows = client.query("SELECT Id, Name FROM Account ORDER BY Id")
    assert client.calls == {}
    assert next(rows) == {"Id": ids[0], "Name": "Account 0"}
    assert client.calls["query"] == 1
    assert [row["Id"] for row in rows] == ids[1:]
    assert client.calls == {"login": 1, "query": 3}


def test_a_page_is_one_call(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    accounts(simulator, 2_001)
    assert len(client.query_page("SELECT Id FROM Account")) == 2_000
    assert client.calls["query"] == 1


def test_deleted_rows_are_seen_when_asked_for(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    one, two = accounts(simulator, 2)
    simulator.org.delete("Account", one)
    query = "SELECT Id, IsDeleted FROM Account ORDER BY Id"
    assert [row["Id"] for row in client.query(query)] == [two]
    assert [(row["Id"], row["IsDeleted"]) for row in client.query(query, all_rows=True)] == [(one, True), (two, False)]
    assert len(client.query_page(query, all_rows=True)) == 2


def test_rows_and_their_parents_come_without_attributes(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    (account,) = accounts(simulator, 1)
    simulator.org.insert("DocListEntry__c", {"Name": "a.pdf", "Account__c": account})
    query = "SELECT Name, Account__r.Name FROM DocListEntry__c"
    assert client.query_page(query) == [{"Name": "a.pdf", "Account__r": {"Name": "Account 0"}}]


@pytest.mark.parametrize("name", ["O'Neil \\ Sons", 'say "hi"', "a+b & c=d#e?", "Ünïcödé 日本", "tab\tline\nend", "100%_x"])
def test_a_value_finds_its_record_through_the_whole_way(
    simulator: SalesforceSimulator, client: SalesforceClient, name: str
) -> None:
    accounts(simulator, 3)
    found = simulator.org.insert("Account", {"Name": name})
    query = soql.select(["Id"], "Account", where=f"Name = {soql.literal(name)}")
    assert client.query_page(query) == [{"Id": found}]


def test_a_query_too_long_for_a_url_is_refused_before_it_is_sent(client: SalesforceClient) -> None:
    names = soql.literals(f"{n:0100}" for n in range(200))
    with pytest.raises(SalesforceRequestInvalid, match="fewer values"):
        client.query_page(f"SELECT Id FROM Account WHERE Name IN {names}")
    assert client.calls == {}


def test_the_tooling_api_is_asked_apart(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    simulator.org.add_validation_rule("Account", "Never", lambda _: None)
    assert client.tooling_query("SELECT ValidationName FROM ValidationRule") == [{"ValidationName": "Never"}]
    assert client.calls["tooling"] == 1


def test_records_are_retrieved_in_order_any_number_of_them(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    ids = accounts(simulator, 2_500)
    simulator.org.delete("Account", ids[7])
    asked = [*reversed(ids), ids[0][:15], ids[3]]
    rows = client.retrieve("Account", asked, ["Name"])
    assert client.calls["retrieve"] == 2
    assert [None if row is None else row["Id"] for row in rows] == [
        None if one == ids[7] else one for one in [*reversed(ids), ids[0], ids[3]]
    ]
    assert rows[-1] == {"Id": ids[3], "Name": "Account 3"}
    assert client.retrieve("Account", [], ["Name"]) == []


def test_reading_writes_nothing(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    (account,) = accounts(simulator, 1)
    client.describe("Account")
    list(client.query("SELECT Id FROM Account"))
    client.retrieve("Account", [account], ["Name"])
    client.limits()
    client.user_info()
    assert simulator.calls.write_count == 0
    assert client.calls == {"login": 1, "describe": 1, "query": 1, "retrieve": 1, "limits": 1, "identity": 1}


def test_who_is_logged_in(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    user = client.user_info()
    assert user.id == simulator.org.api_user_id
    assert user.username == "waybill@example.com"
    assert user.organization_id == simulator.org.organization_id
    assert "Integration" in user.name


def test_an_expired_session_is_renewed_for_the_identity_service_too(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    who = {"user_id": "005000000000000AAA", "organization_id": "00D000000000062EAA", "name": "W", "preferred_username": "w@x"}
    scripted.answers = [Answer(403, b"Bad_OAuth_Token", {"Content-Type": "text/html"}), Answer(body=who)]
    assert to_scripted().user_info().id == "005000000000000AAA"
    assert len(scripted.logins) == 2


def test_a_reply_without_a_user_says_what_to_do(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    scripted.answers = [Answer(body={"sub": "x"})]
    with pytest.raises(SalesforceError, match="scopes"):
        to_scripted().user_info()


def test_the_orgs_time_is_that_of_its_clock() -> None:
    fixed = datetime(2026, 11, 21, 12, 0, 1, 999_000, tzinfo=UTC)
    with SalesforceSimulator(clock=lambda: fixed) as simulator:
        client = connected(simulator)
        client.limits()
        assert client.org_time == fixed.replace(microsecond=0)


# -- quota ------------------------------------------------------------------------------------------------------------


def used(count: int, limit: int = 1000) -> Answer:
    return Answer(200, {"totalSize": 0, "done": True, "records": []}, {"Sforce-Limit-Info": f"api-usage={count}/{limit}"})


def test_usage_is_told_by_limits(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    simulator.api_used = 41
    assert client.limits() == client.usage == Usage(42, simulator.api_limit)


def test_the_guard_stops_before_the_orgs_limit(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    scripted.answers = [used(799), used(800)]
    client = to_scripted(quota_guard=0.8)
    client.query_page("SELECT Id FROM Account")
    client.query_page("SELECT Id FROM Account")
    with pytest.raises(SalesforceQuotaExhausted, match=r"used 800 of its 1000 API calls.*80%"):
        client.query_page("SELECT Id FROM Account")
    with pytest.raises(SalesforceQuotaExhausted):
        client.update("Account", [{"Id": "001000000000000AAA", "Name": "x"}])
    assert len(scripted.asked) == 2


def test_limits_can_be_read_beyond_the_guard(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    scripted.answers = [used(900), Answer(body={"DailyApiRequests": {"Max": 1000, "Remaining": 100}})]
    client = to_scripted(quota_guard=0.8)
    client.query_page("SELECT Id FROM Account")
    assert client.limits() == Usage(900, 1000)


def test_a_container_that_was_stopped_by_the_guard_goes_on_once_calls_have_aged(
    scripted: ScriptedOrg, to_scripted: MakeClient
) -> None:
    now = [0.0]
    scripted.answers = [used(900), Answer(body={"DailyApiRequests": {"Max": 1000, "Remaining": 600}}), used(401)]
    client = to_scripted(quota_guard=0.8, monotonic=lambda: now[0])
    client.query_page("SELECT Id FROM Account")
    with pytest.raises(SalesforceQuotaExhausted):
        client.query_page("SELECT Id FROM Account")
    now[0] = 3600.0
    client.query_page("SELECT Id FROM Account")
    assert client.calls == {"login": 1, "query": 2, "limits": 1}


def test_a_user_who_may_not_see_limits_is_judged_by_the_header(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    scripted.answers = [Answer(200, {}, {"Sforce-Limit-Info": "api-usage=5/10"})]
    assert to_scripted().limits() == Usage(5, 10)


# -- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "becomes"),
    [
        (403, "REQUEST_LIMIT_EXCEEDED", SalesforceQuotaExhausted),
        (503, "REQUEST_LIMIT_EXCEEDED", SalesforceQuotaExhausted),
        (400, "QUERY_TIMEOUT", SalesforceQueryTooLarge),
        (500, "QUERY_TOO_COMPLICATED", SalesforceQueryTooLarge),
        (400, "INVALID_FIELD", SalesforceRequestInvalid),
        (400, "INVALID_TYPE", SalesforceRequestInvalid),
        (400, "MALFORMED_QUERY", SalesforceRequestInvalid),
        (403, "INSUFFICIENT_ACCESS", SalesforceDenied),
        (403, "INSUFFICIENT_ACCESS_OR_READONLY", SalesforceDenied),
        (403, "API_DISABLED_FOR_ORG", SalesforceDenied),
        (400, "UNABLE_TO_LOCK_ROW", SalesforceUnavailable),
        (503, "ANYTHING", SalesforceUnavailable),
        (404, "NOT_FOUND", SalesforceError),
        (400, "INVALID_QUERY_LOCATOR", SalesforceError),
        (401, "INVALID_SESSION_ID", SalesforceLoginFailed),
    ],
)
def test_each_refusal_becomes_the_error_that_a_state_machine_knows(
    status: int, code: str, becomes: type[SalesforceError], scripted: ScriptedOrg, to_scripted: MakeClient
) -> None:
    scripted.answers = [Answer(status, [{"errorCode": code, "message": "the org's own words"}])]
    with pytest.raises(SalesforceError, match=f"{code}: the org's own words") as caught:
        to_scripted(tries=2).query_page("SELECT Id FROM Account")
    assert type(caught.value) is becomes


def test_a_refusal_that_is_a_page_is_told_as_such(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    scripted.answers = [Answer(414, b"<html><b>URI too long</b></html>", {"Content-Type": "text/html"})]
    with pytest.raises(SalesforceError, match=r"HTTP 414: It answered with a page instead of JSON\.") as caught:
        to_scripted().query_page("SELECT Id FROM Account")
    assert "<" not in str(caught.value)


def test_names_are_checked_before_anything_is_sent(client: SalesforceClient) -> None:
    for call in (
        lambda: client.describe("Account/../User"),
        lambda: client.retrieve("Account", ["001000000000000AAA"], ["Name FROM User"]),
        lambda: client.retrieve("Account?", ["001000000000000AAA"], ["Name"]),
        lambda: client.retrieve("Account", ["nonsense"], ["Name"]),
        lambda: client.update("Account", [{"Id": "001000000000000AAA", "Na me": "x"}]),
    ):
        with pytest.raises(InvalidInput):
            call()
    assert client.calls == {}


def test_no_secret_is_in_a_message_a_repr_or_a_log(
    scripted: ScriptedOrg, to_scripted: MakeClient, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    client = to_scripted(tries=2)
    seen = [repr(client), str(client), repr(vars(client))]
    html = {"Content-Type": "text/html"}
    with caplog.at_level(logging.DEBUG):
        for answer in (
            Answer(401, [{"errorCode": "INVALID_SESSION_ID", "message": "expired"}]),
            Answer(503, b"<html>", html),
            Answer(400, [{"errorCode": "MALFORMED_QUERY", "message": "unexpected token"}]),
            Answer(drop=True),
        ):
            scripted.answers = [answer]
            with pytest.raises(SalesforceError) as caught:
                client.query_page("SELECT Id FROM Account")
            seen += [str(caught.value), repr(caught.value), str(caught.getrepr(style="native"))]
    sent = [asked.headers["Authorization"] for asked in scripted.asked]
    assert all(header.startswith("Bearer canary-token-") for header in sent)
    printed = capsys.readouterr()
    everything = "\n".join([*seen, caplog.text, printed.out, printed.err])
    assert "canary" not in everything
    assert "Bearer" not in everything
