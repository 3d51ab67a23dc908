"""Starts a run: reads its options, takes the lock, snapshots the configuration. Says `refused` where another run is at work."""

from waybill import compose
from waybill.runs.starting import StartReply, StartRequest, around, execution_is_running, gate_of, start_run
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, task
from waybill.settings import LedgerEnvironment


@task(LedgerEnvironment, StartRequest, around=around)
def handler(environment: LedgerEnvironment, request: StartRequest, clock: Clock) -> StartReply:
    table = compose.table(environment.table)
    return start_run(
        request,
        store=RunStore(table),
        table=table,
        is_running=execution_is_running,
        configuration=environment.config.model_dump_json(),
        gate=gate_of(environment),
        now=clock.now(),
    )
