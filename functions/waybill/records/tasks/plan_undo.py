"""Plans the way back from a load, whole: what is restored, deleted, created again, and what must be left."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from waybill import compose
from waybill.errors import InvalidInput, NotReady
from waybill.orgs.asking import Organization, organization
from waybill.records.connecting import org_client
from waybill.records.finding import values_of
from waybill.records.journal import Journal
from waybill.records.org import SalesforceOrg
from waybill.records.standing import Standing, files_of, find_plan, folder_of, put_plan
from waybill.records.tasks.plan_load import PlanReply, PlanRequest
from waybill.records.undoing import UndoPlanner
from waybill.records.undone import recreated_by
from waybill.records.using import users_of
from waybill.runs.model import RunContext
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, Status, task
from waybill.runs.work import WorkBucket
from waybill.settings import OrgEnvironment

_UNDONE = "UNDONE#"


@task(OrgEnvironment, PlanRequest)
def handler(environment: OrgEnvironment, request: PlanRequest, clock: Clock) -> PlanReply:
    run, store, work = request.run, compose.runs(environment), compose.work(environment)
    client = org_client(environment, run.run_id)
    store.enter(run.run_id, "planning")
    undone = store.get(run.run_id).options.run_id
    if undone is None:
        raise InvalidInput(f"Run {run.run_id} does not say which load it is to undo.")
    standing = find_plan(store, undone)
    planner = None
    if standing is not None:
        org = SalesforceOrg(client)
        planner = UndoPlanner(
            plan=files_of(standing, work=work, run_id=undone),
            journal=Journal(store=store, work=work, run_id=undone),
            read=partial(values_of, client),
            describe=org.describe,
            recreated=recreated_before(store, work, undone),
            users=partial(users_of, client, org.describe, since=standing.org_time),
            time_is_up=clock.time_is_up,
        )
    return plan_undo(
        run, undone=undone, planner=planner, store=store, work=work, ask=partial(organization, client), now=clock.now
    )


def plan_undo(
    run: RunContext,
    *,
    undone: str,
    planner: UndoPlanner | None,
    store: RunStore,
    work: WorkBucket,
    ask: Callable[[], Organization],
    now: Callable[[], datetime],
) -> PlanReply:
    """Without a planner the load was never planned, and there is nothing to undo."""
    if store.control(run.run_id):
        return PlanReply(status=Status.PARKED)
    standing = find_plan(store, run.run_id)
    if standing is None and planner is not None:
        began = ask()
        require_same(began, undone, standing=find_plan(store, undone))
        planned = planner.make()
        if not run.dry_run:
            # A later undo of the same load must know what this one creates again.
            store.record(undone, f"{_UNDONE}{run.run_id}", {})
        standing = put_plan(
            planned,
            store=store,
            work=work,
            run_id=run.run_id,
            folder=folder_of(now()),
            org_time=began.time,
            organization=began.id,
            bulk_from=None,
        )
    return PlanReply(steps=standing.steps if standing else 0)


def recreated_before(store: RunStore, work: WorkBucket, load: str) -> dict[str, str]:
    """Old id -> new id of the rows that earlier undos of this load have created again."""
    found: dict[str, str] = {}
    for fact in store.results(load, _UNDONE):
        run_id = fact["sk"].removeprefix(_UNDONE)
        standing = find_plan(store, run_id)
        if standing is not None:
            found |= recreated_by(files_of(standing, work=work, run_id=run_id), Journal(store=store, work=work, run_id=run_id))
    return found


def require_same(now: Organization, undone: str, *, standing: Standing | None) -> None:
    """Raises NotReady where the login leads to another org than the load has written to: its ids mean nothing there."""
    before = standing.organization if standing is not None else ""
    if before and now.id and before != now.id:
        raise NotReady(
            f"Run {undone} has written to the org {before}, and the login leads to {now.id} now: nothing can be undone there."
        )
