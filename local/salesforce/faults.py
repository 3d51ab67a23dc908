"""Switches that make the simulated org misbehave, in process or by HTTP."""

import re
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from local.salesforce.errors import Fault


class Misbehaviour(StrEnum):
    FAIL_ROWS = "fail_rows"
    DROP_ROWS = "drop_rows"
    FAIL_JOB = "fail_job"
    UNAVAILABLE = "unavailable"
    REQUEST_LIMIT = "request_limit"
    EXPIRE_TOKEN = "expire_token"
    DROP_AFTER_COMMIT = "drop_after_commit"
    SLOW = "slow"


@dataclass
class Switch:
    """One misbehaviour. `method` and `path` (a regular expression, searched in the path without its query) narrow the calls.

    Rows that a bulk job writes are those of the call that uploads them: PUT `jobs/ingest/{id}/batches`.
    """

    kind: Misbehaviour
    # How often; None: until cleared. For rows: how often for each row.
    times: int | None = 1
    method: str | None = None
    path: str | None = None
    # Rows: these ids (15 characters), of a row that is inserted those of its parents; empty: any.
    keys: frozenset[str] = frozenset()
    # Rows: of this object only.
    sobject: str | None = None
    code: str = "UNABLE_TO_LOCK_ROW"
    message: str = "unable to obtain exclusive access to this record"
    status: int = 503
    seconds: float = 0.0
    # This many matching calls pass unharmed first.
    after: int = 0
    _rows: Counter[str] = field(default_factory=Counter)

    def matches(self, method: str, path: str) -> bool:
        return self.method in {None, method} and (self.path is None or re.search(self.path, path) is not None)

    def concerns(self, sobject: str) -> bool:
        return self.sobject is None or self.sobject.lower() == sobject.lower()

    def spent(self) -> bool:
        return self.times is not None and self.times <= 0

    def as_json(self) -> dict[str, object]:
        shown = {"kind": self.kind.value, "times": self.times, "method": self.method, "path": self.path, "after": self.after}
        rows = {"ids": sorted(self.keys), "sobject": self.sobject, "code": self.code}
        return {**shown, **rows, "status": self.status, "seconds": self.seconds}


class Faults:
    """May be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._switches: list[Switch] = []

    # -- setting ------------------------------------------------------------------------------------------------------

    def lock_rows(
        self,
        times: int | None = 1,
        *,
        ids: Iterable[str] = (),
        method: str | None = None,
        path: str | None = None,
        sobject: str | None = None,
        by_flow: bool = False,
    ) -> None:
        """The first `times` tries to change each row are UNABLE_TO_LOCK_ROW; `by_flow` wraps it as a flow's failure does."""
        code, message = "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records"
        if by_flow:
            message = f"The flow failed to access the value: {code}: {message}"
            code = "CANNOT_EXECUTE_FLOW_TRIGGER"
        self.fail_rows(code, message, times, ids=ids, method=method, path=path, sobject=sobject)

    def fail_rows(
        self,
        code: str,
        message: str,
        times: int | None = 1,
        *,
        ids: Iterable[str] = (),
        method: str | None = None,
        path: str | None = None,
        sobject: str | None = None,
    ) -> None:
        """Any other error of a row."""
        keys = frozenset(record_id[:15] for record_id in ids)
        self._add(Switch(Misbehaviour.FAIL_ROWS, times, method, path, keys, sobject, code, message))

    def drop_rows(self, times: int | None = 1, *, sobject: str | None = None, after: int = 0, path: str | None = None) -> None:
        """So many rows are said to be inserted, and are not there: `after` so many that are."""
        self._add(Switch(Misbehaviour.DROP_ROWS, times, None, path, sobject=sobject, after=after))

    def fail_job(self, *, after: int, times: int | None = 1, sobject: str | None = None) -> None:
        """A bulk job is given up after so many of its rows."""
        self._add(Switch(Misbehaviour.FAIL_JOB, times, sobject=sobject, after=after))

    def unavailable(
        self, times: int | None = 1, *, status: int = 503, method: str | None = None, path: str | None = None
    ) -> None:
        """5xx with a body in HTML."""
        self._add(Switch(Misbehaviour.UNAVAILABLE, times, method, path, status=status))

    def request_limit(self, times: int | None = 1, *, method: str | None = None, path: str | None = None) -> None:
        self._add(Switch(Misbehaviour.REQUEST_LIMIT, times, method, path))

    def expire_token(self, after: int = 0, *, times: int | None = 1) -> None:
        """After this many further REST calls all tokens issued so far are worthless."""
        self._add(Switch(Misbehaviour.EXPIRE_TOKEN, times, after=after))

    def drop_after_commit(self, times: int | None = 1, *, method: str | None = None, path: str | None = None) -> None:
        """The write is done, and the connection closes without a reply."""
        self._add(Switch(Misbehaviour.DROP_AFTER_COMMIT, times, method, path))

    def slow(self, seconds: float, times: int | None = None, *, method: str | None = None, path: str | None = None) -> None:
        self._add(Switch(Misbehaviour.SLOW, times, method, path, seconds=seconds))

    def set_from_json(self, body: Mapping[str, Any]) -> None:  # Any: JSON
        """`{"kind", "times", "method", "path", "ids", "sobject", "code", "message", "status", "seconds", "after"}`. Raises ValueError."""
        known = {"times", "method", "path", "sobject", "code", "message", "status", "seconds", "after"}
        unknown = body.keys() - known - {"kind", "ids"}
        if unknown:
            raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
        numbers = [body.get(name, 0) for name in ("times", "after", "seconds", "status")]
        if not all(value is None or (isinstance(value, int | float) and value >= 0) for value in numbers):
            raise ValueError("times, after, seconds and status are numbers")
        keys = frozenset(str(record_id)[:15] for record_id in body.get("ids", []))
        settings = {name: value for name, value in body.items() if name in known}
        self._add(Switch(Misbehaviour(str(body.get("kind"))), keys=keys, **settings))

    def clear(self) -> None:
        with self._lock:
            self._switches.clear()

    def as_json(self) -> list[dict[str, object]]:
        with self._lock:
            return [switch.as_json() for switch in self._switches]

    def _add(self, switch: Switch) -> None:
        if switch.path is not None:
            re.compile(switch.path)
        with self._lock:
            self._switches.append(switch)

    # -- asking -------------------------------------------------------------------------------------------------------

    def concern_rows(self) -> bool:
        """Whether any switch is about rows: looking at a row closely takes time."""
        with self._lock:
            return any(switch.kind in {Misbehaviour.FAIL_ROWS, Misbehaviour.DROP_ROWS} for switch in self._switches)

    def strike(self, kind: Misbehaviour, method: str, path: str, *, sobject: str = "") -> Switch | None:
        """The switch that hits this call or row, which is then counted."""
        with self._lock:
            for switch in self._switches:
                if switch.kind is not kind or switch.spent() or not switch.matches(method, path) or not switch.concerns(sobject):
                    continue
                if switch.after > 0:
                    switch.after -= 1
                    continue
                if switch.times is not None:
                    switch.times -= 1
                self._switches = [other for other in self._switches if not other.spent()]
                return switch
        return None

    def check_row(self, method: str, path: str, row: str, *, sobject: str, parents: Iterable[str] = ()) -> None:
        """Raises Fault where a switch hits the row: an id, or of a row that is inserted something that tells it from others."""
        keys = {row[:15], *(parent[:15] for parent in parents)}
        with self._lock:
            for switch in self._switches:
                if switch.kind is not Misbehaviour.FAIL_ROWS or not switch.matches(method, path) or not switch.concerns(sobject):
                    continue
                if switch.keys and not switch.keys & keys:
                    continue
                if switch.times is None or switch._rows[row] < switch.times:  # noqa: SLF001 - its own
                    switch._rows[row] += 1  # noqa: SLF001 - its own
                    raise Fault(switch.code, switch.message, fields=[])
