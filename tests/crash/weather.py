"""Faults by seed: which calls and invocations go wrong, and how. What happens to a call depends on the seed and its name alone."""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from local.aws.dispatch import Headers, Reply
from local.aws.endpoint import Dispatch
from local.salesforce.messages import Reply as SalesforceReply
from local.salesforce.messages import Request
from local.salesforce.server import Answer
from local.salesforce.simulator import SalesforceSimulator
from tests.crash import calls
from tests.crash.asked import AwsRequest
from waybill.aws.transport import NoReply

# The functions' requests carry this session token; those of the tests and of Step Functions do not, and nothing befalls them.
TOKEN = "functions"


class Kind(StrEnum):
    """What goes wrong. To be read in the table."""

    THROTTLED = "throttling"
    ERROR = "5xx"
    TIMED_OUT = "no reply in time, nothing done"
    RESET = "connection reset, nothing done"
    TRUNCATED = "body cut off"
    LOST = "reply lost after the effect"
    EXPIRED = "expired token"
    ROW_LOCK = "rows locked"
    QUOTA = "daily quota used up"
    DUPLICATE = "invoked twice, one after the other"
    TWICE = "two tasks on one piece at the same time"
    LATE = "invoked again, much later"
    DEAD = "task done, its answer lost"
    STALE = "holder of the lock stands still and wakes up under its successor"


_AWS = (Kind.THROTTLED, Kind.ERROR, Kind.TIMED_OUT, Kind.RESET, Kind.TRUNCATED, Kind.LOST)
_SALESFORCE = (*_AWS, Kind.EXPIRED, Kind.ROW_LOCK)
_INVOCATION = (Kind.DUPLICATE, Kind.TWICE, Kind.LATE, Kind.DEAD, Kind.STALE)
# Of a hundred faults at AWS, or at Salesforce, so many are of a kind that ends a task or a run.
_RARE = {"AWS": (1, Kind.EXPIRED), "Salesforce": (3, Kind.QUOTA)}
_CODES = {
    "S3": ("SlowDown", "InternalError", "ExpiredToken"),
    "DynamoDB": ("ThrottlingException", "InternalServerError", "ExpiredTokenException"),
}
_OTHERS = ("ThrottlingException", "InternalFailure", "ExpiredTokenException")


@dataclass
class Weather:
    """`share` of all calls, and of all invocations, go wrong. `fair`: nothing does, from now on. May be used from any thread.

    `stale`: so many more holders of the lock stand still. Each ends an execution, and a large job has more invocations than one
    execution would ever get through otherwise.
    """

    seed: int
    share: float
    fair: bool = False
    stale: int = 0
    befell: Counter[tuple[Kind, str]] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    _seen: Counter[tuple[str, ...]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def _drawn(self, *name: str) -> tuple[float, float]:
        """Two numbers from 0 up to 1, the same for the same name, and others for its next time."""
        with self._lock:
            self._seen[name] += 1
            text = f"{self.seed}|{'|'.join(name)}|{self._seen[name]}"
        digest = hashlib.sha256(text.encode()).digest()
        return int.from_bytes(digest[:6], "big") / 2**48, int.from_bytes(digest[6:12], "big") / 2**48

    def _kind(self, where: str, kinds: Sequence[Kind], *name: str, rare: str = "") -> Kind | None:
        with self._lock:
            self.asked[where] += 1
        strikes, which = self._drawn(where, *name)
        if self.fair or strikes >= self.share:
            return None
        kind = kinds[int(which * len(kinds))]
        if rare and which * 100 % 1 < _RARE[rare][0] / 100:
            kind = _RARE[rare][1]
        with self._lock:
            self.befell[kind, where] += 1
        return kind

    # -- AWS ----------------------------------------------------------------------------------------------------------

    def over_aws(self, answer: Dispatch) -> Dispatch:
        def dispatch(method: str, url: str, headers: Headers, body: bytes) -> Reply | None:
            given = {name.lower(): _text(value) for name, value in headers.items()}
            if given.get("x-amz-security-token") != TOKEN:
                return answer(method, url, headers, body)
            data = body if isinstance(body, bytes) else (body or "").encode() if isinstance(body, str | None) else b""
            service, operation, target = calls.of_aws(method, url, given, data)
            kind = self._kind(service, _AWS, operation, target, rare="AWS")
            if kind is None:
                return answer(method, url, headers, body)
            asked = AwsRequest(method, url, headers, body)
            return _struck_aws(kind, service, operation, asked=asked, answer=answer, own="user-agent" not in given)

        return dispatch

    # -- Salesforce ---------------------------------------------------------------------------------------------------

    def over_salesforce(self, simulator: SalesforceSimulator) -> None:
        def between(answer: Answer) -> Answer:
            def reply(request: Request) -> SalesforceReply | None:
                _, operation, target = calls.of_salesforce(request)
                kinds = (
                    _SALESFORCE
                    if calls.updated_rows(request)
                    else tuple(kind for kind in _SALESFORCE if kind is not Kind.ROW_LOCK)
                )
                kind = self._kind("Salesforce", kinds, operation, target, rare="Salesforce")
                if kind is None:
                    return answer(request)
                return _struck_salesforce(kind, request, answer, simulator)

            return reply

        simulator.between(between)

    # -- invocations --------------------------------------------------------------------------------------------------

    def over_invocation(self, function: str) -> Kind | None:
        kind = self._kind("Lambda", _INVOCATION if self.stale > 0 else _INVOCATION[:-1], function)
        self.stale -= kind is Kind.STALE
        return kind


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _struck_aws(kind: Kind, service: str, operation: str, *, asked: AwsRequest, answer: Dispatch, own: bool) -> Reply | None:
    codes = _CODES.get(service, _OTHERS)
    match kind:
        case Kind.THROTTLED:
            return _error(service, 503 if service == "S3" else 400, codes[0], head=asked.method == "HEAD")
        case Kind.ERROR:
            return _error(service, 500, codes[1], head=asked.method == "HEAD")
        case Kind.EXPIRED:
            return _error(service, 400, codes[2], head=asked.method == "HEAD")
        case Kind.TIMED_OUT:
            raise NoReply("no answer in time") if own else ReadTimeoutError(endpoint_url=asked.url)
        case Kind.RESET:
            raise NoReply("reset by peer") if own else ConnectionClosedError(endpoint_url=asked.url)
    reply = answer(asked.method, asked.url, asked.headers, asked.body)
    if kind is Kind.TRUNCATED and operation == "GetObject" and reply is not None and not own and len(reply[2]) > 1:
        status, headers, body = reply
        return status, {**headers, "content-length": str(len(body))}, body[: len(body) // 2]
    raise NoReply("broke off") if own else ConnectionClosedError(endpoint_url=asked.url)


def _error(service: str, status: int, code: str, *, head: bool) -> Reply:
    if service == "S3":
        body = "" if head else f"<Error><Code>{code}</Code><Message>by the soak</Message></Error>"
        return status, {"content-type": "application/xml"}, body.encode()
    return status, {"content-type": "application/x-amz-json-1.1"}, json.dumps({"__type": code, "message": "by the soak"}).encode()


def _struck_salesforce(kind: Kind, request: Request, answer: Answer, simulator: SalesforceSimulator) -> SalesforceReply | None:
    match kind:
        case Kind.THROTTLED:
            return SalesforceReply(503, [{"errorCode": "SERVER_UNAVAILABLE", "message": "by the soak"}], {"Retry-After": "1"})
        case Kind.ERROR:
            return SalesforceReply(502, "<html><body>Bad Gateway</body></html>")
        case Kind.TIMED_OUT | Kind.RESET:
            return None
        case Kind.QUOTA:
            return SalesforceReply(403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}])
        case Kind.EXPIRED:
            simulator.sessions.expire_all()
            return answer(request)
        case Kind.ROW_LOCK:
            return _with_locked_rows(request, answer, simulator)
    reply = answer(request)
    if kind is Kind.TRUNCATED and reply is not None:
        data = reply.encoded()[0].decode()
        return SalesforceReply(
            reply.status, data[: len(data) // 2], {**reply.headers, "Content-Type": "application/json;charset=UTF-8"}
        )
    return None


def _with_locked_rows(request: Request, answer: Answer, simulator: SalesforceSimulator) -> SalesforceReply | None:
    """Each third row of an update is locked, this once."""
    ids = [record for record, _ in calls.updated_rows(request)][::3]
    if ids:
        simulator.faults.lock_rows(1, ids=ids)
    try:
        return answer(request)
    finally:
        if ids:
            simulator.faults.clear()
