"""Carries a file from a source that S3 cannot copy from by itself (other credentials, plain https) in bounded memory."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from waybill.files.domain import HttpLocation, SourceFacts
from waybill.files.jobs import CopyFailed, CopyFault, CopyJob, CopyStatus, Landed, Limits, Tools, failed
from waybill.files.multipart import MAX_PARTS, complete, upload_to
from waybill.files.storage import ObjectRef, Reading, Refusal, Refused
from waybill.files.web import AddressRefused, FetchFailed

HTTP_GONE = frozenset({404, 410})
HTTP_DENIED = frozenset({401, 403})


@dataclass(slots=True)
class Meter:
    """Counts and hashes bytes on their way."""

    size: int = 0
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def through(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.size += len(chunk)
            self.digest.update(chunk)
            yield chunk

    @property
    def sha256(self) -> str:
        return base64.b64encode(self.digest.digest()).decode()


def sha256_of(body: bytes) -> str:
    """In base64, as S3 takes it."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def stream(job: CopyJob, key: str, tools: Tools) -> Landed:
    """GET to PUT. Raises Refused(PRECONDITION) where the key is taken, CopyFailed, and what stores raise."""
    with tools.room_for(job.facts), open_source(job, tools) as reading:
        limit = tools.limits.max_size
        if (reading.size or 0) > limit:
            raise failed(CopyFault.TOO_LARGE, f"The file has {reading.size} bytes, the limit is {limit}.")
        part_size = _part_size(reading.size, tools.limits)
        meter = Meter()
        blocks = _blocks(meter.through(reading.chunks), part_size)
        first = next(blocks, b"")
        _refuse_web_page(job, reading, first)
        tags = _tags(job, reading, tools)
        if len(first) < part_size:
            _check_whole(reading, meter, limit)
            content = reading.head.content
            written = tools.destination.put(job.bucket, key, first, content=content, tags=tags, sha256=meter.sha256)
        else:
            # Asked first: the condition holds on Complete only, after all the bytes.
            if tools.destination.head(ObjectRef(job.bucket, key)) is not None:
                raise Refused(Refusal.PRECONDITION, f"{key} exists")
            content = reading.head.content
            with upload_to(tools, job.bucket, key, content=content, tags=tags, sha256=True) as upload:
                parts = [tools.destination.upload_part(upload, 1, first, sha256=sha256_of(first))]
                del first
                for number, block in enumerate(blocks, start=2):
                    tools.check_time()
                    if meter.size > limit or number > MAX_PARTS:
                        raise failed(CopyFault.TOO_LARGE, f"The file has more than {min(limit, meter.size)} bytes.")
                    parts.append(tools.destination.upload_part(upload, number, block, sha256=sha256_of(block)))
                _check_whole(reading, meter, limit)
                written = complete(tools.destination, upload, tuple(parts))
    facts = replace(reading.head.facts, size=meter.size)
    checksum = f"SHA256:{meter.sha256}"
    return Landed(
        replace(written, checksum=checksum),
        facts,
        size=meter.size,
        sha256=meter.sha256,
        source_etag_is_md5=reading.head.etag_is_md5,
    )


@contextmanager
def open_source(job: CopyJob, tools: Tools) -> Iterator[Reading]:
    """Reads a source, pinned by its facts. Refusals of the source become CopyFailed: Refused then speaks of the destination."""
    if isinstance(job.source, HttpLocation):
        with _web_errors(), tools.web.read(job.source.url) as reading:
            _check_pin(job.facts, reading)
            yield replace(reading, chunks=_translated(reading.chunks))
        return
    context = tools.reader.read(job.ref, if_match=job.pinned.etag)
    try:
        reading = context.__enter__()
    except Refused as error:
        raise source_refused(error) from error
    try:
        yield reading
    finally:
        context.__exit__(None, None, None)


def source_refused(error: Refused) -> CopyFailed:
    """The end of a copy whose source was refused."""
    match error.reason:
        case Refusal.MISSING:
            return CopyFailed(CopyStatus.SOURCE_MISSING, "The source is gone.")
        case Refusal.PRECONDITION:
            return CopyFailed(CopyStatus.SOURCE_CHANGED, "The source changed after it was listed.")
        case Refusal.ARCHIVED:
            return CopyFailed(CopyStatus.ARCHIVED, "The source is archived and must be restored first.")
        case Refusal.DENIED:
            return failed(CopyFault.ACCESS_DENIED, str(error))
        case Refusal.CONFLICT | Refusal.INVALID:
            return failed(CopyFault.INVALID_REQUEST, str(error))


@contextmanager
def _web_errors() -> Iterator[None]:
    try:
        yield
    except AddressRefused as error:
        raise failed(CopyFault.ADDRESS_REFUSED, str(error)) from error
    except FetchFailed as error:
        if error.status in HTTP_GONE:
            raise CopyFailed(CopyStatus.SOURCE_MISSING, str(error)) from error
        fault = CopyFault.HTTP_ERROR
        if error.status in HTTP_DENIED:
            fault = CopyFault.ACCESS_DENIED
        elif error.status == 200:  # noqa: PLR2004 - OK, and yet
            fault = CopyFault.LENGTH_UNKNOWN
        raise failed(fault, str(error)) from error


def _translated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from chunks
    except FetchFailed as error:
        raise failed(CopyFault.TRUNCATED, str(error)) from error


def _check_pin(facts: SourceFacts | None, reading: Reading) -> None:
    """Compared here and not asked for by If-Match, which a weak ETag never meets."""
    if facts is None:
        return
    now = reading.head.facts
    changed = (
        bool(facts.etag and now.etag and facts.etag != now.etag)
        or (reading.size is not None and reading.size != facts.size)
        or bool(not facts.etag and facts.modified and now.modified and facts.modified != now.modified)
    )
    if changed:
        raise CopyFailed(
            CopyStatus.SOURCE_CHANGED, "The source changed after it was listed.", facts=now if reading.size else None
        )


def _check_whole(reading: Reading, meter: Meter, limit: int) -> None:
    if reading.size is not None and meter.size != reading.size:
        raise failed(CopyFault.TRUNCATED, f"The file broke off after {meter.size} of {reading.size} bytes.")
    if meter.size > limit:
        raise failed(CopyFault.TOO_LARGE, f"The file has {meter.size} bytes, the limit is {limit}.")


def _refuse_web_page(job: CopyJob, reading: Reading, first: bytes) -> None:
    """Servers answer 200 with a log-in form where a session has ended; such a page must not take the place of a PDF."""
    if not isinstance(job.source, HttpLocation) or not reading.head.content.type.lower().startswith("text/html"):
        return
    begins = first[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    name = job.keys[0].rpartition("/")[2].lower()
    if (
        begins.startswith((b"<!doctype html", b"<html"))
        and "." in name
        and not name.endswith((".html", ".htm", ".xhtml", ".mhtml"))
    ):
        raise failed(CopyFault.NOT_A_FILE, "The server sends a web page, probably a log-in form, instead of the file.")


def _tags(job: CopyJob, reading: Reading, tools: Tools) -> Mapping[str, str]:
    if isinstance(job.source, HttpLocation) or not reading.head.tag_count:
        return {}
    return tools.reader.tags(job.ref) or {}


def _part_size(size: int | None, limits: Limits) -> int:
    part_size = max(limits.stream_part, -(-(size or 0) // MAX_PARTS))
    if part_size > limits.max_stream_part:
        raise failed(CopyFault.TOO_LARGE, f"Files above {MAX_PARTS * limits.max_stream_part} bytes cannot be streamed.")
    return part_size


def _blocks(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Blocks of exactly `size` bytes, the last one shorter."""
    buffer = bytearray()
    for chunk in chunks:
        buffer += chunk
        while len(buffer) >= size:
            block = bytes(memoryview(buffer)[:size])
            del buffer[:size]
            yield block
    if buffer:
        yield bytes(buffer)
