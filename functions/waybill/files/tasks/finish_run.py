"""Ends a run: sums accounts up, writes the report, sends the event, lets the lock go. Also called when an execution broke off."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from waybill import compose
from waybill.clock import iso
from waybill.errors import InvalidInput
from waybill.files.ledger import Ledger
from waybill.files.reporting import write_reports
from waybill.files.tasks.start_run import LOCK, execution_is_running
from waybill.files.totals import (
    Totals,
    backup_totals,
    errors_of,
    sample,
    summarise_accounts,
    summarise_part,
    switch_totals,
    work_through,
)
from waybill.runs.lock import Lock
from waybill.runs.model import Control, Counts, ErrorRow, RunContext, RunKind, RunRecord, RunStatus
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, Reply, Request, Status, task
from waybill.runs.work import WorkBucket, run_prefix
from waybill.settings import LedgerEnvironment
from waybill.telemetry import emit, logger


class StateError(BaseModel):
    """What a Catch hands over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    error: str = Field(alias="Error", default="")
    cause: str = Field(alias="Cause", default="")


class ExecutionDetail(BaseModel):
    """Of EventBridge's `Step Functions Execution Status Change`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    execution_arn: str = Field(alias="executionArn")
    name: str
    status: str
    input: str | None = None
    error: str | None = None
    cause: str | None = None


class DeltaResult(BaseModel):
    """What the backup inside a cutover has answered."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    run_id: str
    status: RunStatus
    message: str = ""
    files: Counts


class FinishRequest(Request):
    run: RunContext | None = None
    error: StateError | None = None
    delta: DeltaResult | None = None
    cursor: dict[str, Any] | None = None
    # Instead of `run`, where a rule calls: the event's detail.
    detail: ExecutionDetail | None = None


class RunResult(BaseModel):
    model_config = ConfigDict(frozen=True)

    run_id: str
    status: RunStatus
    message: str
    files: Counts


class FinishReply(Reply):
    result: RunResult | None = None


@task(LedgerEnvironment, FinishRequest)
def handler(environment: LedgerEnvironment, request: FinishRequest, clock: Clock) -> FinishReply:
    store, table = compose.runs(environment), compose.table(environment.table)
    found = _record(request, store)
    if found is None:
        logger.info("nothing to finish", extra={"detail": request.detail.name if request.detail else ""})
        return FinishReply()
    record, error = found
    reply = finish_run(
        record,
        error=error,
        delta=request.delta,
        cursor=request.cursor,
        store=store,
        ledger=compose.ledger(environment),
        work=compose.work(environment),
        lock=Lock(table=table, name=LOCK, is_running=execution_is_running),
        url_field=environment.config.salesforce.url_field,
        send=lambda detail: send_event(detail, stage=environment.stage),
        now=iso(clock.now()),
        time_is_up=clock.time_is_up,
        last_chance=request.run is None,
    )
    failed = reply.result is not None and reply.result.status is RunStatus.FAILED
    emit({"RunsFailed": int(failed)}, kind=record.kind, stage=environment.stage)
    return reply


def finish_run(
    record: RunRecord,
    *,
    error: StateError | None,
    delta: DeltaResult | None,
    cursor: dict[str, Any] | None,
    store: RunStore,
    ledger: Ledger,
    work: WorkBucket,
    lock: Lock,
    url_field: str,
    send: Callable[[dict[str, Any]], None],
    now: str,
    time_is_up: Callable[[], bool],
    last_chance: bool = False,
) -> FinishReply:
    """Does what is left to do of the end; with a cursor where time ran out among the accounts.

    `last_chance`: nobody will call again, as after a rule's call: the run ends, and the next one counts the other accounts.
    """
    store.enter(record.run_id, "summing up")
    done = str(cursor["done"]) if cursor else None
    place = work_through(_summaries(record, done, store=store, ledger=ledger, work=work), time_is_up=time_is_up)
    if place is not None and not last_chance:
        return FinishReply(status=Status.MORE, cursor={"done": place})
    status, message = _status(record, error, delta, store)
    totals, errors = _totals(record, delta, store=store, work=work)
    ended = record.model_copy(
        update={
            "status": status,
            "message": message,
            "ended_at": now,
            "counts": totals.counts,
            "errors": tuple(errors),
            "phase": "ended",
        }
    )
    write_reports(ended, totals=totals, store=store, work=work, url_field=url_field)
    result = RunResult(run_id=record.run_id, status=status, message=message, files=totals.counts)
    ours = store.finish(
        record.run_id,
        execution_arn=record.execution_arn,
        status=status,
        ended_at=now,
        message=message,
        counts=totals.counts,
        errors=errors,
    )
    if ours and record.options.parent is None:
        lock.release(record.fence)
    send(result.model_dump(mode="json"))
    return FinishReply(result=result)


def _record(request: FinishRequest, store: RunStore) -> tuple[RunRecord, StateError | None] | None:
    """The run to finish; None where it has ended already, or another execution has resumed it."""
    if request.run is not None:
        return store.get(request.run.run_id), request.error
    if request.detail is None:
        raise InvalidInput("finish_run needs a run, or the detail of an execution's event.")
    detail = request.detail
    record = _of_execution(detail, store)
    if record is None or record.execution_arn != detail.execution_arn or record.status is not RunStatus.RUNNING:
        return None
    cause = detail.cause or f"The execution ended as {detail.status} before it could finish the run."
    return record, StateError.model_validate({"Error": detail.error or detail.status, "Cause": cause})


def _of_execution(detail: ExecutionDetail, store: RunStore) -> RunRecord | None:
    resumed = json.loads(detail.input or "{}").get("resume")
    if resumed:
        return store.find(str(resumed))
    return next((record for kind in RunKind if (record := store.find(f"{kind}-{detail.name}"))), None)


def _summaries(
    record: RunRecord, done: str | None, *, store: RunStore, ledger: Ledger, work: WorkBucket
) -> Iterator[tuple[str, Callable[[], None]]]:
    """The steps that bring account summaries up to date, behind `done`. A dry run has none: it changed nothing."""
    if record.dry_run:
        return
    if record.kind is RunKind.BACKUP:
        unfinished: list[tuple[str, str]] | None = None
        for part in store.results(record.run_id, "PACKET#", after=done):
            if unfinished is None:
                unfinished = _unfinished(store, record.run_id)
            yield part["sk"], _bound(summarise_part, part, unfinished=unfinished, run=record, ledger=ledger, work=work)
        return
    for unit in work.rows(f"{run_prefix(record.run_id)}units.jsonl"):
        if done is None or unit["unit"] > done:
            yield unit["unit"], _bound(summarise_accounts, unit["accounts"], run=record, ledger=ledger)


def _bound(function: Callable[..., None], *arguments: Any, **named: Any) -> Callable[[], None]:
    return lambda: function(*arguments, **named)


def _unfinished(store: RunStore, run_id: str) -> list[tuple[str, str]]:
    """First and last account of each shard that has no result. Few, as a rule none."""
    results = {shard["sk"] for shard in store.results(run_id, "SHARD#")}
    return [
        (shard["first"], shard["last"])
        for part in store.results(run_id, "PACKET#")
        for shard in part["shards"]
        if f"SHARD#{shard['shard']}" not in results
    ]


def _status(record: RunRecord, error: StateError | None, delta: DeltaResult | None, store: RunStore) -> tuple[RunStatus, str]:
    if error is not None and error.error:
        status = RunStatus.REFUSED if error.error == "NotReady" else RunStatus.FAILED
        return status, _message(error)
    if delta is not None and delta.status is not RunStatus.COMPLETED:
        return delta.status, f"The delta {delta.run_id} ended as {delta.status}. {delta.message}".strip()
    control = store.control(record.run_id)
    if control is not None:
        reason = store.get(record.run_id).control_reason
        return (RunStatus.PAUSED if control is Control.PAUSE else RunStatus.CANCELLED), reason
    return RunStatus.COMPLETED, ""


def _message(error: StateError) -> str:
    try:
        cause = json.loads(error.cause)
    except ValueError:
        return error.cause or error.error
    return str(cause.get("errorMessage") or error.error) if isinstance(cause, dict) else error.cause


def _totals(record: RunRecord, delta: DeltaResult | None, *, store: RunStore, work: WorkBucket) -> tuple[Totals, list[ErrorRow]]:
    if record.kind is RunKind.BACKUP:
        totals = backup_totals(store, record.run_id, dry_run=record.dry_run, delta=record.options.parent is not None)
        return totals, sample(errors_of(store, work, record.run_id))
    totals = switch_totals(store, record, delta.files if delta else None)
    errors = sample(errors_of(store, work, record.run_id))
    if delta is not None:
        errors = (errors + list(store.get(delta.run_id).errors))[: len(errors) + 50]
    return totals, errors


def send_event(detail: dict[str, Any], *, stage: str) -> None:
    """Tells the event bus that a run has ended. A bus that does not answer must not keep the lock held."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        compose.aws("events").put_events(
            Entries=[{"Source": f"waybill.{stage}", "DetailType": "Run Ended", "Detail": json.dumps(detail)}]
        )
    except (BotoCoreError, ClientError) as error:
        logger.warning("event not sent", extra={"run_id": detail["run_id"], "reason": str(error)})
