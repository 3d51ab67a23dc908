"""Finds the accounts that have entries and cuts them into packets, by one aggregate query merged with the ledger's summaries."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from waybill import compose
from waybill.clock import iso, parse_iso
from waybill.errors import InvalidInput, NotReady, SalesforceQuotaExhausted
from waybill.files.building import metered
from waybill.files.domain import NO_ACCOUNT
from waybill.files.entries import PAGE, AccountActivity, EntryReader
from waybill.files.ledger import AccountSummary, Ledger
from waybill.files.listing import OVERLAP
from waybill.files.packing import LARGE_ACCOUNT, Packer, Packet
from waybill.files.picking import Pick
from waybill.files.requested import LARGEST, MOST_UNKNOWN, Requested, requested
from waybill.files.retrying import Retrying, packets_of, row_of
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


def _lists(reply: ListAccountsReply) -> bool:
    return reply.status is Status.DONE and reply.packets > 0


def _around(_: ListAccountsRequest, reply: ListAccountsReply) -> Requests:
    return CALL + MAP if _lists(reply) else CALL


def then(_: ListAccountsRequest, reply: ListAccountsReply) -> str:
    return "listing files" if _lists(reply) else ""


@task(SalesforceEnvironment, ListAccountsRequest, around=_around, then=then)
def handler(environment: SalesforceEnvironment, request: ListAccountsRequest, clock: Clock) -> ListAccountsReply:
    store = compose.runs(environment)
    store.enter(request.run.run_id, "listing accounts")
    client = compose.salesforce(environment)
    options = store.get(request.run.run_id).options
    with metered(client, kind=request.run.kind, stage=environment.stage):
        try:
            return list_accounts(
                request.run,
                options=options,
                cursor=request.cursor or {},
                reader=EntryReader(client=client, settings=environment.config.salesforce),
                ledger=compose.ledger(environment),
                store=store,
                work=compose.work(environment),
                packet_size=environment.config.migration.packet_size,
                time_is_up=clock.time_is_up,
            )
        except InvalidInput as error:
            if options.request is None:
                raise
            reject(options.request, str(error), work=compose.work(environment))
            raise NotReady(f"What was dropped as {options.request} is rejected. {error}") from None
        except SalesforceQuotaExhausted as error:
            # Nothing was begun: resumed, the run begins here.
            store.ask(request.run.run_id, Control.PAUSE, reason=str(error))
            return ListAccountsReply(status=Status.PARKED)


def reject(key: str, reason: str, *, work: WorkBucket) -> None:
    """Puts a copy of what was dropped below `rejected/`, and beside it why."""
    to = f"rejected/{key.removeprefix('requests/')}"
    work.copy(key, to)
    work.put(f"{to}.reason.txt", f"{reason}\n".encode(), content_type="text/plain; charset=utf-8")


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
    known_since = _known_since(store, run)
    pieces = _Pieces(run.run_id, cursor, store=store, work=work)
    if options.retry_of is not None:
        again = Retrying(store=store, work=work, run_id=run.run_id, before=options.retry_of, known_since=known_since)
        return _again(again, pieces, looked=int(cursor.get("looked", 0)), time_is_up=time_is_up)
    asked = requested(work.beginning(options.request, LARGEST + 1)) if options.request else Requested()
    if asked.entries:
        picks = _places(asked.entries, reader=reader, run_id=run.run_id, store=store)
        large = _large(picks, reader, ledger)
        made = packets_of(picks, large=large, size=packet_size, run_id=run.run_id, work=work, known_since=known_since)
        return pieces.put([(row_of(scope), weight) for scope, weight in made])
    only = sorted({account if account == NO_ACCOUNT else to18(account) for account in options.accounts or asked.accounts})
    after = str(cursor.get("after", ""))
    packer = Packer(first_number=pieces.number, size=packet_size)
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
    if finished and only:
        store.record(run.run_id, "UNKNOWN", {"accounts": [account for account in only if account not in seen]})
    return pieces.put([(_row(packet, known_since), packet.weight) for packet in packets], {} if finished else {"after": after})


class _Pieces:
    """`packets.jsonl`, which is written piece by piece, each by a call."""

    def __init__(self, run_id: str, cursor: dict[str, int | str], *, store: RunStore, work: WorkBucket) -> None:
        self._run_id, self._store, self._work = run_id, store, work
        self._piece, self._entries = int(cursor.get("piece", 0)), int(cursor.get("entries", 0))
        self.number = int(cursor.get("packets", 0))

    def put(self, rows: Sequence[tuple[Row, int]], place: dict[str, int | str] | None = None) -> ListAccountsReply:
        """Adds these packets, with their weights. `place`: where the next call is to go on; without one they are the last."""
        work, folder = self._work, run_prefix(self._run_id)
        work.put_rows(f"{folder}packets/{self._piece:04d}.jsonl", (row for row, _ in rows))
        number, entries = self.number + len(rows), self._entries + sum(weight for _, weight in rows)
        if place:
            cursor = {**place, "piece": self._piece + 1, "packets": number, "entries": entries}
            return ListAccountsReply(status=Status.MORE, cursor=cursor, packets=number, entries=entries)
        with work.writer(f"{folder}packets.jsonl", content_type="application/jsonl") as out:
            for n in range(self._piece + 1):
                out.write(work.get(f"{folder}packets/{n:04d}.jsonl") or b"")
        self._store.record(self._run_id, _STEP, {"packets": number, "entries": entries})
        return ListAccountsReply(packets=number, entries=entries)


def _again(again: Retrying, pieces: _Pieces, *, looked: int, time_is_up: Callable[[], bool]) -> ListAccountsReply:
    """The packets of the failed files of another run."""
    rows: list[tuple[Row, int]] = []
    for done, made in again.packets(skip=looked, first_number=pieces.number):
        rows += [(row_of(scope), weight) for scope, weight in made]
        if time_is_up():
            return pieces.put(rows, {"looked": done})
    return pieces.put(rows)


def _places(entry_ids: Sequence[str], *, reader: EntryReader, run_id: str, store: RunStore) -> list[Pick]:
    """In which account each of these entries is, in order; those that are not there are noted. Raises InvalidInput for too many of them."""
    there: list[Pick] = []
    for start in range(0, len(entry_ids), PAGE):
        rows = reader.by_id(entry_ids[start : start + PAGE])
        there += [(reader.account_of(row), entry_id) for entry_id, row in rows.items()]
    unknown = sorted(set(entry_ids) - {entry_id for _, entry_id in there})
    if len(unknown) > MOST_UNKNOWN:
        raise InvalidInput(f"{len(unknown):,} of {len(entry_ids):,} ids are of no entry in this org, {unknown[0]} for one.")
    store.record(run_id, "UNKNOWN", {"accounts": [], "entries": unknown})
    return sorted(there)


def _large(picks: Sequence[Pick], reader: EntryReader, ledger: Ledger) -> Callable[[str], bool]:
    """Whether an account is one whose keys carry a hash each."""
    accounts = sorted({account_id for account_id, _ in picks} - {NO_ACCOUNT})
    many = {found.account_id for found in reader.accounts(only=accounts) if found.entries > LARGE_ACCOUNT} if accounts else set()
    if any(account_id == NO_ACCOUNT for account_id, _ in picks):
        orphans = reader.orphans()
        many |= {NO_ACCOUNT} if orphans is not None and orphans.entries > LARGE_ACCOUNT else set()

    def large(account_id: str) -> bool:
        summary = ledger.summary(account_id)
        return account_id in many or (summary is not None and summary.files > LARGE_ACCOUNT)

    return large


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
