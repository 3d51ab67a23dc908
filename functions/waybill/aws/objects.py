"""The work bucket's objects by signed requests of our own, under boto3's names: boto3 takes a tenth of a second to come to life."""
# ruff: noqa: N803 - the arguments have the names that boto3 gives them

import hashlib
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from typing import Any

from waybill.aws import s3_replies
from waybill.aws.s3_engine import Core
from waybill.aws.signing import EMPTY_SHA256, quoted_path, quoted_query
from waybill.aws.wire import Reply
from waybill.counting import count
from waybill.files.storage import Page, Refusal, Refused

# What is larger is read as a stream, by boto3: of a manifest that is more than any has.
WHOLE = 8 * 1024 * 1024  # bytes
_CODES = {
    Refusal.MISSING: "NoSuchKey",
    Refusal.PRECONDITION: "PreconditionFailed",
    Refusal.CONFLICT: "ConditionalRequestConflict",
    Refusal.ARCHIVED: "InvalidObjectState",
    Refusal.DENIED: "AccessDenied",
    Refusal.INVALID: "InvalidRequest",
}
_RANGE_NOT_SATISFIABLE = 416


class Objects:
    """boto3's S3 client, as far as WorkBucket needs it often. All else is left to the true one, `boto`. Thread-safe.

    Refusals are ClientErrors; raises ServiceUnavailable and BucketUnavailable of our own.
    """

    def __init__(self, core: Core, *, boto: Callable[[], Any], whole: int = WHOLE) -> None:
        """`whole`: up to how many bytes an object is fetched at once."""
        self._core, self._boto, self._whole = core, boto, whole

    def __getattr__(self, name: str) -> Any:
        return getattr(self._boto(), name)

    def put_object(
        self, *, Bucket: str, Key: str, Body: bytes, ContentType: str, IfNoneMatch: str = "", **more: Any
    ) -> dict[str, Any]:
        """Whoever wants more than that said of the object is answered by boto3."""
        if more:
            condition = {"IfNoneMatch": IfNoneMatch} if IfNoneMatch else {}
            return dict(self._boto().put_object(Bucket=Bucket, Key=Key, Body=Body, ContentType=ContentType, **condition, **more))
        headers = {"content-type": ContentType} | ({"if-none-match": IfNoneMatch} if IfNoneMatch else {})
        reply = self._call("PutObject", "PUT", Bucket, Key, headers=headers, body=Body)
        return {"ETag": reply.headers.get("etag", "")}

    def get_object(self, *, Bucket: str, Key: str, IfMatch: str = "") -> dict[str, Any]:
        headers = {"range": f"bytes=0-{self._whole - 1}"} | ({"if-match": IfMatch} if IfMatch else {})
        reply = self._call("GetObject", "GET", Bucket, Key, headers=headers, fine=frozenset({200, 206, _RANGE_NOT_SATISFIABLE}))
        size = reply.headers.get("content-range", "").rpartition("/")[2]
        if reply.status == _RANGE_NOT_SATISFIABLE or (size and size != str(len(reply.body))):
            return dict(self._boto().get_object(Bucket=Bucket, Key=Key, **({"IfMatch": IfMatch} if IfMatch else {})))
        return {"Body": _Whole(reply.body), "ETag": reply.headers.get("etag", "")}

    def list_objects_v2(self, *, Bucket: str, Prefix: str, **more: Any) -> dict[str, Any]:
        """Whoever asks for more than the first page of a listing, or otherwise, is answered by boto3."""
        page: Page | None = None
        if not more:
            query = quoted_query({"encoding-type": "url", "list-type": "2", "prefix": Prefix})
            page = s3_replies.page(self._call("ListObjectsV2", "GET", Bucket, "", query=query))
        if page is None or not page.complete:
            return dict(self._boto().list_objects_v2(Bucket=Bucket, Prefix=Prefix, **more))
        contents = [
            {"Key": key, "LastModified": facts.modified, "ETag": facts.etag, "Size": facts.size} for key, facts in page.objects
        ]
        return {"Contents": contents, "IsTruncated": False}

    def _call(
        self,
        action: str,
        method: str,
        bucket: str,
        key: str,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        fine: frozenset[int] = frozenset({200}),
    ) -> Reply:
        origin, prefix = self._core.place(bucket)
        try:
            return self._core.caller.call(
                origin,
                method,
                prefix + quoted_path(key),
                judge=lambda reply: None if reply.status in fine else s3_replies.fault(reply, action, bucket=bucket),
                query=query,
                headers=headers,
                body=body,
                payload=hashlib.sha256(body).hexdigest() if body else EMPTY_SHA256,
                each=lambda: count(f"s3 {action}"),
            )
        except Refused as error:
            from botocore.exceptions import ClientError

            raise ClientError({"Error": {"Code": _CODES[error.reason], "Message": str(error)}}, action) from error


class _Whole(BytesIO):
    """A body that is there, to be read as botocore's streams are."""

    def iter_lines(self, _chunk_size: int, *, keepends: bool = False) -> Iterator[bytes]:
        return iter(self.getvalue().splitlines(keepends))
