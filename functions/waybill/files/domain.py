"""Entries, files, their states and the transitions between them. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from waybill.errors import IllegalTransition
from waybill.lean import lean

NO_ACCOUNT = "no-account"


class FileState(StrEnum):
    """What the ledger knows of a file. DISCOVERED and COPIED live in manifests and results, not in the ledger."""

    DISCOVERED = "discovered"
    COPIED = "copied"
    VERIFIED = "verified"
    SWITCHED = "switched"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"
    SOURCE_MISSING = "source_missing"
    SOURCE_ARCHIVED = "source_archived"
    CONFLICT = "conflict"
    EXCLUDED = "excluded"
    ENTRY_DELETED = "entry_deleted"


class FileEvent(StrEnum):
    """What can happen to a file."""

    LISTED_ANEW = "listed_anew"  # a run looks at it again because its source, its URL or its luck changed
    COPIED = "copied"
    VERIFIED = "verified"
    SWITCHED = "switched"
    RESTORED = "restored"
    FAILED = "failed"
    MISSING = "missing"
    ARCHIVED = "archived"
    EXCLUDED = "excluded"
    CONFLICTED = "conflicted"
    DELETED = "deleted"


# The two that every file passes: their tables are made once.
_FROM_DISCOVERED = {
    FileEvent.LISTED_ANEW: FileState.DISCOVERED,
    FileEvent.COPIED: FileState.COPIED,
    FileEvent.FAILED: FileState.FAILED,
    FileEvent.MISSING: FileState.SOURCE_MISSING,
    FileEvent.ARCHIVED: FileState.SOURCE_ARCHIVED,
    FileEvent.EXCLUDED: FileState.EXCLUDED,
}
_FROM_COPIED = {FileEvent.VERIFIED: FileState.VERIFIED, FileEvent.FAILED: FileState.FAILED}


def transition(state: FileState, event: FileEvent) -> FileState:
    """The state after `event`. Raises IllegalTransition where a file in `state` cannot meet it."""
    if event is FileEvent.DELETED:
        return FileState.ENTRY_DELETED
    match state:
        case FileState.DISCOVERED:
            target = _FROM_DISCOVERED.get(event)
        case FileState.COPIED:
            target = _FROM_COPIED.get(event)
        case FileState.VERIFIED:
            target = {
                FileEvent.LISTED_ANEW: FileState.DISCOVERED,
                FileEvent.SWITCHED: FileState.SWITCHED,
                FileEvent.CONFLICTED: FileState.CONFLICT,
            }.get(event)
        case FileState.SWITCHED:
            target = {
                FileEvent.SWITCHED: FileState.SWITCHED,
                FileEvent.RESTORED: FileState.ROLLED_BACK,
                FileEvent.CONFLICTED: FileState.CONFLICT,
            }.get(event)
        case FileState.ROLLED_BACK:
            target = {
                FileEvent.LISTED_ANEW: FileState.DISCOVERED,
                FileEvent.VERIFIED: FileState.VERIFIED,
                FileEvent.RESTORED: FileState.ROLLED_BACK,
            }.get(event)
        case (
            FileState.FAILED
            | FileState.SOURCE_MISSING
            | FileState.SOURCE_ARCHIVED
            | FileState.CONFLICT
            | FileState.EXCLUDED
            | FileState.ENTRY_DELETED
        ):
            target = FileState.DISCOVERED if event is FileEvent.LISTED_ANEW else None
        case _:
            assert_never(state)
    if target is None:
        raise IllegalTransition(f"a file that is {state} cannot be {event}")
    return target


class VerifiedBy(StrEnum):
    """What proves that source and destination hold the same bytes."""

    ETAG = "etag"
    CHECKSUM = "checksum"
    CONTENT = "content"  # both sides were read and hashed
    S3_COPY = "s3_copy"  # size agrees and S3 reported success, but nothing could be compared


@lean(frozen=True, slots=True)
class Entry:
    """A record of Salesforce that links to a file. Ids have 18 characters; `account_id` is NO_ACCOUNT where there is none."""

    id: str
    account_id: str
    account_name: str
    name: str
    url: str
    created: datetime
    modified: datetime


@lean(frozen=True, slots=True)
class S3Location:
    """An object that a URL names. `alternate_key` is the other reading of a URL with a `+` in its path."""

    bucket: str
    key: str
    version_id: str | None = None
    alternate_key: str | None = None


@lean(frozen=True, slots=True)
class HttpLocation:
    """A file behind a plain http(s) URL; it is streamed."""

    url: str


@dataclass(frozen=True, slots=True)
class OwnLocation:
    """A URL that Waybill itself would write: never a source. It names a key, or, a link of the gateway, an entry."""

    key: str
    entry_id: str | None = None

    def is_of(self, entry_id: str, key: str | None) -> bool:
        """Whether it leads to the file of that entry, which has that key."""
        return self.key == key if self.entry_id is None else self.entry_id == entry_id


@dataclass(frozen=True, slots=True)
class BadLocation:
    """A URL that names no file. `reason` is for people."""

    reason: str


Location = S3Location | HttpLocation | OwnLocation | BadLocation


@lean(frozen=True, slots=True)
class SourceFacts:
    """What a LIST or HEAD said of a source. `size` in bytes; `etag` without quotes; `checksum` as `CRC64NVME:<base64>`."""

    size: int
    etag: str
    storage_class: str = "STANDARD"
    version_id: str | None = None
    checksum: str | None = None
    modified: datetime | None = None

    @property
    def archived(self) -> bool:
        """Whether the object must be restored before it can be read."""
        return self.storage_class in {"GLACIER", "DEEP_ARCHIVE"}
