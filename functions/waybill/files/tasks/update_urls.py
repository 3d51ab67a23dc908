"""Switches the URLs of one unit's verified files, a turn at a time."""

from collections.abc import Sequence
from dataclasses import replace

from waybill import compose
from waybill.files import linking
from waybill.files.building import sources_for
from waybill.files.domain import HttpLocation, S3Location
from waybill.files.sources import Sources
from waybill.files.switching import Row, Switch, held_back, renewed, source_of
from waybill.files.turning import UnitReply, UnitRequest, emit_outcomes, take_turn, turns_for
from waybill.files.turns import is_canary
from waybill.files.urls import LinkBuilder
from waybill.runs.machine import CALL, CHILD, Requests
from waybill.runs.task import Clock, Status, task
from waybill.settings import SourceEnvironment


def around(request: UnitRequest, reply: UnitReply) -> Requests:
    """The canary is taken by the run's own machine, units by children."""
    return CALL if reply.status is Status.MORE or is_canary(request.unit.unit) else CALL + CHILD


@task(SourceEnvironment, UnitRequest, around=around)
def handler(environment: SourceEnvironment, request: UnitRequest, clock: Clock) -> UnitReply:
    config = environment.config
    links = linking.writer(environment)
    sources, buckets = sources_for(environment, time_is_up=clock.time_is_up), frozenset(config.source.buckets)
    turns, meter = turns_for(
        environment,
        request.run,
        direction=Switch(links, request.run.run_id),
        examine=lambda rows: examine(rows, sources, links=links, source_buckets=buckets),
        now=clock.now,
    )
    with meter:
        reply = take_turn(request, turns=turns, store=compose.runs(environment))
    emit_outcomes(reply, "UrlsSwitched", run=request.run, stage=environment.stage)
    return reply


def examine(rows: Sequence[Row], sources: Sources, *, links: LinkBuilder, source_buckets: frozenset[str]) -> list[Row]:
    """The rows, those marked as held back whose source is not what was copied. Rows that left their source long ago are not asked."""
    located: list[tuple[Row, S3Location | HttpLocation | None]] = [
        (row, None if renewed(row.file) else source_of(row.file, links=links, source_buckets=source_buckets)) for row in rows
    ]
    facts = iter(sources([location for _, location in located if location is not None]))
    looked: list[Row] = []
    for row, location in located:
        if renewed(row.file):
            held: tuple[str, str] | None = None
        elif location is None:
            held = (
                "SOURCE_UNKNOWN",
                "The old link can no longer be read: was the configuration changed?",
            )
        else:
            held = held_back(row.file, next(facts)[1], web=isinstance(location, HttpLocation))
        looked.append(replace(row, held=held))
    return looked
