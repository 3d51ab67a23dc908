"""The object store on boto3. Every vendor error ends here: nothing of botocore's leaves this module."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from waybill.counting import counted
from waybill.errors import ServiceUnavailable
from waybill.files import s3_results
from waybill.files.s3_errors import mapped
from waybill.files.storage import (
    MIB,
    Content,
    Credentials,
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
    from mypy_boto3_s3.client import S3Client

NEVER_OVERWRITE = "*"
ATTEMPTS = 5


def client(*, region: str, credentials: Credentials | None = None, role_arn: str | None = None, in_flight: int) -> "S3Client":
    """A client for `in_flight` threads and the parts of large files beside them. `role_arn`: it acts as that role."""
    config = Config(
        retries={"mode": "standard", "max_attempts": ATTEMPTS},
        max_pool_connections=in_flight + 32,
        connect_timeout=5,
        read_timeout=60,  # seconds between bytes: a long CopyObject sends white space meanwhile
        tcp_keepalive=True,
    )
    session = boto3.session.Session() if role_arn is None else as_role(role_arn)
    made: S3Client = session.client(
        "s3",
        region_name=region,
        config=config,
        aws_access_key_id=credentials.access_key_id if credentials else None,
        aws_secret_access_key=credentials.secret_access_key if credentials else None,
        aws_session_token=credentials.session_token if credentials else None,
    )
    return counted(made)


def as_role(role_arn: str) -> boto3.session.Session:
    """A session with the role's credentials, which botocore renews before they expire: a task outlives an hour."""
    own = get_session()
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=own.create_client,
        source_credentials=own.get_credentials(),
        role_arn=role_arn,
        extra_args={"RoleSessionName": "waybill"},
    )
    renewed = DeferredRefreshableCredentials(method="assume-role", refresh_using=fetcher.fetch_credentials)
    session = get_session()
    session._credentials = renewed  # type: ignore[attr-defined]  # noqa: SLF001 - no other way to hand over what renews itself
    return boto3.session.Session(botocore_session=session)


@dataclass(frozen=True, slots=True)
class S3Store:
    """ObjectStore on a boto3 client, which several threads may share."""

    client: "S3Client"

    def list_page(self, bucket: str, *, prefix: str = "", start_after: str = "") -> Page:
        # boto3 asks for url-encoded keys and decodes them: XML cannot carry every key.
        reply = self._call(
            "list_objects_v2",
            Bucket=bucket,
            Prefix=prefix,
            StartAfter=start_after,
            OptionalObjectAttributes=["RestoreStatus"],
        )
        objects = tuple((item["Key"], s3_results.listed(item)) for item in reply.get("Contents", ()))
        return Page(objects, complete=not reply["IsTruncated"])

    def head(self, ref: ObjectRef, *, checksum: bool = False) -> Head | None:
        arguments = _address(ref) | ({"ChecksumMode": "ENABLED"} if checksum else {})
        try:
            return s3_results.head(self._call("head_object", **arguments))
        except Refused as error:
            # A malformed version id is answered by 400 without a body.
            if error.reason is Refusal.MISSING or (error.reason is Refusal.INVALID and ref.version_id):
                return None
            raise

    def first_part_size(self, ref: ObjectRef) -> int | None:
        try:
            reply = self._call("head_object", **_address(ref), PartNumber=1)
        except Refused:
            return None
        return int(reply["ContentLength"]) if reply.get("PartsCount") else None

    def tags(self, ref: ObjectRef) -> Mapping[str, str] | None:
        try:
            reply = self._call("get_object_tagging", **_address(ref))
        except Refused as error:
            if error.reason is Refusal.DENIED:
                return None
            raise
        return {tag["Key"]: tag["Value"] for tag in reply["TagSet"]}

    def copy(self, source: ObjectRef, bucket: str, key: str, *, if_match: str, tags: bool) -> Written:
        reply = self._call(
            "copy_object",
            Bucket=bucket,
            Key=key,
            CopySource=_address(source),
            CopySourceIfMatch=_quoted(if_match),
            IfNoneMatch=NEVER_OVERWRITE,
            MetadataDirective="COPY",
            TaggingDirective="COPY" if tags else "REPLACE",
        )
        return s3_results.written(reply["CopyObjectResult"], reply)

    @contextmanager
    def read(self, ref: ObjectRef, *, if_match: str | None = None) -> Iterator[Reading]:
        arguments = _address(ref) | ({"IfMatch": _quoted(if_match)} if if_match else {})
        reply = self._call("get_object", **arguments)
        body = reply["Body"]
        try:
            yield Reading(s3_results.head(reply), _chunks(body), int(reply["ContentLength"]))
        finally:
            body.close()

    def put(self, bucket: str, key: str, body: bytes, *, content: Content, tags: Mapping[str, str], sha256: str) -> Written:
        reply = self._call(
            "put_object",
            Bucket=bucket,
            Key=key,
            Body=body,
            IfNoneMatch=NEVER_OVERWRITE,
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=sha256,
            **s3_results.headers(content, tags),
        )
        return s3_results.written(reply, reply)

    def create_upload(self, bucket: str, key: str, *, content: Content, tags: Mapping[str, str], sha256: bool) -> Upload:
        arguments = s3_results.headers(content, tags) | ({"ChecksumAlgorithm": "SHA256"} if sha256 else {})
        reply = self._call("create_multipart_upload", Bucket=bucket, Key=key, **arguments)
        return Upload(bucket, key, reply["UploadId"])

    def upload_part(self, upload: Upload, number: int, body: bytes, *, sha256: str) -> Part:
        reply = self._call(
            "upload_part",
            **_part(upload, number),
            Body=body,
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=sha256,
        )
        return Part(number, reply["ETag"], sha256)

    def copy_part(self, upload: Upload, number: int, source: ObjectRef, *, first: int, last: int, if_match: str) -> Part:
        reply = self._call(
            "upload_part_copy",
            **_part(upload, number),
            CopySource=_address(source),
            CopySourceRange=f"bytes={first}-{last}",
            CopySourceIfMatch=_quoted(if_match),
        )
        return Part(number, reply["CopyPartResult"]["ETag"])

    def complete(self, upload: Upload, parts: tuple[Part, ...]) -> Written:
        listed = [
            {"PartNumber": part.number, "ETag": part.etag} | ({"ChecksumSHA256": part.sha256} if part.sha256 else {})
            for part in parts
        ]
        reply = self._call(
            "complete_multipart_upload",
            Bucket=upload.bucket,
            Key=upload.key,
            UploadId=upload.id,
            MultipartUpload={"Parts": listed},
            IfNoneMatch=NEVER_OVERWRITE,
        )
        return s3_results.written(reply, reply)

    def list_parts(self, upload: Upload) -> tuple[Part, ...]:
        found: list[Part] = []
        marker = 0
        while True:
            reply = self._call(
                "list_parts",
                Bucket=upload.bucket,
                Key=upload.key,
                UploadId=upload.id,
                PartNumberMarker=marker,
            )
            found += [Part(part["PartNumber"], part["ETag"], size=int(part["Size"])) for part in reply.get("Parts", ())]
            if not reply.get("IsTruncated"):
                return tuple(found)
            marker = reply["NextPartNumberMarker"]

    def abort(self, upload: Upload) -> None:
        try:
            self._call("abort_multipart_upload", Bucket=upload.bucket, Key=upload.key, UploadId=upload.id)
        except Refused as error:
            if error.reason is not Refusal.MISSING:
                raise

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Calls boto3 (replies and arguments are its dicts), maps errors."""
        try:
            reply: dict[str, Any] = getattr(self.client, operation)(**arguments)
        except ClientError as error:
            raise mapped(error, bucket=str(arguments.get("Bucket", ""))) from error
        except BotoCoreError as error:
            raise mapped(error) from error
        return reply


def _chunks(body: Any) -> Iterator[bytes]:
    try:
        yield from body.iter_chunks(MIB)
    except (BotoCoreError, OSError) as error:
        raise mapped(error) if isinstance(error, BotoCoreError) else ServiceUnavailable(f"S3: {error}") from error


def _address(ref: ObjectRef) -> dict[str, Any]:
    return {"Bucket": ref.bucket, "Key": ref.key} | ({"VersionId": ref.version_id} if ref.version_id else {})


def _part(upload: Upload, number: int) -> dict[str, Any]:
    return {"Bucket": upload.bucket, "Key": upload.key, "UploadId": upload.id, "PartNumber": number}


def _quoted(etag: str) -> str:
    return f'"{etag}"'
