"""Ends a run: sums accounts up, writes the report, sends the event, lets the lock go. Also called when an execution broke off."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict

from waybill import compose
from waybill.clock import iso
from waybill.counting import so_far, summed
from waybill.files.ledger import Ledger
from waybill.files.reporting import write_report, write_tables
from waybill.files.summing import sum_up
from waybill.files.totals import Totals, backup_totals, errors_of, sample, switch_totals
from waybill.files.unaccounted import note_unaccounted
from waybill.files.uploads import UploadLog, give_up_all
from waybill.runs.finishing import EndRequest, StateError, announce, run_to_finish, status_of, tell_late
from waybill.runs.lock import Lock
from waybill.runs.model import Context, Counts, ErrorRow, RunKind, RunRecord, RunStatus
from waybill.runs.requests import RequestLog, still_to_come
from waybill.runs.starting import execution_is_running
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, Reply, Status, task
from waybill.runs.work import WorkBucket
from waybill.settings import LedgerEnvironment
from waybill.telemetry import emit, logger

# Accounts that took longer leave the report to a call of its own: of a million files it takes minutes.
BESIDE_REPORT = timedelta(minutes=2)


class DeltaResult(BaseModel):
    """What the backup inside a cutover has answered."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    run_id: str
    status: RunStatus
    message: str = ""
    files: Counts


class FinishRequest(EndRequest):
    delta: DeltaResult | None = None
    cursor: dict[str, Any] | None = None


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
    store, table, work = compose.runs(environment), compose.table(environment.table), compose.work(environment)
    lock = Lock(table=table, name=Context.FILES, is_running=execution_is_running)
    tell = partial(announce, stage=environment.stage)
    found = run_to_finish(request.run, request.error, request.detail, store)
    if found is None:
        tell_late(request.detail, store=store, lock_of=lambda _: lock, tell=tell)
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
        work=work,
        lock=lock,
        log=RequestLog(table),
        made=so_far,
        give_up=lambda: give_up_all(UploadLog(work, record.run_id), lambda: compose.destination_store(environment.config)),
        url_field=environment.config.salesforce.url_field,
        send=tell,
        now=clock.now,
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
    log: RequestLog,
    made: Callable[[], Mapping[str, float]],
    give_up: Callable[[], None],
    url_field: str,
    send: Callable[[RunRecord], None],
    now: Callable[[], datetime],
    time_is_up: Callable[[], bool],
    last_chance: bool = False,
) -> FinishReply:
    """Does what is left to do of the end; with a cursor where that is another call's. Does nothing where the run is another execution's.

    `made`: the requests of this very call so far. `give_up`: ends multipart uploads that dead tasks have left. `last_chance`: nobody
    will call again, as after a rule's call: the run ends, and the next listing puts the other accounts right.
    """
    began = now()
    if not store.enter(record.run_id, "summing up", fence=record.fence):
        return FinishReply()
    if cursor is None or cursor["phase"] == "accounts":
        rest = sum_up(record, cursor=cursor, store=store, ledger=ledger, work=work, time_is_up=time_is_up)
        if rest is not None and not last_chance:
            return FinishReply(status=Status.MORE, cursor={"phase": "accounts", **rest})
        if now() - began > BESIDE_REPORT and not last_chance:
            return FinishReply(status=Status.MORE, cursor={"phase": "report"})
    status, message = _status(record, error, delta, store=store, work=work)
    totals, errors = _totals(record, delta, store=store, work=work)
    ended_at = iso(now())
    end = {"status": status, "message": message, "ended_at": ended_at, "counts": totals.counts, "errors": tuple(errors)}
    # Asked again, for counting takes time. The report is there when the run is said to have ended.
    if not store.enter(record.run_id, "writing the report", fence=record.fence):
        return FinishReply()
    ended = record.model_copy(update={**end, "phase": "ended"})
    if record.kind is RunKind.BACKUP and not record.dry_run and status is not RunStatus.PAUSED:
        give_up()
    write_tables(ended, store=store, work=work, url_field=url_field)
    _write_report(ended, totals, delta, work=work, log=log, made=made)
    if not store.finish(
        record.run_id,
        execution_arn=record.execution_arn,
        status=status,
        ended_at=ended_at,
        message=message,
        counts=totals.counts,
        errors=errors,
    ):
        return FinishReply()
    # The lock goes last: who finds it held, after this execution has died, knows that nobody may have been told.
    send(ended)
    if record.options.parent is None:
        lock.release(record.fence)
    return FinishReply(result=RunResult(run_id=record.run_id, status=status, message=message, files=totals.counts))


def _write_report(
    ended: RunRecord,
    totals: Totals,
    delta: DeltaResult | None,
    *,
    work: WorkBucket,
    log: RequestLog,
    made: Callable[[], Mapping[str, float]],
) -> None:
    """With the requests of the whole run, those of its delta and of what is left of its end included."""
    before, inside = log.so_far(ended.run_id), log.of(delta.run_id) if delta else {}
    requests = summed([before, inside, made(), still_to_come(ended)])
    write_report(ended, totals=totals, requests=requests, work=work)
    log.close(ended.run_id, requests)


def _status(
    record: RunRecord, error: StateError | None, delta: DeltaResult | None, *, store: RunStore, work: WorkBucket
) -> tuple[RunStatus, str]:
    failed = error is not None and bool(error.error)
    if not failed and delta is not None and delta.status is not RunStatus.COMPLETED:
        return delta.status, f"The delta {delta.run_id} ended as {delta.status}. {delta.message}".strip()
    status, message = status_of(record, error, store)
    return status, note_unaccounted(record, store=store, work=work) if status is RunStatus.COMPLETED else message


def _totals(record: RunRecord, delta: DeltaResult | None, *, store: RunStore, work: WorkBucket) -> tuple[Totals, list[ErrorRow]]:
    if record.kind is RunKind.BACKUP:
        totals = backup_totals(store, record.run_id, dry_run=record.dry_run, delta=record.options.parent is not None)
        return totals, sample(errors_of(store, work, record.run_id))
    totals = switch_totals(store, record, delta.files if delta else None)
    errors = sample(errors_of(store, work, record.run_id))
    if delta is not None:
        errors = (errors + list(store.get(delta.run_id).errors))[: len(errors) + 50]
    return totals, errors
