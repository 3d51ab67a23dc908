"""What of a run's plan has been carried out, piece by piece, so that nothing is inserted twice after a crash or a lost reply."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from waybill.clock import iso, parse_iso
from waybill.records.domain import Action
from waybill.records.plans import StepFile
from waybill.runs.store import RunStore
from waybill.runs.work import WorkBucket, run_prefix
from waybill.table import Item


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """What became of a planned row. `n`, `of` as planned; `id` is None where the row was not inserted."""

    ok: bool
    id: str | None = None
    n: int | None = None
    of: int | None = None
    code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A piece of a step, by their numbers."""

    step: int
    piece: int

    def __str__(self) -> str:
        return f"{self.step:03d}-{self.piece:04d}"


class Journal:
    """One run's. A piece that has been carried out is a fact, and its outcomes stand beside the plan, written once."""

    def __init__(self, *, store: RunStore, work: WorkBucket, run_id: str) -> None:
        self._store = store
        self._work = work
        self._run_id = run_id

    def is_done(self, place: Place) -> bool:
        return self._store.result(self._run_id, f"DONE#{place}") is not None

    def begin(self, place: Place, *, now: datetime) -> dict[str, Any] | None:
        """Notes that a piece is about to be sent. None: nobody has tried it before; else what the last one noted, `at` included."""
        key = f"{run_prefix(self._run_id)}tried/{place}"
        if self._work.put_new(key, json.dumps({"at": iso(now)}).encode()):
            return None
        noted: dict[str, Any] = json.loads(self._work.get(key) or b"{}")
        return noted

    def begin_again(self, place: Place, *, now: datetime) -> None:
        """Notes that what is left of a piece is about to be sent once more: whoever comes next waits for this attempt too."""
        self._work.put(f"{run_prefix(self._run_id)}tried/{place}", json.dumps({"at": iso(now)}).encode())

    def finish(self, place: Place, step: StepFile, outcomes: Sequence[RowOutcome]) -> None:
        """The outcomes first, then the fact: an attempt that finds outcomes of another leaves them."""
        self._work.put_new_rows(self._key(place), (_slim(outcome) for outcome in outcomes))
        counts = Counter("ok" if outcome.ok else "failed" for outcome in self.outcomes(place))
        self._store.record(self._run_id, f"DONE#{place}", {"object": step.object, "action": step.action, **counts})

    def outcomes(self, place: Place) -> Iterator[RowOutcome]:
        return (RowOutcome(**row) for row in self._work.rows(self._key(place)))

    def facts(self) -> Iterator[Item]:
        return self._store.results(self._run_id, "DONE#")

    def places(self) -> list[Place]:
        """The pieces carried out, in order."""
        return [Place(*map(int, fact["sk"].removeprefix("DONE#").split("-"))) for fact in self.facts()]

    def ids(self) -> dict[int, str]:
        """Number of a planned row -> id of the row that it was inserted as."""
        inserts = [fact["sk"] for fact in self.facts() if fact["action"] == Action.INSERT]
        places = (Place(*map(int, step.removeprefix("DONE#").split("-"))) for step in inserts)
        return {
            outcome.n: outcome.id
            for place in places
            for outcome in self.outcomes(place)
            if outcome.ok and outcome.n is not None and outcome.id is not None
        }

    def mark(self, place: Place, failed: dict[str, RowOutcome]) -> None:
        """Notes rows, by id, that were written and are not there: the reconciliation's word stands beside the outcomes."""
        if failed:
            rows = (_slim(replace(outcome, ok=False)) for outcome in failed.values())
            self._work.put_new_rows(f"{run_prefix(self._run_id)}lost/{place}.jsonl", rows)

    def lost(self) -> Iterator[tuple[Place, RowOutcome]]:
        for key in self._work.keys(f"{run_prefix(self._run_id)}lost/"):
            place = Place(*map(int, key.rpartition("/")[2].removesuffix(".jsonl").split("-")))
            for row in self._work.rows(key):
                yield place, RowOutcome(**row)

    def _key(self, place: Place) -> str:
        return f"{run_prefix(self._run_id)}done/{place}.jsonl"


def age_of(noted: dict[str, Any], *, now: datetime) -> float:
    """Seconds since a piece was last tried."""
    return (now - parse_iso(noted["at"])).total_seconds()


def _slim(outcome: RowOutcome) -> dict[str, Any]:
    return {name: value for name, value in asdict(outcome).items() if value not in (None, "")}
