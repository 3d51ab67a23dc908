"""Restores the old URLs of one unit's switched files, a turn at a time: switching in reverse."""

from waybill import compose
from waybill.files.building import metered
from waybill.files.entries import EntryReader
from waybill.files.switching import Restore
from waybill.files.tasks.start_run import LOCK
from waybill.files.tasks.update_urls import UnitReply, UnitRequest, take_turn, turn_metrics, write_urls
from waybill.files.turns import Turns
from waybill.runs.lock import ensure_held
from waybill.runs.task import Clock, task
from waybill.settings import LinkEnvironment
from waybill.telemetry import emit


@task(LinkEnvironment, UnitRequest)
def handler(environment: LinkEnvironment, request: UnitRequest, clock: Clock) -> UnitReply:
    config, table = environment.config, compose.table(environment.table)
    client = compose.salesforce(environment)
    links = compose.links(config.destination, environment.destination_bucket)
    run, store = request.run, compose.runs(environment)
    turns = Turns(
        run=run,
        direction=Restore(links, store.get(run.run_id).options.run_id),
        reader=EntryReader(client=client, settings=config.salesforce),
        ledger=compose.ledger(environment),
        store=store,
        work=compose.work(environment),
        examine=list,  # what the source holds now does not matter for going back to it
        write=lambda rows, found: write_urls(client, config.salesforce, rows, found, careful=run.careful),
        ensure_lock=lambda: ensure_held(table, name=LOCK, fence=run.fence),
        now=clock.now,
        size=config.migration.unit_size,
        in_flight=config.migration.copies_in_flight,
    )
    with metered(client, kind=run.kind, stage=environment.stage):
        reply = take_turn(request, turns=turns, store=store)
    emit(turn_metrics(reply, "UrlsRestored"), kind=run.kind, stage=environment.stage)
    return reply
