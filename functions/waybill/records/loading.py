"""Carries out a plan, piece by piece: what is done is a fact, what was tried and not recorded is looked for before it is repeated."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from waybill.records.bulk import BulkLoader
from waybill.records.describes import SCHEMA_CODES
from waybill.records.domain import Action
from waybill.records.journal import Journal, Place, RowOutcome, age_of
from waybill.records.plans import PlanFiles, StepFile
from waybill.records.writing import Org, Ready, resolve, write
from waybill.runs.model import Control


class FindAgain(Protocol):
    """Looks in the org for rows that an attempt may have inserted before it broke off: number of the row -> its id."""

    def __call__(self, sobject: str, rows: Sequence[Ready]) -> dict[int, str]: ...


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be done for so many seconds: the machine waits, not the task."""

    seconds: int


class Parked(Exception):
    """The run is to pause or to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loader:
    """Everything is handed in. `settle`: seconds for which a call whose reply was lost may still be at work in Salesforce."""

    org: Org
    bulk: BulkLoader
    plan: PlanFiles
    journal: Journal
    find_again: FindAgain
    control: Callable[[], Control | None]
    ensure_lock: Callable[[], None]
    now: Callable[[], datetime]
    time_is_up: Callable[[], bool]
    settle: float
    # Told where Salesforce refuses rows for a reason of its schema's.
    schema_refused: Callable[[], None]
    _ids: dict[int, str] = field(default_factory=dict)

    def load(self, start: Place) -> Place | Wait | None:
        """Goes on from `start`: the place to go on from once time is up, or after a wait from the same; None: all is done.

        Raises Parked between two pieces.
        """
        self._ids.update(self.journal.ids())
        for step in self.plan.steps():
            if step.step < start.step:
                continue
            for number, key in enumerate(step.pieces):
                place = Place(step.step, number)
                if (place.step, place.piece) < (start.step, start.piece) or self.journal.is_done(place):
                    continue
                if self.control() is not None:
                    raise Parked
                if self.time_is_up():
                    return place
                wait = self._bulk_piece(place, step, key) if step.bulk else self._piece(place, step, key)
                if wait is not None:
                    return wait
        return None

    def _piece(self, place: Place, step: StepFile, key: str) -> Wait | None:
        ready, failed = resolve(self.plan.rows(key), self._ids)
        sent = self._send(place, step, ready)
        if isinstance(sent, Wait):
            return sent
        self._note(place, step, failed + sent)
        return None

    def _bulk_piece(self, place: Place, step: StepFile, key: str) -> Wait | None:
        self.ensure_lock()
        found = self.bulk.advance(place, step, lambda: self.plan.rows(key), self._ids)
        if isinstance(found, int):
            return Wait(found)
        sent = self._send(place, step, found.locked)
        if isinstance(sent, Wait):
            return sent
        self._note(place, step, found.outcomes + sent)
        return None

    def _send(self, place: Place, step: StepFile, ready: list[Ready]) -> list[RowOutcome] | Wait:
        """By collections. Where an earlier attempt may have inserted rows, they are looked for, once its call cannot be at work any more."""
        if not ready:
            return []
        self.ensure_lock()
        found: dict[int, str] = {}
        if step.action is Action.INSERT:
            noted = self.journal.begin(place, now=self.now())
            if noted is not None:
                left = self.settle - age_of(noted, now=self.now())
                if left > 0:
                    return Wait(max(1, round(left)))
                found = self.find_again(step.object, ready)
                if len(found) < len(ready):
                    self.journal.begin_again(place, now=self.now())
        left_over = [each for each in ready if each.row.n not in found]
        outcomes = [RowOutcome(ok=True, id=found[n], n=n) for n in found]
        return outcomes + (write(self.org, step.object, step.action, left_over) if left_over else [])

    def _note(self, place: Place, step: StepFile, outcomes: Sequence[RowOutcome]) -> None:
        self.journal.finish(place, step, outcomes)
        if any(outcome.code in SCHEMA_CODES for outcome in outcomes):
            self.schema_refused()
        if step.action is Action.INSERT:
            self._ids.update((o.n, o.id) for o in outcomes if o.ok and o.n is not None and o.id is not None)
