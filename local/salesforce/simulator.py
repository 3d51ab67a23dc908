"""The simulator as a whole: the org, its API, its faults and its call log, behind one HTTP server."""

import re
import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC
from email.utils import format_datetime
from types import TracebackType
from typing import Any, Self

from local.salesforce.calls import Call, Calls, template
from local.salesforce.errors import Fault
from local.salesforce.faults import Faults, Misbehaviour
from local.salesforce.messages import Reply, Request, failed
from local.salesforce.org import Clock, Org, utcnow
from local.salesforce.rest import NEWEST, OLDEST, RestApi
from local.salesforce.schema import Schema
from local.salesforce.server import Answer, Server
from local.salesforce.sessions import Sessions

_HTML = "<html><head><title>{0}</title></head><body><h1>{0}</h1>The service is temporarily unavailable.</body></html>"
_SOAP = re.compile(r"/services/Soap/u/(\d+\.\d)/?")
_OWN = "/_simulator/"


class SalesforceSimulator:
    """`with SalesforceSimulator() as salesforce:` or start() and stop().

    `api_limit` is the org's allowance of calls; `instance_url` is what a login names as the org's address, by default `url`.
    `number` tells the ids of one org from those of another.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        api_limit: int = 100_000,
        clock: Clock = utcnow,
        schema: Schema | None = None,
        instance_url: str | None = None,
        number: int = 0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._address = (host, port)
        self._sleep = sleep
        self._server: Server | None = None
        self._thread: threading.Thread | None = None
        self._usage_lock = threading.Lock()
        self.api_limit = api_limit
        self.api_used = 0
        self.org = Org(schema=schema, clock=clock, number=number)
        self.faults = Faults()
        self.calls = Calls()
        self.sessions = Sessions(self.org)
        self.sessions.instance_url = instance_url
        self._rest = RestApi(self.org, self.faults, lambda: (self.api_used, self.api_limit))

    @property
    def url(self) -> str:
        assert self._server is not None, "start() comes first"
        return f"http://{self._address[0]}:{self._server.server_address[1]}"

    @property
    def client_id(self) -> str:
        return self.sessions.client_id

    @property
    def client_secret(self) -> str:
        return self.sessions.client_secret

    def set_public_key(self, pem: str) -> None:
        """From now on the signature of a JWT bearer login is verified with it."""
        self.sessions.public_key = pem

    def start(self) -> Self:
        self._server = Server(self._address, self.answer, lambda: format_datetime(self.org.clock().astimezone(UTC), usegmt=True))
        self.sessions.url = self.url
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True, name="salesforce"
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """May be called twice."""
        if self._server is not None and self._thread is not None:
            self._server.close()
            self._thread.join()
            self._server = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def between(self, wrap: Callable[[Answer], Answer]) -> None:
        """Puts something between the org and its clients: it may count, answer by itself, or break off. After start()."""
        assert self._server is not None, "start() comes first"
        self._server.answer = wrap(self._server.answer)

    # -- answering ----------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply | None:
        if request.path.startswith(_OWN):
            return self._own(request)
        slow = self.faults.strike(Misbehaviour.SLOW, request.method, request.path)
        if slow:
            self._sleep(slow.seconds)
        is_write = self._rest.is_write(request)
        reply = self._broken(request) or self._answered(request)
        committed = is_write and reply.ok
        dropped = committed and self.faults.strike(Misbehaviour.DROP_AFTER_COMMIT, request.method, request.path) is not None
        self.calls.add(Call(request.method, template(request.path), 0 if dropped else reply.status, is_write))
        if dropped:
            return None
        if request.path.startswith("/services/data"):
            usage = {"Sforce-Limit-Info": f"api-usage={self.api_used}/{self.api_limit}"}
            return Reply(reply.status, reply.body, {**reply.headers, **usage})
        return reply

    def _broken(self, request: Request) -> Reply | None:
        struck = self.faults.strike(Misbehaviour.UNAVAILABLE, request.method, request.path)
        if struck is None:
            return None
        return Reply(
            struck.status, _HTML.format(f"{struck.status} Service Unavailable"), {"Content-Type": "text/html;charset=UTF-8"}
        )

    def _answered(self, request: Request) -> Reply:
        try:
            return self._routed(request)
        except Fault as fault:
            return failed(fault)
        except Exception:  # noqa: BLE001 - a mistake of the simulator's must be seen by the caller, not only in a dropped connection
            return failed(Fault("UNKNOWN_EXCEPTION", f"the simulator failed: {traceback.format_exc(limit=5)}"))

    def _routed(self, request: Request) -> Reply:
        soap = _SOAP.fullmatch(request.path)
        if soap and request.method == "POST":
            return self.sessions.soap(request, soap[1])
        match request.method, request.path.rstrip("/"):
            case "POST", "/services/oauth2/token":
                return self.sessions.token(request)
            case "GET", "/services/oauth2/authorize":
                return self.sessions.web.authorize(request, self.client_id)
            case "POST", "/services/oauth2/revoke":
                return self.sessions.web.revoke(request)
            case "GET", "/services/data":
                return Reply(
                    200,
                    [{"label": f"v{n}", "url": f"/services/data/v{n}.0", "version": f"{n}.0"} for n in range(OLDEST, NEWEST + 1)],
                )
            case method, path:
                self._admit(request)
                if (method, path) in {("GET", "/services/oauth2/userinfo"), ("POST", "/services/oauth2/userinfo")}:
                    return self.sessions.userinfo()
                return self._rest.dispatch(request)

    def _admit(self, request: Request) -> None:
        """The session first, then the org's allowance. Raises Fault."""
        if self.faults.strike(Misbehaviour.EXPIRE_TOKEN, request.method, request.path):
            self.sessions.expire_all()
        if not self.sessions.knows(request):
            raise Fault("INVALID_SESSION_ID", "Session expired or invalid")
        with self._usage_lock:
            exhausted = self.api_used >= self.api_limit
            self.api_used += 0 if exhausted else 1
        if exhausted or self.faults.strike(Misbehaviour.REQUEST_LIMIT, request.method, request.path):
            raise Fault("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")

    # -- its own switches ---------------------------------------------------------------------------------------------

    def _own(self, request: Request) -> Reply:
        try:
            return self._switched(request)
        except (Fault, TypeError, ValueError, re.error) as error:
            return Reply(400, {"error": str(error)})

    def _switched(self, request: Request) -> Reply:
        permissions = self.org.permissions
        match request.method, request.path.removeprefix(_OWN):
            case "GET", "faults":
                return Reply(200, self.faults.as_json())
            case "POST", "faults":
                self.faults.set_from_json(request.json_object())
                return Reply(201, self.faults.as_json())
            case "DELETE", "faults":
                self.faults.clear()
                return Reply(204)
            case "GET", "calls":
                return Reply(200, self.calls.as_json())
            case "DELETE", "calls":
                self.calls.reset()
                return Reply(204)
            case "PATCH", "permissions":
                return Reply(200, _set_permissions(permissions, request.json_object()))
            case _:
                return Reply(404, {"error": "there is /_simulator/faults, calls and permissions"})


def _set_permissions(permissions: Any, body: dict[str, Any]) -> dict[str, Any]:
    """`{"view_all": false, "hidden_fields": ["DocListEntry__c.URL__c"], ...}`"""
    for name, value in body.items():
        if name == "view_all" and isinstance(value, bool):
            permissions.view_all = value
        elif name in {"hidden_fields", "read_only_fields", "hidden_objects", "read_only_objects"} and isinstance(value, list):
            setattr(permissions, name, set(value))
        else:
            raise ValueError(f"unknown or of the wrong type: {name}")
    return {name: sorted(value) if isinstance(value, set) else value for name, value in vars(permissions).items()}
