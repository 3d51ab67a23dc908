"""The switches that make the org misbehave, and the call log."""

from typing import Any

import pytest
import requests

from local.salesforce import SalesforceSimulator
from local.salesforce.messages import Reply, Request
from local.salesforce.server import Answer

ENTRY = "DocListEntry__c"


def update(client: Any, *ids: str) -> list[str]:
    records = [{"attributes": {"type": ENTRY}, "id": record_id, "Name": "new"} for record_id in ids]
    reply = client.call("PATCH", "composite/sobjects", json={"records": records})
    return ["ok" if row["success"] else row["errors"][0]["statusCode"] for row in reply.json()]


def test_rows_are_locked_for_their_first_tries(salesforce: Any, client: Any) -> None:
    one, two = client.create(ENTRY), client.create(ENTRY)
    salesforce.faults.lock_rows(2, ids=[one])
    assert [update(client, one, two) for _ in range(3)] == [["UNABLE_TO_LOCK_ROW", "ok"]] * 2 + [["ok", "ok"]]
    salesforce.faults.lock_rows(1, by_flow=True)
    assert update(client, one, two) == ["CANNOT_EXECUTE_FLOW_TRIGGER"] * 2
    assert update(client, one, two) == ["ok", "ok"]


def test_any_other_error_can_be_given_to_rows(salesforce: Any, client: Any) -> None:
    entry = client.create(ENTRY)
    salesforce.faults.fail_rows("ENTITY_IS_LOCKED", "locked for approval", None, method="PATCH", path=f"{ENTRY}/")
    reply = client.call("PATCH", f"sobjects/{ENTRY}/{entry}", json={"Name": "x"})
    assert reply.json()[0]["errorCode"] == "ENTITY_IS_LOCKED"
    assert update(client, entry) == ["ok"]


def test_the_service_is_unavailable_in_html_for_some_calls(salesforce: Any, client: Any) -> None:
    salesforce.faults.unavailable(2, path="/query")
    replies = [client.query("SELECT Id FROM Account") for _ in range(3)]
    assert [reply.status_code for reply in replies] == [503, 503, 200]
    assert replies[0].text.startswith("<html>")
    assert replies[0].headers["Content-Type"].startswith("text/html")


def test_the_request_limit_strikes_only_the_calls_meant(salesforce: Any, client: Any) -> None:
    salesforce.faults.request_limit(1, method="POST")
    assert client.call("GET", "limits/").status_code == 200
    refused = client.call("POST", "sobjects/Account", json={"Name": "a"})
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")
    client.create("Account", Name="a")


def test_a_token_expires_after_some_calls(salesforce: Any, client: Any) -> None:
    salesforce.faults.expire_token(2)
    assert [client.call("GET", "limits/").status_code for _ in range(4)] == [200, 200, 401, 401]
    client.http.headers["Authorization"] = f"Bearer {salesforce.sessions.issue()}"
    assert client.call("GET", "limits/").status_code == 200


def test_a_connection_drops_after_the_commit(salesforce: Any, client: Any) -> None:
    salesforce.faults.drop_after_commit(1)
    assert client.query("SELECT Id FROM Account").status_code == 200
    with pytest.raises(requests.ConnectionError):
        client.create("Account", Name="written all the same")
    assert client.rows("SELECT Name FROM Account") == [{"Name": "written all the same"}]


def test_answers_can_be_slow() -> None:
    slept: list[float] = []
    with SalesforceSimulator(sleep=slept.append) as slow, requests.Session() as http:
        http.trust_env = False
        slow.faults.slow(2.5, times=2, method="GET")
        for _ in range(3):
            http.get(slow.url + "/services/data", timeout=10)
    assert slept == [2.5, 2.5]


def test_faults_are_set_and_cleared_over_http(client: Any) -> None:
    entry = client.create(ENTRY)
    assert client.call("POST", "/_simulator/faults", json={"kind": "fail_rows", "times": None, "ids": [entry]}).status_code == 201
    assert update(client, entry) == ["UNABLE_TO_LOCK_ROW"]
    assert client.call("GET", "/_simulator/faults").json()[0]["ids"] == [entry[:15]]
    assert client.call("DELETE", "/_simulator/faults").status_code == 204
    assert update(client, entry) == ["ok"]
    for wrong in (
        {"kind": "nonsense"},
        {"kind": "slow", "speed": 1},
        {"kind": "slow", "path": "("},
        {"kind": "slow", "times": "x"},
    ):
        assert client.call("POST", "/_simulator/faults", json=wrong).status_code == 400


def test_the_call_log_tells_reading_from_writing(salesforce: Any, client: Any) -> None:
    form = {"grant_type": "client_credentials", "client_id": salesforce.client_id, "client_secret": salesforce.client_secret}
    read = [{"method": "GET", "url": "/services/data/v66.0/limits", "referenceId": "a"}]
    written = [*read, {"method": "PATCH", "url": "/services/data/v66.0/sobjects/Account/1", "referenceId": "b", "body": {}}]
    client.call("POST", "/services/oauth2/token", data=form)
    client.query("SELECT Id FROM Account")
    client.call("POST", f"composite/sobjects/{ENTRY}", json={"ids": ["a0XDn0000000001"], "fields": ["Id"]})
    client.call("POST", "composite", json={"compositeRequest": read})
    assert salesforce.calls.writes == []
    client.call("POST", "composite", json={"compositeRequest": written})
    entry = client.create(ENTRY)
    client.call("PATCH", f"sobjects/{ENTRY}/{entry}", json={"Nope": 1})
    client.call("DELETE", f"composite/sobjects?ids={entry}")
    assert [(call.method, call.path, call.status) for call in salesforce.calls.writes] == [
        ("POST", "/services/data/vXX.0/composite", 200),
        ("POST", "/services/data/vXX.0/sobjects/DocListEntry__c", 201),
        ("PATCH", "/services/data/vXX.0/sobjects/DocListEntry__c/{id}", 400),
        ("DELETE", "/services/data/vXX.0/composite/sobjects", 200),
    ]
    shown = client.call("GET", "/_simulator/calls").json()
    assert (shown["total"], shown["writes"]) == (8, 4)
    assert salesforce.calls.count("GET", "/query") == 1
    client.call("DELETE", "/_simulator/calls")
    assert len(salesforce.calls) == 0


def test_a_simulator_stops_while_clients_keep_their_connections_and_frees_its_port() -> None:
    with requests.Session() as http:
        http.trust_env = False
        first = SalesforceSimulator().start()
        port = int(first.url.rsplit(":", 1)[1])
        assert http.get(first.url + "/services/data", timeout=10).status_code == 200
        first.stop()
        first.stop()
        with pytest.raises(requests.ConnectionError):
            http.get(f"http://127.0.0.1:{port}/services/data", timeout=10)
        with SalesforceSimulator(port=port) as second:
            assert http.get(second.url + "/services/data", timeout=10).json()[-1]["version"] == "68.0"


def test_what_stands_between_sees_each_call_and_may_break_it_off(salesforce: Any, client: Any) -> None:
    seen: list[str] = []

    def between(answer: Answer) -> Answer:
        def reply(request: Request) -> Reply | None:
            seen.append(request.method)
            return None if request.method == "DELETE" else answer(request)

        return reply

    salesforce.between(between)
    entry = client.create(ENTRY)
    with pytest.raises(requests.ConnectionError):
        client.call("DELETE", f"sobjects/{ENTRY}/{entry}")
    assert seen == ["POST", "DELETE"]
    assert salesforce.org.get(ENTRY, entry) is not None
