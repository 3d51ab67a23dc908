"""Time-outs, retries, counting, and what replies tell besides their body."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NoReturn

import pytest
import requests

from tests.unit.salesforce.conftest import Waits
from tests.unit.salesforce.scripted import Answer, ScriptedOrg
from waybill.errors import ConfigurationError, SalesforceError, SalesforceUnavailable
from waybill.salesforce.client import SalesforceClient, Usage
from waybill.salesforce.patience import Patience
from waybill.salesforce.transport import RewritingAdapter, SalesforceSession, other_host
from waybill.salesforce.usage import Kind, Meter

MakeClient = Callable[..., SalesforceClient]
LIMITS = Answer(body={"DailyApiRequests": {"Max": 100, "Remaining": 80}})
PAGE = Answer(body={"totalSize": 0, "done": True, "records": []})
HTML = {"Content-Type": "text/html"}


def refusal(status: int, code: str, message: str = "the org's words") -> Answer:
    return Answer(status, [{"errorCode": code, "message": message}])


@pytest.mark.parametrize(
    "trouble",
    [
        Answer(503, b"<html>down</html>", HTML),
        Answer(200, b"<html>maintenance</html>", HTML),
        Answer(200, b'{"totalSize": 0, "do', {}),
        Answer(429, [{"errorCode": "TOO_MANY", "message": "slow down"}]),
        Answer(500, [{"errorCode": "UNKNOWN_EXCEPTION", "message": "an unexpected error"}]),
        Answer(502, b"", HTML),
        Answer(504, b"gateway", HTML),
        refusal(400, "UNABLE_TO_LOCK_ROW"),
        refusal(400, "API_TEMPORARILY_UNAVAILABLE"),
        refusal(400, "SERVER_UNAVAILABLE"),
        Answer(drop=True),
        Answer(body={"totalSize": 0, "done": True, "records": []}, cut=3),
    ],
    ids=lambda answer: f"{answer.status} {str(answer.body)[:20]} {answer.drop} {answer.cut}",
)
def test_a_read_is_repeated_when_the_trouble_may_pass(
    trouble: Answer, scripted: ScriptedOrg, to_scripted: MakeClient, waits: Waits
) -> None:
    scripted.answers = [trouble, trouble, PAGE]
    client = to_scripted()
    assert client.query_page("SELECT Id FROM Account") == []
    assert client.calls == {"login": 1, "query": 3}
    assert waits.seconds == [0.5, 1.0]


@pytest.mark.parametrize("code", ["MALFORMED_QUERY", "INVALID_FIELD", "QUERY_TIMEOUT", "SOMETHING_NEW"])
def test_what_stays_wrong_is_asked_once(code: str, scripted: ScriptedOrg, to_scripted: MakeClient, waits: Waits) -> None:
    scripted.answers = [refusal(400, code)]
    with pytest.raises(SalesforceError, match=f"{code}: the org's words"):
        to_scripted().query_page("SELECT Id FROM Account")
    assert len(scripted.asked) == 1
    assert waits.seconds == []


def test_patience_ends(scripted: ScriptedOrg, to_scripted: MakeClient, waits: Waits) -> None:
    scripted.answers = [Answer(503, b"<html>down</html>", HTML)]
    with pytest.raises(
        SalesforceUnavailable, match="query call after 4 tries: HTTP 503 with text/html instead of JSON"
    ) as caught:
        to_scripted(tries=4).query_page("SELECT Id FROM Account")
    assert "down" not in str(caught.value)
    assert waits.seconds == [0.5, 1.0, 2.0]


def test_a_passing_fault_that_does_not_pass_keeps_the_orgs_words(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    scripted.answers = [refusal(503, "SERVER_UNAVAILABLE", "too busy to respond")]
    with pytest.raises(SalesforceUnavailable, match="SERVER_UNAVAILABLE: too busy to respond"):
        to_scripted(tries=2).query_page("SELECT Id FROM Account")


def test_pauses_grow_to_a_cap_and_are_no_shorter_than_asked_for(
    scripted: ScriptedOrg, to_scripted: MakeClient, waits: Waits
) -> None:
    busy = Answer(503, b"", {})
    scripted.answers = [busy, busy, busy, Answer(503, b"", {"Retry-After": "3"}), Answer(503, b"", {"Retry-After": "900"}), PAGE]
    to_scripted(tries=6, cap=4.0).query_page("SELECT Id FROM Account")
    assert waits.seconds == [0.5, 1.0, 2.0, 3.0, 4.0]


def test_a_reply_that_does_not_come_is_not_waited_for_for_ever(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    never = threading.Event()
    scripted.answers = [Answer(body={}, wait=never)]
    client = to_scripted(read_timeout=0.2, tries_after_timeout=2)
    try:
        with pytest.raises(SalesforceUnavailable, match="after 2 tries: no reply within the time allowed"):
            client.query_page("SELECT Id FROM Account")
    finally:
        never.set()
    assert client.calls["query"] == 2


def test_an_org_that_cannot_be_reached_is_unavailable(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    client = to_scripted(tries=2)
    scripted.stop()
    with pytest.raises(SalesforceUnavailable, match="login call after 2 tries: the connection failed"):
        client.query_page("SELECT Id FROM Account")


def session(org: ScriptedOrg, waits: Waits) -> SalesforceSession:
    patience = Patience(sleep=waits, random=lambda: 0.5, connect_timeout=1.0)
    return SalesforceSession(login_url=org.url, meter=Meter(monotonic=lambda: 0.0), patience=patience)


@pytest.mark.parametrize("trouble", [Answer(drop=True), Answer(200, b"<html>", HTML)])
def test_an_insert_that_may_have_arrived_is_never_repeated(trouble: Answer, scripted: ScriptedOrg, waits: Waits) -> None:
    scripted.answers = [trouble]
    with pytest.raises(SalesforceUnavailable, match="may have been carried out"):
        session(scripted, waits).request(
            "POST", "https://example.my.salesforce.com/services/data/v66.0/sobjects/Account/", json={}
        )
    assert len(scripted.asked) == 1


def test_an_insert_that_cannot_have_arrived_is_repeated(scripted: ScriptedOrg, waits: Waits) -> None:
    closed = session(scripted, waits)
    scripted.stop()
    with pytest.raises(SalesforceUnavailable, match="after 5 tries"):
        closed.request("POST", "https://example.my.salesforce.com/services/data/v66.0/sobjects/Account/", json={})


def test_calls_usage_and_the_orgs_clock_are_remembered(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    told = {
        "Sforce-Limit-Info": "api-usage=18/15000; per-app-api-usage=17/250(appName=x)",
        "Date": "Sat, 21 Nov 2026 12:00:01 GMT",
    }
    scripted.answers = [Answer(200, PAGE.body, told)]
    client = to_scripted()
    assert (client.usage, client.org_time, client.calls) == (Usage(0, 0), None, {})
    list(client.query("SELECT Id FROM Account"))
    assert client.usage == Usage(18, 15000)
    client.tooling_query("SELECT Id FROM ApexTrigger")
    assert client.calls == {"login": 1, "query": 1, "tooling": 1}


def test_the_orgs_clock_is_read_in_utc() -> None:
    meter = Meter(monotonic=lambda: 0.0)
    meter.observe({"Date": "Sat, 21 Nov 2026 14:00:01 +0200"})
    meter.observe({"Date": "not a date"})
    meter.observe({})
    assert meter.org_time == datetime(2026, 11, 21, 12, 0, 1, tzinfo=UTC)


def test_counts_are_right_under_threads() -> None:
    meter = Meter(monotonic=lambda: 0.0)

    def count() -> None:
        for _ in range(500):
            meter.count(Kind.QUERY)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert meter.calls == {"query": 4000}


class Recorder(RewritingAdapter):
    """Notes where a request would go."""

    def __init__(self, login_url: str) -> None:
        super().__init__(other_host(login_url))
        self.urls: list[str] = []

    def get_connection_with_tls_context(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> NoReturn:
        self.urls.append(str(request.url))
        raise requests.ConnectionError


@pytest.mark.parametrize(
    ("login_url", "goes_to"),
    [
        ("https://login.salesforce.com", "https://x.my.salesforce.com/services/data/v66.0/query/?q=a%20b"),
        ("https://x.my.salesforce.com", "https://x.my.salesforce.com/services/data/v66.0/query/?q=a%20b"),
        ("http://127.0.0.1:4567", "http://127.0.0.1:4567/services/data/v66.0/query/?q=a%20b"),
        ("http://localhost:4567/", "http://localhost:4567/services/data/v66.0/query/?q=a%20b"),
        ("https://proxy.example.com", "https://proxy.example.com/services/data/v66.0/query/?q=a%20b"),
    ],
)
def test_calls_go_to_a_simulator_or_proxy_where_the_login_url_names_one(login_url: str, goes_to: str) -> None:
    adapter = Recorder(login_url)
    request = requests.Request("GET", "https://x.my.salesforce.com/services/data/v66.0/query/?q=a%20b").prepare()
    with pytest.raises(requests.ConnectionError):
        adapter.send(request)
    assert adapter.urls == [goes_to]


@pytest.mark.parametrize("wrong", ["http://example.com", "http://10.0.0.1:80", "ftp://localhost", "example.com", "", "https://"])
def test_secrets_go_nowhere_in_the_clear(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="login URL"):
        other_host(wrong)


def test_nothing_of_the_environment_changes_where_calls_go(
    scripted: ScriptedOrg, to_scripted: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    scripted.answers = [LIMITS]
    assert to_scripted().limits() == Usage(20, 100)
