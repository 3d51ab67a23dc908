"""Starts a load, an undo or a sync: reads its options, takes the lock of its kind. Says `refused` where another run is at work."""

from waybill import compose
from waybill.errors import InvalidInput
from waybill.orgs.connections import OWN
from waybill.records.scope import refuse_orgs, require_load
from waybill.runs.model import RunKind
from waybill.runs.starting import StartReply, StartRequest, execution_is_running, gate_of, read_options, start_run
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, task
from waybill.settings import LedgerEnvironment


@task(LedgerEnvironment, StartRequest)
def handler(environment: LedgerEnvironment, request: StartRequest, clock: Clock) -> StartReply:
    table = compose.table(environment.table)
    store = RunStore(table)
    return start_run(
        settled(request, store),
        store=store,
        table=table,
        is_running=execution_is_running,
        configuration=environment.config.model_dump_json(),
        gate=gate_of(environment),
        now=clock.now(),
    )


def settled(request: StartRequest, store: RunStore) -> StartRequest:
    """The request with the org that an undo or a retry goes to: that of its load.

    Raises InvalidInput or NotFound where the run that is to be undone or retried cannot be, or orgs do not go together.
    """
    options = read_options(request.kind, request.input)
    if options.resume:
        return request
    load = options.load
    earlier = None
    if request.kind is RunKind.UNDO and options.run_id is not None:
        earlier = require_load(store, options.run_id, executed=True)
    if load is not None:
        refuse_orgs(org=options.org, from_org=load.from_org, retry=load.retry_of is not None)
        earlier = require_load(store, load.retry_of, executed=False) if load.retry_of is not None else None
    if earlier is None:
        return request
    if options.org not in {None, earlier.options.org}:
        raise InvalidInput(f"Run {earlier.run_id} went to {earlier.options.org or OWN}, and so does what follows it.")
    return request.model_copy(update={"input": {**request.input, "org": earlier.options.org}})
