"""Plans a load whole: every row's verdict, and the rows to write in order. Writes nothing to Salesforce.

Hands back while rows that the org has very many of are fetched; what is then planned with has to fit into one task, else the load is refused.
"""

import gc
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from waybill import compose
from waybill.errors import NotFound, SalesforceDenied, SalesforceRequestInvalid
from waybill.orgs.asking import Organization, organization
from waybill.records.connecting import describes_of, org_client
from waybill.records.domain import Job, Operation, Planned, Tables
from waybill.records.fetching import LOOK, Fetches
from waybill.records.org import ManyRows, SalesforceOrg
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
    # Where there is more to do, the machine waits so many seconds before it calls again.
    seconds: int = 0


@task(OrgEnvironment, PlanRequest)
def handler(environment: OrgEnvironment, request: PlanRequest, clock: Clock) -> PlanReply:
    run_id, records = request.run.run_id, environment.config.records
    store, work, client = compose.runs(environment), compose.work(environment), org_client(environment, run_id)
    store.enter(run_id, "planning")
    fetches = Fetches(queries=client.bulk_queries, work=work, run_id=run_id, now=clock.now)
    describes = describes_of(environment, run_id, now=clock.now)
    options = asked_for(store, run_id)
    return plan_load(
        request.run,
        mode=options.write,
        options=PlanOptions(
            allow_delete=options.allow_delete, most_bytes=records.plan_mb * 1_000_000, time_is_up=clock.time_is_up
        ),
        store=store,
        work=work,
        tables=StagedTables(work=work, run_id=run_id),
        org=SalesforceOrg(client, describes, fetches=fetches, fetch_from=records.fetch_from),
        fetches=fetches,
        ask=partial(organization, client),
        bulk_from=records.bulk_from,
        clock=clock,
    )


def plan_load(
    run: RunContext,
    *,
    mode: LoadMode | None,
    options: PlanOptions,
    store: RunStore,
    work: WorkBucket,
    tables: Tables,
    org: SalesforceOrg,
    fetches: Fetches,
    ask: Callable[[], Organization],
    bulk_from: int,
    clock: Clock,
) -> PlanReply:
    """A run is planned once: resumed, or asked by a second attempt, it goes by the plan that stands.

    What the org has very many rows of is fetched first, in as many calls as that takes; then all is planned in one.
    """
    if store.control(run.run_id):
        return PlanReply(status=Status.PARKED)
    standing = find_plan(store, run.run_id)
    if standing is None:
        job = find_job(work, run.run_id)
        if job is None:
            raise NotFound(f"The input of run {run.run_id} has not been read.")
        seconds = fetches.go_on(time_is_up=clock.time_is_up)
        if seconds is not None:
            return PlanReply(status=Status.MORE, seconds=seconds)
        # The org's own clock, before anything is inserted: what an attempt has inserted is looked for behind it.
        began = ask()
        try:
            planned = planned_surely(as_asked(job, mode), tables=tables, org=org, options=options)
        except ManyRows as many:
            fetches.begin(many.schema, many.fields)
            return PlanReply(status=Status.MORE, seconds=LOOK)
        standing = put_plan(
            planned,
            store=store,
            work=work,
            run_id=run.run_id,
            folder=folder_of(clock.now()),
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
        del planned
        gc.collect()  # its rows lead to each other in circles, and there is not room for two plans
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
