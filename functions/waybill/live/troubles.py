"""Finds what went wrong in a run, step by step, out of the facts that its steps have recorded."""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from itertools import islice

from waybill.files.totals import outcome_error, standing_faults
from waybill.runs.model import ErrorRow, RowError, RunRecord
from waybill.runs.store import RunStore
from waybill.runs.work import WorkBucket, run_prefix
from waybill.table import Item

# Of one step, which may have thousands: the others are counted. The run's errors are all there by REST.
PER_STEP = 10


@dataclass(frozen=True, slots=True)
class StepTrouble:
    """The first rows of a step that have trouble, and how many more there are."""

    step: str
    rows: tuple[ErrorRow | RowError, ...]
    more: int = 0


def troubles_of(store: RunStore, work: WorkBucket, run_id: str, *, told: Container[str]) -> Iterator[StepTrouble]:
    """The steps with trouble that nobody has been told of."""
    for shard in store.results(run_id, "SHARD#"):
        if shard["errors"] and (step := _step(run_id, shard)) not in told:
            rows = tuple(ErrorRow.model_validate(row) for row in islice(work.rows(shard["errors"]), PER_STEP))
            yield StepTrouble(step, rows, more=sum(shard["classes"].values()) - len(rows))
    for unit in store.results(run_id, "UNIT#"):
        if unit["classes"] and (step := _step(run_id, unit)) not in told:
            key = f"{run_prefix(run_id)}outcomes/{unit['sk'].removeprefix('UNIT#')}.jsonl"
            found = (outcome_error(row, run_id) for row in work.rows(key) if row.get("class"))
            shown = tuple(islice(found, PER_STEP))
            yield StepTrouble(step, shown, more=sum(unit["classes"].values()) - len(shown))
    for fault in standing_faults(store, run_id):
        step = f"{run_id}#FAULT#{fault.message.partition(':')[0]}"
        if step not in told:
            yield StepTrouble(step, (fault,))


def at_the_end(record: RunRecord) -> StepTrouble | None:
    """What the run's own item has of errors: of runs whose steps record none, as a load's or a dry run's."""
    errors = record.errors or record.row_errors
    problems = record.counts.problems + record.rows.problems
    return StepTrouble(f"{record.run_id}#END", tuple(errors), more=max(0, problems - len(errors))) if errors else None


def _step(run_id: str, fact: Item) -> str:
    return f"{run_id}#{fact['sk']}"
