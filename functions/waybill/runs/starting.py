"""How a run of any context starts: its options are read, its id is claimed, it is approved if need be, its context's lock is taken."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from waybill import compose
from waybill.clock import iso, parse_iso
from waybill.counting import WRITE_UNITS
from waybill.errors import InvalidInput
from waybill.runs.approval import ApprovalState, asked, is_needed
from waybill.runs.finishing import announce, send_event, waits
from waybill.runs.lock import Granted, Held, Lock, ensure_held
from waybill.runs.machine import CALL, END, ONE, Requests
from waybill.runs.model import Options, RunContext, RunKind, RunRecord, RunStatus
from waybill.runs.store import RunStore
from waybill.runs.task import Request, explain
from waybill.settings import Environment
from waybill.table import Table

_PASSES = frozenset({"full", "incremental"})
_TRIALS = frozenset({"dry_run", "execute"})
# Kinds that only read Salesforce.
_READING = frozenset({RunKind.BACKUP, RunKind.SYNC})


class StartRequest(Request):
    kind: RunKind
    execution_arn: str
    execution_name: str
    # The execution's input as it came, for an operator may start a machine by hand with `{}`.
    input: Mapping[str, Any] = {}


class Outcome(StrEnum):
    """APPROVAL: wait until somebody has decided, then ask again. TURN: wait for the lock, then ask again. ENDED: the run is to be finished."""

    STARTED = "started"
    REFUSED = "refused"
    APPROVAL = "approval"
    TURN = "turn"
    ENDED = "ended"


class StartReply(BaseModel):
    model_config = ConfigDict(frozen=True)

    outcome: Outcome
    message: str
    run: RunContext
    options: Options


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Which runs need an approval, and how long it is waited for. `tell`: tells of one that waits for it, or was refused."""

    kinds: tuple[str, ...]
    hours: int
    tell: Callable[[RunRecord], None]


def gate_of(environment: Environment) -> Gate:
    config = environment.config

    def tell(record: RunRecord) -> None:
        if record.status is RunStatus.AWAITING_APPROVAL:
            send_event(waits(record, stage=environment.stage), stage=environment.stage, kind="Approval Needed")
        else:
            announce(record, stage=environment.stage)

    return Gate(kinds=config.require_approval, hours=config.approval_hours, tell=tell)


def start_run(
    request: StartRequest,
    *,
    store: RunStore,
    table: Table,
    is_running: Callable[[str], bool],
    configuration: str,
    gate: Gate,
    now: datetime,
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
        started_at=iso(now),
        configuration=configuration,
    )
    if not is_running(request.execution_arn):
        return _reply(Outcome.REFUSED, record, "This execution is over: a late call opens no run and takes no lock.")
    record = store.get(run_id) if options.resume else store.claim(record)
    if record.execution_arn != request.execution_arn and not options.resume and request.input.get("resume") != run_id:
        return _reply(Outcome.REFUSED, record, f"The run id {run_id} is taken by another execution.")
    ours = record.execution_arn == request.execution_arn
    if ours and not record.status.active:
        return _reply(Outcome.REFUSED, record, f"Run {run_id} is {record.status}, and stays so.")
    if is_needed(record.kind, dry_run=record.dry_run, kinds=gate.kinds):
        held_up = _held_up(record, ours=ours, arn=request.execution_arn, gate=gate, store=store, now=now)
        if held_up is not None:
            return held_up
    fence = _fence(record, request, record.options, table=table, is_running=is_running)
    if isinstance(fence, Held):
        return _behind(record, fence, arn=request.execution_arn, gate=gate, store=store, now=now)
    return _reply(Outcome.STARTED, store.resume(run_id, execution_arn=request.execution_arn, fence=fence), "")


def _held_up(record: RunRecord, *, ours: bool, arn: str, gate: Gate, store: RunStore, now: datetime) -> StartReply | None:
    """The answer where the run may not begin yet, or never; None where it is approved. `ours`: this execution has asked before."""
    approval = record.approval
    if ours and approval is not None:
        if record.control is not None or approval.state is ApprovalState.REJECTED:
            return _reply(Outcome.ENDED, record, record.control_reason or approval.reason)
        if approval.state is ApprovalState.WAITING:  # woken up by somebody who has not decided: on with the wait
            return _reply(Outcome.APPROVAL, record, "")
    if approval is not None and approval.state is ApprovalState.APPROVED:
        return None
    options = record.options
    wanted = asked(by=options.requested_by, subject=options.requested_subject, now=now, hours=gate.hours)
    waiting = store.await_approval(record.run_id, wanted, execution_arn=arn)
    gate.tell(waiting)
    return _reply(Outcome.APPROVAL, waiting, "")


def _behind(record: RunRecord, holder: Held, *, arn: str, gate: Gate, store: RunStore, now: datetime) -> StartReply:
    """The answer where another run is at work. One that was approved waits for its turn: nobody is to approve it twice."""
    if record.approval is not None and now < parse_iso(record.approval.until) and record.execution_arn == arn:
        return _reply(Outcome.TURN, store.wait_for_turn(record.run_id, behind=holder.run_id), "")
    message = f"Run {holder.run_id} is at work: wait for it, or cancel it with `waybill runs cancel {holder.run_id}`."
    if record.execution_arn == arn:
        end: dict[str, Any] = {"status": RunStatus.REFUSED, "ended_at": iso(now), "message": message}
        store.finish(record.run_id, execution_arn=arn, counts=record.counts, errors=[], **end)
        gate.tell(record.model_copy(update=end))
    return _reply(Outcome.REFUSED, record, message)


def around(_: StartRequest, reply: StartReply) -> Requests:
    """What the state machine does for a call. Who waits comes back, by way of one state more."""
    match reply.outcome:
        case Outcome.APPROVAL:
            return CALL + ONE + Requests({"dynamodb PutItem": 1, WRITE_UNITS: 1})
        case Outcome.TURN:
            return CALL + ONE
        case Outcome.STARTED | Outcome.REFUSED | Outcome.ENDED:
            return CALL + END


def _fence(
    record: RunRecord, request: StartRequest, options: Options, *, table: Table, is_running: Callable[[str], bool]
) -> int | Held:
    if options.parent is not None:
        ensure_held(table, name=record.kind.lock, fence=options.parent.fence)
        return options.parent.fence
    lock = Lock(table=table, name=record.kind.lock, is_running=is_running)
    granted = lock.acquire(run_id=record.run_id, execution_arn=request.execution_arn)
    return granted.fence if isinstance(granted, Granted) else granted


def read_options(kind: RunKind, given: Mapping[str, Any]) -> Options:
    """The options with the kind's defaults filled in. Raises InvalidInput, which names what is wrong."""
    values = {name: value for name, value in given.items() if value is not None}
    modes, usual = (_PASSES, "incremental") if kind in _READING else (_TRIALS, "dry_run")
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
    if (options.retry_of or options.request) and (kind is not RunKind.BACKUP or options.accounts or options.parent):
        raise InvalidInput("Only a backup without accounts takes retry_of or request.")
    if options.retry_of and options.request:
        raise InvalidInput("A backup takes retry_of or request, not both.")
    if kind is RunKind.LOAD and (options.load is None or (options.load.input is None) == (options.load.retry_of is None)):
        raise InvalidInput(
            "A load needs just one of load.input, a key below inbox/ in the work bucket, and load.retry_of, a run's id."
        )
    if kind is RunKind.UNDO and options.run_id is None:
        raise InvalidInput("An undo needs run_id: the load that is to be undone.")
    if kind is RunKind.SYNC and options.sync is None:
        raise InvalidInput("A sync needs sync.workbook: the name of the workbook that is to be brought up to date.")


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


def _reply(outcome: Outcome, record: RunRecord, message: str) -> StartReply:
    # Accounts may be many: who needs them reads the run's record.
    options = record.options.model_copy(update={"accounts": ()})
    return StartReply(outcome=outcome, message=message, run=context_of(record), options=options)


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
