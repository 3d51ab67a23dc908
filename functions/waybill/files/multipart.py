"""Copies objects above 5 GiB within S3: parts copied in parallel, the source pinned, gone on with after a crash, nothing left behind."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from waybill.errors import ServiceUnavailable, WaybillError
from waybill.files.domain import SourceFacts
from waybill.files.jobs import CopyFailed, CopyFault, CopyJob, CopyStatus, Landed, Limits, Tools, failed
from waybill.files.storage import Content, ObjectRef, ObjectStore, Part, Refusal, Refused, Upload, Written
from waybill.files.uploads import name_of
from waybill.parallel import threads

MAX_PARTS = 10_000
MAX_PART = 5 * 1024**3

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Range:
    """Part `number` (from 1): the bytes from `first` to `last`, both included."""

    number: int
    first: int
    last: int


def plan_parts(size: int, *, part_size: int) -> list[Range]:
    """Cuts `size` bytes into parts of `part_size`, or larger ones where there would be more than 10,000."""
    if size < 1 or part_size < 1:
        raise ValueError("an empty object, or an empty part, cannot be cut")
    step = max(part_size, -(-size // MAX_PARTS))
    return [Range(n, first, min(first + step, size) - 1) for n, first in enumerate(range(0, size, step), start=1)]


def part_size_of(store: ObjectStore, ref: ObjectRef, facts: SourceFacts, limits: Limits) -> int:
    """The size of the source's own parts where it may be used again: the copy's ETag is then the same, which proves it equal."""
    _, dash, count = facts.etag.rpartition("-")
    if dash and count.isdigit():
        size = store.first_part_size(ref)
        if size and limits.min_part <= size <= MAX_PART and -(-facts.size // size) == int(count) <= MAX_PARTS:
            return size
    return limits.copy_part


def copy_in_parts(job: CopyJob, key: str, tools: Tools) -> Landed:
    """Copies one large object, and goes on where an attempt that died or ran out of time has left off.

    Raises Refused(PRECONDITION) where the key is taken, CopyFailed, and what stores raise.
    """
    # Asked first: the condition holds on Complete only, after all the bytes.
    if tools.destination.head(ObjectRef(job.bucket, key)) is not None:
        raise Refused(Refusal.PRECONDITION, f"{key} exists")
    head = tools.destination.head(job.ref, checksum=True)
    if head is None:
        raise CopyFailed(CopyStatus.SOURCE_MISSING, "The source is gone.")
    if head.facts.etag != job.pinned.etag:
        raise CopyFailed(CopyStatus.SOURCE_CHANGED, "The source changed after it was listed.", facts=head.facts)
    size = part_size_of(tools.destination, job.ref, head.facts, tools.limits)
    ranges = plan_parts(head.facts.size, part_size=size)
    name = name_of(job.bucket, key, job.ref.bucket, job.ref.key, job.ref.version_id, job.pinned.etag, head.facts.size, size)
    with tools.heavy:
        upload, there = _begun_before(name, tools)
        if upload is None:
            tags = tools.destination.tags(job.ref) or {}
            upload = _begin(
                name,
                tools,
                lambda: tools.destination.create_upload(job.bucket, key, content=head.content, tags=tags, sha256=False),
            )
        with _given_up_on_failure(tools.destination, upload, unless=_passing if tools.uploads else None):
            written = _Parts(job, upload, ranges, there, tools).copied()
    return Landed(written, head.facts, source_etag_is_md5=head.etag_is_md5)


def _begun_before(name: str, tools: Tools) -> tuple[Upload | None, Mapping[int, Part]]:
    """The upload that an earlier attempt began and left, and its parts by number."""
    upload = tools.uploads.latest(name) if tools.uploads else None
    if upload is not None:
        try:
            return upload, {part.number: part for part in tools.destination.list_parts(upload)}
        except Refused as error:
            if error.reason is not Refusal.MISSING:
                raise
    return None, {}


def _begin(name: str, tools: Tools, create: Callable[[], Upload]) -> Upload:
    """A new upload, on record. Between the two a process may die: then the bucket's lifecycle rule clears it away."""
    upload = create()
    if tools.uploads is None:
        return upload
    noted = tools.uploads.note(name, upload)
    if noted != upload:
        _give_up(tools.destination, upload)
    return noted


def _passing(error: BaseException) -> bool:
    """Whether the next attempt may go on with the parts that are there."""
    return isinstance(error, ServiceUnavailable) or (isinstance(error, CopyFailed) and error.fault in _OUT_OF_TIME)


_OUT_OF_TIME = frozenset({CopyFault.OUT_OF_TIME, CopyFault.UNFINISHED})


@contextmanager
def upload_to(
    tools: Tools, bucket: str, key: str, *, content: Content, tags: Mapping[str, str], sha256: bool
) -> Iterator[Upload]:
    """A multipart upload of bytes that pass through here: given up if the block does not end well, whatever the reason."""
    upload = tools.destination.create_upload(bucket, key, content=content, tags=tags, sha256=sha256)
    if tools.uploads is not None:
        tools.uploads.note(name_of(upload.id), upload)
    with _given_up_on_failure(tools.destination, upload):
        yield upload


@contextmanager
def _given_up_on_failure(
    store: ObjectStore, upload: Upload, *, unless: Callable[[BaseException], bool] | None = None
) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        if unless is None or not unless(error):
            _give_up(store, upload)
        raise


def _give_up(store: ObjectStore, upload: Upload) -> None:
    try:
        store.abort(upload)
    except WaybillError:
        # The bucket's lifecycle rule clears away what could not be aborted; the first error is the one to report.
        logger.warning("A multipart upload could not be aborted", extra={"bucket": upload.bucket, "upload_id": upload.id})


def complete(store: ObjectStore, upload: Upload, parts: tuple[Part, ...]) -> Written:
    """Completes an upload. One that is gone was completed by an attempt whose reply was lost: the key will show."""
    try:
        return store.complete(upload, parts)
    except Refused as error:
        if error.reason is Refusal.MISSING:
            raise Refused(Refusal.PRECONDITION, str(error)) from error
        raise


@dataclass
class _Parts:
    """The parts of one upload. `there`: those that an earlier attempt has copied; every one is pinned to the same source."""

    job: CopyJob
    upload: Upload
    ranges: list[Range]
    there: Mapping[int, Part]
    tools: Tools
    made: int = 0

    def copied(self) -> Written:
        """Copies what lacks, several at once, and completes the upload."""
        pool = threads(min(self.tools.limits.parts_in_flight, len(self.ranges)))
        try:
            parts = tuple(pool.map(self._copy, self.ranges))
        finally:
            # Waits for parts in flight: one that lands after an abort would stay behind.
            pool.shutdown(wait=True, cancel_futures=True)
        self._check_time()
        try:
            return complete(self.tools.destination, self.upload, parts)
        except Refused as error:
            if error.reason is not Refusal.INVALID or self.tools.uploads is None:
                raise
        # A late attempt beside this one has copied a part anew: the same bytes, under another ETag where the bucket has a key of KMS.
        self.there = {part.number: part for part in self.tools.destination.list_parts(self.upload)}
        found = [self._standing(part) for part in self.ranges]
        if None in found:
            raise ServiceUnavailable(f"{self.upload.key}: another attempt is at its parts.")
        return complete(self.tools.destination, self.upload, tuple(part for part in found if part))

    def _standing(self, part: Range) -> Part | None:
        found = self.there.get(part.number)
        return found if found is not None and found.size == part.last - part.first + 1 else None

    def _copy(self, part: Range) -> Part:
        standing = self._standing(part)
        if standing is not None:
            return standing
        self._check_time()
        store, job = self.tools.destination, self.job
        try:
            made = store.copy_part(self.upload, part.number, job.ref, first=part.first, last=part.last, if_match=job.pinned.etag)
        except Refused as error:
            if error.reason is Refusal.MISSING and store.head(job.ref) is not None:
                raise ServiceUnavailable(f"{self.upload.key}: the upload was given up by another attempt.") from error
            raise
        self.made += 1  # a lost count among threads does not matter: none or some is the question
        return made

    def _check_time(self) -> None:
        """What was copied in time stands, and the next call goes on: only who copied no part at all would not get further then."""
        if self.tools.uploads is not None and self.made and self.tools.out_of_time():
            raise failed(
                CopyFault.UNFINISHED, "The task's time ran out in the middle of this file; the next call goes on with it."
            )
        self.tools.check_time()
