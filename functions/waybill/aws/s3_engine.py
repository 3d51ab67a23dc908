"""The object store on signed requests of our own, for what is called once per file; boto3 does the rest."""

import base64
import re
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from waybill.aws import s3_replies
from waybill.aws.caller import Caller, Patience
from waybill.aws.credentials import NoCredentials
from waybill.aws.places import elsewhere, regional
from waybill.aws.signing import Keys, Signer, quoted_path, quoted_query
from waybill.aws.transport import Http, Origin, Sender
from waybill.aws.wire import Reply
from waybill.counting import count
from waybill.errors import BucketUnavailable, WaybillError
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

if TYPE_CHECKING:
    from waybill.files.s3 import S3Store

# Throttled for longer, the driver gives way and tries again: its window is what calms S3 down, not one file's patience.
ATTEMPTS = 4

_LIST, _HEAD, COPY, _PUT = "s3 ListObjectsV2", "s3 HeadObject", "s3 CopyObject", "s3 PutObject"
_BUCKET = re.compile(r"[A-Za-z0-9._\-]{1,255}")
_VIRTUAL = re.compile(r"[a-z0-9][a-z0-9\-]{1,61}[a-z0-9]")  # a dot would not match the certificate


class Core:
    """What an engine's stores share: the caller, the addresses of buckets, and boto3's store, built when first asked for."""

    def __init__(
        self,
        *,
        region: str,
        credentials: Callable[[], Keys],
        sender: Sender,
        boto: "Callable[[], S3Store]",
        patience: Patience | None = None,
        origin: Origin | None = None,
    ) -> None:
        """`origin`: another address than AWS's, where buckets stand in the path."""
        self.caller = Caller(
            signer=Signer(service="s3", region=region),
            credentials=credentials,
            sender=sender,
            patience=patience or Patience(ATTEMPTS),
            hashes_header=True,
        )
        # Other means than connections, a test's or the local stack's, take a request at a time.
        self.networked = isinstance(sender, Http)
        self._elsewhere = origin or elsewhere("s3")
        self._regional = regional("s3", region)
        self._places: dict[str, tuple[Origin, str]] = {}
        self._make, self._made, self._making = boto, None, threading.Lock()

    _made: "S3Store | None"

    def place(self, bucket: str) -> tuple[Origin, str]:
        """Whom to ask for a bucket, and what stands in front of its keys."""
        place = self._places.get(bucket)
        if place is None:
            if not _BUCKET.fullmatch(bucket):
                raise Refused(Refusal.INVALID, f"{bucket!r} is no name of a bucket")
            if self._elsewhere is not None:
                place = self._elsewhere, f"/{bucket}/"
            elif _VIRTUAL.fullmatch(bucket):
                place = Origin(self._regional.scheme, f"{bucket}.{self._regional.host}"), "/"
            else:
                place = self._regional, f"/{bucket}/"
            self._places[bucket] = place
        return place

    def copy_headers(self, source: ObjectRef, *, if_match: str, tags: bool) -> dict[str, str]:
        """Those of a CopyObject that never overwrites and pins its source. Raises Refused."""
        self.place(source.bucket)  # refuses what is no name
        copy_source = f"{source.bucket}/{quote(source.key, safe='/~')}"
        if source.version_id:
            copy_source += f"?versionId={quote(source.version_id, safe='')}"
        return {
            "if-none-match": "*",
            "x-amz-copy-source": copy_source,
            "x-amz-copy-source-if-match": f'"{if_match}"',
            "x-amz-metadata-directive": "COPY",
            "x-amz-tagging-directive": "COPY" if tags else "REPLACE",
        }

    def boto(self) -> "S3Store":
        with self._making:  # boto3's sessions do not make clients under threads
            if self._made is None:
                self._made = self._make()
            return self._made


@dataclass(frozen=True, slots=True)
class EngineStore:
    """ObjectStore for many threads."""

    core: Core

    def list_page(self, bucket: str, *, prefix: str = "", start_after: str = "") -> Page:
        parameters = {"encoding-type": "url", "list-type": "2", "prefix": prefix, "start-after": start_after}
        pages: list[Page] = []

        def judge(reply: Reply) -> Exception | None:
            page = s3_replies.page(reply) if reply.status == 200 else None  # noqa: PLR2004 - HTTP's own number
            if page is None:
                return s3_replies.fault(reply, "ListObjectsV2", bucket=bucket)
            pages.append(page)
            return None

        headers = {"x-amz-optional-object-attributes": "RestoreStatus"}
        self._call(_LIST, "GET", bucket, "", query=quoted_query(parameters), headers=headers, judge=judge)
        return pages[-1]

    def head(self, ref: ObjectRef, *, checksum: bool = False) -> Head | None:
        query = quoted_query({"versionId": ref.version_id}) if ref.version_id else ""
        headers = {"x-amz-checksum-mode": "ENABLED"} if checksum else {}
        try:
            reply = self._call(
                _HEAD, "HEAD", ref.bucket, ref.key, query=query, headers=headers, judge=_unless_fine("HeadObject", ref.bucket)
            )
        except Refused as error:
            # A malformed version id is answered by 400 without a body.
            if error.reason is Refusal.MISSING or (error.reason is Refusal.INVALID and ref.version_id):
                return None
            raise
        return s3_replies.head(reply)

    def copy(self, source: ObjectRef, bucket: str, key: str, *, if_match: str, tags: bool) -> Written:
        """Sent again where a reply was lost, it meets its own work: 412, and the copier finds the same object there."""
        headers = self.core.copy_headers(source, if_match=if_match, tags=tags)
        found: list[Written] = []

        def judge(reply: Reply) -> Exception | None:
            said = copy_said(reply, bucket=bucket)
            if isinstance(said, Exception):
                return said
            found.append(said)
            return None

        self._call(COPY, "PUT", bucket, key, headers=headers, judge=judge)
        return found[-1]

    def put(self, bucket: str, key: str, body: bytes, *, content: Content, tags: Mapping[str, str], sha256: str) -> Written:
        condition = {"if-none-match": "*", "x-amz-sdk-checksum-algorithm": "SHA256", "x-amz-checksum-sha256": sha256}
        headers = _headers(content, tags) | condition
        if not all(name.isascii() and value.isascii() for name, value in headers.items()):
            return self._boto.put(bucket, key, body, content=content, tags=tags, sha256=sha256)
        reply = self._call(
            _PUT,
            "PUT",
            bucket,
            key,
            headers=headers,
            body=body,
            payload=base64.b64decode(sha256).hex(),
            judge=_unless_fine("PutObject", bucket),
        )
        return s3_replies.put(reply)

    def _call(
        self,
        kind: str,
        method: str,
        bucket: str,
        key: str,
        *,
        judge: Callable[[Reply], Exception | None],
        **request: object,
    ) -> Reply:
        origin, prefix = self.core.place(bucket)
        try:
            return self.core.caller.call(
                origin,
                method,
                prefix + quoted_path(key),
                judge=judge,
                each=lambda: count(kind),
                **request,  # type: ignore[arg-type]  # query, headers, body, payload
            )
        except NoCredentials as error:
            raise BucketUnavailable(str(error)) from error
        except ValueError as error:  # a header that would break its line, a key that is no Unicode
            raise Refused(Refusal.INVALID, f"{method} {bucket}: {error}") from error

    # What is called seldom, or carries many bytes.

    @property
    def _boto(self) -> "S3Store":
        return self.core.boto()

    def first_part_size(self, ref: ObjectRef) -> int | None:
        return self._boto.first_part_size(ref)

    def tags(self, ref: ObjectRef) -> Mapping[str, str] | None:
        return self._boto.tags(ref)

    def read(self, ref: ObjectRef, *, if_match: str | None = None) -> AbstractContextManager[Reading]:
        return self._boto.read(ref, if_match=if_match)

    def create_upload(self, bucket: str, key: str, *, content: Content, tags: Mapping[str, str], sha256: bool) -> Upload:
        return self._boto.create_upload(bucket, key, content=content, tags=tags, sha256=sha256)

    def upload_part(self, upload: Upload, number: int, body: bytes, *, sha256: str) -> Part:
        return self._boto.upload_part(upload, number, body, sha256=sha256)

    def copy_part(self, upload: Upload, number: int, source: ObjectRef, *, first: int, last: int, if_match: str) -> Part:
        return self._boto.copy_part(upload, number, source, first=first, last=last, if_match=if_match)

    def complete(self, upload: Upload, parts: tuple[Part, ...]) -> Written:
        return self._boto.complete(upload, parts)

    def list_parts(self, upload: Upload) -> tuple[Part, ...]:
        return self._boto.list_parts(upload)

    def abort(self, upload: Upload) -> None:
        self._boto.abort(upload)


def copy_said(reply: Reply, *, bucket: str) -> Written | WaybillError:
    """What a reply to a CopyObject means."""
    written = s3_replies.copied(reply) if reply.status == 200 else None  # noqa: PLR2004 - HTTP's own number
    return written or s3_replies.fault(reply, "CopyObject", bucket=bucket)


def _unless_fine(action: str, bucket: str) -> Callable[[Reply], Exception | None]:
    return lambda reply: None if reply.status == 200 else s3_replies.fault(reply, action, bucket=bucket)  # noqa: PLR2004


def _headers(content: Content, tags: Mapping[str, str]) -> dict[str, str]:
    given = {
        "content-type": content.type,
        "content-encoding": content.encoding,
        "content-disposition": content.disposition,
        "content-language": content.language,
        "cache-control": content.cache_control,
        "x-amz-tagging": urlencode(tags),
    }
    given |= {f"x-amz-meta-{name.lower()}": value for name, value in content.metadata.items()}
    return {name: value for name, value in given.items() if value}
