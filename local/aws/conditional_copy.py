"""What S3 checks and moto does not: conditions of copies, and public reads by bucket policy.

Sources: the S3 API reference of CopyObject, UploadPartCopy, HeadObject; "How Amazon S3 authorizes a request".
"""

import functools
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.utils import str_to_rfc_1123_datetime
from moto.iam.access_control import PermissionResult
from moto.s3.exceptions import MissingBucket, MissingKey, MissingVersion, PreconditionFailed
from moto.s3.models import FakeBucket, FakeKey, s3_backends
from moto.s3.responses import S3Response

_MARK = "_waybill_conditions"
Method = Callable[..., Any]


def install() -> None:
    """Adds the checks to moto's S3, once per process. They run under the dispatcher's lock: check and write are one."""
    if getattr(S3Response, _MARK, False):
        return
    added: dict[type, dict[str, Any]] = {
        S3Response: {
            "copy_object": _checked(S3Response.copy_object, destination=True),
            "upload_part_copy": _checked(S3Response.upload_part_copy, destination=False),
            "head_object": _head_with_checksum_type(S3Response.head_object),
            _MARK: True,
        },
        FakeBucket: {"get_permission": _head_is_get(FakeBucket.get_permission)},
    }
    for owner, members in added.items():
        for name, member in members.items():
            setattr(owner, name, member)


def is_public(bucket: str, key: str) -> bool:
    """Whether anybody may read the object: the bucket's policy says so, or the object's own ACL."""
    found = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets.get(bucket)
    if found is None:
        return False
    permission = found.get_permission("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")
    if permission == PermissionResult.DENIED:
        return False
    held = found.keys.get(key)
    return permission == PermissionResult.PERMITTED or bool(held and held.acl and held.acl.public_read)


def _checked(original: Method, *, destination: bool) -> Method:
    @functools.wraps(original)
    def with_conditions(self: Any) -> Any:
        check_source(self.headers, _source(self))
        if destination:
            check_destination(self.headers, self.backend.get_object(self.bucket_name, self.parse_key_name()))
        return original(self)

    return with_conditions


def _source(response: Any) -> FakeKey:
    given = urlsplit(str(response.headers["x-amz-copy-source"]))
    bucket, _, key = unquote(given.path).lstrip("/").partition("/")
    version = parse_qs(given.query).get("versionId", [None])[0]
    if bucket not in response.backend.buckets:
        raise MissingBucket(bucket=bucket)
    found: FakeKey | None = response.backend.get_object(bucket, key, version_id=version)
    if found is None:
        raise MissingVersion if version else MissingKey(key=key)
    return found


def check_destination(headers: Mapping[str, str], existing: FakeKey | None) -> None:
    """Raises PreconditionFailed or MissingKey where the object that stands at the destination forbids the write."""
    match, none_match = headers.get("If-Match"), headers.get("If-None-Match")
    if none_match == "*" and existing is not None:
        raise PreconditionFailed("If-None-Match")
    if match is not None:
        if existing is None:
            raise MissingKey
        if not _same(match, existing):
            raise PreconditionFailed("If-Match")


def check_source(headers: Mapping[str, str], source: FakeKey) -> None:
    """Raises PreconditionFailed where the source is not the one that the caller saw.

    A condition on the ETag beats the one on the time that stands beside it.
    """
    prefix = "x-amz-copy-source-if-"
    match, none_match = headers.get(prefix + "match"), headers.get(prefix + "none-match")
    unmodified, modified = headers.get(prefix + "unmodified-since"), headers.get(prefix + "modified-since")
    if match is not None:
        if not _same(match, source):
            raise PreconditionFailed(prefix + "match")
    elif unmodified is not None and _modified(source) > str_to_rfc_1123_datetime(unmodified):
        raise PreconditionFailed(prefix + "unmodified-since")
    if none_match is not None:
        if _same(none_match, source):
            raise PreconditionFailed(prefix + "none-match")
    elif modified is not None and _modified(source) <= str_to_rfc_1123_datetime(modified):
        raise PreconditionFailed(prefix + "modified-since")


def _same(condition: str, key: FakeKey) -> bool:
    return condition.strip() == "*" or condition.strip().strip('"') == str(key.etag).strip('"')


def _modified(key: FakeKey) -> datetime:
    moment: datetime = key.last_modified
    return moment.replace(microsecond=0)


def _head_with_checksum_type(original: Method) -> Method:
    """moto's HEAD leaves out what GET has: the checksum's type, and the number of parts behind a composite one."""

    @functools.wraps(original)
    def head(self: Any, bucket_name: str, query: dict[str, Any], key_name: str, headers: Mapping[str, str]) -> Any:
        status, given, body = original(self, bucket_name, query, key_name, headers)
        if headers.get("x-amz-checksum-mode") == "ENABLED" and status == 200:
            key = self.backend.get_object(bucket_name, key_name, version_id=query.get("versionId", [None])[0])
            name = f"x-amz-checksum-{(key.checksum_algorithm or '').lower()}"
            if given.get(name) is None:
                given.pop(name, None)
            else:
                given["x-amz-checksum-type"] = key.checksum_type or "FULL_OBJECT"
                if key.checksum_type == "COMPOSITE" and "-" not in given[name]:
                    given[name] = f"{given[name]}-{key.checksum_parts}"
        return status, given, body

    return head


def _head_is_get(original: Method) -> Method:
    """S3 has no action HeadObject: HEAD asks for the permission to GET."""

    @functools.wraps(original)
    def get_permission(self: FakeBucket, action: str, resource: str) -> Any:
        return original(self, "s3:GetObject" if action == "s3:HeadObject" else action, resource)

    return get_permission
