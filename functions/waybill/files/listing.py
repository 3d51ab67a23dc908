"""Lists the entries of a packet, compares them with the ledger and the source, and writes shards of what is to be done."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import groupby
from typing import Any, Protocol

from waybill.clock import iso, parse_iso
from waybill.files.discovery import Copy, Look, Record, Rules, Skip, decide, gone, resolve
from waybill.files.domain import Entry, FileState, HttpLocation, S3Location, SourceFacts
from waybill.files.entries import EntryReader
from waybill.files.ledger import FileItem, Ledger
from waybill.files.manifest import ManifestRow
from waybill.files.names import DestinationKeys, KeyLimits, NameAllocator, file_name
from waybill.files.urls import path_of
from waybill.runs.model import RunContext
from waybill.runs.work import WorkBucket, run_prefix, to_lines

# Entries whose sources are looked at together: many, so that a LIST covers many of them.
BATCH = 5_000
# SystemModstamp is stamped before the commit: what was being saved when an account was listed may bear an earlier time.
OVERLAP = timedelta(minutes=15)


class SourceLook(Protocol):
    """Looks at sources: facts, None if there is no such object, or a text if the store refuses to tell."""

    def __call__(
        self, locations: Sequence[S3Location | HttpLocation]
    ) -> list[tuple[S3Location | HttpLocation, SourceFacts | str | None]]:
        """In the order asked; the location given back names the key that was found where a URL can be read two ways."""


@dataclass(frozen=True, slots=True)
class PacketScope:
    """A row of packets.jsonl. `accounts` stands where only these of the range are meant."""

    packet: int
    first: str
    last: str
    accounts: tuple[str, ...]
    large: bool
    # Until when earlier backups may have listed entries: an unknown one that is older may have moved here from another account.
    known_since: str | None


@dataclass(slots=True)
class Part:
    """What one call of ListFiles did: stored once per packet and sequence number, never replaced."""

    total: int = 0
    skipped: int = 0
    skipped_verified: int = 0
    to_copy: int = 0
    bytes_to_copy: int = 0
    to_verify: int = 0
    failed: int = 0
    held_back: int = 0
    conflicts: int = 0
    suspects: int = 0
    shards: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Listed:
    """What a call gives back: the part, the accounts it saw, and where to go on (None at the packet's end)."""

    part: Part
    accounts: list[dict[str, Any]]
    after: tuple[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Lists packets. Everything it needs is handed in; memory is bounded by BATCH and by the names of one account."""

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

    def list(self, scope: PacketScope, *, after: tuple[str, str] | None, sequence: int, time_is_up: Callable[[], bool]) -> Listed:
        """Lists from behind `after` to the packet's end, or until time is up."""
        part, accounts = Part(), []
        shards = _Shards(self, scope, sequence, part)
        entries = self.reader.entries(first=scope.first, last=scope.last, only=scope.accounts, after=after)
        missed = set(scope.accounts) if after is None else {a for a in scope.accounts if a > after[0]}
        place = after
        for account_id, group in groupby(entries, key=lambda entry: entry.account_id):
            missed.discard(account_id)
            start = after[1] if after and after[0] == account_id else None
            account = _Account(self, scope, account_id, start=start)
            for batch_end in account.work(group, shards):
                if batch_end is not None and scope.large and time_is_up():
                    place = (account_id, batch_end)
                    break
            else:
                place = (account_id, "zzzzzzzzzzzzzzzzzz")
                accounts.append(account.facts(complete=True))
                if not time_is_up():
                    continue
                break
            accounts.append(account.facts(complete=False))
            break
        else:
            # Accounts that the ledger knows and Salesforce no longer has entries of.
            for account_id in sorted(missed):
                account = _Account(self, scope, account_id, start=None)
                for _ in account.work(iter(()), shards):
                    pass
                accounts.append(account.facts(complete=True))
            place = None
        shards.close()
        return Listed(part, accounts, place)

    def keys_for(self, account_id: str, account_name: str) -> DestinationKeys:
        return DestinationKeys(prefix=self.prefix, account_id=account_id, account_name=account_name, limits=self.limits)


class _Account:
    """One account's entries beside the ledger's items, both in order of entry id."""

    def __init__(self, listing: Listing, scope: PacketScope, account_id: str, *, start: str | None) -> None:
        self._listing, self._scope, self._id, self._start = listing, scope, account_id, start
        self._name = ""
        self._seen = 0
        self._changed = 0
        self._allocator: NameAllocator | None = None
        summary = listing.ledger.summary(account_id)
        self._since: datetime | None = None
        self._known_since = parse_iso(scope.known_since) if scope.known_since else None
        if summary is not None and summary.watermark:
            self._name = summary.name
            watermark = parse_iso(summary.watermark)
            self._since = watermark - OVERLAP
            self._known_since = max(self._known_since or watermark, watermark)

    def facts(self, *, complete: bool) -> dict[str, Any]:
        """What finish_run needs to sum the account up. A capped listing is not complete."""
        capped = self._listing.max_files is not None
        return {
            "account_id": self._id,
            "name": self._name,
            "changed": self._changed,
            "complete": complete and not capped,
        }

    def work(self, entries: Iterator[Entry], shards: "_Shards") -> Iterator[str | None]:
        """Decides on every entry in batches; yields the last entry id of each batch that is done."""
        looks: list[tuple[Look, Entry]] = []
        vanished: list[FileItem] = []
        handled = 0
        last: str | None = None
        for entry, item in self._merged(entries):
            handled += 1
            if entry is None:
                if item is not None and item.state is not FileState.ENTRY_DELETED and self._listing.max_files is None:
                    vanished.append(item)
            else:
                last = entry.id
                self._one(entry, item, shards, looks)
            if handled >= BATCH:
                self._flush(looks, vanished, shards)
                handled = 0
                yield last
        self._flush(looks, vanished, shards)
        yield last

    def _merged(self, entries: Iterator[Entry]) -> Iterator[tuple[Entry | None, FileItem | None]]:
        items = self._listing.ledger.files(self._id, after=self._start)
        entry, item = next(entries, None), next(items, None)
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

    def _one(self, entry: Entry, item: FileItem | None, shards: "_Shards", looks: list[tuple[Look, Entry]]) -> None:
        self._seen += 1
        self._name = entry.account_name or self._name
        shards.part.total += 1
        match decide(entry, item, rules=self._listing.rules, since=self._since):
            case Look() as look:
                looks.append((look, entry))
            case Skip() as skip:
                shards.skip(skip)
            case Record() as record:
                self._record(record, shards, entry)

    def _flush(self, looks: list[tuple[Look, Entry]], vanished: list[FileItem], shards: "_Shards") -> None:
        found = self._listing.look([look.location for look, _ in looks])
        for (look, entry), (location, facts) in zip(looks, found, strict=True):
            match resolve(replace(look, location=location), facts, rules=self._listing.rules):
                case Skip() as skip:
                    shards.skip(skip)
                case Record() as record:
                    self._record(record, shards, entry)
                case Copy() as copy:
                    self._copy(copy, entry, shards)
        looks.clear()
        if vanished:
            # Not among the account's entries any more: deleted, or moved to another account, whose own listing sees to it.
            still = self._listing.reader.by_id([item.entry_id for item in vanished])
            for item in vanished:
                if item.entry_id not in still:
                    self._record(gone(item), shards, None)
            vanished.clear()

    def _record(self, record: Record, shards: "_Shards", entry: Entry | None) -> None:
        self._changed += 1
        suspect = entry is not None and self._suspect(entry, record.file)
        shards.add(ManifestRow(file=record.file, suspect=suspect))

    def _suspect(self, entry: Entry, file: FileItem) -> bool:
        """Whether another account's listing may have seen the entry already."""
        return file.version == 0 and self._known_since is not None and entry.created < self._known_since

    def _copy(self, copy: Copy, entry: Entry, shards: "_Shards") -> None:
        self._changed += 1
        if self._allocator is None:
            taken = () if self._scope.large else self._listing.ledger.keys(self._id)
            keys = self._listing.keys_for(self._id, self._name)
            self._allocator = NameAllocator(keys, taken, large=self._scope.large)
        name = file_name(entry.name, path_of(copy.location))
        keys = self._allocator.keys
        etag = copy.facts.etag if copy.facts else self._listing.run.run_id
        fresh = keys.changed(name, entry.id, etag)
        candidates = [fresh]
        if not copy.changed:
            candidates = [self._allocator.assign(entry.id, name), keys.suffixed(name, entry.id, long=True), fresh]
        file = replace(copy.file, key=None)
        if isinstance(copy.location, S3Location) and copy.location.alternate_key:
            file = replace(file, source_key=copy.location.key)
        suspect = self._suspect(entry, copy.file)
        shards.add(
            ManifestRow(
                file=file, location=copy.location, facts=copy.facts, keys=tuple(dict.fromkeys(candidates)), suspect=suspect
            )
        )


class _Shards:
    """Gathers manifest rows into shards and counts what they hold."""

    def __init__(self, listing: Listing, scope: PacketScope, sequence: int, part: Part) -> None:
        self._listing, self._stem, self.part = listing, f"{scope.packet:05d}-{sequence:03d}", part
        self._rows: list[ManifestRow] = []

    def skip(self, skip: Skip) -> None:
        self.part.skipped += 1
        self.part.skipped_verified += skip.verified

    def add(self, row: ManifestRow) -> None:
        self._rows.append(row)
        part = self.part
        part.suspects += row.suspect
        if row.location is not None:
            part.to_copy += 1
            part.bytes_to_copy += row.facts.size if row.facts else 0
        else:
            match row.file.state:
                case FileState.VERIFIED:
                    part.to_verify += 1
                case FileState.EXCLUDED:
                    part.held_back += 1
                case FileState.CONFLICT:
                    part.conflicts += 1
                case FileState.ENTRY_DELETED:
                    pass
                case _:
                    part.failed += 1
        if len(self._rows) >= self._listing.shard_size:
            self.close()

    def close(self) -> None:
        if not self._rows:
            return
        body = to_lines(row.to_json() for row in self._rows)
        shard = f"{self._stem}-{len(self.part.shards):04d}"
        # The content's hash is in the name: a late attempt that saw other rows cannot replace the manifest that was collected.
        key = f"{run_prefix(self._listing.run.run_id)}shards/{shard}-{sha256(body).hexdigest()[:12]}.jsonl"
        self._listing.work.put(key, body, content_type="application/jsonl")
        self.part.shards.append(
            {
                "shard": shard,
                "manifest": key,
                "files": len(self._rows),
                "first": self._rows[0].file.account_id,
                "last": self._rows[-1].file.account_id,
                "suspects": sum(row.suspect for row in self._rows),
            }
        )
        self._rows = []


def began(reader: EntryReader, now: datetime) -> str:
    """The org's clock where it has spoken, else ours: what an account's watermark becomes."""
    return iso(reader.org_time or now)
