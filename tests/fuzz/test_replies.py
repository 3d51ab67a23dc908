"""What AWS's services answer, and what stands in our own bucket: nobody's to write but theirs and ours, and read as if it were not."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.sender import FakeSender
from tests.fuzz.fuzzing import BOUNDED, hostile, parsed
from waybill.aws import s3_replies
from waybill.aws.caller import Patience
from waybill.aws.credentials import fixed
from waybill.aws.dynamodb_engine import DynamoDB, DynamoDBError
from waybill.aws.signing import Keys
from waybill.aws.wire import BrokenOff, Malformed, Reply, read_reply
from waybill.errors import WaybillError
from waybill.files.manifest import ManifestRow
from waybill.runs.work import row_of

_AT_ONCE = Patience(2, sleep=lambda _: None, chance=lambda: 0.0)
BOMB = b'<!DOCTYPE a [<!ENTITY x "ha">%s]><Error><Code>&x9;</Code></Error>' % b"".join(
    b'<!ENTITY x%d "%s">' % (n, b"&x%s;" % (b"%d" % (n - 1) if n else b"") * 10) for n in range(10)
)


@BOUNDED
@given(hostile("s3_replies"), st.sampled_from([200, 403, 404, 500]), st.sampled_from(["utf-8", "utf-16", "cp037"]))
def test_a_reply_of_s3_is_read_or_is_none(text: str, status: int, encoding: str) -> None:
    body = text.encode(encoding, errors="replace")
    reply = Reply(status, {}, body)
    parsed(lambda: s3_replies.copied(reply))
    parsed(lambda: s3_replies.page(reply))
    assert isinstance(s3_replies.fault(reply, "CopyObject", bucket="b"), WaybillError)


@BOUNDED
@given(
    st.dictionaries(
        st.sampled_from(["content-length", "last-modified", "etag", "x-amz-tagging-count", "x-amz-checksum-crc32"]),
        hostile("headers"),
    )
)
def test_the_headers_of_s3_are_facts_or_an_error_of_ours(headers: dict[str, str]) -> None:
    parsed(lambda: s3_replies.head(Reply(200, headers, b"")))
    parsed(lambda: s3_replies.put(Reply(200, headers, b"")))


def test_no_entity_is_ever_expanded_in_whatever_encoding_it_comes() -> None:
    for body in (BOMB, BOMB.decode().encode("utf-16"), b"<?xml version='1.0' encoding='cp037'?>" + BOMB.decode().encode("cp037")):
        assert s3_replies.parsed(body) is None


@BOUNDED
@given(hostile("dynamodb"), st.sampled_from([200, 400, 500]))
def test_a_reply_of_dynamodb_is_an_object_or_an_error(text: str, status: int) -> None:
    sender = FakeSender([Reply(status, {}, text.encode(errors="replace"))])
    client = DynamoDB(region="us-east-1", credentials=fixed(Keys("A", "s")), sender=sender, patience=_AT_ONCE)
    try:
        assert isinstance(client.get_item(TableName="t", Key={}), dict)
    except (WaybillError, DynamoDBError) as error:
        assert str(error)


@BOUNDED
@given(hostile("headers"), hostile("s3_replies"))
def test_bytes_that_are_no_http_are_refused_by_name(head: str, body: str) -> None:
    sent = [f"HTTP/1.1 200 OK\r\ncontent-length: {head}\r\n\r\n{body}".encode(errors="replace"), b""]
    try:
        read_reply(lambda: sent.pop(0) if sent else b"", method="GET")
    except (BrokenOff, Malformed) as error:
        assert str(error)


@BOUNDED
@given(hostile("manifest") | hostile("json_lines"))
def test_a_line_of_a_manifest_is_a_row_or_damaged(text: str) -> None:
    row = parsed(lambda: row_of(text.encode(errors="replace"), "line 1 of a manifest"))
    if row is not None:
        made = parsed(lambda: ManifestRow.from_json(row))
        assert made is None or json.loads(json.dumps(made.to_json()))
