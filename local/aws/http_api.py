"""The HTTP API on loopback: turns requests into API Gateway events (payload format 2.0) for the function behind a route."""

import base64
import json
import re
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from local.aws.cors import Cors
from local.aws.dispatch import ACCOUNT_ID
from local.aws.live_api import LiveApi, is_upgrade
from local.aws.pool import JwtAuthorizer, LocalPool
from local.aws.serving import Handler, Server, is_loopback

# JSON of events and replies.
Json = Any
MAX_BODY = 10 * 1024 * 1024  # API Gateway's limit, in bytes
_TEXT = re.compile(r"^(text/|application/(json|.*\+json|xml|javascript|x-www-form-urlencoded))", re.IGNORECASE)
API_ID = "local"
API = "/api"


class Site(Protocol):
    """What answers beside the API, with status, headers and body."""

    def __call__(
        self, method: str, path: str, *, header: Callable[[str], str | None], body: bytes, peer: tuple[str, int]
    ) -> tuple[int, Mapping[str, str], bytes]: ...


@dataclass(frozen=True, slots=True)
class ApiRoute:
    """A route of the template: `ANY /api/{proxy+}`. `method` is None for ANY, `pattern` for `$default`, `authorizer` for open ones."""

    key: str
    method: str | None
    pattern: re.Pattern[str] | None
    function: str
    authorizer: JwtAuthorizer | None

    @classmethod
    def of(cls, key: str, *, function: str, authorizer: JwtAuthorizer | None) -> "ApiRoute":
        if key == "$default":
            return cls(key, None, pattern=None, function=function, authorizer=authorizer)
        method, _, path = key.partition(" ")
        parts = []
        for part in path.strip("/").split("/"):
            name = re.fullmatch(r"\{([A-Za-z0-9_.\-]+?)(\+?)\}", part)
            inner = ".+" if name and name.group(2) else "[^/]+"
            parts.append(f"(?P<{name.group(1)}>{inner})" if name else re.escape(part))
        return cls(
            key,
            None if method == "ANY" else method,
            pattern=re.compile("^/" + "/".join(parts) + "/?$"),
            function=function,
            authorizer=authorizer,
        )

    @property
    def rank(self) -> tuple[bool, bool, int, bool]:
        """API Gateway takes the most specific route: full paths, then `{name}`, then `{proxy+}`, then `$default`."""
        return (self.pattern is None, "+}" in self.key, self.key.count("{"), self.method is None)


@dataclass
class HttpApi:
    """The server. `lambdas(arn, payload)` invokes; `pool` checks the tokens of those routes that want one; `site` answers elsewhere;
    `live` takes WebSockets.
    """

    routes: Sequence[ApiRoute]
    lambdas: Callable[[str, Json], Json]
    pool: LocalPool
    cors: Cors | None = None
    site: Site | None = None
    live: LiveApi | None = None
    _server: "Listener | None" = None

    def start(self, *, port: int = 0, on: "Listener | None" = None) -> None:
        """Listens on loopback, on any free port if 0, or `on` one taken before. Raises OSError where the port is taken."""
        self._server = on or Listener(port)
        self._server.api = self
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="http-api", daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def url(self) -> str:
        if self._server is None:
            raise RuntimeError("The HTTP API is not running.")
        return self._server.url

    def route(self, method: str, path: str) -> tuple[ApiRoute, dict[str, str]] | None:
        """The route of a request and its path parameters."""
        for route in sorted(self.routes, key=lambda route: route.rank):
            if route.method in (None, method):
                found = route.pattern.match(path) if route.pattern else None
                if found or route.pattern is None:
                    return route, {name: unquote(value) for name, value in found.groupdict().items()} if found else {}
        return None


class Listener(Server):
    """A port that is taken before there is an API: others are told where it will be. Requests wait until then."""

    api: HttpApi

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(Handler):
    server: Listener

    def _serve(self) -> None:
        api, path = self.server.api, urlsplit(self.path).path
        if not is_loopback(self.headers.get("Host", "")):
            return self._problem(403, "Forbidden", "This host name is not this machine.")
        if api.cors is not None and api.cors.is_preflight(self.command, self.headers.get):
            return self._send(204, api.cors.preflight(self.headers.get), b"")
        if api.live is not None and is_upgrade(self):
            refused = api.live.serve(self)
            return None if refused is None else self._problem(refused[0], "Refused", refused[1])
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._problem(411, "InvalidInput", "Send a Content-Length.")
        if int(length) > MAX_BODY:
            return self._problem(413, "InvalidInput", f"The limit is {MAX_BODY} bytes.")
        body = self.rfile.read(int(length))
        if api.site is not None and path != API and not path.startswith(f"{API}/"):
            given = self.headers.get
            return self._send(*api.site(self.command, unquote(path), header=given, body=body, peer=self.client_address))
        found = api.route(self.command, path)
        if found is None:
            return self._problem(404, "NotFound", f"No route for {self.command} {path}.")
        route, parameters = found
        claims = self._claims(route)
        if claims is None:
            return self._problem(401, "Unauthenticated", "Send a token of local.json: `Authorization: Bearer <token>`.")
        try:
            reply = api.lambdas(route.function, self._event(route, parameters, body, claims=claims))
        except Exception as error:  # noqa: BLE001 - API Gateway answers 500 whatever the function raised
            return self._problem(500, "InternalError", f"The function failed: {error}")
        return self._send(*unpack(reply))

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = do_PATCH = _serve  # noqa: N815 - http.server's names

    def _claims(self, route: ApiRoute) -> Mapping[str, str] | None:
        """What the token says; nothing where the route wants none; None where the request is not to pass."""
        if route.authorizer is None:
            return {}
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        return self.server.api.pool.claims(token, route.authorizer) if scheme.lower() == "bearer" else None

    def _event(self, route: ApiRoute, parameters: Mapping[str, str], body: bytes, *, claims: Mapping[str, str]) -> Json:
        parts = urlsplit(self.path)
        now = datetime.now(UTC)
        names = list(dict.fromkeys(name.lower() for name in self.headers))
        query: dict[str, list[str]] = {}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            query.setdefault(name, []).append(value)
        headers = {name: ",".join(self.headers.get_all(name, [])) for name in names if name not in ("cookie", "authorization")}
        text = _as_text(body, headers.get("content-type", "application/json"))
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": route.key,
            "rawPath": unquote(parts.path),
            "rawQueryString": parts.query,
            "cookies": [cookie.strip() for cookie in self.headers.get("Cookie", "").split(";") if cookie.strip()],
            "headers": headers,
            "queryStringParameters": {name: ",".join(values) for name, values in query.items()},
            "pathParameters": dict(parameters),
            "requestContext": {
                "accountId": ACCOUNT_ID,
                "apiId": API_ID,
                "domainName": "127.0.0.1",
                "domainPrefix": "127",
                "http": {
                    "method": self.command,
                    "path": unquote(parts.path),
                    "protocol": self.request_version,
                    "sourceIp": self.client_address[0],
                    "userAgent": self.headers.get("User-Agent", ""),
                },
                "requestId": uuid.uuid4().hex,
                "routeKey": route.key,
                "stage": "$default",
                "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
                "timeEpoch": int(now.timestamp() * 1000),
            },
            "isBase64Encoded": text is None,
        }
        if claims:
            event["requestContext"]["authorizer"] = {"jwt": {"claims": dict(claims), "scopes": None}}
        if body:
            event["body"] = base64.b64encode(body).decode() if text is None else text
        for name in ("cookies", "queryStringParameters", "pathParameters"):
            if not event[name]:
                del event[name]
        return event

    def _problem(self, status: int, name: str, detail: str) -> None:
        """`name`: the error's class, as the API's own problem details have it."""
        told = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, "class": name}
        if status in (411, 413):
            self.close_connection = True  # the body was not read
        more = {"www-authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
        self._send(
            status, {"content-type": "application/problem+json", "cache-control": "no-store", **more}, json.dumps(told).encode()
        )

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        cors = self.server.api.cors
        more = {"x-content-type-options": "nosniff", **(cors.reply(self.headers.get) if cors is not None else {})}
        self.send_response(status)
        for name, value in {**headers, **more}.items():
            for one in value.split("\n"):
                self.send_header(name, one)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _as_text(body: bytes, content_type: str) -> str | None:
    """The body as API Gateway hands it over in plain, or None where it would encode it in base64."""
    if not _TEXT.match(content_type):
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def unpack(reply: Json) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a function's reply; one without a statusCode is a 200 with the reply as JSON."""
    if not isinstance(reply, dict) or "statusCode" not in reply:
        return 200, {"content-type": "application/json"}, json.dumps(reply).encode()
    headers = {str(name).lower(): str(value) for name, value in (reply.get("headers") or {}).items()}
    for name, values in (reply.get("multiValueHeaders") or {}).items():
        headers[str(name).lower()] = ",".join(str(value) for value in values)
    if reply.get("cookies"):
        headers["set-cookie"] = "\n".join(reply["cookies"])
    headers.pop("content-length", None)
    headers.setdefault("content-type", "application/json")
    body = reply.get("body") or ""
    return int(reply["statusCode"]), headers, base64.b64decode(body) if reply.get("isBase64Encoded") else str(body).encode()
