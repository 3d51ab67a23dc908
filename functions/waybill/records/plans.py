"""A plan in the work bucket: its steps, their rows in pieces, the verdicts on the input's rows, and the plan in figures."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from waybill.records.domain import Action, Cell, Origin, Planned, PlannedRow, RowVerdict, Step, Verdict
from waybill.runs.work import Row, WorkBucket, run_prefix, to_lines

# Rows of a piece: one composite call of five collections; of a bulk job, well below its 150 MB.
PIECE, BULK_PIECE = 1_000, 50_000
_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class StepFile:
    """A step as the plan's index has it; `pieces` are keys of its rows, `fields` all that any of them writes."""

    step: int
    object: str
    action: Action
    rows: int
    pieces: tuple[str, ...]
    bulk: bool
    fields: tuple[str, ...] = ()


class PlanFiles:
    """One plan of a run. Its folder has a name of its own, so that a planning task that comes late overwrites nothing."""

    def __init__(self, *, work: WorkBucket, run_id: str, folder: str) -> None:
        self._work = work
        self._at = f"{run_prefix(run_id)}plan/{folder}/"
        self.folder = folder

    @property
    def place(self) -> str:
        """Where it is in the work bucket."""
        return self._at

    def put(self, planned: Planned, *, extra: Mapping[str, Any], bulk_from: int | None) -> tuple[StepFile, ...]:
        """Writes it all. `extra` goes into the summary; `bulk_from`: steps of more rows go through Bulk API 2.0; None: none does."""
        steps = tuple(self._put_step(step, bulk_from) for step in planned.steps)
        self.put_verdicts(planned.verdicts)
        self.put_steps(steps)
        summary = planned.summary
        told = {
            "rows": summary.rows.as_dict(),
            "objects": {name: counts.as_dict() for name, counts in summary.objects.items()},
            "warnings": list(summary.warnings),
            "keys": dict(summary.keys),
            "deleted": dict(summary.deleted),
            "headers": {str(number): fields for number, fields in summary.headers.items()},
            **extra,
        }
        self.put_summary(told)
        return steps

    def _put_step(self, step: Step, bulk_from: int | None) -> StepFile:
        bulk = bulk_from is not None and step.count > bulk_from and step.action is not Action.DELETE
        size = BULK_PIECE if bulk else PIECE
        fields = set[str]()
        rows, keys = _noting(step.rows, fields), list[str]()
        while True:
            key = f"{self._at}pieces/{step.number:03d}/{len(keys):04d}.jsonl"
            if not self._put_piece(key, islice(rows, size)):
                break
            keys.append(key)
        return StepFile(step.number, step.object, step.action, step.count, tuple(keys), bulk, tuple(sorted(fields)))

    def _put_piece(self, key: str, rows: Iterator[PlannedRow]) -> int:
        first = next(rows, None)
        if first is None:
            return 0
        count = 1
        with self._work.writer(key, content_type="application/jsonl") as out:
            out.write(to_lines([row_of(first)]))
            while batch := [row_of(row) for row in islice(rows, _BATCH)]:
                out.write(to_lines(batch))
                count += len(batch)
        return count

    def put_verdicts(self, verdicts: Iterable[RowVerdict]) -> None:
        found = iter(verdicts)
        with self._work.writer(f"{self._at}verdicts.jsonl", content_type="application/jsonl") as out:
            while batch := list(islice(found, _BATCH)):
                out.write(to_lines(verdict_row(verdict) for verdict in batch))

    def put_steps(self, steps: Iterable[StepFile]) -> None:
        self._work.put(f"{self._at}steps.json", json.dumps([asdict(step) for step in steps]).encode())

    def put_summary(self, summary: Mapping[str, Any]) -> None:
        self._work.put(f"{self._at}summary.json", json.dumps(summary, ensure_ascii=False).encode())

    def steps(self) -> tuple[StepFile, ...]:
        found = json.loads(self._work.get(f"{self._at}steps.json") or b"[]")
        return tuple(
            StepFile(
                **{**step, "action": Action(step["action"]), "pieces": tuple(step["pieces"]), "fields": tuple(step["fields"])}
            )
            for step in found
        )

    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._work.get(f"{self._at}summary.json") or b"{}")
        return found

    def rows(self, piece: str) -> Iterator[PlannedRow]:
        return (planned_row(row) for row in self._work.rows(piece))

    def verdicts(self) -> Iterator[RowVerdict]:
        return map(verdict_of, self._work.rows(f"{self._at}verdicts.jsonl"))


def _noting(rows: Iterable[PlannedRow], fields: set[str]) -> Iterator[PlannedRow]:
    for row in rows:
        fields.update(row.fields)
        fields.update(row.refs)
        yield row


def row_of(row: PlannedRow) -> Row:
    """A planned row as a piece has it; what is empty is left out."""
    whole: dict[str, Any] = {
        "origin": [row.origin.file, row.origin.sheet, row.origin.row],
        "n": row.n,
        "id": row.id,
        "of": row.of,
        "fields": dict(row.fields),
        "refs": dict(row.refs),
        "before": dict(row.before),
        "key": dict(row.key),
    }
    return {name: value for name, value in whole.items() if value is not None and value != {}}


def planned_row(row: Mapping[str, Any]) -> PlannedRow:
    def cells(name: str) -> Mapping[str, Cell]:
        found: Mapping[str, Cell] = row.get(name, {})
        return found

    return PlannedRow(
        origin=Origin(*row["origin"]),
        n=row.get("n"),
        id=row.get("id"),
        of=row.get("of"),
        fields=cells("fields"),
        refs=row.get("refs", {}),
        before=cells("before"),
        key=cells("key"),
    )


def verdict_row(verdict: RowVerdict) -> Row:
    origin = verdict.origin
    return {
        "origin": [origin.file, origin.sheet, origin.row],
        "object": verdict.object,
        "verdict": verdict.verdict,
        "n": verdict.n,
        "id": verdict.id,
        "field": verdict.field,
        "code": verdict.code,
        "message": verdict.message,
        "changes": {name: list(change) for name, change in verdict.changes.items()},
        **({"more": [list(problem) for problem in verdict.more]} if verdict.more else {}),
    }


def verdict_of(row: Row) -> RowVerdict:
    return RowVerdict(
        **{
            **row,
            "origin": Origin(*row["origin"]),
            "verdict": Verdict(row["verdict"]),
            "changes": {name: (old, new) for name, (old, new) in row["changes"].items()},
            "more": tuple((field, code, message) for field, code, message in row.get("more", ())),
        }
    )
