"""Signed calls of one service: attempts with back-off, the clock set right, credentials renewed."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from waybill.aws.signing import EMPTY_SHA256, Keys, Signer
from waybill.aws.transport import NoReply, Origin, Sender
from waybill.aws.wire import Reply, request_head
from waybill.clock import sleep
from waybill.errors import ServiceUnavailable

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds: the bounds of the first pause, and of any
SKEW_ALLOWED = 30.0  # seconds: AWS allows fifteen minutes; a clock that is further off is set by the reply's date


class ClockSkewed(ServiceUnavailable):
    """The service says that our clock is wrong."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a call is made, and how it waits in between: a random time below a bound that doubles ("full jitter")."""

    attempts: int
    sleep: Callable[[float], None] = sleep
    chance: Callable[[], float] = random.random

    def pause(self, attempt: int) -> None:
        """After attempt number `attempt`, counted from 0."""
        self.sleep(self.chance() * min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt))


class Caller:
    """Calls one service in one region. Thread-safe."""

    def __init__(
        self,
        *,
        signer: Signer,
        credentials: Callable[[], Keys],
        sender: Sender,
        patience: Patience,
        clock: Callable[[], float] = time.time,
        hashes_header: bool = False,
    ) -> None:
        """`hashes_header`: the body's hash is sent as well, as S3 wants it."""
        self._signer, self._credentials, self._sender, self._patience = signer, credentials, sender, patience
        self._clock, self._hashes_header = clock, hashes_header
        self._skew = 0.0
        self._stamp = (0, "")

    def call(
        self,
        origin: Origin,
        method: str,
        path: str,
        *,
        judge: Callable[[Reply], Exception | None],
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        payload: str = EMPTY_SHA256,
        each: Callable[[], None] | None = None,
    ) -> Reply:
        """The reply, which `judge` finds no fault with. `payload`: the body's SHA-256 in hex; `each` is called for each attempt.

        Raises what `judge` finds; ServiceUnavailable only after all attempts, also where no reply came.
        """
        given = self._given(origin, headers, payload)
        target = f"{path}?{query}" if query else path
        attempt, clock_set = 0, False
        while True:
            signed = self._signed(given, method, path, query=query, payload=payload)
            error: Exception | None
            try:
                if each is not None:
                    each()
                reply = self._sender.send(origin, method, target, headers=signed, body=body)
            except NoReply as silence:
                error = ServiceUnavailable(str(silence))
                error.__cause__ = silence
            else:
                error = judge(reply)
                if error is None:
                    return reply
                if isinstance(error, ClockSkewed) and not clock_set:
                    clock_set = True
                    if self._set_clock(reply):
                        continue
            attempt += 1
            if not isinstance(error, ServiceUnavailable) or attempt >= self._patience.attempts:
                raise error
            self._patience.pause(attempt - 1)

    def request(self, origin: Origin, method: str, path: str, *, headers: Mapping[str, str]) -> bytes:
        """A request without a body, signed, as it goes on the wire: for who sends it by other means. Raises ValueError."""
        given = self._given(origin, headers, EMPTY_SHA256)
        return request_head(method, path, self._signed(given, method, path, query="", payload=EMPTY_SHA256), length=0)

    def _given(self, origin: Origin, headers: Mapping[str, str] | None, payload: str) -> dict[str, str]:
        given = dict(headers) if headers else {}
        given["host"] = origin.host
        if self._hashes_header:
            given["x-amz-content-sha256"] = payload
        return given

    def _signed(self, given: dict[str, str], method: str, path: str, *, query: str, payload: str) -> dict[str, str]:
        keys = self._credentials()
        headers = given.copy()
        headers["x-amz-date"] = stamp = self._now()
        if keys.session_token:
            headers["x-amz-security-token"] = keys.session_token
        headers["authorization"] = self._signer.authorization(
            keys, method, path, query=query, headers=headers, payload=payload, stamp=stamp
        )
        return headers

    def _now(self) -> str:
        """The time as signatures have it; made once a second."""
        second = int(self._clock() + self._skew)
        known, stamp = self._stamp
        if known != second:
            stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
            self._stamp = (second, stamp)
        return stamp

    def _set_clock(self, reply: Reply) -> bool:
        """Takes the service's time for ours; False where they agree, so that the time is not what is wrong."""
        try:
            theirs = parsedate_to_datetime(reply.headers.get("date", "")).timestamp()
        except ValueError:
            return False
        skew = theirs - self._clock()
        if abs(skew - self._skew) < SKEW_ALLOWED:
            return False
        self._skew = skew
        return True
