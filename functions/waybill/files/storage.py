"""What copying needs of an object store: a narrow interface, its results, and the refusals that it answers with."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from waybill.errors import WaybillError
from waybill.files.domain import SourceFacts
from waybill.lean import lean

if TYPE_CHECKING:
    from waybill.files.s3 import S3Store

MAX_KEY_BYTES = 1024
MIB = 1024 * 1024


class Refusal(StrEnum):
    """Why a store refused a request that reached it. Throttling and outages are ServiceUnavailable instead."""

    MISSING = "missing"  # no such object, version or upload
    PRECONDITION = "precondition"  # If-None-Match or the pin on the source did not hold
    CONFLICT = "conflict"  # another writer was at it in the same moment: try again
    ARCHIVED = "archived"  # the object must be restored before it can be read
    DENIED = "denied"  # this object, this action: the role may not
    INVALID = "invalid"  # the request as such


class Refused(WaybillError):
    """A request that the store understood and refused. Stays within the copier: it becomes an outcome."""

    def __init__(self, reason: Refusal, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@lean(frozen=True, slots=True)
class ObjectRef:
    """An object, or one version of it."""

    bucket: str
    key: str
    version_id: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What goes along with an object's bytes. Header values as sent; empty means not set."""

    type: str = ""
    encoding: str = ""
    disposition: str = ""
    language: str = ""
    cache_control: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Head:
    """What HEAD or GET said. `etag_is_md5`: not encrypted by KMS or a customer's key, so that an ETag without `-N` is an MD5."""

    facts: SourceFacts
    content: Content
    etag_is_md5: bool = True
    tag_count: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a listing, in order of key. `complete`: nothing follows."""

    objects: tuple[tuple[str, SourceFacts], ...]
    complete: bool


@lean(frozen=True, slots=True)
class Written:
    """An object that now exists. `checksum` as in SourceFacts; `modified` only where the reply says so."""

    etag: str
    checksum: str | None = None
    etag_is_md5: bool = True
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload under way."""

    bucket: str
    key: str
    id: str


@dataclass(frozen=True, slots=True)
class Part:
    """An uploaded part. `sha256` in base64, where it was sent; `size` in bytes, where S3 was asked what it has."""

    number: int
    etag: str
    sha256: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """An object being read: its facts and its bytes in chunks of up to about 1 MiB. `size` is None where it shows only at the end."""

    head: Head
    chunks: Iterator[bytes]
    size: int | None


class ObjectStore(Protocol):
    """S3, as far as copying needs it.

    Every method raises ServiceUnavailable (throttled, down or timed out for longer than the client's own retries),
    BucketUnavailable (no such bucket, credentials refused) or Refused; nothing of the vendor's. No method overwrites or
    deletes an object: all that write ask for `If-None-Match: *`.
    """

    def list_page(self, bucket: str, *, prefix: str = "", start_after: str = "") -> Page:
        """Up to 1,000 objects after `start_after`."""

    def head(self, ref: ObjectRef, *, checksum: bool = False) -> Head | None:
        """None where there is no such object or version; S3 says the same of a bucket that does not exist.

        `checksum` asks for the checksum as well, which under KMS needs kms:Decrypt.
        """

    def first_part_size(self, ref: ObjectRef) -> int | None:
        """Size of the first part of an object that was uploaded in parts; None where that is not known."""

    def tags(self, ref: ObjectRef) -> Mapping[str, str] | None:
        """None where the role may not read them."""

    def copy(self, source: ObjectRef, bucket: str, key: str, *, if_match: str, tags: bool) -> Written:
        """Copies within S3, content headers and metadata kept, `tags` as well if asked for."""

    def read(self, ref: ObjectRef, *, if_match: str | None = None) -> AbstractContextManager[Reading]:
        """Reads an object. A connection that breaks off raises ServiceUnavailable while the chunks are read."""

    def put(self, bucket: str, key: str, body: bytes, *, content: Content, tags: Mapping[str, str], sha256: str) -> Written:
        """Writes an object at once; the store checks `sha256` (base64)."""

    def create_upload(self, bucket: str, key: str, *, content: Content, tags: Mapping[str, str], sha256: bool) -> Upload:
        """Begins a multipart upload; `sha256`: its parts come with their SHA-256."""

    def upload_part(self, upload: Upload, number: int, body: bytes, *, sha256: str) -> Part:
        """Uploads part `number` (from 1); the store checks `sha256` (base64)."""

    def copy_part(self, upload: Upload, number: int, source: ObjectRef, *, first: int, last: int, if_match: str) -> Part:
        """Copies the bytes from `first` to `last`, both included, of the source as part `number`."""

    def complete(self, upload: Upload, parts: tuple[Part, ...]) -> Written:
        """Makes the object of its parts."""

    def list_parts(self, upload: Upload) -> tuple[Part, ...]:
        """The parts that an upload has, in order of number. Refused(MISSING) where it has ended, one way or the other."""

    def abort(self, upload: Upload) -> None:
        """Gives an upload up; one that is gone already is no error."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Keys of a source that the function's own role may not read."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


def store(*, region: str, credentials: Credentials | None = None, role_arn: str | None = None, in_flight: int) -> ObjectStore:
    """S3 in `region` for `in_flight` threads: with `credentials`, else as the role `role_arn`, else as the function's own."""
    # Only who talks to S3 pays for importing this.
    from waybill.aws import s3_engine
    from waybill.aws.credentials import fixed, of_role, own
    from waybill.aws.signing import Keys
    from waybill.aws.transport import sender

    if credentials is not None:
        keys = fixed(Keys(credentials.access_key_id, credentials.secret_access_key, credentials.session_token))
    else:
        keys = own() if role_arn is None else of_role(role_arn)

    def boto() -> "S3Store":
        # boto3 takes a quarter of a second to import and build: only what is seldom called needs it.
        from waybill.files.s3 import S3Store, client

        return S3Store(client(region=region, credentials=credentials, role_arn=role_arn, in_flight=in_flight))

    return s3_engine.EngineStore(s3_engine.Core(region=region, credentials=keys, sender=sender(), boto=boto))


def possible_key(key: str) -> bool:
    """Whether S3 could hold such a key at all: not empty, valid Unicode, 1,024 bytes at most."""
    try:
        return 0 < len(key.encode()) <= MAX_KEY_BYTES
    except UnicodeEncodeError:
        return False
