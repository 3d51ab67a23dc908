"""The session token, shared by all containers: one logs in, the others wait and read."""

import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from waybill.errors import SalesforceUnavailable, ServiceUnavailable
from waybill.table import ConditionFailed, Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SESSION, _SK = "SESSION#salesforce", "TOKEN"
# A container that died while logging in blocks the others no longer than this.
LEASE_SECONDS = 60
_WAIT_SECONDS = 0.5
_WAITS = int(LEASE_SECONDS / _WAIT_SECONDS) * 3


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, the host it is good for, and a fingerprint of who logged in where, so that no other login takes it."""

    value: str = field(repr=False)
    instance: str
    identity: str


class TokenCache(Protocol):
    """Where the token is kept. `acquire` gives the right to log in to one caller at a time, and takes it back after a while."""

    def get(self) -> Token | None: ...

    def put(self, token: Token) -> None: ...

    def acquire(self) -> bool: ...

    def release(self) -> None: ...


class MemoryTokenCache:
    """Within one process."""

    def __init__(self) -> None:
        self._token: Token | None = None
        self._lease = threading.Lock()

    def get(self) -> Token | None:
        return self._token

    def put(self, token: Token) -> None:
        self._token = token

    def acquire(self) -> bool:
        return self._lease.acquire(blocking=False)

    def release(self) -> None:
        self._lease.release()


class DynamoTokenCache:
    """An item of the ledger's table. Whoever may read that table may use the token: the table is encrypted, its readers are ours.

    `org` names a connection beside the stage's own, which has an item for itself: two orgs would log each other out.
    """

    def __init__(self, *, client: "DynamoDBClient", table: str, org: str = "", now: Callable[[], float] = time.time) -> None:
        self._table = Table(client=client, name=table)
        self._pk = f"{_SESSION}#{org}" if org else _SESSION
        self._now = now
        self._holder = uuid.uuid4().hex

    def get(self) -> Token | None:
        item = self._table.get(self._pk, _SK)
        if not item or not item.get("token"):
            return None
        return Token(value=item["token"], instance=item["instance"], identity=item["identity"])

    def put(self, token: Token) -> None:
        self._table.update(
            self._pk,
            _SK,
            # TOKEN is a reserved word of DynamoDB.
            expression="SET #token = :token, #instance = :instance, #identity = :identity",
            names={"#token": "token", "#instance": "instance", "#identity": "identity"},
            values={":token": token.value, ":instance": token.instance, ":identity": token.identity},
        )

    def forget(self) -> None:
        """Nobody takes the token any more that is kept."""
        self.put(Token(value="", instance="", identity=""))

    def acquire(self) -> bool:
        now = int(self._now())
        try:
            self._table.update(
                self._pk,
                _SK,
                expression="SET lease_holder = :holder, lease_until = :until",
                values={":holder": self._holder, ":until": now + LEASE_SECONDS, ":now": now},
                condition="attribute_not_exists(lease_until) OR lease_until < :now",
            )
        except ConditionFailed:
            return False
        return True

    def release(self) -> None:
        # Another has the lease by now: then it is his. And one that cannot be given back ends by itself.
        with suppress(ConditionFailed, ServiceUnavailable):
            self._table.update(
                self._pk,
                _SK,
                expression="REMOVE lease_holder, lease_until",
                values={":holder": self._holder},
                condition="lease_holder = :holder",
            )


class TokenKeeper:
    """Gives the token, and renews it once however many threads and containers find it expired."""

    def __init__(self, *, cache: TokenCache, login: Callable[[], Token], identity: str, sleep: Callable[[float], None]) -> None:
        self._cache = cache
        self._login = login
        self._identity = identity
        self._sleep = sleep
        self._lock = threading.Lock()
        self._token: Token | None = None

    def current(self) -> Token:
        token = self._token
        return token if token is not None else self.renewed(stale=None)

    def renewed(self, *, stale: Token | None) -> Token:
        """A token other than `stale`: another's, or that of a new login. Raises SalesforceLoginFailed, SalesforceUnavailable."""
        with self._lock:
            if self._token is not None and self._token != stale:
                return self._token
            self._token = self._renew(stale)
            return self._token

    def _renew(self, stale: Token | None) -> Token:
        for _ in range(_WAITS):
            found = self._found(stale)
            if found is not None:
                return found
            if self._cache.acquire():
                try:
                    # Another may have logged in between the look and the lease.
                    return self._found(stale) or self._logged_in()
                finally:
                    self._cache.release()
            self._sleep(_WAIT_SECONDS)
        raise SalesforceUnavailable("Another task has been logging in to Salesforce for minutes. Try again.")

    def _logged_in(self) -> Token:
        token = self._login()
        self._cache.put(token)
        return token

    def _found(self, stale: Token | None) -> Token | None:
        token = self._cache.get()
        return token if token is not None and token.identity == self._identity and token != stale else None
