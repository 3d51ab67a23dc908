"""The work bucket: manifests, plans, results and reports of runs, as JSON, JSON lines and CSV."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from pydantic_core import from_json, to_json

from waybill.errors import BucketUnavailable, ServiceUnavailable, WorkDamaged

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Row = dict[str, Any]
_CHUNK = 256 * 1024  # read at once; boto3 would take a kilobyte
_PART = 8 * 1024 * 1024
_TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412"})  # a condition on a put is not met
_READS = 3  # of an object whose body breaks off


def run_prefix(run_id: str) -> str:
    return f"runs/{run_id}/"


class WorkBucket:
    """Objects of one run are below `runs/<run id>/`. Thread-safe."""

    def __init__(self, *, client: "S3Client", bucket: str) -> None:
        self._client = client
        self.bucket = bucket

    def put(self, key: str, body: bytes, *, content_type: str = "application/json") -> None:
        self._call("put_object", Key=key, Body=body, ContentType=content_type)

    def put_new(self, key: str, body: bytes) -> bool:
        """Writes the object if there is none; False where there is one, which stays."""
        from botocore.exceptions import ClientError

        try:
            self._call("put_object", Key=key, Body=body, ContentType="application/json", IfNoneMatch="*")
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _TAKEN:
                return False
            raise
        return True

    def put_over(self, key: str, body: bytes, *, was: str, content_type: str, note: Mapping[str, str]) -> bool:
        """Writes the object in place of the one with the ETag `was`, empty for none; False where another stands there. `note`: its metadata."""
        from botocore.exceptions import ClientError

        condition = {"IfMatch": was} if was else {"IfNoneMatch": "*"}
        try:
            self._call("put_object", Key=key, Body=body, ContentType=content_type, Metadata=dict(note), **condition)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in {*_TAKEN, "NoSuchKey", "404"}:
                return False
            raise
        return True

    def head(self, key: str) -> dict[str, Any] | None:
        """`ETag`, `Metadata`, `ContentLength` of the object; None where there is none."""
        from botocore.exceptions import ClientError

        try:
            found: dict[str, Any] = self._call("head_object", Key=key)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in {"NoSuchKey", "404", "NotFound"}:
                return None
            raise
        return found

    def put_rows(self, key: str, rows: Iterable[Mapping[str, Any]]) -> None:
        self.put(key, to_lines(rows), content_type="application/jsonl")

    def put_new_rows(self, key: str, rows: Iterable[Mapping[str, Any]]) -> bool:
        return self.put_new(key, to_lines(rows))

    def get(self, key: str) -> bytes | None:
        """The object, whole: for manifests and plans, which are small. None where there is none. Raises ServiceUnavailable."""
        from botocore.exceptions import BotoCoreError

        for _ in range(_READS):
            body, _etag = self._open(key)
            if body is None:
                return None
            try:
                content: bytes = body.read()
            except BotoCoreError as error:  # not a fault of the call, which botocore would have repeated, but of the body
                broken = error
            else:
                return content
        raise _broken_off(key, broken) from broken

    def beginning(self, key: str, length: int) -> bytes:
        """At most so many bytes of an object from its beginning; none of one that is not there."""
        with self.stream(key) as body:
            return body.read(length) if body is not None else b""

    def copy(self, key: str, to: str) -> None:
        """Without tags, which the role may not read."""
        source = {"Bucket": self.bucket, "Key": key}
        self._call("copy_object", Key=to, CopySource=source, TaggingDirective="REPLACE")

    def rows(self, key: str) -> Iterator[Row]:
        """The rows of a JSON lines object of any size; none where there is no object. Raises ServiceUnavailable."""
        for number, line in enumerate(self._lines(key, keepends=False), 1):
            yield row_of(line, f"line {number} of {key}")

    def _lines(self, key: str, *, keepends: bool) -> Iterator[bytes]:
        """A body that breaks off is read again, and goes on behind the lines that were given."""
        from botocore.exceptions import BotoCoreError

        given, etag = 0, ""
        for _ in range(_READS):
            body, etag = self._open(key, etag)
            if body is None:
                return
            try:
                for line in islice(body.iter_lines(_CHUNK, keepends=keepends), given, None):
                    yield line
                    given += 1
            except BotoCoreError as error:
                broken = error
            else:
                return
        raise _broken_off(key, broken) from broken

    @contextmanager
    def stream(self, key: str, *, etag: str = "") -> Iterator["BinaryIO | None"]:
        """The object's bytes as they come, of any size; None where there is no object. Raises ServiceUnavailable, also while it is read.

        With `etag`, of that object only.
        """
        from botocore.exceptions import BotoCoreError

        body, _ = self._open(key, etag)
        if body is None:
            yield None
            return
        try:
            with body:
                yield body
        except BotoCoreError as error:
            raise _broken_off(key, error) from error

    def keys(self, prefix: str) -> Iterator[str]:
        return (key for key, _ in self.written(prefix))

    def written(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """The keys below `prefix`, in order, each with the time when its object was written."""
        token: dict[str, str] = {}
        while True:
            page = self._call("list_objects_v2", Prefix=prefix, **token)
            yield from ((entry["Key"], entry["LastModified"]) for entry in page.get("Contents", []))
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def folders(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """What stands between `prefix` and the next slash, with both, in order, behind `after`."""
        # The highest character: behind all that is in the folder itself.
        more: dict[str, str] = {"StartAfter": after + "\U0010ffff"} if after else {}
        while True:
            page = self._call("list_objects_v2", Prefix=prefix, Delimiter="/", **more)
            yield from (entry["Prefix"] for entry in page.get("CommonPrefixes", []) if entry["Prefix"] > after)
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def modified(self, prefix: str) -> str:
        """When the first object below `prefix` was written, to be sorted by; empty where there is none."""
        found = self._call("list_objects_v2", Prefix=prefix, MaxKeys=1).get("Contents", [])
        return str(found[0]["LastModified"].isoformat()) if found else ""

    def lines(self, key: str) -> Iterator[str]:
        """The lines of a text of any size, each with its end; none where there is no object. Raises ServiceUnavailable."""
        return (line.decode(errors="replace") for line in self._lines(key, keepends=True))

    def writer(self, key: str, *, content_type: str) -> "Writer":
        return Writer(self, key, content_type=content_type)

    def link(self, key: str, *, seconds: int) -> str:
        """A presigned URL for downloading the object."""
        return self._client.generate_presigned_url("get_object", Params={"Bucket": self.bucket, "Key": key}, ExpiresIn=seconds)

    def _open(self, key: str, etag: str = "") -> tuple[Any, str]:
        """An object's body, to be read, and its ETag; with `etag`, of that object only. None where there is none."""
        from botocore.exceptions import ClientError

        pinned = {"IfMatch": etag} if etag else {}
        try:
            reply = self._call("get_object", Key=key, **pinned)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code in {"NoSuchKey", "404"}:
                return None, ""
            if code in {"PreconditionFailed", "412"}:
                raise ServiceUnavailable(f"S3: {key} was written anew while it was read.") from None
            raise
        return reply["Body"], reply.get("ETag", "")

    def _call(self, method: str, **arguments: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client, method)(Bucket=self.bucket, **arguments)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in {"NoSuchBucket", "AccessDenied"}:
                raise BucketUnavailable(
                    f"The work bucket {self.bucket} cannot be used ({code}): check that it exists and the role."
                ) from None
            if code in {"SlowDown", "InternalError", "ServiceUnavailable", "503", "500"}:
                raise ServiceUnavailable(f"S3: {error}") from error
            raise
        except BotoCoreError as error:
            raise ServiceUnavailable(f"S3: {error}") from error


class Writer(AbstractContextManager["Writer"]):
    """Writes an object of any size with bounded memory; it appears whole when the block ends, or not at all."""

    def __init__(self, work: WorkBucket, key: str, *, content_type: str) -> None:
        self._work, self._key, self._type = work, key, content_type
        self._buffer = bytearray()
        self._upload: str | None = None
        self._parts: list[dict[str, Any]] = []

    def write(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= _PART:
            self._flush()

    def _flush(self) -> None:
        if self._upload is None:
            self._upload = self._work._call("create_multipart_upload", Key=self._key, ContentType=self._type)["UploadId"]  # noqa: SLF001
        number = len(self._parts) + 1
        reply = self._work._call(  # noqa: SLF001
            "upload_part", Key=self._key, UploadId=self._upload, PartNumber=number, Body=bytes(self._buffer)
        )
        self._parts.append({"PartNumber": number, "ETag": reply["ETag"]})
        self._buffer.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._upload is None:
            if kind is None:
                self._work.put(self._key, bytes(self._buffer), content_type=self._type)
        elif kind is None:
            if self._buffer:
                self._flush()
            self._work._call(  # noqa: SLF001
                "complete_multipart_upload", Key=self._key, UploadId=self._upload, MultipartUpload={"Parts": self._parts}
            )
        else:
            self._work._call("abort_multipart_upload", Key=self._key, UploadId=self._upload)  # noqa: SLF001


def _broken_off(key: str, error: Exception) -> ServiceUnavailable:
    return ServiceUnavailable(f"S3: the body of {key} broke off: {error}")


def row_of(line: bytes, where: str) -> Row:
    """A line of a JSON lines object. Raises WorkDamaged, which says `where`."""
    try:
        row = from_json(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise WorkDamaged(f"{where} is no JSON object: it is not what Waybill wrote there.")
    return row


def to_lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    # pydantic's serializer takes a quarter of json's time, and rows are written and read several times per file.
    return b"".join([to_json(row) + b"\n" for row in rows])


# What makes a spreadsheet compute, at a cell's beginning (blanks and invisible characters before it do not help), or behind what
# ends a cell where the separator is another one than ours. Their full-width forms count in East Asian settings.
_COMPUTES = re.compile(r"""(?:\A|[;\t\r\n])[\s"'\u200b-\u200f\u2060\ufeff]*(?=[=+\-@\uff1d\uff0b\uff0d\uff20])""")
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def safe_cell(value: str) -> str:
    """A value for a spreadsheet: an apostrophe stands before what would be taken for a formula, and control characters are shown as �."""
    return _COMPUTES.sub(lambda found: f"{found[0]}'", _UNSEEN.sub("�", value))
