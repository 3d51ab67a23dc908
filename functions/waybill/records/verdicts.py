"""What the plan makes of each input row, in words, and the figures of the whole."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from waybill.records.columns import headers_by_field
from waybill.records.domain import Cell, Job, ObjectJob, Origin, Problem, RowCounts, RowVerdict, Summary, Table, Tables, Verdict
from waybill.records.folding import Turn, changes
from waybill.records.mirror import Row, Touch
from waybill.records.steps import origin_of


@dataclass(frozen=True, slots=True)
class Verdicts:
    """One for each input row, in the input's order, made as they are gone through. `unknown`: jobs on objects that the org lacks."""

    turns: Sequence[Turn]
    twins: Sequence[tuple[Touch, Touch]]
    unknown: Sequence[ObjectJob]
    tables: Mapping[int, Table]
    rows: Tables

    def __iter__(self) -> Iterator[RowVerdict]:
        yield from self._of_unknown()
        first_of = {id(twin): first for twin, first in self.twins}
        for turn in self.turns:
            for touch in turn.touches:
                yield self._of(turn, touch, first_of.get(id(touch)))

    def _of_unknown(self) -> Iterator[RowVerdict]:
        for job in self.unknown:
            if job.table is None or not job.operation.writes_rows:
                continue
            table = self.tables[job.table]
            message = f"The org has no object {job.object}, or the user may not see it."
            for staged in self.rows.rows(job.table):
                origin = Origin(table.file, table.sheet, staged.row)
                yield RowVerdict(origin, job.object, Verdict.REJECTED, code="UNKNOWN_OBJECT", message=message)

    def _of(self, turn: Turn, touch: Touch, first: Touch | None) -> RowVerdict:
        origin, row = origin_of(turn, touch, self.tables), touch.target
        problems = touch.problems or (first.problems if first is not None else [])
        if problems:
            field, code, message = problems[0]
            rest = tuple(problems[1:])
            return RowVerdict(origin, turn.job.object, Verdict.REJECTED, field=field, code=code, message=message, more=rest)
        n, row_id = (row.n, row.id) if row is not None else (None, None)
        if touch.effective and row is not None and row.n is not None and row.touches[0] is touch:
            return RowVerdict(origin, turn.job.object, Verdict.INSERT, n=n)
        shown = {_name(turn, key): (_cell(old), _cell(new)) for key, (old, new) in changes(touch).items()}
        verdict = Verdict.UPDATE if shown else Verdict.UNCHANGED
        code, message = touch.notes
        return RowVerdict(origin, turn.job.object, verdict, n=n, id=row_id, code=code, message=message, changes=shown)


def summary_of(job: Job, verdicts: Verdicts, *, warnings: Sequence[str], max_problems: int) -> Summary:
    total = RowCounts()
    objects = {each.object: RowCounts() for each in job.objects if not each.excluded and each.operation.writes_rows}
    problems: list[Problem] = []
    for verdict in verdicts:
        total.count(verdict.verdict)
        objects[verdict.object].count(verdict.verdict)
        if verdict.verdict is Verdict.REJECTED and len(problems) < max_problems:
            problems.append(Problem(verdict.origin, verdict.object, verdict.field, verdict.code, verdict.message))
    keys: dict[str, str] = {}
    deleted: dict[str, int] = {}
    for turn in verdicts.turns:
        if turn.touches:
            keys.setdefault(turn.job.object, _key_used(turn))
        if turn.deleted:
            deleted[turn.job.object] = deleted.get(turn.job.object, 0) + len(turn.deleted)
    headers = {turn.job.table: headers_by_field(turn.columns) for turn in verdicts.turns if turn.job.table is not None}
    return Summary(total, objects, problems, list(dict.fromkeys(warnings)), keys, deleted, headers)


def _key_used(turn: Turn) -> str:
    used = ";".join(turn.key.paths)
    for names, rows in turn.widened.items():
        used += f" (and {', '.join(names)} for {rows} rows that share it)"
    return used


def _name(turn: Turn, key: str) -> str:
    known = turn.mirror.schema.field(key)
    return known.name if known is not None else key


def _cell(value: object) -> Cell:
    """A parent as a dry run shows it: its id, or that it is to be inserted."""
    if isinstance(value, Row):
        return value.id or f"(row {value.n} of this load)"
    return value  # type: ignore[return-value]
