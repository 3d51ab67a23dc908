"""Decides whether two objects hold the same bytes, and what proves it."""

from dataclasses import replace

from waybill.files.domain import HttpLocation, SourceFacts, VerifiedBy
from waybill.files.jobs import CopyFailed, CopyJob, CopyOutcome, CopyStatus, Tools
from waybill.files.storage import Head, ObjectRef, Refused
from waybill.files.streaming import Meter, open_source, source_refused

MD5_HEX = 32


def looks_like_md5(etag: str) -> bool:
    """Not so: `<hex>-<parts>` of a multipart upload. KMS gives ETags that look like it and are none."""
    return len(etag) == MD5_HEX and all(c in "0123456789abcdef" for c in etag)


def proof(facts: SourceFacts, outcome: CopyOutcome) -> VerifiedBy | None:
    """What proves that the destination holds the source's bytes; None where something contradicts it, or nothing was done.

    `outcome.size` must be known to contradict: replace it by the listed size first where CopyObject left it open.
    """
    if outcome.status not in {CopyStatus.COPIED, CopyStatus.EXISTING}:
        return None
    if outcome.size is not None and outcome.size != facts.size:
        return None
    learnt = outcome.facts.checksum if outcome.facts and outcome.facts.etag == facts.etag else None
    checksums = _compare_checksums(facts.checksum or learnt, outcome.checksum)
    both_md5 = outcome.etags_comparable and looks_like_md5(facts.etag) and looks_like_md5(outcome.etag)
    same_etag = bool(facts.etag) and facts.etag == outcome.etag
    if checksums is False or (both_md5 and not same_etag):
        return None
    if outcome.compared is VerifiedBy.CONTENT:
        return VerifiedBy.CONTENT
    if checksums or outcome.compared is VerifiedBy.CHECKSUM:
        return VerifiedBy.CHECKSUM
    if same_etag:
        return VerifiedBy.ETAG  # holds for `<hex>-<parts>` as well: equal parts, equal bytes
    return VerifiedBy.S3_COPY if outcome.status is CopyStatus.COPIED else None


def same(job: CopyJob, there: Head, key: str, tools: Tools) -> tuple[VerifiedBy, SourceFacts] | None:
    """What proves that the object `there`, at the destination's `key`, is the job's source; None where it is another.

    As cheap as possible: by the facts at hand, then by a HEAD of the source, then by reading both.
    """
    if job.facts is not None:
        verdict = _verdict(job.facts, there, source_etag_is_md5=False)
        if verdict is not None:
            return (verdict, job.facts) if isinstance(verdict, VerifiedBy) else None
    if not isinstance(job.source, HttpLocation):
        source = source_head(job, tools)
        verdict = _verdict(source.facts, there, source_etag_is_md5=source.etag_is_md5)
        if verdict is not None:
            return (verdict, source.facts) if isinstance(verdict, VerifiedBy) else None
    with tools.room_for(job.facts):
        facts, sha256 = _source_sha256(job, tools)
        if facts.size != there.facts.size or sha256 != destination_sha256(job.bucket, key, tools, etag=there.facts.etag):
            return None
    return VerifiedBy.CONTENT, facts


def source_head(job: CopyJob, tools: Tools) -> Head:
    """The source as it is now. Raises CopyFailed where it is gone, changed or closed."""
    try:
        head = tools.reader.head(job.ref, checksum=True)
    except Refused as error:
        raise source_refused(error) from error
    if head is None:
        raise CopyFailed(CopyStatus.SOURCE_MISSING, "The source is gone.")
    if job.facts is not None and head.facts.etag != job.facts.etag:
        raise CopyFailed(CopyStatus.SOURCE_CHANGED, "The source changed after it was listed.", facts=head.facts)
    return head


def content_agrees(job: CopyJob, key: str, tools: Tools, *, etag: str, sha256: str | None) -> bool:
    """Reads the destination, and the source unless its `sha256` is known, and compares."""
    with tools.room_for(job.facts):
        wanted = sha256 or _source_sha256(job, tools)[1]
        return wanted == destination_sha256(job.bucket, key, tools, etag=etag)


def destination_sha256(bucket: str, key: str, tools: Tools, *, etag: str) -> str:
    meter = Meter()
    with tools.destination.read(ObjectRef(bucket, key), if_match=etag) as reading:
        for _ in meter.through(reading.chunks):
            tools.check_time()
    return meter.sha256


def _source_sha256(job: CopyJob, tools: Tools) -> tuple[SourceFacts, str]:
    meter = Meter()
    with open_source(job, tools) as reading:
        for _ in meter.through(reading.chunks):
            tools.check_time()
    return replace(reading.head.facts, size=meter.size), meter.sha256


def _verdict(source: SourceFacts, there: Head, *, source_etag_is_md5: bool) -> VerifiedBy | bool | None:
    """What proves it, False where it is another object, None where these facts do not tell."""
    if source.size != there.facts.size:
        return False
    if source.etag and source.etag == there.facts.etag:
        return VerifiedBy.ETAG
    checksums = _compare_checksums(source.checksum, there.facts.checksum)
    if checksums is not None:
        return VerifiedBy.CHECKSUM if checksums else False
    if source_etag_is_md5 and there.etag_is_md5 and looks_like_md5(source.etag) and looks_like_md5(there.facts.etag):
        return False
    return None


def _compare_checksums(one: str | None, other: str | None) -> bool | None:
    """None where the two are not of the same algorithm."""
    if not one or not other or one.partition(":")[0] != other.partition(":")[0]:
        return None
    return one == other
