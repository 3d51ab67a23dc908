"""Stand-ins for S3: a source and destination by arithmetic behind ObjectStore, and a work bucket on disk under boto3's names."""
# ruff: noqa: N803 - the arguments have the names that DynamoDB and S3 give them

import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

from bench.corpus import Corpus
from waybill.files.domain import SourceFacts
from waybill.files.storage import Content, Head, ObjectRef, Page, Part, Reading, Upload, Written

PAGE = 1_000
Json = dict[str, Any]


class ArithmeticStore:
    """ObjectStore over a corpus: every source exists, every copy works, nothing is kept."""

    def __init__(self, corpus: Corpus, requests: Counter[str]) -> None:
        self._corpus, self._requests = corpus, requests

    def _count(self, kind: str) -> None:
        self._requests[kind] += 1  # a lost count among threads would be one in many thousands

    def _facts(self, number: int) -> SourceFacts:
        return SourceFacts(10_000 + number % 5_000, f"{number:032x}")

    def list_page(self, bucket: str, *, prefix: str = "", start_after: str = "") -> Page:
        self._count("s3 list")
        if bucket != self._corpus.bucket:
            return Page((), complete=True)
        found = list(islice(self._corpus.keys_from(prefix=prefix, start_after=start_after), PAGE + 1))
        objects = tuple((self._corpus.key(number), self._facts(number)) for number in found[:PAGE])
        return Page(objects, complete=len(found) <= PAGE)

    def head(self, ref: ObjectRef, *, checksum: bool = False) -> Head | None:
        del checksum
        self._count("s3 head")
        number = self._corpus.number(ref.key)
        return Head(self._facts(number), Content()) if number is not None else None

    def copy(self, source: ObjectRef, bucket: str, key: str, *, if_match: str, tags: bool) -> Written:
        del source, bucket, key, tags
        self._count("s3 copy")
        return Written(if_match)

    def first_part_size(self, ref: ObjectRef) -> int | None:
        _never(ref)

    def tags(self, ref: ObjectRef) -> Mapping[str, str] | None:
        _never(ref)

    def read(self, ref: ObjectRef, *, if_match: str | None = None) -> AbstractContextManager[Reading]:
        _never(ref, if_match)

    def put(self, bucket: str, key: str, body: bytes, *, content: Content, tags: Mapping[str, str], sha256: str) -> Written:
        _never(bucket, key, body, content, tags, sha256)

    def create_upload(self, bucket: str, key: str, *, content: Content, tags: Mapping[str, str], sha256: bool) -> Upload:
        _never(bucket, key, content, tags, sha256)

    def upload_part(self, upload: Upload, number: int, body: bytes, *, sha256: str) -> Part:
        _never(upload, number, body, sha256)

    def copy_part(self, upload: Upload, number: int, source: ObjectRef, *, first: int, last: int, if_match: str) -> Part:
        _never(upload, number, source, first, last, if_match)

    def complete(self, upload: Upload, parts: tuple[Part, ...]) -> Written:
        _never(upload, parts)

    def list_parts(self, upload: Upload) -> tuple[Part, ...]:
        _never(upload)

    def abort(self, upload: Upload) -> None:
        _never(upload)


def _never(*_: object) -> NoReturn:
    raise NotImplementedError("Files of these benches are small, and neither read nor written")


class DiskBucket:
    """A bucket under boto3's names, its objects as files. Thread-safe. `requests` counts what is asked."""

    def __init__(self, folder: Path, requests: Counter[str]) -> None:
        self._folder, self._requests = folder, requests
        self._uploads: dict[str, list[bytes]] = {}
        self._lock = threading.Lock()

    def put_object(self, *, Key: str, Body: bytes, IfNoneMatch: str = "", **_: Any) -> Json:
        self._requests["work put"] += 1
        path = self._path(Key)
        with self._lock:
            if IfNoneMatch and path.exists():
                raise _refused("PreconditionFailed", 412)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(Body)
        return {"ETag": '"0"'}

    def get_object(self, *, Key: str, **_: Any) -> Json:
        from botocore.response import StreamingBody

        self._requests["work get"] += 1
        path = self._path(Key)
        if not path.exists():
            raise _refused("NoSuchKey", 404)
        return {"Body": StreamingBody(path.open("rb"), path.stat().st_size)}

    def list_objects_v2(self, *, Prefix: str, **_: Any) -> Json:
        """Prefixes end in what keys are filed under, so that a listing need not look at all of them."""
        self._requests["work list"] += 1
        folder = self._path(Prefix + "x").parent
        names = sorted(path.name.replace("%", "/") for path in folder.iterdir()) if folder.exists() else []
        return {"Contents": [{"Key": name} for name in names if name.startswith(Prefix)], "IsTruncated": False}

    def create_multipart_upload(self, *, Key: str, **_: Any) -> Json:
        self._requests["work multipart"] += 1
        path = self._path(Key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(path.name + ".part").write_bytes(b"")
        return {"UploadId": Key}

    def upload_part(self, *, Key: str, Body: bytes, **_: Any) -> Json:
        self._requests["work multipart"] += 1
        path = self._path(Key)
        with path.with_name(path.name + ".part").open("ab") as out:  # parts come in order
            out.write(Body)
        return {"ETag": '"0"'}

    def complete_multipart_upload(self, *, Key: str, **_: Any) -> Json:
        self._requests["work multipart"] += 1
        path = self._path(Key)
        path.with_name(path.name + ".part").replace(path)
        return {}

    def abort_multipart_upload(self, *, Key: str, **_: Any) -> Json:
        self._path(Key + ".part").unlink(missing_ok=True)
        return {}

    def _path(self, key: str) -> Path:
        """In a folder of what stands before the last dash or slash, so that none holds thousands."""
        stem = key[: max(key.rfind("-"), key.rfind("/")) + 1]
        return self._folder / sha256(stem.encode()).hexdigest()[:16] / key.replace("/", "%")


def _refused(code: str, status: int) -> Exception:
    from botocore.exceptions import ClientError

    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Call")  # type: ignore[typeddict-item]
