"""Asks whether a cutover may begin. A dry run only reports; an execution is refused where something that it needs is missing."""

import json
from contextlib import suppress

from waybill import compose
from waybill.clock import iso
from waybill.errors import NotReady, SalesforceQuotaExhausted
from waybill.files import linking
from waybill.files.building import metered
from waybill.files.opening import opens
from waybill.files.readiness import Readiness, check
from waybill.runs.machine import CALL, ONE
from waybill.runs.model import Control, RunContext
from waybill.runs.task import Clock, Reply, Request, Status, task
from waybill.runs.work import WorkBucket, run_prefix
from waybill.settings import SourceEnvironment


class ReadinessRequest(Request):
    run: RunContext


class ReadinessReply(Reply):
    ready: bool


def then(request: ReadinessRequest, reply: ReadinessReply) -> str:
    """The delta is a run of its own, with phases of its own."""
    if reply.status is not Status.DONE:
        return ""
    return "looking for what has changed" if request.run.dry_run else "backing up what has changed"


# Behind it come the delta and the choice whether that was complete.
@task(SourceEnvironment, ReadinessRequest, around=lambda *_: CALL + ONE, then=then)
def handler(environment: SourceEnvironment, request: ReadinessRequest, clock: Clock) -> ReadinessReply:
    store = compose.runs(environment)
    store.enter(request.run.run_id, "checking readiness")
    client = compose.salesforce(environment)
    if environment.link_key:
        linking.keyring(environment, environment.link_key).first(by=request.run.run_id, at=iso(clock.now()))
    with metered(client, kind=request.run.kind, stage=environment.stage), suppress(SalesforceQuotaExhausted):
        readiness = check(
            store.get(request.run.run_id).options,
            store=store,
            ledger=compose.ledger(environment),
            client=client,
            settings=environment.config.salesforce,
            links=linking.writer(environment),
            opens=opens,
            now=clock.now(),
        )
        return check_readiness(request.run, readiness, work=compose.work(environment))
    # The delta finds the run asked to pause, and so does everything behind it.
    store.ask(request.run.run_id, Control.PAUSE, reason="Salesforce's daily limit is used up as far as the quota guard allows.")
    return ReadinessReply(status=Status.PARKED, ready=False)


def check_readiness(run: RunContext, readiness: Readiness, *, work: WorkBucket) -> ReadinessReply:
    """Keeps the findings beside the run. Raises NotReady, which says what to do."""
    work.put(f"{run_prefix(run.run_id)}readiness.json", json.dumps(readiness.to_json(), indent=1).encode())
    if readiness.blockers and not run.dry_run:
        raise NotReady(" ".join(f"{finding.detail} {finding.fix}" for finding in readiness.blockers))
    return ReadinessReply(ready=readiness.ready)
