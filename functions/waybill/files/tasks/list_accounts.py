"""Finds the accounts that have entries and cuts them into packets, by one aggregate query merged with the ledger's summaries."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from waybill import compose
from waybill.clock import iso, parse_iso
from waybill.errors import SalesforceQuotaExhausted
from waybill.files.building import metered
from waybill.files.domain import NO_ACCOUNT
from waybill.files.entries import AccountActivity, EntryReader
from waybill.files.ledger import AccountSummary, Ledger
from waybill.files.listing import OVERLAP
from waybill.files.packing import Packer, Packet
from waybill.runs.machine import CALL, MAP, Requests
from waybill.runs.model import Control, Options, RunContext, RunKind
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, Reply, Request, Status, task
from waybill.runs.work import Row, WorkBucket, run_prefix
from waybill.salesforce.ids import to18
from waybill.settings import SalesforceEnvironment

# The packets of a run are cut once, whichever of its executions comes to do it.
_STEP = "PACKETS"


class ListAccountsRequest(Request):
    run: RunContext
    cursor: dict[str, int | str] | None = None


class ListAccountsReply(Reply):
    packets: int = 0
    entries: int = 0


def _around(_: ListAccountsRequest, reply: ListAccountsReply) -> Requests:
    return CALL + MAP if reply.status is Status.DONE and reply.packets else CALL


@task(SalesforceEnvironment, ListAccountsRequest, around=_around)
def handler(environment: SalesforceEnvironment, request: ListAccountsRequest, clock: Clock) -> ListAccountsReply:
    store = compose.runs(environment)
    store.enter(request.run.run_id, "listing accounts")
    client = compose.salesforce(environment)
    with metered(client, kind=request.run.kind, stage=environment.stage):
        try:
            return list_accounts(
                request.run,
                options=store.get(request.run.run_id).options,
                cursor=request.cursor or {},
                reader=EntryReader(client=client, settings=environment.config.salesforce),
                ledger=compose.ledger(environment),
                store=store,
                work=compose.work(environment),
                packet_size=environment.config.migration.packet_size,
                time_is_up=clock.time_is_up,
            )
        except SalesforceQuotaExhausted as error:
            # Nothing was begun: resumed, the run begins here.
            store.ask(request.run.run_id, Control.PAUSE, reason=str(error))
            return ListAccountsReply(status=Status.PARKED)


def list_accounts(
    run: RunContext,
    *,
    options: Options,
    cursor: dict[str, int | str],
    reader: EntryReader,
    ledger: Ledger,
    store: RunStore,
    work: WorkBucket,
    packet_size: int,
    time_is_up: Callable[[], bool],
) -> ListAccountsReply:
    """Writes `packets.jsonl`; near the time limit a piece of it, and hands back where to go on."""
    if store.control(run.run_id):
        return ListAccountsReply(status=Status.PARKED)
    standing = store.result(run.run_id, _STEP)
    if standing is not None:
        # Parts of these packets may be recorded already: cut anew, other accounts would take them for their own.
        return ListAccountsReply(packets=standing["packets"], entries=standing["entries"])
    only = sorted({account if account == NO_ACCOUNT else to18(account) for account in options.accounts})
    after = str(cursor.get("after", ""))
    piece, number, entries = int(cursor.get("piece", 0)), int(cursor.get("packets", 0)), int(cursor.get("entries", 0))
    packer = Packer(first_number=number, size=packet_size)
    by_range = options.mode == "full" and not only
    packets: list[Packet] = []
    seen: set[str] = set()
    finished = True
    for found in _joined(reader, ledger, only=only, after=after):
        after = found.account_id
        if only:
            seen.add(after)
        if options.mode == "full" or found.needs_listing:
            packets += packer.add(after, found.weight, named=not by_range or found.activity is None)
        if time_is_up():
            finished = False
            break
    packets += packer.close()
    known_since = _known_since(store, run)
    work.put_rows(f"{run_prefix(run.run_id)}packets/{piece:04d}.jsonl", (_row(packet, known_since) for packet in packets))
    number += len(packets)
    entries += sum(packet.weight for packet in packets)
    if not finished:
        place = {"after": after, "piece": piece + 1, "packets": number, "entries": entries}
        return ListAccountsReply(status=Status.MORE, cursor=place, packets=number, entries=entries)
    if only:
        store.record(run.run_id, "UNKNOWN", {"accounts": [account for account in only if account not in seen]})
    with work.writer(f"{run_prefix(run.run_id)}packets.jsonl", content_type="application/jsonl") as out:
        for n in range(piece + 1):
            out.write(work.get(f"{run_prefix(run.run_id)}packets/{n:04d}.jsonl") or b"")
    store.record(run.run_id, _STEP, {"packets": number, "entries": entries})
    return ListAccountsReply(packets=number, entries=entries)


@dataclass(frozen=True, slots=True)
class _Found:
    """An account in Salesforce, in the ledger, or in both."""

    account_id: str
    activity: AccountActivity | None
    summary: AccountSummary | None

    @property
    def weight(self) -> int:
        """Entries to read, or items of the ledger, whichever are more."""
        return max(self.activity.entries if self.activity else 0, self.summary.files if self.summary else 0)

    @property
    def needs_listing(self) -> bool:
        """For an incremental run: something changed since the watermark, was deleted, or is not settled."""
        if self.summary is None or self.summary.watermark is None or self.activity is None:
            return True
        changed = self.activity.latest >= parse_iso(self.summary.watermark) - OVERLAP
        return changed or self.activity.entries != self.summary.files or self.summary.unverified > 0


def _joined(reader: EntryReader, ledger: Ledger, *, only: Sequence[str], after: str) -> Iterator[_Found]:
    """Both streams are sorted by account id: the merge holds one of each. Entries without an account come last."""
    if only:
        wanted = [account for account in only if account > after and account != NO_ACCOUNT]
        summaries = iter([summary for account in wanted if (summary := ledger.summary(account)) is not None])
    else:
        summaries = ledger.summaries(after=after or None)
    summaries = (summary for summary in summaries if summary.account_id != NO_ACCOUNT)
    if after != NO_ACCOUNT:
        yield from _merged(reader.accounts(after=after, only=only), iter(summaries))
        if not only or NO_ACCOUNT in only:
            orphans, known = reader.orphans(), ledger.summary(NO_ACCOUNT)
            if orphans is not None or (known is not None and known.files):
                yield _Found(NO_ACCOUNT, orphans, known)


def _merged(activities: Iterator[AccountActivity], summaries: Iterator[AccountSummary]) -> Iterator[_Found]:
    activity, summary = next(activities, None), next(summaries, None)
    while activity is not None or summary is not None:
        if summary is None or (activity is not None and activity.account_id < summary.account_id):
            assert activity is not None
            yield _Found(activity.account_id, activity, None)
            activity = next(activities, None)
        elif activity is None or summary.account_id < activity.account_id:
            if summary.files:
                yield _Found(summary.account_id, None, summary)
            summary = next(summaries, None)
        else:
            yield _Found(activity.account_id, activity, summary)
            activity, summary = next(activities, None), next(summaries, None)


def _row(packet: Packet, known_since: str | None) -> Row:
    return {
        "packet": packet.number,
        "first": packet.first,
        "last": packet.last,
        "accounts": list(packet.accounts),
        "large": packet.large,
        "known_since": known_since,
    }


def _known_since(store: RunStore, run: RunContext) -> str | None:
    """Until when earlier backups may have listed entries: one that is unknown and older may have moved from another account.

    OVERLAP: the org's clock, which entries are stamped by, is not ours.
    """
    ends = [
        parse_iso(record.ended_at or run.started_at)
        for record in store.all()
        if record.kind is RunKind.BACKUP and not record.dry_run and record.run_id != run.run_id
    ]
    return iso(max(ends) + OVERLAP) if ends else None
