"""Updates: how many rows go in a call, each row's outcome, locks, lost replies, and the update that must not overwrite."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from local.salesforce.simulator import SalesforceSimulator
from tests.unit.salesforce.conftest import Waits, connected
from tests.unit.salesforce.scripted import Answer, ScriptedOrg
from waybill.errors import InvalidInput, SalesforceQuotaExhausted, SalesforceRequestInvalid
from waybill.salesforce.client import RowResult, SalesforceClient

MakeClient = Callable[..., SalesforceClient]
ID = "001000000000000AAA"
OTHER = "001000000000001AAA"


def accounts(simulator: SalesforceSimulator, count: int) -> list[str]:
    return [simulator.org.insert("Account", {"Name": f"Account {n}"}) for n in range(count)]


def names(simulator: SalesforceSimulator, ids: list[str]) -> list[object]:
    return [(simulator.org.get("Account", one) or {}).get("Name") for one in ids]


def renamed(ids: list[str], name: object = "New") -> list[dict[str, object]]:
    return [{"Id": one, "Name": name} for one in ids]


@pytest.mark.parametrize(("rows", "calls"), [(0, 0), (1, 1), (200, 1), (1000, 1), (1001, 2), (2000, 2)])
def test_a_thousand_rows_go_in_a_call(simulator: SalesforceSimulator, client: SalesforceClient, rows: int, calls: int) -> None:
    ids = accounts(simulator, rows)
    assert client.update("Account", renamed(ids)) == [RowResult(one, ok=True) for one in ids]
    assert client.calls.get("composite", 0) == calls
    assert set(names(simulator, ids)) <= {"New"}


def test_rows_that_fail_leave_the_others_alone_and_say_why(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    ids = accounts(simulator, 450)
    simulator.org.delete("Account", ids[3])
    rows = renamed(ids)
    rows[250]["Name"] = "x" * 256
    results = client.update("Account", rows)
    assert [result.id for result in results] == ids
    assert {(ids.index(result.id), result.code, result.retryable) for result in results if not result.ok} == {
        (3, "ENTITY_IS_DELETED", False),
        (250, "STRING_TOO_LONG", False),
    }
    assert results[250].message
    assert client.calls["composite"] == 1


@pytest.mark.parametrize("by_flow", [False, True])
def test_locked_rows_are_tried_again_in_smaller_calls(
    simulator: SalesforceSimulator, client: SalesforceClient, waits: Waits, *, by_flow: bool
) -> None:
    ids = accounts(simulator, 500)
    simulator.faults.lock_rows(2, ids=ids[:250], by_flow=by_flow)
    assert all(result.ok for result in client.update("Account", renamed(ids)))
    assert set(names(simulator, ids)) == {"New"}
    # 500 rows; the 250 locked ones by 5 x 40; by 5 x 8.
    assert client.calls["composite"] == 1 + 2 + 7
    assert waits.seconds == [0.5, 1.0]


def test_rows_that_stay_locked_are_reported_as_worth_another_try(
    simulator: SalesforceSimulator, client: SalesforceClient, waits: Waits
) -> None:
    ids = accounts(simulator, 3)
    simulator.faults.lock_rows(None, ids=ids[:1])
    results = client.update("Account", renamed(ids))
    assert [(result.ok, result.code, result.retryable) for result in results] == [
        (False, "UNABLE_TO_LOCK_ROW", True),
        (True, "", False),
        (True, "", False),
    ]
    assert len(waits.seconds) == 4


def test_a_flow_that_fails_for_its_own_reasons_is_not_tried_again(
    simulator: SalesforceSimulator, client: SalesforceClient
) -> None:
    ids = accounts(simulator, 1)
    simulator.faults.fail_rows("CANNOT_EXECUTE_FLOW_TRIGGER", "The flow divides by zero", None)
    (result,) = client.update("Account", renamed(ids))
    assert (result.code, result.retryable) == ("CANNOT_EXECUTE_FLOW_TRIGGER", False)
    assert client.calls["composite"] == 1


def test_an_update_whose_reply_was_lost_is_repeated(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    ids = accounts(simulator, 5)
    simulator.faults.drop_after_commit()
    assert all(result.ok for result in client.update("Account", renamed(ids)))
    assert client.calls["composite"] == 2


def test_a_page_in_html_does_not_end_an_update(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    ids = accounts(simulator, 5)
    simulator.faults.unavailable(2, method="POST", path="composite")
    assert all(result.ok for result in client.update("Account", renamed(ids)))
    assert client.calls["composite"] == 3


def test_a_value_that_a_composite_call_would_replace_arrives_as_it_is(
    simulator: SalesforceSimulator, client: SalesforceClient
) -> None:
    ids = accounts(simulator, 3)
    rows = renamed(ids)
    rows[1]["Name"] = "@{rows0.id}/@{x}"
    assert [result.ok for result in client.update("Account", rows)] == [True] * 3
    assert names(simulator, ids) == ["New", "@{rows0.id}/@{x}", "New"]
    assert (client.calls["composite"], client.calls["update"]) == (1, 1)


def test_an_unknown_field_fails_the_rows_and_says_so(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    ids = accounts(simulator, 2)
    results = client.update("Account", [{"Id": one, "Nothing__c": "x"} for one in ids])
    assert [(result.ok, result.code, result.retryable) for result in results] == [(False, "INVALID_FIELD", False)] * 2


def test_a_value_may_be_cleared_or_be_a_time(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    scripted.answers = [composite([{"id": ID, "success": True, "errors": []}])]
    to_scripted().update("Account", [{"Id": ID[:15], "Name": None, "At__c": datetime(2026, 1, 2, 3, tzinfo=UTC)}])
    (sub,) = scripted.asked[0].json["compositeRequest"]
    assert (sub["method"], sub["url"]) == ("PATCH", "/services/data/v66.0/composite/sobjects")
    assert sub["body"] == {
        "allOrNone": False,
        "records": [{"attributes": {"type": "Account"}, "id": ID, "Name": None, "At__c": "2026-01-02T03:00:00.000Z"}],
    }


@pytest.mark.parametrize(
    "rows",
    [[{"Name": "x"}], [{"Id": None}], [{"Id": ID}, {"Id": ID[:15]}], [{"Id": ID, "At__c": datetime(2026, 1, 2)}]],  # noqa: DTZ001 - the point
)
def test_rows_that_make_no_sense_are_refused(rows: list[dict[str, object]], client: SalesforceClient) -> None:
    with pytest.raises(InvalidInput):
        client.update("Account", rows)
    assert client.calls == {}


# -- sub-requests -----------------------------------------------------------------------------------------------------


def composite(*bodies: object, status: int = 200) -> Answer:
    answers = [
        {"body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": f"rows{number}"}
        for number, body in enumerate(bodies)
    ]
    return Answer(body={"compositeResponse": answers})


OK = composite([{"id": ID, "success": True, "errors": []}])


@pytest.mark.parametrize(
    "answer",
    [
        composite([{"errorCode": "UNKNOWN_EXCEPTION", "message": "an unexpected error"}], status=500),
        composite([{"errorCode": "UNABLE_TO_LOCK_ROW", "message": "locked"}], status=400),
        composite([]),
        composite(None),
        Answer(body={"compositeResponse": []}),
    ],
)
def test_a_part_of_a_call_that_failed_for_a_while_is_repeated(
    answer: Answer, scripted: ScriptedOrg, to_scripted: MakeClient
) -> None:
    scripted.answers = [answer, OK]
    assert to_scripted().update("Account", renamed([ID])) == [RowResult(ID, ok=True)]
    scripted.answers = [answer]
    (result,) = to_scripted(lock_tries=2).update("Account", renamed([ID]))
    assert (result.ok, result.retryable) == (False, True)


def test_a_part_that_is_refused_is_told_of_each_of_its_rows(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    scripted.answers = [composite([{"errorCode": "INVALID_TYPE", "message": "no such object"}], status=400)]
    results = to_scripted().update("Account", renamed([ID, OTHER]))
    assert results == [RowResult(one, ok=False, code="INVALID_TYPE", message="no such object") for one in (ID, OTHER)]


def test_a_part_beyond_the_quota_parks_the_run(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    scripted.answers = [composite([{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests"}], status=403)]
    with pytest.raises(SalesforceQuotaExhausted):
        to_scripted().update("Account", renamed([ID]))


def test_a_call_that_is_refused_as_a_whole_raises(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    scripted.answers = [Answer(400, [{"errorCode": "INVALID_FIELD", "message": "compositeRequest"}])]
    with pytest.raises(SalesforceRequestInvalid):
        to_scripted().update("Account", renamed([ID]))


def test_of_several_errors_the_one_that_stays_counts(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    errors = [{"statusCode": "UNABLE_TO_LOCK_ROW", "message": "a"}, {"statusCode": "STRING_TOO_LONG", "message": "b"}]
    scripted.answers = [composite([{"id": ID, "success": False, "errors": errors}])]
    assert to_scripted().update("Account", renamed([ID])) == [RowResult(ID, ok=False, code="STRING_TOO_LONG", message="b")]


# -- unless modified --------------------------------------------------------------------------------------------------


class Moving:
    """The org's clock."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def test_a_record_is_updated_unless_it_was_modified_since() -> None:
    clock = Moving()
    with SalesforceSimulator(clock=clock) as simulator:
        client = connected(simulator)
        (account,) = accounts(simulator, 1)
        read_at = clock.now
        clock.now += timedelta(seconds=5)
        assert client.update_unmodified("Account", account, {"Name": "Mine"}, since=read_at) == RowResult(account, ok=True)
        clock.now += timedelta(seconds=5)
        result = client.update_unmodified("Account", account[:15], {"Name": "Again"}, since=read_at)
        assert (result.id, result.ok, result.code, result.retryable) == (account, False, "PRECONDITION_FAILED", False)
        assert names(simulator, [account]) == ["Mine"]
        assert client.calls == {"login": 1, "update": 2}


def test_our_own_write_whose_reply_was_lost_is_no_conflict() -> None:
    clock = Moving()
    with SalesforceSimulator(clock=clock) as simulator:
        client = connected(simulator)
        (account,) = accounts(simulator, 1)
        read_at = clock.now
        clock.now += timedelta(seconds=5)
        simulator.faults.drop_after_commit()
        assert client.update_unmodified("Account", account, {"Name": "Mine"}, since=read_at).ok
        assert client.calls == {"login": 1, "update": 2, "retrieve": 1}


def test_after_a_lost_reply_anothers_value_is_a_conflict(scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    scripted.answers = [Answer(drop=True), Answer(412), Answer(body=[{"Id": ID, "Name": "Theirs"}])]
    result = to_scripted().update_unmodified("Account", ID, {"Name": "Mine"}, since=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC))
    assert (result.ok, result.code) == (False, "PRECONDITION_FAILED")
    assert scripted.asked[0].headers["If-Unmodified-Since"] == "Fri, 02 Jan 2026 03:04:05 GMT"


def test_a_single_update_tells_its_rows_fault(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    (account,) = accounts(simulator, 1)
    later = datetime(2100, 1, 1, tzinfo=UTC)
    result = client.update_unmodified("Account", account, {"Name": "x" * 256}, since=later)
    assert (result.ok, result.code, result.retryable) == (False, "STRING_TOO_LONG", False)
    simulator.faults.request_limit()
    with pytest.raises(SalesforceQuotaExhausted):
        client.update_unmodified("Account", account, {"Name": "x"}, since=later)
    with pytest.raises(InvalidInput):
        client.update_unmodified("Account", account, {"Name": "x"}, since=later.replace(tzinfo=None))
