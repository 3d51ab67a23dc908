"""The engine's requests and what it makes of S3's answers. What all stores have in common is tested in unit/files/test_storage."""

from dataclasses import dataclass

import pytest

from tests.fakes.sender import FakeSender, xml
from waybill.aws.caller import Patience
from waybill.aws.credentials import NoCredentials, fixed
from waybill.aws.s3_engine import Core, EngineStore
from waybill.aws.signing import Keys
from waybill.aws.transport import NoReply, Origin
from waybill.aws.wire import Reply
from waybill.counting import counting
from waybill.errors import BucketUnavailable, ServiceUnavailable
from waybill.files.s3 import S3Store
from waybill.files.storage import Content, ObjectRef, Refusal, Refused
from waybill.files.streaming import sha256_of

SOURCE = ObjectRef("old-bucket", "a b+c/\u00fc.pdf", "v/1+")
ETAG = "d41d8cd98f00b204e9800998ecf8427e"
RESULT = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<CopyObjectResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    f"<LastModified>2026-11-21T12:00:00.000Z</LastModified><ETag>&quot;{ETAG}&quot;</ETag>"
    "<ChecksumCRC64NVME>abc=</ChecksumCRC64NVME><ChecksumType>FULL_OBJECT</ChecksumType></CopyObjectResult>"
).encode()


@dataclass
class Rig:
    store: EngineStore
    sender: FakeSender


def rig(*answers: Reply | NoReply, origin: Origin | None = None) -> Rig:
    sender = FakeSender(list(answers))

    def no_boto() -> S3Store:
        raise AssertionError("boto3 is not needed for this")

    core = Core(
        region="eu-central-1",
        credentials=fixed(Keys("AKIA", "secret")),
        sender=sender,
        boto=no_boto,
        patience=Patience(3, sleep=lambda _: None, chance=lambda: 0.0),
        origin=origin,
    )
    return Rig(EngineStore(core), sender)


def copy(made: Rig) -> object:
    return made.store.copy(SOURCE, "new-bucket", "k \u00fc", if_match="x-2", tags=False)


def refusal(made: Rig) -> Refusal:
    with pytest.raises(Refused) as caught:
        copy(made)
    return caught.value.reason


def test_a_copy_is_one_request_that_never_overwrites_and_pins_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    made = rig(Reply(200, {"x-amz-server-side-encryption": "aws:kms"}, b"  \n" + RESULT))
    with counting() as requests:
        written = made.store.copy(SOURCE, "new-bucket", "k \u00fc", if_match="x-2", tags=False)
    (sent,) = made.sender.sent
    assert (sent.method, sent.target, sent.body) == ("PUT", "/k%20%C3%BC", b"")
    assert sent.origin == Origin("https", "new-bucket.s3.eu-central-1.amazonaws.com")
    assert sent.headers["if-none-match"] == "*"
    assert sent.headers["x-amz-copy-source"] == "old-bucket/a%20b%2Bc/%C3%BC.pdf?versionId=v%2F1%2B"
    assert sent.headers["x-amz-copy-source-if-match"] == '"x-2"'
    assert (sent.headers["x-amz-metadata-directive"], sent.headers["x-amz-tagging-directive"]) == ("COPY", "REPLACE")
    assert (written.etag, written.checksum, written.etag_is_md5) == (ETAG, "CRC64NVME:abc=", False)
    assert written.modified is not None
    assert written.modified.isoformat() == "2026-11-21T12:00:00+00:00"
    assert requests.counts == {"s3 CopyObject": 1}


@pytest.mark.parametrize(
    ("bucket", "origin", "target"),
    [
        ("plain", Origin("https", "plain.s3.eu-central-1.amazonaws.com"), "/k"),
        ("with.dots", Origin("https", "s3.eu-central-1.amazonaws.com"), "/with.dots/k"),
        ("Old_Bucket", Origin("https", "s3.eu-central-1.amazonaws.com"), "/Old_Bucket/k"),
    ],
)
def test_a_bucket_is_asked_where_it_is(bucket: str, origin: Origin, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    made = rig(Reply(200, {}, b""))
    made.store.head(ObjectRef(bucket, "k"))
    assert (made.sender.sent[0].origin, made.sender.sent[0].target) == (origin, target)


@pytest.mark.parametrize("bucket", ["", "evil.example.com/", "a?b", "a b", "\u00fc", "a@b", "x" * 256, "a\r\nb"])
def test_what_is_no_name_of_a_bucket_goes_nowhere(bucket: str) -> None:
    made = rig(Reply(200, {}, RESULT))
    with pytest.raises(Refused):
        made.store.head(ObjectRef(bucket, "k"))
    with pytest.raises(Refused):
        made.store.copy(ObjectRef(bucket, "k"), "new-bucket", "k", if_match="x", tags=True)
    assert made.sender.sent == []


@pytest.mark.parametrize("code", ["InternalError", "SlowDown"])
def test_an_error_in_the_body_of_a_200_is_an_error(code: str) -> None:
    made = rig(Reply(200, {}, xml(code)))
    with counting() as requests, pytest.raises(ServiceUnavailable):
        copy(made)
    assert len(made.sender.sent) == requests.counts["s3 CopyObject"] == 3


@pytest.mark.parametrize("body", [b"", b"<", b"<html/>", b"<CopyObjectResult/>", b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + RESULT])
def test_a_200_that_does_not_tell_of_a_copy_is_none(body: bytes) -> None:
    made = rig(Reply(200, {}, body), Reply(200, {}, RESULT))
    with counting() as requests:
        copy(made)
    assert requests.counts["s3 CopyObject"] == 2


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (200, "PreconditionFailed", Refusal.PRECONDITION),
        (403, "AccessDenied", Refusal.DENIED),
        (403, "InvalidObjectState", Refusal.ARCHIVED),
        (409, "ConditionalRequestConflict", Refusal.CONFLICT),
        (412, "PreconditionFailed", Refusal.PRECONDITION),
        (404, "NoSuchKey", Refusal.MISSING),
        (400, "InvalidRequest", Refusal.INVALID),
    ],
)
def test_refusals_have_a_reason_and_are_not_tried_again(status: int, code: str, expected: Refusal) -> None:
    made = rig(Reply(status, {}, xml(code)))
    assert refusal(made) is expected
    assert len(made.sender.sent) == 1


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "InvalidAccessKeyId", BucketUnavailable),
        (403, "SignatureDoesNotMatch", BucketUnavailable),
        (400, "ExpiredToken", BucketUnavailable),
        (404, "NoSuchBucket", BucketUnavailable),
        (301, "PermanentRedirect", BucketUnavailable),
        (503, "SlowDown", ServiceUnavailable),
        (500, "InternalError", ServiceUnavailable),
        (429, "", ServiceUnavailable),
        (502, "", ServiceUnavailable),
        (400, "RequestTimeout", ServiceUnavailable),
        (403, "RequestTimeTooSkewed", ServiceUnavailable),
    ],
)
def test_what_concerns_more_than_one_object_is_raised(status: int, code: str, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        copy(rig(Reply(status, {}, xml(code) if code else b"<html>busy</html>")))


def test_the_bucket_that_is_gone_is_named() -> None:
    made = rig(Reply(404, {}, xml("NoSuchBucket", more="<BucketName>old-bucket</BucketName>")))
    with pytest.raises(BucketUnavailable, match="old-bucket cannot be used"):
        copy(made)


def test_a_bucket_in_another_region_says_where() -> None:
    made = rig(Reply(301, {"x-amz-bucket-region": "eu-west-3"}, b""))
    with pytest.raises(BucketUnavailable, match="eu-west-3"):
        made.store.head(SOURCE)


def test_a_lost_reply_is_asked_for_again_and_its_own_work_is_a_condition_that_failed() -> None:
    made = rig(NoReply("lost"), Reply(412, {}, xml("PreconditionFailed")))
    with counting() as requests:
        assert refusal(made) is Refusal.PRECONDITION
    assert requests.counts["s3 CopyObject"] == 2


def test_silence_is_an_outage() -> None:
    with pytest.raises(ServiceUnavailable):
        copy(rig(NoReply("silence")))


def test_head_tells_missing_from_denied_without_a_body() -> None:
    assert rig(Reply(404, {}, b"")).store.head(SOURCE) is None
    assert rig(Reply(405, {}, b"")).store.head(SOURCE) is None
    assert rig(Reply(400, {}, b"")).store.head(SOURCE) is None
    with pytest.raises(Refused) as caught:
        rig(Reply(403, {}, b"")).store.head(SOURCE)
    assert caught.value.reason is Refusal.DENIED


@pytest.mark.parametrize(
    ("headers", "archived"),
    [
        ({"x-amz-storage-class": "GLACIER"}, True),
        ({"x-amz-storage-class": "INTELLIGENT_TIERING", "x-amz-archive-status": "ARCHIVE_ACCESS"}, True),
        ({"x-amz-storage-class": "GLACIER", "x-amz-restore": 'ongoing-request="true"'}, True),
        ({"x-amz-storage-class": "GLACIER", "x-amz-restore": 'ongoing-request="false", expiry-date="x"'}, False),
        ({}, False),
    ],
)
def test_an_archived_object_is_told_apart_and_a_restored_one_is_not(headers: dict[str, str], archived: bool) -> None:
    head = rig(Reply(200, {"content-length": "5", "etag": '"x"', **headers}, b"")).store.head(SOURCE)
    assert head is not None
    assert head.facts.archived is archived


def test_a_head_is_read_whole() -> None:
    headers = {
        "content-length": "5", "etag": '"x"', "x-amz-version-id": "v1", "last-modified": "Sat, 21 Nov 2026 12:00:00 GMT",
        "x-amz-checksum-sha256": "abc=", "x-amz-checksum-type": "FULL_OBJECT", "x-amz-tagging-count": "2",
        "x-amz-server-side-encryption": "aws:kms", "content-type": "application/pdf", "x-amz-meta-owner": "me",
    }  # fmt: skip
    made = rig(Reply(200, headers, b""))
    head = made.store.head(ObjectRef("old-bucket", "k"), checksum=True)
    assert head is not None
    assert (head.facts.size, head.facts.etag, head.facts.version_id, head.facts.checksum) == (5, "x", "v1", "SHA256:abc=")
    assert head.facts.modified is not None
    assert head.facts.modified.isoformat() == "2026-11-21T12:00:00+00:00"
    assert (head.etag_is_md5, head.tag_count) == (False, 2)
    assert head.content == Content("application/pdf", metadata={"owner": "me"})
    assert made.sender.sent[0].headers["x-amz-checksum-mode"] == "ENABLED"


def test_a_checksum_of_parts_checksums_is_none() -> None:
    headers = {"etag": '"x-2"', "x-amz-checksum-crc32": "abc=-2", "x-amz-checksum-type": "COMPOSITE"}
    head = rig(Reply(200, headers, b"")).store.head(SOURCE)
    assert head is not None
    assert head.facts.checksum is None


def test_a_page_is_read_with_its_restored_objects() -> None:
    restored = (
        "<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress>"
        "<RestoreExpiryDate>2027-01-01T00:00:00.000Z</RestoreExpiryDate></RestoreStatus>"
    )
    body = (
        '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>true</IsTruncated>'
        "<EncodingType>url</EncodingType>"
        "<Contents><Key>a+b%2B%C3%BC</Key><Size>7</Size><ETag>&quot;x&quot;</ETag><StorageClass>GLACIER</StorageClass></Contents>"
        f'<Contents><Key>c</Key><Size>8</Size><ETag>"y"</ETag><StorageClass>GLACIER</StorageClass>{restored}</Contents>'
        "</ListBucketResult>"
    )
    made = rig(Reply(200, {}, body.encode()))
    with counting() as requests:
        page = made.store.list_page("old-bucket", prefix="a/", start_after="a/ \u00fc+")
    assert [(key, facts.size, facts.etag, facts.archived) for key, facts in page.objects] == [
        ("a b+\u00fc", 7, "x", True),
        ("c", 8, "y", False),
    ]
    assert not page.complete
    assert made.sender.sent[0].target.endswith("?encoding-type=url&list-type=2&prefix=a%2F&start-after=a%2F%20%C3%BC%2B")
    assert requests.counts == {"s3 ListObjectsV2": 1}


def test_a_put_sends_its_checksum_and_everything_that_belongs_to_it() -> None:
    made = rig(Reply(200, {"etag": '"x"', "x-amz-checksum-sha256": sha256_of(b"hi")}, b""))
    content = Content("application/pdf", "gzip", "inline", "de", "no-store", {"Owner": "me"})
    written = made.store.put("new-bucket", "k", b"hi", content=content, tags={"a": "b c"}, sha256=sha256_of(b"hi"))
    (sent,) = made.sender.sent
    assert (sent.headers["if-none-match"], sent.headers["x-amz-checksum-sha256"]) == ("*", sha256_of(b"hi"))
    assert (sent.headers["x-amz-tagging"], sent.headers["x-amz-meta-owner"]) == ("a=b+c", "me")
    assert (sent.headers["content-type"], sent.headers["cache-control"], sent.body) == ("application/pdf", "no-store", b"hi")
    assert (written.etag, written.checksum) == ("x", f"SHA256:{sha256_of(b'hi')}")


def test_a_key_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(Refused):
        rig(Reply(200, {}, RESULT)).store.head(ObjectRef("old-bucket", "\ud800"))


def test_without_credentials_no_bucket_can_be_used() -> None:
    def nobody() -> Keys:
        raise NoCredentials("none")

    core = Core(region="us-east-1", credentials=nobody, sender=FakeSender([]), boto=lambda: pytest.fail("not needed"))
    with pytest.raises(BucketUnavailable):
        EngineStore(core).head(SOURCE)
