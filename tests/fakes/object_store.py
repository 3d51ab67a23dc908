"""S3 in memory, with its conditions, refusals and multipart rules; and a log of what was asked of it."""

import base64
import hashlib
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from waybill.counting import count
from waybill.errors import BucketUnavailable, WaybillError
from waybill.files.domain import SourceFacts
from waybill.files.storage import (
    Content,
    Head,
    ObjectRef,
    Page,
    Part,
    Reading,
    Refusal,
    Refused,
    Upload,
    Written,
)

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
# What the log calls an operation -> what a task's requests are counted as.
_KINDS = {
    "list": "s3 ListObjectsV2",
    "head": "s3 HeadObject",
    "tags": "s3 GetObjectTagging",
    "copy": "s3 CopyObject",
    "get": "s3 GetObject",
    "put": "s3 PutObject",
    "create_upload": "s3 CreateMultipartUpload",
    "upload_part": "s3 UploadPart",
    "copy_part": "s3 UploadPartCopy",
    "complete": "s3 CompleteMultipartUpload",
    "list_parts": "s3 ListParts",
    "abort": "s3 AbortMultipartUpload",
}


@dataclass(frozen=True)
class StoredObject:
    body: bytes
    etag: str
    content: Content
    tags: Mapping[str, str]
    modified: datetime
    storage_class: str = "STANDARD"
    checksum: str | None = None
    kms: bool = False
    part_size: int | None = None
    versions: Mapping[str, "StoredObject"] = field(default_factory=dict)


@dataclass
class World:
    """The state that all views of a store share."""

    buckets: dict[str, dict[str, StoredObject]] = field(default_factory=dict)
    kms_buckets: set[str] = field(default_factory=set)
    denied: set[tuple[str, str]] = field(default_factory=set)  # (operation or "tags", bucket/key or bucket)
    uploads: dict[str, tuple[Upload, Content, Mapping[str, str], dict[int, bytes]]] = field(default_factory=dict)
    log: list[tuple[str, str, str]] = field(default_factory=list)
    trouble: list[tuple[str, WaybillError]] = field(default_factory=list)
    before: dict[str, Callable[[], None]] = field(default_factory=dict)  # runs once, before the operation
    cut_off_after: int | None = None  # reading breaks off after so many bytes, without an error
    serial: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    lock: threading.RLock = field(default_factory=threading.RLock)


class FakeObjectStore:
    """An ObjectStore whose world a test sets up and looks at."""

    def __init__(self, *buckets: str, page_size: int = 1000, min_part: int = 5 * 1024 * 1024) -> None:
        self.world = World({name: {} for name in buckets})
        self.page_size = page_size
        self.min_part = min_part

    # What tests use

    def place(self, bucket: str, key: str, body: bytes = b"", **changes: object) -> SourceFacts:
        """Puts an object there, as others do; returns its facts as a LIST tells them."""
        made = StoredObject(body, self._etag(bucket, body), Content(type="text/plain"), {}, self._now())
        made = replace(made, **changes)  # type: ignore[arg-type]
        if made.kms and "etag" not in changes:
            made = replace(made, etag=hashlib.md5(f"kms{key}".encode()).hexdigest())
        with self.world.lock:
            self.world.buckets[bucket][key] = made
        return replace(self._facts(made), checksum=None)

    def body(self, bucket: str, key: str) -> bytes:
        return self.world.buckets[bucket][key].body

    def fail(self, operation: str, error: WaybillError, *, times: int = 1) -> None:
        self.world.trouble += [(operation, error)] * times

    def operations(self, operation: str) -> list[str]:
        return [key for name, _, key in self.world.log if name == operation]

    # ObjectStore

    def list_page(self, bucket: str, *, prefix: str = "", start_after: str = "") -> Page:
        self._begin("list", bucket, prefix)
        names = sorted(key for key in self._bucket(bucket) if key.startswith(prefix) and key > start_after)
        facts = [(key, replace(self._facts(self._bucket(bucket)[key]), checksum=None, version_id=None)) for key in names]
        return Page(tuple(facts[: self.page_size]), complete=len(facts) <= self.page_size)

    def head(self, ref: ObjectRef, *, checksum: bool = False) -> Head | None:
        self._begin("head", ref.bucket, ref.key)
        if ref.bucket not in self.world.buckets:
            return None
        try:
            found = self._head(self._get(ref), ref.version_id)
        except Refused:
            return None
        return found if checksum else replace(found, facts=replace(found.facts, checksum=None))

    def first_part_size(self, ref: ObjectRef) -> int | None:
        self._begin("head", ref.bucket, ref.key)
        return self._get(ref).part_size

    def tags(self, ref: ObjectRef) -> Mapping[str, str] | None:
        if self._is_denied("tags", ref.bucket, ref.key):
            return None
        self._begin("tags", ref.bucket, ref.key)
        return self._get(ref).tags

    def copy(self, source: ObjectRef, bucket: str, key: str, *, if_match: str, tags: bool) -> Written:
        self._begin("copy", bucket, key)
        with self.world.lock:
            found = self._source(source, if_match)
            if tags and found.tags and self._is_denied("tags", source.bucket, source.key):
                raise Refused(Refusal.DENIED, "s3:GetObjectTagging")
            return self._create(bucket, key, found.body, found.content, found.tags if tags else {}, checksum=found.checksum)

    @contextmanager
    def read(self, ref: ObjectRef, *, if_match: str | None = None) -> Iterator[Reading]:
        self._begin("get", ref.bucket, ref.key)
        found = self._source(ref, if_match)
        body = found.body[: self.world.cut_off_after]
        yield Reading(self._head(found, ref.version_id), (body[n : n + 1000] for n in range(0, len(body), 1000)), len(found.body))

    def put(self, bucket: str, key: str, body: bytes, *, content: Content, tags: Mapping[str, str], sha256: str) -> Written:
        self._begin("put", bucket, key)
        self._check_sha256(body, sha256)
        with self.world.lock:
            return self._create(bucket, key, body, content, tags, checksum=f"SHA256:{sha256}")

    def create_upload(self, bucket: str, key: str, *, content: Content, tags: Mapping[str, str], sha256: bool) -> Upload:
        self._begin("create_upload", bucket, key)
        upload = Upload(bucket, key, f"upload-{next(self.world.serial)}")
        self.world.uploads[upload.id] = (upload, content, tags, {})
        return upload

    def upload_part(self, upload: Upload, number: int, body: bytes, *, sha256: str) -> Part:
        self._begin("upload_part", upload.bucket, upload.key)
        self._check_sha256(body, sha256)
        return self._part(upload, number, body, sha256)

    def copy_part(self, upload: Upload, number: int, source: ObjectRef, *, first: int, last: int, if_match: str) -> Part:
        self._begin("copy_part", upload.bucket, upload.key)
        body = self._source(source, if_match).body
        if not first <= last < len(body):
            raise Refused(Refusal.INVALID, "InvalidRange")
        return self._part(upload, number, body[first : last + 1], None)

    def complete(self, upload: Upload, parts: tuple[Part, ...]) -> Written:
        self._begin("complete", upload.bucket, upload.key)
        with self.world.lock:
            if upload.id not in self.world.uploads:
                raise Refused(Refusal.MISSING, "NoSuchUpload")
            _, content, tags, bodies = self.world.uploads[upload.id]
            chosen = [bodies[part.number] for part in parts]
            if any(len(body) < self.min_part for body in chosen[:-1]):
                raise Refused(Refusal.INVALID, "EntityTooSmall")
            digest = hashlib.md5(b"".join(hashlib.md5(body).digest() for body in chosen)).hexdigest()
            etag = f"{digest}-{len(chosen)}"
            written = self._create(
                upload.bucket, upload.key, b"".join(chosen), content, tags, etag=etag, part_size=len(chosen[0])
            )
            del self.world.uploads[upload.id]
            return written

    def list_parts(self, upload: Upload) -> tuple[Part, ...]:
        self._begin("list_parts", upload.bucket, upload.key)
        with self.world.lock:
            if upload.id not in self.world.uploads:
                raise Refused(Refusal.MISSING, "NoSuchUpload")
            bodies = sorted(self.world.uploads[upload.id][3].items())
        return tuple(Part(number, hashlib.md5(body).hexdigest(), size=len(body)) for number, body in bodies)

    def abort(self, upload: Upload) -> None:
        self._begin("abort", upload.bucket, upload.key)
        self.world.uploads.pop(upload.id, None)

    # Within

    def _begin(self, operation: str, bucket: str, key: str) -> None:
        count(_KINDS[operation])
        with self.world.lock:
            self.world.log.append((operation, bucket, key))
            hook = self.world.before.pop(operation, None)
            trouble = next((pair for pair in self.world.trouble if pair[0] == operation), None)
            if trouble:
                self.world.trouble.remove(trouble)
        if hook:
            hook()
        if trouble:
            raise trouble[1]
        if bucket not in self.world.buckets and operation != "head":
            raise BucketUnavailable(f"NoSuchBucket: {bucket}")
        if self._is_denied(operation, bucket, key):
            raise Refused(Refusal.DENIED, "AccessDenied")

    def _is_denied(self, operation: str, bucket: str, key: str) -> bool:
        return bool({(operation, bucket), (operation, f"{bucket}/{key}")} & self.world.denied)

    def _bucket(self, name: str) -> dict[str, StoredObject]:
        if name not in self.world.buckets:
            raise BucketUnavailable(f"NoSuchBucket: {name}")
        return self.world.buckets[name]

    def _get(self, ref: ObjectRef) -> StoredObject:
        found = self._bucket(ref.bucket).get(ref.key)
        if found is not None and ref.version_id:
            found = found.versions.get(ref.version_id)
        if found is None:
            raise Refused(Refusal.MISSING, "NoSuchKey")
        return found

    def _source(self, ref: ObjectRef, if_match: str | None) -> StoredObject:
        found = self._get(ref)
        if if_match is not None and if_match != found.etag:
            raise Refused(Refusal.PRECONDITION, "x-amz-copy-source-if-match")
        if self._facts(found).archived:
            raise Refused(Refusal.ARCHIVED, "InvalidObjectState")
        return found

    def _create(
        self,
        bucket: str,
        key: str,
        body: bytes,
        content: Content,
        tags: Mapping[str, str],
        *,
        etag: str = "",
        checksum: str | None = None,
        part_size: int | None = None,
    ) -> Written:
        if key in self._bucket(bucket):
            raise Refused(Refusal.PRECONDITION, "If-None-Match")
        kms = bucket in self.world.kms_buckets
        made = StoredObject(body, etag or self._etag(bucket, body), content, dict(tags), self._now(), checksum=checksum, kms=kms)
        self._bucket(bucket)[key] = replace(made, part_size=part_size)
        return Written(made.etag, checksum, not kms, made.modified)

    def _part(self, upload: Upload, number: int, body: bytes, sha256: str | None) -> Part:
        with self.world.lock:
            if upload.id not in self.world.uploads:
                raise Refused(Refusal.MISSING, "NoSuchUpload")
            self.world.uploads[upload.id][3][number] = body
        return Part(number, hashlib.md5(body).hexdigest(), sha256)

    def _etag(self, bucket: str, body: bytes) -> str:
        seed = b"kms%d" % next(self.world.serial) if bucket in self.world.kms_buckets else b""
        return hashlib.md5(seed + body).hexdigest()

    def _now(self) -> datetime:
        return EPOCH + timedelta(seconds=next(self.world.serial))

    def _check_sha256(self, body: bytes, sha256: str) -> None:
        if base64.b64encode(hashlib.sha256(body).digest()).decode() != sha256:
            raise Refused(Refusal.INVALID, "BadDigest")

    def _facts(self, found: StoredObject) -> SourceFacts:
        return SourceFacts(len(found.body), found.etag, found.storage_class, checksum=found.checksum, modified=found.modified)

    def _head(self, found: StoredObject, version_id: str | None) -> Head:
        facts = replace(self._facts(found), version_id=version_id)
        return Head(facts, found.content, etag_is_md5=not found.kms, tag_count=len(found.tags))
