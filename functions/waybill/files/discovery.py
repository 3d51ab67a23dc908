"""What is to be done about one entry: a pure decision from Salesforce's row, the ledger's item and the source's facts."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import assert_never

from waybill.files.domain import (
    BadLocation,
    Entry,
    FileEvent,
    FileState,
    HttpLocation,
    Location,
    OwnLocation,
    S3Location,
    SourceFacts,
    transition,
)
from waybill.files.ledger import FileItem, updated
from waybill.files.names import file_name
from waybill.files.urls import LinkBuilder, locate, mask, path_of
from waybill.lean import lean

# A time that no decision is taken by.
_UNKNOWN = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a run goes by when it looks at entries."""

    links: LinkBuilder
    source_buckets: frozenset[str]
    allowed_extensions: Collection[str]
    max_file_size: int
    # Whether verified files whose entry did not change have their source looked at: a full run does.
    every_source: bool


@lean(frozen=True, slots=True)
class Skip:
    """Nothing to do: it is verified or switched, and nothing changed."""

    verified: bool


@lean(frozen=True, slots=True)
class Record:
    """The ledger is to learn something, and nothing is copied."""

    file: FileItem


@lean(frozen=True, slots=True)
class Look:
    """The source must be looked at. `file` is how the ledger's item begins in this run: discovered."""

    file: FileItem
    location: S3Location | HttpLocation
    # What the ledger knew: a verified copy that may still be good.
    known: FileItem | None


@lean(frozen=True, slots=True)
class Copy:
    """The file is to be copied."""

    file: FileItem
    location: S3Location | HttpLocation
    facts: SourceFacts | None
    # The key that a former copy of this file holds, of other content: it must not be asked for again.
    changed: bool


def decide(entry: Entry, item: FileItem | None, *, rules: Rules, since: datetime | None) -> Skip | Record | Look:
    """What to do about an entry before its source was looked at. `since`: entries unchanged since then are not looked at again."""
    location = locate(entry.url, links=rules.links, source_buckets=rules.source_buckets)
    if item is not None and item.state is FileState.SWITCHED:
        return _switched(entry, item, location)
    if isinstance(location, OwnLocation):
        return _own(entry, item, location)
    unchanged = item is not None and item.state is FileState.VERIFIED and item.url == entry.url
    if unchanged and not rules.every_source and since is not None and entry.modified < since:
        return Skip(verified=True)
    file = _begun(entry, item)
    match location:
        case BadLocation():
            return Record(_failed(file, "MALFORMED_URL", f"The link names no file: {location.reason}"))
        case S3Location() if location.bucket not in rules.source_buckets:
            message = f"The bucket {location.bucket} is not among the configured source buckets: add it, or correct the link."
            return Record(_failed(file, "UNKNOWN_BUCKET", message))
        case S3Location() | HttpLocation():
            pass
        case _:
            assert_never(location)
    if rules.allowed_extensions:
        extension = _extension(file_name(entry.name, path_of(location)))
        if extension not in rules.allowed_extensions:
            message = f"Files ending in {extension or 'nothing'} are not among the allowed extensions."
            return Record(_ended(file, FileEvent.EXCLUDED, "EXTENSION", message))
    return Look(file, location, item)


def _switched(entry: Entry, item: FileItem, location: Location) -> Skip | Record:
    if entry.url == item.new_url:
        return Skip(verified=False)
    if isinstance(location, OwnLocation) and location.entry_id == entry.id:
        # Another of the gateway's links to this file, written anew by a task that died before it could say so: the next cutover
        # looks whether it is.
        return Skip(verified=False)
    message = f"The link was edited by hand: it was {mask(item.new_url or '')}, it is {mask(entry.url)}. It is left alone."
    return Record(_ended(item, FileEvent.CONFLICTED, "EDITED", message))


def _own(entry: Entry, item: FileItem | None, location: OwnLocation) -> Skip | Record:
    ours = item is not None and location.is_of(entry.id, item.key)
    if item is not None and ours and item.state is FileState.VERIFIED:
        # Switched by a task that died before it could say so: the next cutover or rollback notes it.
        return Skip(verified=True)
    if item is not None and ours and item.proof is not None:
        # The link that this entry was switched to: it is out of the recycle bin again, an edit was taken back, or a task that was
        # slow wrote it behind a rollback.
        return _still_good(replace(_begun(entry, item), url=item.url), item)
    message = (
        "The link points to a file that Waybill placed for another entry. It needs no moving; check whether the entry is a copy."
    )
    if item is not None and item.error == "OWN_LINK":
        return Skip(verified=False)
    file = _begun(entry, item)
    # A link of our own is no old URL to go back to: where one is known, it stays.
    file = replace(file, url=item.url) if item is not None else file
    return Record(_ended(file, FileEvent.EXCLUDED, "OWN_LINK", message))


def resolve(look: Look, facts: SourceFacts | str | None, *, rules: Rules) -> Skip | Record | Copy:
    """What to do once the source was looked at. `facts`: None if there is no such object, a text if the store refused to tell.

    Of the web, None is a server that tells nothing in advance: the copier finds out. A text is a host that does not answer: its
    files fail here and now, and do not keep the copier waiting one by one. What was verified stays so.
    """
    file, known = look.file, look.known
    intact = known is not None and known.proof is not None and known.key is not None
    if isinstance(look.location, HttpLocation):
        if known is not None and intact and known.url == file.url and not _differs(known, facts):
            return _still_good(file, known)
        if isinstance(facts, str):
            return Record(_failed(file, "SOURCE_UNREACHABLE", facts))
        return Copy(file, look.location, facts, changed=intact)
    if not isinstance(facts, SourceFacts) and known is not None and known.state is FileState.VERIFIED and known.url == file.url:
        return Skip(verified=True)  # we hold what the source no longer shows; the switch will ask again
    if isinstance(facts, str):
        return Record(_failed(file, "SOURCE_DENIED", facts))
    if facts is None:
        where = f"s3://{look.location.bucket}/{look.location.key}"
        return Record(_ended(file, FileEvent.MISSING, "SOURCE_MISSING", f"There is no object {where}."))
    if known is not None and intact and known.etag == facts.etag and known.size == facts.size:
        return _still_good(file, known)
    file = updated(file, size=facts.size, etag=facts.etag)
    if facts.archived:
        message = f"The source is archived ({facts.storage_class}): restore it, then run a backup again."
        return Record(_ended(file, FileEvent.ARCHIVED, "SOURCE_ARCHIVED", message))
    if facts.size > rules.max_file_size:
        message = f"The file has {facts.size:,} bytes, more than the allowed {rules.max_file_size:,}."
        return Record(_ended(file, FileEvent.EXCLUDED, "TOO_LARGE", message))
    return Copy(file, look.location, facts, changed=intact)


def _differs(known: FileItem, facts: SourceFacts | str | None) -> bool:
    """Whether a web source is known to have changed. One that tells neither ETag nor size is taken at its word."""
    if not isinstance(facts, SourceFacts):
        return False
    return bool(facts.etag) and facts.etag != known.etag


def _still_good(file: FileItem, known: FileItem) -> Skip | Record:
    """The copy holds what the source holds: nothing is copied, and the ledger is told only what it does not know."""
    if known.state is FileState.VERIFIED and known.url == file.url:
        return Skip(verified=True)
    kept = replace(
        file,
        key=known.key,
        size=known.size,
        etag=known.etag,
        copy_etag=known.copy_etag,
        checksum=known.checksum,
        proof=known.proof,
        source_key=known.source_key,
    )
    return Record(replace(kept, state=transition(FileState.COPIED, FileEvent.VERIFIED)))


def moved_here(
    listed: FileItem,
    known: FileItem,
    *,
    location: S3Location | HttpLocation | None,
    facts: SourceFacts | None,
    rules: Rules,
) -> Skip | Record | Copy:
    """The decision about an entry anew, once its item has followed it here from another account.

    `listed`: what listing made of it without the item; `location` and `facts` where it was to be copied.
    """
    # Of the entry only what a full run goes by is asked for.
    entry = Entry(
        id=listed.entry_id,
        account_id=listed.account_id,
        account_name="",
        name=listed.name,
        url=listed.url,
        created=_UNKNOWN,
        modified=_UNKNOWN,
    )
    decision = decide(entry, known, rules=rules, since=None)
    if not isinstance(decision, Look):
        return decision
    seen: SourceFacts | str | None = facts
    if location is None:
        seen = (listed.message or "") if listed.error in {"SOURCE_DENIED", "SOURCE_UNREACHABLE"} else None
        if listed.etag is not None and listed.size is not None:
            storage = "GLACIER" if listed.state is FileState.SOURCE_ARCHIVED else "STANDARD"
            seen = SourceFacts(listed.size, listed.etag, storage)
    return resolve(replace(decision, location=location or decision.location), seen, rules=rules)


def gone(item: FileItem) -> Record:
    """The entry was deleted in Salesforce. Its object stays."""
    return Record(_ended(item, FileEvent.DELETED, "ENTRY_DELETED", "The entry was deleted in Salesforce; its copy is kept."))


def _begun(entry: Entry, item: FileItem | None) -> FileItem:
    """The file as a run begins with it anew: discovered."""
    state = FileState.DISCOVERED if item is None else transition(item.state, FileEvent.LISTED_ANEW)
    return FileItem(
        account_id=entry.account_id,
        entry_id=entry.id,
        state=state,
        name=entry.name,
        url=entry.url,
        # The key stays known even if the copy is no longer good: it is never given away again.
        key=item.key if item else None,
        version=item.version if item else 0,
    )


def _failed(file: FileItem, error: str, message: str) -> FileItem:
    return _ended(file, FileEvent.FAILED, error, message)


def _ended(file: FileItem, event: FileEvent, error: str, message: str) -> FileItem:
    return replace(file, state=transition(file.state, event), error=error, message=message)


def _extension(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    return f".{extension.lower()}" if dot and stem else ""
