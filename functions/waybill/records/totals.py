"""What a run came to, in rows: the plan's verdicts, less what Salesforce refused or dropped. Streams: only failures are held."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from waybill.records.domain import RowVerdict, Verdict
from waybill.records.journal import Journal, Place, RowOutcome
from waybill.records.plans import PlanFiles
from waybill.runs.model import RowCounts, RowError

NOT_WRITTEN = "NOT_WRITTEN"
_NOT_WRITTEN = "The run ended before this row was written."
FAILED = "failed"
_WRITTEN = frozenset({Verdict.INSERT, Verdict.UPDATE, Verdict.DELETE})

_Key = tuple[str, int | str | None]


@dataclass(frozen=True, slots=True)
class RowResult:
    """An input row and what became of it. `outcome` is one of the counts; `id` of its record, where there is one."""

    verdict: RowVerdict
    outcome: str
    id: str | None
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Results:
    """The rows of a run, one by one. `ids`: number of a planned row -> id."""

    plan: PlanFiles
    ids: Mapping[int, str]
    failures: Mapping[_Key, tuple[str, str]]
    dry_run: bool

    def rows(self) -> Iterator[RowResult]:
        for verdict in self.plan.verdicts():
            record = verdict.id or (self.ids.get(verdict.n) if verdict.n is not None else None)
            name = verdict.object.lower()
            failure = None
            if verdict.verdict in _WRITTEN and not self.dry_run:
                failure = self.failures.get((name, verdict.n)) or self.failures.get((name, verdict.id))
            if failure is not None:
                yield RowResult(verdict, FAILED, record, *failure)
            else:
                yield RowResult(verdict, verdict.verdict.value, record, verdict.code, verdict.message)

    def count(self) -> tuple[RowCounts, dict[str, RowCounts]]:
        counted: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for row in self.rows():
            counted[row.verdict.object][row.outcome] += 1
        objects = {name: _counts(found) for name, found in counted.items()}
        whole = RowCounts()
        for counts in objects.values():
            whole += counts
        return whole, objects

    def errors(self) -> Iterator[RowError]:
        """Rows that were rejected or have failed."""
        for row in self.rows():
            if row.outcome in {FAILED, Verdict.REJECTED}:
                yield error_of(row)


def _counts(found: Mapping[str, int]) -> RowCounts:
    total = sum(number for name, number in found.items())
    return RowCounts(total=total, **found)


def error_of(row: RowResult) -> RowError:
    origin = row.verdict.origin
    return RowError(
        object=row.verdict.object,
        file=origin.file,
        sheet=origin.sheet,
        row=origin.row,
        field=row.verdict.field if row.outcome == Verdict.REJECTED else "",
        code=row.code,
        message=row.message,
    )


def results_of(plan: PlanFiles, journal: Journal, *, dry_run: bool) -> Results:
    """Of a run that has ended, however it ended: rows whose pieces were not reached have failed too."""
    if dry_run:
        return Results(plan, {}, {}, dry_run)
    failures: dict[_Key, tuple[str, str]] = {}
    done: set[Place] = set(journal.places())
    names: dict[int, str] = {}
    for step in plan.steps():
        names[step.step] = step.object.lower()
        for number, key in enumerate(step.pieces):
            place = Place(step.step, number)
            if place in done:
                for outcome in journal.outcomes(place):
                    if not outcome.ok:
                        _note(failures, names[step.step], outcome)
                continue
            for row in plan.rows(key):
                _note(
                    failures,
                    names[step.step],
                    RowOutcome(ok=False, id=row.id, n=row.n, of=row.of, code=NOT_WRITTEN, message=_NOT_WRITTEN),
                )
    for place, outcome in journal.lost():
        _note(failures, names[place.step], outcome)
    return Results(plan, journal.ids(), failures, dry_run)


def _note(failures: dict[_Key, tuple[str, str]], sobject: str, outcome: RowOutcome) -> None:
    """The first reason stands: what follows from it says less."""
    number = outcome.n if outcome.n is not None else outcome.of
    key = (sobject, number if number is not None else outcome.id)
    failures.setdefault(key, (outcome.code, outcome.message))
