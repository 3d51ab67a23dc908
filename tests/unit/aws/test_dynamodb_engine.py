"""DynamoDB's answers as the table sees them. What it stores and finds is tested in tests/contract."""

import json
import zlib

import pytest

from tests.fakes.sender import FakeSender
from waybill.aws.caller import Patience
from waybill.aws.credentials import fixed
from waybill.aws.dynamodb_engine import DynamoDB, DynamoDBError
from waybill.aws.signing import Keys
from waybill.aws.transport import NoReply, Origin
from waybill.aws.wire import Reply
from waybill.errors import ServiceUnavailable
from waybill.table import ConditionFailed, Table

FINE = Reply(200, {"x-amz-crc32": str(zlib.crc32(b"{}"))}, b"{}")


def fault(code: str, message: str = "m", *, status: int = 400, **more: object) -> Reply:
    document = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message, **more}
    return Reply(status, {"date": "Sat, 21 Nov 2026 12:00:00 GMT"}, json.dumps(document).encode())


def table(sender: FakeSender) -> Table:
    patience = Patience(3, sleep=lambda _: None, chance=lambda: 0.0)
    origin = Origin("https", "dynamodb.us-east-1.amazonaws.com")
    made = DynamoDB(region="us-east-1", credentials=fixed(Keys("A", "s")), sender=sender, patience=patience, origin=origin)
    return Table(client=made, name="waybill")


def test_a_put_is_one_small_request() -> None:
    sender = FakeSender([FINE])
    table(sender).put({"pk": "a", "sk": "\u00fc", "n": 1}, condition="attribute_not_exists(pk)")
    (sent,) = sender.sent
    assert (sent.method, sent.target, sent.headers["x-amz-target"]) == ("POST", "/", "DynamoDB_20120810.PutItem")
    assert json.loads(sent.body) == {
        "TableName": "waybill",
        "Item": {"pk": {"S": "a"}, "sk": {"S": "\u00fc"}, "n": {"N": "1"}},
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnConsumedCapacity": "TOTAL",
    }


def test_a_condition_that_fails_is_told_at_once() -> None:
    sender = FakeSender([fault("ConditionalCheckFailedException")])
    with pytest.raises(ConditionFailed):
        table(sender).put({"pk": "a"})
    assert len(sender.sent) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        fault("ProvisionedThroughputExceededException"),
        fault("ThrottlingException"),
        fault("InternalServerError", status=500),
        Reply(503, {}, b"<html>busy</html>"),
        NoReply("silence"),
        Reply(200, {"x-amz-crc32": "1"}, b"{}"),
    ],
)
def test_what_may_pass_is_tried_again_and_is_an_outage_in_the_end(trouble: Reply | NoReply) -> None:
    assert table(FakeSender([trouble, FINE])).get("a", "b") is None
    with pytest.raises(ServiceUnavailable):
        table(FakeSender([trouble])).put({"pk": "a"})


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [(["None", "ConditionalCheckFailed"], ConditionFailed), (["TransactionConflict", "None"], ServiceUnavailable)],
)
def test_a_transaction_that_is_cancelled_says_why(reasons: list[str], expected: type[Exception]) -> None:
    sender = FakeSender([fault("TransactionCanceledException", CancellationReasons=[{"Code": reason} for reason in reasons])])
    with pytest.raises(expected):
        table(sender).replace_moved(old=("a", "b"), new={"pk": "c"}, trace={"pk": "d"}, version=1)


def test_a_transaction_that_is_sent_again_is_the_same_one() -> None:
    sender = FakeSender([NoReply("lost"), FINE])
    table(sender).replace_moved(old=("a", "b"), new={"pk": "c"}, trace={"pk": "d"}, version=1)
    tokens = [json.loads(sent.body)["ClientRequestToken"] for sent in sender.sent]
    assert len(tokens) == 2
    assert len(set(tokens)) == 1


def test_a_mistake_of_ours_is_not_hidden() -> None:
    with pytest.raises(DynamoDBError, match="ValidationException"):
        table(FakeSender([fault("ValidationException")])).get("a", "b")


def test_a_signature_from_another_time_sets_the_clock() -> None:
    sender = FakeSender([fault("InvalidSignatureException", "Signature expired: 20250101 is now earlier than ..."), FINE])
    table(sender).put({"pk": "a"})
    assert sender.sent[1].headers["x-amz-date"].startswith("20261121T12000")
