"""Copies objects above 5 GiB within S3: parts copied in parallel, the source pinned, nothing left behind on failure."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from waybill.errors import WaybillError
from waybill.files.domain import SourceFacts
from waybill.files.jobs import CopyFailed, CopyJob, CopyStatus, Landed, Limits, Tools
from waybill.files.storage import Content, ObjectRef, ObjectStore, Part, Refusal, Refused, Upload, Written
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
    """Copies one large object. Raises Refused(PRECONDITION) where the key is taken, CopyFailed, and what stores raise."""
    # Asked first: the condition holds on Complete only, after all the bytes.
    if tools.destination.head(ObjectRef(job.bucket, key)) is not None:
        raise Refused(Refusal.PRECONDITION, f"{key} exists")
    head = tools.destination.head(job.ref, checksum=True)
    if head is None:
        raise CopyFailed(CopyStatus.SOURCE_MISSING, "The source is gone.")
    if head.facts.etag != job.pinned.etag:
        raise CopyFailed(CopyStatus.SOURCE_CHANGED, "The source changed after it was listed.", facts=head.facts)
    size = part_size_of(tools.destination, job.ref, head.facts, tools.limits)
    tags = tools.destination.tags(job.ref) or {}
    with tools.heavy, upload_to(tools.destination, job.bucket, key, content=head.content, tags=tags, sha256=False) as upload:
        parts = _copy_parts(job, upload, plan_parts(head.facts.size, part_size=size), tools)
        tools.check_time()
        written = complete(tools.destination, upload, parts)
    return Landed(written, head.facts, source_etag_is_md5=head.etag_is_md5)


@contextmanager
def upload_to(
    store: ObjectStore, bucket: str, key: str, *, content: Content, tags: Mapping[str, str], sha256: bool
) -> Iterator[Upload]:
    """A multipart upload that is given up if the block does not end well, whatever the reason."""
    upload = store.create_upload(bucket, key, content=content, tags=tags, sha256=sha256)
    try:
        yield upload
    except BaseException:
        try:
            store.abort(upload)
        except WaybillError:
            # The bucket's lifecycle rule clears away what could not be aborted; the first error is the one to report.
            logger.warning("A multipart upload could not be aborted", extra={"bucket": bucket, "upload_id": upload.id})
        raise


def complete(store: ObjectStore, upload: Upload, parts: tuple[Part, ...]) -> Written:
    """Completes an upload. One that is gone was completed by an attempt whose reply was lost: the key will show."""
    try:
        return store.complete(upload, parts)
    except Refused as error:
        if error.reason is Refusal.MISSING:
            raise Refused(Refusal.PRECONDITION, str(error)) from error
        raise


def _copy_parts(job: CopyJob, upload: Upload, ranges: list[Range], tools: Tools) -> tuple[Part, ...]:
    def copy(part: Range) -> Part:
        tools.check_time()
        return tools.destination.copy_part(
            upload, part.number, job.ref, first=part.first, last=part.last, if_match=job.pinned.etag
        )

    pool = threads(min(tools.limits.parts_in_flight, len(ranges)))
    try:
        return tuple(pool.map(copy, ranges))
    finally:
        # Waits for parts in flight: one that lands after the abort would stay behind.
        pool.shutdown(wait=True, cancel_futures=True)
