"""Starts a run: reads its options, takes the lock, snapshots the configuration. Says `refused` where another run is at work."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from waybill import compose
from waybill.clock import iso
from waybill.errors import InvalidInput
from waybill.runs.lock import Granted, Held, Lock, ensure_held
from waybill.runs.model import Options, RunContext, RunKind, RunRecord, RunStatus
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, Request, explain, task
from waybill.settings import LedgerEnvironment
from waybill.table import Table

LOCK = "files"
_DEFAULT_MODE = {RunKind.BACKUP: "incremental", RunKind.CUTOVER: "dry_run", RunKind.ROLLBACK: "dry_run"}
_MODES = {
    RunKind.BACKUP: {"full", "incremental"},
    RunKind.CUTOVER: {"dry_run", "execute"},
    RunKind.ROLLBACK: {"dry_run", "execute"},
}


class StartRequest(Request):
    kind: RunKind
    execution_arn: str
    execution_name: str
    # The execution's input as it came, for an operator may start a machine by hand with `{}`.
    input: Mapping[str, Any] = {}


class Outcome(StrEnum):
    STARTED = "started"
    REFUSED = "refused"


class StartReply(BaseModel):
    model_config = ConfigDict(frozen=True)

    outcome: Outcome
    message: str
    run: RunContext
    options: Options


@task(LedgerEnvironment, StartRequest)
def handler(environment: LedgerEnvironment, request: StartRequest, clock: Clock) -> StartReply:
    table = compose.table(environment.table)
    return start_run(
        request,
        store=RunStore(table),
        table=table,
        is_running=execution_is_running,
        configuration=environment.config.model_dump_json(),
        now=iso(clock.now()),
    )


def start_run(
    request: StartRequest,
    *,
    store: RunStore,
    table: Table,
    is_running: Callable[[str], bool],
    configuration: str,
    now: str,
) -> StartReply:
    """Claims the run's id and takes the lock; the same execution may ask again and gets the same answer. Raises InvalidInput."""
    options = read_options(request.kind, request.input)
    if options.parent is not None:
        # The delta of a cutover has its accounts, which may be too many to travel in a state's input.
        options = options.model_copy(update={"accounts": store.get(options.parent.run_id).options.accounts})
    run_id = options.resume or f"{request.kind}-{request.execution_name}"
    record = RunRecord(
        run_id=run_id,
        kind=request.kind,
        options=options,
        status=RunStatus.RUNNING,
        execution_arn=request.execution_arn,
        started_at=now,
        configuration=configuration,
    )
    if options.resume:
        record = store.get(run_id)
        options = record.options
    else:
        record = store.claim(record)
    if record.execution_arn != request.execution_arn and not options.resume and request.input.get("resume") != run_id:
        return _refused(record, f"The run id {run_id} is taken by another execution.", options)
    fence = _fence(record, request, options, table=table, is_running=is_running)
    if isinstance(fence, Held):
        message = f"Run {fence.run_id} is at work: wait for it, or cancel it with `waybill runs cancel {fence.run_id}`."
        if record.execution_arn == request.execution_arn:
            store.finish(
                run_id,
                execution_arn=request.execution_arn,
                status=RunStatus.REFUSED,
                ended_at=now,
                message=message,
                counts=record.counts,
                errors=[],
            )
        return _refused(record, message, options)
    record = store.resume(run_id, execution_arn=request.execution_arn, fence=fence)
    return StartReply(outcome=Outcome.STARTED, message="", run=context_of(record), options=_without_accounts(options))


def _fence(
    record: RunRecord, request: StartRequest, options: Options, *, table: Table, is_running: Callable[[str], bool]
) -> int | Held:
    if options.parent is not None:
        ensure_held(table, name=LOCK, fence=options.parent.fence)
        return options.parent.fence
    lock = Lock(table=table, name=LOCK, is_running=is_running)
    granted = lock.acquire(run_id=record.run_id, execution_arn=request.execution_arn)
    return granted.fence if isinstance(granted, Granted) else granted


def read_options(kind: RunKind, given: Mapping[str, Any]) -> Options:
    """The options with the kind's defaults filled in. Raises InvalidInput, which names what is wrong."""
    values = {name: value for name, value in given.items() if value is not None}
    values.setdefault("mode", _DEFAULT_MODE[kind])
    try:
        options = Options.model_validate(values)
    except ValidationError as error:
        raise InvalidInput(explain(error)) from None
    if options.mode not in _MODES[kind]:
        raise InvalidInput(f"A {kind} has no mode {options.mode!r}: choose {' or '.join(sorted(_MODES[kind]))}.")
    if kind is RunKind.ROLLBACK and not options.resume:
        scopes = [bool(options.run_id), bool(options.accounts), options.all]
        if sum(scopes) != 1:
            raise InvalidInput("A rollback needs just one scope: run_id, accounts, or all.")
    return options


def context_of(record: RunRecord) -> RunContext:
    options = record.options
    return RunContext(
        run_id=record.run_id,
        kind=record.kind,
        mode=options.mode,
        fence=record.fence,
        started_at=record.started_at,
        dry_run=record.dry_run,
        deep=options.deep,
        careful=options.careful,
    )


def _without_accounts(options: Options) -> Options:
    """Accounts may be many: who needs them reads the run's record."""
    return options.model_copy(update={"accounts": ()})


def _refused(record: RunRecord, message: str, options: Options) -> StartReply:
    return StartReply(outcome=Outcome.REFUSED, message=message, run=context_of(record), options=_without_accounts(options))


def execution_is_running(arn: str) -> bool:
    """Whether an execution is alive. One that Step Functions no longer knows is not."""
    from botocore.exceptions import ClientError

    try:
        status: str = compose.aws("stepfunctions").describe_execution(executionArn=arn)["status"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ExecutionDoesNotExist":
            return False
        raise
    return status in {"RUNNING", "PENDING_REDRIVE"}
