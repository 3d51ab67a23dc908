"""WebSockets on the HTTP API's port: API Gateway's events for the functions, its refusals, and @connections."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from local.aws.endpoint import Endpoint
from local.aws.http_api import HttpApi
from local.aws.live_api import LiveApi, RequestAuthorizer, SocketRoutes
from local.aws.pool import LocalPool

KEYS = ("$connect", "$disconnect", "$default")


@dataclass
class Functions:
    """Notes each event by the function's name, and answers what it is told."""

    events: list[tuple[str, Any]] = field(default_factory=list)
    effect: str = "Allow"
    status: int = 200

    def __call__(self, function: str, event: Any) -> Any:
        self.events.append((function, event))
        if function == "door":
            if self.effect == "broken":
                raise RuntimeError("out of order")
            statement = {"Action": "execute-api:Invoke", "Effect": self.effect, "Resource": event["methodArn"]}
            return {"principalId": "ana", "policyDocument": {"Statement": [statement]}, "context": {"role": "viewer"}}
        return {"statusCode": self.status if function == "$connect" else 200}

    def wait(self, function: str) -> Any:
        for _ in range(500):
            for name, event in self.events:
                if name == function:
                    return event
            time.sleep(0.01)
        raise TimeoutError(function)


@pytest.fixture
def functions() -> Functions:
    return Functions()


@pytest.fixture
def live(aws: Endpoint, functions: Functions) -> Iterator[tuple[str, LiveApi]]:
    routes = SocketRoutes("api", {key: key for key in KEYS}, RequestAuthorizer("door", ("ticket",)))
    made = LiveApi(routes, functions)
    aws.dispatcher.hooks["apigatewaymanagementapi"].append(made.hook)
    api = HttpApi([], functions, pool=LocalPool("issuer", "client", groups=()), live=made)
    api.start()
    yield f"{api.url.replace('http', 'ws', 1)}/live", made
    api.stop()
    made.stop()


def gateway() -> Any:
    return boto3.client("apigatewaymanagementapi", endpoint_url="https://api.execute-api.us-east-1.amazonaws.com/live")


def test_a_connection_is_known_said_farewell_to_and_told_something_meanwhile(
    live: tuple[str, LiveApi], functions: Functions
) -> None:
    url, _ = live
    with connect(f"{url}?ticket=t&x=1", origin=Origin("https://console"), proxy=None) as socket:
        asked, came = functions.wait("door"), functions.wait("$connect")
        assert (asked["type"], asked["queryStringParameters"]) == ("REQUEST", {"ticket": "t", "x": "1"})
        assert asked["headers"]["Origin"] == "https://console"
        assert asked["methodArn"].endswith(":api/live/$connect")
        context = came["requestContext"]
        assert (context["eventType"], context["routeKey"]) == ("CONNECT", "$connect")
        assert context["authorizer"] == {"principalId": "ana", "role": "viewer"}
        name = context["connectionId"]
        gateway().post_to_connection(ConnectionId=name, Data="grüß dich".encode())
        assert socket.recv(timeout=5) == "grüß dich"
        assert gateway().get_connection(ConnectionId=name)["Identity"]["SourceIp"] == "127.0.0.1"
        socket.send("ping")
        said = functions.wait("$default")
        assert (said["body"], said["requestContext"]["connectionId"]) == ("ping", name)
    assert functions.wait("$disconnect")["requestContext"]["eventType"] == "DISCONNECT"
    with pytest.raises(ClientError) as gone:
        gateway().post_to_connection(ConnectionId=name, Data=b"x")
    assert gone.value.response["Error"]["Code"] == "GoneException"


def test_a_connection_can_be_closed_from_inside(live: tuple[str, LiveApi], functions: Functions) -> None:
    with connect(f"{live[0]}?ticket=t", proxy=None) as socket:
        gateway().delete_connection(ConnectionId=functions.wait("$connect")["requestContext"]["connectionId"])
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=5)


@pytest.mark.parametrize(
    ("query", "effect", "status", "said"),
    [
        ("", "Allow", 200, "401"),
        ("?ticket=t", "Deny", 200, "403"),
        ("?ticket=t", "allow", 200, "403"),
        ("?ticket=t", "broken", 200, "500"),
        ("?ticket=t", "Allow", 418, "418"),
    ],
)
def test_who_may_not_come_in_does_not(
    live: tuple[str, LiveApi], functions: Functions, query: str, effect: str, status: int, said: str
) -> None:
    functions.effect, functions.status = effect, status
    with pytest.raises(InvalidStatus, match=said), connect(f"{live[0]}{query}", proxy=None):
        pass
    assert [name for name, _ in functions.events if name == "$disconnect"] == []


def test_what_is_no_websocket_finds_no_route(live: tuple[str, LiveApi]) -> None:
    assert requests.get(live[0].replace("ws", "http", 1), timeout=5).status_code == 404


def test_a_broken_handshake_leaves_nobody_behind(live: tuple[str, LiveApi], functions: Functions) -> None:
    headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
    reply = requests.get(f"{live[0].replace('ws', 'http', 1)}?ticket=t", headers=headers, timeout=5)
    assert reply.status_code == 400
    functions.wait("$disconnect")


def test_who_is_silent_for_too_long_is_disconnected(live: tuple[str, LiveApi], functions: Functions) -> None:
    live[1].idle_seconds = 0.2
    with connect(f"{live[0]}?ticket=t", proxy=None) as socket, pytest.raises(ConnectionClosed):
        socket.recv(timeout=5)
    functions.wait("$disconnect")


def test_messages_to_many_come_whole(live: tuple[str, LiveApi], functions: Functions) -> None:
    with connect(f"{live[0]}?ticket=t", proxy=None) as socket:
        name, long = functions.wait("$connect")["requestContext"]["connectionId"], b"x" * 100_000
        threads = [threading.Thread(target=lambda: gateway().post_to_connection(ConnectionId=name, Data=long)) for _ in range(4)]
        for each in threads:
            each.start()
        assert [socket.recv(timeout=10) for _ in threads] == [long.decode()] * 4
        for each in threads:
            each.join()
        with pytest.raises(ClientError, match="PayloadTooLarge"):
            gateway().post_to_connection(ConnectionId=name, Data=b"x" * 131_073)
