"""Reads back what a load wrote, and notes what Salesforce dropped in silence."""

import json
from functools import partial
from typing import Any

from waybill import compose
from waybill.records.connecting import org_client
from waybill.records.finding import values_of
from waybill.records.journal import Journal
from waybill.records.reconciling import Reconciliation
from waybill.records.rereading import BulkReader
from waybill.records.standing import files_of, find_plan
from waybill.runs.model import RunContext
from waybill.runs.task import Clock, Reply, Request, Status, task
from waybill.runs.work import WorkBucket, run_prefix
from waybill.settings import OrgEnvironment


class ReconcileReply(Reply):
    # Above 0, the machine waits so many seconds before it calls again.
    seconds: int = 0


class ReconcileRequest(Request):
    run: RunContext
    cursor: dict[str, Any] | None = None


@task(OrgEnvironment, ReconcileRequest)
def handler(environment: OrgEnvironment, request: ReconcileRequest, clock: Clock) -> ReconcileReply:
    run, store, work = request.run, compose.runs(environment), compose.work(environment)
    client = org_client(environment, run.run_id)
    store.enter(run.run_id, "reading back")
    standing = find_plan(store, run.run_id)
    if standing is None or store.control(run.run_id):
        return ReconcileReply(status=Status.PARKED)
    reconciliation = Reconciliation(
        plan=files_of(standing, work=work, run_id=run.run_id),
        journal=Journal(store=store, work=work, run_id=run.run_id),
        read=partial(values_of, client),
        bulk=BulkReader(queries=client.bulk_queries, work=work, run_id=run.run_id, since=standing.org_time),
        time_is_up=clock.time_is_up,
    )
    return reconcile(run, reconciliation, request.cursor, work=work)


def reconcile(
    run: RunContext, reconciliation: Reconciliation, cursor: dict[str, Any] | None, *, work: WorkBucket
) -> ReconcileReply:
    """What is not as written is noted by part, for the report's warnings."""
    start: int | None = cursor["step"] if cursor else None
    rest = reconciliation.run(start)
    if reconciliation.differing:
        rows = [
            {"object": name, "field": field, "rows": number} for (name, field), number in sorted(reconciliation.differing.items())
        ]
        part = "last" if rest is None else f"{rest.step:03d}"
        work.put(f"{run_prefix(run.run_id)}differing/{part}.json", json.dumps(rows).encode())
    if rest is None:
        return ReconcileReply()
    return ReconcileReply(status=Status.MORE, cursor={"step": rest.step}, seconds=rest.seconds)
