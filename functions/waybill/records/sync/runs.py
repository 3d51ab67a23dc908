"""What a sync's run leaves in the work bucket: its plan, what has changed in the org, and what it came to."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from waybill.records.domain import RowVerdict, Verdict
from waybill.records.plans import verdict_of, verdict_row
from waybill.records.sync.changes import Change
from waybill.records.sync.plan import SyncPlan
from waybill.records.totals import RowResult, error_of
from waybill.runs.model import RowCounts, RowError
from waybill.runs.store import RunStore
from waybill.runs.work import WorkBucket, run_prefix, to_lines

FACT = "SYNCED"
_BATCH = 2_000


class SyncFiles:
    """One run's. What has been decided or read stands: a second attempt finds it."""

    def __init__(self, *, work: WorkBucket, run_id: str) -> None:
        self._work = work
        self._at = f"{run_prefix(run_id)}sync/"

    def plan(self) -> SyncPlan | None:
        found = self._work.get(f"{self._at}plan.json")
        return None if found is None else SyncPlan.of_json(found)

    def put_plan(self, plan: SyncPlan, known: Sequence[Sequence[str]]) -> SyncPlan:
        """`known`: of each object the ids that the workbook has as living. Gives the plan that stands."""
        for number, ids in enumerate(known):
            self._work.put(f"{self._at}known/{number}.json", json.dumps(list(ids)).encode())
        self._work.put_new(f"{self._at}plan.json", plan.as_json())
        standing = self.plan()
        assert standing is not None
        return standing

    def known(self, number: int) -> list[str]:
        found: list[str] = json.loads(self._work.get(f"{self._at}known/{number}.json") or b"[]")
        return found

    def has_changes(self, number: int) -> bool:
        return self._work.head(self._changes(number)) is not None

    def put_changes(self, number: int, changes: Iterable[Change]) -> None:
        """Appears whole, or not at all."""
        with self._work.writer(self._changes(number), content_type="application/jsonl") as out:
            batch: list[dict[str, Any]] = []
            for change in changes:
                batch.append({"id": change.id, "values": change.values})
                if len(batch) == _BATCH:
                    out.write(to_lines(batch))
                    batch.clear()
            out.write(to_lines(batch))

    def changes(self, number: int) -> Iterator[Change]:
        for row in self._work.rows(self._changes(number)):
            yield Change(row["id"], None if row["values"] is None else tuple(row["values"]))

    def _changes(self, number: int) -> str:
        return f"{self._at}changes/{number}.jsonl"

    def put_outcome(self, verdicts: Iterable[RowVerdict], told: Mapping[str, Any]) -> None:
        self._work.put_rows(f"{self._at}rows.jsonl", map(verdict_row, verdicts))
        self._work.put(f"{self._at}outcome.json", json.dumps(told, ensure_ascii=False).encode())

    def outcome(self) -> dict[str, Any]:
        """`objects`: name -> counts; `warnings`."""
        found: dict[str, Any] = json.loads(self._work.get(f"{self._at}outcome.json") or b"{}")
        return found

    def verdicts(self) -> Iterator[RowVerdict]:
        return map(verdict_of, self._work.rows(f"{self._at}rows.jsonl"))


@dataclass(frozen=True, slots=True)
class SyncResults:
    """The rows of a sync that have changed, are gone, or are in conflict; of the others there is only a number."""

    files: SyncFiles

    def rows(self) -> Iterator[RowResult]:
        for verdict in self.files.verdicts():
            yield RowResult(verdict, verdict.verdict.value, verdict.id, verdict.code, verdict.message)

    def errors(self) -> Iterator[RowError]:
        return (error_of(row) for row in self.rows() if row.outcome == Verdict.REJECTED)


def counts_of(store: RunStore, run_id: str) -> dict[str, RowCounts] | None:
    """By object; None where the run has not written the workbook."""
    found = store.result(run_id, FACT)
    return None if found is None else {name: RowCounts(**counts) for name, counts in found["objects"].items()}
