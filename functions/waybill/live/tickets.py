"""One-time tickets: who may read asks for one with his token, and comes in with it. A URL never holds what lasts."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from waybill.table import Table

LASTS = timedelta(seconds=60)
_SK = "TICKET"


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a ticket was given to."""

    name: str
    role: str


class Tickets:
    """The table has a ticket's hash alone: who reads the table cannot come in with what he finds."""

    def __init__(self, table: Table, *, now: Callable[[], datetime]) -> None:
        self._table, self._now = table, now

    def issue(self, holder: Holder) -> str:
        """A ticket of 256 random bits, good for once within a minute."""
        ticket = secrets.token_urlsafe(32)
        expires = int((self._now() + LASTS).timestamp())
        self._table.put({"pk": _key(ticket), "sk": _SK, "name": holder.name, "role": holder.role, "expires": expires})
        return ticket

    def take(self, ticket: str) -> Holder | None:
        """Whom it was given to; None where there is no such ticket, it is too old, or somebody has come in with it already."""
        found = self._table.take(_key(ticket), _SK)
        if found is None or found["expires"] <= self._now().timestamp():
            return None
        return Holder(found["name"], found["role"])


def _key(ticket: str) -> str:
    return f"TICKET#{hashlib.sha256(ticket.encode()).hexdigest()}"
