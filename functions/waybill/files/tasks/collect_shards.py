"""Gathers the shards of all packets into one list, once listing has ended; follows entries that moved to another account."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from waybill import compose
from waybill.files.ledger import Ledger
from waybill.files.manifest import ManifestRow
from waybill.files.sharding import shards_of
from waybill.files.tallying import recount
from waybill.runs.machine import CALL, MAP, Requests
from waybill.runs.model import RunContext
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, Reply, Request, Status, task
from waybill.runs.work import WorkBucket, run_prefix
from waybill.settings import LedgerEnvironment
from waybill.telemetry import logger

# Entries searched for in one pass over the ledger: some ten megabytes of ids.
SUSPECTS_PER_PASS = 100_000


class CollectRequest(Request):
    run: RunContext
    cursor: dict[str, Any] | None = None


class CollectReply(Reply):
    shards: int = 0
    files: int = 0


def _copies(request: CollectRequest, reply: CollectReply) -> bool:
    return reply.status is Status.DONE and reply.shards > 0 and not request.run.dry_run


def _around(request: CollectRequest, reply: CollectReply) -> Requests:
    return CALL + MAP if _copies(request, reply) else CALL


def then(request: CollectRequest, reply: CollectReply) -> str:
    """One word for both: while some shards are copied, others are verified."""
    return "copying and verifying" if _copies(request, reply) else ""


@task(LedgerEnvironment, CollectRequest, around=_around, then=then)
def handler(environment: LedgerEnvironment, request: CollectRequest, clock: Clock) -> CollectReply:
    store = compose.runs(environment)
    store.enter(request.run.run_id, "collecting shards")
    return collect_shards(
        request.run,
        cursor=request.cursor or {},
        store=store,
        ledger=compose.ledger(environment),
        work=compose.work(environment),
        time_is_up=clock.time_is_up,
    )


def collect_shards(
    run: RunContext,
    *,
    cursor: dict[str, Any],
    store: RunStore,
    ledger: Ledger,
    work: WorkBucket,
    time_is_up: Callable[[], bool],
) -> CollectReply:
    """Writes `shards.jsonl`. Before that, each suspect entry's item is moved to the account that the entry is in now."""
    if store.control(run.run_id):
        return CollectReply(status=Status.PARKED)
    if not run.dry_run:
        place = _follow_moved(run, cursor=cursor, store=store, ledger=ledger, work=work, time_is_up=time_is_up)
        if place is not None:
            return CollectReply(status=Status.MORE, cursor=place)
    lines: list[tuple[float, bytes]] = []
    files = 0
    for part in store.results(run.run_id, "PACKET#"):
        shards = list(shards_of(part, work))
        # A large account's shards are spread over the others: its items, one partition of the table, take a share of the writes only.
        lines += [((n + 0.5) / len(shards), _line(shard)) for n, shard in enumerate(shards)]
        files += sum(shard["files"] for shard in shards)
    lines.sort(key=lambda placed: placed[0])
    with work.writer(f"{run_prefix(run.run_id)}shards.jsonl", content_type="application/jsonl") as out:
        for _, line in lines:
            out.write(line)
    return CollectReply(shards=len(lines), files=files)


def _line(shard: dict[str, Any]) -> bytes:
    row = {name: shard[name] for name in ("shard", "manifest", "files")}
    return json.dumps(row, separators=(",", ":")).encode() + b"\n"


def _follow_moved(
    run: RunContext,
    *,
    cursor: dict[str, Any],
    store: RunStore,
    ledger: Ledger,
    work: WorkBucket,
    time_is_up: Callable[[], bool],
) -> dict[str, Any] | None:
    """One pass over the ledger for each SUSPECTS_PER_PASS suspects; where to go on, or None at the end."""
    first_pass = int(cursor.get("pass", 0))
    start = cursor.get("start")
    for number, suspects in enumerate(_suspects(store, work, run.run_id)):
        if number < first_pass:
            continue
        for found, key in ledger.find_entries(set(suspects), start=start):
            left = {account for account, entry in found if _follow(ledger, run, was=account, entry_id=entry, now=suspects[entry])}
            for account_id in sorted(left):
                _count_again(ledger, run, account_id)
            if key is not None and time_is_up():
                return {"pass": number, "start": key}
        start = None
    return None


def _follow(ledger: Ledger, run: RunContext, *, was: str, entry_id: str, now: str) -> bool:
    """Whether the item has left the account where it was."""
    if was == now:
        return False
    file = ledger.get(was, entry_id)
    moved = file is not None and ledger.move(file, account_id=now, fence=run.fence, run=run.run_id)
    logger.info("entry moved", extra={"run_id": run.run_id, "entry_id": entry_id, "was": was, "now": now, "followed": moved})
    return moved


def _count_again(ledger: Ledger, run: RunContext, account_id: str) -> None:
    """An account that an item has left may be none that this run lists: its totals are put right here."""
    known = ledger.summary(account_id)
    if known is not None:
        counted = recount(ledger, account_id)
        summary = replace(counted, name=known.name, watermark=known.watermark, run=run.run_id)
        ledger.put_summary(summary, fence=run.fence)


def _suspects(store: RunStore, work: WorkBucket, run_id: str) -> Iterator[dict[str, str]]:
    """Suspect entries and the accounts they are in now, in batches."""
    batch: dict[str, str] = {}
    parts = (part for part in store.results(run_id, "PACKET#") if part["suspects"])
    for shard in (shard for part in parts for shard in shards_of(part, work) if shard["suspects"]):
        for line in work.rows(shard["manifest"]):
            row = ManifestRow.from_json(line)
            if row.suspect:
                batch[row.file.entry_id] = row.file.account_id
        if len(batch) >= SUSPECTS_PER_PASS:
            yield batch
            batch = {}
    if batch:
        yield batch
