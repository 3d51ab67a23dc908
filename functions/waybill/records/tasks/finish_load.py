"""Ends a load, an undo or a sync: counts its rows, writes the report, sends the event, lets the lock go. Also called when an execution broke off."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

from pydantic import BaseModel, ConfigDict

from waybill import compose
from waybill.clock import iso
from waybill.records.reporting import count_rows, write_reports
from waybill.runs.finishing import EndRequest, StateError, announce, run_to_finish, status_of, tell_late
from waybill.runs.lock import Lock
from waybill.runs.model import ERRORS_SHOWN, RowCounts, RunKind, RunRecord, RunStatus
from waybill.runs.starting import execution_is_running
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, Reply, task
from waybill.runs.work import WorkBucket
from waybill.settings import LedgerEnvironment
from waybill.telemetry import emit, logger


class RunResult(BaseModel):
    model_config = ConfigDict(frozen=True)

    run_id: str
    status: RunStatus
    message: str
    rows: RowCounts


class FinishReply(Reply):
    result: RunResult | None = None


@task(LedgerEnvironment, EndRequest)
def handler(environment: LedgerEnvironment, request: EndRequest, clock: Clock) -> FinishReply:
    store, table = compose.runs(environment), compose.table(environment.table)

    def lock_of(kind: RunKind) -> Lock:
        return Lock(table=table, name=kind.lock, is_running=execution_is_running)

    tell = partial(announce, stage=environment.stage)
    found = run_to_finish(request.run, request.error, request.detail, store)
    if found is None:
        tell_late(request.detail, store=store, lock_of=lock_of, tell=tell)
        logger.info("nothing to finish", extra={"detail": request.detail.name if request.detail else ""})
        return FinishReply()
    record, error = found
    reply = finish_load(
        record,
        error=error,
        store=store,
        work=compose.work(environment),
        lock=lock_of(record.kind),
        send=tell,
        now=clock.now,
    )
    if reply.result is not None:
        emit(metrics_of(record.kind, reply.result), kind=record.kind, stage=environment.stage)
    return reply


def metrics_of(kind: RunKind, result: "RunResult") -> dict[str, float]:
    """What a sync leaves alone is in conflict; nothing of it was ever checked."""
    rows = result.rows
    metrics = {"RecordsProcessed": rows.total, "RecordsFailed": rows.failed, "RunsFailed": int(result.status is RunStatus.FAILED)}
    if kind is RunKind.SYNC:
        return {**metrics, "SyncOperations": int(result.status is RunStatus.COMPLETED), "Conflicts": rows.rejected}
    return {**metrics, "ValidationErrors": rows.rejected}


def finish_load(
    record: RunRecord,
    *,
    error: StateError | None,
    store: RunStore,
    work: WorkBucket,
    lock: Lock,
    send: Callable[[RunRecord], None],
    now: Callable[[], datetime],
) -> FinishReply:
    """Does nothing where the run is another execution's by now."""
    if not store.enter(record.run_id, "writing the report", fence=record.fence):
        return FinishReply()
    status, message = status_of(record, error, store)
    counted = count_rows(record, store=store, work=work)
    errors = tuple(islice(counted.errors(), ERRORS_SHOWN))
    end: dict[str, Any] = {"status": status, "message": message, "ended_at": iso(now())}
    ended = record.model_copy(
        update={**end, "phase": "ended", "rows": counted.rows, "objects": counted.objects, "row_errors": errors}
    )
    write_reports(ended, counted, store=store, work=work)
    if not store.finish_records(
        record.run_id, execution_arn=record.execution_arn, rows=counted.rows, objects=counted.objects, errors=errors, **end
    ):
        return FinishReply()
    # The lock goes last: who finds it held, after this execution has died, knows that nobody may have been told.
    send(ended)
    lock.release(record.fence)
    return FinishReply(result=RunResult(run_id=record.run_id, status=status, message=message, rows=counted.rows))
