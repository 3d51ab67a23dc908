"""One suite for every ObjectStore: the fake, boto3's and our own engine on moto with S3's conditions. Then what is boto3's alone."""

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from moto import mock_aws

from local.aws import conditional_copy
from local.aws.dispatch import Dispatcher
from local.aws.transport import InProcess
from tests.fakes.object_store import FakeObjectStore
from waybill.aws.credentials import fixed
from waybill.aws.s3_engine import Core, EngineStore
from waybill.aws.signing import Keys
from waybill.counting import counting
from waybill.errors import BucketUnavailable, ServiceUnavailable
from waybill.files.comparing import proof
from waybill.files.copying import copy_one
from waybill.files.domain import S3Location, SourceFacts, VerifiedBy
from waybill.files.jobs import CopyJob, CopyStatus, Limits, Tools
from waybill.files.s3 import S3Store, client
from waybill.files.storage import (
    MIB,
    Content,
    Credentials,
    ObjectRef,
    ObjectStore,
    Refusal,
    Refused,
    possible_key,
    store,
)
from waybill.files.streaming import sha256_of
from waybill.files.web import Web

CONTENT = Content("application/pdf", "gzip", "inline", "de", "no-store", {"owner": "a"})
ODD_KEYS = ["a+b c.pdf", "100%.pdf", "Übung/日本.pdf", "a//b", "quote'\"<&>", "tab\tkey", "~tilde"]
KEYS = Credentials("AKIAEXAMPLE", "secret")


@pytest.fixture(params=["fake", "boto3", "engine"])
def s3(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """A store with the buckets `old` and `new`."""
    if request.param == "fake":
        yield FakeObjectStore("old-bucket", "new-bucket")
        return
    with moto_store(monkeypatch) as made:
        yield made if request.param == "boto3" else engine(made)


def engine(boto: S3Store) -> EngineStore:
    """Our own, with boto3's for what it does not do itself."""
    return EngineStore(
        Core(
            region="us-east-1",
            credentials=fixed(Keys(KEYS.access_key_id, KEYS.secret_access_key)),
            sender=InProcess(Dispatcher()),
            boto=lambda: boto,
        )
    )


class moto_store:  # noqa: N801 - used like a function
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
        self._mock = mock_aws()

    def __enter__(self) -> S3Store:
        conditional_copy.install()
        self._mock.start()
        made = S3Store(client(region="us-east-1", credentials=KEYS, in_flight=4))
        for bucket in ("old-bucket", "new-bucket"):
            made.client.create_bucket(Bucket=bucket)
        return made

    def __exit__(self, *_: object) -> None:
        self._mock.stop()


def put(
    s3: ObjectStore, key: str, body: bytes = b"hello", *, tags: dict[str, str] | None = None, bucket: str = "old-bucket"
) -> str:
    return s3.put(bucket, key, body, content=CONTENT, tags=tags or {}, sha256=sha256_of(body)).etag


def read(s3: ObjectStore, bucket: str, key: str) -> bytes:
    with s3.read(ObjectRef(bucket, key)) as reading:
        body = b"".join(reading.chunks)
    assert reading.size == len(body)
    return body


def refused(action: Callable[[], object]) -> Refusal:
    with pytest.raises(Refused) as caught:
        action()
    return caught.value.reason


def test_what_was_put_is_found_and_read(s3: ObjectStore) -> None:
    etag = put(s3, "a.pdf")
    head = s3.head(ObjectRef("old-bucket", "a.pdf"), checksum=True)
    assert head is not None
    assert (head.facts.size, head.facts.etag, head.facts.storage_class) == (5, etag, "STANDARD")
    assert head.facts.checksum == f"SHA256:{sha256_of(b'hello')}"
    assert head.content == CONTENT
    assert head.etag_is_md5
    assert etag == hashlib.md5(b"hello").hexdigest()
    assert read(s3, "old-bucket", "a.pdf") == b"hello"


def test_what_is_not_there_is_none_or_missing(s3: ObjectStore) -> None:
    ref = ObjectRef("old-bucket", "none")
    assert s3.head(ref) is None
    assert refused(lambda: read(s3, "old-bucket", "none")) is Refusal.MISSING
    assert refused(lambda: s3.copy(ref, "new-bucket", "k", if_match="x", tags=True)) is Refusal.MISSING


def test_a_bucket_that_is_not_there_is_unavailable(s3: ObjectStore) -> None:
    etag = put(s3, "a")
    with pytest.raises(BucketUnavailable):
        s3.list_page("no-such-bucket")
    with pytest.raises(BucketUnavailable):
        s3.copy(ObjectRef("old-bucket", "a"), "no-such-bucket", "a", if_match=etag, tags=True)


def test_nothing_is_overwritten(s3: ObjectStore) -> None:
    etag = put(s3, "source", b"one")
    put(s3, "taken", b"two", bucket="new-bucket")
    assert refused(lambda: put(s3, "taken", b"three", bucket="new-bucket")) is Refusal.PRECONDITION
    source = ObjectRef("old-bucket", "source")
    assert refused(lambda: s3.copy(source, "new-bucket", "taken", if_match=etag, tags=True)) is Refusal.PRECONDITION
    upload = s3.create_upload("new-bucket", "taken", content=CONTENT, tags={}, sha256=True)
    part = s3.upload_part(upload, 1, b"four", sha256=sha256_of(b"four"))
    assert refused(lambda: s3.complete(upload, (part,))) is Refusal.PRECONDITION
    s3.abort(upload)
    assert read(s3, "new-bucket", "taken") == b"two"


def test_a_copy_is_pinned_to_its_source(s3: ObjectStore) -> None:
    put(s3, "a")
    assert refused(lambda: s3.copy(ObjectRef("old-bucket", "a"), "new-bucket", "a", if_match="0" * 32, tags=True)) is (
        Refusal.PRECONDITION
    )
    assert s3.head(ObjectRef("new-bucket", "a")) is None


@pytest.mark.parametrize("tags", [True, False])
def test_a_copy_takes_headers_metadata_and_tags_along(s3: ObjectStore, tags: bool) -> None:
    etag = put(s3, "a", tags={"kind": "a b=c"})
    written = s3.copy(ObjectRef("old-bucket", "a"), "new-bucket", "b", if_match=etag, tags=tags)
    head = s3.head(ObjectRef("new-bucket", "b"))
    assert head is not None
    assert (written.etag, written.etag_is_md5, head.content) == (etag, True, CONTENT)
    assert s3.tags(ObjectRef("new-bucket", "b")) == ({"kind": "a b=c"} if tags else {})


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys_go_through_everything_unchanged(s3: ObjectStore, key: str) -> None:
    etag = put(s3, key)
    assert [name for name, _ in s3.list_page("old-bucket").objects] == [key]
    assert s3.head(ObjectRef("old-bucket", key)) is not None
    s3.copy(ObjectRef("old-bucket", key), "new-bucket", key, if_match=etag, tags=True)
    assert read(s3, "new-bucket", key) == b"hello"


def test_a_listing_is_in_order_and_begins_where_it_is_told(s3: ObjectStore) -> None:
    for key in ("a/2", "b/1", "a/1", "a/3"):
        put(s3, key, key.encode())
    page = s3.list_page("old-bucket", prefix="a/", start_after="a/1")
    assert [(key, facts.size) for key, facts in page.objects] == [("a/2", 3), ("a/3", 3)]
    assert page.complete
    assert page.objects[0][1].etag == hashlib.md5(b"a/2").hexdigest()


def test_a_page_has_a_thousand_objects(s3: ObjectStore) -> None:
    for n in range(1001):
        put(s3, f"{n:04}", b"")
    page = s3.list_page("old-bucket")
    assert (len(page.objects), page.complete) == (1000, False)
    assert s3.list_page("old-bucket", start_after="0999").complete


def test_an_object_is_made_of_parts(s3: ObjectStore) -> None:
    first, second = b"a" * 5 * MIB, b"the rest"
    upload = s3.create_upload("new-bucket", "big", content=CONTENT, tags={"k": "v"}, sha256=True)
    parts = tuple(s3.upload_part(upload, n, body, sha256=sha256_of(body)) for n, body in ((1, first), (2, second)))
    written = s3.complete(upload, parts)
    head = s3.head(ObjectRef("new-bucket", "big"))
    assert head is not None
    assert (head.facts.size, head.facts.etag, head.content) == (len(first + second), written.etag, CONTENT)
    assert written.etag.endswith("-2")
    assert s3.first_part_size(ObjectRef("new-bucket", "big")) == 5 * MIB
    assert s3.tags(ObjectRef("new-bucket", "big")) == {"k": "v"}


def test_an_object_is_copied_in_parts(s3: ObjectStore) -> None:
    body = b"a" * 5 * MIB + b"the rest"
    etag = put(s3, "big", body)
    source = ObjectRef("old-bucket", "big")
    upload = s3.create_upload("new-bucket", "big", content=CONTENT, tags={}, sha256=False)
    assert refused(lambda: s3.copy_part(upload, 1, source, first=0, last=9, if_match="0" * 32)) is Refusal.PRECONDITION
    ends = ((0, 5 * MIB - 1), (5 * MIB, len(body) - 1))
    parts = tuple(s3.copy_part(upload, n, source, first=a, last=b, if_match=etag) for n, (a, b) in enumerate(ends, start=1))
    s3.complete(upload, parts)
    assert read(s3, "new-bucket", "big") == body


def test_the_copier_keeps_its_promises_on_every_store(s3: ObjectStore) -> None:
    tools = Tools(s3, Web(lambda *_: [], lambda _: pytest.fail("no network")), lambda _: None)
    facts = SourceFacts(5, put(s3, "a.pdf"))
    job = CopyJob("e", S3Location("old-bucket", "a.pdf"), facts, "new-bucket", ("a.pdf", "b.pdf"), deep=True)
    assert proof(facts, copy_one(job, tools)) is VerifiedBy.CONTENT
    assert copy_one(job, tools).status is CopyStatus.EXISTING
    changed = replace(job, facts=SourceFacts(5, "0" * 32))
    assert copy_one(replace(changed, keys=("c.pdf",)), tools).status is CopyStatus.SOURCE_CHANGED
    put(s3, "other.pdf", b"HELLO")
    other = replace(job, source=S3Location("old-bucket", "other.pdf"), facts=None)
    assert copy_one(other, tools).key == "b.pdf"
    assert copy_one(replace(job, source=S3Location("old-bucket", "x"), facts=None), tools).status is CopyStatus.SOURCE_MISSING
    streamed = copy_one(replace(job, keys=("d.pdf",)), replace(tools, source=s3))
    assert proof(facts, streamed) is VerifiedBy.CONTENT
    assert [key for key, _ in s3.list_page("new-bucket").objects] == ["a.pdf", "b.pdf", "d.pdf"]


@pytest.mark.parametrize("streamed", [False, True])
def test_the_copier_moves_large_objects_on_every_store(s3: ObjectStore, streamed: bool) -> None:
    body = b"a" * 5 * MIB + b"the rest"
    facts = SourceFacts(len(body), put(s3, "big", body))
    limits = Limits(copy_object=MIB, copy_part=5 * MIB, stream_part=5 * MIB)
    web = Web(lambda *_: [], lambda _: pytest.fail("no network"))
    tools = Tools(s3, web, lambda _: None, source=s3 if streamed else None, limits=limits)
    job = CopyJob("e", S3Location("old-bucket", "big"), facts, "new-bucket", ("big",))
    outcome = copy_one(job, tools)
    assert (outcome.status, outcome.etag[-2:]) == (CopyStatus.COPIED, "-2")
    assert proof(facts, outcome) is (VerifiedBy.CHECKSUM if streamed else VerifiedBy.S3_COPY)
    assert read(s3, "new-bucket", "big") == body
    assert copy_one(job, tools).status is CopyStatus.EXISTING


def test_an_upload_that_was_given_up_is_gone(s3: ObjectStore) -> None:
    upload = s3.create_upload("new-bucket", "big", content=CONTENT, tags={}, sha256=True)
    s3.upload_part(upload, 1, b"x", sha256=sha256_of(b"x"))
    s3.abort(upload)
    s3.abort(upload)
    if isinstance(s3, S3Store):
        assert "Uploads" not in s3.client.list_multipart_uploads(Bucket="new-bucket")
    assert s3.list_page("new-bucket").objects == ()


def test_parts_below_five_mebibytes_are_refused(s3: ObjectStore) -> None:
    upload = s3.create_upload("new-bucket", "big", content=CONTENT, tags={}, sha256=True)
    parts = tuple(s3.upload_part(upload, n, b"x", sha256=sha256_of(b"x")) for n in (1, 2))
    assert refused(lambda: s3.complete(upload, parts)) is Refusal.INVALID
    s3.abort(upload)


def test_requests_are_counted_by_kind(s3: ObjectStore) -> None:
    with counting() as requests:
        etag = put(s3, "a")
        s3.head(ObjectRef("old-bucket", "a"))
        s3.head(ObjectRef("old-bucket", "none"))
        s3.copy(ObjectRef("old-bucket", "a"), "new-bucket", "a", if_match=etag, tags=True)
        s3.list_page("old-bucket")
        read(s3, "old-bucket", "a")
    s3.list_page("old-bucket")
    assert requests.counts == {
        "s3 CopyObject": 1, "s3 GetObject": 1, "s3 HeadObject": 2, "s3 ListObjectsV2": 1, "s3 PutObject": 1
    }  # fmt: skip


# What is boto3's alone


def answering(status: int, body: bytes = b"") -> tuple[S3Store, list[object]]:
    """A store whose server answers `status` and `body`."""
    made = client(region="us-east-1", credentials=KEYS, in_flight=1)
    sent: list[object] = []

    class Raw(io.BytesIO):
        def stream(self, **_: object) -> Iterator[bytes]:
            yield self.read()

    def answer(request: object, **_: object) -> AWSResponse:
        sent.append(request)
        return AWSResponse("https://s3.amazonaws.com", status, {}, Raw(body))  # type: ignore[arg-type]

    made.meta.events.register("before-send.s3.*", answer)  # type: ignore[arg-type]
    return S3Store(made), sent


def xml(code: str) -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>m</Message></Error>".encode()


SOURCE = ObjectRef("old-bucket", "a")


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)


@pytest.mark.usefixtures("no_pause")
@pytest.mark.parametrize("code", ["InternalError", "SlowDown"])
def test_an_error_in_the_body_of_a_200_is_an_error(code: str) -> None:
    s3, sent = answering(200, xml(code))
    with counting() as requests, pytest.raises(ServiceUnavailable):
        s3.copy(SOURCE, "new-bucket", "a", if_match="x", tags=True)
    assert len(sent) == requests.counts["s3 CopyObject"] > 1


@pytest.mark.usefixtures("no_pause")
def test_a_condition_that_fails_in_the_body_of_a_200_is_a_condition_that_fails() -> None:
    s3, _ = answering(200, xml("PreconditionFailed"))
    assert refused(lambda: s3.copy(SOURCE, "new-bucket", "a", if_match="x", tags=True)) is Refusal.PRECONDITION


@pytest.mark.usefixtures("no_pause")
@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "AccessDenied", Refusal.DENIED),
        (403, "InvalidObjectState", Refusal.ARCHIVED),
        (409, "ConditionalRequestConflict", Refusal.CONFLICT),
        (412, "PreconditionFailed", Refusal.PRECONDITION),
        (404, "NoSuchKey", Refusal.MISSING),
        (404, "NoSuchUpload", Refusal.MISSING),
        (400, "InvalidRequest", Refusal.INVALID),
    ],
)
def test_refusals_have_a_reason(status: int, code: str, expected: Refusal) -> None:
    s3, _ = answering(status, xml(code))
    assert refused(lambda: s3.copy(SOURCE, "new-bucket", "a", if_match="x", tags=True)) is expected


@pytest.mark.usefixtures("no_pause")
@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "InvalidAccessKeyId", BucketUnavailable),
        (400, "ExpiredToken", BucketUnavailable),
        (404, "NoSuchBucket", BucketUnavailable),
        (503, "SlowDown", ServiceUnavailable),
        (500, "InternalError", ServiceUnavailable),
        (400, "RequestTimeout", ServiceUnavailable),
    ],
)
def test_what_concerns_more_than_one_object_is_raised(status: int, code: str, expected: type[Exception]) -> None:
    s3, _ = answering(status, xml(code))
    with pytest.raises(expected):
        s3.copy(SOURCE, "new-bucket", "a", if_match="x", tags=True)


@pytest.mark.usefixtures("no_pause")
def test_a_time_out_is_an_outage() -> None:
    made = client(region="us-east-1", credentials=KEYS, in_flight=1)

    def time_out(**_: object) -> None:
        raise ReadTimeoutError(endpoint_url="https://s3.amazonaws.com")

    made.meta.events.register("before-send.s3.*", time_out)
    with pytest.raises(ServiceUnavailable):
        S3Store(made).head(SOURCE)


@pytest.mark.usefixtures("no_pause")
def test_head_tells_missing_from_denied_without_a_body() -> None:
    assert answering(404)[0].head(SOURCE) is None
    assert answering(400)[0].head(ObjectRef("old-bucket", "a", "malformed")) is None
    assert refused(lambda: answering(403)[0].head(SOURCE)) is Refusal.DENIED


def test_an_archived_object_is_told_apart_and_a_restored_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with moto_store(monkeypatch) as s3:
        s3.client.put_object(Bucket="old-bucket", Key="cold", Body=b"x", StorageClass="GLACIER")
        ref = ObjectRef("old-bucket", "cold")
        head = s3.head(ref)
        assert head is not None
        assert head.facts.archived
        etag = head.facts.etag
        assert s3.list_page("old-bucket").objects[0][1].archived
        reason = refused(lambda: s3.copy(ref, "new-bucket", "cold", if_match=etag, tags=True))
        assert reason is Refusal.ARCHIVED
        s3.client.restore_object(Bucket="old-bucket", Key="cold", RestoreRequest={"Days": 1})
        head = s3.head(ref)
        assert head is not None
        assert not head.facts.archived


def test_an_object_under_kms_has_no_md5_for_an_etag(monkeypatch: pytest.MonkeyPatch) -> None:
    with moto_store(monkeypatch) as s3:
        s3.client.put_object(Bucket="old-bucket", Key="k", Body=b"x", ServerSideEncryption="aws:kms")
        head = s3.head(ObjectRef("old-bucket", "k"))
        assert head is not None
        assert not head.etag_is_md5


def test_one_version_is_found_and_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    with moto_store(monkeypatch) as s3:
        s3.client.put_bucket_versioning(Bucket="old-bucket", VersioningConfiguration={"Status": "Enabled"})
        old = s3.client.put_object(Bucket="old-bucket", Key="k", Body=b"old")
        s3.client.put_object(Bucket="old-bucket", Key="k", Body=b"new one")
        ref = ObjectRef("old-bucket", "k", old["VersionId"])
        head = s3.head(ref)
        assert head is not None
        assert head.facts.size == 3
        s3.copy(ref, "new-bucket", "k", if_match=old["ETag"].strip('"'), tags=True)
        assert read(s3, "new-bucket", "k") == b"old"
        s3.client.delete_object(Bucket="old-bucket", Key="k")
        assert s3.head(ObjectRef("old-bucket", "k")) is None


def test_the_factory_gives_an_engine_and_boto3_for_so_many_threads_behind_it() -> None:
    made = store(region="eu-central-1", credentials=KEYS, in_flight=50)
    assert isinstance(made, EngineStore)
    boto = made.core.boto()
    assert boto is made.core.boto()
    assert boto.client.meta.region_name == "eu-central-1"
    assert getattr(boto.client.meta.config, "max_pool_connections", 0) >= 50


def test_credentials_do_not_show_their_secret() -> None:
    assert "secret" not in repr(Credentials("AKIA", "secret", "secret-token"))


@pytest.mark.parametrize(
    ("key", "possible"), [("a", True), ("", False), ("x" * 1024, True), ("é" * 513, False), ("\ud800", False)]
)
def test_some_strings_can_be_no_key(key: str, possible: bool) -> None:
    assert possible_key(key) is possible
