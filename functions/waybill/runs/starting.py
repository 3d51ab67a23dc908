"""How a run of any context starts: its options are read, its id is claimed, its context's lock is taken."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from waybill import compose
from waybill.errors import InvalidInput
from waybill.runs.lock import Granted, Held, Lock, ensure_held
from waybill.runs.model import Options, RunContext, RunKind, RunRecord, RunStatus
from waybill.runs.store import RunStore
from waybill.runs.task import Request, explain
from waybill.table import Table

_PASSES = frozenset({"full", "incremental"})
_TRIALS = frozenset({"dry_run", "execute"})


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
    if not is_running(request.execution_arn):
        return _refused(record, "This execution is over: a late call opens no run and takes no lock.", options)
    if options.resume:
        record = store.get(run_id)
        options = record.options
    else:
        record = store.claim(record)
    if record.execution_arn != request.execution_arn and not options.resume and request.input.get("resume") != run_id:
        return _refused(record, f"The run id {run_id} is taken by another execution.", options)
    if record.execution_arn == request.execution_arn and record.status is not RunStatus.RUNNING:
        return _refused(record, f"Run {run_id} is {record.status}, and stays so.", options)
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
        ensure_held(table, name=record.kind.context, fence=options.parent.fence)
        return options.parent.fence
    lock = Lock(table=table, name=record.kind.context, is_running=is_running)
    granted = lock.acquire(run_id=record.run_id, execution_arn=request.execution_arn)
    return granted.fence if isinstance(granted, Granted) else granted


def read_options(kind: RunKind, given: Mapping[str, Any]) -> Options:
    """The options with the kind's defaults filled in. Raises InvalidInput, which names what is wrong."""
    values = {name: value for name, value in given.items() if value is not None}
    modes, usual = (_PASSES, "incremental") if kind is RunKind.BACKUP else (_TRIALS, "dry_run")
    values.setdefault("mode", usual)
    try:
        options = Options.model_validate(values)
    except ValidationError as error:
        raise InvalidInput(explain(error)) from None
    if options.mode not in modes:
        raise InvalidInput(f"A {kind} has no mode {options.mode!r}: choose {' or '.join(sorted(modes))}.")
    if not options.resume:
        _refuse_nonsense(kind, options)
    return options


def _refuse_nonsense(kind: RunKind, options: Options) -> None:
    if kind is RunKind.ROLLBACK and sum([bool(options.run_id), bool(options.accounts), options.all]) != 1:
        raise InvalidInput("A rollback needs just one scope: run_id, accounts, or all.")
    if kind is RunKind.LOAD and (options.load is None or (options.load.input is None) == (options.load.retry_of is None)):
        raise InvalidInput(
            "A load needs just one of load.input, a key below inbox/ in the work bucket, and load.retry_of, a run's id."
        )
    if kind is RunKind.UNDO and options.run_id is None:
        raise InvalidInput("An undo needs run_id: the load that is to be undone.")


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
