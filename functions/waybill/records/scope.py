"""Which run an undo or a retry is about."""

from waybill.errors import InvalidInput
from waybill.orgs.connections import OWN
from waybill.runs.model import RunKind, RunRecord
from waybill.runs.store import RunStore


def refuse_orgs(*, org: str | None, from_org: str | None, retry: bool) -> None:
    """Raises InvalidInput for orgs that do not go together."""
    if retry and (org is not None or from_org is not None):
        raise InvalidInput("A retry goes to the org of the load that it retries: name none.")
    if from_org is not None and from_org == (org or OWN):
        raise InvalidInput(f"{from_org} cannot be copied into itself: name another org to load into.")


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
