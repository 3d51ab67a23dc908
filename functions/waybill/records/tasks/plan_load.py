"""Plans a load whole: every row's verdict, and the rows to write in order. Writes nothing to Salesforce."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from waybill import compose
from waybill.errors import NotFound
from waybill.records.domain import Job, Operation, Tables
from waybill.records.org import SalesforceOrg, org_time
from waybill.records.planning import PlanOptions, plan
from waybill.records.schema import OrgReader
from waybill.records.staging import StagedTables, find_job
from waybill.records.standing import find_plan, folder_of, put_plan
from waybill.runs.model import LoadMode, LoadOptions, RunContext
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, Reply, Request, Status, task
from waybill.runs.work import WorkBucket
from waybill.settings import SalesforceEnvironment


class PlanRequest(Request):
    run: RunContext


class PlanReply(Reply):
    # How many steps there are to carry out.
    steps: int = 0


@task(SalesforceEnvironment, PlanRequest)
def handler(environment: SalesforceEnvironment, request: PlanRequest, clock: Clock) -> PlanReply:
    store, work, client = compose.runs(environment), compose.work(environment), compose.salesforce(environment)
    store.enter(request.run.run_id, "planning")
    return plan_load(
        request.run,
        options=asked_for(store, request.run.run_id),
        store=store,
        work=work,
        tables=StagedTables(work=work, run_id=request.run.run_id),
        org=SalesforceOrg(client),
        org_time=partial(org_time, client),
        now=clock.now,
    )


def plan_load(
    run: RunContext,
    *,
    options: LoadOptions,
    store: RunStore,
    work: WorkBucket,
    tables: Tables,
    org: OrgReader,
    org_time: Callable[[], datetime | None],
    now: Callable[[], datetime],
) -> PlanReply:
    """A run is planned once: resumed, or asked by a second attempt, it goes by the plan that stands."""
    if store.control(run.run_id):
        return PlanReply(status=Status.PARKED)
    standing = find_plan(store, run.run_id)
    if standing is None:
        job = find_job(work, run.run_id)
        if job is None:
            raise NotFound(f"The input of run {run.run_id} has not been read.")
        # The org's own clock, before anything is inserted: what an attempt has inserted is looked for behind it.
        began = org_time()
        job = as_asked(job, options.write)
        planned = plan(job, tables=tables, org=org, options=PlanOptions(allow_delete=options.allow_delete))
        standing = put_plan(
            planned,
            store=store,
            work=work,
            run_id=run.run_id,
            folder=folder_of(now()),
            org_time=began,
            bulk=True,
        )
    return PlanReply(steps=standing.steps)


def asked_for(store: RunStore, run_id: str) -> LoadOptions:
    """The run's options; a retry does with its rows what the load was to do with them that it retries."""
    options = store.get(run_id).options.load or LoadOptions()
    if options.retry_of is None or options.write is not None:
        return options
    return options.model_copy(update={"write": asked_for(store, options.retry_of).write})


def as_asked(job: Job, mode: LoadMode | None) -> Job:
    """The job with the operation that was asked for in place of what its plan says, wherever rows are written."""
    if mode is None:
        return job
    operation = Operation(mode.value)
    objects = (replace(each, operation=operation) if each.operation.writes_rows else each for each in job.objects)
    return replace(job, objects=tuple(objects))
