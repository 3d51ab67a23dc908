"""Lists the entries of a packet, compares them with the ledger and the source, and writes shards of what is to be done."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from waybill.clock import iso, parse_iso
from waybill.files.ahead import FilesAhead
from waybill.files.discovery import Copy, Look, Record, Rules, Skip, decide, gone, resolve
from waybill.files.domain import Entry, FileState, HttpLocation, S3Location, SourceFacts
from waybill.files.entries import EntryReader, Place
from waybill.files.ledger import AccountSummary, FileItem, Ledger
from waybill.files.manifest import ManifestRow
from waybill.files.names import DestinationKeys, KeyLimits, NameAllocator, file_name
from waybill.files.picking import PacketScope, Picked, picked
from waybill.files.sharding import Part, Shards
from waybill.files.tallying import Tally
from waybill.files.urls import path_of
from waybill.parallel import threads
from waybill.runs.model import RunContext
from waybill.runs.work import WorkBucket

# Entries whose sources are looked at together: many, so that a LIST covers many of them.
BATCH = 5_000
_READERS = 32
# SystemModstamp is stamped before the commit: what was being saved when an account was listed may bear an earlier time.
OVERLAP = timedelta(minutes=15)


class SourceLook(Protocol):
    """Looks at sources: facts, None if there is no such object, or a text if the store refuses to tell."""

    def __call__(
        self, locations: Sequence[S3Location | HttpLocation]
    ) -> list[tuple[S3Location | HttpLocation, SourceFacts | str | None]]:
        """In the order asked; the location given back names the key that was found where a URL can be read two ways."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What a call gives back: the part, the accounts it saw, and where to go on (None at the packet's end)."""

    part: Part
    accounts: list[dict[str, Any]]
    after: Place | None

    @property
    def carried(self) -> dict[str, Any] | None:
        """What the next call must know of the account that this one broke off in."""
        return self.accounts[-1] if self.after is not None and self.after[1] is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Lists packets. Everything it needs is handed in; memory is bounded by `batch` and by the names of one account."""

    run: RunContext
    reader: EntryReader
    ledger: Ledger
    look: SourceLook
    work: WorkBucket
    rules: Rules
    prefix: str
    limits: KeyLimits
    shard_size: int
    max_files: int | None
    batch: int = BATCH

    def list(
        self,
        scope: PacketScope,
        *,
        after: Place | None,
        sequence: int,
        time_is_up: Callable[[], bool],
        carried: Mapping[str, Any] | None = None,
    ) -> Listed:
        """Lists from behind `after` to the packet's end, or until time is up. `carried`: what was learnt of an account cut there."""
        stem = f"{scope.packet:05d}-{sequence:03d}"
        shards = Shards(work=self.work, run_id=self.run.run_id, stem=stem, size=self.shard_size)
        pending = _Pending(self, shards)
        listed: list[_Account] = []
        summary_of = self.ledger.summaries_in_order()
        place: Place | None = None
        with FilesAhead(self.ledger, after=after) as ahead:
            for one in picked(scope, after=after, reader=self.reader, work=self.work, ahead=ahead):
                account_id = one.account_id
                cut = after[1] if after is not None and after[0] == account_id else None
                summary, carry = summary_of(account_id), carried if cut else None
                account = _Account(self, scope, one, summary=summary, start=cut, carried=carry)
                listed.append(account)
                ends = account.work(ahead.files(account_id) if one.wanted is None else self._some(one), pending)
                end = next((end for end in ends if scope.large and time_is_up()), None)
                account.ended = end is None
                if end is not None or time_is_up():
                    place = (account_id, end)
                    break
        pending.flush()
        shards.close()
        return Listed(shards.part, [account.facts() for account in listed], place)

    def _some(self, one: Picked) -> Iterator[FileItem]:
        """What the ledger has of the entries that are meant."""
        return (item for entry_id in one.wanted or () if (item := self.ledger.get(one.account_id, entry_id)) is not None)

    def keys_for(self, account_id: str, account_name: str) -> DestinationKeys:
        return DestinationKeys(prefix=self.prefix, account_id=account_id, account_name=account_name, limits=self.limits)


class _Account:
    """One account's entries beside the ledger's items, both in order of entry id."""

    def __init__(
        self,
        listing: Listing,
        scope: PacketScope,
        picked: Picked,
        *,
        summary: AccountSummary | None,
        start: str | None,
        carried: Mapping[str, Any] | None,
    ) -> None:
        self._listing, self._scope, self._picked, self._start = listing, scope, picked, start
        self.id = picked.account_id
        before = carried or {"name": "", "seen": 0, "changed": 0, "states": {}, "size": 0}
        self._name: str = before["name"]
        self._seen: int = before["seen"]
        self._changed: int = before["changed"]
        self._tally = Tally.from_json(before)  # what the ledger holds of the account, counted in passing
        self.ended = True  # whether its entries were read to the end
        self._unknown = False  # the ledger has no file of the account at all: as in a first run
        self._allocator: NameAllocator | None = None
        self._since: datetime | None = None
        self._known_since = parse_iso(scope.known_since) if scope.known_since else None
        if summary is not None and summary.watermark:
            self._name = summary.name
            watermark = parse_iso(summary.watermark)
            self._since = watermark - OVERLAP
            self._known_since = max(self._known_since or watermark, watermark)

    def facts(self) -> dict[str, Any]:
        """What finish_run needs to sum the account up, as of all calls so far. A listing of some of its entries is not complete."""
        capped = self._listing.max_files is not None or self._picked.wanted is not None
        return {
            "account_id": self.id,
            "name": self._name,
            "seen": self._seen,
            "changed": self._changed,
            "complete": self.ended and not capped,
            "goes_on": not self.ended,
            **self._tally.to_json(),
        }

    def work(self, items: Iterator[FileItem], pending: "_Pending") -> Iterator[str]:
        """Decides on every entry; yields the last id dealt with whenever a batch is done. What is left pends, with the next account's."""
        for entry, item in self._merged(self._picked.entries, items):
            if item is not None:
                self._tally.add(item.state, item.size or 0)
            if entry is not None:
                self._one(entry, item, pending)
            elif item is not None and item.state is not FileState.ENTRY_DELETED and self._listing.max_files is None:
                pending.rows.append((self, item, None))
            pending.handled += 1
            if pending.handled >= self._listing.batch:
                pending.flush()
                last = entry.id if entry is not None else item.entry_id if item is not None else ""
                yield last

    def _merged(self, entries: Iterator[Entry], items: Iterator[FileItem]) -> Iterator[tuple[Entry | None, FileItem | None]]:
        entry, item = next(entries, None), next(items, None)
        self._unknown = item is None and self._start is None and self._picked.wanted is None
        cap = self._listing.max_files
        while entry is not None or item is not None:
            if entry is not None and cap is not None and self._seen >= cap:
                return
            if item is None or (entry is not None and entry.id < item.entry_id):
                yield entry, None
                entry = next(entries, None)
            elif entry is None or item.entry_id < entry.id:
                yield None, item
                item = next(items, None)
            else:
                yield entry, item
                entry, item = next(entries, None), next(items, None)

    def _one(self, entry: Entry, item: FileItem | None, pending: "_Pending") -> None:
        self._seen += 1
        self._name = entry.account_name or self._name
        pending.shards.part.total += 1
        match decide(entry, item, rules=self._listing.rules, since=self._since):
            case Skip() as skip:
                pending.shards.skip(skip)
            case decision:
                pending.rows.append((self, decision, entry))

    def settle(self, decision: Skip | Record | Copy, entry: Entry | None, shards: Shards) -> None:
        """Puts into a shard what was decided once the sources were looked at."""
        match decision:
            case Skip():
                shards.skip(decision)
            case Record():
                self._changed += 1
                suspect = entry is not None and self._suspect(entry, decision.file)
                shards.add(ManifestRow(file=decision.file, suspect=suspect))
            case Copy():
                assert entry is not None
                self._copy(decision, entry, shards)

    def _suspect(self, entry: Entry, file: FileItem) -> bool:
        """Whether another account's listing may have seen the entry already."""
        return file.version == 0 and self._known_since is not None and entry.created < self._known_since

    def _copy(self, copy: Copy, entry: Entry, shards: Shards) -> None:
        self._changed += 1
        if self._allocator is None:
            taken = () if self._scope.large or self._unknown else self._listing.ledger.keys(self.id)
            keys = self._listing.keys_for(self.id, self._name)
            self._allocator = NameAllocator(keys, taken, large=self._scope.large)
        name = file_name(entry.name, path_of(copy.location))
        keys = self._allocator.keys
        etag = copy.facts.etag if copy.facts else self._listing.run.run_id
        fresh = keys.changed(name, entry.id, etag)
        candidates = [fresh]
        if not copy.changed:
            candidates = [self._allocator.assign(entry.id, name), keys.suffixed(name, entry.id, long=True), fresh]
        file = copy.file if copy.file.key is None else replace(copy.file, key=None)
        if isinstance(copy.location, S3Location) and copy.location.alternate_key:
            file = replace(file, source_key=copy.location.key)
        suspect = self._suspect(entry, copy.file)
        shards.add(
            ManifestRow(
                file=file, location=copy.location, facts=copy.facts, keys=tuple(dict.fromkeys(candidates)), suspect=suspect
            )
        )


class _Pending:
    """What waits for a look at its source, of as many accounts as one look covers. In order: a shard's accounts are a range."""

    def __init__(self, listing: Listing, shards: Shards) -> None:
        self._listing, self.shards = listing, shards
        self.rows: list[tuple[_Account, Look | Record | FileItem, Entry | None]] = []
        # Entries and items since the last flush, those that need nothing included.
        self.handled = 0

    def flush(self) -> None:
        found = iter(self._listing.look([what.location for _, what, _ in self.rows if isinstance(what, Look)]))
        vanished = [what for _, what, _ in self.rows if isinstance(what, FileItem)]
        # Not among the account's entries any more: deleted, or moved to another account, whose own listing sees to it.
        still = self._listing.reader.by_id([item.entry_id for item in vanished]) if vanished else {}
        twice = self._known_elsewhere([item for item in vanished if item.entry_id in still], still)
        for account, what, entry in self.rows:
            match what:
                case Look():
                    location, facts = next(found)
                    look = what if location == what.location else replace(what, location=location)
                    decision = resolve(look, facts, rules=self._listing.rules)
                    account.settle(decision, entry, self.shards)
                case Record():
                    account.settle(what, entry, self.shards)
                case FileItem() if what.entry_id not in still:
                    account.settle(gone(what), None, self.shards)
                case FileItem() if what.entry_id in twice:
                    account.settle(_superseded(what, twice[what.entry_id]), None, self.shards)
        self.rows.clear()
        self.handled = 0

    def _known_elsewhere(self, moved: Sequence[FileItem], still: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
        """Entries that the ledger knows in the account that they moved to as well, and that account.

        So it comes if one moves while a run lists it here and there. What was switched from here is kept: a rollback needs it.
        """
        reader, ledger = self._listing.reader, self._listing.ledger
        now = {item.entry_id: reader.account_of(still[item.entry_id]) for item in moved if item.state is not FileState.SWITCHED}
        elsewhere = [
            (item.entry_id, now[item.entry_id]) for item in moved if now.get(item.entry_id, item.account_id) != item.account_id
        ]
        if not elsewhere:
            return {}
        with threads(_READERS) as pool:
            items = list(pool.map(lambda at: ledger.get(at[1], at[0]), elsewhere))
        known = (item for item in items if item is not None and item.state is not FileState.ENTRY_DELETED)
        return {item.entry_id: item.account_id for item in known}


def _superseded(item: FileItem, account_id: str) -> Record:
    message = f"The entry is in account {account_id} now, and known there: that item stands. This one's copy is kept."
    return Record(replace(gone(item).file, message=message))


def began(reader: EntryReader, now: datetime) -> str:
    """The org's clock where it has spoken, else ours: what an account's watermark becomes."""
    return iso(reader.org_time or now)
