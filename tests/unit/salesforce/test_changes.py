"""What changed and what was deleted in a span of time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from local.salesforce.simulator import SalesforceSimulator
from tests.unit.salesforce.conftest import connected
from tests.unit.salesforce.scripted import Answer, ScriptedOrg
from waybill.errors import InvalidInput, SalesforceError
from waybill.salesforce.client import SalesforceClient

MakeClient = Callable[..., SalesforceClient]
START = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_changes_and_deletions_of_a_span_are_told_once_each() -> None:
    now = START
    with SalesforceSimulator(clock=lambda: now) as simulator:
        client = connected(simulator)
        old, changed, gone = (simulator.org.insert("Account", {"Name": name}) for name in "abc")
        now = START + HOUR
        simulator.org.update("Account", changed, {"Name": "d"})
        simulator.org.delete("Account", gone)
        new = simulator.org.insert("Account", {"Name": "e"})
        updated = client.updated("Account", start=START + HOUR / 2, end=START + 2 * HOUR)
        assert (set(updated.ids), updated.covered) == ({changed, new}, START + 2 * HOUR)
        assert old not in updated.ids
        deleted = client.deleted("account", start=START + HOUR / 2, end=START + 2 * HOUR)
        assert (deleted.at, deleted.covered) == ({gone: START + HOUR}, START + 2 * HOUR)
        assert client.updated("Account", start=updated.covered, end=updated.covered + HOUR).ids == ()
        assert client.calls["changes"] == 3


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (START, START),
        (START, START + timedelta(seconds=59)),
        (START, START + timedelta(days=31)),
        (START + HOUR, START),
        (START.replace(tzinfo=None), (START + HOUR).replace(tzinfo=None)),
    ],
)
def test_a_span_that_salesforce_would_refuse_is_not_sent(client: SalesforceClient, start: datetime, end: datetime) -> None:
    with pytest.raises(InvalidInput):
        client.updated("Account", start=start, end=end)
    assert client.calls == {}


@pytest.mark.parametrize("body", [{}, {"ids": [1], "latestDateCovered": "x"}, [], {"ids": [], "latestDateCovered": "x"}])
def test_a_list_that_is_none_is_an_error(body: object, scripted: ScriptedOrg, to_scripted: MakeClient) -> None:
    scripted.answers = [Answer(body=body)]
    for ask in (to_scripted().updated, to_scripted().deleted):
        with pytest.raises((SalesforceError, InvalidInput)):
            ask("Account", start=START, end=START + HOUR)
