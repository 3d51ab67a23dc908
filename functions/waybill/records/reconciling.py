"""Reads back what was written: rows that Salesforce dropped in silence, and values that are not those that were sent."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from waybill.records.comparing import alike
from waybill.records.domain import Action, Cell
from waybill.records.journal import Journal, Place, RowOutcome
from waybill.records.plans import PlanFiles, StepFile
from waybill.records.rereading import BulkReader, digest
from waybill.records.writing import Ready, resolve

NOT_IN_ORG = "NOT_IN_ORG"
_MESSAGE = "Salesforce said that it wrote this row, and it is not there."
# Ids that one call reads.
_CALL = 2_000


@dataclass(frozen=True, slots=True)
class Rest:
    """Where to go on: with the step before this one, after so many seconds."""

    step: int
    seconds: int = 0


class Reader(Protocol):
    """The records as they are now, in the order of the ids; None for one that is not there."""

    def __call__(self, sobject: str, ids: Sequence[str], fields: Sequence[str]) -> Iterator[Mapping[str, Cell] | None]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """Everything is handed in. Steps are looked at in reverse, so that a value which a later step replaced is not expected."""

    plan: PlanFiles
    journal: Journal
    read: Reader
    bulk: BulkReader
    time_is_up: Callable[[], bool]
    # Ids of records of an object -> fields that a later step wrote.
    _later: dict[str, dict[str, set[str]]] = field(default_factory=lambda: defaultdict(dict))
    # Values that are not as written: by object and field.
    differing: Counter[tuple[str, str]] = field(default_factory=Counter)

    def run(self, start: int | None) -> Rest | None:
        """Goes on with the step before `start`; where to go on from once time is up, or after a wait; None at the end."""
        ids = self.journal.ids()
        done = set(self.journal.places())
        steps = self.plan.steps()
        for step in reversed(steps):
            if start is not None and step.step >= start:
                self._note_later(step, ids, done)
                continue
            if self.time_is_up():
                return Rest(step.step + 1)
            wait = self._look_at_all(step, ids, done) if step.bulk else self._look_at(step, ids, done)
            if wait:
                return Rest(step.step + 1, wait)
        return None

    def _look_at(self, step: StepFile, ids: Mapping[int, str], done: set[Place]) -> int:
        for place, key in _places(step, done):
            self._compare(place, step, self._written(place, key, ids))
        return 0

    def _look_at_all(self, step: StepFile, ids: Mapping[int, str], done: set[Place]) -> int:
        """A step of very many rows at once: seconds to wait, or 0."""
        wait = self.bulk.wait(step)
        if wait:
            return wait
        later, fields = self._later[step.object.lower()], list(step.fields)
        expected: dict[str, bytes | None] = {}
        for place, key in _places(step, done):
            for record, ready in self._written(place, key, ids).items():
                whole = len(ready.fields) == len(fields) and record not in later
                expected[record] = digest([ready.fields[name] for name in fields]) if whole else None
        seen = self.bulk.look(step, fields, expected)
        if seen.differing:
            self.differing[step.object, ""] += seen.differing
        if seen.lost or step.action is Action.UPDATE:
            for place, key in _places(step, done):
                written = self._written(place, key, ids)
                self.journal.mark(place, {record: _lost(record, written[record]) for record in seen.lost & written.keys()})
                self._remember(step, written)
        return 0

    def _written(self, place: Place, key: str, ids: Mapping[int, str]) -> dict[str, Ready]:
        """Rows that were written, by the record's id."""
        bad = {(outcome.n, outcome.id) for outcome in self.journal.outcomes(place) if not outcome.ok}
        found: dict[str, Ready] = {}
        for ready in resolve(self.plan.rows(key), ids)[0]:
            record = ready.id if ready.row.n is None else ids.get(ready.row.n)
            if record is not None and (ready.row.n, record) not in bad:
                found[record] = ready
        return found

    def _compare(self, place: Place, step: StepFile, written: Mapping[str, Ready]) -> None:
        lost: dict[str, RowOutcome] = {}
        later = self._later[step.object.lower()]
        records = list(written)
        fields = sorted({name for ready in written.values() for name in ready.fields})
        for at in range(0, len(records), _CALL):
            chunk = records[at : at + _CALL]
            for record, now in zip(chunk, self.read(step.object, chunk, fields), strict=True):
                ready = written[record]
                if now is None:
                    lost[record] = _lost(record, ready)
                    continue
                skipped = later.get(record, set())
                self.differing.update(
                    (step.object, name)
                    for name, value in ready.fields.items()
                    if name.lower() not in skipped and not alike(value, now[name])
                )
        self.journal.mark(place, lost)
        self._remember(step, written)

    def _note_later(self, step: StepFile, ids: Mapping[int, str], done: set[Place]) -> None:
        for place, key in _places(step, done):
            self._remember(step, self._written(place, key, ids))

    def _remember(self, step: StepFile, written: Mapping[str, Ready]) -> None:
        if step.action is not Action.UPDATE:
            return
        later = self._later[step.object.lower()]
        for record, ready in written.items():
            later.setdefault(record, set()).update(name.lower() for name in ready.fields)


def _places(step: StepFile, done: set[Place]) -> Iterator[tuple[Place, str]]:
    """The pieces that were carried out, with their keys; none of deletions, of which nothing is left to be read."""
    for number, key in enumerate(step.pieces):
        place = Place(step.step, number)
        if place in done and step.action is not Action.DELETE:
            yield place, key


def _lost(record: str, ready: Ready) -> RowOutcome:
    return RowOutcome(ok=False, id=record, n=ready.row.n, of=ready.row.of, code=NOT_IN_ORG, message=_MESSAGE)
