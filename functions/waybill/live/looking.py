"""Looks at a run and tells what is new of it: never what an event says, always what the facts say by now.

So a doubled event tells nothing twice, a lost one is made good by the next, and the run's end tells whatever is left.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from waybill.api.progress import delta_of, so_far
from waybill.clock import iso, parse_iso
from waybill.errors import ServiceUnavailable
from waybill.live.events import ENDED, Event, EventType, Model, complete_of, progress_of, trouble_of
from waybill.live.feed import AT_ONCE, Feed, Head, News
from waybill.live.troubles import StepTrouble, at_the_end, troubles_of
from waybill.runs.model import RunKind, RunRecord, RunView
from waybill.runs.store import RunStore
from waybill.runs.work import WorkBucket
from waybill.table import ConditionFailed

# A run is looked at again after a hundredth of the time that it has taken so far, within these bounds, in seconds: a small run
# is followed closely, and a large one, which takes long to add up, costs little.
SHORTEST, LONGEST, SHARE = 0.2, 15.0, 0.01
# Events of trouble for one run. What comes after has the run's errors.
MOST_TROUBLES = 1_000
# And of one look: a place is left for how far the run is.
MOST_AT_ONCE = AT_ONCE - 1
# Two writers, now and then three, look at one run at the same time: who was slower looks again.
TRIES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """Everything is handed in."""

    store: RunStore
    work: WorkBucket
    feed: Feed
    now: Callable[[], datetime]

    def look(self, run_id: str) -> list[Event]:
        """What is told of a run by this look, numbered and stored. The backup inside a cutover is told as that one's."""
        record = self.store.find(run_id)
        if record is not None and record.options.parent is not None:
            record = self.store.find(record.options.parent.run_id)
        told: list[Event] = []
        while record is not None and (found := self._told(record)):
            told += found  # and there may be more than fits into one transaction
            record = self.store.find(record.run_id)
        return told

    def _told(self, record: RunRecord) -> list[Event]:
        for _ in range(TRIES):
            was = self.feed.head(record.run_id)
            if not self._is_due(record, was):
                return []
            news = self._news(record, was)
            try:
                return self.feed.append(record.run_id, news, kind=record.kind, was=was, now=self.now())
            except (ConditionFailed, ServiceUnavailable):
                record = self.store.get(record.run_id)
        return []  # the others have told it

    def _is_due(self, record: RunRecord, was: Head) -> bool:
        """Whether the look is worth its while; what is told once is told at once."""
        if record.status in ENDED:
            return was.ended != _end(record)
        if not was.looked_at or record.phase != was.phase or record.fence != was.fence:
            return True
        now, began = self.now(), parse_iso(record.started_at)
        gap = min(LONGEST, max(SHORTEST, SHARE * (now - began).total_seconds()))
        return (now - parse_iso(was.looked_at)).total_seconds() >= gap

    def _news(self, record: RunRecord, was: Head) -> News:
        ended = record.status in ENDED
        view = RunView.of(record) if ended else so_far(self.store, record)
        progress = progress_of(view, planned=self._planned(record), least=was.percent if record.fence == was.fence else 0)
        said, problems = progress.model_dump_json(), view.files.problems + view.rows.problems
        told, steps, all_of_them = self._troubles(record, was) if ended or problems != was.problems else ([], [], True)
        troubles = was.troubles + len(told)
        if not ended and (said != was.progress or record.fence != was.fence):
            told.append((EventType.PROGRESS, progress))
        if ended and all_of_them:
            told.append((EventType.COMPLETE, complete_of(view)))
        head = replace(
            was,
            looked_at=iso(self.now()),
            fence=record.fence,
            phase=record.phase,
            progress=said,
            percent=progress.progress,
            ended=_end(record) if all_of_them else was.ended,
            problems=problems if all_of_them else -1,
            troubles=troubles,
        )
        return News(told, steps, head)

    def _troubles(self, record: RunRecord, was: Head) -> tuple[list[tuple[EventType, Model]], list[str], bool]:
        """Events of trouble, the steps that they are of, and whether that is all there is to tell of by now."""
        told: list[tuple[EventType, Model]] = []
        steps: list[str] = []
        for trouble in self._untold(record, was):
            room = min(MOST_TROUBLES - was.troubles - len(told), MOST_AT_ONCE)
            if room <= 0:
                break
            more = list(_events(record.run_id, trouble, room=room))
            if len(told) + len(more) > MOST_AT_ONCE or len(steps) == MOST_AT_ONCE:
                return told, steps, False
            told += more
            steps.append(trouble.step)
        return told, steps, True

    def _untold(self, record: RunRecord, was: Head) -> Iterator[StepTrouble]:
        """Trouble of the run, and of the backup inside it."""
        told = self.feed.told_steps(record.run_id) if was.troubles else set()
        found = bool(told)
        for run_id in (record.run_id, *([delta_of(record)] if record.kind is RunKind.CUTOVER else [])):
            for trouble in troubles_of(self.store, self.work, run_id, told=told):
                found = True
                yield trouble
        last = at_the_end(record) if record.status in ENDED and not found else None
        if last is not None:
            yield last

    def _planned(self, record: RunRecord) -> int | None:
        """Rows of the units that this execution was cut into."""
        if record.kind not in {RunKind.CUTOVER, RunKind.ROLLBACK}:
            return None
        fact = self.store.result(record.run_id, f"UNITS#{record.fence:08d}")
        return None if fact is None else int(fact["rows"])


def _events(run_id: str, trouble: StepTrouble, *, room: int) -> Iterator[tuple[EventType, Model]]:
    rows = trouble.rows[:room]
    left = trouble.more + len(trouble.rows) - len(rows)
    for n, row in enumerate(rows, 1):
        yield EventType.ERROR, trouble_of(run_id, row, more=left if n == len(rows) else 0)


def _end(record: RunRecord) -> str:
    """Names an end: a run that is resumed has another one."""
    return f"{record.status} {record.ended_at}" if record.status in ENDED else ""
