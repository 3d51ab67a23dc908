"""Writes what has changed into the workbook, which appears whole and together with its watermark, or stays as it was."""

from waybill import compose
from waybill.errors import InvalidInput, NotFound, NotReady
from waybill.records.sync import target
from waybill.records.sync.plan import SyncPlan
from waybill.records.sync.runs import FACT, SyncFiles
from waybill.records.sync.syncing import Synced, sync_workbook
from waybill.runs.model import RunContext
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, Reply, Request, Status, task
from waybill.runs.work import WorkBucket
from waybill.settings import LedgerEnvironment


class WorkbookRequest(Request):
    run: RunContext


@task(LedgerEnvironment, WorkbookRequest)
def handler(environment: LedgerEnvironment, request: WorkbookRequest, _: Clock) -> Reply:
    store, work = compose.runs(environment), compose.work(environment)
    store.enter(request.run.run_id, "writing the workbook")
    return write_workbook(request.run, store=store, work=work)


def write_workbook(run: RunContext, *, store: RunStore, work: WorkBucket) -> Reply:
    """The put is what counts: who comes after it finds the run's id on the workbook, and only tells what came of it.

    Raises NotReady where another run has put the workbook meanwhile.
    """
    files = SyncFiles(work=work, run_id=run.run_id)
    plan = files.plan()
    if plan is None:
        raise NotFound(f"Run {run.run_id} has read no changes.")
    if store.result(run.run_id, FACT) is not None:
        return Reply()
    standing = target.find(work, plan.name)
    if standing is None or standing.run != run.run_id:
        if store.control(run.run_id):
            return Reply(status=Status.PARKED)
        if (standing.etag if standing is not None else "") != plan.current:
            raise NotReady(
                f"The workbook {plan.name} is not what it was when this run began. Nothing was written: start it again."
            )
        _write(run.run_id, plan, files, work)
    told = files.outcome()
    store.record(run.run_id, FACT, {"objects": told["objects"]})
    return Reply()


def _write(run_id: str, plan: SyncPlan, files: SyncFiles, work: WorkBucket) -> None:
    data = work.get(plan.source) if plan.source else None
    if plan.source and data is None:
        raise NotReady(f"{plan.source} is not in the work bucket any more: start the sync again.")
    try:
        synced = sync_workbook(plan, data, changes=files.changes)
    except InvalidInput as error:
        raise NotReady(str(error)) from error
    files.put_outcome(synced.verdicts, _told(synced))
    work.put(target.result_key(run_id), synced.data, content_type=target.CONTENT_TYPE)
    target.put(work, plan.name, synced.data, was=plan.current, run_id=run_id, edition=plan.edition)


def _told(synced: Synced) -> dict[str, object]:
    return {
        "objects": {name: counts.model_dump() for name, counts in synced.objects.items()},
        "warnings": synced.warnings,
    }
