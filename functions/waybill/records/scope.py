"""Which run an undo or a retry is about."""

from waybill.errors import InvalidInput
from waybill.runs.model import RunKind, RunRecord
from waybill.runs.store import RunStore


def require_load(store: RunStore, run_id: str, *, executed: bool) -> RunRecord:
    """The load's record. Raises NotFound, and InvalidInput where it is no load, runs still, or, if asked, was a dry run."""
    record = store.get(run_id)
    if record.kind is not RunKind.LOAD:
        raise InvalidInput(f"Run {run_id} is no load, but a {record.kind}: only loads can be undone or retried.")
    if executed and record.dry_run:
        raise InvalidInput(f"Run {run_id} was a dry run: it wrote nothing that could be undone.")
    if record.status.active:
        raise InvalidInput(f"Run {run_id} is {record.status.replace('_', ' ')}: wait for it, or cancel it.")
    return record
