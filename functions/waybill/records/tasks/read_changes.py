"""Reads what has changed in the org since the workbook was last brought up to date, and what is gone. Writes nothing to Salesforce."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from waybill import compose
from waybill.errors import NotReady, SalesforceQuotaExhausted
from waybill.orgs.asking import identified
from waybill.orgs.connections import OWN
from waybill.records.connecting import org_client
from waybill.records.schema import ObjectSchema, object_schema
from waybill.records.sync.changes import ChangeReader
from waybill.records.sync.plan import ObjectPlan, SyncPlan
from waybill.records.sync.runs import SyncFiles
from waybill.records.sync.syncing import Planned, plan_sync
from waybill.runs.model import Control, RunContext
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, Reply, Request, Status, task
from waybill.salesforce.client import SalesforceClient
from waybill.settings import OrgEnvironment
from waybill.telemetry import emit


class ChangesRequest(Request):
    run: RunContext


class Readers(Protocol):
    """A reader for each object of a plan."""

    def __call__(self, plan: ObjectPlan) -> ChangeReader: ...


@task(OrgEnvironment, ChangesRequest)
def handler(environment: OrgEnvironment, request: ChangesRequest, clock: Clock) -> Reply:
    run, store, work = request.run, compose.runs(environment), compose.work(environment)
    client = org_client(environment, run.run_id)
    store.enter(run.run_id, "reading changes")
    options = store.get(run.run_id).options
    if options.sync is None:
        raise NotReady(f"Run {run.run_id} does not say which workbook it is to bring up to date.")
    readers = partial(ChangeReader, client)
    planned = partial(
        plan_sync,
        options.sync,
        run_id=run.run_id,
        full=run.mode == "full",
        connection=options.org or OWN,
        work=work,
        describe=partial(described, client),
        count=lambda plan: readers(plan).count(),
        most_cells=environment.config.records.max_edited_cells,
    )
    try:
        return read_changes(
            run,
            store=store,
            files=SyncFiles(work=work, run_id=run.run_id),
            plan=lambda: planned(org=identified(client)),
            readers=readers,
            time_is_up=clock.time_is_up,
        )
    except SalesforceQuotaExhausted as error:
        store.ask(run.run_id, Control.PAUSE, reason=str(error))
        return Reply(status=Status.PARKED)
    finally:
        emit({"SalesforceQuotaUsed": round(client.usage.share * 100, 2)}, kind=run.kind, stage=environment.stage)


def read_changes(
    run: RunContext,
    *,
    store: RunStore,
    files: SyncFiles,
    plan: Callable[[], Planned],
    readers: Readers,
    time_is_up: Callable[[], bool],
) -> Reply:
    """An object that has been read is not read again: called once more, it goes on with the next."""
    if store.control(run.run_id):
        return Reply(status=Status.PARKED)
    standing = files.plan() or _stand(plan(), files)
    for number, each in enumerate(standing.objects):
        if files.has_changes(number):
            continue
        if time_is_up():
            return Reply(status=Status.MORE)
        if store.control(run.run_id):
            return Reply(status=Status.PARKED)
        files.put_changes(number, readers(each).changes(files.known(number)))
    return Reply()


def _stand(planned: Planned, files: SyncFiles) -> SyncPlan:
    return files.put_plan(planned.plan, planned.known)


def described(client: SalesforceClient, names: Sequence[str]) -> list[ObjectSchema | None]:
    return [None if found is None else object_schema(found) for found in client.describe_many(names)]
