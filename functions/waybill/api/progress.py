"""How far a running run is: the sum of the results that its steps have recorded so far."""

from waybill.files.totals import backup_totals, switch_totals
from waybill.files.underway import underway
from waybill.records.progress import rows_so_far
from waybill.runs.model import Context, Counts, RunKind, RunRecord, RunView
from waybill.runs.store import RunStore

# The name that cutover.asl.json gives to the execution of its backup: this much of its own, and a suffix.
_DELTA_NAME, _DELTA_SUFFIX = 74, "-delta"


def so_far(store: RunStore, record: RunRecord) -> RunView:
    """The run with its counts so far."""
    if record.kind.context is Context.RECORDS:
        return RunView.of(record, rows=rows_so_far(store, record))
    return RunView.of(record, counts=counts_so_far(store, record))


def counts_so_far(store: RunStore, record: RunRecord) -> Counts:
    """What packets, shards and units have recorded, added up. A cutover's begin with those of its backup."""
    if record.kind is RunKind.BACKUP:
        return _backed_up(store, record.run_id, dry_run=record.dry_run, delta=record.options.parent is not None)
    copied = None
    if record.kind is RunKind.CUTOVER:
        copied = _backed_up(store, delta_of(record), dry_run=record.dry_run, delta=True)
    return switch_totals(store, record, copied).counts


def _backed_up(store: RunStore, run_id: str, *, dry_run: bool, delta: bool) -> Counts:
    """With what is done of the shards that are being copied."""
    totals = backup_totals(store, run_id, dry_run=dry_run, delta=delta)
    return totals.counts + underway(store, run_id, without=totals.shards)


def delta_of(record: RunRecord) -> str:
    """The run id of the backup inside a cutover's latest execution."""
    name = record.execution_arn.rpartition(":")[2]
    return f"{RunKind.BACKUP}-{name[:_DELTA_NAME]}{_DELTA_SUFFIX}"
