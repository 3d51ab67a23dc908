"""Keeps the audit: every request that may change something is written down before it is carried out, and what came of it after."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from waybill.api import roles
from waybill.api.identity import Caller, Event
from waybill.audit import Head, Record
from waybill.clock import iso
from waybill.errors import ServiceUnavailable
from waybill.files.urls import mask_in
from waybill.runs.store import RunStore
from waybill.table import ConditionFailed, Table
from waybill.telemetry import logger

_HEAD = ("AUDIT", "HEAD")
# How often a writer that met another one tries again.
_TRIES = 20
# Asked for by POST and changing nothing all the same. A ticket lets its holder read, and must stand nowhere.
_ONLY_READS = frozenset({"POST /api/verify", "POST /api/live/tickets", "POST /api/data/download"})
_LONGEST, _MOST = 300, 20  # characters of a value, values of a list
# What requests and replies of these routes hold that is nobody's to read, not even an auditor's.
_SECRET: Mapping[str, frozenset[str]] = {"/api/config/orgs": frozenset({"credentials", "code", "state", "authorize_url"})}

Json = Any
Reply = dict[str, Any]  # as API Gateway takes it


class Audit:
    """The records of a stage: a partition for each day, and the head of the chain."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def append(
        self,
        caller: Caller,
        *,
        now: datetime,
        action: str,
        resource: str,
        outcome: str,
        detail: Mapping[str, Json],
        of: int = 0,
    ) -> Record:
        """Writes a record behind all others. Raises ServiceUnavailable: then nothing is to be done, for nobody would know of it."""
        written: Record | None = None
        for _ in range(_TRIES):
            head = self.head()
            if written is not None and head.hash == written.hash:
                return written  # the reply was lost, the record was not
            written = Record(
                sequence=head.sequence + 1,
                at=max(iso(now), head.at),  # never before the one it follows, whatever the clocks of two functions say
                actor=caller.name,
                role=caller.role or "none",
                source=caller.source,
                action=action,
                resource=resource,
                outcome=outcome,
                detail=json.dumps(short(detail), sort_keys=True, ensure_ascii=False),
                of=of,
                previous=head.hash,
            ).sealed()
            if self._put(written, head):
                return written
        raise ServiceUnavailable("The audit cannot be written now, so nothing was done. Try again.")

    def _put(self, record: Record, head: Head) -> bool:
        moved = Head(record.sequence, record.hash, record.at, head.first_day or record.at[:10])
        item = {"pk": _day(record.at[:10]), "sk": f"{record.at}#{record.sequence:012d}", **asdict(record)}
        try:
            self._table.append(item, head={"pk": _HEAD[0], "sk": _HEAD[1], **asdict(moved)}, was=head.sequence)
        except (ConditionFailed, ServiceUnavailable):
            return False
        return True

    def head(self) -> Head:
        item = self._table.get(*_HEAD)
        return Head(**{name: item[name] for name in Head.__slots__}) if item else Head()

    def day(self, day: str, *, after: str | None, limit: int) -> Iterator[tuple[str, Record]]:
        """The records of a day (`2026-11-21`), oldest first, each with the key to go on behind."""
        for item in self._table.query(_day(day), after=after, limit=limit):
            yield item["sk"], Record.of_json(item)


def _day(day: str) -> str:
    return f"AUDIT#{day}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Auditor:
    """Writes down what one caller asks for."""

    audit: Audit
    store: RunStore
    caller: Caller
    now: Callable[[], datetime]

    def refused(self, event: Event, *, why: str) -> None:
        """Somebody has tried what he may not."""
        action, resource = _named(event)
        if _changes(action):
            self._append(action, resource, "refused", {"why": why})

    def carry_out(self, event: Event, act: Callable[[], Reply]) -> Reply:
        """Does `act`, between two records where it may change something."""
        action, resource = _named(event)
        if not _changes(action):
            return act()
        asked = self._append(
            action, resource, "asked", {"request": _hidden(_body(event), resource), "before": self._state(resource)}
        )
        reply = act()
        try:
            outcome = {"reply": _hidden(_loads(reply.get("body")), resource), "after": self._state(resource)}
            self._append(action, resource, str(reply["statusCode"]), outcome, of=asked.sequence)
        except ServiceUnavailable as error:  # what was asked for is done and written down: its outcome is in the run
            logger.error("outcome not audited", extra={"sequence": asked.sequence, "reason": str(error)})
        return reply

    def _append(self, action: str, resource: str, outcome: str, detail: Mapping[str, Json], *, of: int = 0) -> Record:
        return self.audit.append(
            self.caller, now=self.now(), action=action, resource=resource, outcome=outcome, detail=detail, of=of
        )

    def _state(self, resource: str) -> Json:
        """The run that a path names, as it is."""
        parts = resource.split("/")
        record = self.store.find(parts[3]) if parts[:3] == ["", "api", "runs"] and len(parts) > 3 else None  # noqa: PLR2004
        if record is None:
            return None
        approval = {"approval": record.approval.state} if record.approval else {}
        return {"status": record.status, "control": record.control, "phase": record.phase, **approval}


def _changes(action: str) -> bool:
    return not action.startswith("GET ") and action not in _ONLY_READS


def _named(event: Event) -> tuple[str, str]:
    """The route, as the table of roles names it, and the path."""
    method, path = roles.asked(event)
    return roles.route_of(method, path) or f"{method} unknown", path


def _body(event: Event) -> Json:
    query = event.get("queryStringParameters") or {}
    given = _loads(event.get("body"))
    return {**query, **given} if isinstance(given, dict) else query or given


def _hidden(value: Json, resource: str) -> Json:
    names = next((names for path, names in _SECRET.items() if resource.startswith(path)), frozenset[str]())
    if not names or not isinstance(value, dict):
        return value
    return {name: "***" if name in names else one for name, one in value.items()}


def _loads(text: object) -> Json:
    try:
        return json.loads(text) if isinstance(text, str) and text else None
    except (ValueError, RecursionError):
        return None


def short(value: Json, depth: int = 3) -> Json:
    """JSON cut to what a person needs to see: lists and texts at their beginning, nothing deeper than `depth`."""
    match value:
        case dict():
            return {str(name): short(one, depth - 1) for name, one in list(value.items())[:_MOST]} if depth else "..."
        case list() | tuple():
            kept = [short(one, depth - 1) for one in value[:_MOST]] if depth else ["..."]
            return kept + ([f"... {len(value) - _MOST} more"] if len(value) > _MOST else [])
        case str():
            shown = mask_in(value)  # a link may be the right to open it
            return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."
        case None | bool() | int() | float():
            return value
    return str(value)[:_LONGEST]
