"""Inserts and deletions: each row's outcome; an insert is never made twice, whatever becomes of its reply."""

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.salesforce.faults import Faults
from local.salesforce.simulator import SalesforceSimulator
from tests.unit.salesforce.conftest import Waits, connected
from tests.unit.salesforce.scripted import Answer, ScriptedOrg
from waybill.errors import InvalidInput, SalesforceQuotaExhausted, SalesforceRequestInvalid
from waybill.salesforce.batching import NOT_SENT, UNKNOWN
from waybill.salesforce.client import SalesforceClient

MakeClient = Callable[..., SalesforceClient]
ID = "001000000000000AAA"


def rows(count: int) -> list[dict[str, object]]:
    return [{"Name": f"Account {n}"} for n in range(count)]


def names(simulator: SalesforceSimulator) -> Counter[object]:
    return Counter(row["Name"] for row in simulator.org.all("Account"))


def composite(*bodies: object, status: int = 200) -> Answer:
    answers = [
        {"body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": f"rows{number}"}
        for number, body in enumerate(bodies)
    ]
    return Answer(body={"compositeResponse": answers})


@pytest.mark.parametrize(("count", "calls"), [(0, 0), (1, 1), (1000, 1), (1001, 2)])
def test_a_thousand_rows_are_inserted_by_a_call_and_each_tells_its_id(
    simulator: SalesforceSimulator, client: SalesforceClient, count: int, calls: int
) -> None:
    results = client.insert("Account", rows(count))
    assert [(simulator.org.get("Account", result.id) or {}).get("Name") for result in results] == [r["Name"] for r in rows(count)]
    assert client.calls.get("composite", 0) == calls


def test_rows_that_are_refused_leave_the_others_alone_and_say_why(
    simulator: SalesforceSimulator, client: SalesforceClient
) -> None:
    given = rows(450)
    given[3], given[250] = {"Name": None}, {"Name": "x" * 256}
    results = client.insert("Account", given)
    assert [(n, result.id, result.code) for n, result in enumerate(results) if not result.ok] == [
        (3, "", "REQUIRED_FIELD_MISSING"),
        (250, "", "STRING_TOO_LONG"),
    ]
    assert sum(names(simulator).values()) == 448


def test_rows_that_waited_for_a_lock_are_tried_again_in_smaller_calls_and_are_there_once(
    simulator: SalesforceSimulator, client: SalesforceClient, waits: Waits
) -> None:
    parent = simulator.org.insert("Account", {"Name": "Parent"})
    simulator.faults.lock_rows(2, ids=[parent])
    given = [{**row, "ParentId": parent if n % 2 else None} for n, row in enumerate(rows(500))]
    assert all(result.ok for result in client.insert("Account", given))
    assert names(simulator) == Counter({row["Name"]: 1 for row in rows(500)} | {"Parent": 1})
    assert client.calls["composite"] == 1 + 2 + 7
    assert waits.seconds == [0.5, 1.0]


def test_after_a_lost_reply_nobody_knows_and_nothing_is_repeated(
    simulator: SalesforceSimulator, client: SalesforceClient
) -> None:
    simulator.faults.drop_after_commit(path="composite")
    results = client.insert("Account", rows(1500))
    assert Counter((result.code, result.unknown) for result in results) == {(UNKNOWN, True): 1000, (NOT_SENT, False): 500}
    assert client.calls["composite"] == 1
    assert sum(names(simulator).values()) == 1000


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_failure_of_the_server_leaves_it_open_and_what_was_done_before_is_told(
    simulator: SalesforceSimulator, client: SalesforceClient, status: int
) -> None:
    first = client.insert("Account", rows(1))
    simulator.faults.unavailable(1, status=status, path="composite")
    results = client.insert("Account", rows(3))
    assert ([result.ok for result in first], [result.code for result in results]) == ([True], [UNKNOWN] * 3)
    assert client.calls["composite"] == 2


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (composite([{"errorCode": "UNKNOWN_EXCEPTION", "message": "an unexpected error"}], status=500), UNKNOWN),
        (composite([]), UNKNOWN),
        (Answer(body={"compositeResponse": []}), UNKNOWN),
        (Answer(503, [{"errorCode": "SERVER_UNAVAILABLE", "message": "too busy"}]), UNKNOWN),
        (composite([{"errorCode": "INVALID_TYPE", "message": "no such object"}], status=400), "INVALID_TYPE"),
    ],
)
def test_only_a_refusal_is_certain(answer: Answer, code: str, scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    scripted.answers = [answer]
    (result,) = to_scripted().insert("Account", rows(1))
    assert (result.ok, result.code, len(scripted.asked)) == (False, code, 1)


def test_a_quota_that_ends_between_two_calls_costs_no_result(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    exhausted = Answer(403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests"}])
    done = [{"id": ID, "success": True, "errors": []}] * 200
    scripted.answers = [composite(*[done] * 5), exhausted]
    results = to_scripted().insert("Account", rows(1200))
    assert Counter(result.code for result in results) == {"": 1000, NOT_SENT: 200}
    assert "REQUEST_LIMIT_EXCEEDED" in results[-1].message
    scripted.answers = [exhausted]
    with pytest.raises(SalesforceQuotaExhausted):
        to_scripted().insert("Account", rows(1200))
    scripted.answers = [Answer(400, [{"errorCode": "INVALID_FIELD", "message": "compositeRequest"}])]
    with pytest.raises(SalesforceRequestInvalid):
        to_scripted().insert("Account", rows(1))


def test_a_session_that_expired_is_renewed_and_the_rows_are_there_once(
    simulator: SalesforceSimulator, client: SalesforceClient
) -> None:
    client.describe("Account")
    simulator.faults.expire_token()
    assert all(result.ok for result in client.insert("Account", rows(2)))
    assert sum(names(simulator).values()) == 2


def test_a_value_that_a_composite_call_would_replace_arrives_as_it_is(
    simulator: SalesforceSimulator, client: SalesforceClient
) -> None:
    results = client.insert("Account", [{"Name": "@{rows0.id}"}, {"Name": "b"}])
    assert [(simulator.org.get("Account", result.id) or {})["Name"] for result in results] == ["@{rows0.id}", "b"]


def test_a_row_to_insert_has_no_id(client: SalesforceClient) -> None:
    with pytest.raises(InvalidInput):
        client.insert("Account", [{"Name": "a", "id": ID}])
    assert client.calls == {}


def test_a_row_that_the_org_drops_in_silence_is_said_to_be_there(
    simulator: SalesforceSimulator, client: SalesforceClient
) -> None:
    simulator.faults.drop_rows(2, sobject="account", after=1)
    results = client.insert("Account", rows(4))
    assert [result.ok for result in results] == [True] * 4
    assert client.retrieve("Account", [result.id for result in results], ["Name"])[1:3] == [None, None]
    assert names(simulator) == Counter(["Account 0", "Account 3"])


TROUBLES: dict[str, Callable[[Faults], None]] = {
    "reply lost": lambda faults: faults.drop_after_commit(path="composite"),
    "server fails": lambda faults: faults.unavailable(path="composite"),
    "locked": lambda faults: faults.lock_rows(1),
    "session expired": lambda faults: faults.expire_token(),
    "no trouble": lambda faults: None,
}


@settings(max_examples=25, deadline=None)
@given(troubles=st.lists(st.sampled_from(sorted(TROUBLES)), max_size=6), count=st.integers(1, 30))
def test_who_looks_by_key_before_inserting_again_ends_with_each_row_once(troubles: list[str], count: int) -> None:
    with SalesforceSimulator() as simulator:
        client = connected(simulator)
        wanted = {str(row["Name"]) for row in rows(count)}
        for trouble in [*troubles, "no trouble", "no trouble"]:
            TROUBLES[trouble](simulator.faults)
            there = {row["Name"] for row in client.query("SELECT Name FROM Account")}
            results = client.insert("Account", [{"Name": name} for name in sorted(wanted - there)])
            assert all(result.ok or result.unknown or result.code == NOT_SENT for result in results)
        assert names(simulator) == Counter(wanted)


# -- deletions --------------------------------------------------------------------------------------------------------


def test_records_are_deleted_a_thousand_a_call(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    ids = [result.id for result in client.insert("Account", rows(1200))]
    calls = client.calls["composite"]
    results = client.delete("Account", [*ids, ids[0][:15]])
    assert [result.id for result in results] == [*ids, ids[0]]
    assert all(result.ok for result in results)
    assert (client.calls["composite"] - calls, sum(names(simulator).values())) == (2, 0)


def test_what_is_gone_already_is_as_good_as_deleted_and_told(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    one, two = (result.id for result in client.insert("Account", rows(2)))
    simulator.org.delete("Account", one)
    simulator.faults.fail_rows("DELETE_FAILED", "in use", None, ids=[two])
    assert [(result.ok, result.code) for result in client.delete("Account", [one, two])] == [
        (True, "ENTITY_IS_DELETED"),
        (False, "DELETE_FAILED"),
    ]


def test_a_deletion_whose_reply_was_lost_is_repeated(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    ids = [result.id for result in client.insert("Account", rows(3))]
    simulator.faults.drop_after_commit(path="composite")
    assert all(result.ok for result in client.delete("Account", ids))
    assert names(simulator) == {}
