"""Starts a load or an undo: reads its options, takes the records' lock. Says `refused` where another run is at work."""

from waybill import compose
from waybill.records.scope import require_load
from waybill.runs.model import RunKind
from waybill.runs.starting import StartReply, StartRequest, execution_is_running, gate_of, read_options, start_run
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, task
from waybill.settings import LedgerEnvironment


@task(LedgerEnvironment, StartRequest)
def handler(environment: LedgerEnvironment, request: StartRequest, clock: Clock) -> StartReply:
    table = compose.table(environment.table)
    store = RunStore(table)
    refuse_nonsense(request, store)
    return start_run(
        request,
        store=store,
        table=table,
        is_running=execution_is_running,
        configuration=environment.config.model_dump_json(),
        gate=gate_of(environment),
        now=clock.now(),
    )


def refuse_nonsense(request: StartRequest, store: RunStore) -> None:
    """Raises InvalidInput or NotFound where the run that is to be undone or retried cannot be."""
    options = read_options(request.kind, request.input)
    if options.resume:
        return
    if request.kind is RunKind.UNDO and options.run_id is not None:
        require_load(store, options.run_id, executed=True)
    if options.load is not None and options.load.retry_of is not None:
        require_load(store, options.load.retry_of, executed=False)
