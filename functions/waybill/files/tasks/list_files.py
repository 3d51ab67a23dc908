"""Lists one packet of accounts: what is new, changed, deleted or unverified goes into shards for copying."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from waybill import compose
from waybill.errors import SalesforceQuotaExhausted
from waybill.files.building import key_limits, metered, rules_for, sources_for
from waybill.files.entries import EntryReader
from waybill.files.listing import Listed, Listing, began
from waybill.files.picking import PacketScope
from waybill.files.sharding import put_hashed
from waybill.runs.machine import CALL, CHILD, Requests
from waybill.runs.model import Control, RunContext
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, Reply, Request, Status, task
from waybill.runs.work import WorkBucket, run_prefix
from waybill.settings import SourceEnvironment
from waybill.telemetry import emit


class ListFilesRequest(Request):
    run: RunContext
    packet: PacketScope
    cursor: dict[str, Any] | None = None


class ListFilesReply(Reply):
    packet: int
    files: int = 0
    shards: int = 0


def _around(_: ListFilesRequest, reply: ListFilesReply) -> Requests:
    return CALL if reply.status is Status.MORE else CALL + CHILD


@task(SourceEnvironment, ListFilesRequest, around=_around)
def handler(environment: SourceEnvironment, request: ListFilesRequest, clock: Clock) -> ListFilesReply:
    store, work = compose.runs(environment), compose.work(environment)
    client = compose.salesforce(environment)
    reader = EntryReader(client=client, settings=environment.config.salesforce)
    options = store.get(request.run.run_id).options
    config = environment.config
    try:
        limits = key_limits(environment, client)
    except SalesforceQuotaExhausted as error:
        return _parked(request, store, error)
    listing = Listing(
        run=request.run,
        reader=reader,
        ledger=compose.ledger(environment),
        look=sources_for(environment, time_is_up=clock.time_is_up, unseen=None),
        work=work,
        rules=rules_for(environment, every_source=request.run.mode != "incremental"),
        prefix=config.destination.prefix,
        limits=limits,
        shard_size=config.migration.shard_size,
        max_files=options.max_files,
    )
    with metered(client, kind=request.run.kind, stage=environment.stage):
        reply = list_files(
            request, listing=listing, reader=reader, store=store, work=work, now=clock.now, time_is_up=clock.time_is_up
        )
    emit({"FilesListed": reply.files}, kind=request.run.kind, stage=environment.stage)
    return reply


def list_files(
    request: ListFilesRequest,
    *,
    listing: Listing,
    reader: EntryReader,
    store: RunStore,
    work: WorkBucket,
    now: Callable[[], datetime],
    time_is_up: Callable[[], bool],
) -> ListFilesReply:
    """Lists the packet from the cursor on. A part that was recorded before is given back as it is: its shards may be in use."""
    run, cursor = request.run, request.cursor or {}
    sequence = int(cursor.get("sequence", 0))
    step = f"PACKET#{request.packet.packet:05d}-{sequence:03d}"
    part = store.result(run.run_id, step)
    if part is None:
        if store.control(run.run_id):
            return ListFilesReply(packet=request.packet.packet, status=Status.PARKED, cursor=request.cursor)
        since = cursor.get("began") or began(reader, now())
        after = tuple(cursor["after"]) if cursor.get("after") else None
        try:
            listed = listing.list(
                request.packet, after=after, carried=cursor.get("carried"), sequence=sequence, time_is_up=time_is_up
            )
        except SalesforceQuotaExhausted as error:
            return _parked(request, store, error)
        part = store.record(run.run_id, step, {"began": since} | _recorded(listed, run.run_id, step, work))
    more = part["after"] is not None
    return ListFilesReply(
        packet=request.packet.packet,
        status=Status.MORE if more else Status.DONE,
        cursor={"sequence": sequence + 1, **{name: part[name] for name in ("after", "carried", "began")}} if more else None,
        files=part["total"],
        shards=part["shard_count"],
    )


def _recorded(listed: Listed, run_id: str, step: str, work: WorkBucket) -> dict[str, Any]:
    """What the table keeps of a part. Its accounts and shards, which may be many, stand in objects."""
    stem, shards = step.removeprefix("PACKET#"), listed.part.shards
    return {
        "after": list(listed.after) if listed.after else None,
        "carried": listed.carried,
        "accounts": put_hashed(work, f"{run_prefix(run_id)}accounts/{stem}", listed.accounts),
        "shards": put_hashed(work, f"{run_prefix(run_id)}parts/{stem}", shards) if shards else None,
        "shard_count": len(shards),
        **listed.part.counts(),
    }


def _parked(request: ListFilesRequest, store: RunStore, error: SalesforceQuotaExhausted) -> ListFilesReply:
    """The org has no more calls to give: the whole run stands still, to be resumed."""
    store.ask(request.run.run_id, Control.PAUSE, reason=str(error))
    return ListFilesReply(packet=request.packet.packet, status=Status.PARKED, cursor=request.cursor)
