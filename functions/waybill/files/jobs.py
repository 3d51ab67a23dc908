"""What a copy is asked to do, what it is given to do it with, and what comes of it."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from waybill.errors import WaybillError
from waybill.files.domain import HttpLocation, S3Location, SourceFacts, VerifiedBy
from waybill.files.storage import MIB, ObjectRef, ObjectStore, Refused, Written
from waybill.files.uploads import UploadLog
from waybill.files.web import Web
from waybill.lean import lean


class CopyStatus(StrEnum):
    """How a copy ended."""

    COPIED = "copied"
    EXISTING = "existing"  # the same bytes were there already, from an earlier attempt
    SOURCE_CHANGED = "source_changed"
    SOURCE_MISSING = "source_missing"
    ARCHIVED = "archived"
    FAILED = "failed"


class CopyFault(StrEnum):
    """The class of a failed copy, as the report shows it."""

    DESTINATION_TAKEN = "DESTINATION_TAKEN"  # other objects hold every candidate key
    ACCESS_DENIED = "ACCESS_DENIED"
    BUCKET_UNAVAILABLE = "BUCKET_UNAVAILABLE"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    INVALID_REQUEST = "INVALID_REQUEST"
    CONTENT_DIFFERS = "CONTENT_DIFFERS"  # the copy was made and is not what the source is
    TRUNCATED = "TRUNCATED"
    TOO_LARGE = "TOO_LARGE"
    LENGTH_UNKNOWN = "LENGTH_UNKNOWN"  # nothing would tell a whole body from a part of it
    NOT_A_FILE = "NOT_A_FILE"  # a web page (a log-in form, as a rule) came instead of the file
    ADDRESS_REFUSED = "ADDRESS_REFUSED"  # a URL that leads into a private network
    HTTP_ERROR = "HTTP_ERROR"
    OUT_OF_TIME = "OUT_OF_TIME"
    UNFINISHED = "UNFINISHED"  # out of time, and the next call goes on with it
    UNEXPECTED = "UNEXPECTED"


class CopyFailed(WaybillError):
    """Ends a copy. Stays within the copier: it becomes an outcome. `facts`: what the source is now, where that was learnt."""

    def __init__(
        self, status: CopyStatus, message: str, *, fault: CopyFault | None = None, facts: SourceFacts | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.fault = fault
        self.facts = facts


def failed(fault: CopyFault, message: str) -> CopyFailed:
    return CopyFailed(CopyStatus.FAILED, message, fault=fault)


@lean(frozen=True, slots=True)
class CopyJob:
    """One file to copy to `bucket`, under the first of `keys` that no other object holds.

    `facts` pin the source; without them they are looked up first. `deep`: read and hash both sides afterwards.
    `answered`: what the store has said already to a plain copy to the first key, with tags; it is not asked again.
    """

    entry_id: str
    source: S3Location | HttpLocation
    facts: SourceFacts | None
    bucket: str
    keys: tuple[str, ...]
    deep: bool = False
    answered: Written | Refused | None = None

    @property
    def ref(self) -> ObjectRef:
        """The source as an object of S3."""
        assert isinstance(self.source, S3Location)
        return ObjectRef(self.source.bucket, self.source.key, self.source.version_id)

    @property
    def pinned(self) -> SourceFacts:
        """The facts of a source in S3, which are known once copying begins."""
        assert self.facts is not None
        return self.facts


@lean(frozen=True, slots=True)
class CopyOutcome:
    """What came of a job. Holds for `copied` and `existing`: `key`, `etag`, `facts` (the pinned source, with what was learnt on the way).

    `size` is the destination's in bytes, None where nobody has asked: CopyObject does not say. `checksum` as in SourceFacts.
    `compared`: what the copier itself has compared. `etags_comparable`: where both ETags look like MD5s, they are.
    """

    entry_id: str
    status: CopyStatus
    key: str | None = None
    etag: str = ""
    checksum: str | None = None
    size: int | None = None
    modified: datetime | None = None
    facts: SourceFacts | None = None
    compared: VerifiedBy | None = None
    etags_comparable: bool = False
    error_class: CopyFault | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Landed:
    """A copy just written. `sha256` (base64) is that of the source's bytes, where they passed through here."""

    written: Written
    facts: SourceFacts
    size: int | None = None
    sha256: str | None = None
    source_etag_is_md5: bool | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes. S3's own: 5 GiB for CopyObject, 5 MiB to 5 GiB for a part, 10,000 parts."""

    copy_object: int = 5 * 1024 * MIB
    copy_part: int = 256 * MIB
    min_part: int = 5 * MIB
    stream_part: int = 8 * MIB  # held in memory, about twice, by each of `heavy` threads
    max_stream_part: int = 16 * MIB
    max_size: int = 50 * 1024**4
    parts_in_flight: int = 8


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Tools:
    """What copies share. `source` is None where the destination's client may read the source, so that S3 copies by itself.

    `out_of_time` ends long copies. `heavy` bounds how many files above 1 MiB are streamed, hashed or copied in parts at once,
    and so memory and connections. `uploads`: where multipart uploads are on record; without, they begin anew each time.
    """

    destination: ObjectStore
    web: Web
    sleep: Callable[[float], None]
    source: ObjectStore | None = None
    limits: Limits = field(default_factory=Limits)
    out_of_time: Callable[[], bool] = _never
    heavy: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(8))
    uploads: UploadLog | None = None

    @property
    def reader(self) -> ObjectStore:
        """The store that reads sources."""
        return self.source or self.destination

    def room_for(self, facts: SourceFacts | None) -> AbstractContextManager[object]:
        """Waits until a file of this size may pass through memory."""
        return nullcontext() if facts is not None and facts.size <= MIB else self.heavy

    def check_time(self) -> None:
        if self.out_of_time():
            raise failed(
                CopyFault.OUT_OF_TIME, "The task's time ran out in the middle of this file; the next attempt begins it anew."
            )
