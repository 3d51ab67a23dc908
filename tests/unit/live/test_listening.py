"""Who may listen, who does, and what becomes of those who are gone."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.live.conftest import Stage
from waybill import compose
from waybill.live import authorize, connect
from waybill.live.connections import Connections, Post
from waybill.live.tickets import Holder, Tickets
from waybill.settings import environ

ANA = Holder("ana", "viewer")
CONSOLE = "https://console.example.com"


@pytest.fixture
def environment(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    given = {
        "WAYBILL_STAGE": "test",
        "WAYBILL_TABLE": "ledger",
        "WAYBILL_WORK_BUCKET": "work",
        "WAYBILL_CONFIG": json.dumps({"source": {"buckets": ["source"]}}),
        "WAYBILL_CONSOLE_ORIGINS": json.dumps([CONSOLE]),
    }
    token = environ.set(given)
    monkeypatch.setattr(compose, "table", lambda _: stage.table)
    for module in (authorize, connect):
        monkeypatch.setattr(module, "utcnow", lambda: stage.now)
    yield
    environ.reset(token)


def tickets(stage: Stage) -> Tickets:
    return Tickets(stage.table, now=lambda: stage.now)


def at_the_door(ticket: Any, *, origin: str | None = None) -> dict[str, Any]:
    """What the authorizer says."""
    headers = {} if origin is None else {"Origin": origin}
    given = {"methodArn": "arn", "headers": headers, "queryStringParameters": None if ticket is None else {"ticket": ticket}}
    said = authorize.handler(given, None)
    (statement,) = said["policyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("execute-api:Invoke", "arn")
    return {"effect": statement["Effect"], "context": said.get("context")}


IN, OUT = {"effect": "Allow", "context": {"name": "ana", "role": "viewer"}}, {"effect": "Deny", "context": None}


def test_a_ticket_lets_in_once(stage: Stage, environment: None) -> None:
    ticket = tickets(stage).issue(ANA)
    assert [at_the_door(ticket), at_the_door(ticket)] == [IN, OUT]


def test_a_ticket_is_good_for_a_minute(stage: Stage, environment: None) -> None:
    for seconds, said in ((59, IN), (60, OUT), (3_600, OUT)):
        ticket = tickets(stage).issue(ANA)
        stage.now += timedelta(seconds=seconds)
        assert at_the_door(ticket) == said


@pytest.mark.parametrize("ticket", [None, "", "made-up", 7, ["a"], "x" * 10_000])
def test_nothing_else_lets_in(stage: Stage, environment: None, ticket: Any) -> None:
    tickets(stage).issue(ANA)
    assert at_the_door(ticket) == OUT


@pytest.mark.parametrize(
    ("origin", "said"),
    [(CONSOLE, IN), (None, IN), ("https://evil.example.com", OUT), (f"{CONSOLE}.evil.com", OUT), ("null", OUT), ("", OUT)],
)
def test_a_browser_comes_in_from_the_console_only(stage: Stage, environment: None, origin: str | None, said: Any) -> None:
    assert at_the_door(tickets(stage).issue(ANA), origin=origin) == said


def test_the_table_has_no_ticket_that_lets_in(stage: Stage, environment: None) -> None:
    ticket = tickets(stage).issue(ANA)
    reply = stage.table._client.scan(TableName="ledger")
    assert len(ticket) >= 43
    assert ticket not in json.dumps(reply, default=str)
    (item,) = reply["Items"]
    assert at_the_door(item["pk"]["S"].removeprefix("TICKET#")) == OUT


def test_who_came_in_is_known_until_he_leaves(stage: Stage, environment: None) -> None:
    connections = Connections(stage.table, now=lambda: stage.now)

    def on(route: str) -> None:
        context = {"connectionId": "c1", "eventType": route, "authorizer": {"name": "ana", "role": "viewer"}}
        assert connect.handler({"requestContext": context, "body": "ping"}, None) == {"statusCode": 200}

    on("CONNECT")
    on("MESSAGE")
    assert list(connections.all()) == ["c1"]
    on("DISCONNECT")
    on("DISCONNECT")
    assert list(connections.all()) == []


def test_a_connection_that_api_gateway_has_closed_long_ago_is_none(stage: Stage) -> None:
    connections = Connections(stage.table, now=lambda: stage.now)
    connections.add("c1", ANA)
    stage.now += timedelta(hours=3)
    assert list(connections.all()) == []


@dataclass
class Gateway:
    """API Gateway's client. `broken`: connection -> the code that it is answered with."""

    broken: dict[str, str] = field(default_factory=dict)
    got: dict[str, list[str]] = field(default_factory=dict)

    def post_to_connection(self, *, ConnectionId: str, Data: bytes) -> None:  # noqa: N803 - API Gateway's names
        if ConnectionId in self.broken:
            raise ClientError({"Error": {"Code": self.broken[ConnectionId]}}, "PostToConnection")
        self.got.setdefault(ConnectionId, []).append(Data.decode())


def test_all_are_told_in_order_and_who_is_gone_is_forgotten(stage: Stage) -> None:
    connections = Connections(stage.table, now=lambda: stage.now)
    for name in ("a", "b", "gone", "slow"):
        connections.add(name, ANA)
    gateway = Gateway({"gone": "GoneException", "slow": "LimitExceededException"})
    Post(connections=connections, client=lambda: gateway)(["1", "2"])
    assert gateway.got == {"a": ["1", "2"], "b": ["1", "2"]}
    assert list(connections.all()) == ["a", "b", "slow"]


def test_where_nobody_listens_nothing_is_posted(stage: Stage) -> None:
    def no_client() -> Any:
        raise AssertionError("nobody is there")

    Post(connections=Connections(stage.table, now=lambda: stage.now), client=no_client)(["1"])
