"""Finds the steps of a run that left neither a result nor a fault, as one does that Step Functions itself could not go on with."""

from collections.abc import Iterator

from waybill.files.summing import unfinished_shards
from waybill.runs.model import RunKind, RunRecord
from waybill.runs.store import RunStore
from waybill.runs.work import WorkBucket

_CAUSE = "It left neither a result nor an error: its execution below the run's own broke off. What it did stands; start another run for the rest."


def note_unaccounted(record: RunRecord, *, store: RunStore, work: WorkBucket) -> str:
    """Records such steps as faults, for totals and reports to count; what to tell of them, empty where there are none.

    Only for a run that was neither stopped nor failed: all that it planned should have ended.
    """
    lost = [step for step in _missing(record, store, work) if store.result(record.run_id, f"FAULT#{step}") is None]
    for step in lost:
        store.record(record.run_id, f"FAULT#{step}", {"error": "UNACCOUNTED", "cause": _CAUSE})
    return f"{len(lost)} steps ended without a result: see the errors, and start another run." if lost else ""


def _missing(record: RunRecord, store: RunStore, work: WorkBucket) -> Iterator[str]:
    """The steps without a result, by the name that their fault would have."""
    run_id = record.run_id
    if record.kind is RunKind.BACKUP:
        planned = store.result(run_id, "PACKETS")
        parts = store.results(run_id, "PACKET#")
        ended = {part["sk"].removeprefix("PACKET#").rpartition("-")[0] for part in parts if part["after"] is None}
        for number in range(planned["packets"] if planned else 0):
            if f"{number:05d}" not in ended:
                yield f"PACKET#{number}"
        if not record.dry_run:
            for shard in unfinished_shards(run_id, store, work):
                yield f"SHARD#{shard['shard']}"
        return
    planned = store.result(run_id, f"UNITS#{record.fence:08d}")
    turns = store.results(run_id, f"UNIT#{record.fence:08d}-")
    done = {turn["sk"].removeprefix("UNIT#").rpartition("-")[0] for turn in turns if turn["after"] is None}
    for number in range(planned["units"] if planned else 0):
        unit = f"{record.fence:08d}-{number:05d}"
        if unit not in done:
            yield f"UNIT#{unit}"
