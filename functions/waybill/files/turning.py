"""Builds the turns of switching and restoring from a task's environment, and takes one."""

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from waybill import compose
from waybill.clock import sleep
from waybill.errors import SalesforceQuotaExhausted
from waybill.files.building import metered
from waybill.files.entries import EntryReader
from waybill.files.switching import Direction, Row
from waybill.files.turns import Examine, Failure, Turns, UnitScope, is_canary, rounded_up
from waybill.files.urls import mask_in
from waybill.runs.lock import ensure_held
from waybill.runs.model import Context, Control, RunContext
from waybill.runs.store import RunStore
from waybill.runs.task import Reply, Request, Status
from waybill.salesforce.client import SalesforceClient
from waybill.settings import LinkEnvironment, SalesforceSettings
from waybill.telemetry import emit

# Rows that are read, compared and written together: one composite call, or so many single ones that the lock is asked for often.
CHUNK, CAREFUL_CHUNK = 1_000, 100
# Rows of a turn in careful mode: single calls take a fraction of a second each, and a turn must fit into a task's time.
CAREFUL_SIZE = 500
_PRECONDITION_FAILED = "PRECONDITION_FAILED"


class UnitRequest(Request):
    run: RunContext
    unit: UnitScope
    cursor: dict[str, Any] | None = None


class UnitReply(Reply):
    unit: str
    outcomes: Mapping[str, int] = {}


def turns_for(
    environment: LinkEnvironment, run: RunContext, *, direction: Direction, examine: Examine, now: Callable[[], datetime]
) -> tuple[Turns, AbstractContextManager[None]]:
    """The turns of a run, and the meter of its calls to Salesforce."""
    config, table = environment.config, compose.table(environment.table)
    reading = compose.salesforce(environment)
    # What writes never repeats a call by itself: a row that a user has changed meanwhile would be overwritten.
    writing = compose.salesforce(environment, compose.Manner.ONCE)
    turns = Turns(
        run=run,
        direction=direction,
        reader=EntryReader(client=reading, settings=config.salesforce),
        ledger=compose.ledger(environment),
        store=compose.runs(environment),
        work=compose.work(environment),
        examine=examine,
        write=lambda rows, found: write_urls(writing, config.salesforce, rows, found, careful=run.careful),
        ensure_lock=lambda: ensure_held(table, name=Context.FILES, fence=run.fence),
        now=now,
        pause=pause,
        size=min(config.migration.unit_size, CAREFUL_SIZE) if run.careful else config.migration.unit_size,
        chunk=CAREFUL_CHUNK if run.careful else CHUNK,
        in_flight=config.migration.copies_in_flight,
    )
    return turns, metered(reading, writing, kind=run.kind, stage=environment.stage)


def pause(attempt: int) -> None:
    """Waits with full jitter, at most 2, 4, 8, ... seconds: Salesforce itself has waited 10 s for a lock."""
    sleep(random.random() * min(30.0, 2.0**attempt))  # noqa: S311 - jitter


def take_turn(request: UnitRequest, *, turns: Turns, store: RunStore) -> UnitReply:
    """Takes one turn at the unit, or says that the run is to stop before it. Raises CanaryFailed."""
    cursor, run = request.cursor or {}, request.run
    sequence = int(cursor.get("sequence", 0))
    after = (cursor["after"][0], cursor["after"][1]) if cursor.get("after") else None
    if store.control(run.run_id):
        return UnitReply(unit=request.unit.unit, status=Status.PARKED, cursor=request.cursor)
    try:
        if is_canary(request.unit.unit):
            return UnitReply(unit=request.unit.unit, outcomes=turns.prove(request.unit)["outcomes"])
        result = turns.take(request.unit, sequence=sequence, after=after)
    except SalesforceQuotaExhausted as error:
        store.ask(run.run_id, Control.PAUSE, reason=str(error))
        return UnitReply(unit=request.unit.unit, status=Status.PARKED, cursor=request.cursor)
    more = result["after"] is not None
    return UnitReply(
        unit=request.unit.unit,
        status=Status.MORE if more else Status.DONE,
        cursor={"sequence": sequence + 1, "after": result["after"]} if more else None,
        outcomes=result["outcomes"],
    )


def write_urls(
    client: SalesforceClient,
    settings: SalesforceSettings,
    rows: Sequence[Row],
    found: Mapping[str, Mapping[str, Any]],
    *,
    careful: bool,
) -> dict[str, Failure]:
    """Writes the rows' new URLs by collections, or one by one where `careful`; failures by entry id."""
    if not careful:
        results = client.update(settings.sobject, [{"Id": row.file.entry_id, settings.url_field: row.new} for row in rows])
    else:
        results = [
            client.update_unmodified(
                settings.sobject,
                row.file.entry_id,
                {settings.url_field: row.new},
                since=rounded_up(found[row.file.entry_id]["SystemModstamp"]),
            )
            for row in rows
        ]
    return {
        row.file.entry_id: Failure(
            result.code or "UNKNOWN", mask_in(result.message), again=result.retryable or result.code == _PRECONDITION_FAILED
        )
        for row, result in zip(rows, results, strict=True)
        if not result.ok
    }


def emit_outcomes(reply: UnitReply, name: str, *, run: RunContext, stage: str) -> None:
    """Emits what a turn came to; `name` is the metric of the rows that have their new value."""
    outcomes = reply.outcomes
    metrics = {
        name: outcomes.get("done", 0) + outcomes.get("already", 0),
        "Conflicts": outcomes.get("conflict", 0),
        "FilesFailed": outcomes.get("failed", 0),
    }
    emit(metrics, kind=run.kind, stage=stage)
