"""Plans a load whole: every row's verdict, and the rows to write in order. Writes nothing to Salesforce."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from waybill import compose
from waybill.errors import NotFound, SalesforceDenied, SalesforceRequestInvalid
from waybill.orgs.asking import Organization, organization
from waybill.records.connecting import describes_of, org_client
from waybill.records.domain import Job, Operation, Planned, Tables
from waybill.records.org import SalesforceOrg
from waybill.records.planning import PlanOptions, plan
from waybill.records.staging import StagedTables, find_job
from waybill.records.standing import find_plan, folder_of, put_plan
from waybill.runs.loads import LoadMode, LoadOptions
from waybill.runs.model import RunContext
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, Reply, Request, Status, task
from waybill.runs.work import WorkBucket
from waybill.settings import OrgEnvironment


class PlanRequest(Request):
    run: RunContext


class PlanReply(Reply):
    # How many steps there are to carry out.
    steps: int = 0


@task(OrgEnvironment, PlanRequest)
def handler(environment: OrgEnvironment, request: PlanRequest, clock: Clock) -> PlanReply:
    store, work, client = compose.runs(environment), compose.work(environment), org_client(environment, request.run.run_id)
    store.enter(request.run.run_id, "planning")
    return plan_load(
        request.run,
        options=asked_for(store, request.run.run_id),
        store=store,
        work=work,
        tables=StagedTables(work=work, run_id=request.run.run_id),
        org=SalesforceOrg(client, describes_of(environment, request.run.run_id, now=clock.now)),
        ask=partial(organization, client),
        bulk_from=environment.config.records.bulk_from,
        now=clock.now,
    )


def plan_load(
    run: RunContext,
    *,
    options: LoadOptions,
    store: RunStore,
    work: WorkBucket,
    tables: Tables,
    org: SalesforceOrg,
    ask: Callable[[], Organization],
    bulk_from: int,
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
        began = ask()
        job = as_asked(job, options.write)
        planned = planned_surely(job, tables=tables, org=org, options=PlanOptions(allow_delete=options.allow_delete))
        standing = put_plan(
            planned,
            store=store,
            work=work,
            run_id=run.run_id,
            folder=folder_of(now()),
            org_time=began.time,
            organization=began.id,
            bulk_from=bulk_from,
        )
    return PlanReply(steps=standing.steps)


def planned_surely(job: Job, *, tables: Tables, org: SalesforceOrg, options: PlanOptions) -> Planned:
    """Planned by what is remembered of the org. Where that may be what makes rows bad, the org is asked, and if it says
    anything else by now, planned anew.
    """
    org.expect(each.object for each in job.objects if not each.excluded)
    try:
        planned = plan(job, tables=tables, org=org, options=options)
        doubtful = bool(planned.summary.rows.rejected or planned.summary.warnings)
    except (SalesforceDenied, SalesforceRequestInvalid):
        if not org.changed():
            raise
        doubtful = True
        planned = plan(job, tables=tables, org=org, options=options)
    if doubtful and org.changed():
        planned = plan(job, tables=tables, org=org, options=options)
    org.keep()
    return planned


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
