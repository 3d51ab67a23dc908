"""Carries out a plan, that of a load or of an undo, until all is done, time is up, or Salesforce has to be waited for."""

from collections.abc import Callable
from functools import partial
from typing import Any

from waybill import compose
from waybill.errors import NotFound, SalesforceDenied, SalesforceQuotaExhausted, SalesforceRequestInvalid
from waybill.records.bulk import BulkLoader
from waybill.records.connecting import describes_of, org_client
from waybill.records.finding import find_again
from waybill.records.journal import Journal, Place
from waybill.records.loading import Loader, Parked, Wait
from waybill.records.standing import files_of, find_plan
from waybill.runs.lock import ensure_held
from waybill.runs.model import Context, Control, RunContext
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, Reply, Request, Status, task
from waybill.settings import OrgEnvironment
from waybill.telemetry import emit


class LoadRequest(Request):
    run: RunContext
    cursor: dict[str, Any] | None = None


class LoadReply(Reply):
    # Above 0, the machine waits so many seconds before it calls again.
    seconds: int = 0


@task(OrgEnvironment, LoadRequest)
def handler(environment: OrgEnvironment, request: LoadRequest, clock: Clock) -> LoadReply:
    run, table = request.run, compose.table(environment.table)
    store, work, client = compose.runs(environment), compose.work(environment), org_client(environment, run.run_id)
    store.enter(run.run_id, "undoing" if run.kind == "undo" else "loading")
    standing = find_plan(store, run.run_id)
    if standing is None:
        raise NotFound(f"Run {run.run_id} has not been planned.")
    describes = describes_of(environment, run.run_id, now=clock.now)
    journal = Journal(store=store, work=work, run_id=run.run_id)
    loader = Loader(
        org=client,
        bulk=BulkLoader(jobs=client.bulk, work=work, run_id=run.run_id),
        plan=files_of(standing, work=work, run_id=run.run_id),
        journal=journal,
        find_again=partial(find_again, client, since=standing.org_time),
        control=lambda: store.control(run.run_id),
        ensure_lock=lambda: ensure_held(table, name=Context.RECORDS, fence=run.fence),
        now=clock.now,
        time_is_up=clock.time_is_up,
        settle=environment.config.records.settle_seconds,
        schema_refused=describes.forget,
    )
    try:
        return load_rows(loader, request.cursor, pause=partial(_pause, store, run.run_id))
    except (SalesforceDenied, SalesforceRequestInvalid):
        describes.forget()
        raise
    finally:
        emit({"SalesforceQuotaUsed": round(client.usage.share * 100, 2)}, kind=run.kind, stage=environment.stage)


def load_rows(loader: Loader, cursor: dict[str, Any] | None, *, pause: Callable[[str], None]) -> LoadReply:
    """Asks the run to pause where the org has no more calls to give."""
    start = Place(**cursor) if cursor else Place(0, 0)
    try:
        reached = loader.load(start)
    except Parked:
        return LoadReply(status=Status.PARKED)
    except SalesforceQuotaExhausted as error:
        pause(str(error))
        return LoadReply(status=Status.PARKED)
    match reached:
        case None:
            return LoadReply()
        case Wait(seconds):
            return LoadReply(status=Status.MORE, cursor=cursor, seconds=seconds)
        case Place(step, piece):
            return LoadReply(status=Status.MORE, cursor={"step": step, "piece": piece})


def _pause(store: RunStore, run_id: str, reason: str) -> None:
    store.ask(run_id, Control.PAUSE, reason=reason)
