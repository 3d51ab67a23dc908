"""What boto3's replies say of S3's objects, as the object store has it; and content as boto3's arguments."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from waybill.files.domain import SourceFacts
from waybill.files.storage import Content, Head, Written

CHECKSUM_ALGORITHMS = ("CRC64NVME", "SHA256", "SHA1", "CRC32C", "CRC32")


def headers(content: Content, tags: Mapping[str, str]) -> dict[str, Any]:
    given = {
        "ContentType": content.type,
        "ContentEncoding": content.encoding,
        "ContentDisposition": content.disposition,
        "ContentLanguage": content.language,
        "CacheControl": content.cache_control,
        "Metadata": dict(content.metadata),
        "Tagging": urlencode(tags),
    }
    return {name: value for name, value in given.items() if value}


def _checksum(reply: Mapping[str, Any]) -> str | None:
    """A checksum of the whole object; one composed of parts' checksums depends on how it was cut."""
    if reply.get("ChecksumType") == "COMPOSITE":
        return None
    for algorithm in CHECKSUM_ALGORITHMS:
        value = reply.get(f"Checksum{algorithm}")
        if value and "-" not in value:
            return f"{algorithm}:{value}"
    return None


def _etag_is_md5(reply: Mapping[str, Any]) -> bool:
    return reply.get("ServerSideEncryption", "AES256") == "AES256" and not reply.get("SSECustomerAlgorithm")


def written(result: Mapping[str, Any], reply: Mapping[str, Any]) -> Written:
    return Written(str(result["ETag"]).strip('"'), _checksum(result), _etag_is_md5(reply), result.get("LastModified"))


def listed(item: Mapping[str, Any]) -> SourceFacts:
    storage_class = str(item.get("StorageClass", "STANDARD"))
    restore = item.get("RestoreStatus", {})
    if restore.get("RestoreExpiryDate") and not restore.get("IsRestoreInProgress"):
        storage_class = "STANDARD"  # a restored copy can be read like any other
    return SourceFacts(int(item["Size"]), str(item["ETag"]).strip('"'), storage_class, modified=item.get("LastModified"))


def head(reply: Mapping[str, Any]) -> Head:
    storage_class = str(reply.get("StorageClass", "STANDARD"))
    if reply.get("ArchiveStatus"):
        storage_class = "GLACIER"  # the archive tiers of Intelligent-Tiering
    if 'ongoing-request="false"' in reply.get("Restore", ""):
        storage_class = "STANDARD"
    facts = SourceFacts(
        size=int(reply["ContentLength"]),
        etag=str(reply["ETag"]).strip('"'),
        storage_class=storage_class,
        version_id=reply.get("VersionId"),
        checksum=_checksum(reply),
        modified=reply.get("LastModified"),
    )
    content = Content(
        type=reply.get("ContentType", ""),
        encoding=reply.get("ContentEncoding", ""),
        disposition=reply.get("ContentDisposition", ""),
        language=reply.get("ContentLanguage", ""),
        cache_control=reply.get("CacheControl", ""),
        metadata=dict(reply.get("Metadata", {})),
    )
    return Head(facts, content, _etag_is_md5(reply), int(reply.get("TagCount", 0)))
