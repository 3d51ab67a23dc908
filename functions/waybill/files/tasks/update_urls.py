"""Switches the URLs of one unit's verified files, a turn at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from waybill import compose
from waybill.errors import SalesforceQuotaExhausted
from waybill.files.building import metered, sources_for
from waybill.files.domain import HttpLocation, S3Location
from waybill.files.entries import EntryReader
from waybill.files.sources import Sources
from waybill.files.switching import Row, Switch, held_back, source_of
from waybill.files.tasks.start_run import LOCK
from waybill.files.turns import Turns, UnitScope, rounded_up
from waybill.files.urls import LinkBuilder
from waybill.runs.lock import ensure_held
from waybill.runs.model import Control, RunContext
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, Reply, Request, Status, task
from waybill.salesforce.client import SalesforceClient
from waybill.settings import SalesforceSettings, SourceEnvironment
from waybill.telemetry import emit


class UnitRequest(Request):
    run: RunContext
    unit: UnitScope
    cursor: dict[str, Any] | None = None


class UnitReply(Reply):
    unit: str
    outcomes: Mapping[str, int] = {}


@task(SourceEnvironment, UnitRequest)
def handler(environment: SourceEnvironment, request: UnitRequest, clock: Clock) -> UnitReply:
    config, table = environment.config, compose.table(environment.table)
    client = compose.salesforce(environment)
    links = compose.links(config.destination, environment.destination_bucket)
    sources = sources_for(environment)
    run, store = request.run, compose.runs(environment)
    turns = Turns(
        run=run,
        direction=Switch(links, run.run_id),
        reader=EntryReader(client=client, settings=config.salesforce),
        ledger=compose.ledger(environment),
        store=store,
        work=compose.work(environment),
        examine=lambda rows: examine(rows, sources, links=links, source_buckets=frozenset(config.source.buckets)),
        write=lambda rows, found: write_urls(client, config.salesforce, rows, found, careful=run.careful),
        ensure_lock=lambda: ensure_held(table, name=LOCK, fence=run.fence),
        now=clock.now,
        size=config.migration.unit_size,
        in_flight=config.migration.copies_in_flight,
    )
    with metered(client, kind=run.kind, stage=environment.stage):
        reply = take_turn(request, turns=turns, store=store)
    emit(turn_metrics(reply, "UrlsSwitched"), kind=run.kind, stage=environment.stage)
    return reply


def take_turn(request: UnitRequest, *, turns: Turns, store: RunStore) -> UnitReply:
    """Takes one turn at the unit, or says that the run is to stop before it. Raises CanaryFailed."""
    cursor, run = request.cursor or {}, request.run
    sequence = int(cursor.get("sequence", 0))
    after = (cursor["after"][0], cursor["after"][1]) if cursor.get("after") else None
    if store.control(run.run_id):
        return UnitReply(unit=request.unit.unit, status=Status.PARKED, cursor=request.cursor)
    try:
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


def examine(rows: Sequence[Row], sources: Sources, *, links: LinkBuilder, source_buckets: frozenset[str]) -> list[Row]:
    """The rows, those marked as held back whose source is not what was copied."""
    located: list[tuple[Row, S3Location | HttpLocation | None]] = [
        (row, source_of(row.file, links=links, source_buckets=source_buckets)) for row in rows
    ]
    facts = iter(sources([location for _, location in located if location is not None]))
    looked: list[Row] = []
    for row, location in located:
        if location is None:
            held: tuple[str, str] | None = (
                "SOURCE_UNKNOWN",
                "The old link can no longer be read: was the configuration changed?",
            )
        else:
            held = held_back(row.file, next(facts)[1], web=isinstance(location, HttpLocation))
        looked.append(replace(row, held=held))
    return looked


def write_urls(
    client: SalesforceClient,
    settings: SalesforceSettings,
    rows: Sequence[Row],
    found: Mapping[str, Mapping[str, Any]],
    *,
    careful: bool,
) -> dict[str, tuple[str, str]]:
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
        row.file.entry_id: (result.code or "UNKNOWN", result.message)
        for row, result in zip(rows, results, strict=True)
        if not result.ok
    }


def turn_metrics(reply: UnitReply, name: str) -> dict[str, float]:
    outcomes = reply.outcomes
    return {
        name: outcomes.get("done", 0) + outcomes.get("already", 0),
        "Conflicts": outcomes.get("conflict", 0),
        "FilesFailed": outcomes.get("failed", 0),
    }
