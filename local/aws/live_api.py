"""The WebSocket API on loopback: connections as API Gateway keeps them, its events for the functions, and its @connections calls.

Sources: the API Gateway guide on WebSocket APIs (routes, Lambda authorizers, @connections, quotas).
"""

import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from moto.core.request import Request
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request as Handshake
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.sync.connection import Connection

from local.aws.dispatch import ACCOUNT_ID, REGION, Reply, json_reply

Json = Any  # of events and replies
MAX_MESSAGE = 128 * 1024  # bytes
IDLE_SECONDS, LONGEST_SECONDS = 600.0, 7_200.0
PATH = "/live"
_CONNECTIONS = re.compile(r"/@connections/([^/]+)$")


@dataclass(frozen=True, slots=True)
class RequestAuthorizer:
    """A Lambda authorizer of type REQUEST. `parameters`: those of the query without which nobody is let in."""

    function: str
    parameters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SocketRoutes:
    """What the template says: route key -> function, and who decides about $connect, if anybody."""

    api_id: str
    functions: Mapping[str, str]
    authorizer: RequestAuthorizer | None


@dataclass(slots=True)
class _Listener:
    connection: Connection
    began: float
    source: str
    last: float


@dataclass
class LiveApi:
    """The connections. `lambdas(arn, payload)` invokes a function."""

    routes: SocketRoutes
    lambdas: Callable[[str, Json], Json]
    idle_seconds: float = IDLE_SECONDS
    _listeners: dict[str, _Listener] = field(default_factory=dict)

    # -- the other side -----------------------------------------------------------------------------------------------

    def serve(self, request: BaseHTTPRequestHandler) -> tuple[int, str] | None:
        """Takes an HTTP request over until its connection closes; status and reason where it is refused."""
        name, context = uuid.uuid4().hex[:16], self._context(request)
        context |= {"connectionId": name}
        try:
            refused = self._refusal(request, context)
        except Exception as error:  # noqa: BLE001 - API Gateway answers 500 whatever a function raised
            return 500, f"The function failed: {error}"
        if refused is not None:
            return refused
        try:
            connection = _opened(request)
            if connection is not None:
                listener = _Listener(connection, time.time(), source=request.client_address[0], last=time.time())
                self._listeners[name] = listener
                self._listen(listener, context)
        finally:
            self._listeners.pop(name, None)
            self._quietly("$disconnect", {**context, "routeKey": "$disconnect", "eventType": "DISCONNECT"})
        return None

    def _refusal(self, request: BaseHTTPRequestHandler, context: dict[str, Json]) -> tuple[int, str] | None:
        """Why a request may not become a connection. Notes in `context` what the authorizer says of who comes."""
        given = _asked(request)
        at_connect = {**context, "routeKey": "$connect", "eventType": "CONNECT"}
        authorizer = self.routes.authorizer
        if authorizer is not None:
            if any(name not in given["queryStringParameters"] for name in authorizer.parameters):
                return 401, "Unauthorized"
            arn = f"arn:aws:execute-api:{REGION}:{ACCOUNT_ID}:{self.routes.api_id}/live/$connect"
            said = self.lambdas(authorizer.function, {"type": "REQUEST", "methodArn": arn, **given, "requestContext": at_connect})
            if not _allows(said, arn):
                return 403, "Forbidden"
            context["authorizer"] = at_connect["authorizer"] = {"principalId": said["principalId"], **(said.get("context") or {})}
        if "$connect" in self.routes.functions:
            reply = self.lambdas(
                self.routes.functions["$connect"], {**given, "requestContext": at_connect, "isBase64Encoded": False}
            )
            status = int((reply or {}).get("statusCode", 500))
            if not 200 <= status < 300:
                return status, "Refused"
        return None

    def _listen(self, listener: _Listener, context: dict[str, Json]) -> None:
        connection = listener.connection
        while True:
            now = time.time()
            left = min(listener.last + self.idle_seconds, listener.began + LONGEST_SECONDS) - now
            try:
                if left <= 0:
                    connection.close(1001, "Going away")  # as API Gateway says it
                    return
                message = connection.recv(timeout=left)
            except TimeoutError:
                continue  # it may have been told something meanwhile
            except ConnectionClosed:
                return
            listener.last = time.time()
            body = message if isinstance(message, str) else message.decode(errors="replace")
            self._quietly("$default", {**context, "routeKey": "$default", "eventType": "MESSAGE"}, body=body)

    def _quietly(self, route: str, context: dict[str, Json], **more: Json) -> None:
        """Nobody waits for what a function answers to a message or a farewell."""
        function = self.routes.functions.get(route)
        if function is not None:
            try:
                self.lambdas(function, {"requestContext": context, "isBase64Encoded": False, **more})
            except Exception:  # noqa: BLE001 - it is in the function's log
                return

    def _context(self, request: BaseHTTPRequestHandler) -> dict[str, Json]:
        now = datetime.now(UTC)
        return {
            "messageDirection": "IN",
            "stage": "live",
            "apiId": self.routes.api_id,
            "domainName": f"{self.routes.api_id}.execute-api.{REGION}.amazonaws.com",
            "connectedAt": int(now.timestamp() * 1000),
            "requestTimeEpoch": int(now.timestamp() * 1000),
            "requestTime": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "requestId": uuid.uuid4().hex,
            "extendedRequestId": uuid.uuid4().hex,
            "identity": {"sourceIp": request.client_address[0], "userAgent": request.headers.get("User-Agent", "")},
        }

    # -- the functions' side ------------------------------------------------------------------------------------------

    def hook(self, request: Request) -> Reply | None:
        """API Gateway's @connections: POST tells a connection something, GET looks at it, DELETE closes it."""
        found = _CONNECTIONS.search(unquote(urlsplit(request.raw_url).path))
        if found is None:
            return None
        listener = self._listeners.get(found.group(1))
        if listener is None:
            return _error(410, "GoneException")
        match request.method:
            case "POST":
                return self._post(listener, request.get_data())
            case "DELETE":
                threading.Thread(target=listener.connection.close, args=(1000,), name="live-close", daemon=True).start()
                return 204, {}, b""
            case "GET":
                seen = {"connectedAt": _iso(listener.began), "lastActiveAt": _iso(listener.last)}
                return json_reply({**seen, "identity": {"sourceIp": listener.source, "userAgent": ""}})
        return _error(403, "ForbiddenException")

    def _post(self, listener: _Listener, data: bytes) -> Reply:
        if len(data) > MAX_MESSAGE:
            return _error(413, "PayloadTooLargeException")
        try:
            listener.connection.send(data.decode())
        except (ConnectionClosed, OSError):
            return _error(410, "GoneException")
        listener.last = time.time()
        return 200, {"content-length": "0"}, b""

    def stop(self) -> None:
        """Closes what is open."""
        for listener in list(self._listeners.values()):
            listener.connection.close(1001, "Going away")


def is_upgrade(request: BaseHTTPRequestHandler) -> bool:
    return urlsplit(request.path).path == PATH and request.headers.get("Upgrade", "").lower() == "websocket"


def _opened(request: BaseHTTPRequestHandler) -> Connection | None:
    """The request's socket as a WebSocket; None where the client does not go through with it."""
    request.close_connection = True
    request.connection.settimeout(None)
    # The HTTP server has read the head already: the protocol is given it anew.
    lines = [request.requestline, *(f"{name}: {value}" for name, value in request.headers.items()), "", ""]
    protocol = ServerProtocol(max_size=MAX_MESSAGE)
    protocol.receive_data("\r\n".join(lines).encode("latin-1"))
    for event in protocol.events_received():
        if isinstance(event, Handshake):
            protocol.send_response(protocol.accept(event))
    for data in protocol.data_to_send():
        request.connection.sendall(data)
    return Connection(request.connection, protocol) if protocol.state is State.OPEN else None


def _asked(request: BaseHTTPRequestHandler) -> dict[str, Json]:
    """Headers and query of a request as API Gateway's payload 1.0 has them."""
    query = parse_qs(urlsplit(request.path).query, keep_blank_values=True)
    names = dict.fromkeys(request.headers)
    headers = {name: request.headers.get_all(name, []) for name in names}
    return {
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()},
        "multiValueQueryStringParameters": query,
    }


def _allows(said: Json, arn: str) -> bool:
    """Whether a policy lets in; whatever is no policy does not."""
    document = said.get("policyDocument") if isinstance(said, dict) and said.get("principalId") else None
    statements = document.get("Statement", []) if isinstance(document, dict) else []
    return bool(statements) and all(
        each.get("Effect") == "Allow" and each.get("Action") == "execute-api:Invoke" and each.get("Resource") == arn
        for each in statements
    )


def _error(status: int, code: str) -> Reply:
    _, headers, body = json_reply({"message": code})
    return status, {**headers, "x-amzn-errortype": code}, body


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
