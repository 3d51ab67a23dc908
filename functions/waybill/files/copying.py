"""Copies one file to a key that nobody holds, without ever overwriting, and says what came of it."""

import logging
from dataclasses import replace

from waybill.errors import BucketUnavailable, ServiceUnavailable
from waybill.files.comparing import content_agrees, looks_like_md5, same, source_head
from waybill.files.domain import HttpLocation, S3Location, SourceFacts, VerifiedBy
from waybill.files.jobs import CopyFailed, CopyFault, CopyJob, CopyOutcome, CopyStatus, Landed, Limits, Tools, failed
from waybill.files.multipart import copy_in_parts
from waybill.files.storage import Head, ObjectRef, Refusal, Refused, Written
from waybill.files.streaming import source_refused, stream

ATTEMPTS = 4
FIRST_PAUSE = 0.2  # seconds before a second attempt after a conflict

logger = logging.getLogger(__name__)


def copy_one(job: CopyJob, tools: Tools) -> CopyOutcome:
    """Copies one file. Raises nothing: whatever goes wrong is the outcome of this file alone."""
    try:
        return _copy(job, tools)
    except CopyFailed as error:
        return CopyOutcome(
            job.entry_id, error.status, facts=error.facts or job.facts, error_class=error.fault, message=str(error)
        )
    except ServiceUnavailable as error:
        return _failed(job, CopyFault.SERVICE_UNAVAILABLE, str(error))
    except BucketUnavailable as error:
        return _failed(job, CopyFault.BUCKET_UNAVAILABLE, str(error))
    except Refused as error:
        fault = CopyFault.ACCESS_DENIED if error.reason is Refusal.DENIED else CopyFault.INVALID_REQUEST
        return _failed(job, fault, str(error))
    except Exception as error:  # one odd file must not stop the other 499 of its shard
        logger.exception("A copy failed in an unexpected way", extra={"entry_id": job.entry_id})
        return _failed(job, CopyFault.UNEXPECTED, type(error).__name__)


def _failed(job: CopyJob, fault: CopyFault, message: str) -> CopyOutcome:
    return CopyOutcome(job.entry_id, CopyStatus.FAILED, facts=job.facts, error_class=fault, message=message)


def _copy(job: CopyJob, tools: Tools) -> CopyOutcome:
    if job.facts is None and not isinstance(job.source, HttpLocation):
        job = replace(job, facts=source_head(job, tools).facts)
    if job.facts is not None:
        if job.facts.archived:
            raise CopyFailed(
                CopyStatus.ARCHIVED, f"The source is archived ({job.facts.storage_class}) and must be restored first."
            )
        if job.facts.size > tools.limits.max_size:
            raise failed(CopyFault.TOO_LARGE, f"The file has {job.facts.size} bytes, the limit is {tools.limits.max_size}.")
    for key in job.keys:
        outcome = _copy_to(job, key, tools)
        if outcome is not None:
            return outcome
    raise failed(CopyFault.DESTINATION_TAKEN, f"Other objects hold the key {job.keys[0]!r} and its alternatives.")


def _copy_to(job: CopyJob, key: str, tools: Tools) -> CopyOutcome | None:
    """None where another object holds the key."""
    for attempt in range(ATTEMPTS):
        answered = job.answered if attempt == 0 and key == job.keys[0] else None
        try:
            return _settle(job, key, _write(job, key, tools, answered=answered), tools)
        except Refused as error:
            if error.reason is Refusal.CONFLICT:
                tools.sleep(FIRST_PAUSE * 2**attempt)
            elif error.reason is Refusal.PRECONDITION:
                there = tools.destination.head(ObjectRef(job.bucket, key), checksum=True)
                if there is not None:
                    found = same(job, there, key, tools)
                    return _existing(job, key, there=there, found=found) if found else None
                if not isinstance(job.source, HttpLocation):
                    source_head(job, tools)  # raises if it changed; otherwise the object has just gone away: try again
            else:
                raise source_refused(error) from error
    raise ServiceUnavailable(f"{key}: other writers were in the way {ATTEMPTS} times.")


def _write(job: CopyJob, key: str, tools: Tools, *, answered: Written | Refused | None) -> Landed:
    if tools.source is not None or isinstance(job.source, HttpLocation):
        return stream(job, key, tools)
    if job.pinned.size > tools.limits.copy_object:
        return copy_in_parts(job, key, tools)
    try:
        if isinstance(answered, Refused):
            raise answered
        written = answered or tools.destination.copy(job.ref, job.bucket, key, if_match=job.pinned.etag, tags=True)
    except Refused as error:
        if error.reason is not Refusal.DENIED:
            raise
        # A role that may read the object and not its tags is refused as a whole: then the file goes without them.
        written = tools.destination.copy(job.ref, job.bucket, key, if_match=job.pinned.etag, tags=False)
    return Landed(written, job.pinned)


def is_plain(job: CopyJob, limits: Limits) -> bool:
    """Whether the job is a single CopyObject, as long as the store does not object."""
    facts = job.facts
    return (
        facts is not None
        and isinstance(job.source, S3Location)
        and not job.deep
        and not facts.archived
        and facts.size <= min(limits.max_size, limits.copy_object)
    )


def plain_outcome(job: CopyJob, written: Written) -> CopyOutcome | None:
    """The outcome of a plain copy that was made; None where the source must be asked what its ETag means."""
    facts = job.pinned
    if written.etag != facts.etag and _comparable(written, facts):
        return None
    return CopyOutcome(
        job.entry_id,
        CopyStatus.COPIED,
        key=job.keys[0],
        etag=written.etag,
        checksum=written.checksum,
        modified=written.modified,
        facts=facts,
    )


def _comparable(written: Written, facts: SourceFacts) -> bool:
    return written.etag_is_md5 and looks_like_md5(written.etag) and looks_like_md5(facts.etag)


def _settle(job: CopyJob, key: str, landed: Landed, tools: Tools) -> CopyOutcome:
    """The outcome of a copy just made, its ETags compared where they can be, its bytes where that is asked for."""
    written, facts = landed.written, landed.facts
    source_is_md5 = landed.source_etag_is_md5
    differ = written.etag != facts.etag and _comparable(written, facts)
    if differ and source_is_md5 is None:
        # A source under KMS has such an ETag, and a LIST does not say so.
        source = source_head(job, tools)
        source_is_md5, facts = source.etag_is_md5, source.facts
    if differ and source_is_md5:
        raise failed(CopyFault.CONTENT_DIFFERS, f"{key} was written and its ETag is not the source's.")
    compared = VerifiedBy.CHECKSUM if landed.sha256 else None
    if job.deep:
        if not content_agrees(job, key, tools, etag=written.etag, sha256=landed.sha256):
            raise failed(CopyFault.CONTENT_DIFFERS, f"{key} was written and its content is not the source's.")
        compared = VerifiedBy.CONTENT
    return CopyOutcome(
        job.entry_id,
        CopyStatus.COPIED,
        key=key,
        etag=written.etag,
        checksum=written.checksum,
        size=landed.size,
        modified=written.modified,
        facts=facts,
        compared=compared,
        etags_comparable=written.etag_is_md5 and bool(source_is_md5),
    )


def _existing(job: CopyJob, key: str, *, there: Head, found: tuple[VerifiedBy, SourceFacts]) -> CopyOutcome:
    compared, facts = found
    return CopyOutcome(
        job.entry_id,
        CopyStatus.EXISTING,
        key=key,
        etag=there.facts.etag,
        checksum=there.facts.checksum,
        size=there.facts.size,
        modified=there.facts.modified,
        facts=facts,
        compared=compared,
    )
