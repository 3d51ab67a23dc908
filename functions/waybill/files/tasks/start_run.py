"""Starts a run: reads its options, takes the lock, snapshots the configuration. Says `refused` where another run is at work."""

from datetime import datetime

from waybill import compose
from waybill.api.auditing import Audit
from waybill.api.identity import Caller
from waybill.runs.starting import StartReply, StartRequest, around, execution_is_running, gate_of, start_run
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, task
from waybill.settings import LedgerEnvironment

BUCKET = Caller(subject="", name="the bucket", role=None, source="s3")


@task(LedgerEnvironment, StartRequest, around=around)
def handler(environment: LedgerEnvironment, request: StartRequest, clock: Clock) -> StartReply:
    table = compose.table(environment.table)
    reply = start_run(
        request,
        store=RunStore(table),
        table=table,
        is_running=execution_is_running,
        configuration=environment.config.model_dump_json(),
        gate=gate_of(environment),
        now=clock.now(),
    )
    if reply.options.request is not None:
        audit_request(reply, reply.options.request, audit=Audit(table), now=clock.now())
    return reply


def audit_request(reply: StartReply, key: str, *, audit: Audit, now: datetime) -> None:
    """Somebody has dropped a file, and nobody knows who: the audit says what came of it."""
    detail = {"run_id": reply.run.run_id, "message": reply.message}
    audit.append(BUCKET, now=now, action="PUT requests/", resource=key, outcome=reply.outcome, detail=detail)
