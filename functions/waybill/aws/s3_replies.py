"""What S3's replies say, read into the copier's own terms. Pure."""

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from html import unescape
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET

from waybill.aws.caller import ClockSkewed
from waybill.aws.wire import Reply
from waybill.errors import BucketUnavailable, ServiceUnavailable, WaybillError
from waybill.files.domain import SourceFacts
from waybill.files.s3_errors import by_code
from waybill.files.storage import Content, Head, Page, Written

CHECKSUM_ALGORITHMS = ("CRC64NVME", "SHA256", "SHA1", "CRC32C", "CRC32")
_META = "x-amz-meta-"
_LONGEST_SIZE = 18  # digits of a size in bytes
_REDIRECTS = frozenset({301, 302, 307, 308})
# A copy's result as S3 writes it, once per file; any other document is parsed.
_FIELD = re.compile(r"<(\w+)>([\x20-\x3b\x3d\x3f-\x7e]*)</\1>")
_COPIED = re.compile(
    rb'\s*(?:<\?xml version="1\.0" encoding="UTF-8"\?>\s*)?<CopyObjectResult(?: xmlns="[^"<>&]*")?>'
    rb"(?:\s*<(\w+)>[\x20-\x3b\x3d\x3f-\x7e]*</\1>)*\s*</CopyObjectResult>\s*"
)
_NAMESPACE = re.compile(rb'\sxmlns="[^"]*"')


def parsed(body: bytes) -> ET.Element | None:
    """The document without its namespace; None where it is none. S3 declares no entities: who does is not S3."""
    if b"<!DOCTYPE" in body:
        return None
    try:
        # S3 writes UTF-8: in another encoding the declaration looked for above would read otherwise.
        parser = ET.XMLParser(encoding="utf-8")  # noqa: S314 - bounded, and see above
        return ET.fromstring(_NAMESPACE.sub(b"", body.lstrip(), count=1), parser)  # noqa: S314
    except ET.ParseError:
        return None


def fault(reply: Reply, action: str, *, bucket: str) -> WaybillError:
    """What an answer other than the one hoped for means."""
    code = message = ""
    named = bucket
    document = parsed(reply.body) if reply.body else None
    if document is not None and document.tag == "Error":
        code, message = _text(document, "Code"), _text(document, "Message")
        named = _text(document, "BucketName") or bucket
    text = f"{action}: {code or reply.status} ({reply.status}): {message}"
    if code == "RequestTimeTooSkewed":
        return ClockSkewed(text)
    if reply.status in _REDIRECTS:
        region = reply.headers.get("x-amz-bucket-region", "another region")
        return BucketUnavailable(f"The bucket {named} cannot be used: it is in {region}, and the configuration says otherwise.")
    if not code and reply.status < 300:  # noqa: PLR2004 - a success without its result
        return ServiceUnavailable(f"{action}: the reply says nothing")
    # A HEAD has no body to say more.
    return by_code(code or str(reply.status), reply.status, text, bucket=named)


def copied(reply: Reply) -> Written | None:
    """None where the body does not tell of a copy: S3 may say 200 first, and find out later that it could not."""
    if _COPIED.fullmatch(reply.body):
        found = {name: _read(text) for name, text in _FIELD.findall(reply.body.decode())}
    else:
        document = parsed(reply.body)
        if document is None or document.tag != "CopyObjectResult":
            return None
        found = {element.tag: element.text or "" for element in document}
    etag = found.get("ETag", "").strip('"')
    if not etag:
        return None
    checksums = {name[len("Checksum") :].upper(): value for name, value in found.items() if name.startswith("Checksum")}
    try:
        modified = _iso(found.get("LastModified"))
    except ValueError:
        return None
    return Written(etag, _checksum(checksums), _etag_is_md5(reply.headers), modified)


def put(reply: Reply) -> Written:
    return Written(_etag(reply.headers), _checksum(_checksums(reply.headers)), _etag_is_md5(reply.headers))


def head(reply: Reply) -> Head:
    """Raises ServiceUnavailable where the headers say no size, or no proper time."""
    given = reply.headers
    storage_class = given.get("x-amz-storage-class", "STANDARD")
    if given.get("x-amz-archive-status"):
        storage_class = "GLACIER"  # the archive tiers of Intelligent-Tiering
    if 'ongoing-request="false"' in given.get("x-amz-restore", ""):
        storage_class = "STANDARD"
    try:
        size, modified = _size(given.get("content-length", "0")), _http_date(given.get("last-modified"))
        tags = _size(given.get("x-amz-tagging-count", "0"))
    except ValueError:
        raise ServiceUnavailable("HeadObject: the reply's headers are not S3's") from None
    facts = SourceFacts(
        size=size,
        etag=_etag(given),
        storage_class=storage_class,
        version_id=given.get("x-amz-version-id"),
        checksum=_checksum(_checksums(given)),
        modified=modified,
    )
    content = Content(
        type=given.get("content-type", ""),
        encoding=given.get("content-encoding", ""),
        disposition=given.get("content-disposition", ""),
        language=given.get("content-language", ""),
        cache_control=given.get("cache-control", ""),
        metadata={name.removeprefix(_META): value for name, value in given.items() if name.startswith(_META)},
    )
    return Head(facts, content, _etag_is_md5(given), tags)


def page(reply: Reply) -> Page | None:
    """A page whose keys are url-encoded, as XML cannot carry every key; None where the body is no listing."""
    document = parsed(reply.body)
    if document is None or document.tag != "ListBucketResult":
        return None
    encoded = _text(document, "EncodingType") == "url"
    objects = []
    try:
        for item in document.iter("Contents"):
            key = _text(item, "Key")
            objects.append((unquote_plus(key) if encoded else key, _listed(item)))
    except ValueError:
        return None
    return Page(tuple(objects), complete=_text(document, "IsTruncated") != "true")


def _listed(item: ET.Element) -> SourceFacts:
    said = {element.tag: element.text or "" for element in item}
    storage_class = said.get("StorageClass") or "STANDARD"
    restore = item.find("RestoreStatus") if "RestoreStatus" in said else None
    if restore is not None and _text(restore, "RestoreExpiryDate") and _text(restore, "IsRestoreInProgress") != "true":
        storage_class = "STANDARD"  # a restored copy can be read like any other
    return SourceFacts(
        _size(said.get("Size", "")), said.get("ETag", "").strip('"'), storage_class, modified=_iso(said.get("LastModified"))
    )


def _read(text: str) -> str:
    """Nearly all entities are an ETag's quotes."""
    if "&" not in text:
        return text
    text = text.replace("&quot;", '"').replace("&#34;", '"')
    return unescape(text) if "&" in text else text


def _text(element: ET.Element, name: str) -> str:
    return element.findtext(name) or ""


def _iso(text: str | None) -> datetime | None:
    """Raises ValueError."""
    return datetime.fromisoformat(text) if text else None


def _http_date(text: str | None) -> datetime | None:
    """Raises ValueError."""
    try:
        return parsedate_to_datetime(text) if text else None
    except OverflowError as error:
        raise ValueError(text) from error


def _size(text: str) -> int:
    """Raises ValueError: `int` itself would take a sign, spaces and underscores."""
    if not (text.isascii() and text.isdigit()) or len(text) > _LONGEST_SIZE:
        raise ValueError(text)
    return int(text)


def _etag(headers: Mapping[str, str]) -> str:
    return headers.get("etag", "").strip('"')


def _checksums(headers: Mapping[str, str]) -> dict[str, str]:
    prefix = "x-amz-checksum-"
    return {name.removeprefix(prefix).upper(): value for name, value in headers.items() if name.startswith(prefix)}


def _checksum(found: Mapping[str, str]) -> str | None:
    """A checksum of the whole object; one composed of parts' checksums depends on how it was cut."""
    if found.get("TYPE") == "COMPOSITE":
        return None
    for algorithm in CHECKSUM_ALGORITHMS:
        value = found.get(algorithm)
        if value and "-" not in value:
            return f"{algorithm}:{value}"
    return None


def _etag_is_md5(headers: Mapping[str, str]) -> bool:
    customers = headers.get("x-amz-server-side-encryption-customer-algorithm")
    return headers.get("x-amz-server-side-encryption", "AES256") == "AES256" and not customers
