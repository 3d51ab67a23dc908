"""The events of a stage in the table: numbered without gaps, told once, to be read again by whoever was away."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from waybill.clock import iso
from waybill.live.events import Event, EventType, Model
from waybill.runs.model import RunKind
from waybill.table import Item, Table

# How long the stage's own list goes back; a run's events stay as long as the run's records.
KEPT = timedelta(days=30)
# Events of one transaction: each is an item of its run and one of the stage, may end a step, and 100 items is DynamoDB's limit.
AT_ONCE = 30
_HEAD = ("LIVE", "HEAD")
_STAGE = "LIVE#EVENTS"
_RUN_HEAD, _EVENT, _TOLD = "LIVE", "EVENT#", "TOLD#"


@dataclass(frozen=True, slots=True)
class Head:
    """What has been told of a run. `version` counts the writes, `events` the events.

    `progress` is the last one, `percent` what it said; `ended`: the end that was told; `problems`: how many files or rows with
    trouble there were when trouble was last looked for; `troubles`: how many were told of.
    """

    version: int = 0
    events: int = 0
    looked_at: str = ""
    fence: int = 0
    progress: str = ""
    percent: int = 0
    phase: str = ""
    ended: str = ""
    problems: int = 0
    troubles: int = 0


@dataclass(frozen=True, slots=True)
class News:
    """What is to be told of a run: events, at most AT_ONCE; the steps whose trouble is among them; the head that comes of it."""

    told: Sequence[tuple[EventType, Model]]
    steps: Sequence[str]
    head: Head


class Feed:
    """Events are written once, together with the head that has their number: whoever meets another writer looks again."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def head(self, run_id: str) -> Head:
        item = self._table.get(_run(run_id), _RUN_HEAD)
        return Head(item["v"], **{name: item[name] for name in Head.__slots__[1:]}) if item else Head()

    def append(self, run_id: str, news: News, *, kind: RunKind, was: Head, now: datetime) -> list[Event]:
        """Numbers and writes events of a run.

        Raises ConditionFailed where somebody else has written meanwhile, ServiceUnavailable where he is about to.
        """
        last = self.last()
        events = [
            Event(
                sequence=last + n,
                run_sequence=was.events + n,
                type=named,
                time=iso(now),
                run_id=run_id,
                kind=kind,
                data=data,
            )
            for n, (named, data) in enumerate(news.told, 1)
        ]
        expires = int((now + KEPT).timestamp())
        items: list[tuple[Item, int]] = [({"pk": _run(run_id), "sk": f"{_TOLD}{step}"}, 0) for step in news.steps]
        for event in events:
            key, body = _key(event.sequence), event.model_dump_json()
            items.append(({"pk": _run(run_id), "sk": key, "event": body}, 0))
            items.append(({"pk": _STAGE, "sk": key, "event": body, "expires": expires}, 0))
        fields = asdict(replace(news.head, events=was.events + len(events)))
        fields["v"] = fields.pop("version") + 1
        items.append(({"pk": _run(run_id), "sk": _RUN_HEAD, **fields}, was.version))
        if events:
            items.append(({"pk": _HEAD[0], "sk": _HEAD[1], "v": last + len(events)}, last))
        self._table.put_together(items)
        return events

    def last(self) -> int:
        """The number of the stage's latest event; 0 before the first."""
        item = self._table.get(*_HEAD)
        return int(item["v"]) if item else 0

    def told_steps(self, run_id: str) -> set[str]:
        return {item["sk"].removeprefix(_TOLD) for item in self._table.query(_run(run_id), prefix=_TOLD, fields=("sk",))}

    def of_run(self, run_id: str, *, after: int, limit: int) -> list[Event]:
        """Events of a run behind the stage's number `after`, in order."""
        return self._read(_run(run_id), after=after, limit=limit)

    def of_stage(self, *, after: int, limit: int) -> list[Event]:
        return self._read(_STAGE, after=after, limit=limit)

    def _read(self, pk: str, *, after: int, limit: int) -> list[Event]:
        found = self._table.query(pk, prefix=_EVENT, after=_key(after), limit=limit)
        return [Event.model_validate_json(item["event"]) for item in found]


def _run(run_id: str) -> str:
    return f"RUN#{run_id}"


def _key(sequence: int) -> str:
    return f"{_EVENT}{sequence:012d}"
