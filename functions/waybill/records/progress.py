"""How far a load or an undo is: what its plan foretells, as far as it has been carried out."""

from collections import defaultdict
from collections.abc import Mapping

from waybill.records.domain import Action
from waybill.records.standing import find_plan
from waybill.runs.model import RowCounts, RunRecord
from waybill.runs.store import RunStore

_COUNT = {Action.INSERT: "inserted", Action.UPDATE: "updated", Action.DELETE: "deleted"}


def rows_so_far(store: RunStore, record: RunRecord) -> tuple[RowCounts, Mapping[str, RowCounts]]:
    """Planned totals, and what has been written of them. Exact once the run has ended: a row may be written in two steps."""
    standing = find_plan(store, record.run_id)
    if standing is None:
        return RowCounts(), {}
    if record.dry_run:
        return standing.rows, standing.objects
    done: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for fact in store.results(record.run_id, "DONE#"):
        counts = done[fact["object"].lower()]
        counts[_COUNT[Action(fact["action"])]] += fact.get("ok", 0)
        counts["failed"] += fact.get("failed", 0)
    objects = {name: _so_far(foretold, done[name.lower()]) for name, foretold in standing.objects.items()}
    whole = RowCounts(total=standing.rows.total, unchanged=standing.rows.unchanged, rejected=standing.rows.rejected)
    for each in objects.values():
        whole += each.model_copy(update={"total": 0, "unchanged": 0, "rejected": 0})
    return whole, objects


def _so_far(foretold: RowCounts, done: Mapping[str, int]) -> RowCounts:
    return RowCounts(
        total=foretold.total,
        inserted=min(done["inserted"], foretold.inserted),
        updated=min(done["updated"], foretold.updated),
        unchanged=foretold.unchanged,
        rejected=foretold.rejected,
        failed=done["failed"],
        deleted=done["deleted"],
    )
