"""Compares an account's files, as the ledger has them, with the bucket and with Salesforce. Reads only, a page at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any, Protocol

from waybill.files.domain import FileState, SourceFacts
from waybill.files.entries import AccountActivity
from waybill.files.ledger import FileItem, Ledger
from waybill.files.lookup import Unreadable, look_up
from waybill.files.storage import ObjectStore
from waybill.files.urls import mask

PAGE = 500
_COPIED = frozenset({FileState.VERIFIED, FileState.SWITCHED, FileState.ROLLED_BACK})


class Mismatch(StrEnum):
    """What can differ."""

    OBJECT_MISSING = "object_missing"
    OBJECT_CHANGED = "object_changed"
    OBJECT_UNREADABLE = "object_unreadable"
    LINK_DIFFERS = "link_differs"
    ENTRY_GONE = "entry_gone"
    ENTRY_MOVED = "entry_moved"
    ENTRIES_UNKNOWN = "entries_unknown"


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between ledger, bucket and Salesforce. The account's own have no entry."""

    kind: Mismatch
    account_id: str
    message: str
    entry_id: str = ""
    name: str = ""


class Reader(Protocol):
    """EntryReader, as far as it is used here."""

    def by_id(self, ids: Sequence[str], *, more_fields: Sequence[str] = ()) -> dict[str, Mapping[str, Any]]: ...
    def account_of(self, row: Mapping[str, Any]) -> str: ...
    def url_of(self, row: Mapping[str, Any]) -> str: ...


@dataclass(frozen=True, slots=True)
class Verified:
    """A page: how many files were compared, what differs, and the entry behind which to go on."""

    checked: int
    differences: list[Difference]
    after: str | None


def verify_page(
    account_id: str,
    *,
    after: str | None,
    ledger: Ledger,
    reader: Reader,
    store: ObjectStore,
    bucket: str,
    in_flight: int,
    page: int = PAGE,
) -> Verified:
    """Compares up to `page` files behind the entry `after`."""
    files = list(islice(ledger.files(account_id, after=after), page + 1))
    more = len(files) > page
    files = files[:page]
    copied = [file for file in files if file.state in _COPIED]
    differences = _against_bucket(copied, store=store, bucket=bucket, in_flight=in_flight)
    differences += _against_salesforce(copied, reader)
    return Verified(len(copied), differences, files[-1].entry_id if more else None)


def unknown_entries(account_id: str, *, activity: AccountActivity | None, ledger: Ledger) -> list[Difference]:
    """Whether Salesforce has more entries of the account than the ledger has files."""
    summary = ledger.summary(account_id)
    known, there = summary.files if summary else 0, activity.entries if activity else 0
    if there <= known:
        return []
    message = f"Salesforce has {there} entries, the ledger {known} files: a backup takes in what is new."
    return [Difference(Mismatch.ENTRIES_UNKNOWN, account_id, message)]


def _against_bucket(files: list[FileItem], *, store: ObjectStore, bucket: str, in_flight: int) -> list[Difference]:
    found = look_up(store, bucket, [file.key for file in files if file.key], in_flight=in_flight)
    differences: list[Difference] = []
    for file in files:
        facts = found.get(file.key) if file.key else None
        match facts:
            case None:
                differences.append(_of(file, Mismatch.OBJECT_MISSING, f"The bucket has no object {file.key}."))
            case Unreadable(reason):
                differences.append(_of(file, Mismatch.OBJECT_UNREADABLE, reason))
            case SourceFacts() if changed := _changed(file, facts):
                differences.append(_of(file, Mismatch.OBJECT_CHANGED, changed))
    return differences


def _changed(file: FileItem, facts: SourceFacts) -> str:
    """How the object differs from the one that was verified; empty where it does not."""
    if file.size is not None and facts.size != file.size:
        return f"The object has {facts.size} bytes, the verified copy had {file.size}."
    etag = file.copy_etag or file.etag
    if etag and facts.etag and facts.etag != etag:
        return "The object's ETag is not that of the verified copy: somebody has written it anew."
    return ""


def _against_salesforce(files: list[FileItem], reader: Reader) -> list[Difference]:
    rows = reader.by_id([file.entry_id for file in files]) if files else {}
    differences: list[Difference] = []
    for file in files:
        row = rows.get(file.entry_id)
        if row is None:
            differences.append(_of(file, Mismatch.ENTRY_GONE, "The entry is no longer in Salesforce; its copy is kept."))
            continue
        if reader.account_of(row) != file.account_id:
            message = f"The entry belongs to account {reader.account_of(row)} now."
            differences.append(_of(file, Mismatch.ENTRY_MOVED, message))
        expected = file.new_url if file.state is FileState.SWITCHED else file.url
        if reader.url_of(row) != expected:
            message = f"The link should be {mask(expected or '')}, and is {mask(reader.url_of(row))}."
            differences.append(_of(file, Mismatch.LINK_DIFFERS, message))
    return differences


def _of(file: FileItem, kind: Mismatch, message: str) -> Difference:
    return Difference(kind, file.account_id, message, entry_id=file.entry_id, name=file.name)
