"""Restores the old URLs of one unit's switched files, a turn at a time: switching in reverse."""

from waybill import compose
from waybill.files import linking
from waybill.files.switching import Restore
from waybill.files.tasks.update_urls import around
from waybill.files.turning import UnitReply, UnitRequest, emit_outcomes, take_turn, turns_for
from waybill.runs.task import Clock, task
from waybill.settings import LinkEnvironment


@task(LinkEnvironment, UnitRequest, around=around)
def handler(environment: LinkEnvironment, request: UnitRequest, clock: Clock) -> UnitReply:
    store = compose.runs(environment)
    # What was written is in the ledger: old values come back even where the key of the links is gone.
    links = linking.writer(environment, strict=False)
    turns, meter = turns_for(
        environment,
        request.run,
        direction=Restore(links, store.get(request.run.run_id).options.run_id),
        examine=list,  # what the source holds now does not matter for going back to it
        now=clock.now,
    )
    with meter:
        reply = take_turn(request, turns=turns, store=store)
    emit_outcomes(reply, "UrlsRestored", run=request.run, stage=environment.stage)
    return reply
